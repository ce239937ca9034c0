"""Why: what became of one input row, in every build, source and split that reads it.

In: plans, and a row by its file and number. Out: an account for each of them. Where an artefact
stands that is as the build would make it, its provenance says where the examples are; else the
stages are run up to there, and what is said is what would happen.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from taskc.compiler import plan
from taskc.compiler.build import Means, place_of
from taskc.compiler.components import changes
from taskc.compiler.engines.engine import Engine
from taskc.compiler.records import record_of
from taskc.compiler.rows.findings import Findings
from taskc.compiler.rows.inputs import split_inputs
from taskc.compiler.rows.ranges import SplitInputs
from taskc.compiler.store.objects import Store
from taskc.compiler.tracing.accounts import Account, Match, Placed
from taskc.compiler.tracing.fates import accounts
from taskc.compiler.tracing.row import look, range_of
from taskc.dsl.diagnostics import Diagnostic
from taskc.dsl.spelling import did_you_mean
from taskc.runtime import reader
from taskc.tracing.artifacts import evaluated_examples, trained_examples

__all__ = ["NoSuchRowError", "Wanted", "why"]

_MAX_LISTED = 8
Progress = Callable[[str, str, str, int], None]


class NoSuchRowError(ValueError):
    """No build reads the row; the words say what there is instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which row.

    Attributes:
        file: A path on disk, or the file's name in provenance, relative to its data root.
        number: Its number in the file, from 1.
        source: Name of the one source that is meant; "" = all.
    """

    file: str
    number: int
    source: str = ""


@dataclass(slots=True)
class _Search:
    """Where the file of a row was looked for."""

    wanted: Wanted
    names: dict[str, None] = field(default_factory=dict)
    last_numbers: list[int] = field(default_factory=list)
    is_file_found: bool = False
    findings: list[Diagnostic] = field(default_factory=list)


def why(
    plans: Sequence[plan.BuildPlan],
    wanted: Wanted,
    *,
    out: str,
    engine: Engine,
    store: Store,
    progress: Progress = lambda _build, _stage, _what, _rows: None,
) -> Iterator[Account]:
    """Yields what became of the row, build after build.

    Args:
        plans: The builds.
        wanted: The row.
        out: The folder of artefacts.
        engine: What runs the stages.
        store: Keeps what was made before.
        progress: Told of every chunk of rows.

    Raises:
        NoSuchRowError: If no build reads the file, or it has no such row.
        StoreError: If the store is full or can't be used.
    """
    search = _Search(wanted)
    matched = [(build, list(_matches(build, search, store))) for build in plans]
    if not any(matches for _, matches in matched):
        raise NoSuchRowError(_no_such_row(search))
    for build, matches in matched:
        if matches:
            means = Means(engine, store, partial(progress, build.name))
            artifact = _Artifact(build, out, store)
            for account in accounts(build, matches, means, artifact.examples):
                if account.examples and not account.is_built:
                    account.lacking = artifact.lacking
                yield account


# ---- which rows ----------------------------------------------------------------------------------


def _matches(build: plan.BuildPlan, search: _Search, store: Store) -> Iterator[Match]:
    """Yields the row for every source and split of a build whose files hold it."""
    wanted = search.wanted
    for source in build.sources:
        if wanted.source not in {"", source.name, source.name.rpartition(".")[2]}:
            continue
        for split in source.splits:
            findings = Findings(source.name, source.at)
            inputs = split_inputs(source.connector, split, findings, store)
            search.findings += findings.diagnostics()
            for index, file in enumerate(inputs.files):
                search.names[file.name] = None
                if not _is_meant(wanted.file, file.path, file.name):
                    continue
                search.is_file_found = True
                place = inputs.ranges[range_of(inputs, index, wanted.number)]
                found = look(source, file, place, wanted.number)
                if found is not None:
                    yield Match(source, split, file, found)
                search.last_numbers.append(_last_number(inputs, index))


def _is_meant(given: str, path: str, name: str) -> bool:
    return given == name or os.path.realpath(given) == os.path.realpath(path)


def _last_number(inputs: SplitInputs, file: int) -> int:
    """The number of the last line or row of a file; 0 where only reading it would tell."""
    last = [place for place in inputs.ranges if place.file == file][-1]
    return last.first_number + last.num_lines - 1 if last.num_lines else 0


def _no_such_row(search: _Search) -> str:
    wanted = search.wanted
    if search.is_file_found:
        last = max(search.last_numbers)
        if last and wanted.number > last:
            return f"`{wanted.file}` has no row {wanted.number:,}: its last line is {last:,}"
        return (
            f"`{wanted.file}` has no row {wanted.number:,}: "
            "the line is blank, inside a record, or behind the end"
        )
    whose = f"source `{wanted.source}`" if wanted.source else "no source of the builds"
    words = f"{whose} does not read" if wanted.source else f"{whose} reads"
    near = did_you_mean(wanted.file, list(search.names))
    listed = near or list(search.names)[:_MAX_LISTED]
    more = ", ..." if not near and len(search.names) > _MAX_LISTED else ""
    asked = "did you mean" if near else "files that are read"
    names = ", ".join(f"`{name}`" for name in listed)
    helps = f"\nhelp: {asked}: {names}{more}" if listed else ""
    return f"{words} `{wanted.file}`{helps}"


# ---- what the artefact says ----------------------------------------------------------------------


class _Artifact:
    """The artefact of a build, where it is as the build would make it now; opened when asked.

    Attributes:
        lacking: Why there is none, in words.
    """

    def __init__(self, build: plan.BuildPlan, out: str, store: Store) -> None:
        self._build = build
        self._place = place_of(build, out)
        self._store = store
        self._opened: reader.Artifact | None = None
        self._is_asked = False
        self.lacking = ""

    def examples(self, account: Account) -> list[Placed] | None:
        """The examples of an account's row; None where there are none, or no such artefact."""
        if not self._is_asked:
            self._is_asked = True
            self._open()
        if self._opened is None:
            return None
        match = account.match
        of_split = trained_examples if account.split == "train" else evaluated_examples
        found = of_split(
            self._opened, account.split, match.source.name, match.file.name, match.look.number
        )
        return found or None

    def _open(self) -> None:
        record = record_of(self._build, self._store)
        before = {} if record is None else record.before(self._place)
        if record is None or not before:
            self.lacking = f"no artefact of it stands at {self._place.path}"
            return
        differing = [str(change) for change in changes(before, record.components)]
        if differing:
            more = f", and {len(differing) - 1} more" if len(differing) > 1 else ""
            self.lacking = f"the one at {self._place.path} is another: {differing[0]}{more}"
            return
        self._opened = reader.open(self._place.path, verify=False)
