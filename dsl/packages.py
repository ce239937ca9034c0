"""Packages: from paths on the command line to parsed files, imports followed.

In: paths as a user gives them, and a file system. Out: packages in an order in which each stands
after those that it imports, with the texts of their files. A directory is a package: its `.task`
files, sorted by name, share their names. Only `.task` files are read here, each once; what they say
is not judged.
"""

import errno
import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.spelling import did_you_mean
from taskc.dsl.text.parser import ParsedFile, parse
from taskc.dsl.text.source_text import SourceText, Span
from taskc.dsl.words import quoted

__all__ = ["Disk", "FileSystem", "Folder", "Loaded", "Memory", "load"]

_SUFFIX = ".task"


class FileSystem(Protocol):
    """What the loader needs of a file system; paths are relative to `working_folder`."""

    @property
    def working_folder(self) -> str:
        """The absolute path of the working directory, with `/`."""
        ...

    def entries(self, folder: str) -> tuple[list[str], list[str]] | None:
        """Names of the files and of the folders in a folder; None where it is not one."""
        ...

    def read(self, path: str) -> bytes:
        """The bytes of a file; raises OSError."""
        ...


class Disk:
    """The real file system."""

    @property
    def working_folder(self) -> str:
        """The absolute path of the working directory, with `/`."""
        return Path.cwd().as_posix()

    def entries(self, folder: str) -> tuple[list[str], list[str]] | None:
        """Names of the files and of the folders in a folder; None where it is not one."""
        files: list[str] = []
        folders: list[str] = []
        try:
            with os.scandir(folder) as found:
                for entry in found:
                    (folders if entry.is_dir(follow_symlinks=False) else files).append(entry.name)
        except OSError:
            return None
        return files, folders

    def read(self, path: str) -> bytes:
        """The bytes of a file; raises OSError."""
        return Path(path).read_bytes()


@dataclass(slots=True)
class Memory:
    """Files in memory, for tests and for text that is not saved yet.

    Attributes:
        files: Path -> bytes; None for a file that may not be read.
    """

    files: Mapping[str, bytes | None]
    working_folder: str = "/project"

    def entries(self, folder: str) -> tuple[list[str], list[str]] | None:
        """Names of the files and of the folders in a folder; None where it is not one."""
        prefix = "" if folder == "." else f"{folder}/"
        inside = [path[len(prefix) :] for path in self.files if path.startswith(prefix)]
        if not inside:
            return None
        files = [path for path in inside if "/" not in path]
        return files, list(dict.fromkeys(p.partition("/")[0] for p in inside if "/" in p))

    def read(self, path: str) -> bytes:
        """The bytes of a file; raises OSError."""
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        content = self.files[path]
        if content is None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return content


@dataclass(slots=True)
class Folder:
    """A package as files.

    Attributes:
        path: Display path of the folder, "." for the working directory.
        name: The folder's own name.
        files: Parsed files, by name.
        imports: Alias -> display path of the imported folder; None where it could not be read.
        aliases: Alias -> the import that made it.
        is_root: It was asked for, not only imported.
        is_lossy: A file of it could not be read.
    """

    path: str
    name: str
    files: list[ParsedFile] = field(default_factory=list)
    imports: dict[str, str | None] = field(default_factory=dict)
    aliases: dict[str, ast.Import] = field(default_factory=dict)
    is_root: bool = False
    is_lossy: bool = False


@dataclass(slots=True)
class Loaded:
    """Folders, each after those that it imports, and the text of every file."""

    folders: list[Folder]
    texts: dict[str, SourceText]


def load(paths: Iterable[str], files: FileSystem, report: Reporter) -> Loaded:
    """Reads the packages at or below `paths` and those that they import.

    Args:
        paths: Files (their directories are meant) or directories (every directory at or below one
            that has `.task` files).
        files: Where they are read from.
        report: Takes what cannot be read, and imports that lead nowhere or in a circle.
    """
    loader = _Loader(files, report)
    for path in paths:
        roots = loader.find(path)
        for root in roots:
            folder = loader.visit(root)
            if folder is not None:
                folder.is_root = True
    return Loaded(loader.ordered, loader.texts)


