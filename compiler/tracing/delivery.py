"""Delivery: which examples the training stream takes of a row, and where they would be packed.

In: the accounts of rows that their sources have kept. Out: their rank, and their examples with
places, or why they have none. The stream is made as a build makes it, up to where sequences would
be written; what the store has is looked up.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from taskc.compiler import plan
from taskc.compiler.build import Means, supplies_of, text_engine
from taskc.compiler.demand.asks import EngineFailedError
from taskc.compiler.demand.columns import Array, Examples
from taskc.compiler.demand.supply import Supply
from taskc.compiler.examples import Drop
from taskc.compiler.exemplars.evaluating import EvaluationExemplars
from taskc.compiler.requirements import quantities, unmet
from taskc.compiler.rows.load import Loaded
from taskc.compiler.sequences.evaluation import evaluation_sets
from taskc.compiler.sequences.mixture import Mixed, mix
from taskc.compiler.sequences.pack import Packs
from taskc.compiler.sequences.stream import Stream, packed, training_stream
from taskc.compiler.sequences.weights import row_limits
from taskc.compiler.tracing.accounts import Account, Placed, Step
from taskc.compiler.turns.fast import EngineName
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["Delivered", "deliver"]


@dataclass(slots=True)
class _Row:
    """A row in its supply, before the stream takes the supply's columns over.

    Attributes:
        supply: Index of its supply.
        row: Its index among the supply's rows.
        trained: Tokens that are trained, by (repetition, prompt, part) of its examples.
        drop: Why it fell; None: it did not.
    """

    account: Account
    supply: int
    row: int
    trained: dict[tuple[int, int, int], int]
    drop: Drop | None


@dataclass(slots=True)
class Delivered:
    """What came of rows.

    Attributes:
        fallen: Accounts of rows that fell while they were phrased or encoded, and why.
        errors: Requirements that what is delivered does not meet.
        exemplars: Indices of the rows that stand before examples of others, by source.
    """

    fallen: list[tuple[Account, Drop]] = field(default_factory=list)
    errors: list[Diagnostic] = field(default_factory=list)
    exemplars: dict[str, Array] = field(default_factory=dict)


def deliver(
    build: plan.BuildPlan,
    loaded: Mapping[str, Loaded],
    means: Means,
    waiting: Sequence[tuple[Account, int]],
) -> Delivered:
    """Says what the stream takes of rows.

    Args:
        build: The build.
        loaded: What is left of each source.
        means: What the build works with.
        waiting: Accounts, each with its row's index among those of its source.

    Raises:
        StoreError: If the store is full or can't be used.
    """
    try:
        return _delivered(build, loaded, means, waiting, text_engine(build, loaded, means.store))
    except EngineFailedError:  # as a build does
        return _delivered(build, loaded, means, waiting, "tokenizers")


def _delivered(
    build: plan.BuildPlan,
    loaded: Mapping[str, Loaded],
    means: Means,
    waiting: Sequence[tuple[Account, int]],
    encoder: EngineName,
) -> Delivered:
    supplies = supplies_of(build, loaded, means.store, encoder)
    mixed = mix(build, supplies, means.engine, partial(means.progress, "encode", "train"))
    if mixed.errors:
        for account, _ in waiting:
            account.diagnostics = mixed.errors
            words = "the mixture can't be made"
            account.end("stopped", Step("mixture", words, build.mixture.at))
        return Delivered()
    found = Delivered(exemplars=_exemplars(build, loaded, means, supplies, mixed, encoder))
    rows = [_ranked(account, row, supplies, mixed) for account, row in waiting]
    each = list(zip(supplies, mixed.num_units, strict=True))
    delivered = {supply.source.name: supply.figures(num) for supply, num in each}
    num_fallen = sum(count for supply, num in each for _, count in supply.dropped(num))
    stream = training_stream(supplies, mixed.places)
    packs = packed(build, stream)
    found.errors = unmet(build, quantities(build, delivered, stream, packs, num_fallen))
    for row in rows:
        if row.trained:
            row.account.examples = list(_placed(stream, packs, row))
        elif row.drop is not None:
            found.fallen.append((row.account, row.drop))
    return found


def _exemplars(  # noqa: PLR0917 - what a build hands from stage to stage
    build: plan.BuildPlan,
    loaded: Mapping[str, Loaded],
    means: Means,
    supplies: Sequence[Supply],
    mixed: Mixed,
    encoder: EngineName,
) -> dict[str, Array]:
    """Rows that stand before examples, of the stream or of evaluation sets, by source."""
    if not build.mixture.fewshot[1]:
        return {}
    before = EvaluationExemplars(build, loaded, supplies, means.store, encoder)
    evaluations = evaluation_sets(
        build,
        loaded,
        means.store,
        means.engine,
        means.progress,
        text_engine=encoder,
        exemplars=before,
    )
    found = dict(evaluations.exemplars)
    for supply, num_units in zip(supplies, mixed.num_units, strict=True):
        rows = supply.exemplar_rows(num_units)
        found[supply.source.name] = np.union1d(found.get(supply.source.name, rows[:0]), rows)
    return found


def _ranked(account: Account, row: int, supplies: Sequence[Supply], mixed: Mixed) -> _Row:
    """Tells a row's rank, and whether it was asked for."""
    names = [supply.source.name for supply in supplies]
    number = names.index(account.match.source.name)
    supply, num_units = supplies[number], mixed.num_units[number]
    examples = supply.examples
    own = np.flatnonzero(examples.row[: supply.num_examples(num_units)] == row).tolist()
    found = _Row(
        account,
        number,
        row,
        {_key(examples, index): int(examples.trained[index]) for index in own},
        supply.drop_of(row, num_units),
    )
    mixture = account.build.mixture
    rank, num_rows = supply.rank_of(row), len(supply.rows)
    words = f"number {rank:,} of {num_rows:,}, {supply.figures(num_units).rows:,} are taken"
    limit = row_limits(mixture.blend).get(supply.source.name)
    if limit is not None and rank > limit:
        words = f"number {rank:,} of {num_rows:,}, `limit: {limit:,}` leaves the first"
    quotas = {take.source: take.at for take in mixture.takes}
    step = Step("rank", words, quotas.get(supply.source.name, mixture.place("rate")))
    if own or found.drop is not None:
        account.steps.append(step)
    else:
        account.end("not asked for", step)
    return found


