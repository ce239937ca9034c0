"""`dedup ... near` on real rows, held against brute force over all pairs."""

import gzip
import json
from collections import Counter, defaultdict
from itertools import islice

import pytest

from taskc.compiler import plan
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.resemblance.greedy import STAYS
from taskc.compiler.resemblance.words import words
from taskc.compiler.rows.load import load
from taskc.compiler.store.objects import Store

NUM_ROWS = 5_000
AT = plan.Place(path="s.task", start=0, end=1, line=1, column=1)


class Heard:
    """Remembers for whom each row goes."""

    def loaded(self, rows):
        """Nothing."""

    def near(self, _dedup, _rows, goes_for):
        """What is asked for here."""
        self.goes_for = goes_for.tolist()


def source(folder, near: float) -> plan.Source:
    """Inputs of Natural Instructions without near duplicates."""
    return plan.Source(
        name="inputs",
        clusters=(),
        connector=plan.Connector(
            kind="jsonl",
            patterns={"train": f"{folder}/rows.jsonl"},
            roots={"train": str(folder)},
            at=AT,
        ),
        splits=("train",),
        carved=(),
        columns={"text": plan.ScalarType(type="text")},
        reads=("text",),
        row=None,
        lets=(),
        wheres=(),
        dedup=plan.Dedup(key=plan.Name(name="text"), near=near, at=AT),
        limit=None,
        limit_at=None,
        metric="",
        references=None,
        license="",
        at=AT,
        places={},
    )


def shingles(text: str) -> set[tuple[str, ...]]:
    """Runs of three words, or all words of a shorter text."""
    found = words(text)
    return {tuple(found[at : at + 3]) for at in range(max(len(found) - 2, 1))}


def pairs(texts: list[str]) -> dict[tuple[int, int], float]:
    """Every pair that has a shingle in common, and how alike they are: brute force."""
    sets = [shingles(text) for text in texts]
    holders = defaultdict(list)
    found = {}
    for row, own in enumerate(sets):
        common = Counter(other for shingle in own for other in holders[shingle])
        for other, count in common.items():
            found[other, row] = count / (len(own) + len(sets[other]) - count)
        for shingle in own:
            holders[shingle].append(row)
    return found


@pytest.fixture(scope="module")
def texts(shared_data) -> list[str]:
    """The first inputs of Natural Instructions."""
    with gzip.open(shared_data / "ni/instances.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line)["input"] for line in islice(lines, NUM_ROWS)]


@pytest.fixture(scope="module")
def likenesses(texts) -> dict[tuple[int, int], float]:
    """Of all pairs."""
    return pairs(texts)


@pytest.mark.parametrize("near", [0.3, 0.5, 0.8])
def test_real_rows_against_brute_force(near, texts, likenesses, tmp_path):
    """What goes is near a row that stays, always; and of the near pairs 95 of 100 are parted."""
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    (tmp_path / "rows.jsonl").write_text(lines, encoding="utf-8")
    heard = Heard()
    with LocalEngine(jobs=1) as engine:
        store = Store.open(tmp_path / "store")
        load(source(tmp_path, near), ["train"], engine=engine, store=store, follower=heard)
    goes_for = heard.goes_for
    wrong = [
        (row, other)
        for row, other in enumerate(goes_for)
        if other != STAYS
        and (likenesses[min(row, other), max(row, other)] < near or goes_for[other] != STAYS)
    ]
    alike = [pair for pair, likeness in likenesses.items() if likeness >= near]
    left = [pair for pair in alike if goes_for[pair[0]] == goes_for[pair[1]] == STAYS]

    assert len(alike) > 200
    assert wrong == []
    assert len(left) <= 0.05 * len(alike)
