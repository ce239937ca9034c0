"""Options: the answers that a row offers, as they are shown and as they are given.

In: the surfaces of a row's options in declared order, and which of them is the row's own. Out:
the list that stands for `{options}` and the text that stands for `{answer}`, for every option in
the order shown. Dashes are FLAN's form. With letters and numbers the answer is the bare mark, "A"
or "1": a template that wants "(A)" writes `({answer})`.
"""

from typing import Literal, NamedTuple, assert_never

__all__ = ["Options", "Style", "arranged", "listed", "mark"]

Style = Literal["dashes", "letters", "numbers", "none"]

_NUM_LETTERS = 26


class Options(NamedTuple):
    """The options of one row in the order shown.

    Attributes:
        shown: What `{options}` stands for.
        answers: What `{answer}` stands for where the option is the answer.
        surfaces: What `{answer.text}` stands for where the option is the answer.
        own: Index of the row's own answer.
    """

    shown: str
    answers: tuple[str, ...]
    surfaces: tuple[str, ...]
    own: int


def arranged(
    style: Style, surfaces: tuple[str, ...], own: int, order: list[int] | None = None
) -> Options:
    """Returns the options as a style shows them.

    Args:
        style: How they are listed.
        surfaces: In declared order, all different.
        own: Index of the row's own answer in declared order.
        order: Item i is the index of what is shown i-th; None: as declared.
    """
    if order is not None:
        surfaces = tuple(surfaces[index] for index in order)
        own = order.index(own)
    return Options(listed(style, surfaces), _answers(style, surfaces), surfaces, own)


def listed(style: Style, surfaces: tuple[str, ...]) -> str:
    """The list that a style shows; that of the first options is the beginning of that of all."""
    match style:
        case "dashes":
            return "OPTIONS:" + "".join(f"\n- {surface}" for surface in surfaces)
        case "letters" | "numbers":
            marks = _answers(style, surfaces)
            lines = zip(marks, surfaces, strict=True)
            return "OPTIONS:" + "".join(f"\n({mark}) {surface}" for mark, surface in lines)
        case "none":
            return ""
        case _:
            assert_never(style)


def _answers(style: Style, surfaces: tuple[str, ...]) -> tuple[str, ...]:
    match style:
        case "dashes" | "none":
            return surfaces
        case "letters":
            return tuple(mark(index) for index in range(len(surfaces)))
        case "numbers":
            return tuple(str(index + 1) for index in range(len(surfaces)))
        case _:
            assert_never(style)


def mark(index: int) -> str:
    """The letter of option `index` from 0: A to Z, then AA, AB and on, as in a spreadsheet."""
    letters = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, _NUM_LETTERS)
        letters = chr(ord("A") + letter) + letters
    return letters
