"""The format `chat`: turns one after another, each closed by the end-of-turn token.

In: phrased examples; a prompt counts as a user's turn and an assistant's. Out: their layout. The
end of a trained turn is trained, of another it is not. An evaluation ends with the last answer:
the turns before it are its input, those after it are left out.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.turns.formats.answers import LossRule, evaluated_turns, trained_turns
from taskc.compiler.turns.formats.frame import Frame
from taskc.compiler.turns.formats.layout import Layout, Pool, Texts, ids_at, overflow_of
from taskc.compiler.turns.formats.overflow import (
    ChatLimits,
    CutDialogue,
    TooLong,
    cut_dialogue,
)
from taskc.compiler.turns.formats.pieces import Pieces
from taskc.compiler.turns.phrase import Phrased
from taskc.compiler.turns.tokenizer import Loaded

__all__ = ["laid_out"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_ANSWERS = ("assistant", "target")


class _Turns(NamedTuple):
    """Turns of all examples: whose, which text, whether trained, whether an answer."""

    example: Int64s
    text: Int64s
    is_trained: Bools
    is_answer: Bools


class _Kept(NamedTuple):
    """What stays: one entry a turn, in order of examples and parts."""

    example: Int64s
    part: Int64s
    turn: Int64s
    start: Int64s
    length: Int64s
    is_ended: Bools
    is_trained: Bools


def laid_out(
    examples: Sequence[Phrased],
    format_: plan.ChatFormat,
    frame: Frame,
    loaded: Loaded,
    *,
    evaluation: bool,
) -> Layout:
    """Lays out a chunk.

    Args:
        examples: Each with at least one turn.
        format_: Loss rule, limit and overflow.
        frame: Ids around the texts.
        loaded: The tokenizer.
        evaluation: Whether to end with the last answer and to encode options.
    """
    texts = Texts()
    turns = _turns(examples, format_.loss, texts, evaluation=evaluation)
    options = [[texts.add(text) for text in example.answers] for example in examples]
    encoded = loaded.encode(list(texts))
    starts, lengths = encoded.offsets[:-1], np.diff(encoded.offsets)
    limits = ChatLimits(
        max_tokens=format_.max,
        num_bos=len(frame.bos),
        num_end=len(frame.end),
        overflow=overflow_of(format_.overflow, evaluation=evaluation),
    )
    cuts = _cuts(turns, lengths[turns.text], limits)
    kept = _kept(turns, lengths[turns.text], cuts)
    # A part begins where example or part changes.
    begins = np.flatnonzero(np.diff(kept.example, prepend=-1) | np.diff(kept.part, prepend=0))
    pool = Pool(frame, encoded.ids, loaded.vocab_size)
    return Layout(
        pool=pool,
        pieces=_pieces(pool, frame, kept, starts[turns.text[kept.turn]], begins),
        phrased=kept.example[begins],
        part=kept.part[begins],
        trimmed_tokens=_trimmed(kept, begins, cuts),
        seam_joined=np.zeros(len(begins), np.bool_),
        too_long={index: cut for index, cut in cuts.items() if isinstance(cut, TooLong)},
        option_ids=[[ids_at(encoded, index) for index in indices] for indices in options],
        turns=kept.turn,
    )


def _turns(
    examples: Sequence[Phrased], loss: LossRule, texts: Texts, *, evaluation: bool
) -> _Turns:
    """The turns of all examples, their texts gathered and the loss rule applied."""
    text: list[int] = []
    is_trained: list[bool] = []
    is_answer: list[bool] = []
    counts: list[int] = []
    for example in examples:
        voices = evaluated_turns(example.voices) if evaluation else example.voices
        counts.append(len(voices))
        text += [texts.add(text) for text in example.texts[: len(voices)]]
        is_trained += trained_turns(voices, loss, evaluation=evaluation)
        is_answer += [voice.role in _ANSWERS for voice in voices]
    return _Turns(
        example=np.repeat(np.arange(len(examples)), counts),
        text=np.array(text, np.int64),
        is_trained=np.array(is_trained, np.bool_),
        is_answer=np.array(is_answer, np.bool_),
    )


def _cuts(turns: _Turns, lengths: Int64s, limits: ChatLimits) -> dict[int, CutDialogue | TooLong]:
    """What overflow makes of each example that is longer than the limit."""
    totals = np.bincount(turns.example, weights=lengths + limits.num_end).astype(np.int64)
    firsts = np.searchsorted(turns.example, np.arange(len(totals) + 1))
    cuts: dict[int, CutDialogue | TooLong] = {}
    for example in np.flatnonzero(totals + limits.num_bos > limits.max_tokens).tolist():
        own = slice(firsts[example], firsts[example + 1])
        cuts[example] = cut_dialogue(
            lengths[own].tolist(),
            turns.is_trained[own].tolist(),
            turns.is_answer[own].tolist(),
            limits,
        )
    return cuts


def _kept(turns: _Turns, lengths: Int64s, cuts: dict[int, CutDialogue | TooLong]) -> _Kept:
    """All turns of the examples that fit, and what is left of the others."""
    is_cut = np.isin(turns.example, np.array(list(cuts), np.int64))
    whole = np.flatnonzero(~is_cut)
    zeros = np.zeros(len(whole), np.int64)
    rows = np.stack(
        [turns.example[whole], zeros, whole, zeros, lengths[whole], zeros + 1, zeros], axis=1
    )
    rows[:, 6] = turns.is_trained[whole]
    firsts = np.searchsorted(turns.example, np.arange(len(np.unique(turns.example)) + 1))
    left = [
        (example, part, firsts[example] + turn, start, length, is_ended, is_trained)
        for example, cut in cuts.items()
        if isinstance(cut, CutDialogue)
        for part, kept in enumerate(cut.parts)
        for turn, start, length, is_ended, is_trained in kept
    ]
    if left:
        rows = np.concatenate([rows, np.array(left, np.int64)])
        rows = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
    example, part, turn, start, length, is_ended, is_trained = rows.T
    return _Kept(
        example, part, turn, start, length, is_ended.astype(np.bool_), is_trained.astype(np.bool_)
    )


def _trimmed(kept: _Kept, begins: Int64s, cuts: dict[int, CutDialogue | TooLong]) -> Int64s:
    """Tokens cut off, counted with an example's first part."""
    trimmed = np.zeros(len(begins), np.int64)
    if cuts:
        for index, begin in enumerate(begins.tolist()):
            cut = cuts.get(int(kept.example[begin]))
            if isinstance(cut, CutDialogue) and kept.part[begin] == 0:
                trimmed[index] = cut.trimmed_tokens
    return trimmed


def _pieces(pool: Pool, frame: Frame, kept: _Kept, texts: Int64s, begins: Int64s) -> Pieces:
    """Three pieces a turn: bos (before the first of a part), text, end.

    Args:
        pool: What the pieces point at.
        frame: Ids around the texts.
        kept: The turns.
        texts: Where the whole text of each turn starts among the texts.
        begins: The turns that begin a part.
    """
    is_first = np.zeros(len(kept.turn), np.bool_)
    is_first[begins] = True
    start = np.empty((len(kept.turn), 3), np.int64)
    start[:, 0], start[:, 2] = pool.bos, pool.end
    start[:, 1] = pool.num_constants + texts + kept.start
    length = np.empty_like(start)
    length[:, 0] = np.where(is_first, len(frame.bos), 0)
    length[:, 1] = kept.length
    length[:, 2] = np.where(kept.is_ended, len(frame.end), 0)
    is_trained = np.repeat(kept.is_trained, 3)
    is_trained[::3] = False
    return Pieces(
        example=np.repeat(np.cumsum(is_first) - 1, 3),
        start=start.reshape(-1),
        length=length.reshape(-1),
        is_trained=is_trained,
    )
