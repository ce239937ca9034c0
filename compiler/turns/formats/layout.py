"""Layout: phrased examples as pieces over a pool of ids, before they are assembled.

In: nothing. Out: what the two formats have in common: the texts of a chunk, each encoded once
however often it stands there, and the value that a format hands back.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import numpy.typing as npt

from taskc.compiler.turns.formats.frame import Frame
from taskc.compiler.turns.formats.overflow import Overflow, TooLong
from taskc.compiler.turns.formats.pieces import IdColumn, Pieces, id_type
from taskc.compiler.turns.rendering.template import RefusedError
from taskc.compiler.turns.tokenizer import Ids

__all__ = ["Layout", "Pool", "Texts", "ids_at", "overflow_of"]


class Texts:
    """Different texts in order of their first mention."""

    __slots__ = ("_indices",)

    def __init__(self) -> None:
        self._indices: dict[str, int] = {}

    def add(self, text: str) -> int:
        """The index of a text, new or not."""
        return self._indices.setdefault(text, len(self._indices))

    def add_all(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """The index of each text, int64."""
        indices = self._indices
        new = dict.fromkeys(texts)
        if not indices and len(new) == len(texts):
            self._indices = dict(zip(texts, count(), strict=False))
            return np.arange(len(texts))
        first = len(indices)
        indices.update(
            zip([text for text in new if text not in indices], count(first), strict=False)
        )
        return np.fromiter(map(indices.__getitem__, texts), np.int64, count=len(texts))

    def __iter__(self) -> Iterator[str]:
        """The texts in order of their indices."""
        return iter(self._indices)


class Pool:
    """Ids that pieces point at: a frame's constants first, then the ids of texts.

    Attributes:
        ids: All of them, in two bytes where they fit.
        num_constants: How many are the frame's.
        bos, separator, end: Where the constants start.
    """

    __slots__ = ("bos", "end", "ids", "num_constants", "separator")

    def __init__(self, frame: Frame, texts: npt.NDArray[np.uint32], vocab_size: int) -> None:
        constants = [*frame.bos, *frame.separator, *frame.end]
        self.bos = 0
        self.separator = len(frame.bos)
        self.end = self.separator + len(frame.separator)
        self.num_constants = len(constants)
        parts = [np.array(constants, np.uint32), texts]
        self.ids: IdColumn = np.concatenate(parts, dtype=id_type(vocab_size), casting="unsafe")


@dataclass(slots=True)
class Layout:
    """A chunk laid out; arrays have one entry an example.

    Attributes:
        pool: What the pieces point at.
        pieces: Of all examples in order.
        phrased: Index of the phrased example that each is of, never falling.
        part: 0, or 1, 2, ... for the later parts.
        trimmed_tokens: Tokens that overflow cut off.
        seam_joined: Whether a token spans the seam.
        too_long: Phrased examples that overflow took.
        option_ids: Evaluation only: for each phrased example the ids of each option.
        turns: In a chat, for each three pieces: which of the chunk's turns they are.
        refused: Phrased examples that the chat template cannot mark.
    """

    pool: Pool
    pieces: Pieces
    phrased: npt.NDArray[np.int64]
    part: npt.NDArray[np.int64]
    trimmed_tokens: npt.NDArray[np.int64]
    seam_joined: npt.NDArray[np.bool_]
    too_long: dict[int, TooLong] = field(default_factory=dict)
    option_ids: list[list[list[int]]] = field(default_factory=list)
    turns: npt.NDArray[np.int64] | None = None
    refused: dict[int, RefusedError] = field(default_factory=dict)

    def leave_out(self, out: npt.NDArray[np.bool_], lengths: npt.NDArray[np.int64]) -> None:
        """Leaves out examples; where other parts stay, the first of them counts the tokens.

        Args:
            out: Which examples.
            lengths: Tokens of each example.
        """
        keep = ~out
        missing = np.bincount(self.phrased[out], weights=lengths[out]).astype(np.int64)
        self.pieces = self.pieces.of_examples(keep)
        self.phrased, self.part = self.phrased[keep], self.part[keep]
        self.seam_joined = self.seam_joined[keep]
        self.trimmed_tokens = self.trimmed_tokens[keep]
        owners, first = np.unique(self.phrased, return_index=True)
        counted = owners < len(missing)
        self.trimmed_tokens[first[counted]] += missing[owners[counted]]


def overflow_of(overflow: Overflow, *, evaluation: bool) -> Overflow:
    """The overflow that applies: half an answer can't be judged, so there `split` trims prompts."""
    return "trim_prompt" if evaluation and overflow == "split" else overflow


def ids_at(ids: Ids, index: int) -> list[int]:
    """The ids of one text."""
    own: list[int] = ids.ids[ids.offsets[index] : ids.offsets[index + 1]].tolist()
    return own
