"""Templates as functions of a row: compiled once, called for every row.

In: a `plan.Template`. Out: its clauses as functions over the row's names, each knowing its place,
so that a failing expression is a `Mistake` at the clause that holds it. What leaves a row leaves
by `RowLeftError`, which never leaves this stage: `phrase` turns it into a line of the ledger or a
diagnostic.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar, assert_never

from taskc.compiler import plan
from taskc.compiler.examples import Drop, Value
from taskc.compiler.rows.findings import shown
from taskc.compiler.rows.values.evaluate import Env, compile_expression, compile_text
from taskc.compiler.rows.values.operators import RowError
from taskc.compiler.turns.templates import dialogue
from taskc.compiler.turns.templates.options import Options, arranged
from taskc.compiler.turns.turn import Fate, Loss, Mistake, Voice

__all__ = [
    "Clause",
    "CompiledPrompt",
    "CompiledTemplate",
    "RowLeftError",
    "Spoken",
    "TextColumn",
    "compiled",
]

Result = TypeVar("Result")

# How the options of a row are shuffled: from their number to an order, None where they are not.
Shuffle = Callable[[int], list[int]]


# From the names of rows to the text of each; None where a value is no text.
TextColumn = Callable[[Sequence[Mapping[str, Value]]], list[str] | None]


class RowLeftError(Exception):
    """A row gives no example by a prompt."""

    def __init__(self, fate: Fate | Mistake) -> None:
        super().__init__()
        self.fate = fate


@dataclass(frozen=True, slots=True)
class Clause(Generic[Result]):
    """A compiled expression or text, and where it stands."""

    evaluate: Callable[[Env], Result]
    at: plan.Place
    what: str  # "`let` x", for messages

    def __call__(self, env: Env) -> Result:
        """The value for one row; raises RowLeftError with a Mistake (T0830)."""
        try:
            return self.evaluate(env)
        except RowError as error:
            raise _failure(self.what, self.at, error) from error


def _failure(what: str, at: plan.Place, error: RowError) -> RowLeftError:
    message = f"{what} fails on a row"
    notes = (error.message,)
    return RowLeftError(
        Mistake("T0830", at, message, "evaluated here", value=error.value, notes=notes)
    )


class Spoken(NamedTuple):
    """The turns of a row: their texts, and who speaks each."""

    texts: list[str]
    voices: tuple[Voice, ...]


@dataclass(frozen=True, slots=True)
class CompiledPrompt:
    """A prompt as functions of a row's names.

    Attributes:
        index: Position among the template's prompts.
        label: "TEMPLATE.LABEL".
        has_target: Whether some turn of it can be trained on.
        is_inverse: Whether evaluation leaves it out.
        is_dialogue: Whether it is a `dialogue`.
        when: Whether it applies to a row; None: to every one.
        texts: Of the turns that the template writes.
        columns: As `texts`, from many rows at once; None where a text is more than names.
        voices: Of the same turns.
        messages: The turns that the row brings, where the template writes none.
    """

    index: int
    label: str
    at: plan.Place
    has_target: bool
    is_inverse: bool
    is_dialogue: bool
    when: Clause[Value] | None
    texts: tuple[Callable[[Env], str], ...]
    columns: tuple["TextColumn", ...] | None
    voices: tuple[Voice, ...]
    messages: Clause[Value] | None

    def applies(self, env: Env) -> bool:
        """Whether `when` lets the row in."""
        return self.when is None or self.when(env) is True

    def spoken(self, env: Env) -> Spoken:
        """The turns of a row."""
        if self.messages is None:
            try:
                return Spoken([text(env) for text in self.texts], self.voices)
            except RowError as error:
                raise _failure(f"prompt `{self.label}`", self.at, error) from error
        read = dialogue.turns_of(self.messages(env), self.at)
        if not isinstance(read, list):
            raise RowLeftError(read)
        return Spoken(
            [turn.text for turn in read], tuple(Voice(turn.role, turn.loss) for turn in read)
        )

    def answer_text(self, env: Env) -> str | None:
        """The text of the last turn that can be trained on; None where the row brings turns."""
        for text, voice in zip(reversed(self.texts), reversed(self.voices), strict=True):
            if voice.loss is not Loss.NEVER:
                return Clause(text, self.at, f"prompt `{self.label}`")(env)
        return None


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """A template as functions of a row's names.

    Attributes:
        name: The template's name.
        is_gated: Whether a `where` or a `when` can keep a row out.
        is_plain: Whether its prompts see the row's own names and no others.
    """

    name: str
    at: plan.Place
    is_gated: bool
    is_plain: bool
    prompts: tuple[CompiledPrompt, ...]
    lets: tuple[tuple[str, Clause[Value]], ...]
    wheres: tuple[Clause[Value], ...]
    options: "_ChoiceOptions | _RowOptions | None"

    def names(self, env: Env) -> Env:
        """The row's names with those of `let`, in order; `env` stays as it is."""
        own = Env(dict(env.values), env.draw)
        for name, value in self.lets:
            own.values[name] = value(own)
        return own

    def refusal(self, env: Env) -> Drop | None:
        """The drop of the first `where` that is not true."""
        for where in self.wheres:
            if where(env) is not True:
                return Drop("phrase", "where", where.at)
        return None


