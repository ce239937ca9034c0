"""Connectors of other packages: docs/connectors.md, tried as a package would do it."""

import re
import sqlite3
from pathlib import Path

import pytest

from taskc.compiler.rows.connect import plugin
from taskc.compiler.rows.connect.plugin import plugin_files
from taskc.compiler.rows.findings import Findings
from taskc.compiler.store.objects import Store

PAGE = Path(__file__).parents[3] / "docs/connectors.md"
PEOPLE = [("Ada", "London", 1), ("Emmy", "Erlangen", 2), ("Ada", "London", 1)]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package with the connector of the page, and with some that go wrong."""
    folder = tmp_path / "site"
    described = folder / "taskc_sqlite-1.dist-info"
    described.mkdir(parents=True)
    text = PAGE.read_text(encoding="utf-8")
    (module,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (points,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    wrong = """

def breaks_off(path, *, split):
    yield {"n": 1}
    raise OSError("the line went dead")


def gives_bytes(path, *, split):
    yield {"n": b"1"}


def gives_nan(path, *, split):
    yield {"n": float("nan")}


def counts(path, *, split, **options):
    calls.append((path, split, options))
    yield {"n": len(calls)}


calls = []
"""
    (folder / "taskc_sqlite.py").write_text(module + wrong, encoding="utf-8")
    (described / "METADATA").write_text("Name: taskc-sqlite\nVersion: 1\n", encoding="utf-8")
    group, sqlite = points.strip().splitlines()
    names = ["breaks_off", "gives_bytes", "gives_nan", "counts", "not_there"]
    lines = [
        group.replace("project.entry-points.", "").replace('"', ""),
        sqlite.replace('"', ""),
        *(f"{name} = taskc_sqlite:{name}" for name in names),
        "no_module = taskc_nowhere:rows",
    ]
    (described / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    return folder


def source(bench, name: str, path: str = "", *, root: str = "", split: str = "train", **options):
    """A source of a connector."""
    made = bench.source()
    connector = made.connector.model_copy(
        update={
            "kind": "plugin",
            "patterns": {"train": path},
            "roots": {"train": root},
            "names": {"train": split},
            "options": {"connector": name, **options},
        }
    )
    return made.model_copy(update={"connector": connector})


@pytest.fixture
def people(bench):
    """A database with one table."""
    path = bench.folder / "people.db"
    with sqlite3.connect(path) as database:
        database.execute("create table persons (name text, town text, number int)")
        database.executemany("insert into persons values (?, ?, ?)", PEOPLE)
    return str(path)


@pytest.mark.parametrize("named", ["by an option", "by the split"])
def test_the_connector_of_the_page(bench, package, people, named):
    """Its rows are as those of a file: with ids, ordinals, numbers and a place."""
    options = {"table": "persons"} if named == "by an option" else {"table": None}
    split = "train" if named == "by an option" else "persons"
    made = source(bench, "sqlite", people, root=str(bench.folder), split=split, **options)
    loaded = bench.load(made)
    rows = loaded.rows["train"]

    assert [
        {"name": name, "town": town, "number": number} for name, town, number in PEOPLE
    ] == rows.values
    assert [0, 0, 1] == rows.ordinals
    assert [1, 2, 3] == rows.numbers
    assert [f"sqlite/people.db/{split}"] == rows.file_names


def test_equal_rows_are_known_again(bench, package, people):
    """The connector runs in every build, what was made of its rows is in the store."""
    made = source(bench, "sqlite", people, table="persons")
    _, first = bench.load_keys(made)
    bench.store = Store.open(bench.folder / "store")
    _, second = bench.load_keys(made)

    assert ((1, 0), (0, 1)) == (
        (first.num_surveyed, first.num_reused),
        (second.num_surveyed, second.num_reused),
    )
    assert first.digests == second.digests


def test_it_is_called_once_a_build(bench, package):
    """Whoever asks again in a build gets the same rows; options are handed over by name."""
    made = source(bench, "counts", "select", size=3, words=["a"], none=None)

    def first_row(store) -> bytes:
        findings = Findings("s", made.at)
        (file,) = plugin_files(made.connector, "train", findings, store)
        return Path(file.path).read_bytes()

    other = Store.open(bench.folder / "store")
    found = [first_row(bench.store), first_row(bench.store), first_row(other), first_row(None)]

    assert [b'{"n":1}\n', b'{"n":1}\n', b'{"n":2}\n', b'{"n":3}\n'] == found
    import taskc_sqlite

    assert [("select", "train", {"size": 3, "words": ["a"]})] * 3 == taskc_sqlite.calls
    taskc_sqlite.calls.clear()


WRONG = [
    ("sqlit", "T0545", ("did you mean `sqlite`?",), ""),
    ("breaks_off", "T1031", (), "OSError: the line went dead"),
    ("gives_bytes", "T1031", (), "NotCanonicalError: a value of the kind `bytes`"),
    ("gives_nan", "T1031", (), "NotCanonicalError: a float is infinite or not a number"),
    ("not_there", "T1031", (), "AttributeError"),
    ("no_module", "T1031", (), "ModuleNotFoundError: No module named 'taskc_nowhere'"),
    ("sqlite", "T1031", (), "OperationalError"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong[0])
def test_what_goes_wrong_is_said(bench, package, wrong):
    """Another package's failure is a diagnostic, not a traceback of ours."""
    name, code, helps, note = wrong
    _, loaded = bench.load_keys(source(bench, name, str(bench.folder)))
    (found,) = loaded.diagnostics

    assert (code, helps) == (found.code, found.helps)
    assert found.notes[0].startswith(note)


def test_without_any_package(bench, monkeypatch):
    """The list of what there is, is empty."""
    monkeypatch.setattr(plugin, "entry_points", lambda **_: [])
    _, loaded = bench.load_keys(source(bench, "sqlite"))

    assert ("connectors of packages: none",) == loaded.diagnostics[0].notes
