"""Laying: exemplars before examples, as many as there is room for.

In: examples, and the pools of their sources. Out: which exemplars stand before each example, as
columns, and how many tokens that adds. Whole exemplars are left out, the last drawn first, until
the rest fits: into the limit of inputs (`prompt_target`) or of the whole example (`chat`). The
example itself is what it is without exemplars. Memory: 4 bytes an exemplar and 2 an example, and
while they are drawn some 50 MB, however many they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

import numpy as np

from taskc.compiler import plan
from taskc.compiler.demand.columns import Array, Examples
from taskc.compiler.engines.engine import Engine
from taskc.compiler.exemplars.drawing import Drawing, Queries, draw_all
from taskc.compiler.exemplars.pool import NOTHING, Pool
from taskc.compiler.keys import Scope
from taskc.compiler.rows.row_keys import RowKeys
from taskc.compiler.turns.formats.frame import frame_of
from taskc.compiler.turns.tokenizer import load

__all__ = ["Exemplars", "Laid", "Room", "Wanted", "lay", "room_of"]

# Exemplars that are drawn at a time, for all sources together.
DRAWN = 1 << 18
_FAR = 1 << 40  # more tokens than any room


class Room(NamedTuple):
    """How many tokens of exemplars there is room for, and what they cost.

    Attributes:
        limit: Tokens of an input, or of a whole example.
        num_fixed: Tokens of an input that the limit does not count: BOS and separator.
        num_bos: Tokens of BOS, which stands once, before the first exemplar.
        is_whole: Whether the limit holds for the whole example.
    """

    limit: int
    num_fixed: int
    num_bos: int
    is_whole: bool

    def left(self, examples: Examples) -> Array:
        """The tokens that exemplars may add to each example, int64; below 0 is none."""
        given = examples.tokens.astype(np.int64)
        if not self.is_whole:
            given -= examples.trained
            given -= self.num_fixed
        return self.limit - given


def room_of(build: plan.BuildPlan) -> Room:
    """The room that a build's format leaves; its tokenizer and format have no mistake."""
    loaded, _ = load(build.tokenizer)
    assert loaded is not None, "examples were made with this tokenizer"
    frame, _ = frame_of(build.format, loaded, build.templates)
    assert frame is not None, "examples were made in this format"
    num_bos = len(frame.bos)
    match build.format:
        case plan.PromptTargetFormat(input=limit):
            return Room(limit, num_bos + len(frame.separator), num_bos, is_whole=False)
        case plan.ChatFormat(max=limit):
            return Room(limit, 0, num_bos, is_whole=True)
        case _:
            assert_never(build.format)


@dataclass(slots=True)
class Exemplars:
    """Which exemplars stand before each of n examples.

    Attributes:
        counts: How many, uint16 [n].
        items: Their numbers in a pool's bank, example after example, uint32.
    """

    counts: Array = field(default_factory=lambda: np.zeros(0, np.uint16))
    items: Array = field(default_factory=lambda: np.zeros(0, np.uint32))

    @staticmethod
    def joined(pieces: Sequence["Exemplars"]) -> "Exemplars":
        """Those of all pieces, one after another."""
        if len(pieces) == 1:
            return pieces[0]
        none = Exemplars()
        return Exemplars(
            np.concatenate([none.counts, *(piece.counts for piece in pieces)]),
            np.concatenate([none.items, *(piece.items for piece in pieces)]),
        )

    def first(self, num_examples: int) -> "Exemplars":
        """Those of the first so many examples."""
        counts = self.counts[:num_examples]
        return Exemplars(counts, self.items[: int(counts.sum(dtype=np.int64))])


