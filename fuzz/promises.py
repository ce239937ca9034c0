"""What holds for the language's front end whatever bytes it is given.

In: one input, the bytes of a spec or of several. Out: nothing, or an exception that names the
promise it breaks. No file is read or written; a package stands in memory.

An input is one file, or several in sections: `=== NAME` before each, as in the fixtures of
tests/fixtures/diagnostics. Values from outside stand in a section `params`.
"""

import json
import re
import sys
import time

from taskc.dsl.checker import check
from taskc.dsl.codes import CODES
from taskc.dsl.diagnostics import Diagnostic
from taskc.dsl.packages import Memory
from taskc.dsl.report import render
from taskc.dsl.text.format import Formatted, format_text
from taskc.dsl.text.parser import parse
from taskc.dsl.text.source_text import SourceText

__all__ = ["BrokenPromiseError", "check_promises", "files_of"]

STYLES = ("human", "concise", "json", "github", "sarif")
_SECTION = re.compile(rb"^=== ([^\n]*)\n", re.MULTILINE)
_BYTES_PER_S = 100_000  # to check and report, and again to format
_OURS = "T09"  # codes of our own bugs


class BrokenPromiseError(Exception):
    """An input for which the front end does not do what it promises."""


def files_of(data: bytes) -> tuple[dict[str, bytes | None], dict[str, str]]:
    """The files of an input, and the parameters given from outside."""
    parts = _SECTION.split(data)
    if len(parts) == 1:
        return {"spec.task": data}, {}
    files: dict[str, bytes | None] = {}
    params: dict[str, str] = {}
    for heading, content in zip(parts[1::2], parts[2::2], strict=True):
        name = heading.decode("utf-8", "replace").strip()
        if name == "params":
            lines = content.decode("utf-8", "replace").splitlines()
            params |= dict(line.split("=", 1) for line in lines if "=" in line)
        elif name != "expected":
            files[name.removesuffix(" locked")] = None if name.endswith(" locked") else content
    return files, params


def check_promises(data: bytes, *, slower: float = 1.0) -> None:
    """Reads, checks, reports and formats an input.

    Args:
        data: The input.
        slower: How much more time it may take, because something watches.
    """
    files, params = files_of(data)
    clock = _Clock(len(data), slower)
    checked = check(["."], params=params, files=Memory(files))
    texts = checked.program.texts
    reports = {"human": render(checked.diagnostics, texts, "human", color=True)}
    clock.stop("check")
    reports |= {style: render(checked.diagnostics, texts, style) for style in STYLES}
    json.loads(reports["json"])
    json.loads(reports["sarif"])
    _check_findings(checked.diagnostics, {path: len(each.text) for path, each in texts.items()})
    for source in texts.values():
        if parse(source).tree.text != source.text:
            raise BrokenPromiseError("the tree joined is not the text")
    clock.start()
    formatted = {path: format_text(source) for path, source in texts.items()}
    clock.stop("format")
    for path, once in formatted.items():
        _check_formatted(SourceText(path, once.text), once)


class _Clock:
    """CPU seconds of one step, against what an input of this size may take."""

    def __init__(self, size_bytes: int, slower: float) -> None:
        self.size_bytes = size_bytes
        self.slower = slower
        self.start()

    def start(self) -> None:
        self.started = time.process_time()

    def stop(self, step: str) -> None:
        taken_s = time.process_time() - self.started
        if taken_s > self.slower * max(1.0, self.size_bytes / _BYTES_PER_S):
            raise BrokenPromiseError(f"{step} of {self.size_bytes} bytes took {taken_s:.1f} CPU s")


def _check_findings(findings: tuple[Diagnostic, ...], sizes: dict[str, int]) -> None:
    for found in findings:
        if found.code not in CODES or found.code.startswith(_OURS):
            raise BrokenPromiseError(f"{found.code} is reported: {found.message}")
        spans = [label.span for label in (found.primary, *found.secondary) if label is not None]
        spans += [edit.span for edit in (found.fix.edits if found.fix else ())]
        for span in spans:
            if not 0 <= span.start <= span.end <= sizes.get(span.path, sys.maxsize):
                raise BrokenPromiseError(f"{found.code} points outside of its file: {span}")


def _check_formatted(source: SourceText, once: Formatted) -> None:
    """Formatting twice is formatting once, and the formatter's check of itself holds."""
    failed = [each for each in once.diagnostics if each.code.startswith(_OURS)]
    if failed:
        raise BrokenPromiseError(f"{failed[0].code} while formatting: {failed[0].message}")
    if format_text(source).text != source.text:
        raise BrokenPromiseError("formatting twice is not formatting once")
