"""The driver: what is delivered, what the ledger says, and on what the content depends."""

import random
from collections import Counter
from pathlib import Path

import pyarrow.parquet
import pytest

from taskc.compiler.engines import local
from taskc.compiler.sequences.order import counts
from taskc.runtime.artifact import LEDGER, MANIFEST, Ledger, Manifest, load
from taskc.runtime.reader import open as open_artifact

TAKE = """mixture sums {
  take 12 from small
  take at most 200 from large
  seed 3
}
"""


def with_mixture(spec: str, mixture: str) -> str:
    """The spec with another mixture."""
    start = spec.index("mixture sums {")
    return spec[:start] + mixture + spec[spec.index("\ntokenizer letters") :]


def manifest(path: Path) -> Manifest:
    """The manifest of an artefact."""
    return load(Manifest, (path / MANIFEST).read_bytes(), MANIFEST)


def ledger(path: Path) -> Ledger:
    """The ledger of an artefact."""
    return load(Ledger, (path / LEDGER).read_bytes(), LEDGER)


def examples(path: Path) -> list[dict[str, object]]:
    """Where each training example came from, in the order of the stream."""
    return pyarrow.parquet.read_table(path / "train/examples.parquet").to_pylist()


def files(path: Path) -> dict[str, bytes]:
    """Every file of an artefact."""
    return {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}


def test_an_epoch_holds_each_source_up_to_its_cap(project):
    """min(n, cap) examples of each source, no row twice, prefixes as the stream says."""
    built = project().build()
    delivered = examples(built.path)
    names = [example["source"] for example in delivered]

    assert built.diagnostics == []
    assert (names.count("small"), names.count("large")) == (20, 30)
    assert len({example["row_id"] for example in delivered}) == 50
    for length in range(1, 51):
        assert [names[:length].count(name) for name in ("small", "large")] == counts(
            [20, 30], length
        )


def test_every_row_is_in_the_ledger(project):
    """Read = dropped + moved + not asked for + delivered, for every source and split."""
    entries = {(e.source, e.split): e for e in ledger(project().build().path).entries}

    assert ledger(project().build().path).balances()
    assert entries["small", "train"].delivered == 20
    assert entries["large", "train"].read == 100
    assert entries["large", "train"].moved == {"dev": 10}
    assert entries["large", "train"].delivered == 30
    assert entries["large", "train"].not_asked == 60
    assert entries["large", "dev"].delivered == 10


def test_a_row_that_falls_is_replaced_by_the_next(project):
    """Quotas count survivors: too long rows are dropped, and as many examples are delivered."""
    whole = project()
    rows = whole.files["large.jsonl"]
    for row in rows[::3]:
        row["question"] = "1" * 60
    path = project(files=whole.files).build().path
    entry = next(e for e in ledger(path).entries if (e.source, e.split) == ("large", "train"))

    assert entry.delivered == 30
    assert sum(drop.rows for drop in entry.dropped if drop.stage == "encode") > 0
    assert ledger(path).balances()


def test_content_does_not_depend_on_row_order(project, tmp_path):
    """Shuffled input files give the same content digest."""
    first = project()
    digest = manifest(first.build().path).content_digest
    shuffled = {
        name: random.Random(1).sample(rows, len(rows)) for name, rows in first.files.items()
    }

    assert manifest(project(files=shuffled).build(out="again").path).content_digest == digest


def test_bytes_do_not_depend_on_workers_or_folder(project, monkeypatch, tmp_path):
    """One worker or two, here or elsewhere: the same files."""
    one = files(project().build().path)
    monkeypatch.setattr(local, "MIN_ROWS_FOR_WORKERS", 0)
    monkeypatch.chdir(tmp_path)
    two = files(project(folder=Path("elsewhere")).build(jobs=2).path)

    assert two == one


def test_growing_a_total_only_adds(project):
    """The first examples of a longer mixture are those of the shorter one."""
    short = project().spec.replace("seed 3", "total 40 examples\n  seed 3")
    long = project().spec.replace("seed 3", "total 170 examples\n  seed 3")
    few = examples(project(spec=short).build(out="short").path)
    many = examples(project(spec=long).build(out="long").path)

    assert len(many) == 170
    assert many[:40] == few
    assert max(example["repetition"] for example in many) == 3


