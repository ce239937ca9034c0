"""Lowering of what is read: connectors and tokenizers, with paths and places filled in.

In: declarations of a checked program. Out: their parts of a plan. What a package reads can be
lowered without a build, as the lock needs it; `lower.py` adds what is made of it.
"""

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from taskc.compiler import plan
from taskc.compiler.rows.connect.remote import is_url, root_of
from taskc.dsl.check.sources.connectors import FOLDER_STARTS
from taskc.dsl.errors import InternalError
from taskc.dsl.model import expressions as syntax
from taskc.dsl.model import program as checked
from taskc.dsl.model import types
from taskc.dsl.text.source_text import SourceText, Span

__all__ = ["InputLowering"]


@dataclass(slots=True)
class InputLowering:
    """Lowers connectors and tokenizers of one package.

    Attributes:
        program: What the checker made of the specs.
        package: The package.
    """

    program: checked.Program
    package: checked.Package

    def connector(self, source: checked.Source, splits: Iterable[checked.Split]) -> plan.Connector:
        """Where each split's files are."""
        connector = source.connector
        patterns = {}
        roots = {}
        names = {}
        for split in splits:
            pattern, root = self._path(connector.path, source.folder, split.file_name)
            if connector.kind in {"hf", "plugin"}:
                names[split.name] = split.file_name
                written, own_root = self._filled(connector.path, split.file_name)
                # A text that begins as a path does is one, whatever lies on the disk.
                if not own_root and not written.startswith(FOLDER_STARTS):
                    pattern, root = written, ""
            elif pattern == root:  # the parameter is the file itself: its folder is the root
                root = posixpath.dirname(root) or "."
            patterns[split.name] = pattern
            roots[split.name] = root
        return plan.Connector.model_validate(
            {
                "kind": connector.kind,
                "patterns": patterns,
                "roots": roots,
                "names": names,
                "options": connector.arguments,
                "at": self.place(connector.span),
            }
        )

    def tokenizer(self, tokenizer: checked.Tokenizer) -> plan.Tokenizer:
        """Where a tokenizer is, and its special tokens."""
        path, _ = self._path(tokenizer.path, tokenizer.folder, "")
        if tokenizer.kind == "hf":  # `owner/name` is no path
            path, _ = self._filled(tokenizer.path, "")
        return plan.Tokenizer.model_validate(
            {
                "name": tokenizer.name,
                "kind": tokenizer.kind,
                "path": path,
                "options": tokenizer.arguments,
                "eos": tokenizer.eos or "",
                "bos": tokenizer.bos or "",
                "pad": tokenizer.pad or "",
                "added": tokenizer.added,
                "places": {name: self.place(span) for name, span in tokenizer.spans.items()},
                "at": self.place(tokenizer.from_span),
            }
        )

    def _path(self, text: syntax.Text | None, folder: str, split: str) -> tuple[str, str]:
        """A path with its placeholders filled in, and the data root it starts from.

        A path parameter at the start brings its own root; otherwise the path starts at the folder
        of the file that declares it.
        """
        written, root = self._filled(text, split)
        if root:
            return written if is_url(written) else posixpath.normpath(written), root
        if is_url(written):
            return written, root_of(written)
        return (_join(folder, written) if text is not None else ""), folder

    def _filled(self, text: syntax.Text | None, split: str) -> tuple[str, str]:
        """A path with its placeholders filled in, and the root that its path parameter brings."""
        root = ""
        written = ""
        if text is None:
            return written, root
        for part in text.parts:
            if isinstance(part, syntax.Piece):
                written += part.text
                continue
            param = self._path_param(part.expression)
            if param is None:
                written += split
            elif isinstance(param.type, types.Path) and not written:
                root = _join(param.base, str(param.value))
                written = root
            else:
                written += str(param.value)
        return written, root

    def _path_param(self, node: syntax.Expression) -> checked.Param | None:
        """The parameter that a path's placeholder names; None for `{split}`."""
        package = self.package_of(node.span)
        match node:
            case syntax.Reference(name="split"):
                return None
            case syntax.Reference(name=name):
                return package.params[name]
            case syntax.Attribute(base=syntax.Reference(name=alias), name=name):
                return package.imports[alias].params[name.text]
            case _:
                raise InternalError(f"a path holds an expression at {node.span}")

    # ---- places --------------------------------------------------------------------------------

    def place(self, span: Span) -> plan.Place:
        """A span with its line and column."""
        line, column = self.file(span).location(span.start)
        return plan.Place(path=span.path, start=span.start, end=span.end, line=line, column=column)

    def file(self, span: Span) -> SourceText:
        """The text of the file that a span points into."""
        return self.program.texts[span.path]

    def package_of(self, span: Span) -> checked.Package:
        """The package whose folder holds the file of a span."""
        folder = posixpath.dirname(span.path) or "."
        for package in self.reached():
            if package.folder == folder:
                return package
        raise InternalError(f"no package holds {span.path}")

    def reached(self) -> list[checked.Package]:
        """The package and those that it imports, directly or not, itself first.

        Packages that happen to be given beside it are left out: they must change nothing.
        """
        found: list[checked.Package] = []
        waiting = [self.package]
        while waiting:
            package = waiting.pop(0)
            if all(package is not each for each in found):
                found.append(package)
                waiting += package.imports.values()
        return found


def _join(folder: str, path: str) -> str:
    if is_url(path):
        return path.rstrip("/")
    return posixpath.normpath(posixpath.join(folder, path))
