"""Edits of specs: applied to a text, tried before they are kept, written in one step.

In: fixes of findings, or edits of any pass. Out: texts, and files that hold the old text or the
new one. Fixes are tried in memory: a set of them is kept only if no file has more errors with it
than without it; else its halves are tried, so a bad fix costs itself alone, in O(log n) checks.
Line ends and a byte order mark stay as they are.
"""

import codecs
import errno
import os
import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from taskc import checking
from taskc.dsl.checker import Checked
from taskc.dsl.diagnostics import Diagnostic, Edit, Safety, Severity
from taskc.dsl.packages import Disk, FileSystem
from taskc.dsl.text.source_text import SourceText

__all__ = ["MAX_ROUNDS", "Fixed", "Mended", "apply", "mend", "write"]

MAX_ROUNDS = 10  # a fix may make room for the next one; none is known to need more than three


@dataclass(frozen=True, slots=True)
class Fixed:
    """A finding that was mended, and where it stood then."""

    finding: Diagnostic
    path: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Mended:
    """What became of specs.

    Attributes:
        checked: The program as it would be, with the findings that are left.
        fixed: What was mended, round by round.
        changed: (the text that was read, the text to write) of every file that differs.
    """

    checked: Checked
    fixed: tuple[Fixed, ...]
    changed: tuple[tuple[SourceText, str], ...]


def apply(source: SourceText, edits: Iterable[Edit]) -> str:
    """Returns the text with the edits made; they do not overlap, and all are of this file.

    A replacement gets the file's line ends. A comment that is taken away takes the blanks before
    it along, and its line where nothing else stands on it.
    """
    text = source.text
    line_end = "\r\n" if text[: text.find("\n") + 1].endswith("\r\n") else "\n"
    for edit in sorted(edits, key=lambda edit: edit.span.start, reverse=True):
        start, end = edit.span.start, edit.span.end
        if not edit.replacement and text[start : start + 1] == "#":
            start, end = _without_blanks(text, start, end)
        replacement = re.sub(r"\r?\n", line_end, edit.replacement)
        text = text[:start] + replacement + text[end:]
    return text


def _without_blanks(text: str, start: int, end: int) -> tuple[int, int]:
    """Widens the place of a comment by the blanks before it, or to its whole line."""
    line_start = text.rfind("\n", 0, start) + 1
    start = line_start + len(text[line_start:start].rstrip(" \t"))
    if start == line_start and text[end : end + 2] == "\r\n":
        end += 2
    elif start == line_start and text[end : end + 1] == "\n":
        end += 1
    return start, end


