"""A source's rows: what is kept, what is dropped by which clause, and what is wrong with a row."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskc.compiler import plan
from taskc.compiler.rows.shape import load

AT = plan.Place(path="s.task", start=0, end=1, line=1, column=1)
LIMIT_AT = plan.Place(path="s.task", start=9, end=10, line=2, column=1)


def reasons(loaded, split="train") -> dict[str, int]:
    """Dropped rows by reason."""
    return {drop.reason: len(rows) for drop, rows in loaded.drops[split].items()}


def complaints(loaded) -> list[tuple]:
    """Code, row and field of each finding."""
    return [
        (found.code, found.row.row if found.row else 0, found.row.field if found.row else "")
        for found in loaded.diagnostics
    ]


def named(rows) -> set[tuple[bytes, int]]:
    """Rows by what they are."""
    return set(zip(rows.ids, rows.ordinals, strict=True))


# ---- one row -------------------------------------------------------------------------------------


def test_a_row_is_conformed_filtered_and_trimmed(bench):
    """`let` replaces and adds in order, `where` sees the result, only declared fields are kept."""
    bench.rows(
        "train.jsonl",
        [
            {"context": "It rains.", "label": "e", "junk": 1},
            {"context": "", "label": "n", "junk": 2},
            {"context": "So.", "label": "c", "junk": 3},
        ],
    )
    loaded = bench.load(
        columns={"context": "text", "label": "choice(e, n, c)"},
        lets={
            "premise": "context",
            "label": '{e: "yes", n: "maybe", c: "no"}[label]',
            "both": "premise + label",
        },
        wheres=("len(premise) > 0", 'label != "no"'),
        row={"premise": "text", "label": "choice(yes, maybe, no)", "both": "text"},
    )
    rows = loaded.rows["train"]

    assert [{"premise": "It rains.", "label": "yes", "both": "It rains.yes"}] == rows.values
    assert ([1], [0], ["train.jsonl"]) == (rows.numbers, rows.files, rows.file_names)
    assert {"where": 2} == reasons(loaded)
    assert [[2, 3]] == [list(rows.numbers) for rows in loaded.drops["train"].values()]
    assert loaded.diagnostics == []


def test_the_first_where_that_is_false_drops_a_row(bench):
    """Each row is dropped once, by the clause at its own line."""
    places = [plan.Place(path="s.task", start=n, end=n, line=n, column=1) for n in (1, 2)]
    bench.rows("train.jsonl", [{"n": 1}, {"n": 2}, {"n": 3}])
    source = bench.source(wheres=("n > 1", "n > 2"))
    wheres = tuple(
        where.model_copy(update={"at": place})
        for where, place in zip(source.wheres, places, strict=True)
    )
    loaded = load(source.model_copy(update={"wheres": wheres}), ["train"])

    assert {1: [1], 2: [2]} == {
        drop.at.line: list(rows.numbers) for drop, rows in loaded.drops["train"].items()
    }


def test_an_open_source_keeps_everything(bench):
    """Without fields and schema every column is read and kept, and missing keys stay missing."""
    rows = [{"a": 1, "b": [True]}, {"a": None}, {}]
    bench.rows("train.jsonl", rows)

    assert rows == bench.load().rows["train"].values


def test_cells_are_read_as_their_types(bench):
    """A CSV's texts become what `fields` declares."""
    bench.write("a.csv", "n,x,ok,note,t\n3,4,true,,007\n")
    loaded = bench.load(
        "csv",
        "a.csv",
        columns={"n": "int", "x": "float", "ok": "bool", "note": "text?", "t": "text"},
    )

    assert [{"n": 3, "x": 4.0, "ok": True, "note": None, "t": "007"}] == loaded.rows["train"].values


MISTAKES = [
    ({"a": 3}, ("T0801", "a"), "`a` is an int, text is declared"),
    ({}, ("T0802", "a"), "`a` is missing, text is declared"),
    ({"a": None}, ("T0801", "a"), "`a` is none, text is declared"),
    ({"a": "x", "l": ["y", 2]}, ("T0801", "l[1]"), "`l[1]` is an int, text is declared"),
    ({"a": "x", "l": ["y"]}, ("T0803", "first"), "index 1 is outside a list of 1"),
    ({"a": "", "l": ["", ""]}, ("T0803", ""), "`where` takes a bool, not none"),
    ({"a": "n", "l": ["", ""]}, ("T0805", "kind"), "`kind` is not among the values of its choice"),
]


