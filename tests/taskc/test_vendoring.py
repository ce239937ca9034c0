"""Vendoring: what is copied, and that a build from the copies is the build from the inputs."""

import json
import shutil
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import fsspec
import pytest

from taskc import checking
from taskc.api import build_each, lower_sound
from taskc.compiler.store.project import opened_store
from taskc.locking import lock_each
from taskc.runtime import reader
from taskc.vendoring import check_folder, clash, vendor
from taskc.workers import Workers


def checked_at(folder, **params):
    """Checks the specs of a folder."""
    checked = checking.check([str(folder)], params=params)

    assert not checked.has_errors
    return checked


def built(folder, out, vendored=None, **params):
    """Builds the one build of a folder; returns the artefact, or the codes of what is wrong."""
    plans = lower_sound(checked_at(folder, **params)).builds
    options = {"workers": Workers(jobs=1), "store": out / "store", "vendored": vendored}
    (outcome,) = build_each(plans, [folder], out=out, **options)
    if outcome.path is None:
        return [found.code for found in outcome.diagnostics]
    return reader.open(outcome.path)


def codes(result):
    """The codes of what was found."""
    return [found.code for found in result.diagnostics]


def provenance(artifact):
    """Where each example came from, as the artefact's file has it."""
    return (artifact.path / "train/examples.parquet").read_bytes()


def test_a_build_from_the_copies_is_the_same(hello, tmp_path):
    """Content, provenance and digests of inputs, with nothing else on the machine."""
    first = built(hello, tmp_path / "one")
    result = vendor(checked_at(hello), tmp_path / "vendored")
    shutil.rmtree(hello / "data")
    (hello / "tokenizer.json").unlink()
    second = built(hello, tmp_path / "two", tmp_path / "vendored")

    assert codes(result) == []
    assert (result.num_files, result.num_copied) == (3, 3)
    assert second.manifest.content_digest == first.manifest.content_digest
    assert second.manifest.digests.inputs == first.manifest.digests.inputs
    assert provenance(second) == provenance(first)


def test_the_folder_may_be_moved(hello, tmp_path):
    """Nothing in it says where it was made."""
    vendor(checked_at(hello), tmp_path / "vendored")
    moved = tmp_path / "else[where]"
    (tmp_path / "vendored").rename(moved)
    shutil.rmtree(hello / "data")

    assert str(tmp_path) not in (moved / "vendor.json").read_text()
    assert len(built(hello, tmp_path / "out", moved)["train"]) > 0


@pytest.mark.parametrize(
    ("path", "param"),
    [
        ('"../rows/weather.{split}.jsonl"', ""),
        ('"{data}/weather.{split}.jsonl"', 'param data: path = "../rows"'),
        ('"{data}/*.{split}.jsonl"', 'param data: path = "../rows"'),
        ('"../**/weather.{split}.jsonl"', ""),
    ],
)
def test_names_stay_whatever_the_root(hello, tmp_path, path, param):
    """Above the spec, below a parameter, by a glob: examples come from files of the same names."""
    (hello / "data").rename(tmp_path / "rows")
    spec = hello / "hello.task"
    text = spec.read_text().replace('"data/weather.{split}.jsonl"', path)
    spec.write_text(text.replace("language 1\n", f"language 1\n\n{param}\n", 1))
    first = built(hello, tmp_path / "one")
    result = vendor(checked_at(hello), tmp_path / "vendored")
    shutil.rmtree(tmp_path / "rows")
    second = built(hello, tmp_path / "two", tmp_path / "vendored")

    assert codes(result) == []
    assert second.manifest.content_digest == first.manifest.content_digest
    assert provenance(second) == provenance(first)


def test_a_parameter_may_be_the_file_itself(hello, tmp_path):
    """Its folder is the data root; the copy keeps the name that says how it is compressed."""
    spec = hello / "hello.task"
    text = spec.read_text().replace('jsonl("data/weather.{split}.jsonl")', 'jsonl("{rows}")')
    text = text.replace("splits  train, dev", "splits  train").replace("train, dev", "train")
    spec.write_text(text.replace("language 1\n", "language 1\n\nparam rows: path\n", 1))
    rows = hello / "data/weather.train.jsonl"
    result = vendor(checked_at(hello, rows=str(rows)), tmp_path / "vendored")
    first = built(hello, tmp_path / "one", rows=str(rows))
    rows.unlink()
    second = built(hello, tmp_path / "two", tmp_path / "vendored", rows=str(rows))

    assert codes(result) == []
    assert (tmp_path / "vendored/hello/weather/weather.train.jsonl").is_file()
    assert second.manifest.content_digest == first.manifest.content_digest


