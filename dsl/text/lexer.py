r'''The lexer: characters to tokens, nothing lost and nothing thrown.

In: the text of one file, whatever it holds. Out: four parallel lists (kind, start, end, value) of
significant tokens. What lies between two of them is trivia (blanks, line ends, comments,
characters that are not part of the language) and is split only for who asks (`trivia`), so that
tokens and trivia joined always give the file back. Mistakes are diagnostics. One pass,
O(characters), about 0.6 us a token.

A `"..."` is plain where an expression stands (`{` is just a character) and takes placeholders
where a prompt stands; only the parser knows which. So the lexer stops after a quoted text that
holds a `{` and waits: `read_text()` reads it again with placeholders, `more()` goes on past it as
it is. In a text with placeholders the tokens are, as in ECMAScript's template literals, `"...{`
(head), `}...{` (middle) and `}..."` (tail), with the tokens of the expressions between them.

**One-line texts** end on their line, and so do the placeholders in them. `\n \r \t \" \\
\u{1F600}` are the escapes. `{{` and `}}` are braces where placeholders are read. `r"..."` knows no
escapes.

**Text blocks.** After the opening `"""` comes a line end (blanks before it are skipped), and the
closing `"""` stands first on its line. The text starts after the newline that follows the opening
quotes and ends before the newline that precedes the closing ones: a block of one line has no
newline in it. The blanks before the closing quotes are the block's indentation: they are taken
from the front of every line. A line of blanks only that does not start with them becomes empty;
any other line that does not start with them is a mistake (T0006). A line end `\r\n` becomes `\n`;
otherwise no character is changed, trailing blanks included. Escapes and placeholders are as in
one-line texts; indentation is taken away before escapes are undone, and not inside a placeholder.
A block's first unescaped `"""` is its end.

A word at column 1 that reads as the head of a declaration (`tokens.HEAD`) starts one, wherever it
stands outside a quoted text: the kind `end` stands before it, so an open bracket never swallows
the next declaration.
'''

import re

from taskc.dsl.text.findings import SPECIAL, Findings
from taskc.dsl.text.quotes import QuoteMistake, find_block_end, find_closing_quotes
from taskc.dsl.text.source_text import SourceText
from taskc.dsl.text.tokens import (
    DECLARATION_WORDS,
    EXPRESSION_WORDS,
    HEAD,
    TOKEN,
    Token,
    trivia,
)

__all__ = ["Lexer", "tokenize"]

_LINE_CHARACTERS = re.compile(
    r'[^"\\{}\r\n]*(?:(?:\\(?:u\{[0-9A-Za-z]*\}|[^\r\n])|\{\{|\}\}?)[^"\\{}\r\n]*)*',
)
_BLOCK_CHARACTERS = re.compile(
    r"[^\\{}]*(?:(?:\\(?:u\{[0-9A-Za-z]*\}|.)|\{\{|\}\}?)[^\\{}]*)*",
    re.DOTALL,
)


def tokenize(text: str) -> list[Token]:
    """Returns every token and every piece of trivia of a text, in order; joined they are the text.

    Quoted texts are read as in an expression, without placeholders.
    """
    lexer = Lexer(SourceText("", text))
    while not lexer.at_end:
        lexer.more()
    tokens: list[Token] = []
    position = 0
    for kind, start, end in zip(lexer.kinds, lexer.starts, lexer.ends, strict=True):
        tokens.extend(trivia(text, position, start))
        if start < end:
            tokens.append(Token(kind, start, end))
        position = end
    return tokens


