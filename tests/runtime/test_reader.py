"""Reading: what was delivered comes back, damage is named, nothing heavy is loaded."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskc.runtime import artifact as format_
from taskc.runtime import reader
from taskc.runtime.artifact import ArtifactError
from taskc.runtime.reader import open as open_artifact

PACK = 16


@st.composite
def examples(draw, made):
    """An example with sorted, disjoint, non-empty spans."""
    ids = draw(st.lists(st.integers(0, 99), min_size=1, max_size=PACK))
    borders = draw(st.lists(st.integers(0, len(ids)), unique=True, max_size=6).map(sorted))
    spans = list(zip(borders[::2], borders[1::2], strict=False))
    return made.Example(ids, spans, draw(st.integers(0, 1)))


def masked(example):
    """The labels of an example as docs/artifact.md says: ids inside spans, but not the first."""
    trained = {i for start, end in example.spans for i in range(start, end)} - {0}
    return [id_ if i in trained else -100 for i, id_ in enumerate(example.ids)]


# ---- round trip --------------------------------------------------------------------------------


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_was_delivered_comes_back(made, tmp_path, data):
    """Ids, labels, positions, segments and bounds of every example, each exactly once."""
    stream = data.draw(st.lists(examples(made), max_size=30))
    folder = made.write_examples(tmp_path / "tiny", stream, length=PACK, window=8)
    artifact = open_artifact(folder)
    artifact.verify()
    seen = []
    for sequence in artifact["train"]:
        bounds = sequence.cu_seq_lens.tolist()
        for place, example_id in enumerate(sequence.examples.tolist()):
            inside = slice(bounds[place], bounds[place + 1])
            expected = stream[example_id]
            seen.append(example_id)

            assert expected.ids == sequence.input_ids[inside].tolist()
            assert masked(expected) == sequence.labels[inside].tolist()
            assert list(range(len(expected.ids))) == sequence.position_ids[inside].tolist()
            assert {place + 1} == set(sequence.segment_ids[inside].tolist())
        assert bounds[-1] == len(sequence) <= PACK
    assert sorted(seen) == list(range(len(stream)))


def test_a_sequence_has_the_types_torch_wants(folder):
    """64 bits for what indexes and labels, 32 for segments and bounds."""
    sequence = open_artifact(folder)["train"][0]

    assert [
        sequence.input_ids.dtype,
        sequence.labels.dtype,
        sequence.position_ids.dtype,
        sequence.examples.dtype,
    ] == [np.int64] * 4
    assert [sequence.segment_ids.dtype, sequence.cu_seq_lens.dtype] == [np.int32] * 2
    assert sequence.lengths.sum() == len(sequence)


def test_provenance_says_where_an_example_comes_from(made, tmp_path):
    """Row i of the table is example id i, in the stream's order."""
    stream = made.seeded_examples(7)
    artifact = open_artifact(made.write_examples(tmp_path / "tiny", stream))

    assert artifact.examples.to_pydict() == made.provenance_of(stream)


def test_evaluation_rows_come_back(folder, made):
    """In order, with every column."""
    dev = open_artifact(folder)["dev"]
    columns = made.evaluation_of("dev", 3).columns
    rows = [{name: values[i] for name, values in columns.items()} for i in range(3)]

    assert rows == list(dev)
    assert rows[-1] == dev[-1]
    assert rows[1:] == dev[1:]
    assert len(dev) == 3


def test_splits_are_indexed_like_lists(folder):
    """From the end, by slice, and with an error beyond."""
    artifact = open_artifact(folder)
    train = artifact["train"]
    ids = [sequence.input_ids.tolist() for sequence in train]

    assert ids[-1] == train[-1].input_ids.tolist()
    assert ids[2:9:3] == [sequence.input_ids.tolist() for sequence in train[2:9:3]]
    for split in (train, artifact["dev"]):
        with pytest.raises(IndexError):
            split[len(split)]
        with pytest.raises(IndexError):
            split[-len(split) - 1]
    with pytest.raises(KeyError, match="no split 'test', there are train, dev"):
        artifact["test"]


