"""Clause: `dedup` of a mixture carried out: of training rows that are equal or near one stays.

In: a build and what is left of its sources. Out: the same without the rows whose twin stays, each
in the ledger under its clause; and warnings. The rows of all sources are judged one after another,
those of the source that the mixture lists first before those of the next, so a source that is added
at the end changes nothing before it. Ranges that were signed before are not read again, and what
came of the whole is in the store while no row changes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.decontamination.clause import Searching
from taskc.compiler.decontamination.evaluated import read_sets, rows_key
from taskc.compiler.decontamination.standing import (
    Part,
    Standing,
    UnreadableError,
    made_of,
    tasks_of,
)
from taskc.compiler.decontamination.stored import columns_of, from_buffer, to_buffers
from taskc.compiler.decontamination.texts import TextsTask
from taskc.compiler.examples import Drop
from taskc.compiler.keys import Scope
from taskc.compiler.places import error_at
from taskc.compiler.resemblance.greedy import STAYS
from taskc.compiler.resemblance.judging import Int64s, judged, of_equal_keys
from taskc.compiler.resemblance.shingles import Shingles, offsets_of
from taskc.compiler.rows.load import Loaded
from taskc.compiler.rows.row_keys import drawn_order
from taskc.compiler.store.code import code_digest
from taskc.compiler.twins.found import Twins
from taskc.compiler.twins.signing import Signed, SigningTask, sign
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["deduplicate"]

STAGE = "dedup"
_SIGNED_KIND = "signed"
_TWINS_KIND = "twins"


def deduplicate(
    build: plan.BuildPlan, loaded: Mapping[str, Loaded], means: Searching
) -> list[Diagnostic]:
    """Drops training rows by the clauses `dedup` of the mixture, from what is `loaded`.

    Args:
        build: The build.
        loaded: What is left of each source, by name.
        means: What the work is done with.

    Returns:
        Errors, where rows could not be read again; else warnings.

    Raises:
        StoreError: If the store can't be used.
    """
    sources = {source.name: source for source in build.sources}
    findings: list[Diagnostic] = []
    for clause in build.mixture.dedup:
        parts = [
            Part(sources[name], rows)
            for name in clause.sources
            if (rows := loaded[name].rows.get("train")) is not None and len(rows)
        ]
        if not parts:
            continue  # no training split is read, or nothing is left
        try:
            pairs = _Comparing(clause, parts, means).pairs()
        except UnreadableError as error:
            return [error.diagnostic]
        if not pairs.num_filled:
            findings.append(_nothing_compared(clause, parts))
        _leave(clause, parts, pairs, loaded)
    return findings


def _leave(
    clause: plan.MixtureDedup,
    parts: Sequence[Part],
    pairs: "_Pairs",
    loaded: Mapping[str, Loaded],
) -> None:
    """Leaves the rows that stay, and says of the others which one that is."""
    kept = Standing.of([part.rows for part in parts]).pick(pairs.kept)
    starts = offsets_of(np.array([len(part.rows) for part in parts], np.int64))
    bounds = np.searchsorted(pairs.gone, starts)
    ends = zip(pairwise(starts.tolist()), pairwise(bounds.tolist()), strict=True)
    for part, ((start, stop), (first, last)) in zip(parts, ends, strict=True):
        own = np.arange(first, last)
        gone = pairs.gone[own] - start
        stays = np.ones(stop - start, np.bool_)
        stays[gone] = False
        found = loaded[part.source.name]
        found.twins.append(Twins(clause, part.rows.pick(gone), kept.pick(own), pairs.likeness[own]))
        found.leave("train", stays, Drop(STAGE, _reason(clause), clause.at))


def _reason(clause: plan.MixtureDedup) -> str:
    return f"{'equals' if clause.near is None else 'is near'} a row that stays"


def _nothing_compared(clause: plan.MixtureDedup, parts: Sequence[Part]) -> Diagnostic:
    what = "text" if clause.near is None else "words"
    return error_at(
        "T0861",
        clause.at,
        f"no training row has {what} to compare",
        label="drops nothing",
        notes=tuple(f"rows of `{part.source.name}`: {len(part.rows)}" for part in parts),
        helps=("ask for other fields",),
    )


# ---- who goes for whom ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Rows that go and their twins, as indices among the rows of all parts.

    Attributes:
        gone: Rows that go, rising, int64 [g].
        kept: The row that each of them goes for, int64 [g].
        likeness: How alike the two are, float64 [g].
        num_filled: Rows that have something to compare.
    """

    gone: Int64s
    kept: Int64s
    likeness: npt.NDArray[np.float64]
    num_filled: int

    def to_buffers(self) -> list[bytes]:
        """What the store keeps."""
        columns = {"gone": self.gone, "kept": self.kept, "likeness": self.likeness}
        head = {"num_filled": self.num_filled}
        return to_buffers(head, {f"pairs.{name}": column for name, column in columns.items()})

    @staticmethod
    def opened(content: bytes) -> "_Pairs":
        """What `to_buffers` gave."""
        head, columns = from_buffer(content)
        return _Pairs(**columns_of(columns, "pairs"), num_filled=head["num_filled"])


