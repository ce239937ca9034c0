"""The library functions, carried out.

In: values. Out: values, or a `RowError`. What each function gives is defined in
`dsl/model/functions.py`; a test runs every example that stands there. Regular expressions are
RE2's, in time linear in the text.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from html import unescape
from itertools import islice
from typing import Any

import re2

from taskc.compiler.rows.findings import shown
from taskc.compiler.rows.values.markup import strip_markup
from taskc.compiler.rows.values.operators import (
    RowError,
    Value,
    checked_float,
    checked_int,
    identity,
    kind_of,
    require_number,
)

__all__ = ["LIBRARY", "library_function"]

Function = Callable[..., Value]


def library_function(name: str, constants: Sequence[Value]) -> Function:
    """Returns the function called `name`.

    Args:
        name: A name of the library but `choose`, which evaluates its arguments by itself.
        constants: Its positional arguments where they are constants, else None; a constant pattern
            is compiled here, once.
    """
    if name in ("matches", "extract") and len(constants) > 1 and isinstance(constants[1], str):
        try:
            compiled = _pattern(constants[1])
        except RowError:
            return LIBRARY[name]  # says so for the first row
        if name == "matches":
            return lambda value, _: compiled.search(_text(value, name)) is not None
        return lambda value, _: _extract(_text(value, name), compiled)
    return LIBRARY[name]


# ---- arguments -----------------------------------------------------------------------------------


def _text(value: Value, function: str) -> str:
    if isinstance(value, str):
        return value
    raise RowError(f"`{function}` takes a text, not {kind_of(value)}", shown(value))


def _list(value: Value, function: str) -> list[Value]:
    if isinstance(value, list):
        return value
    raise RowError(f"`{function}` takes a list, not {kind_of(value)}", shown(value))


def _texts(value: Value, function: str) -> list[str]:
    return [_text(item, function) for item in _list(value, function)]


def _int(value: Value, function: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise RowError(f"`{function}` takes an int, not {kind_of(value)}", shown(value))


def _count(value: Value, function: str) -> int:
    count = _int(value, function)
    if count < 0:
        raise RowError(f"the count of `{function}` is negative", shown(count))
    return count


def _not_empty(value: Value, function: str) -> list[Value]:
    items = _list(value, function)
    if not items:
        raise RowError(f"`{function}` of an empty list")
    return items


# ---- text ----------------------------------------------------------------------------------------


def _len(value: Value) -> Value:
    if isinstance(value, str) or isinstance(value, list):  # noqa: SIM101 - a third of the time
        return len(value)
    raise RowError(f"`len` takes a text or a list, not {kind_of(value)}", shown(value))


def _words(value: Value) -> Value:
    return _text(value, "words").split()


def _lower(value: Value) -> Value:
    return _text(value, "lower").lower()


def _upper(value: Value) -> Value:
    return _text(value, "upper").upper()


def _capitalize(value: Value) -> Value:
    text = _text(value, "capitalize")
    return text[:1].upper() + text[1:]


def _strip(value: Value) -> Value:
    return _text(value, "strip").strip()


def _replace(value: Value, old: Value, new: Value) -> Value:
    searched = _text(old, "replace")
    if not searched:
        raise RowError("`replace` of an empty text")
    return _text(value, "replace").replace(searched, _text(new, "replace"))


def _split(value: Value, separator: Value) -> Value:
    between = _text(separator, "split")
    if not between:
        raise RowError("`split` at an empty text")
    return _text(value, "split").split(between)


def _join(items: Value, separator: Value) -> Value:
    return _text(separator, "join").join(_texts(items, "join"))


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False  # they would go to standard error, past every diagnostic
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise RowError(f"the pattern can't be read: {reason}"[:100], shown(pattern)) from error


def _matches(value: Value, pattern: Value) -> Value:
    return _pattern(_text(pattern, "matches")).search(_text(value, "matches")) is not None


def _extracted(value: Value, pattern: Value) -> Value:
    return _extract(_text(value, "extract"), _pattern(_text(pattern, "extract")))


def _extract(text: str, compiled: Any) -> Value:
    found = compiled.search(text)
    if found is None:
        return None
    group: Value = found.group(1 if compiled.groups else 0)
    return group


def _truncate_words(value: Value, count: Value) -> Value:
    text = _text(value, "truncate_words")
    num_words = _count(count, "truncate_words")
    if num_words == 0:
        return "" if text.strip() else text
    words = re.finditer(r"\S+", text)
    last = next(islice(words, num_words - 1, None), None)
    if last is None or next(words, None) is None:
        return text
    return text[: last.end()]


def _truncate_chars(value: Value, count: Value) -> Value:
    return _text(value, "truncate_chars")[: _count(count, "truncate_chars")]


def _strip_html(value: Value, keep: Value = ()) -> Value:
    kept = frozenset(
        tag.lower() for tag in _texts(list(keep) if keep == () else keep, "strip_html")
    )
    return strip_markup(_text(value, "strip_html"), kept)


def _strip_markdown(value: Value) -> Value:
    from taskc.compiler.rows.values.markdown import MAX_NESTED, NestedTooDeepError, strip_marks

    text = _text(value, "strip_markdown")
    try:
        return strip_marks(text)
    except NestedTooDeepError:
        words = f"`strip_markdown` of a text nested more than {MAX_NESTED} deep"
        raise RowError(words, shown(value)) from None


def _unescape_html(value: Value) -> Value:
    return unescape(_text(value, "unescape_html"))


def _normalize(value: Value, form: Value = "NFC") -> Value:
    text = _text(value, "normalize")
    match form:
        case "NFC" | "NFD" | "NFKC" | "NFKD":
            return unicodedata.normalize(form, text)
        case _:
            raise RowError("a normal form is NFC, NFD, NFKC or NFKD", shown(form))


# ---- lists ---------------------------------------------------------------------------------------


def _first(items: Value) -> Value:
    return _not_empty(items, "first")[0]


def _last(items: Value) -> Value:
    return _not_empty(items, "last")[-1]


def _unique(items: Value) -> Value:
    seen: dict[object, Value] = {}
    for item in _list(items, "unique"):
        seen.setdefault(identity(item), item)
    return list(seen.values())


def _sort(items: Value) -> Value:
    listed = _list(items, "sort")
    if all(isinstance(item, str) for item in listed):
        return sorted(_texts(listed, "sort"))
    return sorted(require_number(item, "`sort` of a list that is not all texts") for item in listed)


def _index(items: Value, item: Value) -> Value:
    wanted = identity(item)
    for position, other in enumerate(_list(items, "index")):
        if identity(other) == wanted:
            return position
    raise RowError("`index`: the item is not in the list", shown(item))


# ---- numbers -------------------------------------------------------------------------------------


def _numbers(arguments: tuple[Value, ...], function: str) -> list[int | float]:
    """The numbers of a list or of the arguments; all floats as soon as one is."""
    items = _not_empty(arguments[0], function) if len(arguments) == 1 else list(arguments)
    numbers = [require_number(item, f"`{function}`") for item in items]
    if any(isinstance(number, float) for number in numbers):
        return [float(number) for number in numbers]
    return numbers


def _min(*arguments: Value) -> Value:
    return min(_numbers(arguments, "min"))


def _max(*arguments: Value) -> Value:
    return max(_numbers(arguments, "max"))


def _round(value: Value, digits: Value = None) -> Value:
    number = require_number(value, "`round`")
    if digits is None:
        return checked_int(round(number))
    places = _int(digits, "round")
    return checked_float(float(round(number, places)))


def _abs(value: Value) -> Value:
    number = abs(require_number(value, "`abs`"))
    return checked_int(number) if isinstance(number, int) else number


LIBRARY: dict[str, Function] = {
    "abs": _abs,
    "capitalize": _capitalize,
    "extract": _extracted,
    "first": _first,
    "index": _index,
    "join": _join,
    "last": _last,
    "len": _len,
    "lower": _lower,
    "matches": _matches,
    "max": _max,
    "min": _min,
    "normalize": _normalize,
    "replace": _replace,
    "round": _round,
    "sort": _sort,
    "split": _split,
    "strip": _strip,
    "strip_html": _strip_html,
    "strip_markdown": _strip_markdown,
    "truncate_chars": _truncate_chars,
    "truncate_words": _truncate_words,
    "unescape_html": _unescape_html,
    "unique": _unique,
    "upper": _upper,
    "words": _words,
}
