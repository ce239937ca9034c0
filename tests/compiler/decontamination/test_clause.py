"""`decontaminate` in a build: who goes, what is said of it, and what is not done twice."""

import json

import pyarrow.parquet
import pytest

from taskc.compiler.build import Means
from taskc.compiler.decontamination import clause as stage
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.rows.findings import Findings
from taskc.compiler.rows.inputs import split_inputs
from taskc.compiler.store.objects import Store
from taskc.compiler.tracing.accounts import Match
from taskc.compiler.tracing.fates import accounts
from taskc.compiler.tracing.row import look, whole

CLAUSE = "decontaminate [question] against dev by ngrams(5)"
SHARED = "how many apples has Ann, if she has"


def questions(first: int, count: int) -> list[dict[str, object]]:
    """Rows of different words: no run of five in two of them."""
    letters = "abcdefghij"
    return [
        {
            "question": " ".join(f"{letters[n % 10]}{word}{n}" for word in range(9)),
            "answer": n,
        }
        for n in range(first, first + count)
    ]


def asked(text: str) -> dict[str, object]:
    """A row of a given question."""
    return {"question": text, "answer": 1}


@pytest.fixture
def decontaminated(project):
    """Builds the project with a clause; gives the build and its folder's ledger and report."""

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
        built = made.build(**means)
        made.built = built
        if built.path is not None:
            entries = json.loads((built.path / "ledger.json").read_text())["entries"]
            made.dropped = {
                (each["source"], each["split"]): {
                    (drop["stage"], drop["reason"], drop["at"]): drop["rows"]
                    for drop in each["dropped"]
                    if drop["stage"] == "decontaminate"
                }
                for each in entries
            }
            made.rows, made.common = (
                pyarrow.parquet.read_table(built.path / f"decontamination/{name}.parquet")
                for name in ("rows", "common")
            )
        return made

    return run


# ---- who goes ------------------------------------------------------------------------------------


def test_a_training_row_that_shares_a_run_goes(decontaminated):
    """Of any source, whatever its case and spacing; the ledger has it under the clause."""
    made = decontaminated(
        small=[asked(f"Tell me: {SHARED.upper()} two?")],
        large=[
            asked("HOW   many apples\nhas Ann -- and not Bob?"),
            asked("how many apples has he"),
        ],
        dev=[asked(f"{SHARED} three pears")],
    )
    at = "sums.task:29"

    assert {("decontaminate", "shares 5 words with dev", at): 1} == made.dropped["small", "train"]
    assert {("decontaminate", "shares 5 words with dev", at): 1} == made.dropped["large", "train"]
    assert {} == made.dropped["small", "dev"]


def test_every_hit_is_explained(decontaminated):
    """The words, the row that had them, and the row that they were found in."""
    made = decontaminated(
        small=[asked(f"Tell me: {SHARED.upper()} two?")], dev=[asked(f"{SHARED} three pears")]
    )
    (entry,) = made.rows.to_pylist()

    assert {
        "source": "small",
        "file": "small.train.jsonl",
        "row": 21,
        "at": "sums.task:29",
        "field": "question",
        "words": "how many apples has ann if she has",
        "num_words": 8,
        "similarity": 0.0,
        "evaluated_source": "small",
        "evaluated_split": "dev",
        "evaluated_file": "small.dev.jsonl",
        "evaluated_row": 6,
    } == {name: value for name, value in entry.items() if not name.endswith("row_id")}
    assert 16 == len(entry["row_id"]) == len(entry["evaluated_row_id"])
    assert entry["row_id"] != entry["evaluated_row_id"]


def test_rows_that_are_near_go(decontaminated):
    """By likeness; the report says how near."""
    made = decontaminated(
        "decontaminate [question] against dev by near(0.5)",
        small=[asked(f"{SHARED} three pears?"), asked(f"{SHARED} lost and found some other ones")],
        dev=[asked(f"{SHARED} three pears or more")],
    )
    (entry,) = made.rows.to_pylist()

    assert [1] == list(made.dropped["small", "train"].values())
    assert (21, 0.8, "") == (entry["row"], entry["similarity"], entry["words"])
    assert 0 == len(made.common)