class _Comparing:
    """The rows of one clause's sources, while they are compared."""

    def __init__(self, clause: plan.MixtureDedup, parts: Sequence[Part], means: Searching) -> None:
        self.clause = clause
        self.parts = parts
        self.means = means
        self.tasks = list(self._tasks(parts))
        self.keys = [rows_key(task) for task in self.tasks]

    def pairs(self) -> _Pairs:
        """Who goes for whom; from the store where no row changed since it was found."""
        store, key = self.means.store, self._key()
        known = store.get(_TWINS_KIND, key)
        if known is not None:
            return _Pairs.opened(known)
        found = self._compared(self._signed())
        store.put(_TWINS_KIND, key, found.to_buffers())
        return found

    def _tasks(self, parts: Sequence[Part]) -> Iterator[TextsTask]:
        return (task for part in parts for _, task in tasks_of(part, self.clause.fields))

    def _key(self) -> str:
        """Names all that decides who goes for whom; files in the order of their names."""
        digest = blake2b(digest_size=16)
        digest.update(f"{code_digest(__name__)}{self.clause.near}".encode())
        for key in self.keys:
            digest.update(key)
        return digest.hexdigest()

    # ---- what is compared ------------------------------------------------------------------------

    def _signed(self) -> Signed:
        """What each row is compared by, range by range, from the store where it has it."""
        store, near = self.means.store, self.clause.near
        code = f"{code_digest(sign.__module__)}{near}".encode()
        keys = [blake2b(code + key, digest_size=16).hexdigest() for key in self.keys]
        known = store.get_each(_SIGNED_KIND, keys)
        wanted = [
            SigningTask(task, near)
            for task, content in zip(self.tasks, known, strict=True)
            if content is None
        ]
        num_rows = sum(len(task.texts.lines) for task in wanted)
        made = made_of(sign, wanted, self.means.engine, num_rows=num_rows)
        pieces = []
        for task, key, content in zip(self.tasks, keys, known, strict=True):
            if content is not None:
                pieces.append(Signed.opened(content))
                continue
            pieces.append(next(made))
            store.put(_SIGNED_KIND, key, pieces[-1].to_buffers())
            self.means.progress(task.source.name, len(pieces[-1]))
        return Signed.joined(pieces)

    def _compared(self, signed: Signed) -> _Pairs:
        """Judges the rows that have something to compare; the others stay."""
        rows = np.flatnonzero(signed.is_filled)
        keys, order = signed.keys[rows], self._order(signed.is_filled)
        if self.clause.near is None:
            goes_for = of_equal_keys(keys, order)
            likeness = np.ones(len(rows))
        else:
            goes_for, likeness = judged(
                keys,
                signed.bands[rows],
                order,
                self.clause.near,
                lambda wanted: self._sets(rows[wanted]),
            )
        gone = np.flatnonzero(goes_for != STAYS)
        return _Pairs(rows[gone], rows[goes_for[gone]], likeness[gone], len(rows))

    def _order(self, is_filled: npt.NDArray[np.bool_]) -> Int64s:
        """The rows that are filled, numbered among themselves, as they are judged."""
        pieces, start = [], 0
        for part in self.parts:
            rows = part.rows
            draws = rows.draws(Scope.source(), 0, "dedup")
            pieces.append(drawn_order(draws, rows.ids, rows.ordinals) + start)
            start += len(rows)
        order = np.concatenate(pieces)
        number: Int64s = np.cumsum(is_filled) - 1
        found: Int64s = number[order[is_filled[order]]]
        return found

    def _sets(self, wanted: Int64s) -> Shingles:
        """The shingles of some rows, rising among those of all parts."""
        parts, start = [], 0
        for part in self.parts:
            stop = start + len(part.rows)
            first, last = np.searchsorted(wanted, [start, stop]).tolist()
            parts.append(Part(part.source, part.rows.pick(wanted[first:last] - start)))
            start = stop
        pieces = []
        tasks = list(self._tasks(parts))
        made = made_of(read_sets, tasks, self.means.engine, num_rows=len(wanted))
        for task, found in zip(tasks, made, strict=True):
            pieces.append(found)
            self.means.progress(task.source.name, len(found))
        return Shingles.joined(pieces)
