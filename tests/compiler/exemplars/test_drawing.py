"""Exemplars drawn for many queries at once against the few lines of docs/keys.md for each."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.demand.asks import Maker
from taskc.compiler.demand.columns import Examples, pointers
from taskc.compiler.exemplars import drawing
from taskc.compiler.exemplars.drawing import Drawing, Queries, draw_all
from taskc.compiler.exemplars.pool import NOTHING, Pool
from taskc.compiler.keys import RowKey, Scope
from taskc.compiler.turns.make import Made

WHOLE, TRIMMED, PARTS, NOTHING_COMES = "whole", "trimmed", "parts", "nothing"
outcomes = st.sampled_from([WHOLE, WHOLE, WHOLE, TRIMMED, PARTS, NOTHING_COMES])


@dataclass
class Source:
    """Rows, what each gives by each prompt, and which prompt it draws itself.

    Attributes:
        asked: (row, prompt) of every pair that was made.
        num_rounds: How often something was made.
    """

    world: object
    ids: list[int]
    table: list[list[str]]
    own: list[int | None]
    asked: list[tuple[int, int]] = field(default_factory=list)
    num_rounds: int = 0

    def __post_init__(self):
        number = len(self.ids)
        ordinals = [self.ids[:i].count(each) for i, each in enumerate(self.ids)]
        self.keys = self.world.rows_of("s", number, [number // 2], ordinals=ordinals)
        self.keys.ids = np.frombuffer(
            b"".join(each.to_bytes(16) for each in self.ids), np.uint8
        ).reshape(-1, 16)
        build = self.world.build_of(["s"], choices=3)
        self.maker = Maker(build, build.sources[0], self.keys, self.world.NoStore(), False)
        self.scope = Scope.mixture(self.world.SEED)

    def draw(self, row, repetition, name):
        """A row's draw."""
        key = RowKey(self.ids[row].to_bytes(16), int(self.keys.ordinals[row]))
        return self.scope.draw("s", key, repetition, name)

    def parts(self, row, prompt):
        """The parts of an example: (tokens, trimmed)."""
        match self.table[row][prompt]:
            case "whole":
                return [(5 + row, 0)]
            case "trimmed":
                return [(9, 1)]
            case "parts":
                return [(4, 0), (4, 0)]
            case _:
                return []

    def examples(self, pairs):
        """Columns of the examples of pairs of row and prompt."""
        table = [
            (row, prompt, part, 10 * row + prompt, tokens, trimmed)
            for row, prompt in pairs
            for part, (tokens, trimmed) in enumerate(self.parts(row, prompt))
        ]
        columns = np.array(table, np.int64).reshape(-1, 6)
        zeros = np.zeros(len(columns), np.uint32)
        return Examples(
            row=columns[:, 0].astype(np.uint32),
            repetition=zeros,
            prompt=columns[:, 1].astype(np.uint16),
            part=columns[:, 2].astype(np.uint16),
            pointer=pointers(zeros, columns[:, 3].astype(np.uint32)),
            tokens=columns[:, 4].astype(np.uint32),
            trained=zeros,
            trimmed=columns[:, 5].astype(np.uint32),
        )

    def pool(self, rows, *, is_counted=True):
        """A pool of rows, with what they give by the prompts that they draw themselves."""
        if not is_counted:
            return Pool(self.maker, np.array(rows, np.uint32))
        own = [(row, self.own[row]) for row in rows if self.own[row] is not None]
        return Pool(self.maker, np.array(rows, np.uint32), self.examples(own))

    def make(self, task):
        """Stands for `turns.make.make`: pairs are named, and nothing is a mistake."""
        assert task.prompts is not None
        assert not task.repetitions.any()
        by_key = {
            (bytes(key), int(o)): row
            for row, (key, o) in enumerate(zip(self.keys.ids, self.keys.ordinals, strict=True))
        }
        rows = [by_key[bytes(i), int(o)] for i, o in zip(task.ids, task.ordinals, strict=True)]
        pairs = list(zip(rows, task.prompts.tolist(), strict=True))
        self.asked += pairs
        found = Made(family=task.range.digest, segments=["s"])
        made = self.examples(pairs)
        found.candidate = np.array(
            [
                pairs.index(each)
                for each in zip(made.row.tolist(), made.prompt.tolist(), strict=True)
            ],
            np.uint32,
        )
        found.part, found.prompt, found.trimmed = made.part, made.prompt, made.trimmed
        found.num_tokens, found.num_trained = made.tokens, made.trained
        found.segment = np.zeros(len(made), np.uint16)
        found.entry = (10 * made.row + made.prompt).astype(np.uint32)
        return found

    def drawn(self, pool, queries, wanted):
        """Row and prompt of the exemplars of each query."""
        columns = np.array(queries, np.int64).reshape(-1, 3)
        asked = Queries(
            self.keys,
            columns[:, 0].astype(np.uint32),
            columns[:, 1].astype(np.uint32),
            columns[:, 2].astype(np.uint16),
        )
        found = Drawing(pool, asked, np.array(wanted, np.int64), self.scope)
        engine = self.world.Engine()
        engine_map = engine.map

        def counted(*args, **kwargs):
            self.num_rounds += 1
            return engine_map(*args, **kwargs)

        engine.map = counted
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(drawing, "make", self.make)
            assert sum(draw_all([found], engine)) == len(self.asked)
        bank = pool.bank
        drawn = [[item for item in row if item != NOTHING] for row in found.items.tolist()]
        for (_, _, prompt), items in zip(queries, drawn, strict=True):
            for item in items:
                entry = 10 * int(bank.rows[item]) + prompt
                assert (
                    int(bank.pointers[item]) % 2**32 == entry
                )  # the example of that row by that prompt
                assert int(bank.tokens[item]) == 5 + int(bank.rows[item])
        short = [w for w, items in zip(wanted, drawn, strict=True) if len(items) < w]
        assert found.num_short == len(short)
        return [[int(bank.rows[item]) for item in items] for items in drawn]

    def expected(self, written, rows, queries, wanted):
        """The same by the page."""
        pool = sorted(
            (self.draw(row, 0, "exemplar"), self.ids[row], int(self.keys.ordinals[row]), row)
            for row in rows
        )
        found = []
        for (row, repetition, prompt), number in zip(queries, wanted, strict=True):
            draws = [self.draw(row, repetition, f"exemplar/{j}") for j in range(number)]
            drawn = written(
                self.ids[row],
                draws,
                pool,
                lambda each, p=prompt: self.own[each[3]] == p,
                lambda each, p=prompt: self.table[each[3]][p] == WHOLE,
            )
            found.append([each[3] for each in drawn])
        return found


