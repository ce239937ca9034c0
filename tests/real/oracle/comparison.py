"""An artefact beside what must be in it: every example, every row, every pack.

In: an opened artefact and the name of its build. Out: figures, or an AssertionError that names the
first difference. The artefact is only asked for what its own documentation promises.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from oracle import expected
from oracle.builds import BUILDS, Build
from oracle.encoding import Coder
from oracle.exemplars import Pool
from oracle.expected import Example, Question, Split, Supply
from oracle.places import place
from oracle.rows import SOURCES
from oracle.stream import best_fit_decreasing, furthest_from_share, shares

SPECS = Path(__file__).parents[1]


@dataclass
class Case:
    """One build, its data, and everything that follows from the two."""

    build: Build
    data: Path

    @classmethod
    def of(cls, name: str, data: Path) -> "Case":
        """The case of the build called "package/build"."""
        return cls(BUILDS[name], data)

    @property
    def package(self) -> Path:
        """The folder of the specs."""
        return SPECS / self.build.package

    @cached_property
    def coder(self) -> Coder:
        """The tokenizer."""
        return _coder(self.data / self.build.tokenizer, self.build.added)

    @cached_property
    def rows(self) -> dict[str, dict[str, Split]]:
        """Source -> split -> rows."""
        return {name: _shaped(self.data, name) for name in self.build.sources}

    @cached_property
    def supplies(self) -> dict[str, Supply]:
        """Source -> its training examples."""
        return {
            name: Supply(self.build, self.coder, name, splits["train"].kept)
            for name, splits in self.rows.items()
        }

    @cached_property
    def pools(self) -> dict[str, Pool]:
        """Source -> the rows that may be exemplars; empty where the mixture has none."""
        if not self.build.fewshot[1]:
            return {}
        evaluated = {
            name: [kept for split in self.build.evaluated for kept in self.rows[name][split].kept]
            for name in self.build.sources
        }
        return {
            name: expected.pool_of(supply, evaluated[name])
            for name, supply in self.supplies.items()
        }

    @cached_property
    def stream(self) -> list[Example]:
        """The training examples in order."""
        return expected.stream(self.build, self.supplies, self.pools)

    @cached_property
    def questions(self) -> dict[str, list[Question]]:
        """Split -> the evaluation examples in order; all of them once more behind exemplars."""
        plain = {
            split: [
                question
                for name in names
                for question in expected.questions(
                    self.build, self.coder, name, self.rows[name][split].kept
                )
            ]
            for split, names in self.build.evaluated.items()
        }
        return {
            split: questions
            + [
                expected.asked_again(self.pools[each.source], self.supplies[each.source], each)
                for each in questions
                if self.pools
            ]
            for split, questions in plain.items()
        }


@cache
def _coder(path: Path, added: tuple[str, ...]) -> Coder:
    return Coder(path, added)


@cache
def _shaped(data: Path, source: str) -> dict[str, Split]:
    return expected.shaped(data, SOURCES[source])


# ---- training ----------------------------------------------------------------------------------


def coded_examples(artifact: Any) -> dict[int, tuple[list[int], list[int]]]:
    """Example id -> ids and labels, cut out of the packs; no example may stand in two of them."""
    found: dict[int, tuple[list[int], list[int]]] = {}
    for sequence in artifact["train"]:
        ids, labels = sequence.input_ids.tolist(), sequence.labels.tolist()
        bounds = sequence.cu_seq_lens.tolist()
        positions, segments = sequence.position_ids.tolist(), sequence.segment_ids.tolist()
        assert bounds[0] == 0
        assert bounds[-1] == len(ids)
        assert len(bounds) == len(sequence.examples) + 1
        for place_in_pack, (start, end) in enumerate(pairwise(bounds)):
            example = int(sequence.examples[place_in_pack])
            assert example not in found, f"example {example} stands twice"
            assert positions[start:end] == list(range(end - start))
            assert segments[start:end] == [place_in_pack + 1] * (end - start)
            found[example] = ids[start:end], labels[start:end]
    return found


def compare_training(case: Case, artifact: Any) -> int:
    """Every training example: where it comes from, its ids, its labels. Returns how many."""
    coded = coded_examples(artifact)
    provenance = artifact.examples.to_pylist()
    assert len(provenance) == len(case.stream)
    assert sorted(coded) == list(range(len(case.stream)))
    for number, (row, example) in enumerate(zip(provenance, case.stream, strict=True)):
        want = {
            "source": example.source,
            "file": example.kept.line.file,
            "row": example.kept.line.number,
            "row_id": example.kept.key.id,
            "ordinal": example.kept.key.ordinal,
            "template": example.prompt.template,
            "label": example.prompt.label,
            "at": _prompt_place(case, example.prompt),
            "repetition": example.repetition,
            "part": 0,
            "trimmed_tokens": example.coded.trimmed,
            "exemplars": list(example.exemplars),
        }
        apart = {name: (want[name], row[name]) for name in want if want[name] != row[name]}
        assert not apart, f"provenance of example {number}: {apart}"
        where = f"example {number}: {example.source}:{want['row']} by {example.prompt.name}"
        assert example.coded.ids == coded[number][0], f"ids of {where}"
        assert example.coded.labels == coded[number][1], f"labels of {where}"
    return len(provenance)


def _prompt_place(case: Case, prompt: Any) -> str:
    return place(case.package, f"template {prompt.template}", f"{prompt.kind} {prompt.label}")


# ---- evaluation --------------------------------------------------------------------------------


def compare_evaluation(case: Case, artifact: Any) -> int:
    """Every evaluation example of every split. Returns how many."""
    assert sorted(artifact.manifest.splits) == sorted(["train", *case.build.evaluated])
    total = 0
    for split, questions in case.questions.items():
        rows = list(artifact[split])
        assert len(rows) == len(questions), split
        for number, (row, question) in enumerate(zip(rows, questions, strict=True)):
            want = _evaluation_row(case, number, question)
            apart = {name: (want[name], row[name]) for name in want if want[name] != row[name]}
            assert not apart, f"{split} example {number} by {question.prompt.name}: {apart}"
        total += len(rows)
    return total


def _evaluation_row(case: Case, number: int, question: Question) -> dict[str, Any]:
    clusters = {"snli": "inference", "boolq": "reading", "cosmosqa": "reading"}
    clusters |= {
        "dynasent": "sentiment",
        "gsm8k": "arithmetic",
        "stack_ai": "advice",
        "coffee": "orders",
    }
    return {
        "example": number,
        "source": question.source,
        "cluster": clusters[question.source],
        "template": question.prompt.template,
        "label": question.prompt.label,
        "at": _prompt_place(case, question.prompt),
        "shots": question.shots,
        "input_ids": question.input_ids,
        "target_ids": question.target_ids,
        "option_ids": question.option_ids,
        "correct": question.correct,
        "references": question.references,
        "metric": SOURCES[question.source].metric,
        "file": question.kept.line.file,
        "row": question.kept.line.number,
        "row_id": question.kept.key.id,
        "ordinal": question.kept.key.ordinal,
        "exemplars": list(question.exemplars),
    }


# ---- ledger ------------------------------------------------------------------------------------


def compare_ledger(case: Case, artifact: Any) -> int:
    """Every row of every split that the build reads. Returns how many rows were read from files."""
    entries = {(entry.source, entry.split): entry for entry in artifact.ledger.entries}
    splits = ["train", *case.build.evaluated]
    wanted = {
        (name, split) for name in case.build.sources for split in splits if split in case.rows[name]
    }
    assert wanted <= set(entries)
    read = 0
    for (source, split), entry in entries.items():
        rows = case.rows[source][split]
        carved = {name for name, _, _ in SOURCES[source].carved}
        delivered, fell = _ends(case, source, split)
        want = _shape_drops(case, source, rows) + fell
        got = Counter({(drop.stage, drop.reason, drop.at): drop.rows for drop in entry.dropped})
        where = f"{source} {split}"
        assert rows.read == entry.read, where
        assert want == got, where
        assert rows.moved == entry.moved, where
        assert delivered == entry.delivered, where
        assert _shown_only(case, source, split) == entry.exemplars, where
        assert entry.accounted == entry.read, where
        assert bool(entry.carved_from) == (split in carved), where
        read += 0 if split in carved else entry.read
    return read


def _shape_drops(case: Case, source: str, rows: Split) -> Counter[tuple[str, str, str]]:
    return Counter(
        {
            ("shape", clause, place(case.package, f"source {source}", clause, nth)): dropped
            for (clause, nth), dropped in rows.dropped.items()
        }
    )


def _ends(case: Case, source: str, split: str) -> tuple[int, Counter[tuple[str, str, str]]]:
    """Rows of which an example was delivered, and those that fell while they were encoded."""
    at = place(case.package, f"build {case.build.name}", "format")
    if split == "train":
        own = [example.kept.key for example in case.stream if example.source == source]
        fell = case.supplies[source].fates(len(own))
        return len(set(own)), Counter(("encode", why, at) for why in fell.values())
    if split not in case.build.evaluated:
        return 0, Counter()
    own = {question.kept.key for question in case.questions[split] if question.source == source}
    lost = [kept for kept in case.rows[source][split].kept if kept.key not in own]
    reasons = [expected.refusal(case.build, case.coder, kept, source) for kept in lost]
    return len(own), Counter(("encode", why, at) for why in reasons)


def _shown_only(case: Case, source: str, split: str) -> int:
    """Training rows that stand in the artefact as exemplars and are not delivered themselves."""
    if split != "train":
        return 0
    own = [example for example in case.stream if example.source == source]
    shown = {row for example in own for row in example.exemplars}
    for questions in case.questions.values():
        shown |= {row for each in questions if each.source == source for row in each.exemplars}
    return len(shown - {example.kept.key.id for example in own})


# ---- mixture and packs -------------------------------------------------------------------------


def compare_mixture(case: Case, artifact: Any) -> dict[str, int]:
    """Shares asked for and delivered; every prefix is fair. Returns examples by source."""
    weight = expected.weights(case.build, case.supplies)
    share = shares(weight)
    delivered = artifact.examples["source"].to_pylist()
    assert furthest_from_share(delivered, share) < 1
    counts = Counter(delivered)
    told = {source.name: source for source in artifact.manifest.mixture.sources}
    assert list(told) == list(weight)
    for name, source in told.items():
        own = [example for example in case.stream if example.source == name]
        assert counts[name] == source.examples == len(own)
        assert sum(len(example.coded.ids) for example in own) == source.tokens
        assert (
            sum(label >= 0 for each in own for label in each.coded.labels) == source.trained_tokens
        )
        assert len({example.kept.key for example in own}) == source.rows
        assert abs(float(share[name]) - source.asked) < 1e-9
        if case.build.takes is not None:
            assert case.build.takes[name] == source.examples == source.rows
    count, unit = case.build.total
    train = artifact.manifest.splits["train"]
    assert unit != "examples" or train.examples == count
    if unit == "tokens":
        assert train.tokens >= count > train.tokens - len(case.stream[-1].coded.ids)
    return dict(counts)


def compare_packs(case: Case, artifact: Any) -> tuple[int, int, float]:
    """Packs a window against best-fit-decreasing over the whole window.

    Returns:
        Packs of the artefact, bins of best-fit-decreasing, fill.
    """
    length, window = case.build.length, case.build.window
    of_example: dict[int, int] = {}
    num_tokens = []
    for number, sequence in enumerate(artifact["train"]):
        assert 0 < len(sequence) <= length
        num_tokens.append(len(sequence))
        of_example |= dict.fromkeys(sequence.examples.tolist(), number)
    lengths = [len(example.coded.ids) for example in case.stream]
    packs = bins = 0
    told = artifact.manifest.packing.window_sequences
    for number, start in enumerate(range(0, len(lengths), window)):
        own = {of_example[example] for example in range(start, min(start + window, len(lengths)))}
        assert own == set(range(packs, packs + len(own))), "a window's packs stand together"
        assert told[number] == len(own)
        needed = best_fit_decreasing(lengths[start : start + window], length)
        assert len(own) <= needed, f"window {number}"
        packs += len(own)
        bins += needed
    assert packs == len(num_tokens) == len(artifact["train"])
    fill = sum(lengths) / (packs * length)
    assert sum(num_tokens) == sum(lengths)
    assert abs(fill - artifact.manifest.packing.fill) < 1e-9
    assert fill >= case.build.least_fill
    return packs, bins, fill
