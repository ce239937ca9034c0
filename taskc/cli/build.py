"""`taskc build PATH...`: every build of the specs becomes an artefact.

In: folders or `.task` files. Out: one artefact a build, and on stdout what each came to. A build
that fails is reported on stderr, the others are built, and the status is 1.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from taskc.cli import arguments, console, summary
from taskc.cli.progress import Progress
from taskc.workers import ENGINES, Workers

if TYPE_CHECKING:
    from pydantic import JsonValue

    from taskc.compiler.build import Built
    from taskc.compiler.plan import BuildPlan
    from taskc.dsl.checker import Checked
    from taskc.dsl.diagnostics import Diagnostic
    from taskc.runtime.artifact import Ledger, Manifest

__all__ = [
    "SUMMARY",
    "Outcome",
    "add_arguments",
    "add_choice_arguments",
    "add_engine_arguments",
    "build_all",
    "nothing_to_build",
    "planned",
    "report",
    "run",
    "workers_of",
]

SUMMARY = "Build artefacts from specs"


class Outcome(NamedTuple):
    """One build that was tried: what came of it, and in how many seconds."""

    plan: "BuildPlan"
    built: "Built"
    elapsed_s: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc build`."""
    arguments.add_spec_arguments(parser)
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=arguments.path,
        default="artifacts",
        help="the folder of artefacts, or a URL such as s3://bucket/artifacts "
        "(default: artifacts); each lies at DIR/PACKAGE/BUILD below it",
    )
    add_choice_arguments(parser)
    add_engine_arguments(parser)
    parser.add_argument(
        "--locked", action="store_true", help="stop where an input is not as taskc.lock has it"
    )
    parser.add_argument(
        "--vendored",
        metavar="DIR",
        type=arguments.path,
        help="read inputs from this folder alone, which `taskc vendor` filled",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def add_choice_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares which builds are meant, and how much of their inputs."""
    parser.add_argument("--only", metavar="NAME", help="make the build of this name alone")
    parser.add_argument(
        "--sweep",
        metavar="NAME[=VALUE,...]",
        type=_sweep,
        help="build once for each value of a parameter, of a choice, bool or cluster for all, "
        "each at BUILD@NAME=VALUE",
    )
    parser.add_argument(
        "--sample",
        metavar="N",
        type=arguments.positive,
        help="read at most N rows of each source and split (default: all)",
    )


def _sweep(text: str) -> tuple[str, tuple[str, ...]]:
    """Splits `NAME` or `NAME=VALUE,VALUE`."""
    name, equals, values = text.partition("=")
    if not name or (equals and not values):
        raise argparse.ArgumentTypeError(f"expected NAME or NAME=VALUE,..., found {text!r}")
    return name, tuple(values.split(",")) if equals else ()


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what runs the work, and where what was made is kept."""
    parser.add_argument(
        "--jobs",
        metavar="N",
        type=arguments.positive,
        help="worker processes (default: one a core)",
    )
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="local",
        help="what runs the work: processes of this machine, or a Ray cluster (default: local)",
    )
    parser.add_argument(
        "--address",
        metavar="ADDRESS",
        default="",
        help="the Ray cluster's address, for --engine ray",
    )
    arguments.add_store_argument(parser)


def workers_of(options: argparse.Namespace) -> Workers:
    """Returns what runs the work, as the command line says."""
    return Workers(options.engine, options.address, options.jobs)


def run(options: argparse.Namespace) -> int:
    """Builds; 1 where the specs or any build has an error, or there is nothing to build."""
    from taskc.dsl.errors import has_errors

    if len(options.paths) == 1 and options.paths[0].endswith(".json"):
        return _run_planned(Path(options.paths[0]), options)
    checked, plans = planned(options)
    clash = _clash(plans)
    if clash:
        console.say(clash)
        return 1
    outcomes = build_all(plans, checked, options)
    if options.json:
        console.emit_json(_as_json(checked, outcomes))
    is_wrong = has_errors(checked.diagnostics)
    for line in _left_out(checked, plans, options.only) if is_wrong and not options.sweep else ():
        console.say(line)
    if not plans and not is_wrong:
        console.say(nothing_to_build(checked, options.only))
    failed = [outcome for outcome in outcomes if outcome.built.path is None]
    return 1 if failed or is_wrong or not plans else 0


