"""Overflow: what becomes of an example that is longer than its limits, as arithmetic over lengths.

In: lengths in tokens and the limits of a format. Out: which tokens stay, which examples are cut
in parts, and which give nothing, with the reason. No ids are looked at. docs/masks.md states the
rules.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, assert_never

import numpy as np
import numpy.typing as npt

__all__ = [
    "ChatLimits",
    "Cut",
    "CutDialogue",
    "KeptTurn",
    "Overflow",
    "TooLong",
    "cut_dialogue",
    "cut_prompts",
]

Overflow = Literal["trim", "trim_prompt", "drop", "split", "error"]
Int64s = npt.NDArray[np.int64]


class TooLong(NamedTuple):
    """Why an example gives nothing: `what` has `num_tokens`, the limit is `limit`."""

    what: str
    num_tokens: int
    limit: int

    @property
    def reason(self) -> str:
        """As it stands in the ledger: the same words for every row."""
        return f"{self.what} longer than {self.limit} tokens"


# ---- input and target --------------------------------------------------------------------------


@dataclass(slots=True)
class Cut:
    """What stays of prompts and targets; arrays have one entry a part, in order of examples.

    Attributes:
        example: Which example the part is of.
        part: 0, or 1, 2, ... for what `split` cut off.
        input_start, input_length: Tokens of the input that stay.
        target_start, target_length: Tokens of the target that stay.
        is_ended: Whether the end token follows.
        trimmed_tokens: Tokens cut off, the end token included.
        too_long: Examples that give nothing.
    """

    example: Int64s
    part: Int64s
    input_start: Int64s
    input_length: Int64s
    target_start: Int64s
    target_length: Int64s
    is_ended: npt.NDArray[np.bool_]
    trimmed_tokens: Int64s
    too_long: dict[int, TooLong]


def cut_prompts(
    inputs: Int64s,
    targets: Int64s,
    ends: Int64s,
    *,
    max_input: int,
    max_target: int,
    overflow: Overflow,
) -> Cut:
    """Applies the limits of `prompt_target`.

    Args:
        inputs: Tokens of each input.
        targets: Tokens of each target.
        ends: Tokens of the end after each target; 0 where there is no target.
        max_input: Bounds the input.
        max_target: Bounds the target with its end; larger than every one of `ends`.
        overflow: What is done with more.
    """
    long_input, long_target = inputs > max_input, targets + ends > max_target
    match overflow:
        case "error" | "drop":
            lost = long_input | long_target
        case "trim" | "split":
            lost = long_input
        case "trim_prompt":
            lost = long_target
        case _:
            assert_never(overflow)
    too_long = {
        int(index): TooLong("input", int(inputs[index]), max_input)
        if lost[index] and long_input[index] and overflow != "trim_prompt"
        else TooLong("target", int(targets[index] + ends[index]), max_target)
        for index in np.flatnonzero(lost)
    }
    kept = np.flatnonzero(~lost)
    cut = _uncut(kept, inputs[kept], targets[kept], too_long)
    match overflow:
        case "trim":
            _trim_targets(cut, ends[kept], max_target)
        case "trim_prompt":
            cut.input_start = np.maximum(cut.input_length - max_input, 0)
            cut.input_length -= cut.input_start
            cut.trimmed_tokens = cut.input_start.copy()
        case "split":
            _split_targets(cut, ends[kept], max_target)
        case "error" | "drop":
            pass
        case _:
            assert_never(overflow)
    return cut


def _uncut(kept: Int64s, inputs: Int64s, targets: Int64s, too_long: dict[int, TooLong]) -> Cut:
    zeros = np.zeros(len(kept), np.int64)
    return Cut(
        example=kept,
        part=zeros,
        input_start=zeros,
        input_length=inputs,
        target_start=zeros,
        target_length=targets,
        is_ended=np.ones(len(kept), np.bool_),
        trimmed_tokens=zeros,
        too_long=too_long,
    )


def _trim_targets(cut: Cut, ends: Int64s, max_target: int) -> None:
    """Cuts tails. A trimmed target has no end, or the model would learn to stop mid-sentence."""
    is_long = cut.target_length + ends > max_target
    length = np.where(is_long, np.minimum(cut.target_length, max_target), cut.target_length)
    cut.trimmed_tokens = np.where(is_long, cut.target_length + ends - length, 0)
    cut.target_length = length
    cut.is_ended = ~is_long


def _split_targets(cut: Cut, ends: Int64s, max_target: int) -> None:
    """Cuts targets in parts of at most `max_target` tokens; only the last one is ended."""
    whole = cut.target_length
    num_parts = np.maximum(-(-(whole + ends) // max_target), 1)
    of = np.repeat(np.arange(len(whole)), num_parts)
    part = np.arange(len(of)) - np.repeat(np.cumsum(num_parts) - num_parts, num_parts)
    is_last = part == num_parts[of] - 1
    # The end never stands alone in the last part: that would teach to answer nothing at all.
    start = np.where(
        is_last, np.maximum(np.minimum(part * max_target, whole[of] - 1), 0), part * max_target
    )
    stop = np.append(start[1:], 0)
    cut.target_length = np.where(is_last, whole[of], stop) - start
    cut.target_start = start
    cut.example, cut.part, cut.is_ended = cut.example[of], part, is_last
    cut.input_start, cut.input_length = cut.input_start[of], cut.input_length[of]
    cut.trimmed_tokens = np.zeros(len(of), np.int64)


# ---- turns -------------------------------------------------------------------------------------


class ChatLimits(NamedTuple):
    """Tokens that an example may have, and what the format sets around its turns."""

    max_tokens: int
    num_bos: int
    num_end: int
    overflow: Overflow


class KeptTurn(NamedTuple):
    """What stays of a turn: `length` tokens of its text from `start`, and its end if `is_ended`."""

    turn: int
    start: int
    length: int
    is_ended: bool
    is_trained: bool


class CutDialogue(NamedTuple):
    """The parts of one dialogue; the first counts the tokens that were cut off."""

    parts: list[list[KeptTurn]]
    trimmed_tokens: int


def cut_dialogue(
    lengths: list[int], is_trained: list[bool], is_answer: list[bool], limits: ChatLimits
) -> CutDialogue | TooLong:
    """Applies the limit of `chat` to one dialogue that is longer.

    Args:
        lengths: Tokens of each turn's text.
        is_trained: Whether the loss sees the turn.
        is_answer: Whether the turn answers those before it, so that `split` keeps it with them.
        limits: Of the format.
    """
    turns = [
        KeptTurn(index, 0, length, is_ended=True, is_trained=trained)
        for index, (length, trained) in enumerate(zip(lengths, is_trained, strict=True))
    ]
    total = limits.num_bos + sum(turn.length + limits.num_end for turn in turns)
    too_long = TooLong("example", total, limits.max_tokens)
    match limits.overflow:
        case "error" | "drop":
            return too_long
        case "trim":
            return _trim(turns, limits) or TooLong("prompt", total, limits.max_tokens)
        case "trim_prompt":
            return _trim_prompt(turns, limits)
        case "split":
            return _split(turns, is_answer, limits)
        case _:
            assert_never(limits.overflow)


def _trim(turns: list[KeptTurn], limits: ChatLimits) -> CutDialogue | None:
    """Cuts the tail; None where no trained token stays before the cut."""
    room = limits.max_tokens - limits.num_bos
    trimmed = sum(turn.length + limits.num_end for turn in turns) - room
    kept: list[KeptTurn] = []
    for turn in turns:
        if turn.length + limits.num_end > room:
            length = min(turn.length, room)
            # Part of an end of several tokens is no end.
            trimmed += room - length
            kept.append(turn._replace(length=length, is_ended=False))
            break
        kept.append(turn)
        room -= turn.length + limits.num_end
    has_trained = any(turn.is_trained and turn.length for turn in kept)
    return CutDialogue([kept], trimmed) if has_trained else None


def _trim_prompt(turns: list[KeptTurn], limits: ChatLimits) -> CutDialogue | TooLong:
    """Cuts all that stands after the last trained turn, then the head of what stands before it."""
    # Without a trained turn the dialogue is a prompt to generate from: all of it is context.
    last = max((index for index, turn in enumerate(turns) if turn.is_trained), default=len(turns))
    context, target = turns[:last], turns[last : last + 1]
    trimmed = _num_tokens(turns[last + 1 :], limits)
    num_target = limits.num_bos + _num_tokens(target, limits)
    excess = num_target + _num_tokens(context, limits) - limits.max_tokens
    kept: list[KeptTurn] = []
    for turn in context:
        if excess <= 0:
            kept.append(turn)
        elif excess < turn.length:
            # What is left of an answer without its beginning is context, not a target.
            kept.append(turn._replace(start=excess, length=turn.length - excess, is_trained=False))
            trimmed += excess
            excess = 0
        else:  # no text is left of it, so its end goes as well
            trimmed += turn.length + limits.num_end
            excess -= turn.length + limits.num_end
    if excess > 0 or (context and not kept):
        return TooLong("last answer", num_target, limits.max_tokens)
    return CutDialogue([kept + target], trimmed)


def _split(
    turns: list[KeptTurn], is_answer: list[bool], limits: ChatLimits
) -> CutDialogue | TooLong:
    """Cuts at borders of turns, between exchanges where an exchange fits; greedy from the first."""
    room = limits.max_tokens - limits.num_bos
    units: list[list[KeptTurn]] = []
    for exchange in _exchanges(turns, is_answer):
        if _num_tokens(exchange, limits) <= room:
            units.append(exchange)
        else:
            units += [[turn] for turn in exchange]
    parts: list[list[KeptTurn]] = []
    for unit in units:
        num_tokens = _num_tokens(unit, limits)
        if num_tokens > room:
            return TooLong("turn", num_tokens, limits.max_tokens)
        if not parts or _num_tokens(parts[-1], limits) + num_tokens > room:
            parts.append([])
        parts[-1] += unit
    trained = [part for part in parts if any(turn.is_trained for turn in part)]
    left_out = [part for part in parts if not any(turn.is_trained for turn in part)]
    return CutDialogue(trained, sum(_num_tokens(part, limits) for part in left_out))


def _exchanges(turns: list[KeptTurn], is_answer: list[bool]) -> list[list[KeptTurn]]:
    """Turns up to and with their answers: a question is not parted from what answers it."""
    exchanges: list[list[KeptTurn]] = [[]]
    for index, turn in enumerate(turns):
        if index > 0 and is_answer[index - 1] and not is_answer[index]:
            exchanges.append([])
        exchanges[-1].append(turn)
    return exchanges


def _num_tokens(turns: list[KeptTurn], limits: ChatLimits) -> int:
    """Tokens of whole turns with their ends."""
    return sum(turn.length + limits.num_end for turn in turns)
