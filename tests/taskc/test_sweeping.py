"""Sweeps: one artefact a value, in places of their own, with everything in common made once."""

import json
from collections import Counter

import pytest
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

import taskc
from taskc.api import build_each
from taskc.cli.entry import main
from taskc.compiler.store.objects import Store
from taskc.compiler.store.segments import Segment
from taskc.sweeping import Sweep, SweepError, plan_sweep
from taskc.workers import Workers

NUM_CLUSTERS = 12
SPEC = """language 1

param held_out: cluster? = none
param most:     int = 20
param even:     bool = false
param size:     choice(small, "very large") = "small"

schema sum { question: text  answer: int }
{sources}
template calculate for sum {{
  prompt ask: "What is {{question}}?" -> "{{answer}}"
  prompt equals: "{{question}} =" -> "{{answer}}"
  prompt so: "{{question}}, so" -> "{{answer}}"
}}

mixture sums {{
  from    all clusters
  holdout held_out
  rate    proportional(cap: most)
  fewshot 0..2
}}

tokenizer letters {{ from file("tokenizer.json")  eos "<eos>" }}

build sums {{
  mixture   sums
  tokenizer letters
  format    prompt_target(input: 80, target: 8, separator: eos, end: eos)
  pack      best_fit(length: 128)
  splits    train, dev
}}
"""
SOURCE = """
source s{n}: sum {{ from jsonl("s{n}.{{split}}.jsonl")  splits train, dev }}
cluster c{n} {{ sources s{n} }}
"""


def tokenizer_json():
    """A tokenizer that gives each printable ASCII character an id of its own."""
    vocab = {"<eos>": 0, "<unk>": 1} | {chr(code): code - 30 for code in range(32, 127)}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.add_special_tokens(["<eos>"])
    return tokenizer.to_str()


@pytest.fixture
def sums(tmp_path, monkeypatch):
    """A package with twelve clusters, in the working directory."""
    folder = tmp_path / "sums"
    folder.mkdir()
    (tmp_path / "taskc.toml").touch()
    sources = "".join(SOURCE.format(n=n) for n in range(NUM_CLUSTERS))
    head, rest = SPEC.split("{sources}")
    (folder / "sums.task").write_text(f"{head}{sources}{rest.format()}", encoding="utf-8")
    (folder / "tokenizer.json").write_text(tokenizer_json(), encoding="utf-8")
    for number in range(NUM_CLUSTERS):
        for split, first, count in (("train", 0, 25), ("dev", 500, 4)):
            rows = [
                {"question": f"{a} + {number}", "answer": a + number}
                for a in range(1_000 * number + first, 1_000 * number + first + count)
            ]
            lines = "".join(f"{json.dumps(row)}\n" for row in rows)
            (folder / f"s{number}.{split}.jsonl").write_text(lines, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return folder


def titles(found):
    """The plans of a sweep, as they are called."""
    return [plan.title for plan in found.plans]


def test_a_cluster_is_swept_over_all_that_can_be_named(sums):
    """One plan each, and the held-out sources are those of the cluster."""
    found = plan_sweep(["sums"], {}, Sweep("held_out"))

    assert titles(found) == [f"sums@held_out=c{n}" for n in range(NUM_CLUSTERS)]
    assert [plan.mixture.held_out_sources for plan in found.plans] == [
        (f"s{n}",) for n in range(NUM_CLUSTERS)
    ]
    assert found.checked.diagnostics == ()


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("even", (), ["sums@even=false", "sums@even=true"]),
        ("size", (), ["sums@size=small", "sums@size=very%20large"]),
        ("most", ("1", "2"), ["sums@most=1", "sums@most=2"]),
        ("held_out", ("c3", "none"), ["sums@held_out=c3", "sums@held_out=none"]),
    ],
)
def test_values_are_those_of_the_type_or_those_that_are_named(sums, name, values, expected):
    """A value that is no part of a file's name is escaped."""
    assert titles(plan_sweep(["sums"], {}, Sweep(name, values))) == expected


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("most", {}, "say which values `most` takes"),
        ("mots", {}, "there is no parameter `mots` to sweep"),
        ("even", {"even": "true"}, "`even` is set and swept"),
    ],
)
def test_what_can_not_be_swept_is_said(sums, name, params, words):
    """With the mend where there is one."""
    with pytest.raises(SweepError, match=words):
        plan_sweep(["sums"], params, Sweep(name))


def test_a_value_that_does_not_fit_leaves_the_others_to_be_planned(sums):
    """Its mistake is reported once, and the build that is not made is named."""
    found = plan_sweep(["sums"], {}, Sweep("most", ("3", "many", "4")))

    assert titles(found) == ["sums@most=3", "sums@most=4"]
    assert found.left_out == ("sums/sums@most=many",)
    assert [each.code for each in found.checked.diagnostics] == ["T0113"]


def test_a_package_without_the_parameter_is_planned_once(sums):
    """A sweep of many packages sweeps those that it is about."""
    other = sums.parent / "other"
    other.mkdir()
    text = (sums / "sums.task").read_text(encoding="utf-8")
    text = "\n".join(line for line in text.splitlines() if "held_out" not in line)
    (other / "other.task").write_text(text, encoding="utf-8")
    found = plan_sweep(["sums", "other"], {}, Sweep("held_out", ("c1", "c2")))

    assert [(plan.package, plan.title) for plan in found.plans] == [
        ("sums", "sums@held_out=c1"),
        ("other", "sums"),
        ("sums", "sums@held_out=c2"),
    ]


