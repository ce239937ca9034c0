"""Spans: from a token of an example back to the characters of the texts that it covers.

In: one example, laid out again. Out: for each of its tokens whether the format set it, or which
characters of which turns it covers; and from characters to the parts of a template's text. Ids are
slices of a pool, so a token is followed to its place in the pool and from there into its text.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal, NamedTuple

import numpy as np

from taskc.compiler import plan
from taskc.compiler.tracing.phrasing import Laid
from taskc.compiler.turns.templates.options import Options, Style, listed
from taskc.compiler.turns.tokenizer import PlacedIds

__all__ = ["SEPARATOR", "Cover", "Slot", "TokenPlace", "option_at", "parts_of", "token_places"]

Slot = Literal["bos", "separator", "end", "template", "text"]
SEPARATOR = -1  # in place of a turn: the literal that `seam: join` encodes with the texts

_CHAT: tuple[Slot, ...] = ("bos", "text", "end")
_PROMPT_TARGET: tuple[Slot, ...] = ("bos", "text", "separator", "text", "end")
_TARGET = 3  # index among those


class Cover(NamedTuple):
    """Characters `start` to `end` of a turn, or of the literal in the seam."""

    turn: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Where a token comes from.

    Attributes:
        slot: What the format says stands there.
        turn: The turn that it belongs to; that before it, for a separator; -1 for a BOS.
        covers: Characters, for texts alone; nothing where the tokenizer adds a token of its own.
    """

    slot: Slot
    turn: int
    covers: tuple[Cover, ...] = ()


def token_places(
    laid: Laid, format_: plan.Format, part: int, *, evaluation: bool
) -> tuple[list[int], list[TokenPlace]] | None:
    """Returns the ids of an example and where each comes from; None where it has no such part.

    Args:
        laid: The example.
        format_: The format that laid it out.
        part: 0, or 1, 2, ... for the later parts of one that was cut.
        evaluation: Whether it is of an evaluation split.
    """
    found = np.flatnonzero(laid.layout.part == part)
    if not len(found):
        return None
    texts = (_joint if _is_joined(format_) else _Apart)(laid, evaluation=evaluation)
    layout = laid.layout
    pieces = layout.pieces
    ids: list[int] = []
    places: list[TokenPlace] = []
    for piece in np.flatnonzero(pieces.example == found[0]).tolist():
        slot, turn = _slot(laid, format_, piece)
        start, length = int(pieces.start[piece]), int(pieces.length[piece])
        ids += layout.pool.ids[start : start + length].tolist()
        for position in range(start, start + length):
            covers: tuple[Cover, ...] = ()
            if slot == "text":
                covers = texts.covers(turn, position - layout.pool.num_constants)
            places.append(TokenPlace(slot, turn, covers))
    return ids, places


def _is_joined(format_: plan.Format) -> bool:
    return isinstance(format_, plan.PromptTargetFormat) and format_.seam == "join"


def _slot(laid: Laid, format_: plan.Format, piece: int) -> tuple[Slot, int]:
    """What a piece is, and the turn that it belongs to."""
    if isinstance(format_, plan.PromptTargetFormat):
        index = piece % len(_PROMPT_TARGET)
        slot = _PROMPT_TARGET[index]
        return slot, -1 if slot == "bos" else int(index >= _TARGET)
    assert laid.layout.turns is not None, "a chat has turns"
    slot = _CHAT[piece % len(_CHAT)]
    turn = int(laid.layout.turns[piece // len(_CHAT)])
    return slot, -1 if slot == "bos" else turn


# ---- from the pool to characters -----------------------------------------------------------------


class _Apart:
    """Texts that were encoded by themselves, each different one once, in order of first mention."""

    def __init__(self, laid: Laid, *, evaluation: bool) -> None:
        del evaluation  # options come behind the turns
        self._texts = laid.phrased.texts
        different = list(dict.fromkeys(self._texts))
        placed = laid.loaded.encode_placed(different)
        starts = accumulate((len(each.ids) for each in placed[:-1]), initial=0)
        self._placed = dict(zip(different, zip(starts, placed, strict=True), strict=True))

    def covers(self, turn: int, position: int) -> tuple[Cover, ...]:
        """What a token at a place of the pool covers, that stands in a turn."""
        first, placed = self._placed[self._texts[turn]]
        start, end = placed.starts[position - first], placed.ends[position - first]
        return (Cover(turn, start, end),) if end > start else ()


class _Joined:
    """Input, literal and target that were encoded as one text."""

    def __init__(self, texts: Sequence[str], literal: str, placed: PlacedIds) -> None:
        self._placed = placed
        self._borders = [0, len(texts[0]), len(texts[0]) + len(literal)]

    def covers(self, turn: int, position: int) -> tuple[Cover, ...]:
        """What a token at a place of the pool covers; it may reach over the seam."""
        del turn
        return tuple(self._cut(self._placed.starts[position], self._placed.ends[position]))

    def _cut(self, start: int, end: int) -> Iterator[Cover]:
        borders = [*self._borders, max(end, self._borders[-1])]
        for turn, (first, last) in zip((0, SEPARATOR, 1), pairwise(borders), strict=True):
            if max(start, first) < min(end, last):
                yield Cover(turn, max(start, first) - first, min(end, last) - first)


def _joint(laid: Laid, *, evaluation: bool) -> _Joined:
    texts, literal = laid.phrased.texts, laid.frame.joined
    head = texts[0] + literal
    whole, given = laid.loaded.encode_placed(["".join([head, *texts[1:]]), head])
    if evaluation:
        # The input is what the ids of all answers begin with, so it is read from the input alone.
        pieces, pool = laid.layout.pieces, laid.layout.pool
        common = int(pieces.start[_TARGET]) - pool.num_constants
        whole = PlacedIds(
            given.ids[:common] + whole.ids[common:],
            given.starts[:common] + whole.starts[common:],
            given.ends[:common] + whole.ends[common:],
        )
    return _Joined(texts, literal, whole)


# ---- from characters to parts --------------------------------------------------------------------


def parts_of(parts: Sequence[str], start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yields the parts of a text that characters `start` to `end` of it touch.

    Yields:
        Index of the part, and which of its characters, from 0 and after the last.
    """
    borders = list(accumulate(map(len, parts), initial=0))
    for index, (first, last) in enumerate(pairwise(borders)):
        if max(start, first) < min(end, last):
            yield index, max(start, first) - first, min(end, last) - first


def option_at(options: Options, style: Style, offset: int) -> int | None:
    """Which option stands at a character of the list that is shown; None: none does."""
    borders = [
        len(listed(style, options.surfaces[:count])) for count in range(len(options.surfaces))
    ]
    index = bisect_right(borders, offset) - 1
    return index if index >= 0 else None
