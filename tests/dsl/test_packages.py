"""Packages: what a path means, which files belong together, where imports lead."""

import pytest

from taskc.dsl.diagnostics import Reporter
from taskc.dsl.packages import Disk, Memory, load

SPEC = b"language 1\n"


def loaded(paths, files, working_folder="/project"):
    """Returns the folders that were read, in order, and the codes that were reported."""
    report = Reporter()
    memory = Memory({path: text.encode() for path, text in files.items()}, working_folder)
    return load(paths, memory, report).folders, [each.code for each in report.diagnostics]


def spec(*imports):
    """Returns a spec with imports."""
    return "language 1\n" + "".join(f"import {each}\n" for each in imports)


FILES = {
    "a/one.task": spec('"../common"'),
    "a/two.task": spec(),
    "a/notes.md": "",
    "b/deep/three.task": spec('"../../common" as shared'),
    "common/schemas.task": spec(),
    ".cache/hidden.task": spec(),
    "data/rows.jsonl": "",
}


@pytest.mark.parametrize(
    ("paths", "folders", "roots"),
    [
        (["a"], ["common", "a"], ["a"]),
        (["a/two.task"], ["common", "a"], ["a"]),
        (["./a/"], ["common", "a"], ["a"]),
        (["/project/a"], ["common", "a"], ["a"]),
        (["b"], ["common", "b/deep"], ["b/deep"]),
        (["."], ["common", "a", "b/deep"], ["common", "a", "b/deep"]),
        (["a", "a/one.task", "common"], ["common", "a"], ["common", "a"]),
    ],
)
def test_paths(paths, folders, roots):
    """A file means its directory; a directory means every package at or below it, once."""
    found, codes = loaded(paths, FILES)

    assert [folder.path for folder in found] == folders
    assert [folder.path for folder in found if folder.is_root] == roots
    assert codes == []


def test_files_of_a_package_are_read_by_name():
    """Files share their names, in the order of their names."""
    (_, folder), _ = loaded(["a"], FILES)

    assert [file.source.path for file in folder.files] == ["a/one.task", "a/two.task"]


def test_an_import_has_the_folders_name_or_the_one_it_is_given():
    """`as` renames; without it the folder's own name stands."""
    folders, _ = loaded(["."], FILES)
    aliases = {folder.path: folder.imports for folder in folders}

    assert aliases["a"] == {"common": "common"}
    assert aliases["b/deep"] == {"shared": "common"}


@pytest.mark.parametrize(
    ("files", "codes"),
    [
        ({"a/x.task": spec('"../b"'), "b/x.task": spec('"../a"')}, ["T0106"]),
        ({"a/x.task": spec('"."')}, ["T0106"]),
        ({"a/x.task": spec('"../nowhere"')}, ["T0107"]),
        ({"a/x.task": spec('"x.task"')}, ["T0107"]),
        ({"a/x.task": spec('"../data"'), "data/rows.jsonl": ""}, ["T0108"]),
        ({"a/x.task": spec('"../b"', '"../c" as b'), "b/y.task": "", "c/z.task": ""}, ["T0105"]),
    ],
)
def test_imports_that_lead_nowhere(files, codes):
    """Each is one report, and the packages themselves are still there."""
    folders, found = loaded(["a"], files)

    assert [code for code in found if not code.startswith("T00")] == codes
    assert "a" in [folder.path for folder in folders]


@pytest.mark.parametrize("path", ["nowhere", "data", "data/rows.jsonl", "a/none.task"])
def test_paths_that_lead_nowhere(path):
    """A path without specs is reported, never an empty success."""
    assert loaded([path], FILES) == ([], ["T0124"])


def test_a_package_is_named_after_its_folder():
    """The working directory has a name as well."""
    folders, _ = loaded(["."], {"x.task": spec()}, "/home/someone/flan")

    assert [(folder.path, folder.name) for folder in folders] == [(".", "flan")]


def test_folders_outside_of_the_working_directory_keep_their_path():
    """Inside, paths are relative; outside there is no other way to name them."""
    folders, codes = loaded(["../specs"], {"../specs/x.task": spec()})

    assert [folder.path for folder in folders] == ["../specs"]
    assert codes == []


def test_the_disk_is_read_like_the_memory(tmp_path, monkeypatch):
    """The same files on disk give the same packages."""
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    report = Reporter()
    found = load(["."], Disk(), report)
    expected, _ = loaded(["."], FILES)

    assert [folder.path for folder in found.folders] == [folder.path for folder in expected]
    assert found.texts.keys() == {
        "a/one.task",
        "a/two.task",
        "b/deep/three.task",
        "common/schemas.task",
    }
    assert report.diagnostics == []


def test_a_byte_order_mark_is_no_mistake():
    """Editors of some systems write one."""
    memory = Memory({"x.task": b"\xef\xbb\xbf" + SPEC})
    report = Reporter()
    load(["."], memory, report)

    assert report.diagnostics == []
