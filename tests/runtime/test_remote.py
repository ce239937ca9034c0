"""Artefacts at URLs: fetched once, checked, and never mixed."""

import shutil
import subprocess
import sys

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from taskc.runtime import artifact, remote
from taskc.runtime.artifact import ArtifactError
from taskc.runtime.reader import open as open_artifact


@pytest.fixture
def fetches(monkeypatch):
    """The names of files that are fetched, while it is asked for."""
    names = []
    get_file = MemoryFileSystem.get_file

    def noted(system, path, target, **more):
        names.append(path.rpartition("/")[2])
        return get_file(system, path, target, **more)

    monkeypatch.setattr(MemoryFileSystem, "get_file", noted)
    return names


@pytest.fixture
def url(made, request):
    """An artefact in memory."""
    top = request.node.name.partition("[")[0]
    place = f"memory://{top}/demo/tiny"
    evaluations = [made.evaluation_of("dev", 3)]
    made.write_examples(place, made.seeded_examples(40), evaluations=evaluations)
    yield place
    fsspec.filesystem("memory").rm(f"/{top}", recursive=True)


def stored(url, name):
    """The path of one of an artefact's files in its file system."""
    system, root = fsspec.core.url_to_fs(url)
    manifest = system.cat_file(f"{root}/{artifact.MANIFEST}")
    return system, f"{root}/{artifact.version_folder(manifest)}/{name}"


def test_everything_is_there_as_in_a_folder(url, made, tmp_path, fetches):
    """Sequences, provenance, evaluation rows, ledger, tokenizer; and it is fetched once."""
    here = open_artifact(
        made.write_examples(
            tmp_path / "here",
            made.seeded_examples(40),
            evaluations=[made.evaluation_of("dev", 3)],
        )
    )
    there = open_artifact(url, cache=tmp_path / "cache")
    number = len(fetches)
    again = open_artifact(url, cache=tmp_path / "cache")

    assert there.manifest == again.manifest == here.manifest
    assert [s.input_ids.tolist() for s in there["train"]] == [
        s.input_ids.tolist() for s in here["train"]
    ]
    assert list(there["dev"]) == list(here["dev"])
    assert there.ledger == here.ledger
    assert there.run == here.run
    there.verify()
    assert number == len(here.manifest.files)
    assert len(fetches) == number


def test_damage_of_what_was_fetched_is_mended(url, tmp_path, fetches):
    """Where everything is hashed; where nothing is, a file of another size."""
    opened = open_artifact(url, cache=tmp_path)
    shard = opened.path / artifact.shard_path(0)
    content = shard.read_bytes()
    fetches.clear()
    shard.write_bytes(content[:-1] + b"?")
    open_artifact(url, cache=tmp_path)

    assert shard.read_bytes() == content
    shard.write_bytes(content[:-1])
    open_artifact(url, cache=tmp_path, verify=False)
    assert shard.read_bytes() == content
    assert fetches == ["shard-00000.arrow"] * 2


@pytest.mark.parametrize("how", ["damaged", "cut", "gone"])
def test_damage_at_the_url_is_named(url, tmp_path, how):
    """The file, what was expected and what was found; nothing of it is kept."""
    system, path = stored(url, artifact.shard_path(0))
    content = system.cat_file(path)
    match how:
        case "damaged":
            system.pipe_file(path, content[:-1] + b"?")
        case "cut":
            system.pipe_file(path, content[:-1])
        case "gone":
            system.rm_file(path)
    with pytest.raises(ArtifactError, match=r"shard-00000\.arrow: (sha256|bytes|file)"):
        open_artifact(url, cache=tmp_path)

    system.pipe_file(path, content)
    open_artifact(url, cache=tmp_path).verify()


def test_a_fetch_that_was_broken_off_goes_on(url, tmp_path, fetches, monkeypatch):
    """What is there whole is not fetched again."""
    system, path = stored(url, artifact.PROVENANCE)
    content = system.cat_file(path)
    system.rm_file(path)
    with pytest.raises(ArtifactError):
        open_artifact(url, cache=tmp_path)
    system.pipe_file(path, content)
    first = set(fetches)
    fetches.clear()
    open_artifact(url, cache=tmp_path)

    assert fetches == ["examples.parquet"]
    assert "shard-00000.arrow" in first


def test_a_new_run_document_needs_no_new_artefact(url, tmp_path):
    """A learning rate builds no data, and is seen all the same."""
    open_artifact(url, cache=tmp_path)
    changed = artifact.dump(
        artifact.Run(runs=(artifact.RunBlock(kind="train", name="again", settings={}),))
    )
    system, path = stored(url, artifact.RUN)
    system.pipe_file(path, changed)

    assert open_artifact(url, cache=tmp_path).run.runs[0].name == "again"


def test_a_folder_that_was_copied_there_is_an_artefact(url, made, tmp_path):
    """And so is what was copied from there: neither way needs a tool of ours."""
    here = made.write_examples(tmp_path / "here", made.seeded_examples(5))
    system, root = fsspec.core.url_to_fs(url)
    system.put(str(here), f"{root}/copied", recursive=True)
    system.get(f"{root}/", str(tmp_path / "down"), recursive=True)
    digest = open_artifact(here).manifest.content_digest

    assert open_artifact(f"{url}/copied", cache=tmp_path / "c").manifest.content_digest == digest
    opened = open_artifact(tmp_path / "down")
    opened.verify()
    assert opened.manifest.splits["train"].examples == 40


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("memory://nothing/here", "to be there"),
        ("s4://bucket/a", "a URL that fsspec knows"),
    ],
)
def test_what_is_no_artefact_is_named(place, words, tmp_path):
    """As for a folder."""
    with pytest.raises(ArtifactError, match=words):
        open_artifact(place, cache=tmp_path)


# Opens an artefact at a URL, keeping it where it is told to.
OPENS = """
import sys
from taskc.runtime.reader import open

url, cache = sys.argv[1:]
print(open(url, cache=cache).manifest.content_digest)
"""


def test_processes_that_open_at_once_fetch_once(made, tmp_path):
    """As the ranks of a machine do: one fetches, the others wait and find."""
    folder = made.write_examples(tmp_path / "here", made.seeded_examples(40))
    words = [sys.executable, "-c", OPENS, f"local://{folder}", str(tmp_path / "cache")]
    running = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    found = [process.communicate(timeout=60)[0].strip() for process in running]

    assert set(found) == {open_artifact(folder).manifest.content_digest}
    (kept,) = (tmp_path / "cache").iterdir()
    shutil.rmtree(kept)


def test_where_things_are_kept_is_the_user_s(monkeypatch, tmp_path):
    """Not the working folder."""
    monkeypatch.setenv("HOME", str(tmp_path))

    assert remote.CACHE.expanduser() == tmp_path / ".cache/taskc/artifacts"
