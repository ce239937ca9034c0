"""Diff: how two artefacts differ, example by example, and why.

In: two artefacts. Out: groups of examples that came, went, moved between splits, drew another
prompt, or have other tokens, each with the components that can be why. An example is the same one
where its source, row id, ordinal and repetition are. Sorting keys is all that is more than one
pass: 300,000 examples of 107 tokens a side take 2 s.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from taskc.compiler.components import Component, changes
from taskc.runtime import artifact
from taskc.runtime.reader import Artifact
from taskc.tracing.artifacts import origins_of, starts_of
from taskc.tracing.because import Kind, Subject, because
from taskc.tracing.contents import Names, Units, units_of

__all__ = ["Changed", "Difference", "Group", "Side", "diff"]

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Side:
    """An example in one of the two artefacts.

    Attributes:
        prompt: "TEMPLATE.LABEL".
        tokens: How many.
        at: Its first token, as SPLIT:SEQUENCE:TOKEN.
    """

    prompt: str
    tokens: int
    at: str


@dataclass(frozen=True, slots=True)
class Changed:
    """One example that differs.

    Attributes:
        file, row, row_id: Which input row it is of.
        repetition: Which use of the row.
        a, b: What each artefact holds of it; None: nothing.
    """

    file: str
    row: int
    row_id: str
    repetition: int
    a: Side | None
    b: Side | None


@dataclass(slots=True)
class Group:
    """Examples that differ in one way.

    Attributes:
        kind: "came", "went", "moved" (counted in rows), "prompt" (they drew another), "exemplars"
            (others stand before them), "tokens", "trained" (other tokens are trained), "answers"
            (options, right ones or references),
            "order" (all are the same, but not in order or sequences).
        split: Of the artefact that has them; of the first, where they moved.
        to: Where they moved, the split of the second; else "".
        source: Whose rows they are of.
        prompt: What they have in common, where it matters: the prompt whose tokens changed, or
            that only one of the artefacts has; else "".
        count: How many.
        because: Components that can be why.
        examples: The first of them.
    """

    kind: Kind
    split: str
    to: str
    source: str
    prompt: str
    count: int
    because: list[str] = field(default_factory=list)
    examples: list[Changed] = field(default_factory=list)


@dataclass(slots=True)
class Difference:
    """How two artefacts differ.

    Attributes:
        components: What they were made from and where it differs, as (name, "changed", "new" or
            "gone"); None: one of them does not say.
        counts: (split, source) -> units in the first and in the second.
        groups: Groups of examples.
    """

    components: list[tuple[str, str]] | None
    counts: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)


def diff(a: Artifact, b: Artifact, *, limit: int) -> Difference:
    """Compares two artefacts.

    Args:
        a: The first, "before".
        b: The second.
        limit: How many examples of each group are shown.
    """
    difference = Difference(_components(a, b))
    if a.manifest.content_digest == b.manifest.content_digest:
        return difference
    comparing = _Comparing(a, b, limit)
    splits = list(dict.fromkeys([*a.manifest.splits, *b.manifest.splits]))
    found = {split: comparing.split(split) for split in splits}
    difference.groups = [*comparing.moved(found)]
    for split in splits:
        difference.groups += comparing.groups(found[split])
    difference.counts = {
        key: counts for split in splits for key, counts in comparing.counts(found[split])
    }
    if not difference.groups:
        difference.groups.append(Group("order", "train", "", "", "", 0))
    changed = dict(difference.components or [])
    fallen_a, fallen_b = _fallen(a), _fallen(b)
    for group in difference.groups:
        place = (group.source, group.split)
        subject = Subject(
            group.kind,
            group.source,
            comparing.templates(group.source),
            [group.prompt] if group.prompt else [],
            has_fallen=fallen_a.get(place) != fallen_b.get(place),
        )
        group.because = because(changed, subject)
    return difference


def _fallen(opened: Artifact) -> dict[tuple[str, str], dict[tuple[str, str], int]]:
    """How many rows of each source and split fell while they were phrased and encoded, and why."""
    return {
        (entry.source, entry.split): {
            (drop.stage, drop.reason): drop.rows
            for drop in entry.dropped
            if drop.stage in {"phrase", "encode"}
        }
        for entry in opened.ledger.entries
    }


def _components(a: Artifact, b: Artifact) -> list[tuple[str, str]] | None:
    """What differs of what they were made from."""
    before, now = _made_from(a), _made_from(b)
    if before is None or now is None:
        return None
    found = changes(before, {name: Component(digest, None) for name, digest in now.items()})
    return [(change.name, change.what) for change in found]


def _made_from(opened: Artifact) -> Mapping[str, str] | None:
    try:
        content = (opened.path / artifact.COMPONENTS).read_bytes()
    except FileNotFoundError:
        return None
    name = str(opened.path / artifact.COMPONENTS)
    return artifact.load(artifact.Components, content, name).components


# ---- one split -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Split:
    """The units of a split in both artefacts, and how they belong together.

    Attributes:
        both: Pairs of units, int64 [n, 2].
        gone, new: Units of the first and of the second without the other.
    """

    name: str
    a: Units
    b: Units
    both: Rows
    gone: Rows
    new: Rows


class _Comparing:
    """Two artefacts that are compared."""

    def __init__(self, a: Artifact, b: Artifact, limit: int) -> None:
        self.a = a
        self.b = b
        self.limit = limit
        self.sources = Names()
        self.prompts = Names()
        self._templates: dict[str, set[str]] = {}

    def split(self, name: str) -> _Split:
        """Finds which units of a split belong together: by row and prompt, then by row alone."""
        a = units_of(self.a, name, self.sources, self.prompts)
        b = units_of(self.b, name, self.sources, self.prompts)
        self._note_templates(a)
        self._note_templates(b)
        every_a, every_b = np.arange(len(a)), np.arange(len(b))
        by_prompt = _paired(_with_prompt(a), _with_prompt(b))
        gone = np.setdiff1d(every_a, by_prompt[:, 0], assume_unique=True)
        new = np.setdiff1d(every_b, by_prompt[:, 1], assume_unique=True)
        rest = _paired((a.high[gone], a.low[gone]), (b.high[new], b.low[new]))
        others = np.stack([gone[rest[:, 0]], new[rest[:, 1]]], axis=1)
        both = np.concatenate([by_prompt, others])
        both = both[np.argsort(both[:, 0], kind="stable")]
        gone = np.setdiff1d(gone, others[:, 0], assume_unique=True)
        new = np.setdiff1d(new, others[:, 1], assume_unique=True)
        return _Split(name, a, b, both, gone, new)

    def _note_templates(self, units: Units) -> None:
        """Writes down which templates phrase the rows of which source."""
        pairs = np.unique(units.source.astype(np.uint32) << np.uint32(16) | units.prompt)
        for pair in pairs.tolist():
            template = self.prompts[pair & 0xFFFF].rpartition(".")[0]
            self._templates.setdefault(self.sources[pair >> 16], set()).add(template)

    def templates(self, source: str) -> set[str]:
        """The templates that phrase rows of a source; of a mixture's order, all."""
        if source:
            return self._templates.get(source, set())
        return {template for each in self._templates.values() for template in each}

    def counts(self, split: _Split) -> Iterator[tuple[tuple[str, str], tuple[int, int]]]:
        """Yields how many units of each source a split has in both artefacts."""
        size = max(int(each.max(initial=0)) for each in (split.a.source, split.b.source)) + 1
        a = np.bincount(split.a.source, minlength=size).tolist()
        b = np.bincount(split.b.source, minlength=size).tolist()
        for number in range(size):
            if a[number] or b[number]:
                yield (split.name, self.sources[number]), (a[number], b[number])

    # ---- groups --------------------------------------------------------------------------------

    def moved(self, splits: Mapping[str, _Split]) -> Iterator[Group]:
        """Yields rows that are in another split; they have neither come nor gone then."""
        for name, left in splits.items():
            for other, reached in splits.items():
                if name == other or not len(left.gone) or not len(reached.new):
                    continue
                gone, new = left.a.row[left.gone], reached.b.row[reached.new]
                rows, at_a, at_b = np.intersect1d(gone, new, return_indices=True)
                # A row that one of them has in both splits has not moved.
                is_moved = ~np.isin(rows, left.b.row) & ~np.isin(rows, reached.a.row)
                rows, at_a, at_b = rows[is_moved], at_a[is_moved], at_b[is_moved]
                if not len(rows):
                    continue
                pairs = np.stack([left.gone[at_a], reached.new[at_b]], axis=1)
                left.gone = left.gone[~np.isin(gone, rows)]
                reached.new = reached.new[~np.isin(new, rows)]
                source = left.a.source[pairs[:, 0]]
                for number, own in _by(source):
                    group = Group("moved", name, other, self.sources[number], "", len(own))
                    group.examples = self._shown(left, reached, pairs[own])
                    yield group

    def groups(self, split: _Split) -> Iterator[Group]:
        """Yields what came, went and changed in a split."""
        a, b = split.a, split.b
        yield from self._alone(split, "went", split.gone, a, b)
        yield from self._alone(split, "came", split.new, b, a)
        left, right = split.both[:, 0], split.both[:, 1]
        is_drawn = a.prompt[left] != b.prompt[right]
        is_behind = (a.before[left] != b.before[right]) & ~is_drawn
        is_other = (a.ids[left] != b.ids[right]) & ~is_drawn & ~is_behind
        is_rest = (a.rest[left] != b.rest[right]) & ~is_drawn & ~is_behind & ~is_other
        rest: Kind = "trained" if split.name == "train" else "answers"
        yield from self._redrawn(split, split.both[is_drawn])
        yield from self._behind(split, split.both[is_behind])
        yield from self._by_prompt(split, "tokens", split.both[is_other])
        yield from self._by_prompt(split, rest, split.both[is_rest])

    def _alone(
        self, split: _Split, kind: Kind, units: Rows, own: Units, other: Units
    ) -> Iterator[Group]:
        """Yields units that only one artefact has; by prompt, where only it has the prompt."""
        is_own_prompt = ~np.isin(own.prompt[units], np.unique(other.prompt))
        # In an evaluation every row has every prompt, so a prompt of its own explains the example.
        is_named = is_own_prompt & (split.name != "train")
        prompt = np.where(is_named, own.prompt[units].astype(np.int64) + 1, 0)
        for (source, named), rows in _by_two(own.source[units], prompt):
            name = self.prompts[named - 1] if named else ""
            group = Group(kind, split.name, "", self.sources[source], name, len(rows))
            none = np.full(len(rows), -1)
            pairs = [none, units[rows]] if kind == "came" else [units[rows], none]
            group.examples = self._shown(split, split, np.stack(pairs, axis=1))
            yield group

    def _redrawn(self, split: _Split, pairs: Rows) -> Iterator[Group]:
        """Yields examples of another prompt; by prompt, where one artefact alone has it."""
        a, b = split.a, split.b
        left, right = a.prompt[pairs[:, 0]].astype(np.int64), b.prompt[pairs[:, 1]].astype(np.int64)
        is_new = ~np.isin(right, np.unique(a.prompt))
        is_gone = ~np.isin(left, np.unique(b.prompt))
        prompt = np.where(is_new, right + 1, np.where(is_gone, left + 1, 0))
        for (source, named), rows in _by_two(a.source[pairs[:, 0]], prompt):
            name = self.prompts[named - 1] if named else ""
            group = Group("prompt", split.name, "", self.sources[source], name, len(rows))
            group.examples = self._shown(split, split, pairs[rows])
            yield group

    def _behind(self, split: _Split, pairs: Rows) -> Iterator[Group]:
        """Yields examples before which other exemplars stand."""
        for number, rows in _by(split.a.source[pairs[:, 0]]):
            group = Group("exemplars", split.name, "", self.sources[number], "", len(rows))
            group.examples = self._shown(split, split, pairs[rows])
            yield group

    def _by_prompt(self, split: _Split, kind: Kind, pairs: Rows) -> Iterator[Group]:
        """Yields examples of one prompt whose content changed."""
        a = split.a
        for (source, prompt), rows in _by_two(a.source[pairs[:, 0]], a.prompt[pairs[:, 0]]):
            name = self.prompts[prompt]
            group = Group(kind, split.name, "", self.sources[source], name, len(rows))
            group.examples = self._shown(split, split, pairs[rows])
            yield group

    # ---- examples ------------------------------------------------------------------------------

    def _shown(self, left: _Split, right: _Split, pairs: Rows) -> list[Changed]:
        """The first examples of a group, in the order of the artefact that has them."""
        pairs = pairs[: self.limit]
        sides_a = self._sides(self.a, left.name, left.a, pairs[:, 0])
        sides_b = self._sides(self.b, right.name, right.b, pairs[:, 1])
        shown = []
        for one, two in zip(sides_a, sides_b, strict=True):
            origin = (one or two or ({}, None))[0]
            shown.append(
                Changed(
                    origin["file"],
                    origin["row"],
                    origin["row_id"].hex(),
                    origin.get("repetition", 0),
                    one[1] if one else None,
                    two[1] if two else None,
                )
            )
        return shown

    def _sides(
        self, opened: Artifact, split: str, units: Units, wanted: Rows
    ) -> list[tuple[dict[str, Any], Side] | None]:
        """Provenance of units, and where they stand; None for -1."""
        own = wanted[wanted >= 0]
        examples = units.first[own].tolist()
        origins = origins_of(opened, split, examples)
        starts = starts_of(opened, split, examples)
        sides = {
            unit: (
                origins[example],
                Side(
                    f"{origins[example]['template']}.{origins[example]['label']}",
                    int(units.tokens[unit]),
                    starts[example],
                ),
            )
            for unit, example in zip(own.tolist(), examples, strict=True)
        }
        return [sides.get(unit) for unit in wanted.tolist()]


