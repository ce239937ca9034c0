"""The proof of a mask: which characters of a rendered conversation are trained, and why.

In: a template, a conversation, and which of its turns are trained. Out: the rendering as stretches
that are trained or not, or a `RefusedError` with the reason. For each trained turn k, with `C(k)`
the first k messages rendered, `P(k)` the same with the beginning of an answer behind them and `F`
the whole:

1. `P(k)` is how `F` begins: what stands before the answer in training is what a model is asked
   with, to the character.
2. `C(k + 1)` is how `F` begins: the answer stands in training as it stands when it was just given.
3. Behind `P(k)` and up to the end of the answer's text stands no special token of the template,
   and no other message's text. The first one behind the text is the declared end of a turn.

Trained is what stands behind `P(k)` up to and with that end: the text of the answer, and what the
template has the model write around it (a space, an empty thought). Where texts stand is known from
marks, not from looking for them; a rendering that is another one with marks is refused, and so is
one in which the text of a message is missing, doubled or changed. Turns after the last trained one
teach nothing and are left out. Two renderings, and one or two more for each trained turn.
"""

from collections.abc import Sequence
from typing import NamedTuple

from taskc.compiler.turns.rendering.marks import RESERVED, Marked, Marker, Token
from taskc.compiler.turns.rendering.template import ChatTemplate, Message, RefusedError

__all__ = ["Content", "Proved", "Stretch", "prove"]

_THOUGHT_END = "</think>"
_LAST = "train the last answer alone: `loss: last`"


class Stretch(NamedTuple):
    """A range of characters that is encoded as one text.

    Attributes:
        start: Its first character.
        stop: After its last.
        is_trained: Whether the loss sees it.
    """

    start: int
    stop: int
    is_trained: bool


class Content(NamedTuple):
    """Where a message's text stands, without the white space around it."""

    message: int
    start: int
    stop: int


class Proved(NamedTuple):
    """A conversation whose mask is proved.

    Attributes:
        text: The rendering.
        tokens: Special tokens that the template wrote, in order.
        stretches: One after another, from the first character to the last.
        contents: In order of messages; of a message whose thoughts were left out, what is left.
    """

    text: str
    tokens: list[Token]
    stretches: list[Stretch]
    contents: list[Content]


def prove(
    template: ChatTemplate,
    marker: Marker,
    messages: Sequence[Message],
    trained: Sequence[bool],
    end: str,
) -> Proved:
    """Renders a conversation and proves its mask.

    Args:
        template: The tokenizer's.
        marker: For the tokenizer's special tokens.
        messages: At least one.
        trained: Whether each is trained. None of them: it is a prompt to generate from.
        end: The special token that ends a trained turn.

    Raises:
        RefusedError: If it cannot be proved.
    """
    last = max((index for index, is_trained in enumerate(trained) if is_trained), default=-1)
    asks = last < 0
    messages = messages if asks else messages[: last + 1]
    for number, message in enumerate(messages):
        _check_message(number, message, is_trained=trained[number])
    whole = _rendered(template, marker, messages, asks=asks)
    contents = [_content(whole, number, message) for number, message in enumerate(messages)]
    stretches: list[Stretch] = []
    done = 0
    for number in (index for index in range(last + 1) if trained[index]):
        seam, stop = _span(template, whole, messages, contents, number, end)
        if seam < done:
            raise RefusedError(f"message {number + 1} begins before the answer before it ends")
        stretches += [Stretch(done, seam, is_trained=False), Stretch(seam, stop, is_trained=True)]
        done = stop
    if done < len(whole.text):
        stretches.append(Stretch(done, len(whole.text), is_trained=False))
    return Proved(whole.text, whole.tokens, stretches, contents)


def _check_message(number: int, message: Message, *, is_trained: bool) -> None:
    if RESERVED.search(message["content"]):
        raise RefusedError(
            f"the text of message {number + 1} holds a noncharacter (U+FDD0 to U+FDEF)",
            "take it out of the text",
        )
    if is_trained and message["role"] != "assistant":
        raise RefusedError(
            f"message {number + 1} is trained and the {message['role']}'s: a template asks for "
            "the assistant's answers alone",
            "leave `train: true` to messages of the assistant",
        )


def _rendered(
    template: ChatTemplate, marker: Marker, messages: Sequence[Message], *, asks: bool
) -> Marked:
    """The rendering with what its marks said."""
    text = template.render(messages, asks=asks)
    marked = [
        {**message, "content": marker.marked(message["content"], number)}
        for number, message in enumerate(messages)
    ]
    whole = marker.read(template.render(marked, asks=asks))
    if whole.text != text:
        raise RefusedError("the template looks into texts and writes more or less by what they say")
    return whole


