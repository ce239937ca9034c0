"""`taskc test PATH... [--update]`: the golden renderings of the specs.

In: folders or `.task` files. Out: a line a test, a diff where one fails; 1 where one does. With
`--update` the tests are made to say what their prompts give now: read what changed.
"""

import argparse
import sys
from typing import TYPE_CHECKING

from taskc.cli import console
from taskc.cli.arguments import add_spec_arguments
from taskc.cli.specs.findings import report_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskc.dsl.text.source_text import SourceText
    from taskc.golden import Outcome

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "Compare the specs' golden renderings"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc test`."""
    add_spec_arguments(parser)
    parser.add_argument(
        "--update", action="store_true", help="write what the prompts give now into the tests"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace) -> int:
    """Runs every test; 1 where the specs have an error or a test fails."""
    from taskc.checking import check
    from taskc.golden import outcomes

    checked = check(options.paths, params=dict(options.params))
    if checked.has_errors:
        report_errors(checked)
    found = list(outcomes(checked.program))
    failed = [each for each in found if each.differences]
    if options.update:
        texts = checked.program.texts
        failed = [each for each in failed if each.rendering is None]
        _update([each for each in found if each.differences and each.rendering], texts)
    if options.json:
        console.emit_json(_as_json(found, failed))
    else:
        console.emit(_as_text(found, failed, color=console.shows_color(sys.stdout)))
    return 1 if failed or checked.has_errors else 0


def _update(changed: "Sequence[Outcome]", texts: "dict[str, SourceText]") -> None:
    """Writes the renderings into the files, each file in one step."""
    from taskc.fixing import apply, write
    from taskc.golden import updates

    for path in sorted({each.test.span.path for each in changed}):
        source = texts[path]
        edits = [e for o in changed if o.test.span.path == path for e in updates(o, source)]
        write(source, apply(source, edits))
        console.say(f"updated {path}")


def _as_json(found: "Sequence[Outcome]", failed: "Sequence[Outcome]") -> dict[str, object]:
    return {
        "version": 1,
        "passed": len(found) - len(failed),
        "failed": len(failed),
        "tests": [
            {
                "package": each.package,
                "test": each.test.name,
                "path": each.test.span.path,
                "passed": not any(each is other for other in failed),
                "input": each.rendering.input if each.rendering else None,
                "target": each.rendering.target if each.rendering else None,
                "problem": each.problem,
            }
            for each in found
        ],
    }


def _as_text(found: "Sequence[Outcome]", failed: "Sequence[Outcome]", *, color: bool) -> str:
    lines = []
    for each in found:
        is_wrong = any(each is other for other in failed)
        word = console.paint("failed", "red", color=color) if is_wrong else "ok"
        lines.append(f"{each.package} {each.test.name} ... {word}")
        lines += [f"  {line}" for text in each.differences if is_wrong for line in text.split("\n")]
    lines.append(f"{len(found) - len(failed)} passed, {len(failed)} failed")
    return "\n".join(lines)