def test_what_many_rows_have_does_not_count(decontaminated):
    """It is said, listed, and drops nothing; the number may be raised."""
    phrase = "answer the following question as shortly as you can"
    rows = {"small": [asked(f"{phrase} {1}")], "dev": [asked(f"{phrase} 2{n}") for n in range(4)]}
    made = decontaminated(f"{CLAUSE[:-1]}, max_rows: 3)", **rows)
    raised = decontaminated(f"{CLAUSE[:-1]}, max_rows: 4)", **rows)

    assert {} == made.dropped["small", "train"]
    assert "T0862" in {finding.code for finding in made.built.diagnostics}
    assert 5 == len(made.common)
    assert {4} == set(made.common["rows"].to_pylist())
    assert "answer the following question as" in made.common["words"].to_pylist()
    assert [1] == list(raised.dropped["small", "train"].values())
    assert 4 == len(raised.rows)


def test_what_shares_nothing_stays(decontaminated):
    """Zero is zero."""
    made = decontaminated()

    assert {} == made.dropped["small", "train"] == made.dropped["large", "train"]
    assert (0, 0) == (len(made.rows), len(made.common))
    assert [] == [each.code for each in made.built.diagnostics]


def test_fields_that_are_not_named_and_templates_have_no_part_in_it(decontaminated):
    """Words of the prompt stand in every example, and answers of both splits are alike."""
    phrase = "What is the sum of these two numbers"
    made = decontaminated(
        "decontaminate [answer] against dev by ngrams(1)",
        small=[asked(phrase)],
        dev=[asked(phrase)],
    )

    assert "T0861" in {finding.code for finding in made.built.diagnostics}  # a number has no words
    assert {} == made.dropped["small", "train"]


# ---- where it stands among the others ------------------------------------------------------------


def test_splits_that_are_not_delivered_are_compared_with(decontaminated, project):
    """A build of `train` alone is decontaminated as well."""
    spec = project().spec.replace("splits    train, dev", "splits    train")
    made = decontaminated(spec=spec, small=[asked(SHARED)], dev=[asked(SHARED)])

    assert [1] == list(made.dropped["small", "train"].values())
    assert not (made.built.path / "eval").exists()


def test_it_comes_after_limit_and_before_rank(decontaminated, project):
    """A row that `limit` dropped is not asked about, and none comes in for one that is dropped."""
    spec = project().spec.replace(
        "splits train, dev = carve", "limit 9\n  splits train, dev = carve"
    )
    shared = [asked(f"{SHARED} {n}") for n in range(60)]
    made = decontaminated(spec=spec, large=shared, dev=[asked(SHARED)])
    (num_dropped,) = made.dropped["large", "train"].values()
    entry = next(
        each
        for each in json.loads((made.built.path / "ledger.json").read_text())["entries"]
        if (each["source"], each["split"]) == ("large", "train")
    )

    assert 0 < num_dropped < 9
    assert 9 - num_dropped == entry["delivered"]


def test_a_second_clause_asks_about_what_the_first_one_left(decontaminated):
    """Each row goes once, by the first clause that finds it."""
    made = decontaminated(
        f"{CLAUSE}\n  decontaminate [question] against dev by ngrams(3)",
        small=[asked(f"{SHARED} 1"), asked("how many apples 2")],
        dev=[asked(SHARED)],
    )
    reasons = {reason: rows for (_, reason, _), rows in made.dropped["small", "train"].items()}

    assert {"shares 5 words with dev": 1, "shares 3 words with dev": 1} == reasons


def test_held_out_rows_are_compared_with(decontaminated, project):
    """Their splits are evaluated, so what shares words with them goes."""
    spec = project().spec.replace(
        "cluster arithmetic { sources small, large }",
        "cluster arithmetic { sources large }\ncluster apart { sources small }",
    )
    made = decontaminated(
        f"holdout apart\n  {CLAUSE}", spec=spec, large=[asked(f"{SHARED} 1")], dev=[asked(SHARED)]
    )

    assert [1] == list(made.dropped["large", "train"].values())


def test_a_source_that_loses_every_row_stops_the_build(decontaminated, project):
    """It is said by which clause."""
    made = project()
    made.files["small.train.jsonl"] = [asked(SHARED)]
    made.files["small.dev.jsonl"] = [asked(SHARED)]
    made.spec = made.spec.replace("  seed 3", f"  {CLAUSE}\n  seed 3")
    (error,) = made.build().diagnostics[:1]

    assert ("T0850", ("1 by the `shares 5 words with dev` at sums.task:29",)) == (
        error.code,
        tuple(note.replace(str(made.folder / "arithmetic") + "/", "") for note in error.notes),
    )


# ---- the order of things -------------------------------------------------------------------------


