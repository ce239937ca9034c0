"""`dedup ... near`: which rows go, for whom, and what has no part in it."""

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskc.compiler import plan
from taskc.compiler.keys import Scope
from taskc.compiler.resemblance.greedy import STAYS
from taskc.compiler.resemblance.words import words
from taskc.compiler.rows import load as stage
from taskc.compiler.rows.row_keys import drawn_order
from taskc.compiler.tracing.following import Following

AT = plan.Place(path="s.task", start=0, end=1, line=3, column=1)
TEXTS = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=8).map(" ".join))


class Heard:
    """A follower that remembers who went for whom."""

    def __init__(self):
        self.rows = None
        self.goes_for = None

    def loaded(self, rows):
        """Nothing."""

    def near(self, _dedup, rows, goes_for):
        """What is asked for here."""
        self.rows, self.goes_for = rows.pick(np.arange(len(rows))), goes_for


def near_source(bench, near=0.5, key="text", **changes):
    """A source of texts without near duplicates."""
    changes = {"columns": {"text": "text"}} | changes
    source = bench.source(dedup=key, **changes)
    dedup = source.dedup.model_copy(update={"near": near, "at": AT})
    return source.model_copy(update={"dedup": dedup})


def heard(bench, source):
    """Rows in file order with whom each goes for, and what was loaded."""
    from taskc.compiler.engines.local import LocalEngine

    follower = Heard()
    loaded = stage.load(
        source, ["train"], engine=LocalEngine(jobs=1), store=bench.store, follower=follower
    )
    return follower, loaded


def likeness(one: str, other: str) -> float:
    """Jaccard's, by sets of runs of three words."""
    first, second = shingles(one), shingles(other)
    return len(first & second) / len(first | second)


def shingles(text: str) -> set[tuple[str, ...]]:
    """Runs of three words, or all words of a shorter text."""
    found = words(text)
    return {tuple(found[at : at + 3]) for at in range(max(len(found) - 2, 1))}


# ---- who goes ------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(TEXTS, st.sampled_from([0.3, 0.5, 0.8, 1.0]))
def test_rows_go_for_rows_that_stay_and_are_near(folder, texts, near):
    """Precision is 1: none goes for a row that is not near, or that does not stay itself."""
    folder.rows("train.jsonl", [{"text": text} for text in texts])
    follower, _ = heard(folder, near_source(folder, near))

    for row, other in enumerate(follower.goes_for.tolist()):
        if other != STAYS:
            assert likeness(texts[row], texts[other]) >= near
            assert follower.goes_for[other] == STAYS


def test_the_first_drawn_of_near_rows_stays(bench):
    """As in exact dedup; whatever the order of the file."""
    texts = [f"the quick brown fox jumps over the lazy dog again{mark}" for mark in "!?.,;"]
    texts.append("something else altogether, about nothing in particular")
    bench.rows("train.jsonl", [{"text": text} for text in texts])
    follower, loaded = heard(bench, near_source(bench))
    rows = follower.rows
    draws = rows.draws(Scope.source(), 0, "dedup")
    first = next(r for r in drawn_order(draws, rows.ids, rows.ordinals).tolist() if r < 5)

    assert [STAYS if row == first else first for row in range(5)] == follower.goes_for[:5].tolist()
    assert STAYS == follower.goes_for[5]
    (drop,) = loaded.drops["train"]
    assert ("shape", "dedup", AT, 4) == (*(drop.stage, drop.reason, drop.at), 4)
    assert [4] == list(loaded.drops["train"].values())


def test_a_chain_is_not_one_group(bench):
    """A row stays where it is near only rows that go: `near` is not passed on."""
    base = [f"w{number}" for number in range(40)]
    texts = [" ".join(base[at : at + 20]) for at in range(0, 20, 2)]
    bench.rows("train.jsonl", [{"text": text} for text in texts])
    follower, _ = heard(bench, near_source(bench, 0.7))
    stay = np.flatnonzero(follower.goes_for == STAYS).tolist()

    assert 1 < len(stay) < len(texts)
    assert all(likeness(texts[a], texts[b]) < 0.7 for a in stay for b in stay if a != b)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(TEXTS, st.randoms(use_true_random=False))
def test_order_of_rows_and_files_has_no_part_in_it(folder, texts, chance):
    """Shuffled and cut otherwise, the same rows stay."""
    kept = []
    for name in ("one", "other"):
        cut = chance.randint(0, len(texts))
        folder.rows(f"{name}/a.jsonl", [{"text": text} for text in texts[:cut]])
        folder.rows(f"{name}/b.jsonl", [{"text": text} for text in texts[cut:]])
        with folder.another_store():
            _, loaded = folder.load_keys(near_source(folder, pattern=f"{name}/*.jsonl"))
        kept.append(sorted(bytes(each) for each in loaded.rows["train"].ids))
        texts = chance.sample(texts, len(texts))

    assert kept[0] == kept[1]


