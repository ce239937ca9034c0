"""The benchmark of builds runs anywhere: smallest sizes, and no peers but those that are there."""

import json
import subprocess
import sys

import pytest

MEGABYTES = 0.03


@pytest.fixture
def bench(repository, tmp_path):
    """Runs sections in the smallest size; returns what was printed and the numbers."""

    def run(*arguments):
        numbers = tmp_path / "numbers.json"
        script = repository / "benchmarks/build.py"
        command = [sys.executable, script, "--megabytes", str(MEGABYTES), "--runs", "1"]
        done = subprocess.run(
            [*command, "--json", numbers, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, json.loads(numbers.read_text())

    return run


@pytest.fixture
def without_peers(monkeypatch, tmp_path):
    """Hides the peers' libraries, so that they count as missing wherever the test runs."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "found = util.find_spec\n"
        "hidden = {'datasets', 'fastokens', 'streaming', 'transformers', 'trl'}\n"
        "util.find_spec = lambda name, *rest: None if name in hidden else found(name, *rest)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hidden"))


def test_cold_builds_are_measured_where_no_peer_is_installed(bench, without_peers):
    """Missing peers are named, one a line, and what is there is compared on equal tokens."""
    printed, numbers = bench("cold")

    cold = numbers["cold"]
    ours = cold["pipelines"]["taskc, reference"]
    engine = cold["pipelines"]["tokenizers"]
    assert "datasets: skipped, not installed: datasets, transformers, trl\n" in printed
    assert "mds: skipped, not installed: transformers, streaming\n" in printed
    left_out = {line.split(":")[0] for line in cold["skipped"]}
    assert left_out == {
        "taskc, fast",
        "taskc, fast, one process",
        "datasets",
        "fastokens",
        "mds",
        "fastokens-raw",
    }
    is_whole = engine["tokens"] < ours["tokens"] <= engine["tokens"] + cold["rows"]
    assert is_whole, "a build's tokens are those of the texts, and one end an example"
    assert 0.5 < ours["fill"] <= 1.0
    assert 0 < ours["start_cpu_s"]
    assert {"least", "whole", "work", "target", "peer", "ours"} == set(cold["targets"][0])


def test_an_unknown_section_names_those_that_there_are(repository):
    """A typing mistake costs a line, not a measurement of something else."""
    script = repository / "benchmarks/build.py"
    done = subprocess.run(
        [sys.executable, script, "colt"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "no section colt; there are: cold, size," in done.stderr


@pytest.mark.slow
def test_every_section_runs(bench, without_peers):
    """Each section gives its numbers in the smallest size."""
    printed, numbers = bench("size", "stages", "warm", "growth", "memory")

    assert "bytes" in numbers["size"]
    assert sum(numbers["stages"]["training"]["self"].values()) > 0
    assert numbers["warm"]["12 settings"] > numbers["warm"]["first of 12 settings"]
    assert [each["rows"] for each in numbers["growth"]] == sorted(
        each["rows"] for each in numbers["growth"]
    )
    assert numbers["memory"]["large"]["rows"] > 8 * numbers["memory"]["small"]["rows"]
    assert printed.count("met") + printed.count("MISSED") == 2
