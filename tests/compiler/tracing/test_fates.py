"""Fates of rows: all together they are the ledger of the build, and each names what it met."""

from collections import Counter

import pytest

from taskc.compiler.build import Means
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.rows.findings import Findings
from taskc.compiler.rows.inputs import split_inputs
from taskc.compiler.sequences.stream import written_at
from taskc.compiler.store.objects import Store
from taskc.compiler.tracing.accounts import Match, Placed
from taskc.compiler.tracing.fates import accounts
from taskc.compiler.tracing.row import look, range_of
from taskc.runtime import reader

SPEC = """language 1

schema sum {
  question: text
  answer:   int
}

source small: sum {
  from   jsonl("small.{split}.jsonl")
  splits train, dev
  let    half = answer / 2
  where  half > 1.0
  where  question != "100 + 101"
  dedup  by answer
  limit  25
}

source large: sum {
  from   jsonl("large.jsonl")
  splits train, dev = carve(train, 10)
}

source other: sum {
  from   jsonl("other.jsonl")
  splits train
}

cluster arithmetic { sources small, large }
cluster apart { sources other }

template calculate for small, large {
  where answer != 2003
  prompt ask: "What is {question}?" -> "{answer}"
  prompt equals when answer > 15: "{question} =" -> "{answer}"
  inverse invent: "Ask for a sum that is {answer}." -> "{question}"
}

template solve for other {
  prompt say: "{question}" -> "{answer}"
}

mixture sums {
  from    all clusters
  holdout apart
  rate    proportional(cap: 30)
  total   70 examples
  seed    3
}

tokenizer letters {
  from file("tokenizer.json")
  eos  "<eos>"
}

build sums {
  mixture   sums
  tokenizer letters
  format    prompt_target(input: 22, target: 20, separator: eos, end: eos, overflow: drop)
  pack      best_fit(length: 64, window: 50)
  splits    train, dev
}
"""


def row(question: str, answer: int) -> dict[str, object]:
    """A row of a file."""
    return {"question": question, "answer": answer}


FILES = {
    "small.train.jsonl": [
        *(row(f"{n} + {n + 1}", 2 * n + 1) for n in range(20)),
        row("3 + 4", 7),
        row("4 + 3", 7),
        *(row(f"{n} + {n + 1}", 2 * n + 1) for n in range(30, 45)),
        row("12345678901234567890", 99),
    ],
    "small.dev.jsonl": [row(f"{n} + {n + 1}", 2 * n + 1) for n in range(100, 105)],
    "large.jsonl": [row(f"{n} + {n + 1}", 2 * n + 1) for n in range(1_000, 1_100)],
    "other.jsonl": [row("1010 + 1011", 2021), row("1 + 1", 2)],
}


@pytest.fixture
def traced(project):
    """Accounts of every row of every file that a build reads, and the means that it used."""

    def trace(spec: str = SPEC, placed_of=lambda _account: None, **changes):
        own = project(spec=spec, **{"files": FILES, **changes})
        build = own.plan()
        store = Store.open(own.folder / "store")
        with LocalEngine(1) as engine:
            means = Means(engine, store)
            return build, accounts(build, list(every_row(build, store)), means, placed_of), own

    return trace


def every_row(build, store):
    """Every row of every file that a build reads, as its source sees it."""
    for source in build.sources:
        for split in source.splits:
            findings = Findings(source.name, source.at)
            inputs = split_inputs(source.connector, split, findings, store)
            last = inputs.ranges[-1]
            for number in range(1, last.first_number + last.num_lines):
                place = inputs.ranges[range_of(inputs, 0, number)]
                found = look(source, inputs.files[0], place, number)
                if found is not None:
                    yield Match(source, split, inputs.files[0], found)