@pytest.mark.parametrize("near", [0.5, 0.8])
def test_planted_near_rows_are_found(bench, near):
    """300 texts of 60 words with one or two words changed: 95 of 100 at least go."""
    chance = random.Random(5)
    vocabulary = [f"word{number}" for number in range(3_000)]
    texts = [chance.choices(vocabulary, k=60) for _ in range(300)]
    copies = []
    for text in texts:
        copy = list(text)
        copy[chance.randrange(60)] = "changed"
        copies.append(copy)
    rows = [{"text": " ".join(text)} for text in [*texts, *copies]]
    bench.rows("train.jsonl", rows)
    _, loaded = heard(bench, near_source(bench, near))
    pairs = zip(texts, copies, strict=True)
    num_near = sum(likeness(" ".join(a), " ".join(b)) >= near for a, b in pairs)

    assert num_near >= 280
    assert 0.95 * num_near <= loaded.counts["train"].dropped <= num_near


# ---- keys ----------------------------------------------------------------------------------------


def test_texts_of_a_list_follow_one_another(bench):
    """`dedup by [question, answer] near j`: where a text ends does not count."""
    rows = [{"q": "one two three", "a": "four"}, {"q": "One two", "a": "three, four"}]
    bench.rows("train.jsonl", rows)
    source = near_source(bench, 1.0, key="[q, a]", columns={"q": "text", "a": "text"})

    assert 1 == bench.load(source).counts["train"].kept


def test_what_a_let_makes_is_compared(bench):
    """Fields that only `dedup` sees, too."""
    bench.rows("train.jsonl", [{"text": "a b c d e 1"}, {"text": "a b c d e 2"}])
    source = near_source(
        bench, 1.0, key="head", lets={"head": "truncate_words(text, 5)"}, row={"text": "text"}
    )

    assert 1 == bench.load(source).counts["train"].kept


def test_rows_without_a_word_are_one_and_the_same(bench):
    """They have the same words: none."""
    bench.rows("train.jsonl", [{"text": "..."}, {"text": "?!"}, {"text": "a word"}])

    assert 2 == bench.load(near_source(bench, 0.1)).counts["train"].kept


def test_a_key_that_is_no_text_is_a_mistake_in_the_row(bench):
    """Where columns have no type only the row can tell."""
    bench.rows("train.jsonl", [{"text": "a"}, {"text": 1}])
    loaded = bench.load_keys(near_source(bench, columns=None))[1]

    assert [("T0803", 2)] == [(found.code, found.row.row) for found in loaded.diagnostics]


# ---- the store -----------------------------------------------------------------------------------


def test_what_was_found_is_found_again(bench, monkeypatch):
    """Nothing is compared a second time; another threshold is another question."""
    bench.rows("train.jsonl", [{"text": f"a b c d e {number}"} for number in range(9)])
    first = bench.load_keys(near_source(bench))[1]

    def unwanted(*_arguments, **_named):
        raise AssertionError("compared again")

    monkeypatch.setattr(stage, "near_duplicates", unwanted)
    again = bench.load_keys(near_source(bench))[1]

    assert first.rows["train"].ids.tolist() == again.rows["train"].ids.tolist()
    assert (0, 1) == (again.num_surveyed, again.num_reused)
    with pytest.raises(AssertionError, match="compared again"):
        bench.load_keys(near_source(bench, 0.9))


def test_a_sample_is_judged_by_itself(bench):
    """What is found among the first rows is not taken for what is true of all."""
    bench.rows("train.jsonl", [{"text": f"a b c d e {number // 2}"} for number in range(6)])
    source = near_source(bench, 1.0)

    assert 1 == bench.load_keys(source, sample=2)[1].counts["train"].kept
    assert 3 == bench.load_keys(source)[1].counts["train"].kept


def test_a_file_that_changes_meanwhile_stops_the_build(bench, monkeypatch):
    """It is reported, and nothing is kept of it."""
    path = bench.rows("train.jsonl", [{"text": "a b c d"}, {"text": "a b c e"}])
    near_duplicates = stage.near_duplicates

    def changed(*arguments, **named):
        path.write_text('{"text": "a b c d"}\n{"text": "another row"}\n', encoding="utf-8")
        return near_duplicates(*arguments, **named)

    monkeypatch.setattr(stage, "near_duplicates", changed)
    loaded = bench.load_keys(near_source(bench, 0.1))[1]

    assert ["T1010"] == [found.code for found in loaded.diagnostics]
    assert 1 == loaded.num_errors


# ---- who asks why --------------------------------------------------------------------------------


def test_a_row_that_is_followed_learns_who_stays(bench):
    """Both sides: the row that went, and the row that it went for."""
    from taskc.compiler.engines.local import LocalEngine

    bench.rows("train.jsonl", [{"text": "a b c d"}, {"text": "A b c, d!"}, {"text": "x"}])
    source = near_source(bench)
    choices = []
    for number in (1, 2, 3):
        following = Following("train", "train.jsonl", number)
        stage.load(source, ["train"], engine=LocalEngine(1), store=bench.store, follower=following)
        choices += following.choices
    gone = next(choice for choice in choices if choice.winner is not None)

    assert [True, True, False] == sorted((choice.is_left for choice in choices), reverse=True)
    assert choices[gone.winner[1] - 1].winner is None
