"""LIMA's shape over real rows: which rows every quota takes, worked out again in plain Python.

tests/real/lima says what is built. Here the same is said once more: filters as regular expressions
of Python, quotas as turns of groups over exact fractions, draws from the oracle. Nothing is asked
of the compiler but the artefact, and what it takes under 200 other seeds.
"""

import re
from collections import Counter
from functools import cache
from itertools import islice

import numpy as np
import pytest
from oracle import draws  # found through conftest.py
from oracle.comparison import coded_examples
from oracle.expected import chairman
from oracle.rows import lines

import taskc
from taskc.compiler import plan
from taskc.compiler.keys import Scope, value_hash
from taskc.compiler.quotas.spread import Spread
from taskc.compiler.quotas.strata import Group, Strata
from taskc.compiler.rows.row_keys import drawn, drawn_order

SEED = 7
SCOPE = draws.mixture_scope(SEED)
TURN_END = 50_257  # GPT-2 has ids up to 50,256

# Quantiles of chi-square at 0.1 % and 99.9 %, by degrees of freedom.
CHI_SQUARE_2 = 13.82
CHI_SQUARE_223 = (163.4, 294.0)

FIRST_PERSON = re.compile(r"\b(I|I'm|I've|I'd|I'll|my|My|mine|me|myself)\b", re.ASCII)
OTHER_ANSWERS = re.compile(r"as mentioned|stack ?exchange|stack ?overflow|other answer")

TAKES = {
    "stem": 100,
    "other": 200,
    "howto": 300,
    "stories": 110,
    "tales": 65,
    "natural_instructions": 50,
    "authors": 175,
}


def is_advice(raw):
    """What section 2.1 asks of an answer, at 3 points."""
    answer = raw["answer"]
    return (
        raw.get("answer_rank") in (None, 0)
        and (raw.get("answer_score") is None or raw["answer_score"] >= 3)
        and 1_200 <= len(answer) <= 4_096
        and not FIRST_PERSON.search(answer)
        and not OTHER_ANSWERS.search(answer.lower())
    )


def shelf(raw):
    """Which of the two how-to collections."""
    return "rust" if raw.get("category") is not None else "kitchen"


def topic(raw):
    """The category of an article, or its first tag."""
    if raw.get("category") is not None:
        return raw["category"]
    return raw["tags"][0] if raw.get("tags") else "other"


# Source -> files, columns that it reads, filter, groups from the outer one inwards, tau, merit.
STACK = ("site", "title", "question", "answer", "question_score", "answer_score", "answer_rank")
SOURCES = {
    "stem": (
        ["ai.jsonl.gz", "matheducators.jsonl.gz", "quantumcomputing.jsonl.gz"],
        STACK,
        is_advice,
        [lambda raw: raw["site"]],
        3.0,
        lambda raw: raw["question_score"],
    ),
    "other": (
        ["beer.jsonl.gz", "bicycles_meta.jsonl.gz", "coffee.jsonl", "skeptics.jsonl.gz"],
        STACK,
        is_advice,
        [lambda raw: raw["site"]],
        3.0,
        lambda raw: raw.get("question_score") or 0,
    ),
    "howto": (
        ["lima/howto_recipes.jsonl", "lima/howto_rust_cookbook.jsonl"],
        ("title", "text", "tags", "category"),
        lambda _raw: True,
        [shelf, topic],
        None,
        None,
    ),
    "natural_instructions": (
        ["ni/instances.jsonl.gz"],
        ("task", "category", "input", "outputs"),
        lambda _raw: True,
        [lambda raw: raw["task"]],
        None,
        None,
    ),
}


@cache
def rows_of(data, source):
    """The rows of a source after its filters, each with its key."""
    files, columns, keeps, *_ = SOURCES[source]
    found, seen = [], Counter()
    for name in files:
        path = name if "/" in name else f"lima/stackexchange_{name}"
        for line in lines(data, path):
            if keeps(line.raw):
                row_id = draws.row_id(line.raw, columns)
                found.append((draws.Key(row_id, seen[row_id]), line))
                seen[row_id] += 1
    return found if columns is not STACK else one_a_question(source, found)