def test_the_blocks_of_a_run_and_the_tokenizer_are_there(made, tmp_path):
    """run.json, ledger.json and the tokenizer's folder."""
    from taskc.compiler.plan import RunSettings

    batch = ("sequences", {"0": 4})
    settings = {"recipe": ("plain", {"lr": 0.1, "batch": batch}), "splits": ["dev"], "seed": 1}
    block = RunSettings(kind="train", name="go", settings=settings)
    folder = made.write_examples(tmp_path / "tiny", made.seeded_examples(3), runs=[block])
    artifact = open_artifact(folder)
    called = {"call": "sequences", "arguments": {"0": 4}}

    assert [run.model_dump() for run in artifact.run.runs] == [
        {
            "kind": "train",
            "name": "go",
            "settings": {
                "recipe": {"call": "plain", "arguments": {"lr": 0.1, "batch": called}},
                "splits": ["dev"],
                "seed": 1,
            },
        }
    ]
    assert artifact.ledger.balances()
    assert (artifact.tokenizer / "tokenizer.json").read_bytes() == b"{}"


# ---- damage ------------------------------------------------------------------------------------


def flip(path, place):
    """Flips one bit."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "name",
    [
        "train/shard-00000.arrow",
        "train/examples.parquet",
        "eval/dev.parquet",
        "tokenizer/tokenizer.json",
        "ledger.json",
    ],
)
@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_one_flipped_bit_is_found_and_its_file_named(folder, name, share):
    """When it is opened, and when an open one is verified."""
    artifact = open_artifact(folder)
    flip(folder / name, int(share * (folder / name).stat().st_size))

    with pytest.raises(ArtifactError, match=name) as caught:
        open_artifact(folder)
    with pytest.raises(ArtifactError, match=name):
        artifact.verify()
    assert caught.value.field == "sha256"


@pytest.mark.parametrize("name", ["manifest.json", "run.json"])
def test_a_flipped_bit_in_a_signed_document_is_found(folder, name):
    """They answer for themselves."""
    flip(folder / name, (folder / name).stat().st_size // 2)

    with pytest.raises(ArtifactError, match=name):
        open_artifact(folder).verify()


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize(
    "name", ["train/shard-00000.arrow", "eval/dev.parquet", "ledger.json", "manifest.json"]
)
def test_a_missing_file_is_named(folder, name, verify):
    """Even where nothing is hashed."""
    (folder / name).unlink()

    with pytest.raises(ArtifactError, match=f"{name}: file: expected .*, found nothing"):
        open_artifact(folder, verify=verify)


@pytest.mark.parametrize("verify", [True, False])
def test_a_truncated_file_is_named(folder, verify):
    """By its size, even where nothing is hashed."""
    path = folder / "train" / "shard-00000.arrow"
    path.write_bytes(path.read_bytes()[:-8])

    with pytest.raises(ArtifactError, match=r"shard-00000\.arrow: bytes: expected \d+, found \d+"):
        open_artifact(folder, verify=verify)


def resign(folder, **changes):
    """Writes the manifest again with other fields, signed, as a faulty writer would."""
    manifest = format_.load(format_.Manifest, (folder / "manifest.json").read_bytes(), "")
    changed = manifest.model_copy(update=changes)
    (folder / "manifest.json").write_bytes(format_.dump(changed))


def test_content_that_is_not_what_the_manifest_says_is_found(folder):
    """Files may be sound and still hold other content; the columns that differ are named."""
    artifact = open_artifact(folder)
    columns = {**artifact.manifest.columns, "train/sequences/spans": "0" * 64}
    resign(folder, columns=columns)
    with pytest.raises(ArtifactError, match="content of train/sequences/spans"):
        open_artifact(folder).verify()

    resign(folder, columns=artifact.manifest.columns, content_digest="0" * 64)
    with pytest.raises(ArtifactError, match="content digest"):
        open_artifact(folder).verify()


def test_counts_that_don_t_fit_the_shards_are_found(folder):
    """A reader never runs off the end."""
    splits = open_artifact(folder).manifest.splits
    train = splits["train"].model_copy(update={"sequences": splits["train"].sequences + 1})
    resign(folder, splits={**splits, "train": train})

    with pytest.raises(ArtifactError, match="train: sequences: expected 18, found 17"):
        open_artifact(folder)


def test_a_shard_of_other_columns_is_refused(folder):
    """Its schema is compared, not guessed."""
    resign(folder, vocab_size=70_000)

    with pytest.raises(ArtifactError, match=r"schema: expected input_ids list<item: uint32>"):
        open_artifact(folder)


def test_a_shard_that_is_no_stream_is_refused(folder):
    """Where nothing is hashed the reader still looks before it maps."""
    path = folder / "train" / "shard-00000.arrow"
    path.write_bytes(b"?" * path.stat().st_size)

    with pytest.raises(ArtifactError, match="expected an Arrow stream"):
        open_artifact(folder, verify=False)


@pytest.mark.parametrize(
    ("place", "words"),
    [("nowhere", "no such folder"), (".", "manifest.json: file"), ("s4://a/b", "a URL")],
)
def test_what_is_no_artefact_is_refused(tmp_path, place, words):
    """With the reason."""
    place = place if "://" in place else tmp_path / place

    with pytest.raises(ArtifactError, match=words):
        open_artifact(place)


def test_an_artefact_replaced_while_it_is_opened_is_opened_anew(made, tmp_path, monkeypatch):
    """The old manifest and the new shards are never mixed up, and nobody sees an error."""
    place = made.write_examples(tmp_path / "tiny", made.seeded_examples(20))
    check, calls = reader._check_files, []

    def replaced_meanwhile(folder, manifest, *, hashed):
        if not calls:
            made.write_examples(tmp_path / "tiny", made.seeded_examples(5, seed=1))
        calls.append(manifest)
        check(folder, manifest, hashed=hashed)

    monkeypatch.setattr(reader, "_check_files", replaced_meanwhile)

    assert open_artifact(place).manifest.splits["train"].examples == 5
    assert len(calls) == 2


def test_a_table_that_changed_since_the_opening_is_refused(folder):
    """Provenance is read late and checked again."""
    artifact = open_artifact(folder)
    flip(folder / "train" / "examples.parquet", 100)

    with pytest.raises(ArtifactError, match=r"examples\.parquet: sha256"):
        _ = artifact.examples


# ---- borders -----------------------------------------------------------------------------------


def test_an_artefact_can_be_moved(folder, tmp_path):
    """No file holds a path of the machine."""
    before = open_artifact(folder)
    moved = tmp_path / "elsewhere"
    shutil.move(folder, moved)
    after = open_artifact(moved)
    after.verify()

    assert before.manifest == after.manifest
    assert str(tmp_path).encode() not in b"".join(
        path.read_bytes() for path in moved.rglob("*") if path.is_file()
    )


def test_reading_needs_no_torch(folder, tmp_path):
    """A data machine has none; sequences and batches are numpy."""
    program = (
        "import sys; sys.modules['torch'] = None; sys.modules['transformers'] = None\n"
        "from taskc.runtime.reader import open\n"
        "from taskc.runtime.schedule import sequences\n"
        f"train = open({str(folder)!r})['train']\n"
        "print(len(train[0]), next(train.batches(sequences(2))).input_ids.shape)\n"
        "print(sorted({'tokenizers', 'taskc.dsl', 'taskc.compiler'} & sys.modules.keys()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.stdout.splitlines() == ["16 (2, 16)", "[]"], done.stderr


def test_datasets_maps_the_shards_as_they_are(folder):
    """The library most people have reads them without us."""
    datasets = pytest.importorskip("datasets")
    table = datasets.Dataset.from_file(str(folder / "train" / "shard-00000.arrow"))
    train = open_artifact(folder)["train"]

    assert [row["input_ids"] for row in table] == [s.input_ids.tolist() for s in train]


def test_the_words_for_an_artefact_fit_on_a_line(folder):
    """What a person sees who prints it."""
    expected = "<Artifact demo/tiny: 17 sequences, 40 examples, 236 tokens>"

    assert expected == repr(open_artifact(folder))


def test_examples_per_source_are_those_of_the_manifest(folder):
    """The table and the figures come from one stream."""
    artifact = open_artifact(folder)
    counted = Counter(artifact.examples.column("source").to_pylist())

    assert counted == {s.name: s.examples for s in artifact.manifest.mixture.sources}


def test_the_manifest_is_json_that_a_person_can_read(folder):
    """Two spaces a level, no escapes, one line break at the end; its digest is the last line."""
    content = (folder / "manifest.json").read_bytes()

    assert content.endswith(b'"\n}\n')
    assert json.loads(content)["packing"]["length"] == 16
    assert hashlib.sha256(content).hexdigest() != json.loads(content)["digest"]
