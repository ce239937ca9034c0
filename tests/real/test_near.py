"""`dedup ... near` of a source and of a mixture: real rows, against brute force over all pairs."""

import gzip
import json
from collections import Counter, defaultdict
from itertools import islice

import pytest

from taskc.compiler import plan
from taskc.compiler.decontamination.clause import Searching
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.resemblance.greedy import STAYS
from taskc.compiler.resemblance.words import words
from taskc.compiler.rows.load import load
from taskc.compiler.store.objects import Store
from taskc.compiler.twins.clause import deduplicate

NUM_ROWS = 5_000
AT = plan.Place(path="s.task", start=0, end=1, line=1, column=1)


class Heard:
    """Remembers for whom each row goes."""

    def loaded(self, rows):
        """Nothing."""

    def near(self, _dedup, _rows, goes_for):
        """What is asked for here."""
        self.goes_for = goes_for.tolist()


def source(folder, near: float | None, name: str = "rows") -> plan.Source:
    """Inputs of Natural Instructions without near duplicates."""
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
        columns={"text": plan.ScalarType(type="text")},
        reads=("text",),
        row=None,
        lets=(),
        wheres=(),
        dedup=None if near is None else plan.Dedup(key=plan.Name(name="text"), near=near, at=AT),
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


def write(path, texts: list[str]) -> None:
    """A row a text."""
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    path.write_text(lines, encoding="utf-8")


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
    write(tmp_path / "rows.jsonl", texts)
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


def deduplicated(folder, sources: dict[str, list[str]], near: float):
    """For each row of two sources the row that it goes for, by source and line; else nothing."""
    for name, own in sources.items():
        write(folder / f"{name}.jsonl", own)
    planned = [source(folder, None, name) for name in sources]
    clause = plan.MixtureDedup(sources=tuple(sources), fields=("text",), near=near, at=AT)
    mixture = plan.Mixture.model_construct(dedup=(clause,))
    build = plan.BuildPlan.model_construct(sources=tuple(planned), mixture=mixture)
    store = Store.open(folder / "store")
    with LocalEngine(jobs=1) as engine:
        loaded = {each.name: load(each, ["train"], engine=engine, store=store) for each in planned}
        findings = deduplicate(build, loaded, Searching(engine, store, lambda _name, _rows: None))
    assert not findings
    goes_for = {}
    for name, found in loaded.items():
        (twins,) = found.twins
        for at, number in enumerate(twins.gone.numbers(slice(None)).tolist()):
            kept = twins.kept.row(at)
            goes_for[name, number - 1] = (kept.source, kept.number - 1), twins.likeness[at]
        left = found.rows["train"].numbers(slice(None)) - 1
        gone = {line for own, line in goes_for if own == name}
        assert gone == set(range(len(sources[name]))) - set(left.tolist())
    return goes_for


@pytest.mark.parametrize("near", [0.3, 0.8])
def test_two_sources_against_brute_force(near, texts, likenesses, tmp_path):
    """No row goes but for one as near as asked that stays, of its source or the one before it."""
    sources = {"even": texts[::2], "odd": texts[1::2]}
    found = deduplicated(tmp_path, sources, near)
    row_of = {
        (name, line): 2 * line + (name == "odd")
        for name, own in sources.items()
        for line in range(len(own))
    }
    goes_for = {row_of[row]: (row_of[kept], likeness) for row, (kept, likeness) in found.items()}
    across = [
        pair
        for pair, likeness in likenesses.items()
        if likeness >= near and pair[0] % 2 != pair[1] % 2
    ]
    left = [pair for pair in across if pair[0] not in goes_for and pair[1] not in goes_for]

    assert len(across) > 100
    assert any(row % 2 and not kept % 2 for row, (kept, _) in goes_for.items())
    for row, (kept, likeness) in goes_for.items():
        assert likenesses[min(row, kept), max(row, kept)] == pytest.approx(likeness)
        assert likeness >= near
        assert kept not in goes_for
        assert row % 2 >= kept % 2
    assert len(left) <= 0.05 * len(across)