def test_an_importer_is_swept_with_what_it_imports(sums):
    """The parameter is another package's, and decides what is built here."""
    importer = sums.parent / "importer"
    importer.mkdir()
    (importer / "importer.task").write_text(
        'language 1\nimport "../sums"\n'
        "build ours {\n  mixture sums.sums\n  tokenizer sums.letters\n"
        "  format prompt_target(input: 80, target: 8, separator: eos, end: eos)\n"
        "  pack best_fit(length: 128)\n}\n",
        encoding="utf-8",
    )
    found = plan_sweep(["importer"], {}, Sweep("held_out", ("c1", "c2")))

    assert [plan.mixture.held_out for plan in found.plans] == [("c1",), ("c2",)]
    assert titles(found) == ["ours@held_out=c1", "ours@held_out=c2"]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("cluster own { sources mine }", ["all@unseen=own"]),
        ("", [f"all@unseen=sums.c{n}" for n in range(NUM_CLUSTERS)]),
    ],
)
def test_another_packages_clusters_are_swept_where_there_are_none(sums, own, expected):
    """Held out, they would take nothing from the mixtures of a package that has its own."""
    importer = sums.parent / "importer"
    importer.mkdir()
    (importer / "importer.task").write_text(
        'language 1\nimport "../sums"\nparam unseen: cluster? = none\n'
        f'source mine: sums.sum {{ from jsonl("mine.jsonl") }}\n{own}\n'
        "mixture everything { from all clusters  holdout unseen }\n"
        "build all {\n  mixture everything\n  tokenizer sums.letters\n"
        "  format prompt_target(input: 80, target: 8, separator: eos, end: eos)\n"
        "  pack best_fit(length: 128)\n}\n",
        encoding="utf-8",
    )
    found = plan_sweep(["importer"], {}, Sweep("unseen"))

    assert titles(found) == expected
    assert not found.checked.has_errors


def test_nothing_is_encoded_twice_over_twelve_values(sums):
    """Each pair of row and prompt once, whoever trains on it, evaluates it or shows it."""
    found = plan_sweep(["sums"], {}, Sweep("held_out"))
    each = list(build_each(found.plans, ["sums"], workers=Workers(jobs=1), store="store"))
    store = Store.open("store")
    keys = Counter()
    for family in sorted(path.name for path in (sums.parent / "store/v2/examples").glob("*/*")):
        for name in store.names("examples", family):
            segment = Segment.open(store, family, name)
            keys.update((family, bytes(key)) for key in segment.keys[segment.parts == 0])

    assert [built.diagnostics for built in each] == [[]] * NUM_CLUSTERS
    assert set(keys.values()) == {1}
    assert sum(built.work.num_encoded for built in each) == len(keys)
    assert max(built.work.num_encoded for built in each[2:]) < each[0].work.num_encoded / 4


def test_each_value_has_an_artefact_of_its_own(sums):
    """What differs is what the value decides; a plain build stands beside them."""
    swept = taskc.sweep("sums", "held_out", ["c0", "c1"])
    plain = taskc.build("sums")
    places = [artifact.path.as_posix() for artifact in swept.values()]

    assert list(swept) == ["c0", "c1"]
    assert places == ["artifacts/sums/sums@held_out=c0", "artifacts/sums/sums@held_out=c1"]
    assert [artifact.manifest.params["held_out"] for artifact in swept.values()] == ["c0", "c1"]
    assert plain.path.as_posix() == "artifacts/sums/sums"
    sources = {
        value: {share.name for share in artifact.manifest.mixture.sources}
        for value, artifact in swept.items()
    }
    assert sources["c0"] ^ sources["c1"] == {"s0", "s1"}


def test_a_sweep_of_one_value_is_the_build_with_it(sums):
    """The variant is a place and no content."""
    (swept,) = taskc.sweep("sums", "held_out", ["c2"]).values()
    plain = taskc.build("sums", params={"held_out": "c2"})

    assert swept.manifest.content_digest == plain.manifest.content_digest
    assert swept.manifest.digests == plain.manifest.digests


def test_a_build_that_fails_leaves_no_temporary_folder(sums, monkeypatch):
    """Not even to a caller who keeps the error."""
    spare = sums.parent / "spare"
    spare.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spare))
    (sums / "s1.train.jsonl").write_text('{"question": "1 + 1", "answer": "two"}\n')
    with pytest.raises(taskc.TaskcError) as kept:
        taskc.sweep("sums", "most", [1, 2], jobs=1)

    assert kept.value.diagnostics
    assert list(spare.iterdir()) == []


def test_the_command_line_sweeps_and_plans(sums):
    """`--sweep` is what the API does; what is done needs nothing more."""
    assert main(["build", "sums", "--sweep", "held_out=c0,c1", "--jobs", "1"]) == 0
    assert main(["plan", "sums", "--sweep", "held_out=c0,c1", "--jobs", "1"]) == 0
    assert main(["plan", "sums", "--sweep", "held_out=c0,c2", "--jobs", "1"]) == 2
    assert main(["build", "sums", "--sweep", "most"]) == 1
    assert main(["build", "sums", "--sweep", "most="]) == 64
    assert sorted(path.name for path in (sums.parent / "artifacts/sums").iterdir()) == [
        "sums@held_out=c0",
        "sums@held_out=c1",
    ]
