"""A step's rows, cut into pieces that fit, each with what is trained in it.

In: the rows that one rank got of a step. Out: micro-batches of at most so many tokens, padding
included. Packs keep their length; rows of examples are sorted by theirs, so that little is padded.
Which pieces there are changes no loss and no gradient, but for rounding.

Shapes: B rows of a piece, T places of a row, N trained tokens of a piece.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.layout import IGNORED, Batch, Row, lay_out

__all__ = ["MicroBatch", "cut"]

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class MicroBatch:
    """What one forward pass takes.

    Attributes:
        batch: Ids, labels, positions and segments, [B, T].
        example_BT: Example ids, -1 in padding.
        places_N: Where the next token is trained, as places in the flattened [B * T].
        targets_N: Those next tokens.
        example_N: Their example ids.
        source_N: Their sources, as indices into the manifest's.
    """

    batch: Batch
    example_BT: Int64
    places_N: Int64
    targets_N: Int64
    example_N: Int64
    source_N: Int64

    @property
    def num_tokens(self) -> int:
        """Tokens, padding left out."""
        return sum(self.batch.num_tokens)

    @property
    def num_trained_examples(self) -> int:
        """Examples with a trained token."""
        return len(np.unique(self.example_N))


def cut(rows: Sequence[Row], *, length: int, max_tokens: int, pad_id: int) -> list[MicroBatch]:
    """Cuts rows into micro-batches.

    Args:
        rows: Of one rank and one step.
        length: What rows are padded to; 0: to the longest of their piece.
        max_tokens: Most places of a piece, padding included.
        pad_id: What stands in padding.

    Raises:
        ArtifactError: If one row alone is longer.
    """
    longest = max([length, *(len(row.ids) for row in rows)])
    if longest > max_tokens:
        raise ArtifactError(
            "micro-batch", "max_tokens", f"at least {longest:,}, one row", f"{max_tokens:,}"
        )
    return [
        _micro_batch(piece, length or max(len(row.ids) for row in piece), pad_id)
        for piece in _pieces(rows, length, max_tokens)
    ]


def _pieces(rows: Sequence[Row], length: int, max_tokens: int) -> Iterator[list[Row]]:
    """Yields as many rows at a time as fit."""
    if not length:  # the first row of a piece is its longest
        rows = sorted(rows, key=lambda row: len(row.ids), reverse=True)
    piece: list[Row] = []
    for row in rows:
        width = length or len(piece[0].ids if piece else row.ids)
        if piece and (len(piece) + 1) * width > max_tokens:
            yield piece
            piece = []
        piece.append(row)
    if piece:
        yield piece


def _micro_batch(rows: Sequence[Row], length: int, pad_id: int) -> MicroBatch:
    batch = lay_out(rows, length, pad_id)
    example_BT = np.full(batch.input_ids.shape, -1, np.int64)
    source_BT = np.full(batch.input_ids.shape, -1, np.int64)
    for b, row in enumerate(rows):
        example_BT[b, : len(row.ids)] = np.repeat(row.examples.astype(np.int64), row.lengths)
        source_BT[b, : len(row.ids)] = np.repeat(row.sources.astype(np.int64), row.lengths)
    # The first token of an example is never trained, so none is predicted from another example.
    b_N, t_N = np.nonzero(batch.labels[:, 1:] != IGNORED)
    return MicroBatch(
        batch=batch,
        example_BT=example_BT,
        places_N=b_N * length + t_N,
        targets_N=batch.labels[b_N, t_N + 1],
        example_N=example_BT[b_N, t_N + 1],
        source_N=source_BT[b_N, t_N + 1],
    )
