"""Writing: what goes in comes out, to the byte where versions are equal; figures add up."""

import errno
import hashlib
import json
from dataclasses import replace

import pyarrow as pa
import pytest

from taskc.compiler import plan as plans
from taskc.compiler.writing import tables
from taskc.compiler.writing.place import OutputError
from taskc.dsl.errors import InternalError
from taskc.runtime.artifact import Ledger, LedgerEntry
from taskc.runtime.reader import open as open_artifact


def files_of(folder):
    """The bytes of every file, by path."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_equal_builds_give_equal_bytes(made, tmp_path):
    """No time, no path and no order of a set gets into a file."""
    evaluations = [made.evaluation_of("test", 2), made.evaluation_of("dev", 3)]
    one, other = (
        made.write_examples(tmp_path / name, made.seeded_examples(30), evaluations=evaluations)
        for name in ("one", "other")
    )

    assert files_of(one) == files_of(other)


def test_the_folder_holds_what_the_format_says(made, tmp_path):
    """The files of docs/artifact.md, and no other."""
    folder = made.write_examples(
        tmp_path / "tiny", made.seeded_examples(5), evaluations=[made.evaluation_of("dev", 1)]
    )

    assert list(files_of(folder)) == [
        "components.json",
        "eval/dev.parquet",
        "ledger.json",
        "manifest.json",
        "run.json",
        "tokenizer/tokenizer.json",
        "train/examples.parquet",
        "train/shard-00000.arrow",
    ]


def test_the_manifest_knows_every_other_file(made, tmp_path):
    """Sizes and SHA-256s are those of the bytes; run.json may change and answers for itself."""
    folder = made.write_examples(tmp_path / "tiny", made.seeded_examples(5))
    files = files_of(folder)
    manifest = json.loads(files.pop("manifest.json"))
    files.pop("run.json")
    expected = {
        name: {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    }

    assert expected == manifest["files"]


def test_many_shards_hold_what_one_holds(made, tmp_path):
    """Where a shard ends changes neither sequences nor content digest; no temporary file stays."""
    examples = made.seeded_examples(60)
    one = open_artifact(made.write_examples(tmp_path / "one", examples))
    many = open_artifact(made.write_examples(tmp_path / "many", examples, shard_bytes=128))
    many.verify()

    assert sum(name.endswith(".arrow") for name in many.manifest.files) > 3
    assert one.manifest.content_digest == many.manifest.content_digest
    assert [s.input_ids.tolist() for s in one["train"]] == [
        s.input_ids.tolist() for s in many["train"]
    ]


def test_a_shard_is_one_batch_of_plain_lists(made, tmp_path):
    """Other programs map it: Arrow stream, two-byte ids, the five columns, no nulls."""
    folder = made.write_examples(tmp_path / "tiny", made.seeded_examples(9))
    with pa.memory_map(str(folder / "train/shard-00000.arrow")) as source:
        (batch,) = list(pa.ipc.open_stream(source))

    assert {field.name: str(field.type) for field in batch.schema} == {
        "input_ids": "list<item: uint16>",
        "lengths": "list<item: int32>",
        "spans": "list<item: int32>",
        "example_ids": "list<item: uint32>",
        "source": "list<item: uint16>",
    }
    assert all(column.null_count == 0 for column in batch.columns)


@pytest.mark.parametrize(("vocab_size", "type_"), [(65_536, pa.uint16()), (65_537, pa.uint32())])
def test_ids_take_two_bytes_where_the_vocabulary_fits(made, tmp_path, vocab_size, type_):
    """The largest id survives on both sides of the border."""
    examples = [made.Example([0, vocab_size - 1, 3], [(1, 3)])]
    folder = made.write_examples(tmp_path / "tiny", examples, vocab_size=vocab_size)
    artifact = open_artifact(folder)
    (batch,) = artifact["train"].record_batches()

    assert batch.schema.field("input_ids").type.value_type == type_
    assert artifact["train"][0].input_ids.tolist() == [0, vocab_size - 1, 3]


def test_shares_say_what_was_asked_and_what_was_delivered(made, tmp_path):
    """By source and by cluster; a source of two clusters counts in both."""
    examples = [
        made.Example([1, 2, 3], [(1, 3)], 0),
        made.Example([1, 2], [(1, 2)], 0),
        made.Example([1, 2, 3, 4], [(2, 4)], 1),
    ]
    manifest = open_artifact(made.write_examples(tmp_path / "tiny", examples)).manifest
    ants, bees = manifest.mixture.sources
    insects, fliers = manifest.mixture.clusters

    assert (ants.asked, ants.rows, ants.examples, ants.tokens) == (0.75, 1, 2, 5)
    assert (ants.trained_tokens, ants.repeats) == (3, 2)
    assert (bees.asked, bees.rows, bees.examples, bees.trained_tokens) == (0.25, 1, 1, 2)
    assert (insects.asked, insects.examples, insects.tokens) == (1.0, 3, 9)
    assert (fliers.examples, fliers.repeats) == (1, 1)
    assert manifest.splits["train"].model_dump() == {
        "sequences": 1,
        "examples": 3,
        "tokens": 9,
        "trained_tokens": 5,
    }
    assert manifest.packing.fill == 9 / 16


def test_places_of_the_spec_stay_out_of_the_manifest(made, tmp_path):
    """A clause that moved by a line makes the same artefact."""
    place = plans.Place(path="a.task", start=0, end=1, line=1, column=1)
    separator = plans.TokenUse(name="eos", at=place)
    plan = made.plan_of(length=16, window=8)
    format_ = plan.format.model_copy(update={"separator": separator, "at": place})
    made.write_examples(
        tmp_path / "tiny",
        made.seeded_examples(3),
        plan=plan.model_copy(update={"format": format_}),
    )
    manifest = json.loads((tmp_path / "tiny" / "manifest.json").read_text())

    assert manifest["format"]["separator"] == {"name": "eos", "literal": ""}
    assert "a.task" not in json.dumps(manifest)


def test_an_empty_training_split_is_an_artefact(made, tmp_path):
    """A build for evaluation alone has no sequences and opens all the same."""
    folder = made.write_examples(tmp_path / "tiny", [], evaluations=[made.evaluation_of("dev", 2)])
    artifact = open_artifact(folder)
    artifact.verify()

    assert len(artifact["train"]) == 0
    assert len(artifact["dev"]) == 2
    assert list(artifact["train"].batches(_one_sequence())) == []


def _one_sequence():
    from taskc.runtime.schedule import sequences

    return sequences(1)


def test_a_new_artefact_replaces_the_old_one_whole(made, tmp_path):
    """No file of the old one stays behind, and nothing stands beside it."""
    place = tmp_path / "demo" / "tiny"
    made.write_examples(place, made.seeded_examples(9), evaluations=[made.evaluation_of("dev", 1)])
    made.write_examples(place, made.seeded_examples(4))

    assert "eval/dev.parquet" not in files_of(place)
    assert open_artifact(place).manifest.splits["train"].examples == 4
    assert [path.name for path in place.parent.iterdir()] == ["tiny"]


def test_a_folder_of_somebody_s_files_is_not_replaced(made, tmp_path):
    """A wrong `out` must not cost anybody a folder."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="a folder with other files"):
        made.write_examples(tmp_path, made.seeded_examples(3))

    assert files_of(tmp_path) == {"notes.txt": b"mine"}


