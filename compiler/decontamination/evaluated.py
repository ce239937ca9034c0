"""Evaluated: the rows that training rows are compared with, and the index of them in the store.

In: a clause, and the rows of the splits that it names. Out: their index, found in the store or made
of their words by the engine's workers. It is named by the rows, by the clauses that make their
values and by the clause itself, so it is made once for all builds that ask the same.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from taskc.compiler import plan
from taskc.compiler.decontamination.found import IndexName
from taskc.compiler.decontamination.likenesses import LikenessIndex
from taskc.compiler.decontamination.runs import Numbered, RunIndex
from taskc.compiler.decontamination.stored import columns_of, from_buffer, to_buffers
from taskc.compiler.decontamination.texts import TextsTask, texts
from taskc.compiler.digests import content_of
from taskc.compiler.engines.engine import Engine
from taskc.compiler.resemblance.shingles import Shingles, shingles
from taskc.compiler.resemblance.words import WordHashes
from taskc.compiler.rows.reread import RereadError
from taskc.compiler.rows.row_keys import Ids, RowKeys, Uint32s, id_halves
from taskc.compiler.store.code import code_digest
from taskc.compiler.store.objects import Store, StoreError
from taskc.dsl.codes import CODES
from taskc.dsl.diagnostics import Diagnostic

__all__ = [
    "EvaluatedRow",
    "Index",
    "Part",
    "UnreadableError",
    "index_of",
    "rows_key",
    "tasks_of",
]

_KIND = "overlap"


class UnreadableError(Exception):
    """Rows could not be read again; caught by the stage.

    Attributes:
        diagnostic: What to say of it.
    """

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic)
        self.diagnostic = diagnostic


class Part(NamedTuple):
    """The rows of one source and split."""

    source: plan.Source
    rows: RowKeys


class EvaluatedRow(NamedTuple):
    """Where an evaluation row stands."""

    source: str
    split: str
    file: str
    number: int
    row_id: bytes


@dataclass(slots=True)
class Index:
    """What training rows are looked up in.

    Attributes:
        found: By runs of words, or by likeness.
        parts: Source and split of each part.
        files: Names of files.
        part: Which part each row is of, uint16 [r].
        file: Which file it stands in, uint32 [r].
        number: Its number there, int64 [r].
        ids: Its id, uint8 [r, 16].
    """

    found: RunIndex | LikenessIndex
    parts: list[tuple[str, str]]
    files: list[str]
    part: npt.NDArray[np.uint16]
    file: Uint32s
    number: npt.NDArray[np.int64]
    ids: Ids

    def row(self, number: int) -> EvaluatedRow:
        """The evaluation row that hits call `number`."""
        source, split = self.parts[int(self.part[number])]
        file, row = self.files[int(self.file[number])], int(self.number[number])
        return EvaluatedRow(source, split, file, row, self.ids[number].tobytes())

    @staticmethod
    def opened(store: Store, name: IndexName) -> "Index":
        """An index of the store; its columns are views of what the store maps.

        Raises:
            StoreError: If it is no longer there.
        """
        content = store.read(_KIND, *name)
        if content is None:
            raise StoreError(_left(store, name))
        head, columns = from_buffer(content)
        kind = RunIndex if head["method"] == "ngrams" else LikenessIndex
        found = kind.opened(head["index"], columns_of(columns, "index"))
        parts = [(source, split) for source, split in head["parts"]]
        return Index(found, parts, head["files"], **columns_of(columns, "rows"))


def index_of(
    clause: plan.Decontaminate,
    parts: Sequence[Part],
    *,
    engine: Engine,
    store: Store,
    progress: Callable[[str, int], None],
) -> IndexName:
    """The index of evaluation rows, made where the store does not have it.

    Args:
        clause: The clause.
        parts: The rows of the splits that it names.
        engine: What reads them.
        store: Where the index is kept.
        progress: Told of a source's name and how many of its rows were read.

    Raises:
        UnreadableError: A file changed.
        StoreError: If the store can't be used.
    """
    key = _index_key(clause, parts)
    for name in store.names(_KIND, key):
        if store.read(_KIND, key, name) is not None:
            return IndexName(key, name)
    index = _made(clause, parts, engine, progress)
    columns = {f"index.{name}": column for name, column in index.found.columns().items()}
    columns |= {
        "rows.part": index.part,
        "rows.file": index.file,
        "rows.number": index.number,
        "rows.ids": index.ids,
    }
    head = {
        "method": clause.method,
        "index": index.found.head(),
        "parts": index.parts,
        "files": index.files,
    }
    return IndexName(key, store.add(_KIND, key, to_buffers(head, columns)))


def tasks_of(part: Part, fields: tuple[str, ...]) -> Iterator[tuple[int, TextsTask]]:
    """Yields the index of each range that holds some of the rows, and the task of their words."""
    rows = part.rows
    # Rows are in file order, so those of a range stand together: nothing is copied.
    first = np.flatnonzero(np.diff(rows.ranges, prepend=-1)).tolist() if len(rows) else []
    for start, stop in zip(first, [*first[1:], len(rows)], strict=True):
        own = slice(start, stop)
        index = int(rows.ranges[start])
        place = rows.inputs.ranges[index]
        task = TextsTask(
            source=part.source,
            file=rows.inputs.files[place.file],
            range=place,
            lines=rows.lines[own],
            ids=rows.ids[own],
            ordinals=np.zeros(stop - start, np.uint32)
            if rows.ordinals is None
            else rows.ordinals[own],
            fields=fields,
        )
        yield index, task


def rows_key(task: TextsTask) -> bytes:
    """16 bytes that name the values of the fields of a task's rows."""
    source = task.source
    made_by = [
        [source.connector.kind, source.connector.options],
        [source.columns, source.reads, source.row, source.lets, source.references],
        source.name,  # draws see it
    ]
    digest = blake2b(digest_size=16)
    written = orjson.dumps(content_of(made_by), option=orjson.OPT_SORT_KEYS)
    for part in (written, task.range.digest.encode(), task.lines.tobytes(), repr(task.fields)):
        raw = part.encode() if isinstance(part, str) else part
        digest.update(f"{len(raw)}:".encode() + raw)
    return digest.digest()