# ---- options -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _ChoiceOptions:
    """Options over a choice field; `arranged` for each value where no row changes them."""

    written: plan.ChoiceOptions
    values: tuple[str, ...]
    surfaces: tuple[Clause[str], ...]
    arranged: tuple[Options, ...] | None

    def of(self, env: Env, shuffle: Shuffle) -> Options:
        value = env.values.get(self.written.field)
        own = self.values.index(value) if isinstance(value, str) and value in self.values else -1
        if own < 0:
            raise RowLeftError(_no_option(self.written.at, self.written.field, value, self.values))
        if self.arranged is not None:
            return self.arranged[own]
        surfaces = tuple(surface(env) for surface in self.surfaces)
        return _checked(self.written, surfaces, own, shuffle)


@dataclass(frozen=True, slots=True)
class _RowOptions:
    """Options that the row brings."""

    written: plan.RowOptions
    surfaces: Clause[Value]
    answer: Clause[Value]

    def of(self, env: Env, shuffle: Shuffle) -> Options:
        at = self.written.at
        surfaces = self.surfaces(env)
        if not isinstance(surfaces, list) or not all(isinstance(text, str) for text in surfaces):
            message = "the options of a row are no list of texts"
            raise RowLeftError(
                Mistake("T0832", at, message, "reads the options", value=shown(surfaces))
            )
        answer = self.answer(env)
        if isinstance(answer, int) and not isinstance(answer, bool):
            own = answer if 0 <= answer < len(surfaces) else -1
        else:
            own = surfaces.index(answer) if answer in surfaces else -1
        if own < 0:
            raise RowLeftError(_no_option(at, "", answer, surfaces))
        return _checked(self.written, tuple(surfaces), own, shuffle)


def _checked(
    options: plan.ChoiceOptions | plan.RowOptions,
    surfaces: tuple[str, ...],
    own: int,
    shuffle: Shuffle,
) -> Options:
    if len(set(surfaces)) < len(surfaces):
        raise RowLeftError(Fate("phrase", "two equal options", "options"))
    order = shuffle(len(surfaces)) if options.shuffled else None
    return arranged(options.style, surfaces, own, order)


def _no_option(at: plan.Place, field: str, value: object, known: Sequence[object]) -> Mistake:
    return Mistake(
        "T0831",
        at,
        "the answer of a row is not among its options",
        label="the options",
        field=field,
        value=shown(value),
        notes=(
            f"its options: {shown(list(known))}",
            "an answer is the text of an option, or its position, counted from 0",
        ),
    )


# ---- compiling ---------------------------------------------------------------------------------


def compiled(templates: Sequence[plan.Template]) -> list[CompiledTemplate]:
    """The templates as functions; kept for the process, since each chunk asks for the same."""
    return [_compiled(template.model_dump_json()) for template in templates]