def _with_prompt(units: Units) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Keys that tell prompts of one row apart."""
    return units.high, units.low ^ (units.prompt.astype(np.uint64) + np.uint64(1))


Keys = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]


def _paired(a: Keys, b: Keys) -> Rows:
    """Pairs of equal keys, int64 [n, 2]; of several equal ones the first with the first."""
    high = np.concatenate([a[0], b[0]])
    low = np.concatenate([_numbered(a), _numbered(b)])
    side = np.repeat([0, 1], [len(a[0]), len(b[0])])
    order = np.lexsort((side, low, high))
    high, low, side = high[order], low[order], side[order]
    is_pair = (high[1:] == high[:-1]) & (low[1:] == low[:-1]) & (side[1:] != side[:-1])
    at = np.flatnonzero(is_pair)
    return np.stack([order[at], order[at + 1] - len(a[0])], axis=1)


def _numbered(keys: Keys) -> npt.NDArray[np.uint64]:
    """The lower halves, so that equal keys of one artefact differ: by how many came before."""
    high, low = keys
    order = np.lexsort((low, high))
    is_new = np.ones(len(order), np.bool_)
    is_new[1:] = (high[order][1:] != high[order][:-1]) | (low[order][1:] != low[order][:-1])
    firsts = np.flatnonzero(is_new)
    numbers = np.arange(len(order)) - np.repeat(firsts, np.diff(firsts, append=len(order)))
    numbered = low.copy()
    numbered[order] += numbers.astype(np.uint64) << np.uint64(17)
    return numbered


def _by(values: npt.NDArray[Any]) -> Iterator[tuple[int, Rows]]:
    """Yields each value with the places that hold it."""
    for value in np.unique(values).tolist():
        yield value, np.flatnonzero(values == value)


def _by_two(
    first: npt.NDArray[Any], second: npt.NDArray[Any]
) -> Iterator[tuple[tuple[int, int], Rows]]:
    """Yields each pair of values with the places that hold it."""
    pairs = first.astype(np.int64) << 32 | second.astype(np.int64)
    for pair, rows in _by(pairs):
        yield (pair >> 32, pair & 0xFFFFFFFF), rows