def write(source: SourceText, text: str) -> None:
    """Writes a file in one step: it holds the old text or the new one, never half of it.

    Its permissions and its byte order mark stay; a link stays one.

    Args:
        source: The file as it was read.
        text: What it is to hold.

    Raises:
        OSError: If it cannot be written, or holds another text by now.
    """
    path = Path(source.path).resolve(strict=True)
    content = path.read_bytes()
    if content.decode("utf-8-sig", errors="replace") != source.text:
        raise OSError(errno.ESTALE, "the file has changed since it was read", source.path)
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(mark + text.encode())
        temporary.chmod(path.stat().st_mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def mend(
    paths: Sequence[str],
    *,
    params: Mapping[str, str],
    policy: checking.Policy,
    files: FileSystem | None = None,
) -> Mended:
    """Makes the safe fixes of what a policy shows, in memory, until none is left to make.

    Only packages that were asked for are mended, not those that they import.

    Args:
        paths: Files or folders.
        params: Values of parameters.
        policy: Which findings are mended and which are left.
        files: Where files are read from; None = the disk.
    """
    drafts = _Drafts(files or Disk())

    def check() -> Checked:
        return checking.check(paths, params=params, policy=lambda every: every, files=drafts)

    checked = check()
    originals = dict(checked.program.texts)
    fixed: list[Fixed] = []
    for _ in range(MAX_ROUNDS):
        taken = _Round(checked, drafts, check).kept(_proposed(policy(checked)))
        if not taken:
            break
        drafts.texts |= _applied(checked, taken)
        fixed += (_fixed(finding, checked.program.texts) for finding in taken)
        checked = check()
    changed = tuple(
        (originals[path], text)
        for path, text in sorted(drafts.texts.items())
        if text != originals[path].text
    )
    return Mended(policy(checked), tuple(fixed), changed)


@dataclass(slots=True)
class _Drafts:
    """A file system on which some files hold other texts than on the disk."""

    under: FileSystem
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def working_folder(self) -> str:
        return self.under.working_folder

    def entries(self, folder: str) -> tuple[list[str], list[str]] | None:
        return self.under.entries(folder)

    def read(self, path: str) -> bytes:
        return self.texts[path].encode() if path in self.texts else self.under.read(path)


@dataclass(slots=True)
class _Round:
    """One round: fixes are tried against the texts and the errors at its start."""

    base: Checked
    drafts: _Drafts
    check: Callable[[], Checked]

    def kept(self, proposed: Sequence[Diagnostic]) -> list[Diagnostic]:
        """Returns the findings whose fixes can be made together without a new error."""
        return self._kept(proposed, []) if proposed else []

    def _kept(self, proposed: Sequence[Diagnostic], taken: list[Diagnostic]) -> list[Diagnostic]:
        together = [*taken, *proposed]
        if self._is_no_worse(together):
            return together
        if len(proposed) == 1:
            return taken
        half = len(proposed) // 2
        return self._kept(proposed[half:], self._kept(proposed[:half], taken))

    def _is_no_worse(self, taken: Sequence[Diagnostic]) -> bool:
        before = dict(self.drafts.texts)
        self.drafts.texts |= _applied(self.base, taken)
        try:
            now = _errors_by_file(self.check())
        finally:
            self.drafts.texts = before
        return now <= _errors_by_file(self.base)


def _errors_by_file(checked: Checked) -> Counter[str]:
    return Counter(
        found.primary.span.path if found.primary else ""
        for found in checked.diagnostics
        if found.severity is Severity.ERROR
    )


def _proposed(checked: Checked) -> list[Diagnostic]:
    """The findings with a safe fix that does not touch one before it, by place."""
    own = {package.folder for package in checked.program.packages}
    taken: list[Edit] = []
    proposed = []
    for found in checked.diagnostics:
        if found.fix is None or found.fix.safety is not Safety.SAFE:
            continue
        if not all(_may_change(edit, checked, own) for edit in found.fix.edits):
            continue
        if any(_touch(edit, other) for edit in found.fix.edits for other in taken):
            continue
        proposed.append(found)
        taken += found.fix.edits
    return proposed


def _may_change(edit: Edit, checked: Checked, own: set[str]) -> bool:
    """Whether the edit changes a file of a package that was asked for."""
    source = checked.program.texts.get(edit.span.path)
    folder = posixpath.dirname(edit.span.path) or "."
    return (
        source is not None
        and folder in own
        and source.text[edit.span.start : edit.span.end] != edit.replacement
    )


def _touch(edit: Edit, other: Edit) -> bool:
    """Whether two edits speak of one place; two insertions at one offset do."""
    one, two = edit.span, other.span
    if one.path != two.path:
        return False
    return one.start == two.start or (one.start < two.end and two.start < one.end)


def _applied(checked: Checked, taken: Iterable[Diagnostic]) -> dict[str, str]:
    """The texts of the files that the fixes change."""
    by_file: dict[str, list[Edit]] = {}
    for fix in (found.fix for found in taken if found.fix):
        for edit in fix.edits:
            by_file.setdefault(edit.span.path, []).append(edit)
    texts = checked.program.texts
    return {path: apply(texts[path], edits) for path, edits in by_file.items()}


def _fixed(finding: Diagnostic, texts: Mapping[str, SourceText]) -> Fixed:
    assert finding.primary is not None, "what is mended has a place"
    span = finding.primary.span
    line, column = texts[span.path].location(span.start)
    return Fixed(finding, span.path, line, column)
