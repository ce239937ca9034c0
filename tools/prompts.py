"""Writes a page on which every prompt of a package stands with a real row, for a person to read.

In: a folder of specs, parameters. Out: `artifacts/prompts.md`, or the file of `--out`: each
template that serves a source of a build, its prompts filled in. The rows are somebody's, so the
page is never committed. 0.1 s a template, more where `limit` or `carve` choose among all rows.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from taskc.api import lower_sound
from taskc.checking import check
from taskc.compiler import plan
from taskc.compiler.store.objects import Store
from taskc.compiler.store.project import opened_store
from taskc.rendering import Rendered
from taskc.showing import NotShownError, Wanted, show

ROOT = Path(__file__).parents[1]
MAX_ROWS = 40  # how far to look for rows that the prompts of a template apply to
MAX_CHARS = 4_000  # of one text


def page(folder: Path, params: Mapping[str, str]) -> str:
    """Returns the page; a prompt without a row is on it as well, and says so.

    Raises:
        ValueError: If the specs have an error.
    """
    checked = check([str(folder)], params=dict(params))
    if checked.has_errors:
        raise ValueError(f"`taskc check {folder}` finds errors")
    lowered = lower_sound(checked)
    lines = [
        f"# Prompts of {folder.name}",
        "",
        "Each with a real row; a target follows `->`.",
    ]
    with opened_store([str(folder)]) as store:
        for template, source in _served(lowered):
            lines += ["", f"## {template.name}, for {source.name}"]
            found = _examples(lowered, template, source, store)
            for prompt in template.prompts:
                lines += ["", f"### {prompt.label} ({prompt.kind})", "", *found[prompt.label]]
    return "\n".join(lines) + "\n"


def _served(lowered: plan.Plan) -> Iterator[tuple[plan.Template, plan.Source]]:
    """Each template with the first source that it serves."""
    seen = set()
    for build in lowered.builds:
        for template in build.templates:
            for source in build.sources:
                if source.name in template.sources and template.name not in seen:
                    seen.add(template.name)
                    yield template, source


def _examples(
    lowered: plan.Plan, template: plan.Template, source: plan.Source, store: Store
) -> dict[str, list[str]]:
    """For each prompt of a template the first row that gives an example."""
    found: dict[str, list[str]] = {}
    for row in range(1, MAX_ROWS + 1):
        wanted = Wanted(
            template=template.name,
            source=source.name,
            split=source.splits[0],
            row=row,
            row_id="",
        )
        try:
            shown, _ = show(lowered, wanted, lambda: store)
        except NotShownError:  # a clause drops the row
            continue
        for _, each in shown.prompts if shown is not None else ():
            found.setdefault(each.label.partition(".")[2], _turns(each))
        if len(found) == len(template.prompts):
            break
    return {each.label: found.get(each.label, ["No row was found."]) for each in template.prompts}


def _turns(rendered: Rendered) -> list[str]:
    lines = []
    for turn in rendered.turns:
        text = turn.text if len(turn.text) <= MAX_CHARS else turn.text[:MAX_CHARS] + " [...]"
        lines += ["->"] if turn.trained else []
        lines += ["````text", text, "````"]
    return lines


def main() -> int:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder of specs")
    parser.add_argument("--out", type=Path, default=ROOT / "artifacts" / "prompts.md")
    parser.add_argument(
        "--set", metavar="NAME=VALUE", dest="params", action="append", default=[], help="may repeat"
    )
    options = parser.parse_args()
    params = {name: value for name, _, value in (each.partition("=") for each in options.params)}
    text = page(options.folder, params)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text, encoding="utf-8")
    num_prompts = text.count("\n### ")
    print(f"{options.out}: {num_prompts} prompts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
