"""Drawing: which exemplars stand before each example of a source, before any is left out for room.

In: examples (queries), and the pool of their source. Out: for each query the numbers of its
exemplars in the pool's bank, in order. Each is looked for from a keyed draw of the query on: first
among the rows that draw the query's prompt themselves, then among the others, phrased by it. A row
that equals the query or an exemplar before is passed over, and so is one without a whole example.
docs/keys.md says it step by step, docs/decisions/0065 why. About 3 us an exemplar.

Rows stand on a circle at points of their own, so a row that is added or left out changes only the
examples that it stands or stood before. A query looks from eight points on and takes the row
that is nearest to one of them: from one point alone rows behind a gap would be taken far more
often than others (Appleton and O'Reilly 2015, "Multi-probe consistent hashing").

Examples that are not in the store yet are asked for in rounds. What is asked for is never less than
what the draws turn out to need, and may be more; it changes no draw.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from taskc.compiler.demand.asks import Ask
from taskc.compiler.demand.columns import Array
from taskc.compiler.engines.engine import Engine
from taskc.compiler.exemplars.pool import NOTHING, UNKNOWN, Circle, Pool
from taskc.compiler.keys import Scope
from taskc.compiler.rows.row_keys import RowKeys, id_halves, mixed
from taskc.compiler.turns.make import make

__all__ = ["Drawing", "Queries", "draw_all"]

NUM_PROBES = 8
_HALF = np.uint64(32)


@dataclass(slots=True)
class Queries:
    """Examples of one source that others stand before.

    Attributes:
        keys: The rows of their split.
        rows: Index of each one's row among the keys, uint32 [n].
        repetitions: How often the row was delivered before, uint32 [n].
        prompts: The prompt that phrased it, counted through all templates, uint16 [n].
    """

    keys: RowKeys
    rows: Array
    repetitions: Array
    prompts: Array

    def __len__(self) -> int:
        """The number of queries."""
        return len(self.rows)

    def draws(self, scope: Scope, name: str, which: Array) -> Array:
        """The draw of that name of some queries' rows, uint64."""
        found = np.empty(len(which), np.uint64)
        repetitions = self.repetitions[which]
        for repetition in np.unique(repetitions).tolist():
            own = np.flatnonzero(repetitions == repetition)
            rows, back = np.unique(self.rows[which[own]], return_inverse=True)
            found[own] = self.keys.draws(scope, repetition, name, rows)[back.reshape(-1)]
        return found

    def numbers(self, scope: Scope, least: int, most: int) -> Array:
        """How many exemplars each has drawn, from `least` to `most`, int64."""
        if least == most:
            return np.full(len(self), most, np.int64)
        draws = self.draws(scope, "exemplars", np.arange(len(self)))
        # The whole part of draw * span / 2**64, in two halves of which none is cut off.
        span = np.uint64(most - least + 1)
        low = (draws & np.uint64(0xFFFFFFFF)) * span
        return least + ((((draws >> _HALF) * span) + (low >> _HALF)) >> _HALF).astype(np.int64)


class Drawing:
    """Exemplars of some queries on their way.

    Attributes:
        items: Numbers in the pool's bank, NOTHING behind the last exemplar, int64 [n, most].
    """

    def __init__(self, pool: Pool, queries: Queries, wanted: Array, scope: Scope) -> None:
        """Draws as far as the pool knows its examples.

        Args:
            pool: The pool of the queries' source.
            queries: The queries.
            wanted: How many exemplars each should have, int64 [n].
            scope: The mixture's.
        """
        self._pool = pool
        self._queries = queries
        self._wanted = wanted
        most = int(wanted.max(initial=0))
        self._draws = np.zeros((len(queries), most), np.uint64)
        for number in range(most):
            which = np.flatnonzero(wanted > number)
            self._draws[which, number] = queries.draws(scope, f"exemplar/{number}", which)
        self._high, self._low = id_halves(queries.keys.ids[queries.rows])
        self.items = np.full((len(queries), most), NOTHING, np.int64)
        self._open = np.arange(len(queries))
        self._ahead = 0  # rows asked for behind each that is needed
        self._missing: tuple[Array, Array] = (np.zeros(0, np.int64), np.zeros(0, np.int64))
        self._draw()

    @property
    def num_short(self) -> int:
        """Queries that have fewer exemplars than they should."""
        return int(np.count_nonzero((self.items != NOTHING).sum(axis=1) < self._wanted))

    def ask(self) -> Ask | None:
        """The examples that are needed and not known; None: there are none, and all is drawn."""
        places, prompts = self._missing
        return self._pool.ask(places, prompts) if len(places) else None

    def accept(self, ask: Ask) -> None:
        """Takes in an ask whose tasks have all come back, and draws on."""
        examples, _ = ask.answer(0)
        self._pool.learn(*self._missing, examples)
        self._ahead = 2 * self._ahead + 1
        self._draw()

    def _draw(self) -> None:
        """Draws for all queries that are open, as if every example that is not known were whole."""
        prompts = self._queries.prompts[self._open]
        nothing = np.zeros(0, np.int64)
        still_open, missing, by = [nothing], [nothing], [nothing]
        for prompt in np.unique(prompts).tolist():
            own = self._open[prompts == prompt]
            is_open, places = self._draw_by(prompt, own)
            still_open.append(own[is_open])
            missing.append(places)
            by.append(np.full(len(places), prompt))
        self._open = np.concatenate(still_open)
        self._missing = (np.concatenate(missing), np.concatenate(by))

    def _draw_by(self, prompt: int, queries: Array) -> tuple[Array, Array]:
        """Draws for queries of one prompt; whether each is open, and the places to ask for."""
        walk = _Walk(self._pool, prompt, self._high[queries], self._low[queries], self._ahead)
        most = self.items.shape[1]
        self.items[queries] = NOTHING
        left = np.arange(len(queries))
        for number in range(most):
            left = left[self._wanted[queries[left]] > number]
            items = walk.next(left, self._draws[queries[left], number])
            self.items[queries[left], number] = items
            left = left[walk.has_found]
        return walk.is_open, walk.missing()


