"""Inputs that change under a build: noticed before anything is written, and named."""

import os
from pathlib import Path

import pytest

from taskc.compiler.progress import Step

STAGES = ("shape", "encode")


def change(path: Path, how: str) -> None:
    """Changes a file of rows in one of the ways in which files change."""
    rows = path.read_bytes()
    match how:
        case "appended":
            path.write_bytes(rows + rows.splitlines(keepends=True)[0])
        case "replaced":  # same size, same time, another file
            other = path.with_suffix(".new")
            other.write_bytes(rows)
            times = path.stat()
            os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
            other.replace(path)
        case "spaced":
            path.write_bytes(rows + b"\n")
        case "gone":
            path.unlink()


def changing(path: Path, how: str, stage: str):
    """Progress that changes a file when a stage is first heard of, before it does anything."""
    done = []

    def progress(step: Step) -> None:
        if step.stage == stage and not done:
            done.append(stage)
            change(path, how)

    return progress


@pytest.mark.parametrize("how", ["appended", "replaced", "gone"])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("is_warm", [False, True])
def test_a_file_that_changes_stops_the_build(project, how, stage, is_warm):
    """Whether its rows were to be read again or everything was in the store already."""
    one = project()
    if is_warm:
        one.build()
        one.spec = one.spec.replace("length: 64", "length: 80")
    package = one.write()
    file = package / "small.train.jsonl"
    built = one.build(out="next", progress=changing(file, how, stage))

    assert built.path is None
    # A file that is gone before its first byte was asked for is one that is not there.
    code = "T0510" if (how, stage) == ("gone", "shape") else "T1010"
    assert {finding.code for finding in built.diagnostics} == {code}
    assert "small.train.jsonl" in str(built.diagnostics)
    assert not (one.folder / "next").exists()
    assert one.build(out="next").path is not None


def test_what_changes_when_everything_was_read_is_the_next_build_s(project):
    """The artefact holds the rows that its digests speak of."""
    one = project()
    file = one.write() / "small.train.jsonl"
    built = one.build(progress=changing(file, "appended", "write"))
    before = one.build(out="again")

    assert built.diagnostics == []
    assert before.path is not None
    manifest = "manifest.json"
    assert (built.path / manifest).read_bytes() == (before.path / manifest).read_bytes()


def test_a_tokenizer_that_changes_stops_the_build(project):
    """Some examples would be of the one, some of the other."""
    one = project()
    file = one.write() / "tokenizer.json"
    built = one.build(progress=changing(file, "spaced", "encode"))

    assert built.path is None
    assert [finding.code for finding in built.diagnostics] == ["T1010"]
    assert "tokenizer.json" in built.diagnostics[0].notes[0]
    assert one.build().path is not None
