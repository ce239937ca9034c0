"""The pool of one source: the rows that may be exemplars, on a circle of keyed points.

In: the training rows of a source, and the examples that the mixture counts of it, if it counts
some. Out: for each prompt the rows that draw it and the others, in the order of their points, and
where their examples by it lie in the store. What is not there yet is asked for by row and prompt
and then known as well. 36 bytes a row, 32 an example.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from taskc.compiler.demand.asks import Ask, Maker
from taskc.compiler.demand.columns import Array, Examples
from taskc.compiler.keys import Scope
from taskc.compiler.rows.row_keys import RowKeys, drawn_order, id_halves, rows_equal_to
from taskc.compiler.turns.choice import PromptChoice

__all__ = ["NOTHING", "UNKNOWN", "Bank", "Circle", "Pool"]

# What stands for the number of an example in the bank where there is none:
NOTHING = -1  # none is wanted
UNKNOWN = -2  # nobody has asked for the example of this row and prompt yet
_UNFIT = -3  # it was asked for; there is none, or it is cut
_PROMPTS = np.uint64(1 << 16)
_NOWHERE: Array = np.zeros(0, np.int64)


@dataclass(slots=True)
class Bank:
    """Whole examples that may stand before others.

    Attributes:
        rows: Index of each one's row among the pool's keys, uint32 [n].
        pointers: Where it lies in the store, by the maker's segments, uint64 [n].
        tokens: uint32 [n].
    """

    rows: Array = field(default_factory=lambda: np.zeros(0, np.uint32))
    pointers: Array = field(default_factory=lambda: np.zeros(0, np.uint64))
    tokens: Array = field(default_factory=lambda: np.zeros(0, np.uint32))

    def __len__(self) -> int:
        """The number of examples."""
        return len(self.rows)

    def add(self, examples: Examples, which: Array) -> Array:
        """Adds some examples; returns their numbers, int64."""
        first = len(self)
        self.rows = np.concatenate([self.rows, examples.row[which]])
        self.pointers = np.concatenate([self.pointers, examples.pointer[which]])
        self.tokens = np.concatenate([self.tokens, examples.tokens[which]])
        return np.arange(first, len(self))


@dataclass(slots=True)
class Circle:
    """Rows of a pool in the order of their points, as far as they may have an example by a prompt.

    Attributes:
        places: Where each row stands in the pool, rising, int64 [m].
        points: uint64 [m], never falling.
        items: The number of its example in the bank, or UNKNOWN, int64 [m].
        everyone: The points of these rows and of those that are known to have no whole example.
    """

    places: Array
    points: Array
    items: Array
    everyone: Array


class Pool:
    """The rows of one source that may be exemplars; places are indices into its columns.

    Attributes:
        maker: What makes their examples.
        rows: Index of each row among the maker's keys, in the order of points, uint32 [m].
        points: uint64 [m].
        high, low: Both halves of each row's id, uint64 [m].
        bank: Their examples, as far as they were asked for.
    """

    def __init__(
        self,
        maker: Maker,
        rows: Array,
        counted: Examples | None = None,
        *,
        left_out: Sequence[RowKeys] = (),
    ) -> None:
        """Puts rows on the circle.

        Args:
            maker: What makes their examples.
            rows: Indices of different rows among the maker's keys, uint32 [m].
            counted: Their examples in repetition 0; None: nobody has made them.
            left_out: Rows equal to one of these are no exemplars.
        """
        keys = maker.rows
        self.maker = maker
        if len(rows) and left_out:
            held = np.concatenate([each.ids for each in left_out])
            rows = np.delete(rows, rows_equal_to(keys.ids[rows], held))
        self._scope = Scope.mixture(maker.build.mixture.seed)
        points = keys.draws(self._scope, 0, "exemplar", rows)
        order = drawn_order(points, keys.ids[rows], keys.ordinals_of(rows))
        self.rows = rows[order]
        self.points = points[order]
        self.high, self.low = id_halves(keys.ids[self.rows])
        self.bank = Bank()
        self._own: dict[int, Array] = {}  # prompt -> places of the rows that draw it, rising
        self._pairs = np.zeros(0, np.uint64)  # of place and prompt, rising
        self._items = np.zeros(0, np.int64)
        if counted is not None:
            self._take(counted)
        else:
            prompts = self._drawn()
            self._own = {p: np.flatnonzero(prompts == p) for p in np.unique(prompts).tolist()}

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.rows)

    def own(self, prompt: int) -> Circle:
        """The rows that draw a prompt themselves."""
        return self._circle(prompt, self._own.get(prompt, _NOWHERE))

    def others(self, prompt: int) -> Circle:
        """The rows that don't."""
        is_other = np.ones(len(self), np.bool_)
        is_other[self._own.get(prompt, _NOWHERE)] = False
        return self._circle(prompt, np.flatnonzero(is_other))

    def _circle(self, prompt: int, places: Array) -> Circle:
        points = self.points[places]
        pairs = _pairs(places, np.array(prompt))
        items = np.full(len(places), UNKNOWN, np.int64)
        if len(self._pairs):
            at = np.minimum(np.searchsorted(self._pairs, pairs), len(self._pairs) - 1)
            items = np.where(self._pairs[at] == pairs, self._items[at], UNKNOWN)
        fit = np.flatnonzero(items != _UNFIT)
        return Circle(places[fit], points[fit], items[fit], points)

    def ask(self, places: Array, prompts: Array) -> Ask:
        """An ask for examples of rows at places by prompts, each pair once."""
        nothing = np.zeros(len(places), np.uint32)
        return Ask(self.maker, self.rows[places], nothing, prompts=prompts.astype(np.uint16))

    def learn(self, places: Array, prompts: Array, examples: Examples) -> None:
        """Takes in what came of an ask for these places and prompts."""
        pairs = _pairs(self.rows[places], prompts)
        order = np.argsort(pairs)
        items = np.full(len(places), _UNFIT, np.int64)
        whole = np.flatnonzero(_is_whole(examples))
        made = _pairs(examples.row[whole], examples.prompt[whole])
        items[order[np.searchsorted(pairs[order], made)]] = self.bank.add(examples, whole)
        self._remember(_pairs(places, prompts), items)

    def _take(self, examples: Examples) -> None:
        """Takes in what the rows give by the prompts that they draw."""
        firsts = np.flatnonzero(examples.part == 0)
        firsts = firsts[np.isin(examples.row[firsts], self.rows)]
        by_row = np.argsort(self.rows)
        places = by_row[np.searchsorted(self.rows[by_row], examples.row[firsts])]
        prompts = examples.prompt[firsts].astype(np.int64)
        is_whole = _is_whole(examples)[firsts]
        items = np.full(len(firsts), _UNFIT, np.int64)
        items[is_whole] = self.bank.add(examples, firsts[is_whole])
        self._remember(_pairs(places, prompts), items)
        self._own = {
            prompt: np.sort(places[prompts == prompt]) for prompt in np.unique(prompts).tolist()
        }

    def _drawn(self) -> Array:
        """The prompt that each row draws where all apply, int64; -1: there is none to draw."""
        prompts = [(each, prompt) for each in self.maker.templates for prompt in each.prompts]
        drawn = [index for index, (_, prompt) in enumerate(prompts) if prompt.has_target]
        if not drawn:
            return np.full(len(self), -1, np.int64)
        labels = [f"{prompts[index][0].name}.{prompts[index][1].label}" for index in drawn]
        draws = partial(self.maker.rows.draws, self._scope, 0, rows=self.rows)
        choice = PromptChoice(labels, len(self), draws)
        found: Array = np.array(drawn, np.int64)[choice.of_all]
        return found

    def _remember(self, pairs: Array, items: Array) -> None:
        pairs = np.concatenate([self._pairs, pairs])
        order = np.argsort(pairs)
        self._pairs = pairs[order]
        self._items = np.concatenate([self._items, items])[order]


def _pairs(rows: Array, prompts: Array) -> Array:
    return rows.astype(np.uint64) * _PROMPTS + prompts.astype(np.uint64)


def _is_whole(examples: Examples) -> Array:
    """Which examples are whole ones: neither cut off nor cut in parts, a bool for each."""
    goes_on = np.append(examples.part[1:] > 0, False)
    whole: Array = (examples.part == 0) & ~goes_on & (examples.trimmed == 0)
    return whole
