"""`taskc plan PATH...`: what each build will deliver and do, on one screen, before it is done.

In: folders or `.task` files. Out: figures by source, what comes from the store and what will be
made, and which part of the spec or of its inputs changed, with its place. Status 0: there is
nothing to do; 2: something would be built. `--out FILE` keeps the plan: `taskc build FILE` makes
exactly that, or refuses.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from taskc.cli import arguments, build, console
from taskc.cli.exits import Exit
from taskc.cli.progress import Progress

if TYPE_CHECKING:
    from pydantic import JsonValue

    from taskc.compiler.outlook import Outlook, SourceOutlook
    from taskc.compiler.plan import BuildPlan
    from taskc.dsl.checker import Checked

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "Show what a build will deliver and do, and why"

_HEAD = ("source", "rows", "left", "share", "examples", "repeats", "tokens", "trained", "cut")
_MAX_CHANGES = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc plan`."""
    arguments.add_spec_arguments(parser)
    build.add_choice_arguments(parser)
    build.add_engine_arguments(parser)
    parser.add_argument(
        "--artifacts",
        metavar="DIR",
        type=arguments.path,
        default="artifacts",
        help="the folder of artefacts (default: artifacts)",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help="keep the plan: `taskc build FILE` makes exactly it, or refuses",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace) -> int:
    """Plans; 0 nothing to do, 1 the specs or inputs have an error, 2 something would be built."""
    from taskc.dsl.errors import has_errors

    checked, plans = build.planned(options)
    if has_errors(checked.diagnostics):
        return Exit.ERRORS
    if not plans:
        console.say(build.nothing_to_build(checked, options.only))
        return Exit.ERRORS
    found = _outlooks(plans, checked, options)
    if options.json:
        console.emit_json({"version": 1, "builds": [_as_json(each) for each in found]})
    if any(has_errors(each.diagnostics) for each in found):
        return Exit.ERRORS
    if options.out is not None:
        _keep(options.out, found)
    return Exit.OK if all(each.is_unchanged for each in found) else Exit.CHANGES


def _outlooks(
    plans: "Sequence[BuildPlan]", checked: "Checked", options: argparse.Namespace
) -> "list[Outlook]":
    """Looks ahead at each build, and shows it as soon as it is known."""
    from functools import partial

    from taskc.compiler.engines.process import prepare_driver

    prepare_driver("taskc.compiler.outlook")
    from taskc.compiler.build import Means
    from taskc.compiler.outlook import outlook
    from taskc.compiler.store.project import opened_store

    found = []
    url = console.chosen_store(options.store)
    workers = build.workers_of(options)
    with (
        Progress() as progress,
        opened_store(options.paths, url=url, has_fallback=workers.is_local) as store,
        workers.started() as engine,
    ):
        for plan in plans:
            means = Means(engine, store, partial(progress.add, plan.title))
            with store.in_use():
                each = outlook(plan, means, out=options.artifacts)
            each.diagnostics += store.take_findings()
            progress.clear()
            build.report(each.diagnostics, checked)
            if not options.json and each.sources:
                console.emit("\n".join(_lines(each)) + "\n")
            found.append(each)
    return found


def _keep(path: Path, found: "Sequence[Outlook]") -> None:
    """Writes the plan file."""
    from taskc.compiler.planned import dump

    path.write_bytes(dump([(each.plan, each.record) for each in found if each.record is not None]))


# ---- for people ----------------------------------------------------------------------------------


def _lines(found: "Outlook") -> Iterator[str]:
    plan = found.plan
    yield f"{plan.package}/{plan.title}  {found.place.path}  {_state(found)}"
    shown = found.changes[:_MAX_CHANGES] if found.is_there else []
    for change in shown:
        yield f"  {change}"
    if len(shown) < len(found.changes) and found.is_there:
        yield f"  and {len(found.changes) - len(shown)} more"
    yield ""
    rows = [_HEAD, *map(_cells, found.sources)]
    yield console.table(rows)
    yield ""
    is_sampled = any(source.is_sampled for source in found.sources)
    tokens = sum(source.tokens for source in found.sources)
    trained = sum(source.trained_tokens for source in found.sources)
    about = "about " if is_sampled else ""
    yield (
        f"  train: {about}{tokens:,} tokens, {trained:,} of them trained, "
        f"fill about {100 * found.fill:.1f} %"
    )
    if is_sampled:
        yield "  ~ reckoned from a sample of each source; the store does not have it all yet"
    yield f"  will run: {_work(found)}"


def _state(found: "Outlook") -> str:
    if found.is_unchanged:
        return "nothing to do"
    return "to be built again" if found.is_there else "to be built"


def _cells(source: "SourceOutlook") -> tuple[str, ...]:
    sign = "~" if source.is_sampled else ""
    return (
        source.name,
        f"{source.rows_read:,}",
        f"{source.rows_left:,}",
        f"{100 * source.share:.2f} %",
        f"{source.examples:,}",
        f"{source.repeats:,}",
        f"{sign}{source.tokens:,}",
        f"{sign}{source.trained_tokens:,}",
        f"{sign}{100 * source.truncated:.1f} %",
    )


def _work(found: "Outlook") -> str:
    if found.is_unchanged:
        return "nothing"
    known = sum(source.num_known for source in found.sources)
    missing = sum(source.num_missing for source in found.sources)
    words = [f"train: encode {missing:,}, {known:,} from the store"]
    words += [
        f"{split}: encode {lacking:,}, {there:,} from the store"
        for split, (there, lacking) in found.splits.items()
    ]
    return "; ".join([*words, "order, pack, write"])


# ---- for programs --------------------------------------------------------------------------------


def _as_json(found: "Outlook") -> "Mapping[str, JsonValue]":
    from dataclasses import asdict

    return {
        "package": found.plan.package,
        "name": found.plan.name,
        "variant": found.plan.variant,
        "path": str(found.place.path),
        "status": "unchanged" if found.is_unchanged else "to build",
        "changes": [
            {"component": each.name, "what": each.what, "at": str(each.at) if each.at else None}
            for each in found.changes
        ],
        "sources": [asdict(each) for each in found.sources],
        "splits": {
            split: {"from_store": there, "to_encode": lacking}
            for split, (there, lacking) in found.splits.items()
        },
        "fill": round(found.fill, 6),
        "ranges_read": found.num_ranges_surveyed,
        "ranges_known": found.num_ranges_known,
    }
