"""What a file says, apart from how it is written: what formatting must not change.

In: a parsed file. Out: values that compare equal where two files say the same: the declarations
without their places, the codes of the mistakes that stay, the comments. O(nodes).
"""

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import cache
from operator import attrgetter
from types import NoneType
from typing import Any, Final, get_args

from taskc.dsl.model.declarations import Block, Dialogue, From, Prompt, Setting, Statement
from taskc.dsl.model.expressions import Name
from taskc.dsl.text.parser import ParsedFile
from taskc.dsl.text.source_text import Span

__all__ = ["comments", "labelled", "meaning"]

_PLAIN: Final = {str, int, float, bool, NoneType}
_Reader = Callable[[Any], Any]


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
    return sorted(comment for number in tree.commented for comment in tree.comments(number))


def meaning(parsed: ParsedFile) -> list[Any]:
    """The declarations of a file without places, and the codes of its mistakes.

    All in one flat list, since a file has about as many nodes as tokens: the class and the plain
    values of each node, then those of the nodes in it.
    """
    mended = ("T0012", "T0013")
    found: list[Any] = [each.code for each in parsed.diagnostics if each.code not in mended]
    nodes: list[Any] = list(parsed.declarations)
    while nodes:
        node = nodes.pop()
        values, inner = _readers(node.__class__)
        found.append(values(node))
        nodes.extend(inner(node))
    return found


@cache
def _readers(kind: type) -> tuple[_Reader, _Reader]:
    """What gives the class and the plain values of a node of a class, and the nodes in it."""
    if kind is tuple:
        return len, iter
    if not is_dataclass(kind):
        return (lambda value: value), (lambda _: ())
    types = {field.name: field.type for field in fields(kind) if field.type is not Span}
    inner = [name for name, type_ in types.items() if set(get_args(type_) or [type_]) - _PLAIN]
    plain = [name for name in types if name not in inner]
    values = attrgetter("__class__", *plain)
    if kind is From:
        return values, _inner_of_from
    if kind is Setting:
        return values, lambda setting: (setting.text or setting.value,)
    if kind is Block:
        return values, _inner_of_block
    # An attrgetter of one name gives no tuple.
    return values, attrgetter(*inner) if len(inner) > 1 else lambda node: [
        getattr(node, name) for name in inner
    ]


def _inner_of_from(node: From) -> list[Any]:
    """A text argument stands twice: as it was written, and with its placeholders, which counts."""
    keys = [
        argument.name.text if argument.name else str(position)
        for position, argument in enumerate(node.call.arguments)
    ]
    values = (argument.value for argument in node.call.arguments)
    read = (node.texts.get(key, value) for key, value in zip(keys, values, strict=True))
    return [node.call.function.text, tuple(keys), tuple(read)]


def _inner_of_block(block: Block) -> list[Any]:
    statements = block.statements
    if block.kind == "template":
        statements = _with_labels(statements)
    return [block.name, block.schema, block.serves, statements]


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
