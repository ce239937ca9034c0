"""`dedup` of a mixture in a build: who goes, for whom, and what does not depend on what."""

import json

import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskc.compiler import plan
from taskc.compiler.build import Means
from taskc.compiler.decontamination.clause import Searching
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.keys import Scope
from taskc.compiler.outlook import outlook
from taskc.compiler.resemblance.words import words
from taskc.compiler.rows.findings import Findings
from taskc.compiler.rows.inputs import split_inputs
from taskc.compiler.rows.load import load
from taskc.compiler.store.objects import Store
from taskc.compiler.tracing.accounts import Match
from taskc.compiler.tracing.fates import accounts
from taskc.compiler.tracing.row import look, whole
from taskc.compiler.twins import clause as stage
from taskc.compiler.twins.clause import deduplicate

CLAUSE = "dedup [question] near 0.5"
AT = plan.Place(path="s.task", start=0, end=1, line=1, column=1)
LONG = "how many apples has Ann if she has two more than Bob who has seven of them"
LIKE = LONG.replace("seven", "eight")


def asked(text: str, answer: int = 1) -> dict[str, object]:
    """A row of a given question."""
    return {"question": text, "answer": answer}


def questions(first: int, count: int) -> list[dict[str, object]]:
    """Rows of different words."""
    return [
        asked(" ".join(f"w{n}x{word}" for word in range(9)), n) for n in range(first, first + count)
    ]


@pytest.fixture
def deduplicated(project):
    """Builds the project with a clause; gives the build, its ledger and its report."""

    def run(clause=CLAUSE, small=(), dev=(), large=(), spec=None, **means):
        made = project()
        made.files = {
            "small.train.jsonl": [*questions(0, 20), *small],
            "small.dev.jsonl": [*questions(100, 5), *dev],
            "large.jsonl": [*questions(1_000, 60), *large],
        }
        made.spec = (spec or made.spec).replace("  seed 3", f"  {clause}\n  seed 3")
        for few, many in (("input: 40", "input: 400"), ("target: 20", "target: 400")):
            made.spec = made.spec.replace(few, many)
        made.spec = made.spec.replace("length: 64", "length: 1024")
        made.built = made.build(**means)
        if made.built.path is not None:
            entries = json.loads((made.built.path / "ledger.json").read_text())["entries"]
            made.dropped = {
                each["source"]: {
                    (drop["reason"], drop["at"]): drop["rows"]
                    for drop in each["dropped"]
                    if drop["stage"] == "dedup"
                }
                for each in entries
                if each["split"] == "train"
            }
            made.rows = pyarrow.parquet.read_table(
                made.built.path / "twins/rows.parquet"
            ).to_pylist()
        return made

    return run


# ---- who goes ------------------------------------------------------------------------------------


def test_the_row_of_the_source_listed_first_stays(deduplicated, project):
    """The twin of the other one goes; the ledger has it under the clause, the report with both."""
    made = deduplicated(small=[asked(LONG)], large=[asked(LIKE, 2)])
    turned = deduplicated(
        small=[asked(LONG)],
        large=[asked(LIKE, 2)],
        spec=project().spec.replace("from all clusters", "from large, small"),
    )
    reason = "is near a row that stays"
    (row,), (other,) = made.rows, turned.rows

    assert {"small": {}, "large": {(reason, "sums.task:29"): 1}} == made.dropped
    assert {"small": {(reason, "sums.task:29"): 1}, "large": {}} == turned.dropped
    assert (row["source"], row["file"], row["row"]) == ("large", "large.jsonl", 61)
    assert (row["kept_source"], row["kept_file"], row["kept_row"]) == (
        "small",
        "small.train.jsonl",
        21,
    )
    assert row["similarity"] == pytest.approx(12 / 18)
    assert row["at"] == "sums.task:29"
    assert (other["source"], other["kept_source"]) == ("small", "large")
    assert (other["row_id"], other["kept_row_id"]) == (row["kept_row_id"], row["row_id"])


