"""Entries: what was encoded, chunk by chunk, as the columns of one segment of the store.

In: encoded pairs of row and prompt with their example keys. Out: `Entries`, one for each part of an
example and one for each pair that gave none, with the reason. A mistake has no entry: it is found
again as long as it is there.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from taskc.compiler.store.segments import Entries, Segment
from taskc.compiler.turns.encode import EncodedPairs
from taskc.compiler.turns.formats.pieces import id_type
from taskc.compiler.turns.turn import Fate

__all__ = ["Pending", "as_segment"]

Keys = npt.NDArray[np.uint8]  # [n, 16]


@dataclass(slots=True)
class Pending:
    """Chunks that were encoded and stand in no segment yet.

    Attributes:
        vocab_size: Ids are held in two bytes where it fits into 16 bits.
        evaluation: Whether the examples have options, correct ones and references.
        num_tokens: Of all chunks.
    """

    vocab_size: int
    evaluation: bool
    num_tokens: int = 0
    _chunks: list[dict[str, npt.NDArray[Any]]] = field(default_factory=list)
    _option_ids: list[list[list[int]]] = field(default_factory=list)
    _correct: list[list[int]] = field(default_factory=list)
    _references: list[list[str]] = field(default_factory=list)
    _reasons: dict[Fate, int] = field(default_factory=dict)

    def add(self, keys: Keys, encoded: EncodedPairs) -> None:
        """Adds a chunk: its examples, then its pairs without one.

        Args:
            keys: The example key of each pair, uint8 [pairs, 16].
            encoded: What came of the pairs.
        """
        laid = encoded.laid
        fallen = np.array(list(encoded.fates), np.int64)
        codes = [
            self._reasons.setdefault(fate, len(self._reasons)) + 1
            for fate in encoded.fates.values()
        ]
        num_examples, num_fallen = len(encoded.pair), len(fallen)
        none = np.zeros(num_fallen, np.int64)
        spans = laid.spans.reshape(-1, 2)
        ends = np.append(0, np.cumsum(spans[:, 1] - spans[:, 0]))
        columns = {
            "keys": keys[np.concatenate([encoded.pair, fallen])],
            "fates": np.array([0] * num_examples + codes, np.uint8),
            "parts": np.concatenate([encoded.part, none]).astype(np.uint16),
            "trimmed": np.concatenate([encoded.trimmed_tokens, none]).astype(np.uint32),
            "seam_joined": np.concatenate([encoded.seam_joined, none]).astype(np.bool_),
            "trained": np.concatenate([np.diff(ends[laid.span_offsets]), none]).astype(np.uint32),
            "ids": laid.ids.astype(id_type(self.vocab_size), copy=False),
            "lengths": np.concatenate([np.diff(laid.offsets), none]),
            "spans": laid.spans,
            "num_spans": np.concatenate([np.diff(laid.span_offsets), none]),
        }
        self._chunks.append(columns)
        self.num_tokens += len(laid.ids)
        if self.evaluation:
            self._option_ids += encoded.option_ids + [[]] * num_fallen
            self._correct += encoded.correct + [[]] * num_fallen
            self._references += encoded.references + [[]] * num_fallen

    def __len__(self) -> int:
        """The number of entries."""
        return sum(len(chunk["fates"]) for chunk in self._chunks)

    def entries(self) -> Entries:
        """All of them, at least one."""
        joined = {
            name: np.concatenate([chunk[name] for chunk in self._chunks])
            for name in self._chunks[0]
        }
        return Entries(
            keys=joined["keys"],
            fates=joined["fates"],
            parts=joined["parts"],
            trimmed=joined["trimmed"],
            seam_joined=joined["seam_joined"],
            trained=joined["trained"],
            ids=joined["ids"],
            offsets=np.append(0, np.cumsum(joined["lengths"])),
            spans=joined["spans"],
            span_offsets=np.append(0, np.cumsum(joined["num_spans"])),
            reasons=[(fate.stage, fate.reason, fate.clause) for fate in self._reasons],
            option_ids=self._option_ids if self.evaluation else None,
            correct=self._correct if self.evaluation else None,
            references=self._references if self.evaluation else None,
        )


def as_segment(name: str, entries: Entries) -> Segment:
    """A segment that was just written, without reading it again; columns of ids stay behind."""
    return Segment(
        name=name,
        keys=entries.keys,
        fates=entries.fates,
        parts=entries.parts,
        trimmed=entries.trimmed,
        seam_joined=entries.seam_joined,
        trained=entries.trained,
        ids=entries.ids,
        offsets=entries.offsets.astype(np.int32),
        spans=entries.spans,
        span_offsets=entries.span_offsets.astype(np.int32),
        reasons=list(entries.reasons),
        option_ids=None,
        correct=None,
        references=None,
    )