def test_a_ledger_that_does_not_balance_is_not_written(made, tmp_path):
    """Silent loss is our bug, and it stops here."""
    examples = made.seeded_examples(3)
    entry = LedgerEntry(source="ants", split="train", read=5, delivered=3)
    facts = replace(made.facts_of(examples, vocab_size=100), ledger=Ledger(entries=(entry,)))
    with pytest.raises(InternalError, match="5 rows read, 3 accounted for"):
        made.write_examples(tmp_path / "tiny", examples, facts=facts)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("count", ["tokens", "trained_tokens"])
def test_figures_are_those_of_what_is_written(made, tmp_path, count):
    """What was counted when examples were made is counted again in the shards."""
    examples = [made.Example([1, 2, 3], [(0, 1)])]
    facts = made.facts_of(examples, vocab_size=100)
    ants = replace(facts.delivered["ants"], **{count: 2})
    with pytest.raises(InternalError, match="3 tokens, 1 of them trained, were written"):
        made.write_examples(
            tmp_path / "tiny", examples, facts=replace(facts, delivered={"ants": ants})
        )

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("after_bytes", [0, 500, 5_000])
def test_a_full_disk_is_said_and_leaves_nothing(made, tmp_path, monkeypatch, after_bytes):
    """In whichever file it is met; what stood there before stands there still."""
    before = files_of(made.write_examples(tmp_path / "tiny", made.seeded_examples(4)))
    write = tables.HashedFile.write

    def full(self, content):
        if self.tell() + memoryview(content).nbytes > after_bytes:
            raise OSError(errno.ENOSPC, "no space left on device")
        return write(self, content)

    monkeypatch.setattr(tables.HashedFile, "write", full)
    with pytest.raises(OutputError) as error:
        made.write_examples(tmp_path / "tiny", made.seeded_examples(400), shard_bytes=1_000)

    assert error.value.diagnostic.code == "T1020"
    assert files_of(tmp_path / "tiny") == before
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


@pytest.mark.parametrize("spans", [[(1, 1)], [(2, 3), (1, 2)], [(0, 2), (1, 3)], [(2, 4)]])
def test_spans_out_of_order_are_our_own_bug(made, tmp_path, spans):
    """Empty, unsorted, overlapping, or beyond their example: masks could not be trusted."""
    examples = [made.Example([1, 2, 3], [(0, 1)]), made.Example([1, 2, 3], spans)]
    with pytest.raises(InternalError, match="the spans of example 1"):
        made.write_examples(tmp_path / "tiny", examples)

    assert list(tmp_path.iterdir()) == []
