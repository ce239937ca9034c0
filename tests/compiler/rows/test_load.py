"""A source's rows: what is kept, what is dropped by which clause, and what is wrong with a row."""

import gzip
import json
from contextlib import contextmanager
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskc.compiler import plan
from taskc.compiler.rows import inputs
from taskc.compiler.store import cutting, files

AT = plan.Place(path="s.task", start=0, end=1, line=1, column=1)
LIMIT_AT = plan.Place(path="s.task", start=9, end=10, line=2, column=1)


def reasons(loaded, split="train") -> dict[str, int]:
    """Dropped rows by reason."""
    return {drop.reason: num_rows for drop, num_rows in loaded.drops[split].items()}


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
    loaded = bench.load(source.model_copy(update={"wheres": wheres}))

    assert {1: 1, 2: 1} == {
        drop.at.line: num_rows for drop, num_rows in loaded.drops["train"].items()
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
    loaded = bench.load(bench.source(carved=carved), splits_asked=["train"])

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

    def loaded(*splits):
        return bench.load(source, splits_asked=splits).rows

    both = loaded("train", "dev", "validation")

    assert ["train", "dev"] == list(both)
    assert both["train"] == loaded("train")["train"]
    assert both["dev"] == loaded("dev")["dev"]
    assert (20, 10, 5) == (len(both["train"]), len(both["dev"]), len(loaded("test")["test"]))


def test_carve_of_more_rows_than_there_are(bench):
    """It is said, with both numbers."""
    bench.rows("train.jsonl", [{"n": n} for n in range(5)])
    loaded = bench.load(carved=(plan.CarvedSplit(name="dev", origin="train", count=10, at=AT),))

    assert ["`carve` asks for 10 rows of `train`, which has 5"] == [
        found.message for found in loaded.diagnostics
    ]


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
    """Ranges add up to what was read."""
    bench.rows("a.jsonl", [{"n": n} for n in range(50)])
    bench.rows("b.jsonl", [{"n": n} for n in range(30)])
    told = []
    bench.load(pattern="*.jsonl", progress=lambda split, rows: told.append((split, rows)))

    assert [("train", 50), ("train", 30)] == told


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


# ---- ranges --------------------------------------------------------------------------------------


@contextmanager
def fine_cuts():
    """Files of lines are cut every few rows, Parquet and Arrow between all their groups."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "MAX_RANGE_BYTES", 96)
        patch.setattr(files, "cut", partial(cutting.cut, min_bytes=32, max_bytes=96))
        patch.setattr(inputs, "_MIN_RANGE_BYTES", 1)
        yield


ANY_ROWS = st.lists(
    st.fixed_dictionaries(
        {"n": st.integers(0, 3), "t": st.sampled_from(["a", "b", "", "é" * 30])},
        optional={
            "x": st.none() | st.sampled_from([0.5, 1, 2.0]),
            "l": st.lists(st.sampled_from(["p", "q"]), max_size=2),
        },
    ),
    max_size=40,
)
COLUMNS = st.sampled_from(
    [
        None,
        {"n": "int", "t": "text"},
        {"n": "int", "t": "choice(a, b)?", "x": "float?"},
        {"t": "text", "l": "list[text]?"},
    ]
)
LETS = st.sampled_from([{}, {"t": "choose(t, lower(t), upper(t))"}, {"both": "[n, t]"}])
WHERES = st.sampled_from([(), ('t != ""',), ("n > 0", "choose(true, false)")])
DEDUPS = st.sampled_from([None, "t", "n"])
WRITERS = {
    "jsonl": lambda path, rows: path.write_text(
        "".join(json.dumps(row) + "\n" * (1 + row["n"] % 2) for row in rows)
    ),
    "jsonl.gz": lambda path, rows: path.write_bytes(
        gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
    ),
    "parquet": lambda path, rows: pq.write_table(table(rows), path, row_group_size=3),
    "arrow": lambda path, rows: write_arrow(path, table(rows)),
}


def table(rows: list[dict]) -> pa.Table:
    """Rows as columns."""
    fields = [("n", pa.int64()), ("t", pa.string()), ("x", pa.float64())]
    schema = pa.schema([*fields, ("l", pa.list_(pa.string()))])
    return pa.Table.from_pylist(rows, schema)


def write_arrow(path, whole: pa.Table) -> None:
    """An Arrow file of small record batches."""
    with pa.ipc.new_file(path, whole.schema) as writer:
        writer.write_table(whole, max_chunksize=3)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=ANY_ROWS,
    suffix=st.sampled_from(sorted(WRITERS)),
    columns=COLUMNS,
    lets=LETS,
    wheres=WHERES,
    dedup=DEDUPS,
    limit=st.integers(0, 12) | st.none(),
    carve=st.integers(0, 5),
    sample=st.integers(1, 20) | st.none(),
)
def test_ranges_do_not_show(  # noqa: PLR0917 - a source has many clauses
    folder, rows, suffix, columns, lets, wheres, dedup, limit, carve, sample
):
    """However files are cut, rows, counts and findings are those of the whole files."""
    for part, some in (("a", rows[::2]), ("b", rows[1::2])):
        WRITERS[suffix](folder.folder / f"{part}.{suffix}", some)
    has_n = columns is None or "n" in columns
    source = folder.source(
        suffix.partition(".")[0],
        f"[ab].{suffix}",
        columns=columns,
        lets=lets if has_n else {},
        wheres=wheres if has_n else (),
        dedup=dedup if has_n else None,
        carved=(plan.CarvedSplit(name="dev", origin="train", count=carve, at=AT),),
        limit=limit,
        limit_at=LIMIT_AT,
    )
    whole = folder.load(source, sample=sample)
    with fine_cuts(), folder.another_store():
        cut = folder.load(source, sample=sample)

    assert {"train", "dev"} == set(whole.rows)
    assert whole.rows == cut.rows
    assert whole.diagnostics == cut.diagnostics
    assert (whole.counts, whole.drops, whole.digests) == (cut.counts, cut.drops, cut.digests)


BROKEN = [
    ("jsonl", "a.jsonl", b'{"a": 1}\n{"a": 2,\n[]\n{"a": "x"}\n' * 40),
    ("text", "a.txt", b"first line of all\nsecond \xe9 line\nthird line\nfourth line\n" * 9),
    ("jsonl", "a.jsonl", b'{"a": 1}\n' * 9 + b'{"a": "\xe9"}\n' + b'{"b": 1}\n' * 30),
]


@pytest.mark.parametrize(("kind", "name", "content"), BROKEN)
def test_mistakes_are_said_alike_however_files_are_cut(bench, kind, name, content):
    """The first few of each kind with their rows, the others counted, what breaks a file once."""
    bench.write(name, content)
    columns = {"a": "int"} if kind == "jsonl" else None
    _, whole = bench.load_keys(kind, name, columns=columns)
    with fine_cuts(), bench.another_store():
        _, cut = bench.load_keys(kind, name, columns=columns)
    rows = [found.row.row for found in cut.diagnostics if found.row]

    assert cut.num_errors == whole.num_errors > 0
    assert cut.diagnostics == whole.diagnostics
    assert sorted(rows) == rows
    assert 1 == len(whole.rows["train"].inputs.ranges) < len(cut.rows["train"].inputs.ranges)


def test_a_file_without_a_column_is_named_once(bench):
    """Also where it is read in many ranges."""
    pq.write_table(pa.table({"b": list(range(20))}), bench.folder / "a.parquet", row_group_size=2)
    with fine_cuts():
        loaded = bench.load("parquet", "a.parquet", columns={"a": "int"})

    assert [("T0525", 0, "")] == complaints(loaded)
    assert 20 == loaded.counts["train"].failed


# ---- the store -----------------------------------------------------------------------------------


def test_a_range_is_surveyed_once(bench):
    """The second time it comes from the store, and is the same."""
    bench.rows("train.jsonl", [{"n": n, "t": "ab"[n % 2]} for n in range(20)])
    arguments = {
        "columns": {"n": "int", "t": "choice(a, b)"},
        "wheres": ("n > 2",),
        "dedup": "n / 3",
        "watched": ("t",),
    }
    first, second = bench.load(**arguments), bench.load(**arguments)

    assert ((1, 0), (0, 1)) == (
        (first.num_surveyed, first.num_reused),
        (second.num_surveyed, second.num_reused),
    )
    assert first.rows == second.rows
    assert {"t": {"a", "b"}} == first.seen == second.seen


def test_only_ranges_that_changed_are_read(bench):
    """A row that is put in makes one range anew, wherever it stands."""
    rows = [{"n": n} for n in range(200)]
    bench.rows("train.jsonl", rows)
    with fine_cuts():
        before = bench.load()
        bench.rows("train.jsonl", [*rows[:50], {"n": -1}, *rows[50:]])
        after = bench.load()

    assert before.num_surveyed > 10
    assert after.num_surveyed <= 4
    assert 201 == after.counts["train"].kept


CHANGES = [
    ({"wheres": ("n > 0",)}, 1),
    ({"lets": {"m": "n"}}, 1),
    ({"columns": {"n": "int"}}, 1),
    ({"dedup": "n"}, 1),
    ({"watched": ("n",)}, 1),
    ({"limit": 2, "limit_at": LIMIT_AT}, 0),
    ({"name": "t"}, 0),
    ({"at": LIMIT_AT, "license": "MIT", "metric": "accuracy", "clusters": ("c",)}, 0),
    ({"lets": {"m": "choose(n, n)"}}, 1),
    ({"lets": {"m": "choose(n, n)"}, "name": "t"}, 1),
]


def test_what_a_survey_does_not_read_does_not_count(bench):
    """A clause makes it anew; a limit, a place and the source's name do not, but for `choose`."""
    bench.rows("train.jsonl", [{"n": n} for n in range(5)])
    bench.load()

    assert [num for _, num in CHANGES] == [
        bench.load(**changes).num_surveyed for changes, _ in CHANGES
    ]


def test_mistakes_are_said_again(bench):
    """A range with a mistake is not kept: its findings speak of places that may have moved."""
    bench.rows("train.jsonl", [{"n": "x"}])

    assert [1, 1] == [bench.load(columns={"n": "int"}).num_surveyed for _ in range(2)]


def test_equal_files_share_their_survey(bench):
    """Whatever they are called."""
    for name in ("a.jsonl", "b.jsonl"):
        bench.rows(name, [{"n": n} for n in range(5)])
    bench.load(pattern="a.jsonl")
    loaded = bench.load(pattern="*.jsonl")

    assert (0, 2) == (loaded.num_surveyed, loaded.num_reused)
    assert [0] * 5 + [1] * 5 == loaded.rows["train"].ordinals


# ---- values that are watched ---------------------------------------------------------------------


def test_watched_values_are_those_of_the_rows_that_are_left(bench):
    """Of the training split, after every clause."""
    bench.rows("train.jsonl", [{"n": n, "t": "abcd"[n % 4]} for n in range(40)])
    bench.rows("test.jsonl", [{"n": 0, "t": "z"}])
    every = bench.load(
        pattern="{split}.jsonl",
        splits=("train", "test"),
        wheres=('t != "d"',),
        watched=("t", "n", "none"),
    )
    one = bench.load(limit=1, limit_at=LIMIT_AT, watched=("t",))

    assert {"t": {"a", "b", "c"}, "n": set(), "none": set()} == every.seen
    assert {one.rows["train"].values[0]["t"]} == one.seen["t"]


def test_watched_values_of_many_ranges(bench):
    """Each range numbers its values for itself."""
    bench.rows("train.jsonl", [{"t": f"value {n % 7}"} for n in range(100)])
    with fine_cuts():
        loaded = bench.load(watched=("t",))

    assert {"t": {f"value {n}" for n in range(7)}} == loaded.seen