def _run_planned(path: Path, options: argparse.Namespace) -> int:
    """Makes exactly what a plan file says; 1 where it can't be, or is no longer what it was."""
    from taskc.compiler.planned import differences, load
    from taskc.compiler.store.project import opened_store

    if options.params or options.only or options.sample or options.sweep:
        console.say("error: a plan file has its parameters and its builds; it takes no others")
        return 1
    kept = load(path.read_bytes())
    if kept is None:
        console.say(f"error: {path} is no plan file\nhelp: `taskc plan PATH --out FILE` writes one")
        return 1
    plans = [each.plan for each in kept.builds]
    options.paths = sorted({plan.at.path for plan in plans})  # their project has the store
    checked = _texts_of(options.paths)
    with opened_store(options.paths, url=console.chosen_store(options.store)) as store:
        found = [finding for each in kept.builds for finding in differences(each, store)]
    if found:
        report(found, checked)
        return 1
    outcomes = build_all(plans, checked, options)
    if options.json:
        console.emit_json(_as_json(checked, outcomes))
    return 1 if any(outcome.built.path is None for outcome in outcomes) else 0


def _texts_of(paths: Iterable[str]) -> "Checked":
    """Returns the texts that findings of a plan file's builds point at, where they are there."""
    from taskc.dsl.checker import Checked
    from taskc.dsl.model.program import Program
    from taskc.dsl.text.source_text import SourceText

    folders = {Path(path).parent for path in paths}
    files = sorted(file for folder in folders for file in folder.glob("*.task"))
    texts = {file.as_posix(): file.read_text(encoding="utf-8") for file in files}
    program = Program(
        packages=(), texts={path: SourceText(path, text) for path, text in texts.items()}
    )
    return Checked(program, ())


def planned(options: argparse.Namespace) -> "tuple[Checked, Sequence[BuildPlan]]":
    """Checks the specs, reports what is found, and returns the plans of what can be built."""
    from taskc.checking import check

    if getattr(options, "sweep", None):
        return _swept(options)
    checked = check(options.paths, params=dict(options.params))
    report(checked.diagnostics, checked)
    if not any(package.builds for package in checked.program.packages):
        return checked, ()
    from taskc.api import lower_sound

    return checked, lower_sound(checked, only=options.only, sample=options.sample).builds


def _swept(options: argparse.Namespace) -> "tuple[Checked, Sequence[BuildPlan]]":
    """Plans the builds once for each value of a parameter; what is wrong is said once."""
    from taskc.sweeping import Sweep, plan_sweep

    found = plan_sweep(
        options.paths,
        dict(options.params),
        Sweep(*options.sweep),
        only=options.only,
        sample=options.sample,
    )
    report(found.checked.diagnostics, found.checked)
    for title in found.left_out:
        console.say(f"{title}: not built, the package has errors")
    return found.checked, found.plans


def _clash(plans: "Sequence[BuildPlan]") -> str:
    """Says of two builds that one would replace the other; "" where there is no such pair."""
    first: dict[tuple[str, str], BuildPlan] = {}
    for plan in plans:
        other = first.setdefault((plan.package, plan.title), plan)
        if other is not plan:
            return (
                f"error: two builds have one place, {plan.package}/{plan.title}: "
                f"{other.at} and {plan.at}\n"
                "help: build their folders one by one, with different --out"
            )
    return ""


def build_all(
    plans: "Iterable[BuildPlan]", checked: "Checked", options: argparse.Namespace
) -> list[Outcome]:
    """Makes each build and shows what it came to: a report on stderr, a summary on stdout."""
    outcomes: list[Outcome] = []
    said: list[Diagnostic] = []
    plans = list(plans)
    if not plans:
        return outcomes
    from taskc.api import build_each
    from taskc.compiler.engines.process import prepare_driver

    prepare_driver("taskc.compiler.build")
    with Progress() as progress:
        builds = build_each(
            plans,
            options.paths,
            out=options.out,
            workers=workers_of(options),
            store=console.chosen_store(options.store),
            locked=options.locked,
            vendored=options.vendored,
            progress=progress.step,
        )
        for plan in plans:
            started = monotonic()
            built = next(builds)
            outcome = Outcome(plan, built, monotonic() - started)
            progress.clear()
            fresh = [each for each in built.diagnostics if each not in said]
            said += fresh
            report(fresh, checked)
            if not options.json:
                _show(outcome, len(built.diagnostics) - len(fresh))
            outcomes.append(outcome)
    return outcomes