def test_without_near_only_equal_texts_go(deduplicated):
    """One letter's case makes another row; what else the row holds has no part in it."""
    made = deduplicated(
        "dedup question", small=[asked(LONG)], large=[asked(LONG, 2), asked(LONG.upper())]
    )

    assert [("large", 61, 1.0)] == [(r["source"], r["row"], r["similarity"]) for r in made.rows]
    assert {"large": {("equals a row that stays", "sums.task:29"): 1}, "small": {}} == made.dropped


def test_within_a_source_its_own_draw_decides(deduplicated):
    """Of equal texts of one source the first drawn stays, which `dedup` of the source keeps too."""
    rows = [asked(LONG, answer) for answer in range(6)]
    made = deduplicated("dedup question", large=rows)
    (kept,) = {row["kept_row_id"] for row in made.rows}
    ids = [row["row_id"] for row in made.rows] + [kept]
    draws = Scope.source().draws("large", ids, [0] * 6, 0, "dedup")

    assert len(made.rows) == 5
    assert min(zip(draws, ids, strict=True))[1] == kept


def test_rows_without_words_there_stay(deduplicated):
    """They are not twins of each other."""
    made = deduplicated(small=[asked("?", 1), asked("", 2)], large=[asked("?", 3), asked("!", 4)])

    assert [] == made.rows
    assert made.built.path is not None


def test_fields_of_different_names_are_compared(project):
    """A row's texts count, not the names of its fields; a source without any is left alone."""
    made = project()
    made.spec = made.spec.replace("  seed 3", "  dedup [text, question] near 0.8\n  seed 3")
    made.spec = made.spec.replace(
        "cluster arith",
        'source other {\n  from jsonl("other.jsonl")\n  splits train\n'
        "  fields { text: text }\n}\n\n"
        'source third {\n  from jsonl("third.jsonl")\n  splits train\n'
        "  fields { body: text }\n}\n\ncluster arith",
    ).replace("small, large }", "small, large, other, third }")
    made.spec = made.spec.replace(
        "mixture sums",
        'template told for other { prompt t: "{text}" -> "{text}" }\n'
        'template body for third { prompt t: "{body}" -> "{body}" }\n\nmixture sums',
    )
    made.files["small.train.jsonl"] = [asked("a b c d")]
    made.files["other.jsonl"] = [{"text": "A b, c d."}, {"text": "another one of these"}]
    made.files["third.jsonl"] = [{"body": "a b c d"}, {"body": "a b c d"}]
    planned = made.plan()
    built = made.build()
    rows = pyarrow.parquet.read_table(built.path / "twins/rows.parquet").to_pylist()

    assert ("small", "large", "other") == planned.mixture.dedup[0].sources
    assert [("other", 1, "small", 1)] == [
        (r["source"], r["row"], r["kept_source"], r["kept_row"]) for r in rows
    ]


# ---- the order of work ---------------------------------------------------------------------------


def test_it_comes_after_limit_and_before_decontaminate(deduplicated, project):
    """What a limit leaves is compared; a row whose twin stays is not asked about afterwards."""
    clause = f"{CLAUSE}\n  decontaminate [question] against dev by ngrams(9)"
    made = deduplicated(clause, small=[asked(LONG)], large=[asked(LIKE)], dev=[asked(LONG)])
    entries = json.loads((made.built.path / "ledger.json").read_text())["entries"]
    stages = {
        each["source"]: [drop["stage"] for drop in each["dropped"]]
        for each in entries
        if each["split"] == "train"
    }
    limited = project().spec.replace(
        "  splits train, dev = carve(train, 10)", "  splits train\n  limit 7"
    )
    few = deduplicated("dedup question", large=[asked(LONG, n) for n in range(40)], spec=limited)

    assert {"small": ["decontaminate"], "large": ["dedup"]} == stages
    assert len(few.rows) <= 6


def test_quotas_count_what_is_left(deduplicated, project):
    """A `take` that needs a row whose twin stays lacks it."""
    spec = project().spec.replace(
        "  from all clusters\n  rate proportional(cap: 30)", "  from small\n  take 51 from large"
    )
    made = deduplicated("dedup question", small=[asked(LONG)], large=[asked(LONG)], spec=spec)
    (found,) = made.built.diagnostics

    assert "T0851" == found.code
    assert "50 rows are left after `where` and `limit`" in found.notes


