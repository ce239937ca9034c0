"""The driver: one plan becomes one artefact, stage by stage.

In: a `BuildPlan`. Out: the artefact's folder, or the diagnostics that say why there is none. It
reads like
the list of stages: connect and shape, rank, phrase and encode (on demand), order, pack, write.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from taskc.compiler import plan
from taskc.compiler.digests import plan_digest
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.evaluation import evaluation_sets
from taskc.compiler.ledger import ledger
from taskc.compiler.not_yet import not_carried_out
from taskc.compiler.places import error_at
from taskc.compiler.rows import shape
from taskc.compiler.rows.overlap_in_memory import overlaps, unseen_options
from taskc.compiler.sequences.gather import example_keys, gather
from taskc.compiler.sequences.mix import Mixed, mix
from taskc.compiler.sequences.pack import pack
from taskc.compiler.sequences.write import BuildFacts, TokenizerFacts, write
from taskc.compiler.supply import Supply
from taskc.compiler.turns import tokenizer as tokenizers
from taskc.dsl.diagnostics import Diagnostic
from taskc.dsl.errors import has_errors
from taskc.runtime.artifact import SpecialToken

__all__ = ["Built", "Progress", "build", "place_of"]

# Called with a stage's name, what is worked on, and how many rows were done since the last call.
Progress = Callable[[str, str, int], None]


@dataclass(slots=True)
class Built:
    """What came of one build.

    Attributes:
        name: The build's name.
        path: The artefact's folder; None where there is an error.
        diagnostics: Errors and warnings.
    """

    name: str
    path: Path | None
    diagnostics: list[Diagnostic] = field(default_factory=list)


def place_of(build_plan: plan.BuildPlan, out: Path) -> Path:
    """The artefact's own folder below `out`."""
    return out / build_plan.package / build_plan.name


def build(
    build_plan: plan.BuildPlan,
    *,
    out: Path,
    engine: LocalEngine,
    progress: Progress = lambda _stage, _what, _rows: None,
) -> Built:
    """Make one artefact, whole or not at all.

    Args:
        build_plan: What to make.
        out: The folder of artefacts.
        engine: What runs the chunk tasks.
        progress: Told of every chunk of rows.
    """
    built = Built(build_plan.name, None, not_carried_out(build_plan))
    if has_errors(built.diagnostics):
        return built
    tokenizer, found = tokenizers.load(build_plan.tokenizer)
    built.diagnostics += found
    loaded = _load(build_plan, progress, built.diagnostics)
    if tokenizer is None or has_errors(built.diagnostics):
        return built

    built.diagnostics += [*overlaps(build_plan, loaded), *unseen_options(build_plan, loaded)]
    supplies = _supplies(build_plan, loaded)
    mixed = mix(build_plan, supplies, engine, lambda rows: progress("encode", "train", rows))
    built.diagnostics += mixed.errors
    evaluations = evaluation_sets(build_plan, loaded, engine, progress)
    built.diagnostics += evaluations.errors
    built.diagnostics += _once([n for s in supplies for n in s.notices] + evaluations.notices)
    if has_errors(built.diagnostics):
        return built

    delivered = gather(build_plan, supplies, mixed.places)
    lengths = delivered.offsets[1:] - delivered.offsets[:-1]
    packs = pack(
        lengths,
        length=build_plan.pack.length,
        window=build_plan.pack.window,
        keys=example_keys(build_plan, delivered),
    )
    facts = BuildFacts(
        plan_digest=plan_digest(build_plan),
        inputs={name: found.digests for name, found in loaded.items()},
        shares=_shares(supplies, mixed),
        tokenizer=_tokenizer_facts(tokenizer),
        ledger=ledger(build_plan, loaded, supplies, mixed.places, evaluations),
    )
    progress("write", build_plan.name, len(delivered))
    built.path = write(
        place_of(build_plan, out), build_plan, delivered, packs, evaluations.sets, facts=facts
    )
    return built


def _load(
    build_plan: plan.BuildPlan, progress: Progress, diagnostics: list[Diagnostic]
) -> dict[str, shape.Loaded]:
    """Read and shape every source; a training source without a row left is an error."""
    loaded = {}
    trained = _trained(build_plan)
    for source in build_plan.sources:
        found = shape.load(
            source,
            build_plan.splits,
            sample=build_plan.sample,
            progress=_told(progress, source.name),
        )
        loaded[source.name] = found
        empty = []
        if source.name in trained and not has_errors(found.diagnostics):
            empty = _empty(source, found)
        # What emptied the training split stands in the error: no warning besides.
        diagnostics += empty or found.diagnostics
    return loaded


def _told(progress: Progress, name: str) -> Callable[[str, int], None]:
    """The progress of one source, whatever the split."""
    return lambda _split, rows: progress("shape", name, rows)


def _trained(build_plan: plan.BuildPlan) -> list[str]:
    """Names of the sources that the mixture draws from."""
    takes = (take.source for take in build_plan.mixture.takes)
    return list(dict.fromkeys([*build_plan.mixture.sources, *takes]))


def _empty(source: plan.Source, found: shape.Loaded) -> list[Diagnostic]:
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
                f"{len(rows)} by the `{drop.reason}` at {drop.at}" for drop, rows in drops.items()
            ),
        )
    ]


def _supplies(build_plan: plan.BuildPlan, loaded: dict[str, shape.Loaded]) -> list[Supply]:
    """A supply for each source of the mixture, in the spec's order."""
    sources = {source.name: source for source in build_plan.sources}
    rate = build_plan.mixture.rate
    limit = rate.limit if isinstance(rate, plan.ProportionalRate) else None
    taken = {take.source for take in build_plan.mixture.takes}
    return [
        Supply(
            build_plan,
            sources[name],
            loaded[name].rows["train"],
            max_rows=None if name in taken else limit,
        )
        for name in _trained(build_plan)
        if "train" in loaded[name].rows  # a source may be there to be evaluated only
    ]


def _shares(supplies: list[Supply], mixed: Mixed) -> dict[str, float]:
    """The share of the examples that each source was asked for."""
    total = sum(mixed.weights) or 1
    return {
        supply.source.name: weight / total
        for supply, weight in zip(supplies, mixed.weights, strict=True)
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