def test_imported_packages_are_vendored_too(hello, tmp_path):
    """A build reads their sources as well."""
    spec = hello / "hello.task"
    text = spec.read_text()
    start, end = text.index("source weather"), text.index("template ")
    (tmp_path / "common").mkdir()
    (tmp_path / "common/c.task").write_text(f"language 1\n\n{text[start:end]}")
    (hello / "data").rename(tmp_path / "common/data")
    rest = (text[:start] + text[end:]).replace("weather", "common.weather")
    spec.write_text(rest.replace("language 1\n", 'language 1\n\nimport "../common"\n', 1))
    vendor(checked_at(hello), tmp_path / "vendored")
    shutil.rmtree(tmp_path / "common/data")

    assert len(built(hello, tmp_path / "out", tmp_path / "vendored")["train"]) > 0
    manifest = json.loads((tmp_path / "vendored/vendor.json").read_text())
    assert list(manifest["packages"]) == ["common", "hello"]


def test_a_second_time_only_what_changed_is_copied(hello, tmp_path):
    """What nothing reads any more goes; other packages in the folder stay."""
    other = tmp_path / "other"
    shutil.copytree(hello, other)
    vendor(checked_at(other), tmp_path / "vendored")
    vendor(checked_at(hello), tmp_path / "vendored")
    (hello / "data/weather.dev.jsonl").write_text('{"report": "Fog.", "sky": "cloudy"}\n')
    spec = hello / "hello.task"
    text = spec.read_text().replace("source weather", "source sky").replace("weather ", "sky ")
    spec.write_text(text.replace('"data/', '"rows/').replace("from weather", "from sky"))
    (hello / "data").rename(hello / "rows")
    result = vendor(checked_at(hello), tmp_path / "vendored")
    files = {
        str(path.relative_to(tmp_path / "vendored"))
        for path in (tmp_path / "vendored").rglob("*")
        if path.is_file()
    }

    assert (result.num_files, result.num_copied) == (3, 2)
    assert files == {
        "vendor.json",
        "hello/sky/rows/weather.dev.jsonl",
        "hello/sky/rows/weather.train.jsonl",
        "hello/tiny/tokenizer.json",
        "other/tiny/tokenizer.json",
        "other/weather/data/weather.dev.jsonl",
        "other/weather/data/weather.train.jsonl",
    }


def test_only_what_was_locked_is_copied(hello, tmp_path):
    """A folder that is handed on holds what the lock says."""
    list(lock_each(checked_at(hello)))
    dev = hello / "data/weather.dev.jsonl"
    dev.write_text(dev.read_text()[:-1])
    result = vendor(checked_at(hello), tmp_path / "vendored")

    assert codes(result) == ["T0531"]
    assert list(result.manifest.packages["hello"].sources) == []
    assert list(result.manifest.packages["hello"].tokenizers) == ["tiny"]


def test_what_is_missing_is_said_and_the_rest_is_copied(hello, tmp_path):
    """The findings are those of a build."""
    (hello / "data/weather.dev.jsonl").unlink()
    result = vendor(checked_at(hello), tmp_path / "vendored")

    assert codes(result) == ["T0510"]
    assert result.num_files == 1


def test_copies_are_held_to_the_manifest(hello, tmp_path):
    """A byte, a file that went, a file that came."""
    spec = hello / "hello.task"
    spec.write_text(spec.read_text().replace("weather.{split}.jsonl", "*.{split}.jsonl"))
    folder = tmp_path / "vendored"
    vendor(checked_at(hello), folder)
    train = folder / "hello/weather/data/weather.train.jsonl"
    whole = train.read_bytes()

    train.write_bytes(whole[:-1])
    assert built(hello, tmp_path / "out", folder) == ["T0536"]
    train.unlink()
    assert built(hello, tmp_path / "out", folder) == ["T0536"]
    train.write_bytes(whole)
    (train.parent / "more.train.jsonl").write_bytes(whole)
    assert built(hello, tmp_path / "out", folder) == ["T0536"]
    (train.parent / "more.train.jsonl").unlink()
    assert len(built(hello, tmp_path / "out", folder)["train"]) > 0


