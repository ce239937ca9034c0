"""A row is followed to where `load` has it: every row's account, summed up, is `load`'s own."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler import plan
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.lower import lower
from taskc.compiler.rows.load import Loaded, load
from taskc.compiler.store.objects import Store
from taskc.compiler.tracing.following import (
    Carved,
    Deduplicated,
    Following,
    Limited,
    index_of,
    words,
)
from taskc.compiler.tracing.row import look, range_of
from taskc.dsl.checker import check

SPEC = """language 1

source s {{
  from   jsonl("s.jsonl")
  splits {splits}
  fields {{ word: text  n: int }}
  where  n != 3
  {clauses}
}}

template t for s {{
  prompt p: "{{word}}" -> "{{n}}"
}}

mixture m {{
  from s
}}

tokenizer letters {{
  from file("tokenizer.json")
  eos  "<eos>"
}}

build b {{
  mixture   m
  tokenizer letters
  format    prompt_target(input: 40, target: 20, separator: eos, end: eos)
  pack      best_fit(length: 64)
  splits    {built}
}}
"""

ROWS = st.lists(
    st.fixed_dictionaries({"word": st.sampled_from("abcd"), "n": st.integers(1, 4)}), max_size=12
)
Follow = Callable[[plan.Source, int], tuple[Following, Loaded]]


def source_of(folder: Path, rows: list[dict], *clauses: str, carve: int = 0) -> plan.Source:
    """A source of rows with some clauses, and a split that is carved out of it."""
    package = folder / "p"
    package.mkdir(exist_ok=True)
    text = SPEC.format(
        splits=f"train, dev = carve(train, {carve})" if carve else "train",
        built="train, dev" if carve else "train",
        clauses="\n  ".join(clauses),
    )
    (package / "p.task").write_text(text, encoding="utf-8")
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    (package / "s.jsonl").write_text(lines, encoding="utf-8")
    return lower(check([str(package)]).program).builds[0].sources[0]


@pytest.fixture(scope="session")
def follow(tmp_path_factory) -> Follow:
    """Loads a source and follows the row of a number."""
    store = Store.open(tmp_path_factory.mktemp("store"))

    def followed(source: plan.Source, number: int) -> tuple[Following, Loaded]:
        following = Following("train", "s.jsonl", number)
        with LocalEngine(1) as engine:
            loaded = load(source, ["train", "dev"], engine=engine, store=store, follower=following)
        return following, loaded

    return followed


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """A folder that every example of a property writes anew."""
    return tmp_path_factory.mktemp("followed")


@given(rows=ROWS, carve=st.integers(0, 3), limit=st.integers(1, 3))
def test_accounts_add_up_to_what_load_counts(folder, follow, rows, carve, limit):
    """Each row is where its account says, and as many went by each clause as `load` says."""
    left = len({row["word"] for row in rows if row["n"] != 3})
    source = source_of(folder, rows, "dedup by word", f"limit {limit}", carve=min(carve, left))
    counted: Counter[str] = Counter()
    loaded = Loaded()
    for number in range(1, len(rows) + 1):
        following, loaded = follow(source, number)
        inputs = loaded.rows["train"].inputs
        found = look(source, inputs.files[0], inputs.ranges[range_of(inputs, 0, number)], number)
        last = following.choices[-1] if following.choices else None
        if found.refused is not None:
            counted["where"] += 1
        elif isinstance(last, Deduplicated | Limited) and not last.is_left:
            counted["dedup" if isinstance(last, Deduplicated) else "limit"] += 1
        else:
            counted[following.split] += 1
        is_there = index_of(loaded.rows[following.split], "s.jsonl", number) is not None
        is_dropped = isinstance(last, Deduplicated | Limited) and not last.is_left

        assert is_there == (found.refused is None and not is_dropped)
    expected = Counter({split: len(each) for split, each in loaded.rows.items()})
    for drops in loaded.drops.values():
        expected.update({drop.reason: num_rows for drop, num_rows in drops.items()})

    assert +expected == counted


def test_dedup_names_the_row_that_stays(tmp_path, follow):
    """All rows of a key name the same winner, which says so of itself."""
    rows = [{"word": "a", "n": 1}, {"word": "b", "n": 1}, {"word": "a", "n": 2}]
    source = source_of(tmp_path, rows, "dedup by word")
    first, third = (follow(source, number)[0].choices for number in (1, 3))

    assert [first[0].winner] == [third[0].winner]
    assert {first[0].is_kept, third[0].is_kept} == {True, False}
    assert first[0].num_alike == 2
    assert follow(source, 2)[0].choices == []


def test_limit_ranks_rows_in_its_order(tmp_path, follow):
    """Ranks are 1 to n, and the first ones stay."""
    source = source_of(tmp_path, [{"word": str(n), "n": 1} for n in range(9)], "limit 4")
    found = [follow(source, number)[0].choices[0] for number in range(1, 10)]

    assert sorted(each.rank for each in found) == [*range(1, 10)]
    assert all(each.is_kept == (each.rank <= 4) for each in found)
    assert "is dropped by `limit`" in words(next(each for each in found if not each.is_kept))


def test_a_carved_row_is_in_its_new_split(tmp_path, follow):
    """Its ordinal comes along."""
    rows = [{"word": "a", "n": 1}] * 3 + [{"word": "b", "n": 1}]
    source = source_of(tmp_path, rows, carve=3)
    followed = [follow(source, number)[0] for number in range(1, 5)]

    assert [each.split for each in followed] == ["dev", "dev", "dev", "train"]
    assert [each.ordinal for each in followed] == [0, 1, 2, 0]
    assert all(isinstance(each.choices[0], Carved) for each in followed)
