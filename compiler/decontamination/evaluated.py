"""Evaluated: the rows that training rows are compared with, and the index of them in the store.

In: a clause, and the rows of the splits that it names. Out: their index, found in the store or made
of their words by the engine's workers. It is named by the rows, by the clauses that make their
values and by the clause itself, so it is made once for all builds that ask the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import orjson

from taskc.compiler import plan
from taskc.compiler.decontamination.found import IndexName
from taskc.compiler.decontamination.likenesses import LikenessIndex
from taskc.compiler.decontamination.runs import Numbered, RunIndex
from taskc.compiler.decontamination.standing import Part, Standing, made_of, tasks_of
from taskc.compiler.decontamination.stored import columns_of, from_buffer, to_buffers
from taskc.compiler.decontamination.texts import TextsTask, row_words, texts
from taskc.compiler.digests import content_of
from taskc.compiler.engines.engine import Engine
from taskc.compiler.resemblance.shingles import Shingles, shingles
from taskc.compiler.resemblance.words import WordHashes
from taskc.compiler.rows.reread import RereadError
from taskc.compiler.rows.row_keys import Ids, id_halves
from taskc.compiler.store.code import code_digest
from taskc.compiler.store.objects import Store, StoreError
from taskc.dsl.codes import CODES
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["Index", "index_of", "read_sets", "rows_key"]

_KIND = "overlap"


@dataclass(slots=True)
class Index:
    """What training rows are looked up in.

    Attributes:
        found: By runs of words, or by likeness.
        rows: Where the evaluation rows stand that hits call by their number.
    """

    found: RunIndex | LikenessIndex
    rows: Standing

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
        return Index(found, Standing(parts, head["files"], **columns_of(columns, "rows")))


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
    rows = index.rows
    columns |= {
        "rows.part": rows.part,
        "rows.file": rows.file,
        "rows.number": rows.number,
        "rows.ids": rows.ids,
    }
    head = {
        "method": clause.method,
        "index": index.found.head(),
        "parts": rows.parts,
        "files": rows.files,
    }
    return IndexName(key, store.add(_KIND, key, to_buffers(head, columns)))


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
    found = (_runs if clause.method == "ngrams" else _likenesses)(clause, parts, engine, progress)
    rows = Standing.of([part.rows for part in parts])
    if isinstance(found, LikenessIndex):
        rows = rows.pick(_by_id(rows.ids))
    return Index(found, rows)


def _runs(
    clause: plan.Decontaminate,
    parts: Sequence[Part],
    engine: Engine,
    progress: Callable[[str, int], None],
) -> RunIndex:
    pieces, first_rows = [], []
    num_rows = 0
    tasks = _tasks(clause, parts)
    made = made_of(read_numbered, tasks, engine, num_rows=sum(len(part.rows) for part in parts))
    for task, found in zip(tasks, made, strict=True):
        pieces.append(found)
        first_rows.append(num_rows)
        num_rows += found.num_rows
        progress(task.source.name, found.num_rows)
    numbered = Numbered.joined(pieces, first_rows)
    return RunIndex.of(numbered, size=int(clause.value), max_rows=clause.max_rows)


def _likenesses(
    clause: plan.Decontaminate,
    parts: Sequence[Part],
    engine: Engine,
    progress: Callable[[str, int], None],
) -> LikenessIndex:
    pieces = []
    tasks = _tasks(clause, parts)
    made = made_of(read_sets, tasks, engine, num_rows=sum(len(part.rows) for part in parts))
    for task, found in zip(tasks, made, strict=True):
        pieces.append(found)
        progress(task.source.name, len(found))
    order = _by_id(np.concatenate([np.empty((0, 16), np.uint8), *(p.rows.ids for p in parts)]))
    return LikenessIndex.of(Shingles.joined(pieces).pick(order), clause.value)


def _by_id(ids: Ids) -> npt.NDArray[np.int64]:
    """The order of rows that is no accident of files: who is compared may depend on it."""
    first, second = id_halves(ids)
    return np.lexsort((second, first))


def _tasks(clause: plan.Decontaminate, parts: Sequence[Part]) -> list[TextsTask]:
    return [task for part in parts for _, task in tasks_of(part, clause.fields)]


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
    try:
        pieces = [shingles(rows, known).as_sets() for rows in row_words(task)]
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
