"""Where an input lies in a vendored folder.

In: a data root and names below it. Out: paths in the folder: PACKAGE/INPUT/NAME. A name may climb
out of its data root (`../data/x.jsonl`); the root then stands so many folders deeper, and the name
leads to the same place relative to it. Patterns and names stay what they are, and with them the
order of files and everything that a build records.
"""

import glob
import posixpath

from taskc.compiler import plan
from taskc.compiler.rows.connect.remote import is_url

__all__ = ["below", "described", "pattern_below", "root_for"]


def below(path: str, root: str) -> str:
    """A path relative to its data root, both local or both below one URL."""
    if is_url(path):
        return path.removeprefix(root).lstrip("/")
    return posixpath.relpath(path, root)


def described(connector: plan.Connector, split: str) -> str:
    """What a split is read from, in words that don't change with the machine."""
    pattern, root = connector.patterns[split], connector.roots.get(split) or ""
    if connector.kind != "hf":
        return below(pattern, root or ".")
    data_set = below(pattern, root) if root else pattern
    config, revision = (connector.options.get(name) or "" for name in ("config", "revision"))
    return f"{data_set}:{config}:{connector.names.get(split, split)}@{revision}"


def root_for(folder: str, names: list[str]) -> str:
    """The data root in a folder of an input's own, deep enough for every name to stay in it."""
    climbs = max((_num_climbs(name) for name in names), default=0)
    return posixpath.join(folder, *["_"] * climbs)


def _num_climbs(name: str) -> int:
    parts = posixpath.normpath(name).split("/")
    return next((place for place, part in enumerate(parts) if part != ".."), len(parts))


def pattern_below(root: str, pattern: str) -> str:
    """A pattern at another data root; a sign of globs in the root's own path stands for itself."""
    fixed = glob.escape(root) if glob.has_magic(pattern) else root
    return posixpath.normpath(posixpath.join(fixed, pattern))