def test_which_folders_can_be_vendored_into(tmp_path):
    """New, empty, or vendored into before: nothing of anybody's is touched."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("mine")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/vendor.json").write_text("{")

    assert check_folder(tmp_path / "new") == ""
    assert check_folder(tmp_path / "empty") == ""
    assert "other files" in check_folder(tmp_path / "mine")
    assert "is a file" in check_folder(tmp_path / "mine/thesis.txt")
    assert "invalid json" in check_folder(tmp_path / "broken")


def test_two_packages_of_one_name_are_refused(hello, tmp_path):
    """Their inputs would have one place."""
    shutil.copytree(hello, tmp_path / "below/hello")

    assert "two packages are called `hello`" in clash(checked_at(tmp_path))
    assert clash(checked_at(hello)) == ""


def test_a_data_set_in_the_form_of_the_hub_is_read_without_its_library(
    hello, tmp_path, monkeypatch
):
    """What `datasets` made of it is what is copied; each split has files of its own."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    spec = hello / "hello.task"
    text = spec.read_text().replace('jsonl("data/weather.{split}.jsonl")', 'hf("./data")')
    spec.write_text(text.replace("splits  train, dev", 'splits  train, dev = "validation"'))
    for split, name in (("train", "train"), ("dev", "validation")):
        (hello / f"data/weather.{split}.jsonl").rename(hello / f"data/{name}.jsonl")
    first = built(hello, tmp_path / "one")
    result = vendor(checked_at(hello), tmp_path / "vendored")
    shutil.rmtree(hello / "data")
    monkeypatch.setitem(sys.modules, "datasets", None)
    second = built(hello, tmp_path / "two", tmp_path / "vendored")

    assert codes(result) == []
    assert second.manifest.content_digest == first.manifest.content_digest
    assert provenance(second) == provenance(first)


@pytest.fixture
def served(hello):
    """Serves the folder of the hello data by HTTP; gives its URL, and ends when it is told."""
    handler = partial(QuietHandler, directory=str(hello / "data"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.server_close()


class QuietHandler(SimpleHTTPRequestHandler):
    """Files of a folder, without a line for each request."""

    def log_message(self, *_arguments):
        """Says nothing."""


def pointed_at(hello, url):
    """Changes the spec to read its rows at a URL."""
    spec = hello / "hello.task"
    text = spec.read_text()
    spec.write_text(text.replace('"data/weather.{split}.jsonl"', f'"{url}"'))


def test_files_of_a_web_server_are_read_without_it(hello, tmp_path, served):
    """Locked and vendored once; the server goes, and the build is the same."""
    pointed_at(hello, f"http://127.0.0.1:{served.server_port}/weather.{{split}}.jsonl")
    first = built(hello, tmp_path / "one")
    with opened_store([hello], url=str(tmp_path / "store")) as store:
        (locked,) = lock_each(checked_at(hello), store=store)
        result = vendor(checked_at(hello), tmp_path / "vendored", store=store)
    served.shutdown()
    served.server_close()
    second = built(hello, tmp_path / "two", tmp_path / "vendored")

    assert codes(locked) == codes(result) == []
    assert set(built(hello, tmp_path / "three")) <= {"T0510", "T0512"}
    assert second.manifest.content_digest == first.manifest.content_digest
    assert provenance(second) == provenance(first)


def test_a_glob_at_a_url_is_copied_file_by_file(hello, tmp_path):
    """Any file system of fsspec; files of two splits may be called alike below their URLs."""
    remote = fsspec.filesystem("memory")
    for split in ("train", "dev"):
        content = (hello / f"data/weather.{split}.jsonl").read_bytes()
        remote.pipe(f"/vendoring/{split}/part-1.jsonl", content)
    pointed_at(hello, "memory:///vendoring/{split}/part-*.jsonl")
    with opened_store([hello], url=str(tmp_path / "store")) as store:
        result = vendor(checked_at(hello), tmp_path / "vendored", store=store)
    first = built(hello, tmp_path / "one")
    remote.rm("/vendoring", recursive=True)
    second = built(hello, tmp_path / "two", tmp_path / "vendored")

    assert codes(result) == []
    assert second.manifest.content_digest == first.manifest.content_digest
    assert provenance(second) == provenance(first)