def test_a_total_in_tokens_is_the_shortest_prefix_that_reaches_it(project):
    """At least so many tokens, and not one example more."""
    spec = project().spec.replace("seed 3", "total 2_000 tokens\n  seed 3")
    path = project(spec=spec).build().path
    train = open_artifact(path)["train"]
    lengths = [
        length
        for sequence in train
        for length in (sequence.cu_seq_lens[1:] - sequence.cu_seq_lens[:-1]).tolist()
    ]

    assert sum(lengths) >= 2_000
    assert sum(lengths) - max(lengths) < 2_000


def test_takes_are_quotas_and_a_shortage_is_an_error(project):
    """`take N` delivers N or the build stops; `at most` delivers what there is."""
    spec = with_mixture(project().spec, TAKE)
    names = [example["source"] for example in examples(project(spec=spec).build().path)]
    short = project(spec=spec.replace("take 12", "take 21")).build(out="short")

    assert (names.count("small"), names.count("large")) == (12, 90)
    assert short.path is None
    assert [finding.code for finding in short.diagnostics] == ["T0851"]


def test_an_empty_source_is_an_error(project):
    """Nothing to train on is said, not skipped."""
    whole = project()
    whole.files["small.train.jsonl"] = []
    built = project(files=whole.files).build()

    assert built.path is None
    assert [finding.code for finding in built.diagnostics] == ["T0850"]


@pytest.mark.parametrize(
    ("rate", "share"), [("equal()", 0.5), ("shares({arithmetic: 1})", 20 / 110)]
)
def test_a_rate_is_carried_out(project, rate, share):
    """Equal weights, and a share that is divided by the rows of its sources."""
    spec = project().spec.replace("rate proportional(cap: 30)", f"rate {rate}\n  total 66 examples")
    delivered = examples(project(spec=spec).build().path)

    assert sum(each["source"] == "small" for each in delivered) == round(66 * share)


def test_what_is_required_is_held_against_what_is_delivered(project):
    """A build that delivers something else writes nothing; a sample is not held to it."""
    spec = project().spec.replace("seed 3", "require examples == 49\n  seed 3")
    wrong = project(spec=spec)
    built = wrong.build()

    assert [finding.code for finding in built.diagnostics] == ["T0855"]
    assert not (wrong.folder / "out").exists()
    assert wrong.build(sample=5).path is not None
    assert project(spec=spec.replace("49", "50")).build().path is not None


def test_rows_that_equal_a_held_out_one_are_not_trained_on(project):
    """In whatever split of theirs it stands; each is in the ledger, with the mixture's place."""
    held_out = """
source seen: sum { from jsonl("seen.{split}.jsonl")  splits train, dev }
cluster exams { sources seen }
"""
    spec = project().spec.replace("\ncluster", f"{held_out}\ncluster", 1)
    spec = spec.replace("rate proportional(cap: 30)", "holdout exams")
    whole = project(spec=spec)
    files = whole.files | {
        "seen.train.jsonl": whole.files["small.train.jsonl"][:3],
        "seen.dev.jsonl": whole.files["large.jsonl"][:80],
    }
    built = project(spec=spec, files=files).build()
    seen = {row["question"] for name in ("train", "dev") for row in files[f"seen.{name}.jsonl"]}
    kept = [row for row in files["small.train.jsonl"] if row["question"] not in seen]
    entries = {(e.source, e.split): e for e in ledger(built.path).entries}
    (dropped,) = entries["small", "train"].dropped

    assert {e["source"] for e in examples(built.path)} == {"small", "large"}
    assert entries["small", "train"].delivered == len(kept) == 17
    assert (dropped.stage, dropped.rows) == ("overlap", 3)
    assert entries["large", "train"].delivered <= 20


def test_nothing_is_done_twice(project):
    """A build of what has not changed does nothing, and says the same warnings again."""
    whole = project()
    first = whole.build()
    second = whole.build()
    (whole.folder / "out/arithmetic/sums/train/shard-00000.arrow").unlink()
    third = whole.build()

    assert (first.is_unchanged, second.is_unchanged, third.is_unchanged) == (False, True, False)
    assert second.diagnostics == first.diagnostics
    assert (first.work.num_encoded > 0, third.work.num_encoded) == (True, 0)
    assert third.changes == []


