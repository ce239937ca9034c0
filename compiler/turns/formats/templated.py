"""The format `chat` with `template: tokenizer`: conversations as the tokenizer's template has them.

In: phrased examples. Out: their layout. A conversation is rendered and its mask proved
(`rendering.proof`); what stands between two seams is then encoded as one text, with the special
tokens that the template wrote in it, so up to the first answer the ids are those that the tokenizer
gives the rendered prompt. A tokenizer may read the end of a prompt otherwise with the answer behind
it; such examples are counted as `seam_joined`. An evaluation ends with the last answer. 0.1 to
0.3 ms an example of four messages besides the tokenizer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.turns.formats.answers import evaluated_turns, trained_turns
from taskc.compiler.turns.formats.frame import Frame
from taskc.compiler.turns.formats.layout import Layout, Pool, Texts, overflow_of
from taskc.compiler.turns.formats.overflow import TooLong
from taskc.compiler.turns.formats.pieces import Pieces
from taskc.compiler.turns.phrase import Phrased
from taskc.compiler.turns.rendering.marks import Token
from taskc.compiler.turns.rendering.proof import Proved, Stretch
from taskc.compiler.turns.rendering.rendering import Rendering
from taskc.compiler.turns.rendering.template import RefusedError
from taskc.compiler.turns.tokenizer import Loaded

__all__ = ["Written", "laid_out", "written"]

Int64s = npt.NDArray[np.int64]

_SEAM_CHARS = 64  # of an answer, to see whether a token would span the seam before it


class Written(NamedTuple):
    """A stretch as it is handed to the tokenizer.

    Attributes:
        text: With the template's special tokens under their guarded names.
        continues: Whether it continues a text; else it begins the conversation or with a token.
        num_led: Tokens at its beginning that belong to the stretch before it: 0 or 1.
        num_special: Special tokens in it, that one included.
    """

    text: str
    continues: bool
    num_led: int
    num_special: int


def written(rendering: Rendering, proved: Proved, stretch: Stretch) -> Written:
    """A stretch as one text.

    What begins behind a special token is encoded with it before it: a tokenizer may set a space
    mark there, and only it knows.
    """
    before = [token for token in proved.tokens if token.stop == stretch.start]
    start = before[-1].start if before else stretch.start
    tokens = _within(proved.tokens, start, stretch.stop)
    text = rendering.marker.named(proved.text, tokens, start, stretch.stop)
    return Written(text, bool(stretch.start) and not before, len(before[-1:]), len(tokens))


def _within(tokens: Sequence[Token], start: int, stop: int) -> list[Token]:
    return [token for token in tokens if start <= token.start and token.stop <= stop]


@dataclass(slots=True)
class _Gathered:
    """The texts of a chunk, those that begin and those that continue apart."""

    beginning: Texts = field(default_factory=Texts)
    continuing: Texts = field(default_factory=Texts)

    def add(self, each: Written) -> tuple[bool, int]:
        """Which text a stretch is."""
        texts = self.continuing if each.continues else self.beginning
        return each.continues, texts.add(each.text)


class _Piece(NamedTuple):
    """A stretch of an example on its way: which text, and what of it."""

    text: tuple[bool, int]
    num_led: int
    num_special: int
    is_trained: bool


@dataclass(slots=True)
class _Example:
    """One example's pieces, its seams and its options, by their texts."""

    pieces: list[_Piece]
    seams: list[tuple[int, int]]  # the text before a seam, and the same with what follows
    options: list[_Piece]


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
        frame: With its rendering.
        loaded: The tokenizer.
        evaluation: Whether to end with the last answer and to encode options.
    """
    assert frame.rendering is not None
    gathered = _Gathered()
    refused: dict[int, RefusedError] = {}
    made: list[_Example | None] = []
    for index, example in enumerate(examples):
        try:
            made.append(_made(example, format_, frame.rendering, gathered, evaluation=evaluation))
        except RefusedError as error:
            refused[index] = error
            made.append(None)
    coded = _Coded(gathered, loaded)
    for index, one in enumerate(made):
        if one is not None and not coded.is_guarded(one):
            refused[index] = RefusedError("a text gives the id of a special token")
            made[index] = None
    return _layout(made, refused, format_, coded, evaluation=evaluation)


def _made(
    example: Phrased,
    format_: plan.ChatFormat,
    rendering: Rendering,
    gathered: _Gathered,
    *,
    evaluation: bool,
) -> _Example:
    voices = evaluated_turns(example.voices) if evaluation else example.voices
    texts = example.texts[: len(voices)]
    trained = trained_turns(voices, format_.loss, evaluation=evaluation)
    proved = rendering.proved(voices, texts, trained)
    pieces, seams = [], []
    for stretch in proved.stretches[: 2 if evaluation else None]:
        each = written(rendering, proved, stretch)
        pieces.append(_piece(each, gathered, is_trained=stretch.is_trained))
        if stretch.is_trained and each.continues:
            seams.append(_seam(rendering, proved, stretch, gathered))
    options = []
    for answer in example.answers:
        other = rendering.proved(voices, [*texts[:-1], answer], trained)
        option = other.stretches[1]
        end = _within(other.tokens, option.start, option.stop)[-1]
        option = option._replace(stop=end.start)
        options.append(_piece(written(rendering, other, option), gathered, is_trained=True))
    return _Example(pieces, seams, options)


def _piece(each: Written, gathered: _Gathered, *, is_trained: bool) -> _Piece:
    return _Piece(gathered.add(each), each.num_led, each.num_special, is_trained)


def _seam(
    rendering: Rendering, proved: Proved, stretch: Stretch, gathered: _Gathered
) -> tuple[int, int]:
    """What stands before a seam since the last special token, and the same with what follows."""
    marker = rendering.marker
    before = [token for token in proved.tokens if token.stop <= stretch.start]
    start = before[-1].start if before else 0
    stop = _within(proved.tokens, stretch.start, stretch.stop)[-1].start
    stop = min(stop, stretch.start + _SEAM_CHARS)
    tail = marker.named(proved.text, before[-1:], start, stretch.start)
    beginning = gathered.beginning
    return beginning.add(tail), beginning.add(tail + proved.text[stretch.start : stop])


# ---- ids ---------------------------------------------------------------------------------------


class _Coded:
    """The ids of a chunk's texts: those that begin first, then those that continue."""

    def __init__(self, gathered: _Gathered, loaded: Loaded) -> None:
        beginning = loaded.encode_named(list(gathered.beginning), continues=False)
        continuing = loaded.encode_named(list(gathered.continuing), continues=True)
        self.ids = np.concatenate([beginning.ids, continuing.ids])
        self.vocab_size = loaded.vocab_size
        self._offsets = (beginning.offsets, continuing.offsets + len(beginning.ids))
        special = np.zeros(len(self.ids) + 1, np.int64)
        special[1 + loaded.spelled(self.ids)] = 1
        self._num_special = np.cumsum(special)

    def bounds(self, text: tuple[bool, int]) -> tuple[int, int]:
        """Where the ids of a text start and stop."""
        continues, index = text
        offsets = self._offsets[continues]
        return int(offsets[index]), int(offsets[index + 1])

    def of(self, piece: _Piece) -> tuple[int, int]:
        """Where the ids of a piece start, and how many they are."""
        start, stop = self.bounds(piece.text)
        return start + piece.num_led, stop - start - piece.num_led

    def is_guarded(self, example: _Example) -> bool:
        """Whether in each text there are as many special ids as the template wrote tokens."""
        counted = self._num_special
        for piece in (*example.pieces, *example.options):
            start, stop = self.bounds(piece.text)
            if counted[stop] - counted[start] != piece.num_special:
                return False
        return True

    def is_joined(self, example: _Example) -> bool:
        """Whether the tokenizer would set a token across a seam."""
        for before, both in example.seams:
            start, stop = self.bounds((False, before))
            other, until = self.bounds((False, both))
            there = self.ids[other:until][: stop - start]
            if not np.array_equal(self.ids[start:stop], there):
                return True
        return False


