"""Connectors of other packages: what they give is written down as JSON Lines, and read from there.

In: the name of a connector, a path, options, a split. Out: a file of this process's own, gone when
it ends. A package offers a connector as an entry point of the group `taskc.connectors`: a function
`rows(path, *, split, **options)` that yields a mapping for each row (docs/connectors.md). It is
called once a build for each split, and its rows are then what any file's are.
"""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from hashlib import blake2b
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from weakref import WeakKeyDictionary

import orjson

from taskc.compiler import plan
from taskc.compiler.keys import canonical
from taskc.compiler.rows.connect.files import FileProblemError, InputFile
from taskc.compiler.rows.findings import Findings
from taskc.compiler.store.objects import Store
from taskc.dsl.spelling import did_you_mean

__all__ = ["GROUP", "plugin_files"]

GROUP = "taskc.connectors"
_MAX_NOTE_CHARS = 200

Rows = Callable[..., Iterable[Mapping[str, object]]]

# What was written in a build, which has a store of its own: who asks again gets the same rows.
_written: "WeakKeyDictionary[Store, dict[str, InputFile]]" = WeakKeyDictionary()


def plugin_files(
    connector: plan.Connector, split: str, findings: Findings, store: Store | None
) -> list[InputFile]:
    """Returns the one file with the rows of a split; where there is none, that is reported.

    Args:
        connector: Of the kind `plugin`.
        split: A split of the source.
        findings: Told what is wrong.
        store: The build's own: within it a connector is called once for each split.
    """
    written = {} if store is None else _written.setdefault(store, {})
    path, name = connector.patterns[split], connector.names.get(split, split)
    options = {key: value for key, value in connector.options.items() if value is not None}
    key = blake2b(orjson.dumps([path, name, sorted(options.items())])).hexdigest()
    if key not in written:
        plugin = str(options.pop("connector"))
        try:
            place = _folder() / f"{key[:32]}.jsonl"
            _write(place, plugin, _rows_of(plugin), path, split=name, options=options)
        except FileProblemError as problem:
            findings.report(
                problem.code,
                problem.message[:100],
                at=connector.at,
                label="read from here",
                notes=problem.notes,
                helps=problem.helps,
            )
            return []
        shown = Path(path).name if connector.roots.get(split) else path
        written[key] = InputFile(str(place), f"{plugin}/{shown}/{name}")
    return [written[key]]


@cache
def _folder() -> Path:
    """Where this process writes rows."""
    folder = Path(tempfile.mkdtemp(prefix="taskc-rows-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _rows_of(name: str) -> Rows:
    """The function of a connector.

    Raises:
        FileProblemError: No package offers it, or its package can't be imported.
    """
    offered: dict[str, EntryPoint] = {each.name: each for each in entry_points(group=GROUP)}
    if name not in offered:
        near = did_you_mean(name, offered)
        listed = ", ".join(f"`{each}`" for each in sorted(offered)) or "none"
        raise FileProblemError(
            "T0545",
            f"no installed package has a connector `{name}`",
            notes=(f"connectors of packages: {listed}",),
            helps=(f"did you mean `{near[0]}`?",) if near else ("install the package that has it",),
        )
    try:
        loaded: Rows = offered[name].load()
    except Exception as error:  # whatever a package does when it is imported
        raise _failed(name, error) from error
    return loaded


def _write(
    place: Path,
    plugin: str,
    rows: Rows,
    path: str,
    *,
    split: str,
    options: Mapping[str, object],
) -> None:
    """Writes the rows of a split, a line each.

    Raises:
        FileProblemError: The connector fails, or gives something that is no row.
    """
    num_rows = 0
    with place.open("wb") as opened:
        try:
            for row in rows(path, split=split, **options):
                values = dict(row)
                # Raises for what no row may hold, which JSON has other words for: nan, dates.
                canonical(values)
                opened.write(orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE))
                num_rows += 1
        except Exception as error:  # another package's code
            raise _failed(plugin, error, num_rows) from error


def _failed(plugin: str, error: Exception, num_rows: int = 0) -> FileProblemError:
    after = f" after row {num_rows}" if num_rows else ""
    said = str(error).splitlines()
    words = f"{type(error).__name__}: {said[0] if said else 'without a word'}"
    return FileProblemError(
        "T1031",
        f"the connector `{plugin}` failed{after}",
        notes=(words[:_MAX_NOTE_CHARS].rstrip("."),),
    )
