"""The statements of a block: which may stand in it, which must, which only once.

In: a block. Out: its statements by keyword, with reports about those that do not belong, stand
twice or are missing. What a statement says is judged by the pass of its block.
"""

from collections.abc import Sequence
from typing import TypeVar, assert_never

from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import either

__all__ = ["STATEMENTS", "Statements", "keyword_of"]

_S = TypeVar("_S", bound=ast.Statement)

# Block kind -> keyword -> whether the statement may repeat.
STATEMENTS: dict[str, dict[str, bool]] = {
    "source": {
        "from": False,
        "splits": False,
        "fields": False,
        "let": True,
        "where": True,
        "dedup": False,
        "limit": False,
        "metric": False,
        "references": False,
        "license": False,
    },
    "cluster": {"sources": False, "related": False},
    "template": {
        "options": False,
        "prompt": True,
        "inverse": True,
        "dialogue": True,
        "let": True,
        "where": True,
    },
    "test": {"row": False, "prompt": False, "input": False, "target": False},
    "mixture": {
        "from": False,
        "take": True,
        "holdout": False,
        "rate": False,
        "templates": False,
        "fewshot": False,
        "repeat": False,
        "total": False,
        "dedup": True,
        "decontaminate": True,
        "require": True,
        "seed": False,
    },
    "tokenizer": {"from": False, "eos": False, "bos": False, "pad": False, "add": True},
    "build": {
        "mixture": False,
        "tokenizer": False,
        "format": False,
        "pack": False,
        "splits": False,
    },
    "train": {"data": False, "model": False, "recipe": False, "seed": False},
    "evaluate": {"run": False, "model": False, "clusters": False, "splits": False, "method": False},
}

# Block kind -> alternatives of which one must stand in it, with a line that shows how.
_MANDATORY: dict[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "source": ((("from",), 'from jsonl("data/{split}.jsonl")'),),
    "cluster": ((("sources",), "sources a, b"),),
    "template": ((("prompt", "inverse", "dialogue"), 'prompt label: "{question}" -> "{answer}"'),),
    "test": (
        (("row",), 'row { question: "..." }'),
        (("prompt",), "prompt template.label"),
        (("input", "target"), 'target "..."'),
    ),
    "mixture": ((("from", "take"), "from all clusters"),),
    "tokenizer": ((("from",), 'from file("tokenizer.json")'),),
    "build": (
        (("mixture",), "mixture name"),
        (("tokenizer",), "tokenizer name"),
        (("format",), "format prompt_target(input: 1024, target: 256, separator: eos, end: eos)"),
        (("pack",), "pack best_fit(length: 2048)"),
    ),
    "train": (
        (("data",), "data build_name"),
        (("model",), 'model "path/to/model"'),
        (("recipe",), "recipe sft()"),
    ),
    "evaluate": ((("run", "model"), "run train_name"), (("method",), "method rank(score: sum)")),
}


def keyword_of(statement: ast.Statement) -> str:
    """The word that a statement starts with."""
    match statement:
        case (
            ast.BrokenStatement(keyword=keyword)
            | ast.Names(keyword=keyword)
            | ast.Prompt(keyword=keyword)
            | ast.TestText(keyword=keyword)
            | ast.Use(keyword=keyword)
            | ast.Setting(keyword=keyword)
            | ast.SpecialToken(role=keyword)
        ):
            return keyword
        case ast.From() | ast.MixtureFrom():
            return "from"
        case ast.MixtureDedup():
            return "dedup"
        case ast.TestRow():
            return "row"
        case ast.TestPrompt():
            return "prompt"
        case ast.AddToken():
            return "add"
        case (
            ast.Splits()
            | ast.Fields()
            | ast.Let()
            | ast.Where()
            | ast.Limit()
            | ast.Dedup()
            | ast.Metric()
            | ast.References()
            | ast.License()
            | ast.Options()
            | ast.Dialogue()
            | ast.Holdout()
            | ast.Rate()
            | ast.Take()
            | ast.Templates()
            | ast.Fewshot()
            | ast.Repeat()
            | ast.Total()
            | ast.Decontaminate()
            | ast.Require()
            | ast.Seed()
        ):
            return type(statement).__name__.lower()
        case _:
            assert_never(statement)


class Statements:
    """The statements of one block, in written order.

    Attributes:
        has_broken: A statement could not be read: what the block lacks is not known.
    """

    __slots__ = ("block", "has_broken", "statements")

    def __init__(self, block: ast.Block, report: Reporter) -> None:
        self.block = block
        self.has_broken = not block.complete
        self.statements: list[ast.Statement] = []
        first: dict[str, Span] = {}
        allowed = STATEMENTS[block.kind]
        for statement in block.statements:
            keyword = keyword_of(statement)
            if isinstance(statement, ast.BrokenStatement):
                self.has_broken = True
                first.setdefault(keyword, statement.span)
                continue
            before = first.setdefault(keyword, statement.span)
            if before is not statement.span and not allowed[keyword]:
                _report_repeated(block, statement, keyword, before, report)
                continue
            self.statements.append(statement)
        if not self.has_broken:
            self._check_missing(first.keys(), report)

    def _check_missing(self, present: Sequence[str] | set[str] | object, report: Reporter) -> None:
        for alternatives, line in _MANDATORY[self.block.kind]:
            if any(keyword in present for keyword in alternatives):  # type: ignore[operator]
                continue
            name = self.block.name
            report.report(
                "T0120",
                name.span,
                f"{self.block.kind} `{name.text}` has no {either(alternatives)}",
                label=f"lacks {either(alternatives)}",
                helps=(f"add a line such as `{line}`",),
            )

    def one(self, kind: type[_S]) -> _S | None:
        """The statement of a kind that stands at most once."""
        return next((each for each in self.statements if isinstance(each, kind)), None)

    def many(self, kind: type[_S]) -> list[_S]:
        """The statements of a kind, in written order."""
        return [each for each in self.statements if isinstance(each, kind)]

    def keyed(self, kind: type[_S], keyword: str) -> _S | None:
        """The statement of a kind whose keyword is this one."""
        return next((each for each in self.many(kind) if keyword_of(each) == keyword), None)

    def spans(self) -> dict[str, Span]:
        """Where each statement stands that may stand once, by its keyword."""
        repeats = STATEMENTS[self.block.kind]
        named = [(keyword_of(each), each.span) for each in self.statements]
        return {keyword: span for keyword, span in named if not repeats[keyword]}


def _report_repeated(
    block: ast.Block, statement: ast.Statement, keyword: str, before: Span, report: Reporter
) -> None:
    helps: tuple[str, ...] = ()
    if keyword in ("sources", "related", "splits", "holdout"):
        helps = (f"write one list: `{keyword} a, b`",)
    elif keyword == "from" and block.kind == "source":
        helps = ("one pattern may match several files: `data/*.jsonl`", "or declare two sources")
    report.report(
        "T0114",
        statement.span,
        f"`{keyword}` stands twice in {block.kind} `{block.name.text}`",
        label="again here",
        secondary=((before, "first here"),),
        helps=helps,
    )
