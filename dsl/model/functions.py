"""The library functions: names, signatures, exact meaning, examples.

In: nothing. Out: one table, read by the type checker, the reference manual, the editor and the
tests of the compiler's implementation. What stands in `doc` and `examples` is the definition: an
implementation that gives another value is wrong. Nothing here computes a value. Every function is
pure and total but for the row errors that its `doc` names; those stop a build and say the row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from taskc.dsl.model.types import BOOL, FLOAT, INT, TEXT, Choice, List, Type, optional

__all__ = [
    "FUNCTIONS",
    "Example",
    "Function",
    "Parameter",
    "Pattern",
    "Rule",
    "Signature",
    "Variable",
    "VariableList",
]


class Variable(StrEnum):
    """A type variable: every parameter with the same one takes the same type."""

    ANY = "T"  # any type
    NUMBER = "N"  # int or float
    ORDERED = "O"  # text, int or float


@dataclass(frozen=True, slots=True)
class VariableList:
    """A list whose items have the variable's type."""

    item: Variable

    def __str__(self) -> str:
        return f"list[{self.item}]"


Pattern = Type | Variable | VariableList


class Rule(StrEnum):
    """What is checked with the spec where an argument is written out."""

    FREE = "free"  # nothing
    REGEX = "regex"  # must be written out, as a raw text: a pattern
    FILLED = "filled"  # not the empty text
    NATURAL = "natural"  # not negative


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a signature.

    Attributes:
        type: What it takes; a `Choice` takes a literal text only.
        default: What stands in its place where it is left out, as expression text; "" = mandatory.
        named: Given by name only: `strip_html(answer, keep: ["b"])`.
        rule: What is checked where the argument is a literal.
    """

    name: str
    type: Pattern
    default: str = ""
    named: bool = False
    rule: Rule = Rule.FREE

    def __str__(self) -> str:
        default = f" = {self.default}" if self.default else ""
        return f"{self.name}: {self.type}{default}"


@dataclass(frozen=True, slots=True)
class Signature:
    """One way to call a function; `variadic` lets the last parameter repeat."""

    parameters: tuple[Parameter, ...]
    result: Pattern
    variadic: bool = False

    def __str__(self) -> str:
        dots = ", ..." if self.variadic else ""
        return f"({', '.join(map(str, self.parameters))}{dots}) -> {self.result}"


@dataclass(frozen=True, slots=True)
class Example:
    """An expression and its value; `value` None with `is_error` means a row error."""

    expression: str
    value: object
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A library function.

    Attributes:
        group: The heading under which the manual lists it.
        doc: What it gives, exactly; first sentence short enough for a tooltip.
    """

    name: str
    group: str
    signatures: tuple[Signature, ...]
    doc: str
    examples: tuple[Example, ...]

    @property
    def usages(self) -> tuple[str, ...]:
        """Each signature as a user reads it: `len(value: text) -> int`."""
        return tuple(f"{self.name}{signature}" for signature in self.signatures)


_VALUE = Parameter("value", TEXT)
_COUNT = Parameter("count", INT, rule=Rule.NATURAL)
_ITEMS = Parameter("items", VariableList(Variable.ANY))
_PATTERN = Parameter("pattern", TEXT, rule=Rule.REGEX)
_FORMS = Choice(("NFC", "NFD", "NFKC", "NFKD"))
_TEXT_TO_TEXT = (Signature((_VALUE,), TEXT),)
_LEAST_AND_GREATEST = (
    Signature((Parameter("items", VariableList(Variable.NUMBER)),), Variable.NUMBER),
    Signature(
        (Parameter("first", Variable.NUMBER), Parameter("other", Variable.NUMBER)),
        Variable.NUMBER,
        variadic=True,
    ),
)


