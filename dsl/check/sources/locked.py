"""The lock, as far as checking goes: what is known of a source's files before they are read.

In: the lock of a package, and its sources. Out: the columns that the files of a source have, with
their types. An entry is taken only for the `from` and the splits that it was made for; one that is
out of date says so and tells nothing. Whether the files are still the same is not asked: that is
`taskc build --locked`.
"""

import posixpath
from collections.abc import Callable, Collection, Iterator, Mapping

from taskc.dsl.check.units import Unit
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.lock.entries import Lock, LockedSource, kept_options
from taskc.dsl.lock.notation import read_type
from taskc.dsl.lock.text import LockTextError, entry_offset, parse
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Name
from taskc.dsl.model.types import Type
from taskc.dsl.text.source_text import SourceText, Span

__all__ = [
    "check_stale",
    "entry_changes",
    "fields_beside",
    "load_lock",
    "locked_columns",
    "locked_source",
    "read_lock",
    "update_help",
]


# ---- the file ------------------------------------------------------------------------------------


def load_lock(unit: Unit, texts: dict[str, SourceText], report: Reporter) -> None:
    """Reads the lock of a package where there is one.

    Args:
        unit: The package.
        texts: Gets the lock's text where something is reported of it.
        report: Takes what is wrong with it.
    """
    found = read_lock(unit.lock_path, unit.read, texts, report)
    if found is not None:
        unit.lock, unit.lock_text = found


def read_lock(
    path: str, read: Callable[[str], bytes], texts: dict[str, SourceText], report: Reporter
) -> tuple[Lock, SourceText] | None:
    """Returns the lock in a file, and its text; None where there is none, or it is reported.

    Args:
        path: The file.
        read: Gives its bytes; raises OSError.
        texts: Gets its text where something is reported of it.
        report: Takes what is wrong with it.
    """
    try:
        content = read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        text = texts[path] = SourceText(path, "")
        _report_unreadable(text, (error.strerror or "not readable").lower(), 0, (), report)
        return None
    text = SourceText(path, content.decode("utf-8-sig", errors="replace"))
    try:
        return parse(content), text
    except LockTextError as error:
        texts[path] = text
        _report_unreadable(text, error.words, error.offset, error.helps, report)
        return None


def _report_unreadable(
    text: SourceText, words: str, offset: int, helps: tuple[str, ...], report: Reporter
) -> None:
    folder = posixpath.dirname(text.path) or "."
    end = min(offset + 1, len(text.text))
    report.report(
        "T0550",
        Span(text.path, min(offset, end), end),
        f"`{text.path}` cannot be read",
        label="not a lock",
        notes=(words,),
        helps=helps or (f"write it again: `taskc lock {folder} --update`",),
    )


def check_stale(unit: Unit, texts: dict[str, SourceText], report: Reporter) -> None:
    """Says which entries of the lock speak of what is not declared any more."""
    if unit.lock is None or unit.lock_text is None or unit.is_lossy or not unit.folder.is_root:
        return
    tables = (
        ("source", "sources", unit.lock.sources),
        ("tokenizer", "tokenizers", unit.lock.tokenizers),
    )
    for kind, table, entries in tables:
        for name in entries:
            declared = unit.shared.get(name)
            if declared is not None and declared.kind == kind:
                continue
            offset = entry_offset(unit.lock_text.text, table, name)
            texts[unit.lock_path] = unit.lock_text
            report.report(
                "T0713",
                Span(unit.lock_path, offset, offset + len(name) + 2),
                f"there is no {kind} `{name}` any more",
                label="locked, but not declared",
                helps=(f"take the entry out: `taskc lock {unit.folder.path} --update {name}`",),
            )


# ---- the entry of a source -----------------------------------------------------------------------


def locked_source(
    name: Name,
    connector: program.Connector | None,
    patterns: Mapping[str, str],
    unit: Unit,
    report: Reporter,
) -> LockedSource | None:
    """The lock's entry of a source; None where there is none, or it was made for something else.

    Args:
        name: The source's name.
        connector: Its connector; None where that is wrong.
        patterns: Split -> its path relative to the data root.
        unit: Its package.
        report: Takes the warning about an entry that is out of date.
    """
    entry = None if unit.lock is None else unit.lock.sources.get(name.text)
    if entry is None or connector is None:
        return None
    changes = list(entry_changes(entry, connector, patterns))
    if not changes:
        return entry
    report.report(
        "T0551",
        name.span,
        f"the lock of source `{name.text}` is out of date",
        label="has changed since it was locked",
        notes=(*changes, f"`{unit.lock_path}` tells nothing of it until it is locked again"),
        helps=(update_help(name, unit),),
    )
    return None


def entry_changes(
    entry: LockedSource, connector: program.Connector, patterns: Mapping[str, str]
) -> Iterator[str]:
    """What an entry was made for and the spec does not say any more, a line each.

    Args:
        entry: The lock's entry of a source.
        connector: The source's connector.
        patterns: Split -> its path relative to the data root.
    """
    if entry.connector != connector.kind:
        yield f"it was locked as `{entry.connector}`"
        return
    options = kept_options(connector.arguments)
    for option in sorted(entry.options.keys() | options.keys()):
        if entry.options.get(option) != options.get(option):
            yield f"`{option}` was {_shown(entry.options.get(option))}"
    for split, pattern in patterns.items():
        locked = entry.splits.get(split)
        if locked is None:
            yield f"the split `{split}` was not locked"
        elif pattern != locked.pattern:
            yield f"the split `{split}` was read from `{locked.pattern}`"
    for split in entry.splits:
        if split not in patterns:
            yield f"the split `{split}` was read from files"


def _shown(value: object) -> str:
    return "not given" if value is None else f"`{value}`"


def update_help(name: Name, unit: Unit) -> str:
    """What to do about an entry that is not that of the files any more."""
    return f"read the files again: `taskc lock {unit.folder.path} --update {name.text}`"


def locked_columns(entry: LockedSource | None, unit: Unit) -> dict[str, Type] | None:
    """The columns that the files have; None where the lock doesn't say.

    A parameter stands before a column of its name that nothing declares; so it does here.
    """
    if entry is None or entry.columns is None:
        return None
    return {
        name: read_type(text) for name, text in entry.columns.items() if name not in unit.params
    }


def fields_beside(source: program.Source, params: Collection[str]) -> dict[str, Type]:
    """The fields of a row where parameters are in scope: one stands before what the lock tells."""
    inferred = source.inferred or frozenset()
    return {
        name: type_
        for name, type_ in source.row.items()
        if name not in inferred or name not in params
    }
