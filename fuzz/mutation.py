"""Changes to a spec that a byte-wise fuzzer finds too seldom: whole words, lines and brackets.

In: bytes, and a seeded stream of random numbers. Out: other bytes, not longer than allowed. What
comes out need not be UTF-8 where what went in was not.
"""

import random
import re

__all__ = ["WORDS", "mutate"]

_WRITTEN = b"""
    language import param schema source cluster template test mixture tokenizer build train evaluate
    from splits fields let where limit dedup by near metric references license sources related
    options answer as dashes letters numbers none shuffled prompt inverse dialogue when system user
    assistant tool row input target all clusters except holdout rate take best templates fewshot
    repeat at most total tokens examples epochs decontaminate against ngrams require seed eos bos
    pad add mixture format pack model recipe data run method text int float bool choice list path
    cluster? text? and or not in if else for true false carve jsonl parquet hf file folder
    proportional temperature equal shares balance prompt_target chat best_fit
    { } [ ] ( ) {{ }} : , . .. ? -> = == != <= < + - * / % | " \"\"\" r" \\n \\ #
    1 0 -1 10% 1_000 0.5 1e9 {x} {options} {answer} {answer.text}
    \xc3\xa9 \xe4\xb8\xad \xef\xbb\xbf \xf0\x9f\x98\x80 \xe2\x80\x9c
"""
_BLANK_AND_BROKEN = (b" ", b"\n", b"\n  ", b"\r\n", b"\t", b"\n=== b/b.task\n", b"\x00", b"\xff")
WORDS: tuple[bytes, ...] = (*_WRITTEN.split(), *_BLANK_AND_BROKEN)
_TOKEN = re.compile(rb"\w+|\s+|.", re.DOTALL)
_MAX_REPEATS = 64


def mutate(data: bytes, max_bytes: int, seed: int) -> bytes:
    """Returns `data` with one to four changes."""
    stream = random.Random(seed)  # noqa: S311 (a seed of the fuzzer's, not a secret)
    for _ in range(stream.randint(1, 4)):
        unit = stream.choice((_tokens, _tokens, _lines))
        parts = unit(data)
        data = b"".join(_changed(parts, stream))
    return data[:max_bytes]


def _tokens(data: bytes) -> list[bytes]:
    return _TOKEN.findall(data)


def _lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


def _changed(parts: list[bytes], stream: random.Random) -> list[bytes]:
    """One change: a part more, less, elsewhere, many times, or another word."""
    if not parts:
        return [stream.choice(WORDS)]
    at, other = stream.randrange(len(parts)), stream.randrange(len(parts))
    match stream.randrange(7):
        case 0:
            return [*parts[:at], *parts[at + stream.randint(1, 3) :]]
        case 1:
            return [*parts[:at], stream.choice(WORDS), *parts[at:]]
        case 2:
            return [*parts[:at], stream.choice(WORDS), *parts[at + 1 :]]
        case 3:
            return [*parts[:at], parts[other], *parts[at:]]
        case 4:
            return [*parts[:at], parts[other], *parts[at + 1 :]]
        case 5:
            low, high = min(at, other), max(at, other)
            return [*parts[:low], *parts[high:], *parts[low:high]]
        case _:
            piece = parts[at : at + stream.randint(1, 4)]
            return [*parts[:at], *(piece * stream.randint(2, _MAX_REPEATS)), *parts[at:]]