def one_a_question(source, rows):
    """Of answers to one question the first by its draw."""
    keys = [key for key, _ in rows]
    order = draws.drawn_order(draws.source_scope(), source, keys, 0, "dedup")
    first = {}
    for index in order:
        first.setdefault(rows[index][1].raw["question"], index)
    return [rows[index] for index in sorted(first.values())]


def in_turn(source, rows, groups, tau):
    """Yields rows, ordered already, as groups take turns; a group without a row is passed over."""
    if not groups:
        yield from rows
        return
    parts = {}
    for row in rows:
        parts.setdefault(groups[0](row[1].raw), []).append(row)

    def place(value):
        hashed = draws.value_hash(value)
        return draws.draw(SCOPE, source, draws.Key(hashed, 0), 0, "stratum"), hashed

    names = sorted(parts, key=place)
    weight = {
        name: 1 if tau is None else round(len(parts[name]) ** (1 / tau) * 1_000_000)
        for name in names
    }
    giving = {name: in_turn(source, parts[name], groups[1:], tau) for name in names}
    left = set(names)
    for name in chairman(weight):
        row = next(giving[name], None)
        if row is not None:
            yield row
        else:
            left.discard(name)
        if not left:
            return


@cache
def chosen(data, source):
    """The lines that a quota takes, in its order."""
    *_, groups, tau, merit = SOURCES[source]
    rows = rows_of(data, source)
    order = draws.drawn_order(SCOPE, source, [key for key, _ in rows], 0, "rank")
    ranked = [rows[index] for index in order]
    if merit is not None:
        ranked.sort(key=lambda row: -merit(row[1].raw))
    rows = islice(in_turn(source, ranked, groups, tau), TAKES[source])
    return [(line.file, line.number) for _, line in rows]


def lines_of(artifact, source):
    """The lines that a source delivers, in the order of the stream."""
    return [
        (row["file"], row["row"])
        for row in artifact.examples.to_pylist()
        if row["source"] == source
    ]


@pytest.fixture(scope="module")
def lima(built):
    """The artefact."""
    return built("lima/lima")


# ---- what is chosen ------------------------------------------------------------------------------


def test_every_source_delivers_its_quota(lima):
    """1,000 examples, each row once."""
    provenance = lima.examples.to_pylist()

    assert Counter(row["source"] for row in provenance) == TAKES
    assert len({(row["file"], row["row"]) for row in provenance}) == 1_000
    assert {row["repetition"] for row in provenance} == {0}


@pytest.mark.parametrize("source", SOURCES)
def test_rows_are_those_that_plain_python_chooses(source, lima, shared_data):
    """The same lines in the same order: filters, groups, temperature, the best of each group."""
    assert lines_of(lima, source) == chosen(shared_data, source)


@pytest.mark.parametrize("source", SOURCES)
def test_every_group_has_its_part_or_all_that_it_holds(source, lima, shared_data):
    """Counts by group are those of water that is filled in: min(all of it, a common level)."""
    *_, groups, tau, _ = SOURCES[source]
    by_line = {(line.file, line.number): line.raw for _, line in rows_of(shared_data, source)}
    held = Counter(groups[0](raw) for raw in by_line.values())
    given = Counter(groups[0](by_line[line]) for line in lines_of(lima, source))
    weight = {name: 1.0 if tau is None else count ** (1 / tau) for name, count in held.items()}
    live = [name for name in held if given[name] < held[name]]

    assert sum(given.values()) == TAKES[source]
    for name in live:  # nobody is more than a turn ahead of one who could still give
        for other in held:
            ahead = (given[other] - 1) / weight[other] - (given[name] + 1) / weight[name]
            assert ahead <= 1e-9, (name, other)


def test_no_row_breaks_a_filter(lima, shared_data):
    """Each answer is long enough, short enough, nobody's own and leans on no other answer."""
    delivered = {line for source in ("stem", "other") for line in lines_of(lima, source)}
    broken = [
        (line.file, line.number)
        for path in {file for file, _ in delivered}
        for line in lines(shared_data, path)
        if (line.file, line.number) in delivered and not is_advice(line.raw)
    ]

    assert len(delivered) == 300
    assert broken == []


# ---- what more adds ------------------------------------------------------------------------------


