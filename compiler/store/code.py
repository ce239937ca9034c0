"""The digest of our own stages: what they make is made again when they are written otherwise.

In: names of modules. Out: a digest of their source, of every taskc module that they import, however
far down, and of the versions of the libraries that those import. No version number is kept by hand,
and nothing is imported to be digested. A comment counts as a change: telling it from code would
cost more than it saves. 20 ms for all that a build asks for, once a process.
"""

import re
import sys
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import taskc.compiler
import taskc.dsl

__all__ = ["code_digest", "imported", "source_files"]

# Rooms that stages may import from and that can change what they make; where they stand on disk.
_ROOMS = {
    "taskc.compiler": Path(taskc.compiler.__path__[0]),
    "taskc.dsl": Path(taskc.dsl.__path__[0]),
}
# Only what starts a line: its break stands first, for which the search has a short cut. A sentence
# in a docstring may look alike and adds nothing that is there.
_IMPORT = re.compile(
    r"\n[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)"
    r"|import[ \t]+([\w.]+(?:[ \t]+as[ \t]+\w+)?(?:,[^\n#]+)?)[ \t]*(?=[\n#]|\Z))"
)
_COMMENT = re.compile(r"#[^\n]*")
_NAME = re.compile(r"[\w.]+(?:[ \t]+as[ \t]+\w+)?")
_DISTRIBUTIONS = {"re2": "google-re2"}  # where it has another name than its module


@cache
def code_digest(*modules: str) -> str:
    """Returns 32 hexadecimal digits that change when what `modules` run changes.

    Args:
        modules: Dotted names, such as "taskc.compiler.turns.encode"; their order doesn't matter.
    """
    files, libraries = source_files(*modules)
    digest = blake2b(digest_size=16)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"  # its tables of Unicode, for one
    for name, found in [("python", python), *((each, _version(each)) for each in libraries)]:
        digest.update(f"{name} {found}\n".encode())
    for name, source in files.items():
        digest.update(f"{name} {len(source)}\n".encode())
        digest.update(source)
    return digest.hexdigest()


def source_files(*modules: str) -> tuple[dict[str, bytes], list[str]]:
    """Returns source by module, for all that `modules` reach, and the libraries they import."""
    files: dict[str, bytes] = {}
    libraries: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in files:
            continue
        module = _module(name)
        if module is None:
            assert name not in modules, f"there is no module {name}"
            continue
        files[name] = module.source
        waiting += module.own
        libraries |= module.libraries
    return dict(sorted(files.items())), sorted(libraries)


def imported(source: str) -> Iterator[str]:
    """Yields what a module imports; `from a import b` gives `a` and `a.b`, either may be it."""
    for package, names, plain in _IMPORT.findall(f"\n{source}"):
        listed = _NAME.findall(_COMMENT.sub("", plain or names))
        targets = [each.split()[0] for each in listed]
        if package:
            yield package
            yield from (f"{package}.{target}" for target in targets)
        else:
            yield from targets


def _with_parents(name: str) -> Iterator[str]:
    """Yields a module and the packages around it: importing it runs theirs first."""
    while name.count("."):
        yield name
        name = name.rpartition(".")[0]


class _Module(NamedTuple):
    """A module of the rooms.

    Attributes:
        source: What its file holds.
        own: The names of what it imports of taskc, whether they are modules or not.
        libraries: Those that it imports.
    """

    source: bytes
    own: tuple[str, ...]
    libraries: frozenset[str]


@cache
def _module(name: str) -> _Module | None:
    """A module of the rooms; None: it is none."""
    path = _file(name)
    if path is None:
        return None
    source = path.read_bytes()
    own: list[str] = []
    libraries = set()
    for target in imported(source.decode()):
        top = target.partition(".")[0]
        if top == "taskc":
            own += _with_parents(target)
        elif top not in sys.stdlib_module_names:
            libraries.add(top)
    return _Module(source, tuple(dict.fromkeys(own)), frozenset(libraries))


def _file(name: str) -> Path | None:
    """Where a module of the rooms stands; None: it is none."""
    room = ".".join(name.split(".")[:2])
    if room not in _ROOMS:
        return None
    place = _ROOMS[room].joinpath(*name.split(".")[2:])
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.is_file():
            return path
    return None


@cache
def _version(library: str) -> str:
    try:
        return version(_DISTRIBUTIONS.get(library, library))
    except PackageNotFoundError:
        return "absent"