def test_a_source_that_loses_every_row_stops_the_build(deduplicated, project):
    """The error names the clause."""
    made = project()
    made.spec = made.spec.replace("  seed 3", "  dedup question\n  seed 3")
    made.files["small.train.jsonl"] = [asked(f"{n} + {n + 1}") for n in range(1_000, 1_100)]
    made.spec = made.spec.replace("from all clusters", "from large, small")
    made.spec = made.spec.replace("train, dev = carve(train, 10)", "train").replace(
        "  splits    train, dev", "  splits    train"
    )
    (found,) = made.build().diagnostics

    assert "T0850" == found.code
    assert any("100 by the `equals a row that stays`" in note for note in found.notes)


def test_held_out_rows_are_not_compared(deduplicated, project):
    """A row is no twin of one that is held out, but goes where it equals it, as ever."""
    spec = project().spec.replace(
        "cluster arithmetic { sources small, large }",
        "cluster a { sources small }\ncluster b { sources large }",
    )
    spec = spec.replace("  rate", "  holdout a\n  rate")
    made = deduplicated(small=[asked(LONG)], large=[asked(LONG), asked(LIKE, 2)], spec=spec)
    entries = json.loads((made.built.path / "ledger.json").read_text())["entries"]
    drops = {drop["reason"]: drop["rows"] for e in entries for drop in e["dropped"]}

    assert [] == made.rows
    assert 1 == sum(drops.values())


def test_a_nested_mixture_compares_its_own_sources(project):
    """And no others; they are listed as the outer one lists them where it asks itself."""
    made = project()
    made.spec = made.spec.replace(
        "mixture sums {\n  from all clusters\n  rate proportional(cap: 30)",
        "mixture inner {\n  from large, small\n  dedup question\n}\n\n"
        "mixture sums {\n  from inner\n  dedup [question] near 0.9",
    )

    outer, inner = made.plan().mixture.dedup

    assert (("large", "small"), 0.9) == (outer.sources, outer.near)
    assert (("large", "small"), None) == (inner.sources, inner.near)


@pytest.mark.parametrize(
    ("mixed", "listed"),
    [
        ("from large, small", ("large", "small")),
        ("from arithmetic, large", ("small", "large")),
        ("take 3 from large\n  from small", ("large", "small")),
        ("from small\n  take 3 from large", ("small", "large")),
        ("take 3 from large\n  from arithmetic", ("large", "small")),
        ("take 3 from large\n  take 3 from small", ("large", "small")),
    ],
)
def test_sources_are_listed_as_written(project, mixed, listed):
    """By the names of `from`, each for its sources in order, and each `take`."""
    made = project()
    made.spec = made.spec.replace(
        "  from all clusters\n  rate proportional(cap: 30)", f"  {mixed}\n  dedup question"
    )

    assert listed == made.plan().mixture.dedup[0].sources


def test_a_build_without_a_training_split_compares_nothing(project):
    """Its evaluation sets are as they are without the clause."""
    made = project()
    made.spec = made.spec.replace("  seed 3", "  dedup question\n  seed 3")
    made.spec = made.spec.replace("  splits    train, dev", "  splits    dev")
    built = made.build()

    assert [] == built.diagnostics
    assert [] == pyarrow.parquet.read_table(built.path / "twins/rows.parquet").to_pylist()


def test_nothing_to_compare_is_said(deduplicated):
    """A warning with the number of rows that were looked at."""
    made = deduplicated()
    rows = [asked("+", n) for n in range(30)]
    made.files["small.train.jsonl"] = made.files["large.jsonl"] = rows
    found = [each for each in made.build(out="again").diagnostics if each.code == "T0861"]

    assert ["no training row has words to compare"] == [each.message for each in found]
    assert ("rows of `small`: 30", "rows of `large`: 20") == found[0].notes


# ---- what is told of it --------------------------------------------------------------------------


