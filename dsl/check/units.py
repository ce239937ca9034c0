"""One package while it is being checked: declarations by name, and what they turned out to mean.

In: the parsed files of a package. Out: tables that the passes fill in order and read from each
other. A declaration with a mistake keeps the best meaning that could be found, so that others that
speak of it can still be checked, and is marked: what is marked never reaches the program.
"""

import posixpath
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from taskc.dsl.diagnostics import Reporter, Severity
from taskc.dsl.lock.entries import FILE_NAME, Lock
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Name
from taskc.dsl.packages import Folder
from taskc.dsl.text.source_text import SourceText, Span

__all__ = ["SHARED_KINDS", "Declared", "Unit", "Workspace", "marking"]

_Placed = TypeVar("_Placed", program.Source, program.Template)

# These stand in one namespace: any of them may be named where one of them is asked for.
SHARED_KINDS = frozenset({"schema", "source", "cluster", "mixture", "tokenizer", "param"})


@dataclass(slots=True)
class Declared:
    """A declared name.

    Attributes:
        is_broken: It, or something that it needs, has an error; whatever speaks of it stays silent.
        is_used: Something speaks of it.
    """

    kind: str
    name: Name
    node: ast.Block | ast.Param | ast.Schema
    is_broken: bool = False
    is_used: bool = False


@dataclass(slots=True)
class Unit:
    """A package and the meanings found so far.

    Attributes:
        folder: The parsed files.
        shared: Names of the shared namespace.
        own: Kind -> names, for kinds with a namespace of their own.
        imports: Alias -> package; None where the import failed.
        is_lossy: A syntax error may have cost whole declarations: a name that is not known may be
            one of theirs, so it is not reported.
        syntax_errors: Path -> offsets of syntax errors; filled at first use.
        params, schemas, ...: Meanings by name, those of broken declarations included.
        package: What reaches the program.
        read: Gives the bytes of a file beside the specs; raises OSError.
        lock: What the package's inputs were when they were locked; None where there is no lock.
        lock_text: The text of its file, for places in it.
    """

    folder: Folder
    package: program.Package
    is_lossy: bool
    read: Callable[[str], bytes]
    shared: dict[str, Declared] = field(default_factory=dict)
    own: dict[str, dict[str, Declared]] = field(default_factory=dict)
    imports: dict[str, "Unit | None"] = field(default_factory=dict)
    syntax_errors: dict[str, list[int]] = field(default_factory=dict)
    used_imports: set[str] = field(default_factory=set)
    used_params: set[str] = field(default_factory=set)
    params: dict[str, program.Param | None] = field(default_factory=dict)
    schemas: dict[str, program.Schema] = field(default_factory=dict)
    sources: dict[str, program.Source] = field(default_factory=dict)
    clusters: dict[str, program.Cluster] = field(default_factory=dict)
    templates: dict[str, program.Template] = field(default_factory=dict)
    mixtures: dict[str, program.Mixture] = field(default_factory=dict)
    tokenizers: dict[str, program.Tokenizer] = field(default_factory=dict)
    builds: dict[str, program.Build] = field(default_factory=dict)
    lock: Lock | None = None
    lock_text: SourceText | None = None

    def has_syntax_error(self, span: Span) -> bool:
        """Whether a syntax error stands in a declaration: what it lacks may be its fault."""
        if not self.syntax_errors:
            for file in self.folder.files:
                self.syntax_errors[file.source.path] = sorted(
                    found.primary.span.start
                    for found in file.diagnostics
                    if found.severity is Severity.ERROR and found.primary is not None
                )
        starts = self.syntax_errors.get(span.path, [])
        return bisect_left(starts, span.start) < bisect_left(starts, span.end)

    @property
    def lock_path(self) -> str:
        """Where the package's lock stands, or would."""
        return posixpath.normpath(posixpath.join(self.folder.path, FILE_NAME))

    @property
    def imported_params(self) -> dict[str, dict[str, program.Param | None]]:
        """Alias -> parameters of the imported package."""
        return {alias: unit.params for alias, unit in self.imports.items() if unit is not None}

    def blocks(self, kind: str) -> Iterator[tuple[Declared, ast.Block]]:
        """The declared blocks of a kind in the order of files and lines."""
        table = self.shared if kind in SHARED_KINDS else self.own.get(kind, {})
        for declared in table.values():
            if declared.kind == kind and isinstance(declared.node, ast.Block):
                yield declared, declared.node

    def in_order(self, declared: Iterable[_Placed]) -> list[_Placed]:
        """Declarations within reach by package as in `reachable`, then by file and line.

        Not by their paths: those change with the working directory, and the order is part of what
        a build gives.
        """
        places = {unit.folder.path: place for place, unit in enumerate(self.reachable())}

        def place(each: _Placed) -> tuple[int, Span]:
            return places[posixpath.dirname(each.span.path) or "."], each.span

        return sorted(declared, key=place)

    def reachable(self) -> list["Unit"]:
        """This package and those that it imports, directly or not, itself first."""
        found: dict[int, Unit] = {}
        waiting: list[Unit] = [self]
        while waiting:
            unit = waiting.pop(0)
            if id(unit) not in found:
                found[id(unit)] = unit
                waiting.extend(each for each in unit.imports.values() if each is not None)
        return list(found.values())


@dataclass(slots=True)
class Workspace:
    """Every package, each after those that it imports.

    Attributes:
        files: Source -> split -> what it reads, equal for equal rows; filled by the sources' pass.
        conforming: Schema -> the sources that have it, in any package.
        said: Findings that several builds make, once each.
        owners: Source -> its package and declaration. Keys are identities: names repeat across
            packages.
    """

    units: list[Unit]
    files: dict[int, dict[str, str]] = field(default_factory=dict)
    conforming: dict[int, list[program.Source]] = field(default_factory=dict)
    owners: dict[int, tuple[Unit, Declared]] = field(default_factory=dict)
    said: set[tuple[str, Span]] = field(default_factory=set)

    def own(self, source: program.Source, unit: Unit, declared: Declared) -> None:
        """Remembers whose source it is."""
        self.owners[id(source)] = (unit, declared)
        if source.schema is not None:
            self.conforming.setdefault(id(source.schema), []).append(source)

    def is_broken(self, source: program.Source) -> bool:
        """Whether the source has an error."""
        return self.owners[id(source)][1].is_broken


@contextmanager
def marking(declared: Declared, report: Reporter) -> Iterator[None]:
    """Marks the declaration as broken where its check reports an error."""
    before = len(report.diagnostics)
    yield
    if any(found.severity is Severity.ERROR for found in report.diagnostics[before:]):
        declared.is_broken = True
