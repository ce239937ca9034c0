"""What isolation is measured on: examples of the artefact, and documents longer than any window.

In: a packed sequence. Out: lists of token ids. A window shows only in a document that is longer;
such documents are made up from the sequence's own tokens, over and over.
"""

from collections.abc import Sequence as ListOf
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from taskc.runtime.isolation.borders import window_of

if TYPE_CHECKING:
    from taskc.runtime.reader import Sequence

__all__ = ["examples_of", "longer_than_window"]

Documents = ListOf[npt.NDArray[np.int64]]

_MOST_EXAMPLES = 8
_MOST_PADDED = 1 << 15  # tokens of the examples as padded rows of one batch


def examples_of(sequence: "Sequence") -> Documents:
    """Returns the sequence's first examples: at most eight, or as many as make 32,768 padded."""
    documents = np.split(np.asarray(sequence.input_ids), np.cumsum(sequence.lengths)[:-1])
    kept: list[npt.NDArray[np.int64]] = []
    longest = 0
    for document in documents[:_MOST_EXAMPLES]:
        longest = max(longest, len(document))
        if len(kept) > 1 and longest * (len(kept) + 1) > _MOST_PADDED:
            break
        kept.append(document)
    return kept


def longer_than_window(config: Any, sequence: "Sequence") -> Documents:
    """Returns two documents that are longer than the model's window, with a short one between.

    None, where no layer has a window, or the model has no positions past it.
    """
    window = window_of(config)
    most = int(getattr(config, "max_position_embeddings", 0) or 1 << 62)
    if window is None or window >= most:
        return []
    rest = min(max(2, window // 8), most - window)
    lengths = (window + rest, 3, window + max(1, rest // 2))
    stream = np.resize(np.asarray(sequence.input_ids), sum(lengths))
    return np.split(stream, np.cumsum(lengths)[:-1])
