"""The format's models: what is published holds, what is signed is checked, sums are watched."""

import hashlib
import json
import re

import jsonschema
import pytest

from taskc.runtime import artifact
from taskc.runtime.artifact import (
    ArtifactError,
    Dropped,
    Ledger,
    LedgerEntry,
    Manifest,
    Run,
    RunBlock,
)


def test_the_published_schema_is_the_model_s(repository):
    """docs/schemas/manifest.schema.json is generated, never edited."""
    path = repository / "docs" / "schemas" / "manifest.schema.json"

    assert artifact.manifest_json_schema() == json.loads(path.read_text(encoding="utf-8"))


def test_a_written_manifest_conforms_to_the_published_schema(repository, folder):
    """A reader in another language may rely on the schema alone."""
    path = repository / "docs" / "schemas" / "manifest.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)

    jsonschema.validate(json.loads((folder / "manifest.json").read_text()), schema)


def test_the_schema_refuses_what_the_model_refuses(repository, folder):
    """An unknown field is an error in both."""
    path = repository / "docs" / "schemas" / "manifest.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    manifest = json.loads((folder / "manifest.json").read_text())

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**manifest, "more": 1}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**manifest, "content_digest": "abc"}, schema)


@pytest.mark.parametrize("name", ["manifest.json", "run.json"])
def test_a_signed_document_ends_with_the_digest_of_what_precedes(folder, name):
    """Any program can check it: SHA-256 of the bytes before the last comma's line."""
    content = (folder / name).read_bytes()
    body, _, tail = content.rpartition(b',\n  "digest": "')

    assert tail == f'{hashlib.sha256(body).hexdigest()}"\n}}\n'.encode()


def test_documents_survive_being_written_and_read():
    """`load` undoes `dump`, text of any script included."""
    block = RunBlock(kind="train", name="größe", settings={"lr": 0.1, "n": [1, None, "日本"]})
    run = Run(runs=(block,))
    loaded = artifact.load(Run, artifact.dump(run), "run.json")

    assert run.runs == loaded.runs
    assert artifact.dump(run) == artifact.dump(loaded)


def test_every_flipped_byte_of_a_manifest_is_found(folder):
    """A changed number is still JSON; the digest sees it."""
    content = (folder / "manifest.json").read_bytes()
    for place in range(0, len(content), 3):
        changed = bytearray(content)
        changed[place] ^= 1
        with pytest.raises(ArtifactError):
            artifact.load(Manifest, bytes(changed), "manifest.json")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_manifest_is_found(folder, share):
    """Half a manifest is no manifest."""
    content = (folder / "manifest.json").read_bytes()
    with pytest.raises(ArtifactError, match=r"manifest\.json: text: expected .*JSON"):
        artifact.load(Manifest, content[: int(share * len(content))], "manifest.json")


def test_another_format_version_is_named(folder):
    """The message says which version this program reads."""
    text = (folder / "manifest.json").read_text()
    newer = text.replace('"format_version": 1', '"format_version": 2')
    with pytest.raises(ArtifactError, match=r"format_version: expected .*1, found 2"):
        artifact.load(Manifest, newer.encode(), "manifest.json")


def test_an_artifact_error_says_file_field_expected_and_found():
    """All four can be read by a program and by a person."""
    error = ArtifactError("a/b.arrow", "sha256", "12", "34")

    assert str(error) == "a/b.arrow: sha256: expected 12, found 34"
    assert (error.file, error.field, error.expected, error.found) == (
        "a/b.arrow",
        "sha256",
        "12",
        "34",
    )


def entry(split="train", **counts):
    """A ledger entry of one source."""
    return LedgerEntry(source="rte", split=split, **counts)


WHERE = Dropped(stage="shape", reason="where", at="nli.task:14", rows=3)


@pytest.mark.parametrize(
    ("entries", "wrong"),
    [
        ([], []),
        ([entry(read=5, dropped=(WHERE,), not_asked=1, delivered=1)], []),
        (
            [entry(read=5, dropped=(WHERE,), delivered=1)],
            ["rte train: 5 rows read, 4 accounted for"],
        ),
        (
            [
                entry(read=9, moved={"dev": 2}, delivered=7),
                entry("dev", carved_from="train", read=2, delivered=2),
            ],
            [],
        ),
        (
            [
                entry(read=9, moved={"dev": 2}, delivered=7),
                entry("dev", carved_from="train", read=3, delivered=3),
            ],
            ["rte train: 2 rows moved to dev, which received 3"],
        ),
        (
            [entry(read=9, moved={"dev": 2}, delivered=7)],
            ["rte train: 2 rows moved to dev, which received 0"],
        ),
    ],
)
def test_every_row_is_accounted_for(entries, wrong):
    """Read = dropped + moved + not asked for + delivered, and what moved out moved in."""
    ledger = Ledger(entries=tuple(entries))

    assert wrong == ledger.imbalances()
    assert ledger.balances() == (not wrong)


def test_the_format_s_page_names_every_field(repository):
    """docs/artifact.md speaks of each field of the manifest, the ledger and the tables."""
    page = (repository / "docs" / "artifact.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+)`", page))
    tables = (
        artifact.shard_schema(9),
        artifact.provenance_schema(),
        artifact.evaluation_schema(),
    )
    fields = {
        *Manifest.model_fields,
        *LedgerEntry.model_fields,
        *Dropped.model_fields,
        *(name for schema in tables for name in schema.names),
    }

    assert fields - named == set()
