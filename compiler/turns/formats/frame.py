"""The frame of an example: the ids that a format sets around texts, and whether they can be had.

In: a `plan.Format`, the tokenizer in use and the templates. Out: ids of BOS, separator and end, or
diagnostics (T0646 to T0652). Special tokens enter by id; a literal is encoded by itself as a piece
that continues a turn.
"""

from collections.abc import Sequence
from typing import NamedTuple, assert_never

from taskc.compiler import plan
from taskc.compiler.places import error_at
from taskc.compiler.turns.rendering.rendering import Rendering, rendering_of
from taskc.compiler.turns.tokenizer import Loaded
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["Frame", "frame_of", "misfits"]


class Frame(NamedTuple):
    """What stands around the texts of an example.

    Attributes:
        bos: Before each example, once; empty where there is none.
        separator: Between input and target, never trained; empty in a chat and under `seam: join`.
        end: After a target, or after each turn of a chat.
        joined: Under `seam: join`, the literal between input and target, part of the joint text.
        rendering: Under `template: tokenizer`, what renders a conversation and proves its mask.
    """

    bos: tuple[int, ...]
    separator: tuple[int, ...]
    end: tuple[int, ...]
    joined: str
    rendering: Rendering | None = None


def frame_of(
    format_: plan.Format, loaded: Loaded, templates: Sequence[plan.Template]
) -> tuple[Frame | None, list[Diagnostic]]:
    """Returns the frame, or None with at least one error."""
    ids = _Ids(loaded)
    bos = ids.of_bos(format_)
    match format_:
        case plan.PromptTargetFormat():
            ids.errors += misfits(format_, templates)
            joined = ids.joined(format_)
            separator = () if format_.seam == "join" else ids.of(format_.separator)
            frame = Frame(bos, separator, ids.of(format_.end), joined)
            ids.errors += _narrow(format_, "input", format_.input, 1)
            ids.errors += _narrow(format_, "target", format_.target, 1 + len(frame.end))
        case plan.ChatFormat():
            rendering, end = None, ids.of(None)
            if format_.template == "tokenizer":
                rendering, errors = rendering_of(format_, loaded, templates)
                ids.errors += errors
                end = () if rendering is None else (rendering.end_id,)
            else:
                end = ids.of(format_.end_of_turn)
            frame = Frame(bos, (), end, "", rendering)
            ids.errors += _narrow(format_, "max", format_.max, 2 + len(bos) + len(frame.end))
        case _:
            assert_never(format_)
    return (None if ids.errors else frame), ids.errors


class _Ids:
    """Ids of tokens that a format names; mistakes are collected."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.errors: list[Diagnostic] = []

    def of_bos(self, format_: plan.Format) -> tuple[int, ...]:
        match format_.bos:
            case "none":
                return ()
            case "example":
                return self.of(plan.TokenUse(name="bos", at=format_.at))
            case _:
                assert_never(format_.bos)

    def of(self, use: plan.TokenUse | None) -> tuple[int, ...]:
        """Ids of one use; () where there is none, or after a mistake."""
        if use is None:
            return ()
        if use.name:
            if use.name not in self.loaded.special:
                self.errors.append(self._lacking(use))
                return ()
            return (self.loaded.special[use.name],)
        return self._literal(use)

    def joined(self, format_: plan.PromptTargetFormat) -> str:
        """The literal that `seam: join` encodes together with input and target."""
        if format_.seam == "split" or format_.separator is None:
            return ""
        if format_.separator.name:
            self.errors.append(
                error_at(
                    "T0649",
                    format_.separator.at,
                    "a special token can't be joined with the texts around it",
                    label="stands in the seam",
                    helps=("write `separator: none`, a literal, or `seam: split`",),
                )
            )
            return ""
        self._literal(format_.separator)
        return format_.separator.literal

    def _literal(self, use: plan.TokenUse) -> tuple[int, ...]:
        spelled = [token for token in self.loaded.special_texts if token in use.literal]
        if spelled:
            self.errors.append(self._spelled(use, spelled[0]))
            return ()
        ids = tuple(self.loaded.encode_continuation(use.literal))
        if not ids:
            message = "the literal has no tokens"
            helps = ("write `none` for nothing",)
            self.errors.append(error_at("T0651", use.at, message, label="empty", helps=helps))
        return ids

    def _lacking(self, use: plan.TokenUse) -> Diagnostic:
        names = ", ".join(f"`{name}`" for name in self.loaded.special) or "none"
        return error_at(
            "T0646",
            use.at,
            f"the tokenizer names no `{use.name}`",
            label=f"needs `{use.name}`",
            notes=(f"special tokens with a name: {names}",),
            helps=(
                f'name it in the tokenizer: `{use.name} "..."`'
                if use.name in ("eos", "bos", "pad")
                else f'add it in the tokenizer: `add {use.name} "..."`',
            ),
        )

    def _spelled(self, use: plan.TokenUse, token: str) -> Diagnostic:
        names = [name for name, text in self.loaded.names.items() if text == token]
        return error_at(
            "T0651",
            use.at,
            f"the literal spells the special token `{token}`",
            label="would be encoded as ordinary text",
            helps=(
                f"write `{names[0]}` without quotes"
                if names
                else f'give it a name in the tokenizer, such as `eos "{token}"`',
            ),
        )


def misfits(format_: plan.Format, templates: Sequence[plan.Template]) -> list[Diagnostic]:
    """An error for each dialogue where the format has one input and one target: `prompt_target`."""
    if isinstance(format_, plan.ChatFormat):
        return []
    return [
        error_at(
            "T0648",
            prompt.at,
            f"`{template.name}.{prompt.label}` is a dialogue, the format takes prompts",
            label="has turns",
            notes=(f"the format stands at {format_.at}",),
            helps=("use `format chat(...)`, or write the prompt as input -> target",),
        )
        for template in templates
        for prompt in template.prompts
        if prompt.kind == "dialogue"
    ]


def _narrow(format_: plan.Format, name: str, limit: int, needed: int) -> list[Diagnostic]:
    """An error where a limit can't hold one token of text with what the format sets around it."""
    if limit >= needed:
        return []
    return [
        error_at(
            "T0650",
            format_.at,
            f"`{name}: {limit}` leaves no room for a text",
            label=f"`{name}` has to be {needed} at least",
        )
    ]
