"""What each feature costs: every name in the tables stands for something, and every spec checks."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import taskc
from taskc.dsl.errors import has_errors

ROW = {"definition": "Add.", "input": "1 and 1", "output": "2"}


@pytest.fixture
def benchmarks(repository, monkeypatch):
    """The folder whose modules can be imported meanwhile."""
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    return repository / "benchmarks"


@pytest.fixture
def bench(benchmarks, repository, tmp_path):
    """Gives projects of the smallest rows."""
    from project import Project

    tokenizer = repository / "examples/quickstart/tokenizer/tokenizer.json"

    class Bench:
        def project(self, name, **settings):
            return Project(
                folder=tmp_path / name, tokenizer=tokenizer, eos="<|endoftext|>", **settings
            )

    return Bench()


def test_every_feature_is_a_spec_that_checks(bench, tmp_path):
    """Each changes the plain spec, so that no figure is of a build that is like the plain one."""
    import features

    rows = tmp_path / "rows"
    rows.mkdir()
    for split in ("train", "dev"):
        (rows / f"{split}.jsonl").write_text(json.dumps(ROW) + "\n", encoding="utf-8")
    specs = {}
    for feature in features.FEATURES:
        with features._project(bench, feature, rows) as project:
            specs[feature.name] = (project.folder / "rows.task").read_text(encoding="utf-8")
            found = taskc.check(project.folder)

        assert not has_errors(found), feature.name
    assert len(set(specs.values())) == len(features.FEATURES)
    assert {feature.over for feature in features.FEATURES} <= specs.keys()


def test_what_a_part_names_is_there(benchmarks):
    """A module or function that was renamed would be charged to its caller's part, unseen."""
    import parts

    names = [name for own in parts.PARTS.values() for name in own]

    assert len(set(names)) == len(names)
    for name in names:
        module, _, function = name.partition(":")
        found = find_spec(f"taskc.{module}")

        assert found is not None, name
        assert not function or f"def {function}(" in Path(found.origin).read_text(), name


def test_time_goes_to_the_innermost_part(benchmarks):
    """A function goes before its module, whoever of the module it calls; others are inherited."""
    import parts

    def part(*calls):
        """Of a stack with these frames, the innermost first."""
        frame = None
        for call in reversed(calls):
            module, _, function = call.partition(":")
            code = type("Code", (), {"co_name": function})
            frame = type(
                "Frame", (), {"f_globals": {"__name__": module}, "f_code": code, "f_back": frame}
            )
        return parts._part(frame)

    fast, shaping = "taskc.compiler.turns.fast", "taskc.compiler.rows.shaping"

    assert part("numpy:take", f"{fast}:unproved", f"{fast}:encode") == "engine of the tokenizer"
    assert part("tokenizers:encode", f"{fast}:_compare") == "proofs of the faster engine"
    assert part("taskc.compiler.rows.values.functions:strip", f"{shaping}:let") == part(
        f"{shaping}:where"
    )
    assert part("importlib:_find_and_load", f"{fast}:unproved") == "start: modules"
    assert part("taskc.compiler.build:build", "__main__:<module>") == "the rest"


@pytest.mark.slow
def test_the_tables_are_printed(benchmarks, tmp_path):
    """Every part and feature has its line, and the parts are the whole."""
    numbers = tmp_path / "numbers.json"
    command = [sys.executable, benchmarks / "build.py", "features", "--megabytes", "0.03"]
    done = subprocess.run(
        [*command, "--runs", "1", "--json", numbers], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(numbers.read_text())["features"]
    parts = {name: cpu_s for name, cpu_s in found["parts"].items() if name != "cpu_s"}
    assert sum(parts.values()) == pytest.approx(found["parts"]["cpu_s"])
    assert parts["start: modules"] > 0
    for name in (*parts, *found["features"]):
        assert f"\n| {name} | " in done.stdout
