"""The same content whatever the process, the folder, the workers and the order of rows."""

import gzip
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import taskc

HERE = Path(__file__).parent
NAMES = ["flan_small/little", "chat/gpt2"]

each_build = pytest.mark.parametrize("name", NAMES)


def build_elsewhere(name: str, data: Path, folder: Path, *, jobs: int) -> taskc.Artifact:
    """Builds in a process of its own, from a copy of the specs in `folder`."""
    package, build = name.split("/")
    shutil.copytree(HERE / package, folder / package)
    command = [
        *(sys.executable, "-m", "taskc", "build", package, "--only", build),
        *("--set", f"data={data}", "--out", "out", "--jobs", str(jobs)),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return taskc.open(folder / "out" / name)


def files(artifact: taskc.Artifact) -> dict[str, bytes]:
    """Every file of an artefact with its bytes."""
    paths = sorted(path for path in artifact.path.rglob("*") if path.is_file())
    return {str(path.relative_to(artifact.path)): path.read_bytes() for path in paths}


def shuffled_copy(data: Path, folder: Path) -> Path:
    """A copy of the data in which the rows of every file stand in another order."""
    order = random.Random(0)
    flan = [f"flan/{name}" for name in ("snli", "boolq", "cosmosqa", "dynasent", "gsm8k")]
    for directory in (*flan, "lima", "lima/dialogues"):
        (folder / directory).mkdir(parents=True)
        for path in sorted((data / directory).glob("*.jsonl*")):
            packed = path.suffix == ".gz"
            content = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
            lines = content.rstrip(b"\n").split(b"\n")
            order.shuffle(lines)
            content = b"\n".join(lines) + b"\n"
            (folder / directory / path.name).write_bytes(
                gzip.compress(content) if packed else content
            )
    (folder / "tokenizers").symlink_to(data / "tokenizers")
    (folder / "models").symlink_to(data / "models")
    return folder


@each_build
@pytest.mark.parametrize("jobs", [1, 2])
def test_another_process_and_folder_give_the_same_bytes(name, jobs, built, shared_data, tmp_path):
    """With one worker or two, started elsewhere: every file is the same, byte for byte."""
    here, there = files(built(name)), files(build_elsewhere(name, shared_data, tmp_path, jobs=jobs))

    assert list(here) == list(there)
    assert [path for path in here if here[path] != there[path]] == []


@each_build
def test_the_order_of_the_rows_changes_no_content(name, built, shared_data, tmp_path):
    """Only file and row numbers of provenance move with the rows."""
    data = shuffled_copy(shared_data, tmp_path / "data")
    there = build_elsewhere(name, data, tmp_path, jobs=2)
    moved = built(name).examples["row"].to_pylist() != there.examples["row"].to_pylist()

    assert built(name).manifest.columns == there.manifest.columns
    assert built(name).manifest.content_digest == there.manifest.content_digest
    assert moved, "the rows were not shuffled"


@pytest.mark.parametrize("where", [0.1, 0.5, 0.999])
def test_a_flipped_byte_in_a_shard_is_found(where, built, tmp_path):
    """Opening names the damaged file, and so does verifying what was opened without a look."""
    whole = built("chat/gpt2").path
    damaged = tmp_path / "damaged"
    shutil.copytree(whole, damaged)
    shard = damaged / "train" / "shard-00000.arrow"
    content = bytearray(shard.read_bytes())
    content[int(len(content) * where)] ^= 1
    shard.write_bytes(content)

    with pytest.raises(taskc.ArtifactError, match=r"shard-00000\.arrow"):
        taskc.open(damaged)
    done = subprocess.run(
        [sys.executable, "-m", "taskc", "verify", str(damaged)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "shard-00000.arrow" in done.stderr
    taskc.open(whole).verify()


def test_a_byte_flipped_after_opening_is_found_by_verify(built, tmp_path):
    """`open(verify=False)` looks at sizes alone; `verify` hashes what lies there now."""
    damaged = tmp_path / "damaged"
    shutil.copytree(built("chat/gpt2").path, damaged)
    opened = taskc.open(damaged, verify=False)
    shard = damaged / "train" / "shard-00000.arrow"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 0x80
    shard.write_bytes(content)

    with pytest.raises(taskc.ArtifactError, match=r"shard-00000\.arrow"):
        opened.verify()
