"""Keys of encoded examples: what the store is asked for instead of encoding again.

In: a task's rows, templates and settings. Out: a *family* (32 hexadecimal digits), the digest of
what all examples of a range have in common, and an *example key* (16 bytes) for each pair of row
and prompt. They hold what an example is made from and nothing else, so a key that is found gives
the example that would be made: docs/decisions/0056. No row is read. 0.1 us a pair.
"""

import json
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.digests import content_of

__all__ = ["ExampleKeys", "family_key"]

_KEY_BYTES = 16
Keys = npt.NDArray[np.uint8]  # [n, 16]
Int64s = npt.NDArray[np.int64]


def family_key(
    source: plan.Source,
    format_: plan.Format,
    *,
    rows: str,
    tokenizer: str,
    code: str,
    evaluation: bool,
) -> str:
    """Returns 32 hexadecimal digits.

    Args:
        source: Its clauses that make values count; those that only choose rows don't.
        format_: All of it but its place.
        rows: Digest of the range that the rows stand in.
        tokenizer: Digest of the tokenizer's files and the names of its special tokens.
        code: Digest of the stages and libraries that make examples, the tokenizer's engine too.
        evaluation: Whether examples are made for an evaluation.
    """
    parts = [
        rows,
        [source.connector.kind, source.connector.options],
        [source.columns, source.reads, source.row, source.lets],
        _declared(source) if _draws(source.lets) else "",
        format_,
        tokenizer,
        code,
        evaluation,
    ]
    return blake2b(_canonical(parts), digest_size=_KEY_BYTES).hexdigest()


class ExampleKeys:
    """Keys of pairs of row and prompt under the templates of one task."""

    def __init__(
        self,
        source: plan.Source,
        templates: Sequence[plan.Template],
        *,
        seed: int,
        evaluation: bool,
    ) -> None:
        prompts = [(template, prompt) for template in templates for prompt in template.prompts]
        references = source.references if evaluation else None
        self._drawn: set[int] = set()
        digests = []
        for index, (template, prompt) in enumerate(prompts):
            # The label decides who draws the prompt and the condition who may: neither is encoded.
            made_of = [template.options, template.lets, prompt.turns, prompt.messages]
            parts: list[object] = [made_of, references]
            if _draws(made_of):
                self._drawn.add(index)
                parts.append([_declared(source), template.name, seed])
            digests.append(blake2b(_canonical(parts), digest_size=_KEY_BYTES).digest())
        self._digests = digests
        self._halves = _numbers(np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 16))

    def of(self, ids: Keys, prompts: Int64s, ordinals: Int64s, repetitions: Int64s) -> Keys:
        """Returns the key of each pair, uint8 [n, 16].

        Both halves of a pair are digests of 128 bits, so their exclusive or is as hard to meet
        twice as a digest of both.

        Args:
            ids: Row ids, uint8 [n, 16].
            prompts: Index of each pair's prompt among all prompts of all templates.
            ordinals: Position of each row among equal rows.
            repetitions: How often each row was delivered before.
        """
        keys = _numbers(ids) ^ self._halves[prompts]
        for prompt in self._drawn:
            own = np.flatnonzero(prompts == prompt)
            keys[own] ^= self._of_draws(prompt, ordinals[own], repetitions[own])
        return keys.view(np.uint8)

    def _of_draws(
        self, prompt: int, ordinals: Int64s, repetitions: Int64s
    ) -> npt.NDArray[np.uint64]:
        """What a prompt adds to the keys of rows that draw: the same for most of them."""
        drawn, which = np.unique(np.stack([ordinals, repetitions]), axis=1, return_inverse=True)
        digests = [
            blake2b(b"%d,%d" % (ordinal, repetition), key=self._digests[prompt], digest_size=16)
            for ordinal, repetition in drawn.T.tolist()
        ]
        joined = b"".join(digest.digest() for digest in digests)
        return _numbers(np.frombuffer(joined, np.uint8).reshape(-1, 16))[which.reshape(-1)]


def _numbers(keys: Keys) -> npt.NDArray[np.uint64]:
    """Keys as pairs of numbers, uint64 [n, 2]."""
    return np.ascontiguousarray(keys).view(np.uint64).reshape(-1, 2)


def _declared(source: plan.Source) -> str:
    """The name by which draws know a source."""
    return source.name.rpartition(".")[2]


def _draws(value: object) -> bool:
    """Whether a `choose` or `shuffled` stands in clauses: then the row's own draws count."""
    match value:
        case plan.Call(function="choose"):
            return True
        case plan.ChoiceOptions(shuffled=True) | plan.RowOptions(shuffled=True):
            return True
        case plan.Model():
            return any(_draws(getattr(value, name)) for name in type(value).model_fields)
        case dict():
            return any(map(_draws, value.values()))
        case list() | tuple():
            return any(map(_draws, value))
        case _:
            return False


def _canonical(parts: Sequence[object]) -> bytes:
    return json.dumps(content_of(parts), sort_keys=True, separators=(",", ":")).encode()