@lru_cache(maxsize=256)
def _compiled(template_json: str) -> CompiledTemplate:
    template = plan.Template.model_validate_json(template_json)
    prompts = tuple(
        _compiled_prompt(template, index, prompt) for index, prompt in enumerate(template.prompts)
    )
    return CompiledTemplate(
        name=template.name,
        at=template.at,
        is_gated=bool(template.wheres) or any(prompt.when for prompt in template.prompts),
        is_plain=not template.lets and template.options is None,
        prompts=prompts,
        lets=tuple(
            (let.name, Clause(compile_expression(let.value), let.at, f"`let {let.name}`"))
            for let in template.lets
        ),
        wheres=tuple(
            Clause(compile_expression(where.condition), where.at, "a `where`")
            for where in template.wheres
        ),
        options=_compiled_options(template),
    )


def _compiled_prompt(template: plan.Template, index: int, prompt: plan.Prompt) -> CompiledPrompt:
    label = f"{template.name}.{prompt.label}"

    def clause(expression: plan.Expr) -> Clause[Value]:
        return Clause(compile_expression(expression), prompt.at, f"prompt `{label}`")

    return CompiledPrompt(
        index=index,
        label=label,
        at=prompt.at,
        has_target=prompt.has_target,
        is_inverse=prompt.kind == "inverse",
        is_dialogue=prompt.kind == "dialogue",
        when=clause(prompt.when) if prompt.when is not None else None,
        texts=tuple(compile_text(turn.text) for turn in prompt.turns),
        columns=_columns(prompt),
        voices=tuple(
            Voice(turn.role, Loss.BY_FORMAT if turn.trained else Loss.NEVER)
            for turn in prompt.turns
        ),
        messages=clause(prompt.messages) if prompt.messages is not None else None,
    )


def _columns(prompt: plan.Prompt) -> tuple[TextColumn, ...] | None:
    """The turns' texts as functions of many rows, where nothing but names stands in them."""
    texts = [turn.text for turn in prompt.turns]
    is_named = all(isinstance(part, str | plan.Name) for text in texts for part in text.parts)
    if not is_named or prompt.messages is not None:
        return None
    return tuple(map(_text_column, texts))


def _text_column(text: plan.TemplateText) -> TextColumn:
    def filled(rows: Sequence[Mapping[str, Value]]) -> list[str] | None:
        pieces: list[Iterable[Any]] = [
            repeat(part, len(rows)) if isinstance(part, str) else map(itemgetter(part.name), rows)
            for part in text.parts
            if isinstance(part, str | plan.Name)
        ]
        try:
            return list(map("".join, zip(*pieces, strict=True))) if pieces else [""] * len(rows)
        except (KeyError, TypeError):  # a number, or a mistake that wants its words
            return None

    return filled


def _compiled_options(template: plan.Template) -> _ChoiceOptions | _RowOptions | None:
    options = template.options
    what = f"options of `{template.name}`"
    match options:
        case None:
            return None
        case plan.ChoiceOptions():
            surfaces = [text for _, text in options.surfaces]
            return _ChoiceOptions(
                written=options,
                values=tuple(value for value, _ in options.surfaces),
                surfaces=tuple(Clause(compile_text(text), options.at, what) for text in surfaces),
                arranged=_arranged_once(options),
            )
        case plan.RowOptions():
            return _RowOptions(
                written=options,
                surfaces=Clause(compile_expression(options.surfaces), options.at, what),
                answer=Clause(compile_expression(options.answer), options.at, what),
            )
        case _:
            assert_never(options)


def _arranged_once(options: plan.ChoiceOptions) -> tuple[Options, ...] | None:
    """The options for each value, if no row changes their texts or their order."""
    texts = [text.parts for _, text in options.surfaces]
    surfaces = tuple("".join(map(str, parts)) for parts in texts)
    is_fixed = all(isinstance(part, str) for parts in texts for part in parts)
    if options.shuffled or not is_fixed or len(set(surfaces)) < len(surfaces):
        return None
    return tuple(arranged(options.style, surfaces, own) for own in range(len(surfaces)))
