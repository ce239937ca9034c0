"""The driver: one plan becomes one artefact, stage by stage.

In: a `BuildPlan` and a store. Out: the artefact's folder, or the diagnostics that say why there is
none. It reads like the list of stages: connect and shape, rank, phrase and encode (on demand),
order, pack, write. What an artefact is made from is written down beside it; where nothing of that
has changed, nothing is done.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from taskc.compiler import plan
from taskc.compiler.components import Change, changes
from taskc.compiler.demand.asks import EngineFailedError
from taskc.compiler.demand.quota import supply_of
from taskc.compiler.demand.supply import Figures, Supply
from taskc.compiler.digests import plan_digest
from taskc.compiler.engines.engine import Engine
from taskc.compiler.exemplars.evaluating import EvaluationExemplars, other_splits
from taskc.compiler.failures import FAILURES, failure
from taskc.compiler.places import error_at
from taskc.compiler.progress import Listener, Steps, ignored
from taskc.compiler.records import Record, record_of
from taskc.compiler.requirements import quantities, unmet
from taskc.compiler.rows.held_out import without_held_out
from taskc.compiler.rows.load import Follower, Loaded, load
from taskc.compiler.rows.overlap import overlaps, unseen_options, watched
from taskc.compiler.sequences.evaluation import Evaluations, evaluation_sets
from taskc.compiler.sequences.mixture import Mixed, mix
from taskc.compiler.sequences.stream import packed, training_stream
from taskc.compiler.sequences.weights import row_limits
from taskc.compiler.steady import changed_inputs
from taskc.compiler.store.objects import Store
from taskc.compiler.turns import tokenizer as tokenizers
from taskc.compiler.turns.fast import EngineName, engine_for
from taskc.compiler.work import Work
from taskc.compiler.writing.ledger import ledger
from taskc.compiler.writing.place import Place, place_below
from taskc.compiler.writing.write import BuildFacts, TokenizerFacts, write
from taskc.dsl.diagnostics import Diagnostic
from taskc.dsl.errors import has_errors
from taskc.runtime.artifact import SpecialToken

if TYPE_CHECKING:
    from taskc.compiler.decontamination.report import Report
    from taskc.compiler.twins.report import TwinsReport

__all__ = [
    "Built",
    "Means",
    "Progress",
    "build",
    "load_all",
    "place_of",
    "supplies_of",
    "text_engine",
    "trained",
]

_NOBODY: Mapping[str, Follower] = MappingProxyType({})

# Called with a stage's name, what is worked on, and how many rows were done since the last call.
Progress = Callable[[str, str, int], None]
# Called with a stage's name and how many rows it will have, where that is known beforehand.
Expectation = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Means:
    """What a build works with.

    Attributes:
        engine: What runs the chunk tasks.
        store: Keeps what was made before.
        progress: Told of every chunk of rows.
        expect: Told how many rows a stage will have.
    """

    engine: Engine
    store: Store
    progress: Progress = lambda _stage, _what, _rows: None
    expect: Expectation = lambda _stage, _rows: None


@dataclass(slots=True)
class Built:
    """What came of one build.

    Attributes:
        name: The build's name.
        path: The artefact's folder, or its URL; None where there is an error.
        diagnostics: Errors and warnings.
        work: What was done, and what the store had already.
        changes: What differs from the artefact that stood there; empty where none did.
        is_unchanged: Whether the artefact stood there as it is, so that nothing was done.
    """

    name: str
    path: Path | str | None
    diagnostics: list[Diagnostic] = field(default_factory=list)
    work: Work = field(default_factory=Work)
    changes: list[Change] = field(default_factory=list)
    is_unchanged: bool = False


def place_of(build_plan: plan.BuildPlan, out: str | os.PathLike[str]) -> Place:
    """The artefact's own place below `out`."""
    return place_below(out, build_plan.package, build_plan.title)