# ---- making it -----------------------------------------------------------------------------------


def _index_key(clause: plan.Decontaminate, parts: Sequence[Part]) -> str:
    """Names all that an index is made of, and what it says of where rows stand."""
    settings = [clause.method, clause.value, clause.max_rows]
    digest = blake2b(digest_size=16)
    digest.update(code_digest(__name__).encode())
    digest.update(repr(settings).encode())
    for part in parts:
        for _, task in tasks_of(part, clause.fields):
            place = (part.rows.source, part.rows.split, task.file.name, task.range.first_number)
            digest.update(repr(place).encode() + rows_key(task))
    return digest.hexdigest()


def _made(
    clause: plan.Decontaminate,
    parts: Sequence[Part],
    engine: Engine,
    progress: Callable[[str, int], None],
) -> Index:
    names: list[str] = []
    numbers, files = [], []
    for part in parts:
        every = np.arange(len(part.rows))
        numbers.append(part.rows.numbers(every))
        files.append(part.rows.file_indices(every).astype(np.uint32) + np.uint32(len(names)))
        names += [file.name for file in part.rows.inputs.files]
    sizes = [len(part.rows) for part in parts]
    found = (_runs if clause.method == "ngrams" else _likenesses)(clause, parts, engine, progress)
    index = Index(
        found=found,
        parts=[(part.rows.source, part.rows.split) for part in parts],
        files=names,
        part=np.repeat(np.arange(len(parts), dtype=np.uint16), sizes),
        file=np.concatenate([np.empty(0, np.uint32), *files]),
        number=np.concatenate([np.empty(0, np.int64), *numbers]),
        ids=np.concatenate([np.empty((0, 16), np.uint8), *(part.rows.ids for part in parts)]),
    )
    if isinstance(found, LikenessIndex):
        order = _by_id(index.ids)
        index = replace(
            index,
            part=index.part[order],
            file=index.file[order],
            number=index.number[order],
            ids=index.ids[order],
        )
    return index


def _runs(
    clause: plan.Decontaminate,
    parts: Sequence[Part],
    engine: Engine,
    progress: Callable[[str, int], None],
) -> RunIndex:
    pieces, first_rows = [], []
    num_rows = 0
    for name, found in _found(read_numbered, clause, parts, engine):
        assert isinstance(found, Numbered), "what the task makes"
        pieces.append(found)
        first_rows.append(num_rows)
        num_rows += found.num_rows
        progress(name, found.num_rows)
    numbered = Numbered.joined(pieces, first_rows)
    return RunIndex.of(numbered, size=int(clause.value), max_rows=clause.max_rows)


def _likenesses(
    clause: plan.Decontaminate,
    parts: Sequence[Part],
    engine: Engine,
    progress: Callable[[str, int], None],
) -> LikenessIndex:
    pieces = []
    for name, found in _found(read_sets, clause, parts, engine):
        assert isinstance(found, Shingles), "what the task makes"
        pieces.append(found)
        progress(name, len(found))
    order = _by_id(np.concatenate([np.empty((0, 16), np.uint8), *(p.rows.ids for p in parts)]))
    return LikenessIndex.of(Shingles.joined(pieces).pick(order), clause.value)


def _by_id(ids: Ids) -> npt.NDArray[np.int64]:
    """The order of rows that is no accident of files: who is compared may depend on it."""
    first, second = id_halves(ids)
    return np.lexsort((second, first))


def _found(
    read: Callable[[TextsTask], Numbered | Shingles | Diagnostic],
    clause: plan.Decontaminate,
    parts: Sequence[Part],
    engine: Engine,
) -> Iterator[tuple[str, Numbered | Shingles]]:
    """Yields what workers made of each range, and whose it is."""
    tasks = [task for part in parts for _, task in tasks_of(part, clause.fields)]
    num_rows = sum(len(part.rows) for part in parts)
    for task, found in zip(tasks, engine.map(read, tasks, num_rows=num_rows), strict=True):
        if isinstance(found, Diagnostic):
            raise UnreadableError(found)
        yield task.source.name, found


def read_numbered(task: TextsTask) -> Numbered | Diagnostic:
    """The words of a task's rows, numbered; or why there are none."""
    try:
        pieces = list(texts(task))
    except RereadError as error:
        return error.diagnostic
    return Numbered.joined([Numbered.of(piece) for piece in pieces], [0] * len(pieces))


def read_sets(task: TextsTask) -> Shingles | Diagnostic:
    """The shingles of a task's rows, each once; or why there are none."""
    known = WordHashes()
    pieces = []
    num_before = 0
    try:
        for found in texts(task):
            rows: list[list[str]] = [[] for _ in range(found.num_rows)]
            for own, row in zip(*found.by_row(), strict=True):
                rows[row - num_before] = own
            pieces.append(shingles(rows, known).as_sets())
            num_before += found.num_rows
    except RereadError as error:
        return error.diagnostic
    return Shingles.joined(pieces)


def _left(store: Store, name: IndexName) -> Diagnostic:
    return Diagnostic(
        code="T1005",
        severity=CODES["T1005"].severity,
        message="what was found in evaluation rows left the store during the build",
        primary=None,
        notes=(f"store `{store.url}`, object `{name.key}/{name.name}`",),
        helps=("build again: what is missing is made again",),
    )
