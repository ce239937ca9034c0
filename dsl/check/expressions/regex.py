"""Patterns that the matching engine takes, checked without it.

In: a pattern. Out: what is wrong with it and where, or nothing. The engine is RE2: linear time, no
backreferences, no look-around. A pattern passes if it stands in what RE2 and Python's `re` both
read, so the check needs no engine and errs on the safe side. O(characters of the pattern).
"""

import re
import warnings
from typing import NamedTuple

__all__ = ["Fault", "find_fault"]

_MAX_REPEATS = 1000  # RE2 refuses a larger count

_ESCAPES = frozenset("AbBdDsSwWaftnrvz")
_GROUPS = {
    "(?=": "a look-ahead",
    "(?!": "a look-ahead",
    "(?<=": "a look-behind",
    "(?<!": "a look-behind",
    "(?>": "an atomic group",
    "(?(": "a conditional group",
    "(?#": "a comment",
    "(?P=": "a backreference",
    "(?P>": "a recursive group",
}
_COUNT = re.compile(r"\{(\d+)?(,)?(\d+)?\}")


class Fault(NamedTuple):
    """What is wrong with a pattern: the characters concerned, a sentence and a label.

    Attributes:
        is_unsupported: Other engines read it; this one cannot, in linear time.
    """

    start: int
    end: int
    words: str
    label: str
    is_unsupported: bool = False


def find_fault(pattern: str) -> Fault | None:
    """Returns the first thing in `pattern` that the engine would refuse, or None."""
    return _unsupported(pattern) or _malformed(pattern)


def _unsupported(pattern: str) -> Fault | None:
    """The first construct that only backtracking engines have."""
    position, in_class = 0, False
    while position < len(pattern):
        character = pattern[position]
        fault, width = None, 1
        if character == "\\":
            fault, width = _escape(pattern, position)
        elif in_class:
            in_class = character != "]"
        elif character == "[":
            in_class = True
            # `[]a]` and `[^]a]` hold a bracket.
            width = 1 + len(re.match(r"\^?\]?", pattern[position + 1 :])[0])  # type: ignore[index] # always matches
        elif character == "(":
            fault = _group(pattern, position)
        elif character in "*+?{":
            fault, width = _repetition(pattern, position)
        if fault is not None:
            return fault
        position += width
    return None


def _escape(pattern: str, start: int) -> tuple[Fault | None, int]:
    """What stands after a backslash, and how many characters it takes."""
    follower = pattern[start + 1 : start + 2]
    if follower == "x":
        found = re.match(r"\\x[0-9A-Fa-f]{2}", pattern[start:])
        if found:
            return None, 4
        return Fault(start, start + 2, "`\\x` takes two hexadecimal digits", "digits missing"), 2
    if follower == "0" or not follower.isalnum():
        return None, 2
    if follower.isdigit():
        words = "a pattern cannot refer back to a group"
        return Fault(start, start + 2, words, "a backreference", is_unsupported=True), 2
    if follower == "Z":
        return Fault(start, start + 2, "the end of a text is `\\z` in a pattern", "unknown"), 2
    if follower not in _ESCAPES:
        words = f"unknown escape `\\{follower}` in a pattern"
        return Fault(start, start + 2, words, "not an escape"), 2
    return None, 2


def _group(pattern: str, start: int) -> Fault | None:
    """What kind of group opens here."""
    for opening, words in _GROUPS.items():
        if pattern.startswith(opening, start):
            end = start + len(opening)
            sentence = f"a pattern cannot hold {words}"
            return Fault(start, end, sentence, words, is_unsupported=True)
    return None


def _repetition(pattern: str, start: int) -> tuple[Fault | None, int]:
    """A quantifier and what follows it."""
    width = 1
    if pattern[start] == "{":
        counts = _COUNT.match(pattern, start)
        if counts is None:  # a plain brace
            return None, 1
        width = counts.end() - start
        if max((int(digits) for digits in counts.group(1, 3) if digits), default=0) > _MAX_REPEATS:
            words = f"a pattern repeats at most {_MAX_REPEATS} times"
            return Fault(start, start + width, words, "more", is_unsupported=True), width
    end = start + width
    if pattern.startswith("+", end):
        words = "a pattern cannot hold a possessive repetition"
        label = "keeps what it has matched"
        return Fault(start, end + 1, words, label, is_unsupported=True), width + 1
    return None, width + (1 if pattern.startswith("?", end) else 0)


def _malformed(pattern: str) -> Fault | None:
    """Where the syntax breaks: an open group, a bad range."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Python 3.11 has no `\z`; its `\Z` means the same.
            re.compile(re.sub(r"(\\\\)|\\z", lambda found: found[1] or r"\Z", pattern))
    except re.error as error:
        start = min(error.pos or 0, max(len(pattern) - 1, 0))
        words = f"the pattern cannot be read: {error.msg}"
        return Fault(start, min(start + 1, len(pattern)), words, "here")
    except (RecursionError, OverflowError):
        return Fault(0, len(pattern), "the pattern is nested too deep", "too deep")
    return None
