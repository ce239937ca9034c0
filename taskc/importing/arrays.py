"""JSON arrays as JSON Lines, which is what a source reads.

In: the bytes of a file that holds one array. Out: its elements, one a line, byte by byte but for
line ends between values, which become blanks. Elements are told apart by their brackets alone: what
is wrong inside one is seen by whoever reads the line. One pass, O(bytes); memory is that of the
longest element.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from taskc.compiler.rows.connect.files import FileProblemError

__all__ = ["array_elements", "is_array"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# A whole text, a text whose end is still to come, or a sign that opens, closes or parts.
_SIGN = re.compile(rb'"(?:[^"\\]|\\.)*+"|"|[{}\[\],]', re.DOTALL)
_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")


def is_array(blocks: Iterable[bytes]) -> bool:
    """Whether the first sign of a file opens an array."""
    for block in blocks:
        head = block.removeprefix(_BYTE_ORDER_MARK).lstrip()
        if head:
            return head.startswith(b"[")
    return False


def array_elements(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yields the elements of an array, each on one line, without the line's end.

    Args:
        blocks: The file, in blocks of any size; its first sign opens an array.

    Raises:
        FileProblemError: The array does not end, an element is empty, or something follows.
    """
    rest = b""  # from the first byte of an element that has no end yet
    at = depth = number = 0  # where to look on in `rest`; brackets open; elements so far
    for block in blocks:
        rest += block
        start = 0
        while (found := _SIGN.search(rest, at)) and (sign := found.group()) != b'"':
            at = found.end()
            if depth == 0:
                start = at
            elif depth == 1 and sign in (b",", b"]"):
                number += 1
                element = rest[start : found.start()].strip().translate(_LINE_ENDS)
                start = at
                if element:
                    yield element
                elif sign == b"," or number > 1:
                    raise _broken(f"row {number} is empty", number)
            depth += (sign in (b"[", b"{")) - (sign in (b"]", b"}"))
            if depth == 0:
                _check_end(chain((rest[at:],), blocks), number)
                return
        at = found.start() if found else len(rest)
        rest, at = rest[start:], at - start
    raise _broken("the array has no end", number + 1)


def _check_end(blocks: Iterable[bytes], number: int) -> None:
    if any(block.strip() for block in blocks):
        raise _broken("something stands behind the array", number)


def _broken(message: str, number: int) -> FileProblemError:
    return FileProblemError(
        "T0516",
        f"the file is not JSON: {message}",
        row=number,
        helps=("write the file again as one array of objects, or one object a line",),
    )