@st.composite
def sources(draw):
    """Rows (some of them equal), a pool of some of them, and queries of all."""
    number = draw(st.integers(1, 12))
    ids = draw(st.lists(st.integers(0, 8), min_size=number, max_size=number))
    table = draw(
        st.lists(st.lists(outcomes, min_size=3, max_size=3), min_size=number, max_size=number)
    )
    own = draw(st.lists(st.sampled_from([None, 0, 0, 1]), min_size=number, max_size=number))
    own = [
        p if p is None or row[p] != NOTHING_COMES else None
        for p, row in zip(own, table, strict=True)
    ]
    rows = sorted(draw(st.sets(st.integers(0, number - 1))))
    query = st.tuples(st.integers(0, number - 1), st.integers(0, 2), st.integers(0, 2))
    queries = draw(st.lists(query, max_size=12))
    wanted = draw(st.lists(st.integers(0, 5), min_size=len(queries), max_size=len(queries)))
    return ids, table, own, rows, queries, wanted


@given(sources())
def test_exemplars_are_those_of_the_page(world, written, case):
    """Equal rows, rows without a whole example, small pools and repetitions included."""
    ids, table, own, rows, queries, wanted = case
    source = Source(world, ids, table, own)
    pool = source.pool(rows)
    found = source.drawn(pool, queries, wanted)

    assert found == source.expected(written, rows, queries, wanted)
    assert len(source.asked) == len(set(source.asked))
    assert not {(row, own[row]) for row in rows} & set(source.asked)


