"""Near duplicates among the rows of one source and split.

In: keys of rows, the hash of each one's words and its bands, as `survey` found them. Out: for each
row the one that it goes for, or that it stays. Rows of the same words need no reading; of the rest
those that share a band are read again, and their shingles decide. What came of it is kept in the
store, and found there while neither the rows nor their order of files change. Beside the rows' keys
4 bytes a band stand in memory, and 8 a shingle of the rows that share one.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.engines.engine import Engine
from taskc.compiler.keys import Scope
from taskc.compiler.resemblance.judging import judged
from taskc.compiler.resemblance.minhash import Uint32s
from taskc.compiler.resemblance.reading import ShinglesFound, ShinglesTask, find_shingles
from taskc.compiler.resemblance.shingles import Shingles
from taskc.compiler.rows.row_keys import Ids, RowKeys, drawn_order
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["NearDuplicatesError", "near_duplicates"]

Int64s = npt.NDArray[np.int64]


class NearDuplicatesError(Exception):
    """Rows could not be read again; `load` reports the diagnostic."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic)
        self.diagnostic = diagnostic


def near_duplicates(
    source: plan.Source,
    rows: RowKeys,
    keys: Ids,
    bands: Uint32s,
    *,
    engine: Engine,
    progress: Callable[[int], None],
) -> Int64s:
    """Returns for each row the row that it goes for, or `STAYS`, int64 [n].

    Args:
        source: Whose rows they are; its `dedup` says how near is near.
        rows: The rows, in file order.
        keys: Hash of each row's words, uint8 [n, 16].
        bands: Of each row, uint32 [n, b].
        engine: What reads rows again.
        progress: Told how many rows were read.

    Raises:
        NearDuplicatesError: A file changed.
    """
    assert source.dedup is not None, "asked for where there is a dedup"
    order = drawn_order(rows.draws(Scope.source(), 0, "dedup"), rows.ids, rows.ordinals)
    sets_of = partial(_sets_of, source, rows, engine, progress)
    return judged(keys, bands, order, source.dedup.near or 0.0, sets_of).goes_for


def _sets_of(
    source: plan.Source,
    rows: RowKeys,
    engine: Engine,
    progress: Callable[[int], None],
    wanted: Int64s,
) -> Shingles:
    """The shingles of rows that are in file order."""
    pieces = []
    results = engine.map(find_shingles, _tasks(source, rows, wanted), num_rows=len(wanted))
    for result in results:
        _check(result)
        pieces.append(result.shingles)
        progress(len(result.shingles))
    return Shingles.joined(pieces)


def _tasks(source: plan.Source, rows: RowKeys, wanted: Int64s) -> Iterator[ShinglesTask]:
    ranges = rows.ranges[wanted]
    for own in np.split(wanted, np.flatnonzero(np.diff(ranges)) + 1):
        place = rows.inputs.ranges[int(rows.ranges[own[0]])]
        yield ShinglesTask(
            source=source,
            file=rows.inputs.files[place.file],
            range=place,
            lines=rows.lines[own],
            ids=rows.ids[own],
        )


def _check(result: ShinglesFound) -> None:
    if result.error is not None:
        raise NearDuplicatesError(result.error)