class Lexer:
    """Tokens of one file, read as the parser asks for them.

    Kinds: `name`, `word` (of `EXPRESSION_WORDS`), `number`, `string`, `raw`, `block`, `broken` (a
    quoted text that could not be read), `head`, `middle`, `tail`, `end` (of a declaration or of the
    file; no characters), and each mark under its own spelling.

    Attributes:
        kinds: Kind of each token.
        starts: Offset at which each starts.
        ends: Offset at which each ends.
        values: Characters of each.
        at_end: Whether the whole file is read.
        findings: What was found wrong so far.
    """

    __slots__ = (
        "_is_unclosed",
        "_position",
        "_source",
        "_text",
        "at_end",
        "ends",
        "findings",
        "kinds",
        "starts",
        "values",
    )

    def __init__(self, source: SourceText) -> None:
        self._source = source
        self._text = source.text
        self._position = 1 if source.text.startswith("\ufeff") else 0
        self._is_unclosed = False  # no closing quotes are left in the file
        self.kinds: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.values: list[str] = []
        self.at_end = False
        self.findings = Findings(source)

    def more(self) -> None:
        """Reads on to the next quoted text with a brace in it, or to the end of the file."""
        if self._scan(self._position, len(self._text), in_placeholder=False):
            return
        self.at_end = True
        # Two, so that the parser may look one token ahead from the end.
        self._append("end", len(self._text), len(self._text))
        self._append("end", len(self._text), len(self._text))

    def read_text(self) -> None:
        """Reads the last token, a quoted text with a brace in it, again with its placeholders."""
        kind, start, end = self.kinds[-1], self.starts[-1], self.ends[-1]
        mark, num_findings = len(self.kinds) - 1, len(self.findings.found)
        self._truncate(mark)
        if kind == "block":
            unclosed = self._pieces(start, 3, end - 3, _BLOCK_CHARACTERS)
        else:
            end = self._line_end(start)
            unclosed = self._pieces(start, 1, end, _LINE_CHARACTERS)
        if unclosed != -1:
            self._truncate(mark)
            del self.findings.found[num_findings:]
            self.findings.report_placeholder(unclosed)
            self._append("broken", start, end)
            self._position = end

    # ---- reading ---------------------------------------------------------------------------------

    def _append(self, kind: str, start: int, end: int) -> None:
        self.kinds.append(kind)
        self.starts.append(start)
        self.ends.append(end)
        self.values.append(self._text[start:end])

    def _truncate(self, length: int) -> None:
        del self.kinds[length:], self.starts[length:], self.ends[length:], self.values[length:]

    def _scan(self, position: int, limit: int, *, in_placeholder: bool) -> bool:
        """Reads tokens up to `limit`; says whether it stopped before, at what it was to stop at.

        That is a quoted text with a brace in it or, in a placeholder, a `}` without its `{`.
        """
        text, match_token = self._text, TOKEN.match
        kinds, starts, ends, values = self.kinds, self.starts, self.ends, self.values
        braces = 0
        while True:
            match = match_token(text, position, limit)
            assert match is not None, "the last alternatives take any character"
            kind = match.lastgroup
            assert kind is not None
            value = match[kind]
            start, position = match.span(kind)
            if kind == "name":
                if value in EXPRESSION_WORDS:
                    kind = "word"
                elif value in DECLARATION_WORDS and self._is_head(start):
                    if in_placeholder:
                        return False
                    self._append("end", start, start)
            elif kind == "op":
                kind = value
                if in_placeholder and value in "{}":
                    braces += 1 if value == "{" else -1
                    if braces < 0:
                        self._position = start
                        return True
            elif kind == "end":
                return False
            elif kind not in ("string", "raw"):
                if in_placeholder and kind in ("block", "open"):
                    return False
                kind, position = self._read_rare(kind, start, position)
                if not kind:
                    continue
                value = text[start:position]
            kinds.append(kind)
            starts.append(start)
            ends.append(position)
            values.append(value)
            if not in_placeholder and kind in ("string", "block") and "{" in value:
                self._position = position
                return True

    def _is_head(self, start: int) -> bool:
        """Whether the word at `start` stands at column 1 and reads as the head of a declaration."""
        is_first = start == 0 or self._text[start - 1] in "\n\ufeff"
        return is_first and HEAD.match(self._text, start) is not None

    def _line_end(self, start: int) -> int:
        end = self._text.find("\n", start)
        end = len(self._text) if end == -1 else end
        carriage_return = self._text.find("\r", start, end)
        return end if carriage_return == -1 else carriage_return

    def _pieces(
        self,
        start: int,
        num_quotes: int,
        limit: int,
        characters: re.Pattern[str],
    ) -> int:
        """Reads the pieces of a text; returns -1, or the offset of a `{` that nothing closes."""
        text = self._text
        position, piece_start = start + num_quotes, start
        kind, mark = "head", len(self.kinds)
        while True:
            match = characters.match(text, position, limit)
            assert match is not None, "the pattern takes no characters too"
            position = match.end()
            if position >= limit or text[position] not in "{\\":
                break
            if text[position] == "\\":
                position += 1
                continue
            self._append(kind, piece_start, position + 1)
            num_tokens = len(self.kinds)
            if not self._scan(position + 1, limit, in_placeholder=True):
                return position
            if "#" in text[position : self._position]:
                self._refuse_comments(num_tokens, self._position)
            kind, piece_start, position = "middle", self._position, self._position + 1
        if num_quotes == 1 and (position >= limit or text[position] != '"'):
            self.findings.report_open(start, limit)
            self._truncate(mark)  # its placeholders with it: nothing would end the last one
            self._append("broken", start, limit)
            self._position = limit
            return -1
        whole = "string" if num_quotes == 1 else "block"
        kind = whole if kind == "head" else "tail"
        self._position = position + num_quotes
        self._append(kind, piece_start, self._position)
        return -1

    def _read_rare(self, kind: str, start: int, end: int) -> tuple[str, int]:
        """The kind and end of a number, a text block or a mistake; no kind if it is skipped."""
        if kind == "number":
            self.findings.check_number(start, end)
            return kind, end
        if kind == "block":
            return self._block(start)
        if kind == "open":
            self.findings.report_open(start, end)
            return "broken", end
        self.findings.report_bad(kind, start, end)
        if kind == "bad":
            return "", end
        return ("broken" if set(self._text[start:end]) & SPECIAL else "string"), end

    def _block(self, start: int) -> tuple[str, int]:
        """The kind and end of the text block at `start`."""
        closing = -1 if self._is_unclosed else find_closing_quotes(self._text, start + 3)
        self._is_unclosed = closing == -1
        end, mistake = find_block_end(self._text, start, closing)
        if mistake is QuoteMistake.NONE:
            return "block", end
        self.findings.report_quotes(start, end, mistake)
        return "broken", end

    def _refuse_comments(self, first: int, end: int) -> None:
        """Reports the comments of a placeholder that starts at token `first` and ends at `end`."""
        starts = [*self.starts[first:], end]
        for gap_start, gap_end in zip(self.ends[first - 1 :], starts, strict=True):
            for token in trivia(self._text, gap_start, gap_end):
                if token.kind == "comment":
                    self.findings.report_comment(token.start, token.end)
