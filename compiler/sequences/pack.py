"""Stage `pack`: which examples share a sequence, by best fit inside each window of the stream.

In: the lengths of the examples in stream order. Out: an order of examples and where each pack
begins. No token is touched, no example is split, none is lost. Which examples share a pack depends
on their lengths alone (`bins.py`), where a pack stands on keys.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from taskc.compiler.rows.row_keys import mixed
from taskc.compiler.sequences.bins import bins_of

__all__ = ["Packs", "pack"]

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Packs:
    """Pack p holds the examples `order[offsets[p]:offsets[p + 1]]`, in stream order.

    Attributes:
        order: Every example's index in the stream once, int64 [n].
        offsets: int64 [packs + 1].
    """

    order: Ints
    offsets: Ints

    def __len__(self) -> int:
        """The number of packs."""
        return len(self.offsets) - 1


def pack(lengths: npt.NDArray[np.integer], *, length: int, window: int, keys: Keys) -> Packs:
    """Packs each consecutive window of the stream into hardly more sequences than its tokens need.

    Windows keep their order. Inside a window packs stand in the order of a key made of their
    examples' keys, so a reader that doesn't shuffle sees no curriculum of lengths; inside a pack
    examples keep the order of the stream. 1,000,000 examples take less than 0.2 CPU s.

    Args:
        lengths: Tokens of each example, from 1 to `length`, [n].
        length: Most tokens a pack may hold.
        window: Examples in a window; the last one may hold fewer.
        keys: One 64-bit key an example, uniform, [n].
    """
    num_examples = len(lengths)
    assert len(keys) == num_examples
    assert lengths.min(initial=1) >= 1
    assert lengths.max(initial=1) <= length, (
        "an example longer than the pack has come through `encode`"
    )
    order = np.empty(num_examples, np.int64)
    counts = [np.zeros(1, np.int64)]
    bits = num_examples.bit_length()
    for begin in range(0, num_examples, window):
        part = slice(begin, begin + window)
        bins = bins_of(lengths[part].astype(np.int64), length)
        places = _places(bins, keys[part])[bins]
        counts.append(np.bincount(places))
        # One sort of (place, example) as a single integer, in place: 8 MB a million examples.
        places <<= bits
        places |= np.arange(begin, begin + len(places))
        places.sort()
        places &= (1 << bits) - 1
        order[part] = places
    return Packs(order, np.cumsum(np.concatenate(counts)))


def _places(bins: Ints, keys: Keys) -> Ints:
    """Returns each bin's place in its window: by key, then by number.

    A bin's key is the wrapping sum of its examples' mixed keys, uniform whatever their number; the
    least of them would put bins of many short examples first.
    """
    sums = np.zeros(int(bins.max()) + 1, np.uint64)
    np.add.at(sums, bins, mixed(keys))
    places = np.empty(len(sums), np.int64)
    places[np.argsort(mixed(sums), kind="stable")] = np.arange(len(sums))
    return places