def test_why_names_the_row_that_stays(deduplicated):
    """With how alike they are."""
    made = deduplicated(small=[asked(LONG)], large=[asked(LIKE, 2)])
    build_plan = made.plan()
    source = next(each for each in build_plan.sources if each.name == "large")
    store = Store.open(made.folder / "store")
    inputs = split_inputs(source.connector, "train", Findings(source.name, source.at), store)
    place = whole(inputs.files[0])
    match = Match(source, "train", inputs.files[0], look(source, inputs.files[0], place, 61))
    with LocalEngine(1) as engine:
        (account,) = accounts(build_plan, [match], Means(engine, store), lambda *_: None)

    assert "dropped" == account.fate
    assert "small.train.jsonl:21 of small is 0.67 alike and stays" == account.steps[-1].words


def test_the_plan_command_counts_it(deduplicated):
    """Rows left are those whose twin does not stay."""
    made = deduplicated(small=[asked(LONG)], large=[asked(LIKE, 2)])
    with LocalEngine(1) as engine:
        store = Store.open(made.folder / "store")
        found = outlook(made.plan(), Means(engine, store), out=made.folder / "else")

    assert {"small": 21, "large": 50} == {each.name: each.rows_left for each in found.sources}


def test_a_changed_clause_is_a_change_of_the_mixture(deduplicated):
    """By its name; and an unchanged build is not made again."""
    made = deduplicated(small=[asked(LONG)], large=[asked(LIKE, 2)])
    same = made.build()
    made.spec = made.spec.replace("near 0.5", "near 0.9")
    other = made.build()

    assert same.is_unchanged
    (change,) = other.changes
    assert ("mixture sums: dedup", "changed", 29) == (change.name, change.what, change.at.line)


def test_what_is_known_is_not_read_again(deduplicated, monkeypatch):
    """Neither what rows are compared by nor who goes for whom."""
    made = deduplicated(small=[asked(LONG)], large=[asked(LIKE, 2)])
    asked_for = []
    made_of = stage.made_of

    def heard(make, tasks, engine, *, num_rows):
        asked_for.append((make.__name__, num_rows))
        return made_of(make, tasks, engine, num_rows=num_rows)

    monkeypatch.setattr(stage, "made_of", heard)
    monkeypatch.setattr(stage, "code_digest", lambda *_names: "the same")
    made.build(out="again")
    first = asked_for.copy()
    asked_for.clear()
    made.spec = made.spec.replace("seed 3", "seed 4")
    made.build(out="once more")
    second = asked_for.copy()
    made.files["small.train.jsonl"].append(asked(f"{LONG} again"))
    made.build(out="and more")

    assert [("sign", 72), ("read_sets", 2)] == first
    assert [] == second
    assert [("sign", 22), ("read_sets", 3)] == asked_for


def test_workers_change_nothing(deduplicated, project):
    """Equal content and equal reports."""
    rows = {
        "small": [asked(LONG), *questions(1_000, 9)],
        "large": [asked(LIKE, 2), *questions(5, 9)],
    }
    stores = (Store.open(project().folder / name) for name in ("s1", "s2"))
    one, two = (
        deduplicated(**rows, out=f"jobs {jobs}", jobs=jobs, store=store)
        for jobs, store in zip((1, 2), stores, strict=True)
    )
    manifests = [json.loads((made.built.path / "manifest.json").read_text()) for made in (one, two)]

    assert one.rows == two.rows
    assert len(one.rows) > 10
    assert manifests[0]["files"] == manifests[1]["files"]


# ---- properties ----------------------------------------------------------------------------------

WORDS = ["a", "b", "c", "d", "e"]
TEXTS = st.lists(
    st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), min_size=1, max_size=12
)


def source(folder, name: str) -> plan.Source:
    """A source of texts."""
    return plan.Source(
        name=name,
        clusters=(),
        connector=plan.Connector(
            kind="jsonl",
            patterns={"train": f"{folder}/{name}.jsonl"},
            roots={"train": str(folder)},
            at=AT,
        ),
        splits=("train",),
        carved=(),
        columns={"text": plan.ScalarType(type="text"), "number": plan.ScalarType(type="int")},
        reads=("number", "text"),
        row=None,
        lets=(),
        wheres=(),
        dedup=None,
        limit=None,
        limit_at=None,
        metric="",
        references=None,
        license="",
        at=AT,
        places={},
    )


