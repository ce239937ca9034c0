"""`taskc blame ARTIFACT SPLIT:SEQUENCE:TOKEN`: what gave a token of an artefact.

In: an artefact, a token by its place, and the specs that it was built from. Out: its example's row
and prompt, and which words of the prompt or of the row the token is.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from taskc.cli import arguments, console
from taskc.cli.exits import Exit

if TYPE_CHECKING:
    from taskc.compiler.plan import BuildPlan
    from taskc.compiler.store.objects import Store
    from taskc.dsl.checker import Checked
    from taskc.runtime.reader import Artifact
    from taskc.tracing.blame import Blamed, Specs
    from taskc.tracing.written import Origin

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "Say where a token came from: its row, its prompt, and which words of either"

_CONTEXT_CHARS = 40  # on each side of the token
_PLACES = {
    "bos": "before the first",
    "text": "in",
    "separator": "behind",
    "end": "at the end of",
    "template": "around",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc blame`."""
    parser.add_argument(
        "artifact",
        metavar="ARTIFACT",
        type=arguments.path,
        help="the folder that holds manifest.json",
    )
    parser.add_argument(
        "token",
        metavar="SPLIT:SEQUENCE:TOKEN",
        type=_token,
        help="which token, as `taskc why` and `taskc inspect` count, from 0; "
        "in an evaluation split the second is a row of its table",
    )
    parser.add_argument(
        "--specs",
        metavar="PATH",
        nargs="+",
        type=arguments.path,
        default=["."],
        help="the specs it was built from (default: the current folder)",
    )
    arguments.add_set_argument(parser)
    arguments.add_store_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def _token(text: str) -> tuple[str, int, int]:
    """Reads SPLIT:SEQUENCE:TOKEN."""
    rest, _, token = text.rpartition(":")
    split, _, number = rest.rpartition(":")
    if not (split and number.isdecimal() and token.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected SPLIT:SEQUENCE:TOKEN, found {text!r}")
    return split, int(number), int(token)


def run(options: argparse.Namespace) -> int:
    """Shows the token; 1 where there is none of that name."""
    import taskc
    from taskc.compiler.store.project import opened_store
    from taskc.tracing.blame import Blame, NoSuchTokenError, TokenName

    opened = taskc.open(options.artifact, verify=False)
    checked, plan, lacking = _plan(opened, options)
    url = console.chosen_store(options.store)
    try:
        with opened_store(options.specs, url=url) as store:
            specs = _specs(checked, plan, store)
            found = Blame(opened, specs, lacking=lacking).of(TokenName(*options.token))
    except NoSuchTokenError as error:
        console.say(f"error: {error}")
        return Exit.ERRORS
    _say_what_changed(found)
    if options.json:
        console.emit_json(_as_json(found))
    else:
        console.emit("\n".join(_lines(found, color=console.shows_color(sys.stdout))))
    return Exit.OK


def _plan(
    opened: "Artifact", options: argparse.Namespace
) -> "tuple[Checked, BuildPlan | None, str]":
    """The specs, the plan of the artefact's build, and why there is none."""
    from taskc.api import lower_sound
    from taskc.checking import check

    checked = check(options.specs, params=dict(options.params))
    manifest = opened.manifest
    for build in lower_sound(checked).builds:
        if (build.package, build.name) == (manifest.package, manifest.build):
            return checked, build, ""
    paths = ", ".join(f"`{path}`" for path in options.specs)
    errors = ", which have errors: `taskc check` shows them" if checked.has_errors else ""
    return checked, None, f"no build {manifest.package}/{manifest.build} in {paths}{errors}"


def _specs(checked: "Checked", plan: "BuildPlan | None", store: "Store") -> "Specs | None":
    from taskc.tracing.blame import Specs

    return None if plan is None else Specs(checked, plan, store)


def _say_what_changed(found: "Blamed") -> None:
    """Says on stderr what is not as it was built, and what follows."""
    if found.reason:
        console.say(f"only provenance is shown: {found.reason}")
        console.say("help: name the specs that it was built from with --specs and --set")
    elif found.changes:
        console.say("changed since it was built, but not what this example is made from:")
        for change in found.changes:
            console.say(f"  {change}")


# ---- for people ----------------------------------------------------------------------------------


def _lines(found: "Blamed", *, color: bool) -> Iterator[str]:
    name, example = found.name, found.example
    asked = "trained" if name.split == "train" else "asked for"
    state = asked if found.is_trained else f"not {asked}"
    head = f"{name.split}:{name.number}:{name.token}  {found.text!r}  id {found.token_id}  {state}"
    yield console.paint(head, "bold", color=color)
    text = console.paint(found.text, "green", color=color) if color else f"⟦{found.text}⟧"
    before, after = found.before[-_CONTEXT_CHARS:], found.after[:_CONTEXT_CHARS]
    cut = (
        "…" if len(found.before) > _CONTEXT_CHARS else "",
        ("…" if len(found.after) > _CONTEXT_CHARS else ""),
    )
    yield "  " + f"{cut[0]}{before}{text}{after}{cut[1]}".replace("\n", "\\n")
    rows = [
        ("example", f"{example['example']:,}, its token {found.position:,}{_more(example)}"),
        ("row", f"{example['source']} {example['file']}:{example['row']}"),
        ("row id", example["row_id"].hex()),
        ("prompt", f"{example['template']}.{example['label']} {example['at']}"),
    ]
    if found.exemplar is not None:
        row = f"{found.exemplar.file}:{found.exemplar.row}"
        number, count = found.exemplar.number, found.exemplar.count
        rows.append(("exemplar", f"{number} of {count} before it, {row}"))
    if found.slot is not None:
        turn = f"the {found.role}" if found.role else "turn"
        rows.append(("place", f"{_PLACES[found.slot]} {turn}"))
    rows += [(origin.kind, _origin(origin)) for origin in found.origins]
    rows += [("option", _option(origin)) for origin in found.origins if origin.option]
    yield console.table(rows, num_left=2)


def _more(example: "dict[str, object]") -> str:
    parts = [
        f"{name.removesuffix('s')} {example[name]}"
        for name in ("repetition", "part")
        if example.get(name)
    ]
    return "".join(f", {part}" for part in parts)


def _origin(origin: "Origin") -> str:
    from taskc.compiler.rows.findings import shown

    words = [origin.written if origin.kind != "literal" else repr(origin.written)]
    if origin.value and origin.kind != "literal":
        words.append(f"= {shown(origin.value)}, of it {origin.covered!r}")
    return f"{' '.join(words)}  {origin.at}"


def _option(origin: "Origin") -> str:
    option = origin.option
    assert option is not None, "only options are shown"
    return f"{option.number} of {option.count}, {option.text!r}  {option.at}"


# ---- for programs --------------------------------------------------------------------------------


def _as_json(found: "Blamed") -> dict[str, object]:
    """Returns the object that `--json` prints; docs/cli.md documents it."""
    name = found.name
    return {
        "version": 1,
        "split": name.split,
        "sequence": name.number,
        "token": name.token,
        "id": found.token_id,
        "text": found.text,
        "trained": found.is_trained,
        "position": found.position,
        "example": {column: _printable(value) for column, value in found.example.items()},
        "exemplar": None if found.exemplar is None else asdict(found.exemplar),
        "place": found.slot,
        "role": found.role,
        "origins": [asdict(origin) for origin in found.origins],
        "changes": found.changes,
        "reason": found.reason,
    }


def _printable(value: object) -> object:
    """A value of provenance, row ids in hexadecimal."""
    if isinstance(value, list):
        return [_printable(each) for each in value]
    return value.hex() if isinstance(value, bytes) else value
