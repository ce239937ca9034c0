"""Programs for the tests of the text: the tour, and random derivations of the published grammar."""

import random
from pathlib import Path

import pytest
from lark import Lark
from lark.grammar import NonTerminal, Rule, Terminal

ROOT = Path(__file__).parents[3]

NAMES = (
    "a",
    "b2",
    "label",
    "limit",
    "from",
    "take",
    "source",
    "where",
    "prompt",
    "x_1",
    "Über"[1:],
)
# What stands for a terminal whose spelling is not given away by its pattern. One-line texts hold no
# line end; blocks are indented by four.
LINE_TEXTS = ('""', '"a b"', '"{{x}} # \'"', '"\\"\\\\\\n\\u{1F600}"', '"日本 é"')
WRITTEN = {
    "NAME": NAMES,
    "NAME_BUT_FROM": ("a", "label", "when"),
    "WORD": (*NAMES, "in", "not", "true", "none"),
    "EDITION": ("1",),
    "NUMBER": ("0", "30_000", "0.5", "1e-5", "3E+7", "10%", "0.5%", "007", "1_0.0_1"),
    "RAW": ('r"\\b{x}(I|my)\\d"', 'r""'),
    "STRING": (*LINE_TEXTS, '"{"', '"{{x} # \'"'),
    "TEXT": LINE_TEXTS,
    "TEXT_HEAD": ('"{', '"a {{ {', '"\\t{{{'),
    "TEXT_MIDDLE": ("}{", "} and {", "}}}, \\n{{ {"),
    "TEXT_TAIL": ('}"', '}n."', '}}}"', '} \\" # "'),
    "BLOCK": (
        '"""\n    """',
        '"""\n    a {b} " ""\n\n      c # d\n    """',
        '"""  \n    \\"""\n    """',
    ),
    "BLOCK_TEXT": (
        '"""\n    """',
        '"""\n    a {{b}} " ""\n\n      c\n    """',
        '"""\r\n    x\r\n    """',
    ),
    "BLOCK_HEAD": ('"""\n    {', '"""\n    a "" {{ {', '"""\n\n      \\u{41}{'),
    "BLOCK_MIDDLE": ("}{", "}\n    b\n\n    {", "}}} x {"),
    "BLOCK_TAIL": ('}\n    """', '} "\n    b # c\n    """', '}}}\n\n    """'),
    "COMPARISON": ("==", "!=", "<", "<=", ">", ">="),
    "STYLE": ("dashes", "letters", "numbers", "none"),
    "ROLE": ("system", "user", "assistant", "tool"),
    "UNIT": ("tokens", "examples", "epochs"),
    "TRUE": ("true",),
    "FALSE": ("false",),
    "NONE": ("none",),
    "SHUFFLED": ("shuffled",),
}
STARTS = frozenset(  # terminals that start a statement, as opposed to those that stand inside one
    [
        "_LET",
        "_WHERE",
        "_LIMIT",
        "_DEDUP",
        "_METRIC",
        "_REFERENCES",
        "_LICENSE",
        "_FIELDS",
        "_SPLITS",
        "_SOURCES",
        "_RELATED",
        "_OPTIONS",
        "_PROMPT",
        "_INVERSE",
        "_DIALOGUE",
        "_ROW",
        "_INPUT",
        "_TARGET",
        "_HOLDOUT",
        "_RATE",
        "_TAKE",
        "_TEMPLATES",
        "_FEWSHOT",
        "_REPEAT",
        "_TOTAL",
        "_DECONTAMINATE",
        "_REQUIRE",
        "_SEED",
        "_EOS",
        "_BOS",
        "_PAD",
        "_ADD",
        "_MIXTURE_OF",
        "_TOKENIZER_OF",
        "_FORMAT",
        "_PACK",
        "_DATA",
        "_MODEL",
        "_RECIPE",
        "_RUN",
        "_METHOD",
    ],
)


TIGHT = frozenset(["TEXT_MIDDLE", "TEXT_TAIL", "BLOCK_MIDDLE", "BLOCK_TAIL"])


