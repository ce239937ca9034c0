"""Search: what rows of one range share with evaluation rows.

In: training rows by their keys, and the name of an index in the store. Out: the lines of the rows
that share something; what they share goes into the store, where the report and `taskc why` find it.
Besides reading a row costs 15 us for 35 words, whichever way is asked.
"""

from dataclasses import dataclass

import numpy as np

from taskc.compiler.decontamination.evaluated import Index
from taskc.compiler.decontamination.found import IndexName
from taskc.compiler.decontamination.hits import Hits
from taskc.compiler.decontamination.texts import TextsTask, texts
from taskc.compiler.rows.reread import RereadError
from taskc.compiler.rows.row_keys import Uint32s
from taskc.compiler.store.objects import Store
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["HITS_KIND", "SearchTask", "Searched", "forget", "search"]

HITS_KIND = "hits"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTask:
    """Training rows of one range, and what they are looked up in.

    Attributes:
        texts: The rows.
        index: The index of the evaluation rows.
        store: Where it is, and where hits are kept.
        key: The name that the hits get there.
    """

    texts: TextsTask
    index: IndexName
    store: Store
    key: str


@dataclass(frozen=True, slots=True)
class Searched:
    """What came of it.

    Attributes:
        lines: Of the rows that share something, rising, uint32.
        num_rows: How many rows were read.
        error: Why they could not be.
    """

    lines: Uint32s
    num_rows: int = 0
    error: Diagnostic | None = None


def search(task: SearchTask) -> Searched:
    """Looks up the rows of a task.

    Raises:
        StoreError: If the index left the store, or nothing can be kept there.
    """
    index = _opened(task.store, task.index)
    hits = Hits()
    try:
        for found in texts(task.texts):
            hits.add(index.found.shared(found))
    except RereadError as error:
        return Searched(np.empty(0, np.uint32), 0, error.diagnostic)
    lines, ids, fields = task.texts.lines, task.texts.ids, task.texts.fields
    task.store.put(HITS_KIND, task.key, hits.to_bytes(lines, ids, fields))
    return Searched(lines[np.unique(np.array(hits.row, np.int64))], len(lines))


_OPENED: dict[IndexName, Index] = {}


def _opened(store: Store, name: IndexName) -> Index:
    """An index; a worker searches one range after another in the same, and has one open."""
    if name not in _OPENED:
        _OPENED.clear()
        _OPENED[name] = Index.opened(store, name)
    return _OPENED[name]


def forget() -> None:
    """Gives back what this process has open."""
    _OPENED.clear()