def _layout(
    made: Sequence[_Example | None],
    refused: dict[int, RefusedError],
    format_: plan.ChatFormat,
    coded: _Coded,
    *,
    evaluation: bool,
) -> Layout:
    overflow = overflow_of(format_.overflow, evaluation=evaluation)
    rows: list[tuple[int, int, int, bool]] = []  # example, start, length, whether trained
    kept: list[int] = []
    trimmed: list[int] = []
    too_long: dict[int, TooLong] = {}
    for index, one in enumerate(made):
        if one is None:
            continue
        spans = [(*coded.of(piece), piece.is_trained) for piece in one.pieces]
        total = sum(length for _, length, _ in spans)
        if total > format_.max:
            if overflow != "trim":
                too_long[index] = TooLong("example", total, format_.max)
                continue
            spans = _cut(spans, format_.max)
            if not any(is_trained and length for _, length, is_trained in spans):
                too_long[index] = TooLong("prompt", total, format_.max)
                continue
        rows += [(len(kept), *span) for span in spans]
        kept.append(index)
        trimmed.append(max(0, total - format_.max))
    pool = Pool(Frame((), (), (), ""), coded.ids, coded.vocab_size)
    columns = np.array(rows, np.int64).reshape(-1, 4)
    return Layout(
        pool=pool,
        pieces=Pieces(columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3] > 0),
        phrased=np.array(kept, np.int64),
        part=np.zeros(len(kept), np.int64),
        trimmed_tokens=np.array(trimmed, np.int64),
        seam_joined=np.array([_is_joined(coded, made[index]) for index in kept], np.bool_),
        too_long=too_long,
        option_ids=[_options(coded, one) for one in made],
        refused=refused,
    )


def _cut(spans: list[tuple[int, int, bool]], room: int) -> list[tuple[int, int, bool]]:
    """The first `room` tokens."""
    kept = []
    for start, length, is_trained in spans:
        kept.append((start, min(length, room), is_trained))
        room -= kept[-1][1]
    return kept


def _is_joined(coded: _Coded, example: _Example | None) -> bool:
    return example is not None and coded.is_joined(example)


def _options(coded: _Coded, example: _Example | None) -> list[list[int]]:
    if example is None:
        return []
    found = []
    for piece in example.options:
        start, length = coded.of(piece)
        found.append(coded.ids[start : start + length].tolist())
    return found
