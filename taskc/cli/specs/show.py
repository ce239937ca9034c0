"""`taskc show SPEC TEMPLATE[.LABEL]`: a real row as a template phrases it and a build encodes it.

In: a spec, a template, and which row. Out: the row's fields, then each prompt: its text with the
trained tokens marked, the options as shown, the token ids (trained ones in brackets). It is how
templates are written: change a word, look again.
"""

import argparse
import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from taskc.cli import console
from taskc.cli.arguments import add_set_argument, path, positive
from taskc.cli.specs.findings import report_errors

if TYPE_CHECKING:
    from taskc.rendering import Rendered
    from taskc.showing import Shown

__all__ = ["SUMMARY", "add_arguments", "run"]

_MAX_CHARS = 80  # of a field

SUMMARY = "Show a real row as a template phrases it and a build encodes it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc show`."""
    parser.add_argument(
        "spec", metavar="SPEC", type=path, help="a folder of specs, or a .task file"
    )
    parser.add_argument(
        "template", metavar="TEMPLATE[.LABEL]", help="a template, or one of its prompts"
    )
    parser.add_argument("--source", metavar="S", default="", help="which source (default: first)")
    parser.add_argument(
        "--split", metavar="S", default="train", help="which split (default: train)"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--row", metavar="N", type=positive, default=1, help="row of the split's first file, from 1"
    )
    which.add_argument("--id", metavar="X", default="", help="the start of a row id (hexadecimal)")
    add_set_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace) -> int:
    """Shows the row; 1 where the spec or the row has an error, or there is no such row."""
    from taskc.checking import check

    checked = check([options.spec], params=dict(options.params))
    if checked.has_errors:
        report_errors(checked)
        return 1
    from taskc.api import lower_sound
    from taskc.compiler.store.project import opened_store
    from taskc.showing import NotShownError, Wanted, show

    wanted = Wanted(
        template=options.template,
        source=options.source,
        split=options.split,
        row=options.row,
        row_id=options.id,
    )
    try:
        with ExitStack() as stack:
            store = opened_store([options.spec], url=console.chosen_store(None))
            shown, found = show(lower_sound(checked), wanted, lambda: stack.enter_context(store))
    except NotShownError as error:
        console.say(f"error: {error}")
        return 1
    if shown is None:
        report_errors(replace(checked, diagnostics=tuple(found)))
        return 1
    if options.json:
        console.emit_json(_as_json(shown))
    else:
        console.emit(_as_text(shown, color=console.shows_color(sys.stdout)))
    return 0


def _as_json(shown: "Shown") -> dict[str, object]:
    return {
        "version": 1,
        "source": shown.source,
        "split": shown.split,
        "file": shown.file,
        "row": shown.row,
        "row_id": shown.row_id,
        "values": shown.values,
        "drawn": shown.drawn,
        "prompts": [
            {
                "label": each.label,
                "at": str(at),
                "turns": [
                    {"role": turn.role, "text": turn.text, "trained": turn.trained}
                    for turn in each.turns
                ],
                "options": list(each.options),
                "input_ids": list(each.ids),
                "mask": [int(trained) for trained in each.mask],
            }
            for at, each in shown.prompts
        ],
        "dropped": [{"label": label, "reason": reason} for label, reason in shown.drops],
    }


def _as_text(shown: "Shown", *, color: bool) -> str:
    lines = [
        f"{shown.source} {shown.split}  {shown.file}:{shown.row}  id {shown.row_id}",
        console.table([[name, _value(value)] for name, value in shown.values.items()], num_left=2),
    ]
    for at, each in shown.prompts:
        trained = sum(each.mask)
        drawn = ", drawn by a build" if each.label == shown.drawn else ""
        header = f"--- {each.label}  {at}  {len(each.ids)} tokens, {trained} trained{drawn}"
        lines += ["", console.paint(header, "cyan", color=color)]
        for turn in each.turns:
            text = console.paint(turn.text, "green", color=color) if turn.trained else turn.text
            marked = f"⟦{turn.text}⟧" if turn.trained and not color else text
            lines.append(f"{console.paint(f'[{turn.role}]', 'dim', color=color)} {marked}")
        if each.options:
            lines.append(
                console.paint(f"  options: {' | '.join(each.options)}", "dim", color=color)
            )
        lines.append(console.paint(f"  ids: {_ids(each)}", "dim", color=color))
    lines += ["", *(f"--- {label}: no example, {reason}" for label, reason in shown.drops)]
    return "\n".join(lines).rstrip()


def _value(value: object) -> str:
    """A field on one line, shortened."""
    text = " ".join(str(value).split())
    return text if len(text) <= _MAX_CHARS else f"{text[: _MAX_CHARS - 1]}…"


def _ids(rendered: "Rendered") -> str:
    """Ids in order, those that are trained in brackets."""
    words = []
    for position, (token, trained) in enumerate(zip(rendered.ids, rendered.mask, strict=True)):
        opens = trained and (position == 0 or not rendered.mask[position - 1])
        closes = trained and (position + 1 == len(rendered.mask) or not rendered.mask[position + 1])
        words.append(f"{'[' if opens else ''}{token}{']' if closes else ''}")
    return " ".join(words)