def compared(folder, sources: dict[str, list[str]], near: float | None, fields=("text",)):
    """Which texts stay by source, in file order; and of each that goes, its twin and likeness."""
    for name, texts in sources.items():
        # Equal texts are told apart by their number among themselves, wherever they stand.
        lines = [
            json.dumps({"text": text, "number": texts[:at].count(text)})
            for at, text in enumerate(texts)
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    store = Store.open(folder / "store")
    planned = [source(folder, name) for name in sources]
    clause = plan.MixtureDedup(sources=tuple(sources), fields=fields, near=near, at=AT)
    build = plan.BuildPlan.model_construct(
        sources=tuple(planned), mixture=plan.Mixture.model_construct(dedup=(clause,))
    )
    with LocalEngine(jobs=1) as engine:
        loaded = {each.name: load(each, ["train"], engine=engine, store=store) for each in planned}
        deduplicate(build, loaded, Searching(engine, store, lambda _name, _rows: None))
    stay = {
        name: [sources[name][line] for line in found.rows["train"].lines.tolist()]
        for name, found in loaded.items()
    }
    pairs = []
    for name, found in loaded.items():
        (twins,) = found.twins
        for at, line in enumerate(twins.gone.lines.tolist()):
            row = twins.kept.row(at)
            other = sources[row.source][row.number - 1]
            pairs.append((name, sources[name][line], row.source, other, twins.likeness[at]))
    return stay, pairs


def shingles(text: str) -> set[tuple[str, ...]]:
    """Runs of three words, or all words of a shorter text."""
    found = words(text)
    return {tuple(found[at : at + 3]) for at in range(max(len(found) - 2, 1))} if found else set()


@given(TEXTS, TEXTS, TEXTS, st.sampled_from([None, 0.3, 0.7]))
@settings(max_examples=15, deadline=None)
def test_a_source_at_the_end_changes_no_other(tmp_path_factory, first, second, third, near):
    """Whatever it holds: the rows that stay of those before it are the same."""
    folder = tmp_path_factory.mktemp("twins")
    without, _ = compared(folder, {"one": first, "two": second}, near)
    with_it, _ = compared(folder, {"one": first, "two": second, "three": third}, near)

    assert without == {name: with_it[name] for name in ("one", "two")}


@given(TEXTS, TEXTS, st.sampled_from([None, 0.3, 0.7]))
@settings(max_examples=15, deadline=None)
def test_every_pair_is_alike_and_its_twin_stays(tmp_path_factory, first, second, near):
    """A row goes for one that stays, of its own source or one before it; no two equal ones stay."""
    folder = tmp_path_factory.mktemp("twins")
    stay, pairs = compared(folder, {"one": first, "two": second}, near)
    left = [text for texts in stay.values() for text in texts if text]

    assert len(left) == len(set(left))
    for name, text, kept_in, other, likeness in pairs:
        assert other in stay[kept_in]
        assert (name, kept_in) != ("one", "two")
        own, others = shingles(text), shingles(other)
        assert likeness == pytest.approx(len(own & others) / len(own | others))
        assert text == other if near is None else likeness >= near


@given(TEXTS, TEXTS, st.randoms(), st.sampled_from([None, 0.5]))
@settings(max_examples=15, deadline=None)
def test_the_order_of_rows_in_files_has_no_part_in_it(tmp_path_factory, first, second, drawn, near):
    """The same texts stay."""
    folder, other = tmp_path_factory.mktemp("twins"), tmp_path_factory.mktemp("twins")
    stay, _ = compared(folder, {"one": first, "two": second}, near)
    for texts in (first, second):
        drawn.shuffle(texts)
    again, _ = compared(other, {"one": first, "two": second}, near)

    assert {name: sorted(texts) for name, texts in stay.items()} == {
        name: sorted(texts) for name, texts in again.items()
    }
