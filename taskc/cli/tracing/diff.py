"""`taskc diff A B`: which examples of two artefacts differ, and why.

In: two artefacts. Out: counts by split and source, groups of examples that differ in one way with
the components of the build that can be why, and some examples of each. The status is 2 where they
differ.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from taskc.cli import arguments, console
from taskc.cli.exits import Exit

if TYPE_CHECKING:
    from taskc.runtime.reader import Artifact
    from taskc.tracing.diff import Changed, Difference, Group, Side

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "Say which examples of two artefacts differ, and why"

_LIMIT = 3
_HEAD = ("split", "source", "in A", "in B", "came", "went", "moved", "changed")
_WORDS = {
    "came": "came",
    "went": "went",
    "moved": "moved",
    "prompt": "drew another prompt",
    "exemplars": "have other exemplars before them",
    "tokens": "have other tokens",
    "trained": "have other tokens trained",
    "answers": "have other options or references",
    "order": "the same examples stand in another order or in other sequences",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc diff`."""
    for name in ("a", "b"):
        parser.add_argument(
            name, metavar=name.upper(), type=arguments.path, help="the folder of an artefact"
        )
    parser.add_argument(
        "--limit",
        metavar="N",
        type=_count,
        default=_LIMIT,
        help=f"how many examples of each group are shown (default: {_LIMIT})",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def _count(text: str) -> int:
    return 0 if text == "0" else arguments.positive(text)


def run(options: argparse.Namespace) -> int:
    """Compares; 2 where the content differs."""
    import taskc
    from taskc.tracing.diff import diff

    a, b = (taskc.open(path, verify=False) for path in (options.a, options.b))
    found = diff(a, b, limit=options.limit)
    if options.json:
        console.emit_json(_as_json(options, a, b, found))
    else:
        color = console.shows_color(sys.stdout)
        console.emit("\n".join(_lines(found, color=color)))
    return Exit.CHANGES if found.groups else Exit.OK


# ---- for people ----------------------------------------------------------------------------------


def _lines(found: "Difference", *, color: bool) -> Iterator[str]:
    if not found.groups:
        yield "the same content"
    if found.counts:
        yield console.table([_HEAD, *_rows(found)], num_left=2)
    for group in found.groups:
        yield ""
        yield console.paint(_head(group), "bold", color=color)
        yield f"  {_because(group, found)}"
        for example in group.examples:
            yield f"  {_example(example)}"
    yield from _components(found)


def _rows(found: "Difference") -> Iterator[tuple[str, ...]]:
    """Yields the cells of each split and source."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for group in found.groups:
        kind = group.kind if group.kind in {"came", "went", "moved"} else "changed"
        counted[group.split, group.source, kind] += group.count
    for (split, source), (in_a, in_b) in found.counts.items():
        kinds = (counted[split, source, kind] for kind in ("came", "went", "moved", "changed"))
        yield split, source, f"{in_a:,}", f"{in_b:,}", *(f"{count:,}" for count in kinds)


def _head(group: "Group") -> str:
    if group.kind == "order":
        return _WORDS["order"]
    noun = "row" if group.kind == "moved" else "example"
    count = f"{group.count:,} {noun}{'' if group.count == 1 else 's'}"
    words = _WORDS[group.kind]
    if group.count == 1:
        words = words.replace("have ", "has ")
    where = f"{group.source}, {group.split}" + (f" to {group.to}" if group.to else "")
    prompt = f", {group.prompt}" if group.prompt else ""
    return f"{where}{prompt}: {count} {words}"


def _because(group: "Group", found: "Difference") -> str:
    if found.components is None:
        return "one of the artefacts does not say what it was made from"
    what = dict(found.components)
    named = [f"{name} {_what(what[name])}" for name in group.because]
    match named:
        case []:
            return "nothing that changed says why"
        case [one]:
            return f"because {one}"
        case _:
            return "because of one or more: " + "; ".join(named)


def _what(what: str) -> str:
    return {"new": "is new", "gone": "is gone"}.get(what, what)


def _example(example: "Changed") -> str:
    times = f", repetition {example.repetition}" if example.repetition else ""
    sides = [_side(side) for side in (example.a, example.b)]
    prompts = {side.prompt for side in (example.a, example.b) if side is not None}
    said = " -> ".join(filter(None, sides))
    if len(prompts) == 1:
        (prompt,) = prompts
        said = f"{prompt}  {said.replace(f'{prompt} ', '')}"
    return f"{example.file}:{example.row}{times}  {said}"


def _side(side: "Side | None") -> str:
    return "" if side is None else f"{side.prompt} {side.at}, {side.tokens:,} tokens"


def _components(found: "Difference") -> Iterator[str]:
    """Yields what differs of what the artefacts were made from, and explains nothing above."""
    from taskc.tracing.because import follows

    changed = dict(found.components or [])
    named = {name for group in found.groups for name in group.because}
    rest = [
        f"  {name} {_what(what)}"
        for name, what in changed.items()
        if name not in named and not follows(name, what, changed)
    ]
    if rest:
        yield ""
        yield "changed besides:" if named else "changed in what they were made from:"
        yield from rest


# ---- for programs --------------------------------------------------------------------------------


def _as_json(
    options: argparse.Namespace, a: "Artifact", b: "Artifact", found: "Difference"
) -> dict[str, object]:
    """Returns the object that `--json` prints; docs/cli.md documents it."""
    return {
        "version": 1,
        "a": {"path": options.a, "content_digest": a.manifest.content_digest},
        "b": {"path": options.b, "content_digest": b.manifest.content_digest},
        "same": not found.groups,
        "counts": [
            {"split": split, "source": source, "a": in_a, "b": in_b}
            for (split, source), (in_a, in_b) in found.counts.items()
        ],
        "groups": [asdict(group) for group in found.groups],
        "components": None
        if found.components is None
        else [{"name": name, "what": what} for name, what in found.components],
    }