def _texts() -> Iterator[Function]:
    """Functions over a text."""
    group = "text"
    yield Function(
        "len",
        group,
        (Signature((_VALUE,), INT), Signature((_ITEMS,), INT)),
        "Counts the code points of a text, or the items of a list.",
        (Example('len("naïve")', 5), Example('len("")', 0), Example("len([1, 2, 3])", 3)),
    )
    yield Function(
        "words",
        group,
        (Signature((_VALUE,), List(TEXT)),),
        "Splits at runs of Unicode whitespace; whitespace at the ends gives no empty words.",
        (Example('words("  a\\u{a0}b  c\\n")', ["a", "b", "c"]), Example('words(" ")', [])),
    )
    yield Function(
        "lower",
        group,
        _TEXT_TO_TEXT,
        "Lower-cases by Unicode's full mapping, the same in every locale.",
        (Example('lower("ÀB")', "àb"), Example('lower("A1")', "a1")),
    )
    yield Function(
        "upper",
        group,
        _TEXT_TO_TEXT,
        "Upper-cases by Unicode's full mapping, the same in every locale.",
        (Example('upper("straße")', "STRASSE"), Example('upper("a1")', "A1")),
    )
    yield Function(
        "capitalize",
        group,
        _TEXT_TO_TEXT,
        "Upper-cases the first character and leaves the rest as it is.",
        (Example('capitalize("mcDonald")', "McDonald"), Example('capitalize("")', "")),
    )
    yield Function(
        "strip",
        group,
        _TEXT_TO_TEXT,
        "Takes Unicode whitespace off both ends.",
        (Example('strip("\\t a b \\n")', "a b"), Example('strip(" ")', "")),
    )
    yield Function(
        "replace",
        group,
        (
            Signature(
                (_VALUE, Parameter("old", TEXT, rule=Rule.FILLED), Parameter("new", TEXT)), TEXT
            ),
        ),
        "Replaces every occurrence of `old`, from left to right, none overlapping; `old` may not "
        "be empty (a row error where it comes from the row).",
        (
            Example('replace("a-b-c", "-", " ")', "a b c"),
            Example('replace("aaa", "aa", "b")', "ba"),
        ),
    )
    yield Function(
        "split",
        group,
        (Signature((_VALUE, Parameter("separator", TEXT, rule=Rule.FILLED)), List(TEXT)),),
        "Splits at every occurrence of `separator`, keeping empty parts; `separator` may not be "
        "empty (a row error where it comes from the row).",
        (Example('split("a,b,,c", ",")', ["a", "b", "", "c"]), Example('split("", ",")', [""])),
    )
    yield Function(
        "join",
        group,
        (Signature((Parameter("items", List(TEXT)), Parameter("separator", TEXT)), TEXT),),
        "Joins texts with `separator` between them; an empty list gives an empty text.",
        (Example('join(["a", "b"], ", ")', "a, b"), Example('join([], ", ")', "")),
    )
    yield from _patterns(group)
    yield from _cleaning(group)


def _patterns(group: str) -> Iterator[Function]:
    """Functions that take a regular expression."""
    yield Function(
        "matches",
        group,
        (Signature((_VALUE, _PATTERN), BOOL),),
        "Whether the pattern is found anywhere in the text; `^` and `$` tie it to the ends of the "
        "whole text. Patterns are RE2's: no backreferences, no look-around.",
        (
            Example('matches("I am here", r"\\bam\\b")', value=True),
            Example('matches("Adam", r"^am$")', value=False),
        ),
    )
    yield Function(
        "extract",
        group,
        (Signature((_VALUE, _PATTERN), optional(TEXT)),),
        "Group 1 of the leftmost match, or the whole match where the pattern has no group; `none` "
        "where nothing matches or group 1 took no part.",
        (
            Example('extract("#### 42", r"#### (\\d+)")', "42"),
            Example('extract("a1b22", r"[0-9]+")', "1"),
            Example('extract("abc", r"[0-9]+")', None),
        ),
    )


def _cleaning(group: str) -> Iterator[Function]:
    """Functions that shorten or clean a text."""
    keep = Parameter("keep", List(TEXT), default="[]", named=True)
    form = Parameter("form", _FORMS, default='"NFC"', named=True)
    yield Function(
        "truncate_words",
        group,
        (Signature((_VALUE, _COUNT), TEXT),),
        "Keeps the first `count` words and the spacing before and between them; a text of no more "
        "words is unchanged. A negative count is a row error.",
        (
            Example('truncate_words("a  b c d", 2)', "a  b"),
            Example('truncate_words("a b\\n", 2)', "a b\n"),
            Example('truncate_words("a b", 0)', ""),
        ),
    )
    yield Function(
        "truncate_chars",
        group,
        (Signature((_VALUE, _COUNT), TEXT),),
        "Keeps the first `count` code points. A negative count is a row error.",
        (Example('truncate_chars("naïve", 3)', "naï"), Example('truncate_chars("ab", 9)', "ab")),
    )
    yield Function(
        "strip_html",
        group,
        (Signature((_VALUE, keep), TEXT),),
        "Takes HTML tags and comments out and leaves the text between them, save `script` and "
        "`style`, which go whole. Tags named in `keep` stay, in lower case and without their "
        "attributes. Where the tag of a block (`p`, `div`, `li`, `h1`, `br` and the like) goes "
        "between two texts that no line feed parts, a line feed is left; where that of a table's "
        "cell goes between two that no whitespace parts, a space. Entities are untouched: "
        "`unescape_html` decodes them. Tags and blocks are laid down in "
        "`compiler/rows/values/markup.py`.",
        (
            Example('strip_html("<p>a <b>b</b></p>")', "a b"),
            Example('strip_html("<p>a <b class=x>b</b></p>", keep: ["b"])', "a <b>b</b>"),
            Example('strip_html("<p>a</p><p>b</p>")', "a\nb"),
            Example('strip_html("1 < 2 &amp; 3")', "1 < 2 &amp; 3"),
        ),
    )
    yield Function(
        "strip_markdown",
        group,
        _TEXT_TO_TEXT,
        "Takes the marks of Markdown (CommonMark) out and leaves the words: emphasis, the marks of "
        "headings and quotes, fences and backticks, rules. A link leaves its text, an image the "
        "text in its place; items of lists keep `- ` or their number, code stays as it stands, an "
        "empty line stands between two blocks. HTML is untouched: `strip_html` takes it out. What "
        "is nested more than 50 deep is a row error. What stays is laid down in "
        "`compiler/rows/values/markdown.py`.",
        (
            Example('strip_markdown("# A *b*")', "A b"),
            Example('strip_markdown("see **a** or _b_")', "see a or b"),
            Example('strip_markdown("* a\\n* b")', "- a\n- b"),
            Example('strip_markdown("a\\n***\\nb")', "a\n\nb"),
        ),
    )
    yield Function(
        "unescape_html",
        group,
        _TEXT_TO_TEXT,
        "Decodes HTML's named and numbered character references, once.",
        (
            Example('unescape_html("a &lt; b&#33;")', "a < b!"),
            Example('unescape_html("&amp;lt;")', "&lt;"),
        ),
    )
    yield Function(
        "normalize",
        group,
        (Signature((_VALUE, form), TEXT),),
        "Brings a text to a Unicode normal form.",
        (
            Example('normalize("e\\u{301}")', "é"),
            Example('normalize("ﬁ", form: "NFKC")', "fi"),
        ),
    )


