"""The driver: what is delivered, what the ledger says, and on what the content depends."""

import random
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
    "statement", ["fewshot 2", "templates all", "rate equal()", "require examples == 50"]
)
def test_what_has_no_engine_is_said_at_build(project, statement):
    """A statement is carried out or refused, never passed over."""
    spec = project().spec
    spec = (
        spec.replace("rate proportional(cap: 30)", statement)
        if statement.startswith("rate")
        else spec.replace("seed 3", f"{statement}\n  seed 3")
    )
    built = project(spec=spec).build()

    if statement == "rate equal()":
        assert built.diagnostics == []
    else:
        assert [finding.code for finding in built.diagnostics] == ["T0860"]


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
