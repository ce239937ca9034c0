"""The whole artefact that a build must give, example by example.

In: a build's table entry and the data folder. Out: rows with their fate, the stream of training
examples in order, and the evaluation sets in order, each example with ids and labels.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from itertools import count
from pathlib import Path
from typing import NamedTuple

from oracle import draws
from oracle.builds import Build
from oracle.encoding import BLIND, Coded, Coder, PromptTarget, Templated, code
from oracle.exemplars import Pool, laid
from oracle.phrasing import PROMPTS, Options, Prompt, Row, Turn, show
from oracle.rows import SOURCES, Line, Source, lines

# Of a row that leaves: which kind of clause, and which of them, from 0 in written order.
Fate = tuple[str, int]


class Kept(NamedTuple):
    """A shaped row and where it stands."""

    line: Line
    key: draws.Key
    row: Row


@dataclass
class Split:
    """The rows of one split and what became of the others."""

    read: int = 0
    kept: list[Kept] = field(default_factory=list)
    dropped: Counter[Fate] = field(default_factory=Counter)
    moved: dict[str, int] = field(default_factory=dict)


class Example(NamedTuple):
    """One training example."""

    source: str
    kept: Kept
    repetition: int
    prompt: Prompt
    coded: Coded
    exemplars: tuple[bytes, ...] = ()


class Question(NamedTuple):
    """One evaluation example; `shots` is how many exemplars were asked for."""

    source: str
    kept: Kept
    prompt: Prompt
    input_ids: list[int]
    target_ids: list[int]
    option_ids: list[list[int]]
    correct: list[int]
    references: list[str]
    shots: int = 0
    exemplars: tuple[bytes, ...] = ()


# ---- rows --------------------------------------------------------------------------------------


def shaped(data: Path, source: Source) -> dict[str, Split]:
    """The rows of a source after let, where, dedup, carve and limit."""
    read = {split: _read(data, source, path) for split, path in source.files.items()}
    for name, origin, wanted in source.carved:
        read[name] = _carve(source, read[origin], name, wanted)
    if source.limit is not None and len(read["train"].kept) > source.limit:
        _limit(source, read["train"], source.limit)
    return read


def _read(data: Path, source: Source, path: str) -> Split:
    scope = draws.source_scope()
    split = Split()
    seen: Counter[bytes] = Counter()
    for line in lines(data, path):
        split.read += 1
        row_id = draws.row_id(line.raw, source.columns)
        key, alike = draws.Key(row_id, seen[row_id]), draws.Key(row_id, 0)
        seen[row_id] += 1
        row = source.shape(
            line.raw,
            lambda name, among, key=alike: draws.choice(scope, source.name, key, name, among),
        )
        failed = next((place for place, holds in enumerate(source.wheres) if not holds(row)), None)
        if failed is None:
            split.kept.append(Kept(line, key, row))
        else:
            split.dropped["where", failed] += 1
    if source.same is not None:
        _deduplicate(source, split)
    return split


def _deduplicate(source: Source, split: Split) -> None:
    """Of rows that are the same, the first by the draw "dedup" stays."""
    keys = [kept.key for kept in split.kept]
    order = draws.drawn_order(draws.source_scope(), source.name, keys, 0, "dedup")
    first: dict[bytes, int] = {}
    for index in order:
        first.setdefault(draws.value_hash(source.same(split.kept[index].row)), index)
    stay = set(first.values())
    split.dropped["dedup", 0] += len(split.kept) - len(stay)
    split.kept = [kept for index, kept in enumerate(split.kept) if index in stay]
    split.dropped += Counter()  # forgets zeros


def _carve(source: Source, origin: Split, name: str, wanted: int) -> Split:
    """Moves whole groups of equal rows, in the order of their draw, until enough are moved."""
    groups: dict[bytes, list[Kept]] = {}
    for kept in origin.kept:
        groups.setdefault(kept.key.id, []).append(kept)
    keys = [draws.Key(row_id, 0) for row_id in groups]
    moved: set[bytes] = set()
    total = 0
    for index in draws.drawn_order(draws.source_scope(), source.name, keys, 0, f"carve/{name}"):
        size = len(groups[keys[index].id])
        if total + size <= wanted:
            moved.add(keys[index].id)
            total += size
    carved = Split(total, [kept for kept in origin.kept if kept.key.id in moved])
    origin.kept = [kept for kept in origin.kept if kept.key.id not in moved]
    origin.moved[name] = total
    return carved


def _limit(source: Source, split: Split, limit: int) -> None:
    keys = [kept.key for kept in split.kept]
    order = draws.drawn_order(draws.source_scope(), source.name, keys, 0, "limit")
    stay = set(order[:limit])
    split.dropped["limit", 0] += len(keys) - limit
    split.kept = [kept for index, kept in enumerate(split.kept) if index in stay]


# ---- training examples -------------------------------------------------------------------------


class Supply:
    """The training examples of one source in the order in which they are asked for.

    Attributes:
        examples: Those made so far.
        fallen: Rows that gave none, as tried: how many examples stood then, which row, why.
        survivors: Examples of the first pass, once it is counted.
    """

    def __init__(self, build: Build, coder: Coder, source: str, rows: list[Kept]) -> None:
        self.build, self.coder, self.source, self.rows = build, coder, source, rows
        self.prompts = [prompt for prompt in PROMPTS.values() if prompt.source == source]
        self.scope = draws.mixture_scope(build.seed)
        self.examples: list[Example] = []
        self.fallen: list[tuple[int, draws.Key, str]] = []
        self.survivors: int | None = None
        self._endless = self._make()

    def example(self, index: int) -> Example:
        """The example at `index`, making more as needed."""
        while len(self.examples) <= index:
            self.examples.append(next(self._endless))
        return self.examples[index]

    def distinct(self, at_most: int | None) -> int:
        """Surviving examples of the first pass, counted no further than `at_most`."""
        if self.survivors is None:
            self.survivors = sum(not isinstance(made, str) for _, _, made in self._pass(0))
        return self.survivors if at_most is None else min(self.survivors, at_most)

    def fates(self, num_examples: int) -> dict[draws.Key, str]:
        """Rows that fell on the way to the first `num_examples` examples, and gave none of them.

        A row that comes after the last of them was never asked for, unless all rows had to be
        tried.
        """
        whole = num_examples >= self.distinct(None)
        given = {example.kept.key for example in self.examples[:num_examples]}
        fell: dict[draws.Key, str] = {}
        for before, key, why in self.fallen:
            if (before < num_examples or (before == num_examples and whole)) and key not in given:
                fell.setdefault(key, why)
        return fell

    def _make(self) -> Iterator[Example]:
        for repetition in count():
            for kept, prompt, made in self._pass(repetition):
                if isinstance(made, str):
                    self.fallen.append((len(self.examples), kept.key, made))
                else:
                    yield Example(self.source, kept, repetition, prompt, made)

    def _pass(self, repetition: int) -> Iterator[tuple[Kept, Prompt, Coded | str]]:
        keys = [kept.key for kept in self.rows]
        order = draws.drawn_order(self.scope, self.source, keys, repetition, "rank")
        drawn = []
        for index in order:
            kept = self.rows[index]
            prompt = self._choose(kept, repetition)
            drawn.append((kept, prompt, turns_of(self.build, kept, prompt, repetition)))
        self.coder.learn(turn.text for _, _, turns in drawn for turn in turns)
        for kept, prompt, turns in drawn:
            yield kept, prompt, code(self.coder, self.build.form, turns)

    def _choose(self, kept: Kept, repetition: int) -> Prompt:
        apply = {
            prompt.name: prompt
            for prompt in self.prompts
            if prompt.where(kept.row) and prompt.when(kept.row)
        }
        name = draws.chosen(self.scope, self.source, kept.key, repetition, list(apply))
        return apply[name]


def pool_of(supply: Supply, evaluated: list[Kept]) -> Pool:
    """The rows of the examples that are counted, without those that equal an evaluated one."""
    build = supply.build
    counted = [supply.example(index) for index in range(supply.distinct(build.cap))]
    held = {kept.key.id for kept in evaluated}
    rows = {example.kept.key: example.kept for example in counted}
    prompts = {prompt.name: prompt for prompt in supply.prompts}

    @cache
    def whole(key: draws.Key, name: str) -> Coded | None:
        kept, prompt = rows[key], prompts[name]
        if not (prompt.where(kept.row) and prompt.when(kept.row)):
            return None
        made = code(supply.coder, build.form, turns_of(build, kept, prompt, 0))
        return None if isinstance(made, str) or made.trimmed else made

    return Pool(
        supply.source,
        supply.scope,
        {each.kept.key: each.prompt.name for each in counted if each.kept.key.id not in held},
        whole,
    )


def shown(pool: Pool, supply: Supply, example: Example) -> Example:
    """A training example behind its exemplars."""
    key, prompt = example.kept.key, example.prompt.name
    wanted = pool.number(key, example.repetition, *supply.build.fewshot)
    found = pool.before(key, example.repetition, prompt, wanted)
    ids, coded = laid(
        supply.build.form, example.coded, found, separator_tokens(supply.build, supply.coder)
    )
    return example._replace(coded=coded, exemplars=tuple(ids))


def separator_tokens(build: Build, coder: Coder) -> int:
    """How many tokens the separator has."""
    return 1 if build.form.special else len(coder.ids(build.form.literal, first=False))


def order_of(
    build: Build, kept: Kept, prompt: Prompt, options: Options, repetition: int
) -> list[int]:
    """The order in which options are shown: as declared, or drawn."""
    if not options.shuffled:
        return list(range(len(options.surfaces)))
    return draws.shuffled(
        draws.mixture_scope(build.seed),
        prompt.source,
        kept.key,
        repetition,
        template=prompt.template,
        count=len(options.surfaces),
    )


def turns_of(build: Build, kept: Kept, prompt: Prompt, repetition: int) -> list[Turn]:
    """What the row becomes under a prompt."""
    if prompt.options is None:
        return prompt.turns(kept.row, None)
    options = prompt.options(kept.row)
    order = order_of(build, kept, prompt, options, repetition)
    return prompt.turns(kept.row, show(options, order, options.right[0]))


def weights(build: Build, supplies: dict[str, Supply]) -> dict[str, float]:
    """What each source weighs."""
    if build.takes is not None:
        return dict(build.takes)
    return {name: build.weight(supply.distinct(build.cap)) for name, supply in supplies.items()}


def chairman(weight: dict[str, float]) -> Iterator[str]:
    """The chairman assignment, step by step (Tijdeman 1980), the slow way over exact fractions.

    At each place, of the sources whose next turn may be given, the one whose turn is due first.
    With k sources the j-th turn may be given once the share exceeds j - 1 by 1 / (2k - 2), and is
    due before it exceeds j - 1 / (2k - 2).
    """
    whole = sum(Fraction(each) for each in weight.values())
    share = {name: Fraction(each) / whole for name, each in weight.items() if each}
    if len(share) == 1:
        while True:
            yield from share
    slack = Fraction(1, 2 * len(share) - 2)
    had = dict.fromkeys(share, 0)
    for place in count(1):
        ready = [name for name in share if place * share[name] >= had[name] + slack]
        name = min(ready, key=lambda each: (had[each] + 1 - slack) / share[each])
        had[name] += 1
        yield name


def stream(build: Build, supplies: dict[str, Supply], pools: dict[str, Pool]) -> list[Example]:
    """Every training example, in order; with pools, behind its exemplars."""
    weight = weights(build, supplies)
    taken = dict.fromkeys(weight, 0)
    examples: list[Example] = []
    num_tokens = 0
    wanted, unit = build.total if build.takes is None else (sum(build.takes.values()), "examples")
    for name in chairman(weight):
        if (num_tokens if unit == "tokens" else len(examples)) >= wanted:
            return examples
        example = supplies[name].example(taken[name])
        if name in pools:
            example = shown(pools[name], supplies[name], example)
        taken[name] += 1
        examples.append(example)
        num_tokens += len(example.coded.ids)
    raise AssertionError("the chairman assignment never ends")


# ---- evaluation --------------------------------------------------------------------------------


def questions(build: Build, coder: Coder, source: str, rows: list[Kept]) -> Iterator[Question]:
    """Every row under every prompt but the inverse ones; rows by id."""
    for kept in sorted(rows, key=lambda each: each.key):
        for prompt in asking(kept, source):
            question = _question(build, coder, kept, prompt)
            if not isinstance(question, str):
                yield question


def asked_again(pool: Pool, supply: Supply, question: Question) -> Question:
    """A question behind the most exemplars that the mixture allows."""
    _, most = supply.build.fewshot
    found = pool.before(question.kept.key, 0, question.prompt.name, most)
    alone = Coded(
        question.input_ids + question.target_ids,
        [BLIND] * len(question.input_ids) + question.target_ids,
        0,
    )
    ids, coded = laid(supply.build.form, alone, found, separator_tokens(supply.build, supply.coder))
    return question._replace(
        shots=most,
        exemplars=tuple(ids),
        input_ids=coded.ids[: len(coded.ids) - len(question.target_ids)],
    )


def asking(kept: Kept, source: str) -> list[Prompt]:
    """The prompts under which a row is evaluated."""
    return [
        prompt
        for prompt in PROMPTS.values()
        if prompt.source == source and prompt.kind != "inverse"
        if prompt.where(kept.row) and prompt.when(kept.row)
    ]


def refusal(build: Build, coder: Coder, kept: Kept, source: str) -> str:
    """Why a row gives no evaluation example at all: the first prompt's reason."""
    found = [_question(build, coder, kept, prompt) for prompt in asking(kept, source)]
    return next(reason for reason in found if isinstance(reason, str))