class _Walk:
    """The circles of one prompt, walked along for many queries at a time.

    Attributes:
        is_open: Queries of which an exemplar is not known yet, bool [n].
        has_found: Which queries of the last step found an exemplar.
    """

    def __init__(self, pool: Pool, prompt: int, high: Array, low: Array, ahead: int) -> None:
        self._pool = pool
        self._prompt = prompt
        self._made: list[Circle] = []
        # Ids that may not come again: the query's, then those of its exemplars.
        self._taken = [(high, low)]
        self._ahead = ahead
        self._missing: list[Array] = []
        self.is_open = np.zeros(len(high), np.bool_)
        self.has_found = np.zeros(0, np.bool_)

    def next(self, queries: Array, draws: Array) -> Array:
        """The next exemplar of some queries by their draws, as numbers in the bank."""
        items = np.full(len(queries), NOTHING, np.int64)
        places = np.full(len(queries), NOTHING, np.int64)
        for circle in self._circles():
            lacking = np.flatnonzero(places == NOTHING)
            at = self._first_free(circle, queries[lacking], draws[lacking])
            items[lacking], places[lacking] = _at(circle.items, at), _at(circle.places, at)
            unknown = at[items[lacking] == UNKNOWN]
            self.is_open[queries[lacking[items[lacking] == UNKNOWN]]] = True
            self._note(circle, unknown)
            if (places != NOTHING).all():
                break
        self.has_found = places >= 0
        found = np.flatnonzero(self.has_found)
        high, low = (np.copy(half) for half in self._taken[0])  # the query itself: nothing new
        high[queries[found]] = self._pool.high[places[found]]
        low[queries[found]] = self._pool.low[places[found]]
        self._taken.append((high, low))
        return items

    def _circles(self) -> Iterator[Circle]:
        """Yields the rows that draw the prompt, then the others, which are seldom needed."""
        makers = (self._pool.own, self._pool.others)
        for number, circle_of in enumerate(makers):
            if len(self._made) <= number:
                self._made.append(circle_of(self._prompt))
            yield self._made[number]

    def _first_free(self, circle: Circle, queries: Array, draws: Array) -> Array:
        """Where the first row that may be taken stands for each draw; -1: there is none."""
        num_rows = len(circle.points)
        found = np.full(len(queries), -1, np.int64)
        if not num_rows:
            return found
        at = _nearest(circle, draws)
        left = np.arange(len(queries))
        for _ in range(num_rows):
            places = circle.places[at[left]]
            high, low = self._pool.high[places], self._pool.low[places]
            is_taken = np.zeros(len(left), np.bool_)
            for taken_high, taken_low in self._taken:
                of = queries[left]
                is_taken |= (taken_high[of] == high) & (taken_low[of] == low)
            free = left[~is_taken]
            found[free] = at[free]
            left = left[is_taken]
            if not len(left):
                break
            at[left] = (at[left] + 1) % num_rows
        return found

    def _note(self, circle: Circle, at: Array) -> None:
        """Notes rows of a circle whose examples are not known, and some behind each."""
        steps = min(self._ahead + 1, len(circle.places))
        near = np.unique(at[:, None] + np.arange(steps)) % max(len(circle.places), 1)
        near = near[circle.items[near] == UNKNOWN]
        self._missing.append(circle.places[near])

    def missing(self) -> Array:
        """The places that were noted, each once."""
        return np.unique(np.concatenate([np.zeros(0, np.int64), *self._missing]))


def _nearest(circle: Circle, draws: Array) -> Array:
    """Where the row stands that comes soonest after one of each draw's points.

    Whether it has a whole example does not matter: then it would have to be known of all of them.
    """
    points = mixed(draws[:, None] + np.arange(NUM_PROBES, dtype=np.uint64))
    at = np.searchsorted(circle.everyone, points) % len(circle.everyone)
    best = (circle.everyone[at] - points).argmin(axis=1)
    nearest = circle.everyone[at[np.arange(len(at)), best]]
    found: Array = np.searchsorted(circle.points, nearest) % len(circle.points)
    return found


def _at(values: Array, at: Array) -> Array:
    """The values at indices; NOTHING where an index is -1."""
    if not len(values):
        return np.full(len(at), NOTHING, np.int64)
    return np.where(at >= 0, values[at], NOTHING)


def draw_all(drawings: Sequence[Drawing], engine: Engine) -> Iterator[int]:
    """Draws until nothing is missing, making the examples that are.

    Args:
        drawings: Each over a pool of its own.
        engine: What runs the tasks.

    Yields:
        Rows made since the last value, for progress.

    Raises:
        EngineFailedError: If a task found the faster engine wrong.
    """
    while True:
        asks = [(each, ask) for each in drawings if (ask := each.ask()) is not None]
        if not asks:
            return
        tasks = chain.from_iterable(ask.tasks() for _, ask in asks)
        made = engine.map(make, tasks, num_rows=sum(len(ask) for _, ask in asks))
        for drawing, ask in asks:
            for index in range(ask.num_tasks):
                yield ask.accept(index, next(made))
            drawing.accept(ask)
