"""The strata of rows: grouped and ranked in the survey, kept in the store, picked with the rows."""

import numpy as np
import pytest

from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.keys import value_hash
from taskc.compiler.quotas.strata import Group, Strata, StrataColumns
from taskc.compiler.rows.load import load
from taskc.compiler.store.objects import Store

SPEC = """language 1

source shelf {{
  from   jsonl("shelf.jsonl")
  splits train, dev = carve(train, 3)
  fields {{ room: text?  shelf: int  pages: int  read: bool  words: text }}
  let    name = room if room != none else "cellar"
  {clauses}
}}

template tell for shelf {{ prompt only: "{{words}}" -> "{{name}}" }}

mixture some {{
  take at most 10 from shelf {how}
}}

tokenizer letters {{ from file("tokenizer.json")  eos "<eos>" }}

build some {{
  mixture   some
  tokenizer letters
  format    prompt_target(input: 40, target: 20, separator: eos, end: eos)
  pack      best_fit(length: 64)
}}
"""

ROWS = [
    {
        "room": [None, "attic", "hall"][n % 3],
        "shelf": n % 2,
        "pages": n * 10,
        "read": n > 20,
        "words": f"book {n}",
    }
    for n in range(40)
]


@pytest.fixture
def loaded(project, tmp_path):
    """From how a quota is spread to the training rows, and what their files hold."""

    def load_by(how, clauses="", splits=("train",)):
        spec = SPEC.format(how=how, clauses=clauses)
        plan = project(spec=spec, files={"shelf.jsonl": ROWS}).plan()
        [take] = plan.mixture.takes
        return load(
            plan.sources[0],
            splits,
            engine=LocalEngine(jobs=1),
            store=Store.open(tmp_path / "store"),
            take=take if take.is_ordered else None,
        )

    return load_by


def told(found):
    """The groups by name and the rank of each row that is left, by its number in the file."""
    rows = found.rows["train"]
    numbers = rows.numbers(np.arange(len(rows))) - 1
    names = [tuple(g.name for g in rows.strata.paths[at]) for at in rows.strata.stratum]
    return dict(zip(numbers.tolist(), zip(names, rows.strata.merit, strict=True), strict=True))


def name_of(row):
    """What `name` is in a row."""
    return row["room"] or "cellar"


def test_each_row_has_its_group_and_its_rank(loaded):
    """Groups in groups, by what `let` made; a row that left has neither."""
    found = loaded("by balance([name, shelf]) best pages", "where pages != 50 limit 30")

    assert len(found.rows["train"]) == 30
    assert told(found) == {
        n: ((name_of(ROWS[n]), str(ROWS[n]["shelf"])), ROWS[n]["pages"]) for n in told(found)
    }


def test_the_store_gives_the_same(loaded):
    """A range that was surveyed for a quota is not read again, however many it takes."""
    first = loaded("by temperature(room, 3) best read")
    again = loaded("by balance(room) best read")

    assert (first.num_surveyed, again.num_surveyed, again.num_reused) == (1, 0, 1)
    assert told(first) == told(again)
    assert told(again)[0] == (("none",), 0.0)
    assert told(again)[22] == (("attic",), 1.0)


def test_other_groups_are_another_survey(loaded):
    """What the rows were grouped by is part of what the store knows them by."""
    loaded("by balance(room)")
    other = loaded("by balance(shelf)")

    assert other.num_surveyed == 1
    assert told(other)[3] == (("1",), 0.0)


def test_a_split_that_is_not_trained_on_has_none(loaded):
    """What is carved out carries what its origin has; without a quota there is nothing."""
    found = loaded("best pages", splits=("train", "dev"))

    assert found.rows["train"].strata.paths == [()]
    assert len(found.rows["dev"].strata) == 3
    assert loaded("").rows["train"].strata is None


def test_a_row_without_a_rank_is_a_mistake(loaded):
    """The row is named, and the quota."""
    [finding] = loaded("best 100 / pages").diagnostics

    assert (finding.code, finding.row.row, finding.primary.text) == (
        "T0803",
        1,
        "`best` has no value",
    )


def test_ranges_share_the_numbers_of_their_groups():
    """A group that two ranges hold is one group; those of the second keep their rows."""
    attic, hall = (Group(value_hash(name), name) for name in ("attic", "hall"))
    columns = StrataColumns()
    columns.extend(Strata([(attic,)], np.zeros(2, np.uint32), np.array([1.0, 2.0])))
    columns.extend(Strata([(hall,), (attic,)], np.array([1, 0], np.uint32), np.array([3.0, 4.0])))
    found = columns.finished()

    assert found.paths == [(attic,), (hall,)]
    assert found.stratum.tolist() == [0, 0, 0, 1]
    assert found.merit.tolist() == [1, 2, 3, 4]