@pytest.mark.parametrize(("row", "code_and_field", "message"), MISTAKES)
def test_mistakes_in_rows(bench, row, code_and_field, message):
    """The row is named with its field and value; the others are shaped all the same."""
    good = {"a": "yes", "l": ["p", "q"]}
    bench.rows("train.jsonl", [good, row, good])
    loaded = bench.load(
        columns={"a": "text", "l": "list[text]?"},
        lets={"first": "l[1]", "kind": "a"},
        wheres=('none if a == "" else true',),
        row={"first": "text", "kind": "choice(yes, no)"},
    )
    (found,) = loaded.diagnostics
    counts = loaded.counts["train"]

    assert (*code_and_field, 2) == (found.code, found.row.field, found.row.row)
    assert (message, "train.jsonl") == (found.message, found.row.file)
    assert (3, 1, 2) == (counts.read, counts.failed, counts.kept)
    assert [1, 3] == loaded.rows["train"].numbers


def test_a_misspelt_key(bench):
    """What the row has instead is shown, and the nearest of it offered."""
    bench.rows("train.jsonl", [{"premise": "x", "hypotesis": "y"}])
    loaded = bench.load(columns={"premise": "text", "hypothesis": "text"})

    assert [
        (("fields of the row: premise, hypotesis",), ("did you mean `hypotesis`?",)),
    ] == [(found.notes, found.helps) for found in loaded.diagnostics]


def test_a_field_that_nothing_makes(bench):
    """A field that no column and no `let` gives is missing, unless it is optional."""
    bench.rows("train.jsonl", [{"a": "x", "b": "y"}, {"a": "x"}])
    loaded = bench.load(reads=("a", "b"), row={"a": "text", "b": "text", "c": "text?"})

    assert [{"a": "x", "b": "y", "c": None}] == loaded.rows["train"].values
    assert [("T0802", 2, "b")] == complaints(loaded)


def test_a_dedup_key_that_fails(bench):
    """The row is named at the `dedup`."""
    bench.rows("train.jsonl", [{"l": ["x"]}, {"l": []}])

    assert [("T0803", 2, "")] == complaints(bench.load(dedup="l[0]"))


def test_what_no_row_may_hold(bench):
    """A float that is infinite or no number, and an int beyond 64 bits, stop at the border."""
    table = pa.table(
        {
            "x": pa.array([1.0, float("nan"), 1.0]),
            "n": pa.array([1, 2, 2**64 - 1], pa.uint64()),
        }
    )
    pq.write_table(table, bench.folder / "a.parquet")
    loaded = bench.load("parquet", "a.parquet")

    assert [("T0804", 2, "x"), ("T0804", 3, "n")] == complaints(loaded)
    assert "`x`: a float is infinite or not a number" == loaded.diagnostics[0].message


def test_a_file_without_a_column(bench):
    """Where the format fixes the columns, it is said once a file."""
    bench.write("a.csv", "a\n1\n2\n")
    bench.write("b.csv", "a,b\n1,2\n")
    loaded = bench.load("csv", "*.csv", columns={"a": "int", "b": "int", "c": "int?"})

    assert [("T0525", 0, "")] == complaints(loaded)
    assert ("file `a.csv`", "its columns: a") == loaded.diagnostics[0].notes
    assert (3, 2, 1) == (
        loaded.counts["train"].read,
        loaded.counts["train"].failed,
        loaded.counts["train"].kept,
    )


def test_choices_by_key_belong_to_the_source(bench):
    """`choose` gives each row its own choice, the same wherever the row stands."""
    rows = [{"title": f"t{n}", "body": f"b{n}"} for n in range(200)]
    bench.rows("train.jsonl", rows)
    bench.rows("turned.jsonl", rows[::-1])
    columns = {"title": "text", "body": "text"}
    lets = {"question": "choose(title, body)"}

    def questions(pattern):
        loaded = bench.load(pattern=pattern, columns=columns, lets=lets)
        return [row["question"] for row in loaded.rows["train"].values]

    chosen = questions("train.jsonl")

    assert chosen == questions("turned.jsonl")[::-1]
    assert 60 < sum(text.startswith("t") for text in chosen) < 140


# ---- ids -----------------------------------------------------------------------------------------