def report(diagnostics: "Sequence[Diagnostic]", checked: "Checked") -> None:
    """Shows findings on stderr."""
    if diagnostics:
        from taskc.dsl.report import render

        color = console.shows_color(sys.stderr)
        console.say(render(diagnostics, checked.program.texts, style="human", color=color))


def _show(outcome: Outcome, num_said: int) -> None:
    """Says what one build came to: on stdout where there is an artefact.

    Args:
        outcome: Of the build.
        num_said: Findings of it that another build had before, which are shown once.
    """
    name = f"{outcome.plan.package}/{outcome.plan.title}"
    if outcome.built.path is None:
        above = f"; {num_said:,} of what is in its way stands above" if num_said else ""
        console.say(f"{name}: not built{above}")
        return
    manifest, ledger = _documents(outcome.built)
    head = console.paint(name, "bold", color=console.shows_color(sys.stdout))
    sample = f", a sample of {outcome.plan.sample:,} rows" if outcome.plan.sample else ""
    console.emit(
        f"{head}  {outcome.built.path}  ({outcome.elapsed_s:.1f} s{sample})\n"
        f"{summary.as_text(outcome.plan, manifest, ledger)}\n"
        f"  {_work(outcome.built)}\n"
    )


def _work(built: "Built") -> str:
    """Says what was done and what the store had."""
    if built.is_unchanged:
        return "nothing has changed: the artefact stands as it is"
    work = built.work
    return f"encoded {work.num_encoded:,}, {work.num_reused:,} from the store"


def _documents(built: "Built") -> "tuple[Manifest, Ledger]":
    """Reads what an artefact says of itself; of one at a URL the rest stays there."""
    from taskc.compiler.writing.place import place_at
    from taskc.runtime import artifact

    assert built.path is not None, "only what was built is read"
    place = place_at(built.path)
    manifest, ledger = place.read(artifact.MANIFEST), place.read(artifact.LEDGER)
    return (
        artifact.load(artifact.Manifest, manifest or b"", f"{built.path}/{artifact.MANIFEST}"),
        artifact.load(artifact.Ledger, ledger or b"", f"{built.path}/{artifact.LEDGER}"),
    )


def _left_out(checked: "Checked", plans: "Sequence[BuildPlan]", only: str | None) -> Iterator[str]:
    """Yields a line for each build that was not tried because its package has an error."""
    tried = {(plan.package, plan.name) for plan in plans}
    for package in checked.program.packages:
        for name in package.builds:
            if only in {None, name} and (package.name, name) not in tried:
                yield f"{package.name}/{name}: not built, the package has errors"


def nothing_to_build(checked: "Checked", only: str | None) -> str:
    """Says why sound specs give nothing to build."""
    names = [name for package in checked.program.packages for name in package.builds]
    if only is not None and names:
        return f"error: there is no build `{only}`\nhelp: builds: {', '.join(names)}"
    return "error: nothing to build: the specs have no `build` block"


def _as_json(checked: "Checked", outcomes: Sequence[Outcome]) -> Mapping[str, "JsonValue"]:
    """Returns the object that `--json` prints; docs/cli.md documents it."""
    import json

    from taskc.dsl.report import render

    found = [*checked.diagnostics, *(d for o in outcomes for d in o.built.diagnostics)]
    report_ = json.loads(render(found, checked.program.texts, style="json", color=False))
    return {
        "version": 1,
        "builds": [_build_json(outcome) for outcome in outcomes],
        "diagnostics": report_["diagnostics"],
    }


def _status(built: "Built") -> str:
    if built.path is None:
        return "failed"
    return "unchanged" if built.is_unchanged else "built"


def _build_json(outcome: Outcome) -> "JsonValue":
    plan, built = outcome.plan, outcome.built
    head: dict[str, JsonValue] = {
        "package": plan.package,
        "name": plan.name,
        "variant": plan.variant,
        "status": _status(built),
        "path": None if built.path is None else str(built.path),
        "elapsed_s": round(outcome.elapsed_s, 3),
        "sample": plan.sample,
        "work": asdict(built.work),
        "changes": [str(change) for change in built.changes],
    }
    if built.path is not None:
        head |= summary.as_json(plan, *_documents(built))
    return head