def _placed(stream: Stream, packs: Packs, row: _Row) -> Iterator[Placed]:
    """Yields the examples of a row with their places in the sequences."""
    examples, origin = stream.examples, stream.origins[row.supply]
    is_own = (stream.origin == row.supply) & (examples.row == row.row)
    for example in np.flatnonzero(is_own).tolist():
        position = int(np.flatnonzero(packs.order == example)[0])
        sequence = int(np.searchsorted(packs.offsets, position, side="right")) - 1
        before = packs.order[int(packs.offsets[sequence]) : position]
        shots = stream.exemplars.offsets[example : example + 2] if stream.exemplars else (0, 0)
        prompt = origin.prompts[int(examples.prompt[example])]
        key = _key(examples, example)
        yield Placed(
            prompt=f"{prompt.template}.{prompt.label}",
            at=prompt.at,
            repetition=key[0],
            part=key[2],
            example=example,
            sequence=sequence,
            start=int(examples.tokens[before].sum()),
            tokens=int(examples.tokens[example]),
            trained=row.trained[key],
            exemplars=int(shots[1] - shots[0]),
        )


def _key(examples: Examples, index: int) -> tuple[int, int, int]:
    """Which of a row's examples one is."""
    return (
        int(examples.repetition[index]),
        int(examples.prompt[index]),
        int(examples.part[index]),
    )