@given(sources())
def test_rows_that_nobody_counts_draw_among_all_prompts(world, written, case):
    """As where a source is held out: nothing of it was made before."""
    ids, table, _, rows, queries, wanted = case
    source = Source(world, ids, table, [])
    source.own = [
        max(range(3), key=lambda p, r=row: source.draw(r, 0, f"prompt/t.p{p}"))
        for row in range(len(ids))
    ]
    found = source.drawn(source.pool(rows, is_counted=False), queries, wanted)

    assert found == source.expected(written, rows, queries, wanted)
    assert len(source.asked) == len(set(source.asked))


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2**63 - 1))
def test_numbers_are_shares_of_the_draw(world, least, more, seed):
    """A + floor(draw * (B - A + 1) / 2**64), exactly."""
    source = Source(world, list(range(6)), [[WHOLE] * 3] * 6, [0] * 6)
    scope = Scope.mixture(seed)
    rows = np.arange(6, dtype=np.uint32)
    queries = Queries(source.keys, rows, rows % 2, np.zeros(6, np.uint16))
    numbers = queries.numbers(scope, least, least + more)
    expected = []
    for row in range(6):
        key = RowKey(row.to_bytes(16), 0)
        draw = scope.draw("s", key, row % 2, "exemplars")
        expected.append(least + draw * (more + 1) // 2**64)

    assert numbers.tolist() == (expected if more else [least] * 6)


def test_a_rare_example_is_found_in_few_rounds(world, written):
    """What is asked for doubles from round to round, so files are not read for each row anew."""
    number = 300
    table = [[WHOLE, NOTHING_COMES, NOTHING_COMES] for _ in range(number)]
    table[137][1] = WHOLE
    source = Source(world, list(range(number)), table, [0] * number)
    rows = list(range(number))
    queries = [(row, 0, 1) for row in range(40)]
    wanted = [1] * len(queries)
    found = source.drawn(source.pool(rows), queries, wanted)

    assert found == source.expected(written, rows, queries, wanted)
    assert {tuple(each) for each in found} == {(137,)}
    assert source.num_rounds <= 9


def test_rows_of_evaluation_sets_are_no_exemplars(world):
    """Whichever of their ordinals stands in the training split."""
    source = Source(world, [1, 2, 2, 3], [[WHOLE] * 3] * 4, [0] * 4)
    held = world.rows_of("s", 1, split="dev")
    held.ids = source.keys.ids[1:2]
    rows = np.arange(4, dtype=np.uint32)
    pool = Pool(
        source.maker, rows, source.examples([(row, 0) for row in range(4)]), left_out=[held]
    )

    assert sorted(pool.rows.tolist()) == [0, 3]
    assert source.drawn(pool, [(0, 0, 0), (3, 0, 0)], [3, 3]) == [[3], [0]]


def test_rows_are_drawn_about_equally_often(world):
    """No row of a hundred is drawn twice as often as it should, and few are drawn seldom."""
    number, times = 100, 200
    source = Source(world, list(range(number)), [[WHOLE] * 3] * number, [0] * number)
    rows = list(range(number))
    queries = [(row, repetition, 0) for repetition in range(times) for row in rows]
    found = source.drawn(source.pool(rows), queries, [1] * len(queries))
    counts = Counter(row for (row,) in found)

    assert max(counts.values()) < 1.5 * times
    assert sum(counts[row] < times / 2 for row in rows) < number / 5


def test_a_row_more_changes_only_examples_that_it_stands_before(world):
    """So a source that grows by a row keeps nearly all of its examples."""
    number = 60
    source = Source(world, list(range(number)), [[WHOLE] * 3] * number, [0] * number)
    queries = [(row, 0, 0) for row in range(number)]
    wanted = [3] * number
    before = source.drawn(source.pool(range(number - 1)), queries, wanted)
    after = source.drawn(source.pool(range(number)), queries, wanted)
    changed = [new for old, new in zip(before, after, strict=True) if old != new]

    assert 0 < len(changed) < number / 4
    assert all(number - 1 in new for new in changed)