def build(
    build_plan: plan.BuildPlan,
    *,
    out: str | os.PathLike[str],
    engine: Engine,
    store: Store,
    progress: Listener = ignored,
) -> Built:
    """Makes one artefact, whole or not at all.

    Args:
        build_plan: What to make.
        out: The folder of artefacts, or its URL.
        engine: What runs the chunk tasks.
        store: Keeps what was made before.
        progress: Told of every step.
    """
    built = Built(build_plan.title, None)
    place = place_of(build_plan, out)
    try:
        with store.in_use():
            record = record_of(build_plan, store)
            if record is not None:
                before = record.before(place)
                built.changes = changes(before, record.components) if before else []
                known = record.findings_of_unchanged(place, store)
                if known is not None:
                    built.path, built.is_unchanged = place.path, True
                    built.diagnostics += known
                    return built
            place.check()  # now, and not when all the work is done
            steps = Steps(progress, engine, is_sample=build_plan.sample is not None)
            if record is not None and build_plan.sample is None:
                read = {each.name: splits_read(build_plan, each) for each in build_plan.sources}
                num_rows = record.num_rows(read)
                steps.expect("shape", num_rows)
                # What it may load is loaded before workers are forked, who then have it as well.
                engine_for(build_plan.tokenizer, store, num_examples=num_rows)
            means = Means(steps.engine, store, steps, steps.expect)
            _build(build_plan, place, built, record, means)
    except FAILURES as error:
        built.path = None
        built.diagnostics.append(failure(error))
    built.diagnostics += store.take_findings()
    return built


def _build(
    build_plan: plan.BuildPlan, place: Place, built: Built, record: Record | None, means: Means
) -> None:
    """Goes through the stages; `built` says how far it came."""
    tokenizer, found = tokenizers.load(build_plan.tokenizer)
    built.diagnostics += found
    loaded, found = load_all(build_plan, means)
    built.diagnostics += found
    built.work.num_ranges_surveyed = sum(each.num_surveyed for each in loaded.values())
    built.work.num_ranges_known = sum(each.num_reused for each in loaded.values())
    if tokenizer is None or has_errors(built.diagnostics):
        return
    built.diagnostics += [*overlaps(build_plan, loaded), *unseen_options(build_plan, loaded)]
    made = _made(build_plan, loaded, means, built)
    record = record or record_of(build_plan, means.store)  # what was not there may have come
    assert record is not None, "what was loaded without an error can be recorded"
    if made is not None:
        built.diagnostics += changed_inputs(build_plan, loaded, record)
    if made is None or has_errors(built.diagnostics):
        return
    delivered = _delivered(made)
    shares = _shares(made)
    # The ledger reads columns that the stream then takes over.
    accounts = ledger(build_plan, loaded, made.supplies, made.mixed.num_units, made.evaluations)
    fallen = sum(
        count
        for supply, num in zip(made.supplies, made.mixed.num_units, strict=True)
        for _, count in supply.dropped(num)
    )
    stream = training_stream(made.supplies, made.mixed.places)
    packs = packed(build_plan, stream)
    built.diagnostics += unmet(build_plan, quantities(build_plan, delivered, stream, packs, fallen))
    if has_errors(built.diagnostics):
        return
    twins, decontamination = _reports(build_plan, loaded)
    facts = BuildFacts(
        plan_digest=plan_digest(build_plan),
        components=record.digests(),
        inputs={name: found.digests for name, found in loaded.items()},
        shares=shares,
        delivered=delivered,
        tokenizer=_tokenizer_facts(tokenizer),
        ledger=accounts,
        twins=twins,
        decontamination=decontamination,
    )
    means.expect("write", len(stream))
    # The store's last word comes before the artefact: where it is full there is none.
    record.keep_findings(built.diagnostics, means.store)
    means.store.sync()
    evaluations = made.evaluations.sets
    del made, loaded  # what is written takes columns of its own over, and frees them as it goes
    write(
        place,
        build_plan,
        stream,
        packs,
        evaluations,
        store=means.store,
        facts=facts,
        progress=partial(means.progress, "write", "train"),
    )
    built.path = place.path


# ---- rows ----------------------------------------------------------------------------------------


