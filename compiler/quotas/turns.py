"""Turns: in which order the groups of a quota take their rows.

In: a weight for each of some groups side by side, and how many rows each can give. Out: a place for
every turn, so that the rows of all groups can be sorted into one sequence. The places are those of
the stream of a mixture (the chairman assignment), in which a group whose rows are used up is passed
over: after any number of rows a group has given all it has, or what its weight gives it within one.
Of groups of equal weight that is one after another. About 0.3 us a place, and as many places are
looked at as it takes to fill what is asked for.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from taskc.compiler.sequences.order import blocks

__all__ = ["places"]

Ints = npt.NDArray[np.int64]

FAR = np.iinfo(np.int64).max  # the place of a turn that comes after all that was asked for


def places(weights: Sequence[int], num_rows: Ints, most: int) -> Ints:
    """Returns the place of each turn, int64; turns are compared by their places.

    A group has a turn for each of its rows, and one more, which would be the next. Turns that come
    after the first `most` rows may have no place of their own but be `FAR`.

    Args:
        weights: Positive integers.
        num_rows: Rows of each group, int64 [k].
        most: How many rows are asked for.

    Returns:
        The turns of the first group, then those of the second, and so on: [sum(num_rows) + k].
    """
    firsts = np.cumsum(num_rows + 1) - (num_rows + 1)
    group = np.repeat(np.arange(len(weights)), num_rows + 1)
    turn = np.arange(len(group)) - firsts[group]
    if len(set(weights)) == 1:
        return turn * len(weights) + group
    return _of_stream(weights, num_rows, firsts, most)


def _of_stream(weights: Sequence[int], num_rows: Ints, firsts: Ints, most: int) -> Ints:
    """The places of turns in the stream, as far as rows are asked for."""
    found = np.full(int(num_rows.sum()) + len(weights), FAR, np.int64)
    given = np.zeros(len(weights), np.int64)
    wanted = min(most, int(num_rows.sum()))
    num_places = 0
    for block in blocks(weights):
        turn = given[block] + _how_often_before(block)
        is_known = turn <= num_rows[block]
        found[firsts[block[is_known]] + turn[is_known]] = num_places + np.flatnonzero(is_known)
        given += np.bincount(block, minlength=len(weights))
        num_places += len(block)
        left = np.flatnonzero(given <= num_rows)  # an end that was not met is yet to be placed
        if int(np.minimum(given, num_rows).sum()) >= wanted:
            break
        if len(left) == 1:
            own = slice(firsts[left[0]] + given[left[0]], firsts[left[0]] + num_rows[left[0]] + 1)
            found[own] = num_places + np.arange(own.stop - own.start)
            break
    return found


def _how_often_before(values: npt.NDArray[np.unsignedinteger]) -> Ints:
    """How often each value stands before its place, int64."""
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    is_first = np.diff(ranked, prepend=-1) != 0
    starts = np.flatnonzero(is_first)
    before = np.empty(len(values), np.int64)
    before[order] = np.arange(len(values)) - starts[np.cumsum(is_first) - 1]
    return before
