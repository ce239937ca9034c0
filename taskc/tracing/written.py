"""Written: from characters of a turn to the words of the spec that stand for them.

In: checked specs, a prompt of a plan, and characters of a turn. Out: for each part that they touch
whether it is a literal or a slot, which words of the file it is, and the value that it had. Where
the prompt was made of another one (`templates none`), a part that nobody wrote has the prompt's own
place.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from taskc.compiler import plan
from taskc.compiler.tracing.spans import Cover, option_at, parts_of
from taskc.compiler.turns.phrase import Phrased
from taskc.dsl.checker import Checked
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Piece, Placeholder, Text
from taskc.dsl.text.offsets import character_offsets
from taskc.dsl.text.source_text import Span

__all__ = ["Origin", "OriginKind", "Written"]

OriginKind = Literal["literal", "slot", "options", "message", "format"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionOrigin:
    """An option that a token shows or answers with.

    Attributes:
        number: Its place in the order shown, from 1.
        count: How many there are.
        text: What it says.
        at: Where it is written; where the row brings the options, the clause.
    """

    number: int
    count: int
    text: str
    at: str


@dataclass(frozen=True, slots=True)
class Origin:
    """A part of a text that a token covers.

    Attributes:
        kind: A "literal" of the prompt, a "slot" (placeholder), the list of "options", a "message"
            that the row brings, or what the "format" sets.
        written: The words of the spec: a literal's characters that are covered, a placeholder.
        value: What stands for it in the text; "" for a literal.
        covered: The characters of the value that are covered.
        at: Where it is written: file:line:column.
        option: Which option it is, where it is one.
    """

    kind: OriginKind
    written: str
    value: str = ""
    covered: str = ""
    at: str = ""
    option: OptionOrigin | None = None


class Written:
    """A prompt of a plan as its file has it."""

    def __init__(self, checked: Checked, template: plan.Template, prompt: plan.Prompt) -> None:
        self._texts = checked.program.texts
        self._template = template
        self._prompt = prompt
        owner, self._own = _declared(checked, prompt)
        self._options = owner.options

    # ---- parts ---------------------------------------------------------------------------------

    def origins(self, phrased: Phrased, parts: Sequence[str], cover: Cover) -> Iterator[Origin]:
        """Yields the parts that characters of a turn touch.

        Args:
            phrased: The example.
            parts: Of that turn, as they stand in its text.
            cover: The characters.
        """
        lowered = self._prompt.turns[cover.turn].text.parts
        for index, first, last in parts_of(parts, cover.start, cover.end):
            covered = parts[index][first:last]
            node = self._node(cover.turn, index)
            if isinstance(lowered[index], str):
                yield Origin("literal", covered, covered=covered, at=self._at(node, first))
                continue
            written = "{...}" if node is None else self._text_of(self._span(node))
            is_list = lowered[index] == plan.Name(name="options")
            yield Origin(
                "options" if is_list else "slot",
                written,
                value=parts[index],
                covered=covered,
                at=self._at(node, 0),
                option=self._option(phrased, lowered[index], first),
            )

    def of_message(self, phrased: Phrased, cover: Cover) -> Origin:
        """Characters of a turn that the row brings."""
        text = phrased.texts[cover.turn]
        messages = self._own.messages
        span = self._own.span if messages is None else messages.span
        return Origin(
            "message",
            f"{self._text_of(span)}, message {cover.turn + 1}",
            value=text,
            covered=text[cover.start : cover.end],
            at=self._place(span.path, span.start),
        )

    # ---- places --------------------------------------------------------------------------------

    def _node(self, turn: int, part: int) -> tuple[Text, int] | None:
        """The text and the part of it that a part of the plan was lowered from."""
        lowered = self._prompt.turns[turn].text.parts
        text = self._own.turns[turn].text
        if _is_as_written(lowered, text):
            return text, part
        if isinstance(lowered[part], str):
            return None  # an instruction was taken out, so nobody wrote what joins the values
        number = sum(not isinstance(each, str) for each in lowered[:part])
        return text, self._values(text)[number]

    def _values(self, text: Text) -> list[int]:
        """The placeholders that `templates none` leaves: each once, without the options."""
        found: dict[str, int] = {}
        for index, part in enumerate(text.parts):
            if isinstance(part, Placeholder):
                words = "".join(self._text_of(part.expression.span).split())
                if words != "options":
                    found.setdefault(words, index)
        return list(found.values())

    def _span(self, node: tuple[Text, int]) -> Span:
        text, part = node
        return text.parts[part].span

    def _at(self, node: tuple[Text, int] | None, character: int) -> str:
        """Where a character of a literal is written, or a placeholder begins."""
        if node is None:
            at = self._prompt.at
            return f"{at.path}:{at.line}:{at.column}"
        text, part = node
        span = self._span(node)
        if isinstance(text.parts[part], Piece):
            offsets = character_offsets(self._texts[span.path], text, part)
            return self._place(span.path, offsets[character])
        return self._place(span.path, span.start)

    def _place(self, path: str, offset: int) -> str:
        line, column = self._texts[path].location(offset)
        return f"{path}:{line}:{column}"

    def _text_of(self, span: Span) -> str:
        return " ".join(self._texts[span.path].text[span.start : span.end].split())

    # ---- options -------------------------------------------------------------------------------

    def _option(self, phrased: Phrased, part: plan.TextPart, offset: int) -> OptionOrigin | None:
        """The option that a character of the list, or the answer, is of."""
        options, written = phrased.options, self._template.options
        if options is None or written is None:
            return None
        match part:
            case plan.Name(name="options"):
                number = option_at(options, written.style, offset)
            case (
                plan.Name(name="answer") | plan.GetField(base=plan.Name(name="answer"), name="text")
            ):
                number = options.own
            case _:
                return None
        if number is None:
            return None
        text = options.surfaces[number]
        return OptionOrigin(
            number=number + 1,
            count=len(options.surfaces),
            text=text,
            at=self._at_option(written, text, number),
        )

    def _at_option(
        self, written: plan.ChoiceOptions | plan.RowOptions, text: str, number: int
    ) -> str:
        """Where an option is written: found by its words, else by its place, if none is drawn."""
        if isinstance(self._options, program.ChoiceOptions):
            surfaces = [surface for _, surface in self._options.surfaces]
            own = [each for each in surfaces if _literal(each) == text]
            if not own and not written.shuffled:
                own = [surfaces[number]]
            if own:
                return self._place(own[0].span.path, own[0].span.start)
        at = written.at
        return f"{at.path}:{at.line}:{at.column}"


def _literal(text: Text) -> str | None:
    """The characters of a text without placeholders."""
    if not all(isinstance(part, Piece) for part in text.parts):
        return None
    return "".join(part.text for part in text.parts if isinstance(part, Piece))


def _is_as_written(lowered: Sequence[plan.TextPart], text: Text) -> bool:
    """Whether the parts of a plan are those of a text, one for one."""
    return len(lowered) == len(text.parts) and all(
        part.text == own if isinstance(part, Piece) else not isinstance(own, str)
        for part, own in zip(text.parts, lowered, strict=True)
    )


def _declared(checked: Checked, prompt: plan.Prompt) -> tuple[program.Template, program.Prompt]:
    """The declaration that a prompt of a plan stands for."""
    waiting = list(checked.program.packages)
    seen: set[int] = set()
    while waiting:
        package = waiting.pop(0)
        if id(package) in seen:
            continue
        seen.add(id(package))
        waiting += package.imports.values()
        for template in package.templates.values():
            for own in template.prompts:
                if own.span == Span(prompt.at.path, prompt.at.start, prompt.at.end):
                    return template, own
    raise AssertionError("every prompt of a plan is declared")
