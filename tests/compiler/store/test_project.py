"""Where the store is: one for a project, however deep its specs stand."""

import pytest

from taskc.compiler.store.project import open_store, project_folder, store_folder


@pytest.fixture
def tree(tmp_path):
    """A repository with a project in it, and specs in both."""
    for folder in (".git", "specs/nli", "inner/specs", "inner/other"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "inner/taskc.toml").write_text("", encoding="utf-8")
    (tmp_path / "specs/nli/nli.task").write_text("language 1\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["specs/nli"], "."),
        (["specs/nli/nli.task"], "."),
        (["specs/nli", "inner/specs"], "."),
        (["inner/specs"], "inner"),
        (["inner/specs", "inner/other"], "inner"),
        (["inner"], "inner"),
        (["specs/not/there"], "."),
    ],
)
def test_the_nearest_mark_counts(tree, monkeypatch, paths, expected):
    """`taskc.toml` or `.git`, at the specs or above them."""
    monkeypatch.chdir(tree)

    assert project_folder(paths) == (tree / expected).resolve()


def test_without_a_mark_it_is_the_specs_own_folder(tmp_path, monkeypatch):
    """As long as nothing above is a project; a `.git` may be a file, as in a work tree."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / ".git").write_text("gitdir: elsewhere\n", encoding="utf-8")
    marked = project_folder([tmp_path / "a/b"])
    monkeypatch.setattr("taskc.compiler.store.project._MARKS", ("no such mark",))

    assert marked == tmp_path
    assert project_folder([tmp_path / "a/b"]) == tmp_path / "a/b"
    assert project_folder([tmp_path / "a/b/one.task"]) == tmp_path / "a/b"


def test_the_working_folder_stands_for_no_specs(tree, monkeypatch):
    """As for `taskc clean`."""
    monkeypatch.chdir(tree / "inner/specs")

    assert store_folder([]) == tree / "inner/.taskc/store"


def test_the_store_keeps_itself_out_of_git(tree):
    """Nobody commits it by accident, and nobody's own words are written over."""
    store = open_store([tree / "specs"])
    ignore = tree / ".taskc/.gitignore"
    first = ignore.read_text(encoding="utf-8")
    ignore.write_text("mine\n", encoding="utf-8")
    open_store([tree / "specs"])

    assert store.url == str(tree / ".taskc/store")
    assert first == "*\n"
    assert ignore.read_text(encoding="utf-8") == "mine\n"


def test_another_store_leaves_the_project_alone(tree, tmp_path):
    """With a URL nothing is written beside the specs."""
    store = open_store([tree / "specs"], url=str(tmp_path / "elsewhere"), fallback=tmp_path / "own")

    assert store.url == str(tmp_path / "elsewhere")
    assert store.fallback is not None
    assert not (tree / ".taskc").exists()


def test_a_project_that_cannot_be_written_is_no_error(tree, monkeypatch):
    """The store says so when something is to be kept."""

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)

    assert open_store([tree / "specs"]).get("survey", "ab" * 16) is None