@pytest.mark.parametrize("more", ["", "  fewshot 2\n", "  templates all\n"])
def test_accounts_of_all_rows_are_the_ledger(traced, more):
    """As many were dropped at each place, moved, not asked for and delivered as it says."""
    build, found, own = traced(SPEC.replace("  seed    3\n", f"  seed    3\n{more}"))
    built = own.build()
    ledger = reader.open(built.path).ledger
    folder = build.at.path.rpartition("/")[0]
    dropped = Counter(
        (each.match.source.name, each.split, written_at(each.at, folder))
        for each in found
        if each.fate == "dropped"
    )
    fates = Counter((each.match.source.name, each.split, each.fate) for each in found)
    moved = Counter(
        (each.match.source.name, each.split) for each in found if each.split != each.match.split
    )

    assert dropped == Counter(
        {
            (entry.source, entry.split, drop.at): drop.rows
            for entry in ledger.entries
            for drop in entry.dropped
        }
    )
    assert len({each.at for each in found if each.fate == "dropped"}) >= 6
    for entry in ledger.entries:
        own_fates = Counter(
            {fate: num for (*key, fate), num in fates.items() if key == [entry.source, entry.split]}
        )
        delivered = own_fates["delivered"] + own_fates["evaluated"]

        assert entry.delivered == delivered
        assert entry.exemplars == own_fates["exemplar"]
        assert entry.not_asked == own_fates["not asked for"] + own_fates["not drawn from"]
        if entry.carved_from:
            assert entry.read == moved[entry.source, entry.split]


@pytest.mark.parametrize("more", ["", "  fewshot 1..2\n", "  templates all\n"])
def test_places_are_those_of_the_artefact(traced, more):
    """Before anything is built it is known which tokens of which sequence a row will be."""
    _, found, own = traced(SPEC.replace("  seed    3\n", f"  seed    3\n{more}"))
    artefact = reader.open(own.build().path)
    delivered = [each for each in found if each.fate == "delivered"]
    placed = {
        example.example: (account, example) for account in delivered for example in account.examples
    }

    assert sorted(placed) == list(range(len(artefact.examples)))
    for number, sequence in enumerate(artefact["train"]):
        borders = sequence.cu_seq_lens.tolist()
        for index, example in enumerate(sequence.examples.tolist()):
            account, place = placed[example]
            origin = artefact.examples.slice(example, 1).to_pylist()[0]
            start, end = borders[index : index + 2]

            assert (place.sequence, place.start, place.tokens) == (number, start, end - start)
            assert place.trained == (sequence.labels[start:end] >= 0).sum()
            assert place.prompt == f"{origin['template']}.{origin['label']}"
            assert (place.at, place.repetition) == (origin["at"], origin["repetition"])
            assert origin["row_id"] == account.match.look.row_id
            assert origin["row"] == account.match.look.number
            assert len(origin["exemplars"]) == place.exemplars


def test_evaluated_rows_have_the_prompts_of_the_artefact(traced):
    """With as many tokens, and as many of them asked for."""
    _, found, own = traced()
    split = reader.open(own.build().path)["dev"]
    expected = Counter(
        (
            each["row_id"],
            f"{each['template']}.{each['label']}",
            len(each["input_ids"]) + len(each["target_ids"]),
            len(each["target_ids"]),
        )
        for each in split
    )
    evaluated = [each for each in found if each.fate == "evaluated"]

    assert expected == Counter(
        (each.match.look.row_id, example.prompt, example.tokens, example.trained)
        for each in evaluated
        for example in each.examples
    )


def words_of(found, fate: str, clause: str) -> set[str]:
    """What the last step says of rows that ended by a clause."""
    return {
        each.steps[-1].words
        for each in found
        if each.fate == fate and each.steps[-1].clause == clause
    }