def _as_name(text: str) -> str:
    """A name made of a folder's."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", text)
    return name if name.isidentifier() else f"p_{name}"


class _Loader:
    """Reads each folder once; `ordered` is depth first, imports before importers."""

    def __init__(self, files: FileSystem, report: Reporter) -> None:
        self.files = files
        self.report = report
        self.texts: dict[str, SourceText] = {}
        self.known: dict[str, Folder] = {}
        self.ordered: list[Folder] = []
        self.open: list[tuple[str, ast.Import | None]] = []  # folders whose imports are being read

    # ---- paths -----------------------------------------------------------------------------------

    def display(self, path: str) -> str:
        """The path as reports show it: relative to the working directory where it lies inside."""
        normal = posixpath.normpath(path.replace(os.sep, "/"))
        here = self.files.working_folder
        if normal == here:
            return "."
        if normal.startswith(f"{here}/"):
            return normal[len(here) + 1 :]
        return normal

    def find(self, path: str) -> list[str]:
        """The package folders that a path on the command line means."""
        shown = self.display(path)
        listing = self.files.entries(shown)
        if listing is not None:
            found = self._below(shown)
            if not found:
                self._report_path(f"no `.task` files at or below `{shown}`")
            return found
        folder, name = posixpath.split(shown)
        beside = self.files.entries(folder or ".")
        if beside is not None and name in beside[0]:
            if name.endswith(_SUFFIX):
                return [folder or "."]
            self._report_path(f"`{shown}` is not a `.task` file")
            return []
        near = did_you_mean(name, beside[0] + beside[1]) if beside is not None else []
        helps = tuple(f"did you mean `{posixpath.join(folder, other)}`?" for other in near)
        self._report_path(f"there is no `{shown}`", helps)
        return []

    def _report_path(self, message: str, helps: tuple[str, ...] = ()) -> None:
        self.report.report("T0124", None, message, helps=helps)

    def _below(self, folder: str) -> list[str]:
        """Folders with `.task` files at or below one, sorted; hidden ones are left out."""
        found, waiting = [], [folder]
        while waiting:
            current = waiting.pop()
            listing = self.files.entries(current)
            if listing is None:
                continue
            names, folders = listing
            if any(name.endswith(_SUFFIX) for name in names):
                found.append(current)
            inside = [name for name in folders if not name.startswith((".", "__"))]
            waiting.extend(name if current == "." else f"{current}/{name}" for name in inside)
        return sorted(found)

    # ---- folders ---------------------------------------------------------------------------------

    def visit(self, path: str) -> Folder | None:
        """Reads a folder and what it imports; None where it has no `.task` files."""
        if path in self.known:
            return self.known[path]
        listing = self.files.entries(path)
        names = sorted(name for name in (listing or ([], []))[0] if name.endswith(_SUFFIX))
        if not names:
            return None
        folder = Folder(path, self._name(path))
        self.known[path] = folder
        for name in names:
            self._read(folder, name if path == "." else f"{path}/{name}")
        for file in folder.files:
            for declaration in file.declarations:
                if isinstance(declaration, ast.Import):
                    self._import(folder, declaration)
        self.ordered.append(folder)
        return folder

    def _name(self, path: str) -> str:
        absolute = posixpath.normpath(posixpath.join(self.files.working_folder, path))
        return posixpath.basename(absolute) or "root"

    def _read(self, folder: Folder, path: str) -> None:
        try:
            content = self.files.read(path)
        except OSError as error:
            self.report.report(
                "T0109",
                None,
                f"`{path}` cannot be read",
                notes=(error.strerror,) if error.strerror else (),
            )
            folder.is_lossy = True
            return
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self.report.report(
                "T0110",
                None,
                f"`{path}` is not UTF-8",
                notes=(f"line {line} has the byte 0x{content[error.start]:02x}",),
                helps=("save the file as UTF-8",),
            )
            folder.is_lossy = True
            return
        source = SourceText(path, text)
        self.texts[path] = source
        parsed = parse(source)
        folder.files.append(parsed)
        self.report.diagnostics.extend(parsed.diagnostics)

    # ---- imports ---------------------------------------------------------------------------------

    def _import(self, folder: Folder, node: ast.Import) -> None:
        target = self.display(posixpath.join(folder.path, node.path))
        alias = node.alias.text if node.alias else posixpath.basename(self._absolute(target))
        place = node.alias.span if node.alias else node.path_span
        if target.endswith(_SUFFIX):
            self._report_file(node)
            return
        if not alias.isidentifier() or not alias.isascii():
            self.report.report(
                "T0105",
                place,
                f"the folder's name `{alias}` cannot stand for the package",
                label="not a name",
                helps=(f"give it a name: `import {quoted(node.path)} as {_as_name(alias)}`",),
            )
            return
        before = folder.aliases.get(alias)
        if before is not None:
            self._report_alias(alias, place, before)
            return
        folder.aliases[alias] = node
        folder.imports[alias] = self._follow(folder, node, target)

    def _absolute(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self.files.working_folder, path))

    def _report_alias(self, alias: str, place: Span, before: ast.Import) -> None:
        self.report.report(
            "T0105",
            place,
            f"two imports are called `{alias}`",
            label="again here",
            secondary=((before.alias.span if before.alias else before.path_span, "first here"),),
            helps=("give one of them another name: `import ... as name`",),
        )

    def _follow(self, folder: Folder, node: ast.Import, target: str) -> str | None:
        """The imported folder's path, read with all its imports; None where that fails."""
        listing = self.files.entries(target)
        if listing is None:
            self._report_missing(node, target)
            return None
        self.open.append((folder.path, node))
        try:
            if any(path == target for path, _ in self.open):
                self._report_cycle(node, target)
                return None
            if self.visit(target) is None:
                self.report.report(
                    "T0108",
                    node.path_span,
                    f"`{target}` has no `.task` files",
                    label="a folder, but not a package",
                )
                return None
            return target
        finally:
            self.open.pop()

    def _report_missing(self, node: ast.Import, target: str) -> None:
        parent, name = posixpath.split(target)
        beside = self.files.entries(parent or ".")
        near = did_you_mean(name, beside[1]) if beside else []
        self.report.report(
            "T0107",
            node.path_span,
            f"there is no folder `{target}`",
            label="no such folder",
            notes=("an import's path starts at the folder of the file that has it",),
            helps=tuple(f"there is a folder `{posixpath.join(parent, n)}`" for n in near),
        )

    def _report_file(self, node: ast.Import) -> None:
        folder = posixpath.dirname(node.path) or "."
        self.report.report(
            "T0107",
            node.path_span,
            "an import names a folder, not a file",
            label="a file",
            notes=("the files of a folder share their names",),
            helps=(f"import the folder: {quoted(folder)}",),
        )

    def _report_cycle(self, node: ast.Import, target: str) -> None:
        start = next(i for i, (path, _) in enumerate(self.open) if path == target)
        circle = [path for path, _ in self.open[start:]] + [target]
        places = [each for _, each in self.open[start:-1] if each is not None]
        if len(circle) == 2:  # noqa: PLR2004 # a folder and itself
            message, helps = "a package cannot import itself", ("its files share their names",)
        else:
            message = "packages import each other in a circle"
            helps = ("move what both need into a third folder and import it from both",)
        self.report.report(
            "T0106",
            node.path_span,
            message,
            label="closes the circle",
            secondary=tuple((each.path_span, "imports the next") for each in places),
            notes=(" -> ".join(circle),),
            helps=helps,
        )