def test_a_larger_quota_begins_with_the_smaller_one(built, shared_data, tmp_path):
    """The first 200 of `take 300` are `take 200`."""
    params = {"data": str(shared_data), "wanted": 200}
    package = __file__.replace("test_lima.py", "lima")
    taskc.build(package, build="articles", params=params, out=tmp_path)
    few = lines_of(taskc.open(tmp_path / "lima" / "articles"), "howto")
    many = lines_of(built("lima/articles"), "howto")

    assert len(many) == 300
    assert few == many[:200]


def test_another_source_moves_no_row(lima, built):
    """With 30 dialogues beside them all other sources deliver what they delivered."""
    more = built("lima/lima_and_chains")

    assert {source: lines_of(more, source) for source in TAKES} == {
        source: lines_of(lima, source) for source in TAKES
    }
    assert len(lines_of(more, "chains")) == 30


# ---- what chance does ----------------------------------------------------------------------------


def taken(rows, seed, wanted):
    """The places of the rows that the compiler takes by temperature(site, 3) under a seed."""
    sites = sorted({line.raw["site"] for _, line in rows})
    column = np.array([sites.index(line.raw["site"]) for _, line in rows], np.uint32)
    strata = Strata([(Group(value_hash(s), s),) for s in sites], column, np.zeros(len(rows)))
    ids = np.frombuffer(b"".join(key.id for key, _ in rows), np.uint8).reshape(-1, 16)
    scope = Scope.mixture(seed)
    at = plan.Place(path="s.task", start=0, end=1, line=1, column=1)
    take = plan.Take(
        source="other",
        count=wanted,
        at_most=False,
        by="temperature",
        by_keys=(plan.Name(name="site"),),
        by_tau=3.0,
        best=None,
        at=at,
    )
    order = drawn_order(drawn(scope, "other", ids, None, 0, "rank"), ids, None)
    spread = Spread(take, strata, order, source="other", scope=scope)
    return spread.taken(np.zeros(len(rows), np.bool_), wanted).rows.tolist()


def test_sites_and_rows_are_sampled_as_the_closed_form_says(shared_data):
    """Over 200 seeds 30 of 265 answers: sites by n^(1/3), and in a site every row as often."""
    rows = rows_of(shared_data, "other")
    sites = [line.raw["site"] for _, line in rows]
    sizes = Counter(sites)
    roots = {site: size ** (1 / 3) for site, size in sizes.items()}
    takes = [taken(rows, seed, 30) for seed in range(200)]
    by_site = Counter(sites[row] for each in takes for row in each)
    by_row = Counter(row for each in takes for row in each)
    expected = {site: 6_000 * root / sum(roots.values()) for site, root in roots.items()}
    skeptics = [by_row[row] for row, site in enumerate(sites) if site.startswith("skeptics")]
    mean = sum(skeptics) / len(skeptics)
    # In each of 200 takes a row is there or not: binomial, but that the sums are given.
    variance = mean * (1 - mean / 200) * len(skeptics) / (len(skeptics) - 1)

    assert sum((by_site[s] - count) ** 2 / count for s, count in expected.items()) < CHI_SQUARE_2
    assert CHI_SQUARE_223[0] < sum((n - mean) ** 2 for n in skeptics) / variance < CHI_SQUARE_223[1]


# ---- what is in an example -----------------------------------------------------------------------


def test_turns_end_and_the_assistants_are_trained(built):
    """A turn's end after each turn; of a dialogue both replies are trained with theirs."""
    artifact = built("lima/lima_and_chains")
    sources = [row["source"] for row in artifact.examples.to_pylist()]
    trimmed = [row["trimmed_tokens"] for row in artifact.examples.to_pylist()]
    for number, (ids, labels) in coded_examples(artifact).items():
        ends = [at for at, token in enumerate(ids) if token == TURN_END]
        trained = [at for at in ends if labels[at] == TURN_END]
        turns = 4 if sources[number] == "chains" else 2
        cut = trimmed[number] > 0

        assert len(ids) <= 2_048
        assert len(ends) == turns - cut
        assert len(trained) == turns // 2 - cut
        assert trained == ends[1::2]


def test_prompts_without_answers_are_generated_from(lima):
    """50 prompts for dev and 282 for test, none with a target, none among the training rows."""
    splits = {split: list(lima[split]) for split in ("dev", "test")}

    assert {split: len(rows) for split, rows in splits.items()} == {"dev": 50, "test": 282}
    assert all(row["target_ids"] == [] and row["input_ids"] for s in splits.values() for row in s)