# ---- texts -------------------------------------------------------------------------------------


def _content(whole: Marked, number: int, message: Message) -> Content:
    """Where the text of a message stands: once, and as it is."""
    who = f"the text of message {number + 1} ({message['role']})"
    core = message["content"].strip()
    starts, stops = whole.starts.get(number, []), whole.stops.get(number, [])
    if not stops:
        raise RefusedError(f"the template leaves out {who}")
    if len(starts) > 1 or len(stops) > 1:
        raise RefusedError(f"the template writes {who} more than once")
    stop = stops[0]
    if starts and whole.text[starts[0] : stop] == core:
        return Content(number, starts[0], stop)
    # A template may leave out, or write apart, what an answer says before its last thought ends.
    left = core.rpartition(_THOUGHT_END)[2].lstrip()
    is_thinking = message["role"] == "assistant" and _THOUGHT_END in core
    if is_thinking and whole.text[:stop].endswith(left):
        return Content(number, stop - len(left), stop)
    raise RefusedError(f"the template changes {who}")


# ---- trained turns -----------------------------------------------------------------------------


def _span(  # noqa: PLR0917 - one turn of a conversation, and all that is known of it
    template: ChatTemplate,
    whole: Marked,
    messages: Sequence[Message],
    contents: Sequence[Content],
    number: int,
    end: str,
) -> tuple[int, int]:
    """The characters of a trained turn: behind the prompt, up to and with its end."""
    answer = f"message {number + 1} (assistant)"
    prompt = template.render(messages[:number], asks=True)
    goes_on = number + 1 < len(messages)
    if not whole.text.startswith(prompt):
        reason = _reason_of_prompt(template, messages, number, prompt, whole.text)
        raise RefusedError(reason, *((_LAST,) if goes_on else ()))
    until = len(whole.text)
    if goes_on:
        given = template.render(messages[: number + 1], asks=False)
        until = len(given)
        if not whole.text.startswith(given):
            raise RefusedError(
                f"the template writes {answer} otherwise once the conversation goes on",
                _LAST,
            )
    seam, content = len(prompt), contents[number]
    if seam > content.start:
        raise RefusedError(f"the beginning of {answer} is part of what the model is asked with")
    stop = _end(whole, Stretch(seam, until, is_trained=True), content, end, answer)
    for other in contents:
        if other.message != number and other.start < stop and other.stop > seam:
            raise RefusedError(f"{answer} holds the text of message {other.message + 1}")
    written = "".join(messages[number]["content"].split())
    if written not in "".join(whole.text[seam:stop].split()):
        raise RefusedError(f"the template changes the text of {answer}")
    return seam, stop


def _reason_of_prompt(
    template: ChatTemplate, messages: Sequence[Message], number: int, prompt: str, text: str
) -> str:
    """Why a prompt is not how the conversation begins."""
    answer = f"message {number + 1} (assistant)"
    if number and not text.startswith(template.render(messages[:number], asks=False)):
        return f"the template writes what stands before {answer} otherwise once it is answered"
    asked = prompt[-40:]
    return f"{answer} does not begin as the template asks for it: {asked!r}"


def _end(whole: Marked, turn: Stretch, content: Content, end: str, answer: str) -> int:
    """After the end of a trained turn: the first special token behind its text.

    Args:
        whole: The rendering.
        turn: From the prompt to where the conversation would go on.
        content: Where the answer's text stands.
        end: The declared end.
        answer: What the answer is called.
    """
    seam, until, _ = turn
    behind = [token for token in whole.tokens if token.stop > seam and token.start < until]
    if behind and behind[0].start < seam:
        raise RefusedError(f"{answer} begins inside the special token `{behind[0].text}`")
    if behind and behind[0].start < content.stop:
        raise RefusedError(f"{answer} holds the special token `{behind[0].text}` before its end")
    if not behind:
        tail = whole.text[content.stop : until]
        raise RefusedError(
            f"no special token ends {answer}: the template writes {tail!r} behind it",
            *(
                (f'add it to the tokenizer: `add turn_end "{tail.strip()}"`',)
                if tail.strip()
                else ()
            ),
        )
    if behind[0].text != end:
        raise RefusedError(
            f"the template ends {answer} with `{behind[0].text}`, the format says `{end}`",
            f'say so in the tokenizer: `eos "{behind[0].text}"`',
        )
    return behind[0].stop
