"""A format's rendering: the template of a tokenizer, tried before any row is read.

In: a chat format with `template: tokenizer`, the tokenizer and the templates of rows. Out: what
renders and proves conversations, or diagnostics (T0647, T0652): a template that cannot mark the
plainest conversation cannot mark any, and a dialogue that is written in the spec is tried as it
stands there.
"""

from collections.abc import Sequence
from typing import NamedTuple

from taskc.compiler import plan
from taskc.compiler.places import error_at
from taskc.compiler.turns.formats.answers import trained_turns
from taskc.compiler.turns.rendering.marks import Marker
from taskc.compiler.turns.rendering.proof import Proved, prove
from taskc.compiler.turns.rendering.template import (
    ChatTemplate,
    Message,
    RefusedError,
    chat_template,
    template_source,
)
from taskc.compiler.turns.tokenizer import Loaded
from taskc.compiler.turns.turn import Loss, Role, Voice
from taskc.dsl.diagnostics import Diagnostic
from taskc.dsl.words import quoted

__all__ = ["Rendering", "rendering_of"]

_ROLES: dict[Role, str] = {"input": "user", "target": "assistant"}
_PLAINEST = (Voice("user", Loss.NEVER), Voice("assistant", Loss.BY_FORMAT))


class Rendering(NamedTuple):
    """What renders a conversation and proves its mask.

    Attributes:
        template: The tokenizer's.
        marker: For its special tokens.
        end: The special token that ends a trained turn.
        end_id: Its id.
    """

    template: ChatTemplate
    marker: Marker
    end: str
    end_id: int

    def proved(
        self, voices: Sequence[Voice], texts: Sequence[str], trained: Sequence[bool]
    ) -> Proved:
        """A conversation with its mask.

        Raises:
            RefusedError: If it cannot be rendered, or its mask not be proved.
        """
        messages: list[Message] = [
            {"role": _ROLES.get(voice.role, voice.role), "content": text}
            for voice, text in zip(voices, texts, strict=True)
        ]
        return prove(self.template, self.marker, messages, trained, self.end)


def rendering_of(
    format_: plan.ChatFormat, loaded: Loaded, templates: Sequence[plan.Template]
) -> tuple[Rendering | None, list[Diagnostic]]:
    """Returns the rendering of a format, or None with at least one error."""
    if not template_source(loaded):
        return None, [_no_template(format_)]
    end = _end(format_.end_of_turn, loaded)
    if end is None:
        return None, [_no_end(format_)]
    try:
        template = chat_template(loaded, format_.date)
        rendering = Rendering(template, Marker(loaded.tokens), end, loaded.tokens[end])
        _try(rendering, _PLAINEST, format_)
    except RefusedError as refused:
        return None, [_refused(format_.at, "the tokenizer's chat template cannot be used", refused)]
    errors = _of_dialogues(rendering, format_, templates)
    return (None if errors else rendering), errors


def _end(use: plan.TokenUse | None, loaded: Loaded) -> str | None:
    """The text of the declared end, if it is a special token with a name."""
    text = None if use is None else loaded.names.get(use.name)
    return text if text in loaded.tokens else None


def _try(rendering: Rendering, voices: Sequence[Voice], format_: plan.ChatFormat) -> None:
    """Proves a conversation of words that no template looks for."""
    texts = [f"word{number}" for number in range(len(voices))]
    trained = trained_turns(tuple(voices), format_.loss, evaluation=False)
    rendering.proved(voices, texts, trained)


def _of_dialogues(
    rendering: Rendering, format_: plan.ChatFormat, templates: Sequence[plan.Template]
) -> list[Diagnostic]:
    """An error for each dialogue of the spec whose mask cannot be proved, whatever the row."""
    errors = []
    for template in templates:
        for prompt in template.prompts:
            if prompt.kind != "dialogue" or prompt.messages is not None:
                continue
            voices = [
                Voice(turn.role, Loss.BY_FORMAT if turn.trained else Loss.NEVER)
                for turn in prompt.turns
            ]
            try:
                _try(rendering, voices, format_)
            except RefusedError as refused:
                what = f"dialogue `{template.name}.{prompt.label}` cannot be rendered and marked"
                errors.append(_refused(prompt.at, what, refused))
    return errors


# ---- mistakes ----------------------------------------------------------------------------------


def _no_template(format_: plan.ChatFormat) -> Diagnostic:
    return error_at(
        "T0647",
        format_.at,
        "the tokenizer brings no chat template",
        label="`template: tokenizer`",
        notes=("looked for chat_template.jinja and for `chat_template` in tokenizer_config.json",),
        helps=(
            "put a chat_template.jinja beside tokenizer.json",
            "write `template: none`: texts and end-of-turn tokens alone",
        ),
    )


def _no_end(format_: plan.ChatFormat) -> Diagnostic:
    use = format_.end_of_turn
    written = "none" if use is None else use.name or quoted(use.literal)
    return error_at(
        "T0652",
        format_.at if use is None else use.at,
        f"`end_of_turn: {written}` names no special token of the tokenizer",
        label="ends the turns of a chat template",
        helps=(
            (f"give it a name in the tokenizer: `eos {quoted(use.literal)}`",)
            if use is not None and use.literal
            else ("name the special token that the template ends an answer with",)
        ),
    )


def _refused(at: plan.Place, what: str, refused: RefusedError) -> Diagnostic:
    return error_at(
        "T0652",
        at,
        what,
        label="its mask is not proved",
        notes=(refused.reason,),
        helps=refused.helps,
    )