def test_ids_do_not_depend_on_format_or_unread_columns(bench):
    """The same rows have the same ids in JSON Lines, CSV and Parquet."""
    rows = [{"n": 1, "t": "a", "note": None}, {"n": 2, "t": "b", "note": "x"}]
    bench.rows("a.jsonl", [{**row, "unread": n} for n, row in enumerate(rows)])
    bench.rows("b.jsonl", [{k: v for k, v in row.items() if v is not None} for row in rows])
    bench.write("c.csv", "t,note,n\na,,1\nb,x,2\n")
    pq.write_table(pa.Table.from_pylist(rows), bench.folder / "d.parquet")
    columns = {"n": "int", "t": "text", "note": "text?"}
    ids = [
        bench.load(kind, name, columns=columns).rows["train"].ids
        for kind, name in [
            ("jsonl", "a.jsonl"),
            ("jsonl", "b.jsonl"),
            ("csv", "c.csv"),
            ("parquet", "d.parquet"),
        ]
    ]

    assert ids[:1] * 4 == ids
    assert 2 == len(set(ids[0]))


def test_equal_rows_are_counted(bench):
    """Ordinals run over all files of a split."""
    bench.rows("a.jsonl", [{"a": 1}, {"a": 1}, {"a": 2}])
    bench.rows("b.jsonl", [{"a": 1}])
    rows = bench.load(pattern="*.jsonl").rows["train"]

    assert [0, 1, 0, 2] == rows.ordinals
    assert ([0, 0, 0, 1], ["a.jsonl", "b.jsonl"]) == (rows.files, rows.file_names)


# ---- dedup, carve, limit -------------------------------------------------------------------------