def test_each_end_says_what_was_met(traced):
    """The value that a `where` saw, the row that stays, the limit in tokens, the equal row."""
    _, found, _ = traced()
    by_half = next(each for each in found if each.match.look.values.get("half") == 0.5)

    assert by_half.steps[-1].values == {"half": 0.5}
    assert words_of(found, "dropped", "where") == {
        "half > 1.0 is false",
        'question != "100 + 101" is false',
    }
    assert words_of(found, "dropped", "dedup") <= {
        f"small.train.jsonl:{number} has its key and stays" for number in (4, 21, 22)
    }
    assert len(words_of(found, "dropped", "dedup")) == 1
    assert words_of(found, "dropped", "holdout") == {
        "equals other.jsonl:1 of other, train, which is held out"
    }
    assert words_of(found, "dropped", "phrase") == {"where"}
    assert all("the limit is 22" in each for each in words_of(found, "dropped", "encode"))
    assert words_of(found, "not drawn from", "holdout") == {"its cluster is held out"}


def test_rank_tells_who_was_asked_for(traced):
    """Ranks of a source are all different, and the first are taken."""
    _, found, _ = traced()
    ranks = {}
    for account in found:
        if account.match.source.name == "large" and account.split == "train":
            words = [step.words for step in account.steps if step.clause == "rank"]
            if words:
                ranks[int(words[0].split()[1])] = account.fate

    assert sorted(ranks) == list(range(1, len(ranks) + 1))
    fates = [fate for _, fate in sorted(ranks.items())]
    last = max(index for index, fate in enumerate(fates) if fate == "delivered")

    assert "not asked for" not in fates[:last]
    assert set(fates[last + 1 :]) == {"not asked for"}


def test_the_artefact_is_believed_where_it_is_asked(traced):
    """No stream is made then, and what it says is passed on."""
    told = [Placed(prompt="calculate.ask", at="sums.task:1", example=7)]
    _, found, _ = traced(placed_of=lambda _account: told)

    assert all(each.is_built for each in found if each.fate in {"delivered", "evaluated"})
    assert all(each.examples == told for each in found if each.is_built)


def test_a_mistake_elsewhere_stops_the_build_but_not_the_account(traced):
    """A dropped row was dropped in any case; of the others it can't be said."""
    files = {**FILES, "large.jsonl": [*FILES["large.jsonl"], {"question": 1, "answer": 1}]}
    _, found, _ = traced(files=files)
    fates = Counter(each.fate for each in found)

    assert fates["mistake"] == 1
    assert fates["dropped"] > 0
    assert fates["delivered"] == fates["evaluated"] == 0
    assert fates["stopped"] > 0
    assert all(each.diagnostics for each in found if each.fate in {"mistake", "stopped"})


def test_a_requirement_that_is_not_met_stops_the_build(traced):
    """Rows that would be delivered are not, and it is said why."""
    spec = SPEC.replace("  seed    3\n", "  seed    3\n  require tokens > 100_000\n")
    _, found, _ = traced(spec)
    stopped = [each for each in found if each.fate == "stopped"]

    assert {each.steps[-1].clause for each in stopped} == {"require"}
    assert {error.code for each in stopped for error in each.diagnostics} == {"T0855"}
    assert all(each.examples for each in stopped)


def test_a_limit_of_the_rate_leaves_rows_uncounted(traced):
    """However few of them are wanted."""
    spec = SPEC.replace("proportional(cap: 30)", "proportional(cap: 30, limit: 4)")
    _, found, _ = traced(spec)
    by_rank = [
        each.steps[-1].words
        for each in found
        if each.match.source.name == "large" and each.fate == "not asked for"
    ]

    assert len(by_rank) == 100 - 10 - 1 - 4  # carved, held out, counted
    assert all(words.endswith("`limit: 4` leaves the first") for words in by_rank)


def test_a_sample_does_not_reach_every_row(project):
    """Rows behind it were not read."""
    own = project(spec=SPEC, files=FILES)
    build = own.plan(sample=5)
    store = Store.open(own.folder / "store")
    with LocalEngine(1) as engine:
        means = Means(engine, store)
        found = accounts(build, list(every_row(build, store)), means, lambda _account: None)
    unread = [each for each in found if each.fate == "not read"]

    assert {each.match.look.number for each in unread if each.match.source.name == "large"} == {
        *range(6, 101)
    }
    assert {each.steps[-1].words for each in unread} == {"a sample of 5 rows does not reach it"}
