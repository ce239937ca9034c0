"""What the lexer finds wrong: characters, quotes, numbers, placeholders, each said once.

In: places in a text. Out: diagnostics in order of offset. The parser asks whether a statement has
one, and drops those that stand in what it could not read: they are as likely consequences as
causes.
"""

from bisect import bisect_left, bisect_right, insort

from taskc.dsl.diagnostics import Diagnostic, Fix, Reporter, replacement
from taskc.dsl.text.quotes import QuoteMistake
from taskc.dsl.text.source_text import SourceText, Span
from taskc.dsl.text.tokens import NUMBER

__all__ = ["SPECIAL", "Findings", "shorten"]

SPECIAL = frozenset('"\\{}')
# What editors, word processors and other languages put where a mark of the language was meant.
_LOOKALIKES = {
    "\u00a0": " ", "\u200b": "", "\ufeff": "", "\u201c": '"', "\u201d": '"', "\u2013": "-",
    "\u2014": "-", "\u2026": "..", "\u2192": "->", "\u2212": "-", "\u00d7": "*", "\u2260": "!=",
    "\u2264": "<=", "\u2265": ">=", "\uff0c": ",", "\uff1a": ":",
    "&": "and", "&&": "and", "|": "or", "||": "or", "!": "not ",
}  # fmt: skip


class Findings:
    """The mistakes of one file that stand in its characters.

    Attributes:
        found: The diagnostics, in order of offset.
    """

    __slots__ = ("_source", "_text", "found")

    def __init__(self, source: SourceText) -> None:
        self._source = source
        self._text = source.text
        self.found: list[Diagnostic] = []

    def drop(self, start: int, end: int) -> None:
        """Forgets what was found wrong from `start` to before `end`."""
        first = bisect_left(self.found, start, key=_offset)
        del self.found[first : bisect_left(self.found, end, key=_offset)]

    def has_any(self, start: int, end: int) -> bool:
        """Whether something was found wrong from `start` to `end`, both included."""
        first = bisect_left(self.found, start, key=_offset)
        return first < bisect_right(self.found, end, key=_offset)

    def find_open_text(self, start: int, end: int) -> int:
        """The offset of a text without its closing quote between two offsets, or -1."""
        for finding in self.found[bisect_left(self.found, start, key=_offset) :]:
            offset = _offset(finding)
            if offset > end:
                break
            if finding.code == "T0002":
                return offset
        return -1

    def settled(self) -> list[Diagnostic]:
        """What is left to say: where a quote is missing, the rest of its line means nothing."""
        kept: list[Diagnostic] = []
        for finding in self.found:
            if finding.code == "T0002":
                line_start = self._text.rfind("\n", 0, _offset(finding)) + 1
                while kept and kept[-1].code == "T0001" and _offset(kept[-1]) >= line_start:
                    kept.pop()
            kept.append(finding)
        return kept

    # ---- mistakes --------------------------------------------------------------------------------

    def _add(
        self,
        code: str,
        place: tuple[int, int],
        message: str,
        label: str,
        *,
        helps: str = "",
        fix: Fix | None = None,
    ) -> None:
        reporter = Reporter()
        span = Span(self._source.path, *place)
        reporter.report(code, span, message, label=label, helps=(helps,) if helps else (), fix=fix)
        insort(self.found, reporter.diagnostics[0], key=_offset)

    def check_number(self, start: int, end: int) -> None:
        """Reports a number that is not one."""
        written = self._text[start:end]
        if NUMBER.fullmatch(written):
            return
        self._add(
            "T0007",
            (start, end),
            f"`{shorten(written)}` is not a number",
            "not a number",
            helps="numbers look like `30_000`, `0.5`, `1e-5`, `10%`, with at most 30 digits a part",
        )

    def report_open(self, start: int, end: int) -> None:
        """Reports a one-line text that does not end."""
        self._add(
            "T0002",
            (start, end),
            "this text has no closing quote on its line",
            'expected `"` before the end of the line',
            helps='close it with `"`, or write a text of several lines between `"""` and `"""`',
        )

    def report_quotes(self, start: int, end: int, mistake: QuoteMistake) -> None:
        """Reports what is wrong with the quotes of a text block."""
        if mistake is QuoteMistake.UNCLOSED:
            message, label = "this text block has no closing quotes", "opened here"
            helps = 'close it with `"""` on a line of its own'
            self._add("T0003", (start, start + 3), message, label, helps=helps)
        elif mistake is QuoteMistake.OPENING:
            message, label = "a text block starts on the line after its quotes", "text follows here"
            helps = 'put a line end after `"""`, or write a text of one line between `"` and `"`'
            self._add("T0025", (start, start + 3), message, label, helps=helps)
        else:
            message = "the closing quotes of a text block stand first on their line"
            helps = 'put `"""` on the next line; its indentation is taken from every line'
            self._add("T0025", (end - 3, end), message, "text stands before them", helps=helps)

    def report_placeholder(self, start: int) -> None:
        """Reports a `{` that nothing closes."""
        self._add(
            "T0022",
            (start, start + 1),
            "this placeholder is not closed",
            "opened here",
            helps="close it with `}`, in a one-line text on its line, or write `{{` for a brace",
        )

    def report_bad(self, kind: str, start: int, end: int) -> None:
        """Reports characters that are no part of the language."""
        written = self._text[start:end]
        span = Span(self._source.path, start, end)
        if kind == "quoted":
            is_plain = not set(written) & SPECIAL
            fix = replacement(span, f'"{written[1:-1]}"') if is_plain else None
            message, helps = "texts stand between double quotes", 'write it between `"` and `"`'
            self._add("T0001", (start, end), message, "other quotes", helps=helps, fix=fix)
            return
        lookalike = _LOOKALIKES.get(written, "")
        shown = f"U+{ord(written[0]):04X}"
        if len(written) > 1 or written.isprintable():
            shown = f"`{shorten(written)}`"
        self._add(
            "T0001",
            (start, end),
            f"{shown} is not part of the language here",
            "not part of the language outside a quoted text",
            helps=f"did you mean `{lookalike.rstrip() or lookalike}`?" if lookalike else "",
            fix=replacement(span, lookalike) if lookalike else None,
        )

    def report_comment(self, start: int, end: int) -> None:
        """Reports a comment inside a placeholder."""
        message, helps = "a placeholder holds no comment", "put it before the text"
        self._add("T0022", (start, end), message, "a comment", helps=helps)


def shorten(written: str, most: int = 40) -> str:
    """The characters as a message shows them: on one line, printable, at most `most`."""
    shown = written if len(written) <= most else written[: most - 1] + "…"
    return "".join(mark if mark.isprintable() else f"\\u{{{ord(mark):x}}}" for mark in shown)


def _offset(finding: Diagnostic) -> int:
    assert finding.primary is not None, "every finding of the lexer has its place"
    return finding.primary.span.start