def _question(build: Build, coder: Coder, kept: Kept, prompt: Prompt) -> Question | str:
    turns = turns_of(build, kept, prompt, 0)
    if not isinstance(build.form, PromptTarget):
        turns = _asked(turns)
    made = code(coder, build.form, turns)
    if isinstance(made, str):
        return made
    if isinstance(build.form, Templated):  # what the template writes behind the last end is no part
        stop = max(place for place, label in enumerate(made.labels) if label != BLIND) + 1
        made = Coded(made.ids[:stop], made.labels[:stop], 0)
    seam = made.labels.count(BLIND)
    option_ids, correct = _offered(build, coder, kept, prompt)
    references = SOURCES[prompt.source].references
    return Question(
        prompt.source,
        kept,
        prompt,
        made.ids[:seam],
        made.ids[seam:],
        option_ids,
        correct,
        references(kept.row) if references else [turns[-1].text],
    )


def _offered(
    build: Build, coder: Coder, kept: Kept, prompt: Prompt
) -> tuple[list[list[int]], list[int]]:
    """Ids of the answering text with each option as the answer, and which options are right."""
    if prompt.options is None:
        return [], []
    options = prompt.options(kept.row)
    order = order_of(build, kept, prompt, options, 0)
    texts = [prompt.turns(kept.row, show(options, order, given))[1].text for given in order]
    return (
        [coder.ids(text, first=True) for text in texts],
        [place for place, given in enumerate(order) if given in options.right],
    )


def _asked(turns: list[Turn]) -> list[Turn]:
    """A dialogue up to its last answer, which alone is asked for."""
    stop = max(
        place
        for place, turn in enumerate(turns)
        if (turn.own if turn.own is not None else turn.role == "assistant")
    )
    given = [turn._replace(own=False) for turn in turns[:stop]]
    return [*given, turns[stop]._replace(own=True)]