def load_all(
    build_plan: plan.BuildPlan, means: Means, followers: Mapping[str, Follower] = _NOBODY
) -> tuple[dict[str, Loaded], list[Diagnostic]]:
    """Reads and shapes every source; a training source without a row left is an error.

    Rows that equal one of a held-out cluster are left out, and where the mixture says so those that
    have a twin and those that share words with evaluation rows.

    Args:
        build_plan: The build.
        means: What it works with.
        followers: Who is told of the choices among a source's rows, by its name.
    """
    loaded = {}
    findings: list[Diagnostic] = []
    names = trained(build_plan)
    orders = _ordering_quotas(build_plan)
    for source in build_plan.sources:
        found = load(
            source,
            splits_read(build_plan, source),
            engine=means.engine,
            store=means.store,
            watched=watched(build_plan, source.name),
            take=orders.get(source.name),
            sample=build_plan.sample,
            progress=_told(means.progress, source.name),
            follower=followers.get(source.name),
        )
        loaded[source.name] = found
        empty = []
        is_trained = source.name in names and "train" in build_plan.splits
        if is_trained and not has_errors(found.diagnostics):
            empty = _empty(source, found)
        # What emptied the training split stands in the error: no warning besides.
        findings += empty or found.diagnostics
    if not has_errors(findings):
        without_held_out(build_plan, loaded)
        findings += _compared(build_plan, loaded, means)
        findings += _emptied(build_plan, loaded)
    return loaded, findings


def _compared(
    build_plan: plan.BuildPlan, loaded: Mapping[str, Loaded], means: Means
) -> list[Diagnostic]:
    """Leaves out rows by the mixture's clauses; most builds have none and don't load the stages."""
    if not _has_clauses(build_plan):
        return []
    from taskc.compiler.decontamination.clause import Searching, decontaminate
    from taskc.compiler.twins.clause import deduplicate

    findings: list[Diagnostic] = []
    for name, carry_out in {"dedup": deduplicate, "decontaminate": decontaminate}.items():
        if not has_errors(findings):
            own = Searching(means.engine, means.store, partial(means.progress, name))
            findings += carry_out(build_plan, loaded, own)
    return findings


def _reports(
    build_plan: plan.BuildPlan, loaded: Mapping[str, Loaded]
) -> "tuple[TwinsReport | None, Report | None]":
    """What those clauses left out, for the artefact; None for a kind that there is none of."""
    if not _has_clauses(build_plan):
        return None, None
    from taskc.compiler.decontamination.report import report_of
    from taskc.compiler.twins.report import twins_report_of

    return twins_report_of(build_plan, loaded), report_of(build_plan, loaded)


def _has_clauses(build_plan: plan.BuildPlan) -> bool:
    """Whether rows are compared with each other, or with those of an evaluation."""
    return bool(build_plan.mixture.dedup or build_plan.mixture.decontaminate)


def _ordering_quotas(build_plan: plan.BuildPlan) -> dict[str, plan.Take]:
    """The quotas that say in which order rows are taken, by source."""
    quotas = build_plan.mixture.blend.quotas()
    return {source: take for source, take in quotas.items() if take.is_ordered}


def _emptied(build_plan: plan.BuildPlan, loaded: Mapping[str, Loaded]) -> list[Diagnostic]:
    """An error for each source of which the mixture's clauses left nothing to train on."""
    if "train" not in build_plan.splits:
        return []
    return [
        finding
        for source in build_plan.sources
        if source.name in trained(build_plan)
        and ((found := loaded[source.name]).twins or found.decontaminated)
        for finding in _empty(source, found)
    ]


def _told(progress: Progress, name: str) -> Callable[[str, int], None]:
    """The progress of one source, whatever the split."""
    return lambda _split, rows: progress("shape", name, rows)


def splits_read(build_plan: plan.BuildPlan, source: plan.Source) -> tuple[str, ...]:
    """The splits of a source that a build reads: of one that is held out, all that it has.

    Exemplars of an evaluation set come from the training split; and what is decontaminated is
    compared with splits that need not be delivered.
    """
    mixture = build_plan.mixture
    wanted = list(build_plan.splits)
    if source.name not in mixture.held_out_sources:
        wanted += ["train"] if mixture.fewshot[1] > 0 and "train" in source.splits else []
        wanted += [split for clause in mixture.decontaminate for split in clause.splits]
    else:
        wanted += [*source.splits, *(split.name for split in source.carved)]
    return tuple(dict.fromkeys(wanted))


def trained(build_plan: plan.BuildPlan) -> list[str]:
    """Names of the sources that the mixture draws from, in the spec's order."""
    takes = (take.source for take in build_plan.mixture.takes)
    return list(dict.fromkeys([*build_plan.mixture.sources, *takes]))


def _empty(source: plan.Source, found: Loaded) -> list[Diagnostic]:
    """An error where nothing is left to train on."""
    train = found.rows.get("train")
    if train is None or len(train):
        return []
    drops = found.drops["train"]
    return [
        error_at(
            "T0850",
            source.at,
            f"source `{source.name}` has no row to train on",
            label="every row was dropped" if drops else "its files hold no row",
            notes=tuple(
                f"{num_rows} by the `{drop.reason}` at {drop.at}"
                for drop, num_rows in drops.items()
            ),
        )
    ]


