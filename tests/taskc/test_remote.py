"""Builds of which nothing stands on this machine: inputs, store and artefacts at URLs."""

import json
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest

import taskc as api

# Builds `hello` by two workers, however few rows there are.
BY_WORKERS = """
import sys
from taskc.cli import entry
from taskc.compiler.engines import local

local.MIN_ROWS_FOR_WORKERS = 0
sys.exit(entry.main(["build", "hello", "--jobs", "2", *sys.argv[1:]]))
"""


@pytest.fixture(scope="session")
def expected(built_once) -> str:
    """The content of `hello` as it is built from files here."""
    return api.open(built_once / "artifacts/hello/hello").manifest.content_digest


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> None:
    """Keeps what is fetched out of the cache of who runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def moved(hello: Path, url: str) -> None:
    """Moves the rows of `hello` to a URL."""
    system, root = fsspec.core.url_to_fs(url)
    for path in sorted((hello / "data").iterdir()):
        system.pipe_file(f"{root}/{path.name}", path.read_bytes())
        path.unlink()
    spec = hello / "hello.task"
    text = spec.read_text(encoding="utf-8")
    assert "data/weather.{split}.jsonl" in text
    spec.write_text(text.replace("data/weather", f"{url}/weather"), encoding="utf-8")


def test_a_build_of_urls_alone(hello, expected, tmp_path, request):
    """The content is that of local files; built again there is nothing to do."""
    url = f"memory://{request.node.name}"
    moved(hello, f"{url}/rows")
    where = {"store": f"{url}/store", "out": f"{url}/artifacts", "jobs": 1}
    built = api.build(hello, **where)
    listed = _listed(where["out"])
    again = api.build(hello, **where)

    assert built.manifest.content_digest == again.manifest.content_digest == expected
    assert _listed(where["out"]) == listed
    assert not (tmp_path / "artifacts").exists()
    assert not (hello / ".taskc").exists()


def _listed(url: str) -> dict[str, dict[str, object]]:
    """The files at a URL, with the times when they were written."""
    system, root = fsspec.core.url_to_fs(url)
    found: dict[str, dict[str, object]] = system.find(root, detail=True)
    return found


def test_a_file_at_a_url_that_changes_stops_the_build(hello, request):
    """It is named; the next build takes it as it is then."""
    url = f"memory://{request.node.name}"
    moved(hello, f"{url}/rows")
    (plan,) = api.plan(hello).builds
    system, root = fsspec.core.url_to_fs(f"{url}/rows/weather.train.jsonl")
    rows = system.cat_file(root)

    def change(_, step):
        if step.stage == "encode":
            system.pipe_file(root, rows + rows.splitlines(keepends=True)[0])

    from taskc.api import build_each

    where = {"store": f"{url}/store", "out": f"{url}/artifacts"}
    (built,) = build_each([plan], [hello], progress=change, **where)

    assert built.path is None
    assert [finding.code for finding in built.diagnostics] == ["T1010"]
    assert "weather.train.jsonl" in built.diagnostics[0].notes[0]
    (built,) = build_each([plan], [hello], **where)
    assert built.path == f"{url}/artifacts/hello/hello"


@pytest.mark.slow
def test_a_build_on_s3(hello, expected, bucket):
    """Built by workers, shown, verified, planned, and replaced, by the command line alone."""
    moved(hello, f"{bucket}/rows")
    artifact = f"{bucket}/artifacts/hello/hello"
    where = ["--store", f"{bucket}/store", "--out", f"{bucket}/artifacts"]

    def build(*words):
        done = subprocess.run(
            [sys.executable, "-c", BY_WORKERS, *where, "--json", *words],
            cwd=hello.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["builds"][0]

    first, second = build(), build()

    assert (first["status"], first["path"]) == ("built", artifact)
    assert first["content_digest"] == expected
    assert second["status"] == "unchanged"
    done = subprocess.run(
        [sys.executable, "-m", "taskc", "verify", artifact],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "whole and unchanged" in done.stdout) == (0, True), done.stderr
    third = build("--sample", "20")
    assert third["status"] == "built"
    assert api.open(artifact).manifest.content_digest == third["content_digest"] != expected
    assert not (hello.parent / "artifacts").exists()