class Grammar:
    """The published grammar: a recogniser, and random derivations from its rules."""

    def __init__(self) -> None:
        path = ROOT / "docs" / "grammar.lark"
        self.lark = Lark.open(path, parser="earley", lexer="dynamic", ambiguity="resolve")
        self.rules: dict[str, list[Rule]] = {}
        for rule in self.lark.rules:
            self.rules.setdefault(rule.origin.name, []).append(rule)
        self.heights = self._heights()

    def accepts(self, text: str) -> bool:
        """Whether lark's Earley parser reads the text."""
        from lark.exceptions import LarkError

        try:
            self.lark.parse(text)
        except LarkError:
            return False
        return True

    def _heights(self) -> dict[str, int]:
        """For each rule, how deep its smallest derivation is."""
        heights: dict[str, int] = {}
        while len(heights) < len(self.rules):
            for name, rules in self.rules.items():
                known = [height for rule in rules if (height := self._height(rule, heights)) >= 0]
                if known:
                    heights[name] = min(known)
        return heights

    def _height(self, rule: Rule, heights: dict[str, int]) -> int:
        parts = [
            0 if isinstance(symbol, Terminal) else heights.get(symbol.name, -1)
            for symbol in rule.expansion
        ]
        return -1 if -1 in parts else 1 + max(parts, default=0)

    def terminals(self, rng: random.Random, start: str = "start", budget: int = 12) -> list[str]:
        """A random derivation: names of terminals."""
        rules = self.rules[start]
        if budget <= 0:
            smallest = min(self._height(rule, self.heights) for rule in rules)
            rules = [rule for rule in rules if self._height(rule, self.heights) == smallest]
        rule = rng.choice(rules)
        written: list[str] = []
        for symbol in rule.expansion:
            if isinstance(symbol, NonTerminal):
                repeats = symbol.name.startswith("__")
                written += self.terminals(
                    rng, symbol.name, budget - (not repeats or rng.random() < 0.4)
                )
            else:
                written.append(symbol.name)
        return written

    def spelling(self, rng: random.Random, terminal: str) -> str:
        """Characters for a terminal."""
        if terminal in WRITTEN:
            return rng.choice(WRITTEN[terminal])
        pattern = next(found for found in self.lark.terminals if found.name == terminal).pattern
        if pattern.type == "str":
            return pattern.value
        return terminal.removeprefix("_").removesuffix("_OF").lower()

    def program(self, rng: random.Random, num_declarations: int = 3) -> list[tuple[str, str]]:
        """A random program: (what stands before a token, the token) for each token."""
        tokens = [("", "language"), (" ", "1")]
        for _ in range(rng.randint(0, num_declarations)):
            tokens += self.laid_out(rng, self.terminals(rng, "declaration"))
        return tokens

    def laid_out(self, rng: random.Random, terminals: list[str]) -> list[tuple[str, str]]:
        """Puts blanks, line ends and comments between terminals."""
        tokens: list[tuple[str, str]] = []
        inside = ""
        for number, terminal in enumerate(terminals):
            written = self.spelling(rng, terminal)
            if number == 0:
                gap = rng.choice(("\n", "\n\n", "\r\n", "\n# a comment\n"))
            elif terminal in STARTS:
                gap = rng.choice(("\n  ", "\n  ", "\n    ", " ", " # why\n  "))
            elif inside:
                gap = rng.choice(
                    (" ", "", " ", "\t") if inside == "TEXT" else ("", " ", "\n      ")
                )
                gap = gap or " " * (terminal not in TIGHT)
            else:
                gap = rng.choice((" ", " ", " ", "  ", "\n    ", " # x\n  ", "\r\n  "))
            kind, _, part = terminal.partition("_")
            if kind in ("TEXT", "BLOCK"):
                inside = {"HEAD": kind, "TAIL": ""}.get(part, inside)
            tokens.append((gap, written))
        return tokens


@pytest.fixture(scope="session")
def grammar() -> Grammar:
    """The published grammar."""
    return Grammar()


@pytest.fixture(scope="session")
def tour() -> str:
    """The language's tour: a program with everything in it."""
    return (Path(__file__).parent / "tour.task").read_text(encoding="utf-8")
