"""Which turns of a conversation are trained: the loss rule of `chat`.

In: who speaks each turn, and the rule. Out: whether each is trained, and in an evaluation where it
ends.
"""

from functools import lru_cache
from typing import Literal, assert_never

from taskc.compiler.turns.turn import Loss, Voice

__all__ = ["LossRule", "evaluated_turns", "trained_turns"]

LossRule = Literal["assistant", "last"]


def evaluated_turns(voices: tuple[Voice, ...]) -> tuple[Voice, ...]:
    """The turns up to the last answer; all of them where there is none."""
    for stop in range(len(voices), 0, -1):
        if voices[stop - 1].loss is not Loss.NEVER:
            return voices[:stop]
    return voices


@lru_cache(maxsize=1024)  # most dialogues of a source are spoken alike
def trained_turns(
    voices: tuple[Voice, ...], loss: LossRule, *, evaluation: bool
) -> tuple[bool, ...]:
    """Whether each turn is trained; a message's own `train` wins over the rule."""
    if evaluation:  # one target: the last turn, if it is an answer at all
        return (*[False] * (len(voices) - 1), voices[-1].loss is not Loss.NEVER)
    match loss:
        case "assistant":
            return tuple(voice.loss is not Loss.NEVER for voice in voices)
        case "last":
            last = max(
                (index for index, voice in enumerate(voices) if voice.loss is Loss.BY_FORMAT),
                default=-1,
            )
            return tuple(
                voice.loss is Loss.ALWAYS or index == last for index, voice in enumerate(voices)
            )
        case _:
            assert_never(loss)