def test_clauses_come_in_their_order(bench):
    """let, where, dedup, carve, limit: and every row is accounted for."""
    bench.rows("train.jsonl", [{"n": n, "k": n // 2} for n in range(100)])
    loaded = bench.load(
        lets={"odd": "k"},
        wheres=("n >= 20",),
        dedup="odd",
        carved=(plan.CarvedSplit(name="dev", origin="train", count=10, at=AT),),
        limit=25,
        limit_at=LIMIT_AT,
    )
    counts = loaded.counts["train"]

    assert {"where": 20, "dedup": 40, "limit": 5} == reasons(loaded)
    assert (100, 65, 10, 25) == (counts.read, counts.dropped, counts.carved_out, counts.kept)
    assert 10 == loaded.counts["dev"].carved_in == loaded.counts["dev"].kept
    assert {LIMIT_AT} == {drop.at for drop in loaded.drops["train"] if drop.reason == "limit"}


def test_a_carved_split_that_nobody_asked_for_is_accounted_for(bench):
    """Its rows stay out of the split they are carved out of, and the ledger says where they are."""
    bench.rows("train.jsonl", [{"n": n} for n in range(30)])
    carved = (plan.CarvedSplit(name="dev", origin="train", count=10, at=AT),)
    loaded = load(bench.source(carved=carved), ["train"])

    assert ["train"] == list(loaded.rows) == list(loaded.digests)
    assert (20, 10) == (loaded.counts["train"].kept, loaded.counts["train"].carved_out)
    assert (10, 10) == (loaded.counts["dev"].kept, loaded.counts["dev"].carved_in)


def test_a_split_is_what_it_is_whatever_is_asked_for(bench):
    """`train` leaves out what `dev` carves, though `dev` isn't asked for, and the other way."""
    bench.rows("train.jsonl", [{"n": n} for n in range(50)])
    bench.rows("test.jsonl", [{"n": n} for n in range(5)])
    source = bench.source(
        pattern="{split}.jsonl",
        splits=("train", "test"),
        carved=(plan.CarvedSplit(name="dev", origin="train", count=10, at=AT),),
        limit=20,
        limit_at=LIMIT_AT,
    )
    both = load(source, ["train", "dev", "validation"])

    assert ["train", "dev"] == list(both.rows)
    assert both.rows["train"] == load(source, ["train"]).rows["train"]
    assert both.rows["dev"] == load(source, ["dev"]).rows["dev"]
    assert (20, 10, 5) == (
        len(both.rows["train"]),
        len(both.rows["dev"]),
        len(load(source, ["test"]).rows["test"]),
    )


def test_carve_of_more_rows_than_there_are(bench):
    """It is said, with both numbers."""
    bench.rows("train.jsonl", [{"n": n} for n in range(5)])
    loaded = bench.load(carved=(plan.CarvedSplit(name="dev", origin="train", count=10, at=AT),))

    assert ["`carve` asks for 10 rows of `train`, which has 5"] == [
        found.message for found in loaded.diagnostics
    ]


def test_near_dedup_is_not_carried_out_yet(bench):
    """It is said at the clause; nothing is dropped quietly by another rule."""
    bench.rows("train.jsonl", [{"n": 1}, {"n": 1}])
    near = plan.Dedup(key=plan.Name(name="n"), near=0.8, at=AT)
    loaded = bench.load(dedup=None).num_errors, bench.load(dedup="n").counts["train"].kept
    source = bench.source().model_copy(update={"dedup": near})

    assert (0, 1) == loaded
    assert ["T0807"] == [found.code for found in load(source, ["train"]).diagnostics]


def test_a_split_that_loses_every_row(bench):
    """A warning says which clauses took them."""
    bench.rows("train.jsonl", [{"n": n} for n in range(5)])
    loaded = bench.load(wheres=("n > 9",))
    (found,) = loaded.diagnostics

    assert ("T0808", ("5 by the `where` at s.task:1",), 0) == (
        found.code,
        found.notes,
        loaded.num_errors,
    )


# ---- sample and progress -------------------------------------------------------------------------


def test_sample_reads_the_first_rows(bench):
    """A trial reads no more than it is told, and carves at most half of it."""
    bench.rows("a.jsonl", [{"n": n} for n in range(50)])
    bench.rows("b.jsonl", [{"n": n} for n in range(50, 100)])
    loaded = bench.load(
        pattern="*.jsonl",
        carved=(plan.CarvedSplit(name="dev", origin="train", count=40, at=AT),),
        sample=60,
    )

    assert (60, 30, 30) == (
        loaded.counts["train"].read,
        loaded.counts["train"].kept,
        loaded.counts["dev"].kept,
    )
    assert [] == loaded.diagnostics


def test_progress_is_told_of_every_row(bench):
    """Chunks add up to what was read."""
    bench.rows("train.jsonl", [{"n": n, "pad": "x" * 500} for n in range(5000)])
    told = []
    load(bench.source(), ["train"], progress=lambda split, rows: told.append((split, rows)))

    assert ({"train"}, 5000) == ({split for split, _ in told}, sum(rows for _, rows in told))
    assert 2 <= len(told)


# ---- properties ----------------------------------------------------------------------------------

ROWS = st.lists(
    st.fixed_dictionaries(
        {"n": st.integers(0, 9) | st.just("bad"), "t": st.sampled_from(["a", "b", ""])}
    ),
    max_size=25,
)


def loaded_from(folder, rows, **changes):
    """Loads rows through every clause."""
    folder.write("train.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows) + "[]\n")
    return folder.load(
        columns={"n": "int", "t": "text"},
        wheres=('t != ""',),
        lets={"key": "n * 2"},
        dedup="[n / 2, t]" if changes.pop("dedup", True) else None,
        carved=(
            plan.CarvedSplit(name="dev", origin="train", count=changes.pop("carve", 3), at=AT),
        ),
        limit=changes.pop("limit", 4),
        limit_at=LIMIT_AT,
    )


@settings(max_examples=40)
@given(rows=ROWS, dedup=st.booleans())
def test_every_row_is_accounted_for(folder, rows, dedup):
    """Read and carved in = kept, dropped, carved out and failed, for every split."""
    loaded = loaded_from(folder, rows, dedup=dedup)
    train = loaded.counts["train"]

    assert len(rows) + 1 == train.read
    for split, counts in loaded.counts.items():
        ways = counts.kept + counts.dropped + counts.carved_out + counts.failed

        assert counts.read + counts.carved_in == ways
        assert counts.dropped == sum(reasons(loaded, split).values())
        assert counts.kept == len(loaded.rows[split])


@settings(max_examples=40)
@given(rows=ROWS, random=st.randoms())
def test_the_order_of_rows_does_not_count(folder, rows, random):
    """Shuffled input: the same ids, the same chosen rows in every split."""
    loaded = loaded_from(folder, rows)
    again = loaded_from(folder, random.sample(rows, len(rows)))

    assert {split: named(rows) for split, rows in loaded.rows.items()} == {
        split: named(rows) for split, rows in again.rows.items()
    }


@settings(max_examples=40)
@given(rows=ROWS, limit=st.integers(1, 9))
def test_limits_are_nested(folder, rows, limit):
    """A larger limit keeps every row that a smaller one kept."""
    fewer = loaded_from(folder, rows, limit=limit).rows["train"]
    more = loaded_from(folder, rows, limit=limit + 3).rows["train"]

    assert named(fewer) <= named(more)


@settings(max_examples=40)
@given(rows=ROWS, carve=st.integers(0, 9))
def test_equal_rows_are_never_on_both_sides(folder, rows, carve):
    """No row of a carved split has an equal in the split it came from."""
    loaded = loaded_from(folder, rows, carve=carve, dedup=False, limit=100)

    assert set(loaded.rows["dev"].ids).isdisjoint(loaded.rows["train"].ids)