def test_a_source_of_which_nothing_is_left_is_no_trouble_to_the_next_clause(decontaminated):
    """A second clause has nothing to ask about it; the build says that it is empty."""
    made = decontaminated(
        "decontaminate [question] against dev by ngrams(1)\n" + f"  {CLAUSE}",
        dev=[asked(row["question"]) for row in questions(0, 20)],
    )

    assert ["T0850"] == [each.code for each in made.built.diagnostics if each.code != "T0862"]


def test_workers_change_nothing(decontaminated, project):
    """One or three processes, the same content and the same report."""
    rows = {"small": [asked(f"{SHARED} {n}") for n in range(9)], "dev": [asked(SHARED)]}
    first = decontaminated(**rows, out="one", store=Store.open(project().folder / "s1"))
    again = decontaminated(**rows, out="two", jobs=3, store=Store.open(project().folder / "s2"))
    manifests = [
        json.loads((made.built.path / "manifest.json").read_text()) for made in (first, again)
    ]

    assert manifests[0]["content_digest"] == manifests[1]["content_digest"]
    assert manifests[0]["files"] == manifests[1]["files"]


def test_nothing_is_searched_twice(decontaminated, monkeypatch):
    """The next build finds what this one found; a row more and only its range is read again."""
    rows = {"small": [asked(SHARED)], "dev": [asked(f"{SHARED} too")]}
    first = decontaminated(**rows)
    read = []
    search = stage.search
    monkeypatch.setattr(
        stage, "search", lambda task: read.append(task.texts.source.name) or search(task)
    )
    monkeypatch.setattr(stage, "code_digest", lambda *_names: "the same")
    decontaminated(**rows, out="again")
    read.clear()
    again = decontaminated(**rows, out="once more")
    assert [] == read
    more = decontaminated(**{**rows, "small": [*rows["small"], asked(f"{SHARED} two")]}, out="more")

    assert first.dropped == again.dropped
    assert ["small"] == read
    assert [2] == list(more.dropped["small", "train"].values())


def test_a_file_that_changes_meanwhile_stops_the_build(decontaminated, project, monkeypatch):
    """Rows that are no longer there can't be compared."""
    place = project().folder / "arithmetic/small.train.jsonl"
    search = stage.search

    def changed(task):
        place.write_text(json.dumps(asked("other")) + "\n")
        return search(task)

    monkeypatch.setattr(stage, "search", changed)
    monkeypatch.setattr(stage, "code_digest", lambda *_names: "the same")
    made = decontaminated(small=[asked(SHARED)])

    assert None is made.built.path
    assert {"T1010"} == {finding.code for finding in made.built.diagnostics}


# ---- who asks why --------------------------------------------------------------------------------


def test_why_names_the_words_and_the_row(decontaminated, project):
    """For a row that is gone; one that stays is not spoken of."""
    made = decontaminated(small=[asked(f"{SHARED} 1")], dev=[asked(f"{SHARED} too")])
    build = made.plan()
    source = next(each for each in build.sources if each.name == "small")
    store = Store.open(project().folder / "store")
    inputs = split_inputs(source.connector, "train", Findings("small", source.at), store)
    steps = {}
    with LocalEngine(jobs=1) as engine:
        for number in (20, 21):
            seen = look(source, inputs.files[0], whole(0), number)
            (account,) = accounts(
                build,
                [Match(source, "train", inputs.files[0], seen)],
                Means(engine, store),
                lambda _account: None,
            )
            steps[number] = account.fate, [step.clause for step in account.steps], account.steps

    assert "decontaminate" not in steps[20][1]
    assert "dropped" == steps[21][0]
    last = steps[21][2][-1]
    assert "decontaminate" == last.clause
    assert 'shares "how many apples has ann if she has" with small.dev.jsonl:6' in last.words


def test_a_clause_of_a_nested_mixture_is_about_its_own_sources(decontaminated, project):
    """It is carried out, and touches no other source."""
    inner = f"mixture inner {{\n  from small\n  {CLAUSE}\n}}\n\nmixture sums {{"
    spec = project().spec.replace("mixture sums {", inner)
    spec = spec.replace("from all clusters", "from inner, large")
    shared = [asked(f"{SHARED} 1")]
    made = decontaminated("", spec=spec, small=shared, large=shared, dev=[asked(SHARED)])

    assert [1] == list(made.dropped["small", "train"].values())
    assert {} == made.dropped["large", "train"]