@dataclass(slots=True)
class Laid:
    """What stands before examples, and what became of it.

    Attributes:
        exemplars: Of each example.
        added: Tokens that they add to it, int64 [n].
        num_short: Rows' examples for which the pool had too few exemplars.
    """

    exemplars: Exemplars
    added: Array
    num_short: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Examples of one source that exemplars are wanted for.

    Attributes:
        pool: The source's pool.
        keys: The rows of the examples' split.
        examples: Their columns; the parts of one row's example get the same exemplars.
    """

    pool: Pool
    keys: RowKeys
    examples: Examples


class _Piece(NamedTuple):
    """Some rows' examples, parts included, that are drawn for together."""

    number: int  # among what is wanted
    begin: int
    end: int


def lay(
    wanted: Sequence[Wanted],
    between: tuple[int, int],
    scope: Scope,
    room: Room,
    engine: Engine,
) -> list[Laid]:
    """Lays exemplars before examples.

    Args:
        wanted: The examples, each of another pool.
        between: The least and the most exemplars of an example.
        scope: The mixture's.
        room: What there is room for.
        engine: What makes examples that are not there yet.

    Raises:
        EngineFailedError: If a task found the faster engine wrong.
    """
    found: list[list[Laid]] = [[] for _ in wanted]
    for batch in _batches(wanted, max(1, DRAWN // between[1])):
        drawings = [_drawing(wanted[each.number], each, between, scope) for each in batch]
        for _ in draw_all([drawing for drawing, _ in drawings], engine):
            pass
        for each, (drawing, units) in zip(batch, drawings, strict=True):
            source = wanted[each.number]
            room_left = room.left(source.examples.between(each.begin, each.end))
            tokens = source.pool.bank.tokens.astype(np.int64) - room.num_bos
            found[each.number].append(_kept(drawing, units, tokens, room_left))
    return [
        Laid(
            Exemplars.joined([each.exemplars for each in own]),
            np.concatenate([np.zeros(0, np.int64), *(each.added for each in own)]),
            sum(each.num_short for each in own),
        )
        for own in found
    ]


def _batches(wanted: Sequence[Wanted], most: int) -> Iterator[list[_Piece]]:
    """Yields pieces of at most so many rows' examples together, no two of one source."""
    batch: list[_Piece] = []
    room = most
    for number, each in enumerate(wanted):
        firsts = np.append(np.flatnonzero(each.examples.part == 0), len(each.examples))
        begin = 0
        while begin < len(firsts) - 1:
            end = min(begin + room, len(firsts) - 1)
            batch.append(_Piece(number, int(firsts[begin]), int(firsts[end])))
            room -= end - begin
            if room == 0:
                yield batch
                batch, room = [], most
            begin = end
    if batch:
        yield batch


def _drawing(
    wanted: Wanted, piece: _Piece, between: tuple[int, int], scope: Scope
) -> tuple[Drawing, Array]:
    """A drawing for a piece, and which of its queries each example of the piece is part of."""
    examples = wanted.examples.between(piece.begin, piece.end)
    is_first = examples.part == 0
    queries = Queries(
        wanted.keys,
        examples.row[is_first],
        examples.repetition[is_first],
        examples.prompt[is_first],
    )
    numbers = queries.numbers(scope, *between)
    return Drawing(wanted.pool, queries, numbers, scope), np.cumsum(is_first) - 1


def _kept(drawing: Drawing, units: Array, tokens: Array, room_left: Array) -> Laid:
    """The exemplars that fit before each example.

    Args:
        drawing: What was drawn.
        units: The query that each example is part of.
        tokens: What each exemplar of the bank adds.
        room_left: What each example has room for.
    """
    items = drawing.items[units]
    is_there = items != NOTHING
    costs = np.full(items.shape, _FAR, np.int64)
    costs[is_there] = tokens[items[is_there]]
    until = np.cumsum(costs, axis=1)
    fits = until <= room_left[:, None]
    counts = fits.sum(axis=1)
    added = np.zeros(len(items), np.int64)
    some = np.flatnonzero(counts)
    added[some] = until[some, counts[some] - 1]
    exemplars = Exemplars(counts.astype(np.uint16), items[fits].astype(np.uint32))
    return Laid(exemplars, added, drawing.num_short)
