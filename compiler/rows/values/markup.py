"""HTML to text: tags go, the text between them stays.

In: a text with HTML in it, perhaps broken. Out: text. A small scanner of its own, because the
standard library's parser reads broken markup differently from one Python to the next, and the same
spec must give the same content. Entities are left alone. What it does, exactly:

- A tag is `<`, perhaps `/`, an ASCII letter, and all up to the first `>` outside quotes; unquoted
  `<` ends the attempt. Comments `<!-- -->`, declarations `<!...>` and `<?...>` count as tags. A `<`
  that opens none of these is text.
- `script` and `style` go with all they hold, up to their end tag or the end of the text.
- A tag named in `keep` stays as `<name>` or `</name>`, lower case, without attributes.
- Tags of blocks (and `br`) that go leave a line feed before the next text, tags of table cells a
  space, unless whitespace of that kind already stands there; none is added at the start or the end.
"""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

__all__ = ["strip_markup"]

_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<[!?][^>]*>"
    r"""|<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9:-]*)(?=[\s/>])(?:[^<>"']|"[^"]*"|'[^']*')*>""",
    re.DOTALL,
)
_HIDDEN = frozenset({"script", "style"})
_CELLS = frozenset({"td", "th"})
# fmt: off
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd",
    "details", "dialog", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer",
    "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "html", "li", "main",
    "nav", "ol", "option", "p", "pre", "section", "select", "summary", "table", "tbody",
    "tfoot", "thead", "title", "tr", "ul",
})
# fmt: on


def strip_markup(text: str, keep: AbstractSet[str]) -> str:
    """Returns `text` without its tags.

    Args:
        text: Any text.
        keep: Lower-case names of tags that stay.
    """
    if "<" not in text:
        return text
    written: list[str] = []
    has_words = False
    gap = ""  # what tags since the last words ask for
    blanks = ""  # the whitespace that stands there already
    for piece, gap_of_tag in _pieces(text, keep):
        if gap_of_tag:
            gap = "\n" if "\n" in (gap, gap_of_tag) else gap_of_tag
            continue
        words = piece.lstrip()
        blanks += piece[: len(piece) - len(words)]
        if words:
            if has_words and gap and (gap == "\n" or not blanks) and gap not in blanks:
                written.append(gap)
            has_words = True
            gap = ""
            blanks = words[len(words.rstrip()) :]
        written.append(piece)
    return "".join(written)


def _pieces(text: str, keep: AbstractSet[str]) -> Iterator[tuple[str, str]]:
    """Yields (text, "") for what stays, and ("", gap) for a tag that goes and separates."""
    position = 0
    while (found := _TAG.search(text, position)) is not None:
        if found.start() > position:
            yield text[position : found.start()], ""
        position = found.end()
        name = (found["name"] or "").lower()
        if name in keep:
            yield f"<{found['end']}{name}>", ""
        elif name in _BLOCKS:
            yield "", "\n"
        elif name in _CELLS:
            yield "", " "
        elif name in _HIDDEN and not found["end"]:
            closing = re.compile(rf"</{name}\b[^>]*(?:>|\Z)", re.IGNORECASE).search(text, position)
            position = closing.end() if closing else len(text)
    if position < len(text):
        yield text[position:], ""