# ---- examples ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Made:
    """The examples of a build, as pointers into the store."""

    supplies: list[Supply]
    mixed: Mixed
    evaluations: Evaluations


def _made(
    build_plan: plan.BuildPlan, loaded: Mapping[str, Loaded], means: Means, built: Built
) -> _Made | None:
    """Makes all examples; None where there is an error."""
    try:
        return _made_by(
            text_engine(build_plan, loaded, means.store), build_plan, loaded, means, built
        )
    except EngineFailedError:
        # The store remembers that the faster engine was found wrong for this tokenizer.
        return _made_by("tokenizers", build_plan, loaded, means, built)


def text_engine(
    build_plan: plan.BuildPlan, loaded: Mapping[str, Loaded], store: Store
) -> EngineName:
    """What encodes the texts of a build: the faster engine where there is enough for it to do."""
    num_rows = sum(len(rows) for found in loaded.values() for rows in found.rows.values())
    return engine_for(build_plan.tokenizer, store, num_examples=num_rows)


def _made_by(
    encoder: EngineName,
    build_plan: plan.BuildPlan,
    loaded: Mapping[str, Loaded],
    means: Means,
    built: Built,
) -> _Made | None:
    supplies = supplies_of(build_plan, loaded, means.store, encoder)
    mixed = mix(
        build_plan,
        supplies,
        means.engine,
        lambda rows: means.progress("encode", "train", rows),
    )
    exemplars = None
    if build_plan.mixture.fewshot[1] and not mixed.errors:
        exemplars = EvaluationExemplars(build_plan, loaded, supplies, means.store, encoder)
    evaluations = evaluation_sets(
        build_plan,
        loaded,
        means.store,
        means.engine,
        means.progress,
        text_engine=encoder,
        exemplars=exemplars,
    )
    for supply in supplies:
        built.work.add(supply.maker.work)
    built.work.add(evaluations.work)
    built.diagnostics += [*mixed.errors, *evaluations.errors]
    built.diagnostics += _once(
        [n for supply in supplies for n in supply.maker.notices] + evaluations.notices
    )
    return None if has_errors(built.diagnostics) else _Made(supplies, mixed, evaluations)


def supplies_of(
    build_plan: plan.BuildPlan,
    loaded: Mapping[str, Loaded],
    store: Store,
    encoder: EngineName,
) -> list[Supply]:
    """A supply for each source of the mixture, in the spec's order."""
    sources = {source.name: source for source in build_plan.sources}
    limits = row_limits(build_plan.mixture.blend)
    orders = _ordering_quotas(build_plan)
    return [
        supply_of(
            build_plan,
            sources[name],
            loaded[name].rows["train"],
            store,
            take=orders.get(name),
            engine=encoder,
            max_rows=limits.get(name),
            evaluated=other_splits(loaded[name]),
        )
        for name in trained(build_plan)
        # A source, and a whole build, may be there to be evaluated only.
        if "train" in build_plan.splits and "train" in loaded[name].rows
    ]


# ---- figures -------------------------------------------------------------------------------------


def _delivered(made: _Made) -> dict[str, Figures]:
    """What each source delivers."""
    return {
        supply.source.name: supply.figures(num)
        for supply, num in zip(made.supplies, made.mixed.num_units, strict=True)
    }


def _shares(made: _Made) -> dict[str, float]:
    """The share of the examples that each source was asked for."""
    total = sum(made.mixed.weights) or 1
    return {
        supply.source.name: weight / total
        for supply, weight in zip(made.supplies, made.mixed.weights, strict=True)
    }


def _tokenizer_facts(tokenizer: tokenizers.Loaded) -> TokenizerFacts:
    return TokenizerFacts(
        files=tokenizer.artifact_files(),
        special={
            name: SpecialToken(id=token_id, text=tokenizer.names[name])
            for name, token_id in tokenizer.special.items()
        },
        vocab_size=tokenizer.vocab_size,
        digest=tokenizer.digest,
    )


def _once(findings: list[Diagnostic]) -> list[Diagnostic]:
    """Every notice once, however many chunks met it."""
    return list({(n.code, n.message, n.primary): n for n in findings}.values())
