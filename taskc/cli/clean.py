"""`taskc clean`: the store loses what nobody has used for long.

In: a store, and how large or how old what it keeps may be. Out: what went and what is left. Nothing
that goes is lost: the build that needs it makes it again.
"""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from taskc.cli import arguments, console
from taskc.cli.exits import Exit

if TYPE_CHECKING:
    from taskc.compiler.store.clean import Amount, Cleaned
    from taskc.compiler.store.objects import Store

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "Remove from the store what was not used for long"

_DEFAULT_UNUSED_S = 30 * 86_400.0
_UNITS_BYTES = {
    "": 1,
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_UNITS_S = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc clean`."""
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="*",
        help="specs whose project's store is meant (default: of the folder that you are in)",
    )
    arguments.add_store_argument(parser)
    parser.add_argument(
        "--max-size",
        metavar="SIZE",
        type=_size_bytes,
        help="remove what was used least recently until the rest fits: 500MB, 20GB",
    )
    parser.add_argument(
        "--unused-for",
        metavar="TIME",
        type=_seconds,
        help="remove what was not used for so long: 12h, 30d, 8w "
        "(default: 30d, where --max-size is not given)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="remove nothing; status 2 if something would go"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace) -> int:
    """Cleans; 1 where there is no store, 2 where a dry run finds something."""
    from taskc.compiler.store.clean import clean

    store = _store(options)
    if "://" not in store.url and not Path(store.url).is_dir():
        console.say(
            f"error: there is no store in `{store.url}`\nhelp: name its specs, or it with --store"
        )
        return Exit.ERRORS
    unused_s: float | None = options.unused_for
    if unused_s is None and options.max_size is None:
        unused_s = _DEFAULT_UNUSED_S
    cleaned = clean(
        store, max_bytes=options.max_size, max_unused_s=unused_s, is_dry_run=options.dry_run
    )
    if options.json:
        console.emit_json(_as_json(store, cleaned, is_dry_run=options.dry_run))
    else:
        console.emit(_as_text(store, cleaned, is_dry_run=options.dry_run))
    return Exit.CHANGES if options.dry_run and cleaned.removed.num_objects else Exit.OK


def _store(options: argparse.Namespace) -> "Store":
    from taskc.compiler.store.objects import Store
    from taskc.compiler.store.project import store_folder

    return Store.open(console.chosen_store(options.store) or store_folder(options.paths))


def _as_text(store: "Store", cleaned: "Cleaned", *, is_dry_run: bool) -> str:
    verb, rest = ("would remove", "would be left") if is_dry_run else ("removed", "left")
    lines = [f"{store.url}: {verb} {_amount(cleaned.removed)}; {rest}: {_amount(cleaned.left)}"]
    if cleaned.num_in_use:
        lines.append(f"kept {_several(cleaned.num_in_use, 'object')} that a running build uses")
    if cleaned.num_abandoned:
        files = _several(cleaned.num_abandoned, "file")
        lines.append(f"removed {files} that a killed build left half written")
    return "\n".join(lines)


def _as_json(store: "Store", cleaned: "Cleaned", *, is_dry_run: bool) -> dict[str, object]:
    """Returns the object that `--json` prints; docs/cli.md documents it."""
    return {
        "version": 1,
        "store": store.url,
        "dry_run": is_dry_run,
        "removed": _amount_json(cleaned.removed),
        "left": _amount_json(cleaned.left),
        "in_use": cleaned.num_in_use,
        "abandoned": cleaned.num_abandoned,
    }


def _amount_json(amount: "Amount") -> dict[str, int]:
    return {"objects": amount.num_objects, "bytes": amount.size_bytes}


def _amount(amount: "Amount") -> str:
    return f"{_several(amount.num_objects, 'object')}, {_size(amount.size_bytes)}"


def _several(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _size(size_bytes: int) -> str:
    """A size in the largest unit that leaves a whole number before the point."""
    for unit in ("TB", "GB", "MB", "kB"):
        if size_bytes >= _UNITS_BYTES[unit]:
            return f"{size_bytes / _UNITS_BYTES[unit]:.1f} {unit}"
    return f"{size_bytes} bytes"


def _size_bytes(text: str) -> int:
    number, unit = _parts(text, "a size such as 500MB or 20GB")
    known = {name.lower(): factor for name, factor in _UNITS_BYTES.items()}
    if unit.lower() not in known:
        units = ", ".join(filter(None, _UNITS_BYTES))
        raise argparse.ArgumentTypeError(f"unknown unit in {text!r}; there are: {units}")
    return int(number * known[unit.lower()])


def _seconds(text: str) -> float:
    number, unit = _parts(text, "a time such as 12h or 30d")
    if unit not in _UNITS_S:
        raise argparse.ArgumentTypeError(
            f"unknown unit in {text!r}; there are m (minutes), h, d and w"
        )
    return number * _UNITS_S[unit]


def _parts(text: str, expected: str) -> tuple[float, str]:
    found = _QUANTITY.fullmatch(text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"expected {expected}, found {text!r}")
    return float(found[1]), found[2]
