"""Sources and expressions for the tests of rows."""

import gzip
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest

from taskc.compiler import plan
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.examples import Rows
from taskc.compiler.lower_expressions import Scope
from taskc.compiler.rows.load import Loaded, load
from taskc.compiler.rows.reread import read_rows
from taskc.compiler.rows.row_keys import RowKeys
from taskc.compiler.rows.values.evaluate import Env, compile_expression
from taskc.compiler.store.objects import Store
from taskc.dsl.model.program import Package
from taskc.dsl.text.parser import parse as parse_file
from taskc.dsl.text.source_text import SourceText

AT = plan.Place(path="s.task", start=0, end=1, line=1, column=1)


def parsed(text: str) -> plan.Expr:
    """An expression from its text; its draws are named "x/1", "x/2", ..."""
    spec = f"language 1\nsource s {{\n  let v = {text}\n}}\n"
    file = parse_file(SourceText("s.task", spec))
    assert file.diagnostics == ()
    block = file.declarations[1]
    return Scope(Package("p", "."), frozenset()).expression(block.statements[0].value, "x")


@pytest.fixture(scope="session")
def parse():
    """From the text of an expression to the plan's."""
    return parsed


@pytest.fixture(scope="session")
def evaluate():
    """From the text of an expression and fields to its value."""

    def value(text: str, draw=lambda _name: 0, **fields):
        return compile_expression(parsed(text))(Env(fields, draw))

    return value


def value_type(text: str) -> plan.ValueType:
    """A type from its text: "int", "text?", "list[text]", "choice(a, b)"."""
    if text.endswith("?"):
        return plan.OptionalType(inner=value_type(text[:-1]))
    if text.startswith("list["):
        return plan.ListType(item=value_type(text[5:-1]))
    if text.startswith("choice("):
        return plan.ChoiceType(values=tuple(text[7:-1].split(", ")))
    return plan.ScalarType(type=text)


@pytest.fixture(scope="session")
def type_of():
    """From the text of a type to the plan's."""
    return value_type


def reread(source: plan.Source, keys: RowKeys) -> Rows:
    """The rows of keys, with their values."""
    names = [file.name for file in keys.inputs.files]
    rows = Rows(keys.source, keys.split, file_names=names)
    for index, place in enumerate(keys.inputs.ranges):
        own = np.flatnonzero(keys.ranges == index)
        wanted = (keys.ids[own], keys.ordinals_of(own))
        file = keys.inputs.files[place.file]
        for part in read_rows(source, file, place, keys.lines[own], wanted):
            rows.values += part.values
            rows.ids += part.ids
            rows.ordinals += part.ordinals
            rows.files += [place.file] * len(part)
            rows.numbers += part.numbers
    every = np.arange(len(keys))
    assert keys.numbers(every).tolist() == rows.numbers
    assert keys.file_indices(every).tolist() == rows.files
    return rows


@dataclass
class Read(Loaded):
    """What was loaded, with rows in full."""

    keys: dict[str, RowKeys] | None = None


class Workbench:
    """Makes files and a source over them in a folder, and loads it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store.open(folder / "store")

    @staticmethod
    def reread(source: plan.Source, keys: RowKeys) -> Rows:
        """The rows of keys, with their values."""
        return reread(source, keys)

    @contextmanager
    def another_store(self) -> Iterator[None]:
        """Loads with a store that knows nothing of what was loaded before."""
        known, self.store = self.store, Store.open(self.folder / secrets.token_hex(4))
        yield
        self.store = known

    def write(self, name: str, content: bytes | str) -> Path:
        """Writes a file, gzipped where its name says so."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    def rows(self, name: str, rows: list[dict]) -> Path:
        """Writes rows as JSON Lines."""
        return self.write(name, "".join(json.dumps(row) + "\n" for row in rows))

    def source(
        self,
        kind: str = "jsonl",
        pattern: str = "train.jsonl",
        *,
        columns: dict[str, str] | None = None,
        row: dict[str, str] | None = None,
        lets: dict[str, str] | None = None,
        wheres: tuple[str, ...] = (),
        dedup: str | None = None,
        options: dict | None = None,
        splits: tuple[str, ...] = ("train",),
        **changes,
    ) -> plan.Source:
        """A source of the files `pattern`, in which `{split}` stands for the split."""
        root = str(self.folder)
        fields = {
            "name": "s",
            "clusters": (),
            "connector": plan.Connector(
                kind=kind,
                patterns={split: f"{root}/{pattern.replace('{split}', split)}" for split in splits},
                roots=dict.fromkeys(splits, root),
                options=options or {},
                at=AT,
            ),
            "splits": splits,
            "carved": (),
            "columns": {name: value_type(text) for name, text in (columns or {}).items()},
            "reads": None if columns is None else tuple(sorted(columns)),
            "row": None if row is None else {name: value_type(text) for name, text in row.items()},
            "lets": tuple(
                plan.Let(name=name, value=parsed(text), at=AT)
                for name, text in (lets or {}).items()
            ),
            "wheres": tuple(
                plan.Where(condition=parsed(text), text=text, at=AT) for text in wheres
            ),
            "dedup": plan.Dedup(key=parsed(dedup), near=None, at=AT) if dedup else None,
            "limit": None,
            "limit_at": None,
            "metric": "",
            "references": None,
            "license": "",
            "at": AT,
            "places": {},
        }
        return plan.Source(**(fields | changes))

    def load(self, *arguments, **named) -> Read:
        """Loads every split of a source, and rereads its rows."""
        source, loaded = self.load_keys(*arguments, **named)
        read = Read(**{each.name: getattr(loaded, each.name) for each in fields(loaded)})
        read.keys = loaded.rows
        read.rows = {split: reread(source, keys) for split, keys in loaded.rows.items()}
        return read

    def load_keys(
        self,
        *arguments,
        splits_asked=None,
        sample: int | None = None,
        watched=(),
        progress=lambda _split, _rows: None,
        **named,
    ) -> tuple[plan.Source, Loaded]:
        """Loads every split of a source, or of the one that the arguments describe."""
        given = bool(arguments) and isinstance(arguments[0], plan.Source)
        source = arguments[0] if given else self.source(*arguments, **named)
        loaded = load(
            source,
            splits_asked or _splits(source),
            engine=LocalEngine(jobs=1),
            store=self.store,
            watched=watched,
            sample=sample,
            progress=progress,
        )
        return source, loaded


def _splits(source: plan.Source) -> list[str]:
    return [*source.splits, *(carve.name for carve in source.carved)]


@pytest.fixture
def bench(tmp_path) -> Workbench:
    """A folder to make files in, and sources over them."""
    return Workbench(tmp_path)


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Workbench:
    """A folder that every example of a property writes anew."""
    return Workbench(tmp_path_factory.mktemp("rows"))
