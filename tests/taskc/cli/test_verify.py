"""`taskc verify`: damage is found and named."""

import json
import shutil
from pathlib import Path

import pytest

from taskc.cli import entry

ARTIFACT = "artifacts/hello/hello"


@pytest.fixture
def verified(built_once, tmp_path, monkeypatch, capsys):
    """Runs `taskc verify` on a copy of the artefact, in this process; returns status, out, err."""
    shutil.copytree(built_once / ARTIFACT, tmp_path / ARTIFACT)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        status = entry.main(["verify", ARTIFACT, *arguments])
        return status, *capsys.readouterr()

    return run


def test_a_sound_artefact_passes(verified):
    """For people and for programs."""
    status, out, _ = verified()
    result = json.loads(verified("--json")[1])

    assert status == 0
    assert "whole and unchanged" in out
    assert result["ok"] is True


@pytest.mark.parametrize(
    "name", ["train/shard-00000.arrow", "train/examples.parquet", "ledger.json", "run.json"]
)
def test_a_changed_byte_is_found(name, verified):
    """The message names the file."""
    path = Path(ARTIFACT, name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    status, out, err = verified("--json")
    result = json.loads(out)

    assert status == 1
    assert name in err
    assert result["ok"] is False
    assert name in result["error"]["file"]


def test_a_missing_file_is_found(verified):
    """Half an artefact is none."""
    shutil.rmtree(Path(ARTIFACT, "tokenizer"))
    status, _, err = verified()

    assert status == 1
    assert "tokenizer.json" in err