def test_a_changed_prompt_encodes_only_the_rows_that_choose_it(project):
    """The change is named with its place; every other example comes from the store."""
    before = project().build()
    chosen = [e for e in examples(before.path) if e["label"] == "equals"]
    after = project(spec=project().spec.replace('"{question} ="', '"{question} is"')).build()
    (change,) = after.changes

    assert change.name == "template calculate: prompt equals"
    rows_of_dev = 5 + 10
    assert after.work.num_encoded == len(chosen) + rows_of_dev


def test_evaluation_sets_hold_every_row_and_prompt(project):
    """Every row of the other splits with every prompt that is not turned around."""
    artifact = open_artifact(project().build().path)
    rows = list(artifact["dev"])

    assert len(rows) == (5 + 10) * 2
    assert {row["label"] for row in rows} == {"ask", "equals"}


def test_a_failed_build_leaves_the_old_artefact(project):
    """Output is there whole or not at all."""
    before = files(project().build().path)
    whole = project()
    whole.files["small.dev.jsonl"] = [{"question": "1 + 1", "answer": "two"}]
    again = project(files=whole.files).build()

    assert again.path is None
    assert files(whole.folder / "out/arithmetic/sums") == before


def test_a_build_may_only_evaluate(project):
    """Without `train` among its splits nothing is trained on, and all rows are accounted for."""
    spec = project().spec.replace("splits    train, dev", "splits    dev")
    built = project(spec=spec).build()

    assert built.diagnostics == []
    assert manifest(built.path).splits["dev"].examples == 30
    assert len(open_artifact(built.path)["train"]) == 0


def test_a_source_may_only_be_evaluated(project):
    """A source without a training split adds nothing to the stream and all to the evaluation."""
    spec = project().spec.replace("splits train, dev\n", "splits dev\n", 1)
    path = project(spec=spec).build().path

    assert {example["source"] for example in examples(path)} == {"large"}
    assert manifest(path).splits["dev"].examples == 30


def test_a_quota_is_repeated_and_not_widened(project):
    """`take 12` over three epochs is the same twelve rows three times, in other orders."""
    mixture = TAKE.replace("  take at most 200 from large\n", "").replace(
        "seed 3", "total 3 epochs\n  seed 3"
    )
    path = project(spec=with_mixture(project().spec, mixture)).build().path
    ids = [example["row_id"] for example in examples(path)]
    epochs = [ids[:12], ids[12:24], ids[24:]]

    assert [len(set(epoch)) for epoch in epochs] == [12, 12, 12]
    assert set(epochs[0]) == set(epochs[1]) == set(epochs[2])
    assert epochs[0] != epochs[1]
    assert ledger(path).balances()


def test_a_row_comes_by_several_of_its_prompts(project):
    """Every row once, by the prompt that it draws, before any comes by the next of its draws."""
    spec = project().spec.replace("rate proportional(cap: 30)", "templates 2")
    one = examples(project(spec=spec.replace("templates 2", "templates one")).build().path)
    built = project(spec=spec).build()
    two = examples(built.path)
    entries = {(e.source, e.split): e for e in ledger(built.path).entries}

    for source, num_rows in (("small", 20), ("large", 90)):
        own = [each for each in two if each["source"] == source]
        prompts = [each["label"] for each in own]
        ids = [each["row_id"] for each in own]
        first = {each["row_id"]: each["label"] for each in one if each["source"] == source}

        assert ids[:num_rows] == ids[num_rows:]
        assert dict(zip(ids, prompts[:num_rows], strict=False)) == first
        assert all(a != b for a, b in zip(prompts, prompts[num_rows:], strict=False))
        assert {each["repetition"] for each in own} == {0}
        assert entries[source, "train"].delivered == num_rows


def test_all_prompts_of_a_row_are_one_use_of_it(project):
    """`repeat at most 1` lets each row come by each prompt; n in min(n, cap) counts examples."""
    mixture = "templates all\n  repeat at most 1"
    spec = project().spec.replace("seed 3", f"{mixture}\n  seed 3")
    delivered = examples(project(spec=spec).build().path)
    everything = spec.replace("rate proportional(cap: 30)", "")
    whole = examples(project(spec=everything).build(out="whole").path)
    more = project(spec=everything.replace("seed 3", "total 331 examples\n  seed 3"))

    assert Counter(each["source"] for each in delivered) == {"small": 30, "large": 30}
    assert len(whole) == 3 * 110
    assert len({(each["row_id"], each["label"]) for each in whole}) == 3 * 110
    assert [finding.code for finding in more.build(out="more").diagnostics] == ["T0852"]