def _lists() -> Iterator[Function]:
    """Functions over a list."""
    group = "lists"
    needle = Parameter("item", Variable.ANY)
    yield Function(
        "first",
        group,
        (Signature((_ITEMS,), Variable.ANY),),
        "The first item; of an empty list a row error.",
        (Example('first(["a", "b"])', "a"), Example("first([])", None, is_error=True)),
    )
    yield Function(
        "last",
        group,
        (Signature((_ITEMS,), Variable.ANY),),
        "The last item; of an empty list a row error.",
        (Example('last(["a", "b"])', "b"), Example("last([])", None, is_error=True)),
    )
    yield Function(
        "unique",
        group,
        (Signature((_ITEMS,), VariableList(Variable.ANY)),),
        "Every item once, in the order of first appearance.",
        (Example('unique(["b", "a", "b"])', ["b", "a"]), Example("unique([])", [])),
    )
    yield Function(
        "sort",
        group,
        (
            Signature(
                (Parameter("items", VariableList(Variable.ORDERED)),),
                VariableList(Variable.ORDERED),
            ),
        ),
        "Ascending: numbers by value, texts by code points; equal items keep their order.",
        (Example('sort(["b", "B", "a"])', ["B", "a", "b"]), Example("sort([3, 1, 2])", [1, 2, 3])),
    )
    yield Function(
        "index",
        group,
        (Signature((_ITEMS, needle), INT),),
        "The position of the first item that equals `item`, from 0; an absent item is a row error.",
        (
            Example('index(["a", "b"], "b")', 1),
            Example('index(["a"], "c")', None, is_error=True),
        ),
    )


def _numbers() -> Iterator[Function]:
    """Functions over numbers, and the keyed choice."""
    group = "numbers"
    number = Parameter("value", Variable.NUMBER)
    yield Function(
        "min",
        group,
        _LEAST_AND_GREATEST,
        "The least of a list or of the arguments; of an empty list a row error.",
        (Example("min(3, 1, 2)", 1), Example("min([])", None, is_error=True)),
    )
    yield Function(
        "max",
        group,
        _LEAST_AND_GREATEST,
        "The greatest of a list or of the arguments; of an empty list a row error.",
        (Example("max([3, 1, 2])", 3), Example("max(1, 2.5)", 2.5)),
    )
    yield Function(
        "round",
        group,
        (
            Signature((Parameter("value", FLOAT),), INT),
            Signature((Parameter("value", FLOAT), Parameter("digits", INT)), FLOAT),
        ),
        "The nearest int, halves to the even one; with `digits`, the nearest float with so many "
        "decimal places.",
        (Example("round(2.5)", 2), Example("round(3.14159, 2)", 3.14)),
    )
    yield Function(
        "abs",
        group,
        (Signature((number,), Variable.NUMBER),),
        "The number without its sign.",
        (Example("abs(-2)", 2), Example("abs(1.5)", 1.5)),
    )
    yield Function(
        "choose",
        "choice",
        (
            Signature(
                (Parameter("first", Variable.ANY), Parameter("other", Variable.ANY)),
                Variable.ANY,
                variadic=True,
            ),
        ),
        "One of the arguments, by a keyed hash of the row: the same on every machine and in every "
        "build, each equally likely over many rows. Only the chosen argument is evaluated.",
        (Example('choose("a", "a")', "a"), Example("choose(1, 1, 1)", 1)),
    )


FUNCTIONS: dict[str, Function] = {
    function.name: function for function in (*_texts(), *_lists(), *_numbers())
}
