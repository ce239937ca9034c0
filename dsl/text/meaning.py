"""What a file says, apart from how it is written: what formatting must not change.

In: a parsed file. Out: values that compare equal where two files say the same: the declarations
without their places, the codes of the mistakes that stay, the comments. O(nodes).
"""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from taskc.dsl.model.declarations import Block, Dialogue, From, Prompt, Setting, Statement
from taskc.dsl.model.expressions import Name
from taskc.dsl.text.parser import ParsedFile
from taskc.dsl.text.source_text import Span

__all__ = ["comments", "labelled", "meaning"]


def labelled(prompts: Sequence[tuple[str, str]]) -> list[str]:
    """The labels of a template's prompts: a new one where there are several and one has none.

    Args:
        prompts: Keyword and label ("" for none) of each.
    """
    taken = {label for _, label in prompts}
    labels: list[str] = []
    for number, (keyword, written) in enumerate(prompts, start=1):
        label = written or f"{keyword}_{number}"
        while not written and label in taken:
            label += "_"
        taken.add(label)
        labels.append(label if len(prompts) > 1 else written)
    return labels


def comments(parsed: ParsedFile) -> list[str]:
    """The comments of a file, sorted, without blanks behind them.

    A comment in the middle of an expression may change places with one in a bracket.
    """
    tree = parsed.tree
    return sorted(
        parsed.source.text[token.start : token.end].rstrip()
        for number in range(len(tree))
        for token in tree.gap(number)
        if token.kind == "comment"
    )


def meaning(parsed: ParsedFile) -> list[Any]:
    """The declarations of a file without places, and the codes of its mistakes."""
    mended = ("T0012", "T0013")
    codes = [found.code for found in parsed.diagnostics if found.code not in mended]
    return [codes, *(_without_places(declaration) for declaration in parsed.declarations)]


def _without_places(node: object) -> Any:
    """A node as nested tuples, its spans left out."""
    if isinstance(node, Block) and node.kind == "template":
        node = replace(node, statements=_with_labels(node.statements))
    if isinstance(node, From):
        # A text argument stands twice: read, and as written with its placeholders.
        names = (argument.name and argument.name.text for argument in node.call.arguments)
        return ("From", node.call.function.text, *names, _without_places(node.texts))
    if isinstance(node, Setting) and node.text:
        return ("Setting", node.keyword, _without_places(node.text))
    if is_dataclass(node):
        values = (getattr(node, field.name) for field in fields(node))
        return (type(node).__name__, *map(_without_places, values))
    if isinstance(node, Span):
        return None
    if isinstance(node, tuple):
        return tuple(map(_without_places, node))
    if isinstance(node, dict):
        return tuple((key, _without_places(value)) for key, value in node.items())
    return node


def _with_labels(statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """The statements of a template, with the labels that formatting gives."""
    prompts = [prompt for prompt in statements if isinstance(prompt, Prompt | Dialogue)]
    written = [
        (
            prompt.keyword if isinstance(prompt, Prompt) else "dialogue",
            prompt.label.text if prompt.label else "",
        )
        for prompt in prompts
    ]
    labels = iter(labelled(written))
    found: list[Statement] = []
    for statement in statements:
        if isinstance(statement, Prompt | Dialogue):
            label = next(labels)
            name = Name(label, statement.span) if label else None
            found.append(replace(statement, label=name))
        else:
            found.append(statement)
    return tuple(found)
