"""Golden renderings: every `test` block's row through its prompt, compared with what it says.

In: a checked program. Out: one outcome a test, and edits that write the present rendering into the
spec (`taskc test --update`). Only rows given in the spec are phrased: no data and no tokenizer is
read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff

from taskc.compiler.examples import PhraseTask, Rows
from taskc.compiler.keys import value_hash
from taskc.compiler.lower import lower_test
from taskc.compiler.turns.phrase import phrase
from taskc.compiler.turns.turn import Loss
from taskc.dsl.diagnostics import Edit
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program as checked
from taskc.dsl.text.source_text import SourceText, Span

__all__ = ["Outcome", "Rendering", "outcomes", "updates"]


@dataclass(frozen=True, slots=True)
class Rendering:
    """What a prompt makes of a row: the text before what is trained, and what is trained."""

    input: str
    target: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test.

    Attributes:
        package: The package that declares it.
        test: The test.
        rendering: What its prompt makes of its row; None where it makes nothing.
        problem: Why there is no rendering, or "".
    """

    package: str
    test: checked.Test
    rendering: Rendering | None
    problem: str = ""

    @property
    def differences(self) -> list[str]:
        """A unified diff for each text that is not as the test says; none where it passes."""
        if self.rendering is None:
            return [self.problem]
        pairs = (
            ("input", self.test.input, self.rendering.input),
            ("target", self.test.target, self.rendering.target),
        )
        return [
            "\n".join(
                unified_diff(
                    said.split("\n"), made.split("\n"), f"{name} in the test", name, lineterm=""
                )
            )
            for name, said, made in pairs
            if said is not None and said != made
        ]


def outcomes(program: checked.Program) -> Iterator[Outcome]:
    """Yields the outcome of every test of a program, in order of packages and names."""
    for package in program.packages:
        for test in package.tests.values():
            yield _outcome(program, package, test)


def _outcome(program: checked.Program, package: checked.Package, test: checked.Test) -> Outcome:
    source, template = lower_test(program, package, test)
    rows = Rows(
        source=source.name,
        split="train",
        values=[dict(test.row)],
        ids=[value_hash(dict(test.row))],
        ordinals=[0],
        files=[0],
        numbers=[1],
        file_names=["(the row of the test)"],
    )
    phrasing = phrase(
        PhraseTask(
            source=source,
            split="train",
            templates=(template,),
            seed=0,
            repetition=0,
            evaluation=not any(prompt.has_target for prompt in template.prompts),
            rows=rows,
        )
    )
    if phrasing.mistakes:
        return Outcome(package.name, test, None, phrasing.mistakes[0][1].message)
    if not phrasing.examples:
        return Outcome(package.name, test, None, phrasing.drops[0].reason)
    turns = phrasing.examples[0].turns
    trained = [turn.loss is not Loss.NEVER for turn in turns]
    first = trained.index(True) if any(trained) else len(turns)
    if len(turns) > 2:  # noqa: PLR2004 - a dialogue: all but the last trained turn is its input
        first = len(turns) - 1 - trained[::-1].index(True) if any(trained) else len(turns)
    return Outcome(
        package.name,
        test,
        Rendering(
            "\n".join(turn.text for turn in turns[:first]),
            "\n".join(turn.text for turn in turns[first:]),
        ),
    )


def updates(outcome: Outcome, text: SourceText) -> list[Edit]:
    """Edits that make the test say what its prompt makes of its row now.

    Args:
        outcome: A test's outcome, with a rendering.
        text: The file that declares the test.
    """
    assert outcome.rendering is not None, "nothing was rendered"
    made = {"input": outcome.rendering.input, "target": outcome.rendering.target}
    edits = []
    for statement in outcome.test.node.statements:
        if isinstance(statement, ast.TestText) and statement.text != made[statement.keyword]:
            column = text.location(statement.span.start)[1]
            written = _written(made[statement.keyword], " " * (column + 1))
            edits.append(Edit(_text_span(statement, text), written))
    return edits


def _text_span(statement: ast.TestText, text: SourceText) -> Span:
    """The span of the text alone, behind the keyword and its blanks."""
    after = statement.span.start + len(statement.keyword)
    rest = text.text[after : statement.span.end]
    start = after + len(rest) - len(rest.lstrip())
    return Span(statement.span.path, start, statement.span.end)


def _written(value: str, indent: str) -> str:
    """A text as the language writes it: quoted, or as a block where it has several lines."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r")
    if "\n" not in value:
        return '"' + escaped.replace("\t", "\\t") + '"'
    plain = value.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').replace("\r", "\\r")
    lines = [f"{indent}{line}" if line else "" for line in plain.split("\n")]
    return "\n".join(['"""', *lines, f'{indent}"""'])
