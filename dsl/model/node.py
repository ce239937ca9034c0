"""What all nodes of the language share: how they are compared and shown.

In: a dataclass's fields. Out: `==` and `repr` as `dataclass` writes them. It would write and
compile both for each of the 100 classes, 12 ms of the start of every command.
"""

from typing import ClassVar

__all__ = ["Node"]


class Node:
    """A node; its class is a dataclass with `repr=False, eq=False`."""

    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]] = ()  # the fields: `dataclass` sets it

    def __eq__(self, other: object) -> bool:
        """Whether the other is of the same class and has the same fields."""
        if not isinstance(other, Node) or type(other) is not type(self):
            return NotImplemented
        return _fields(self) == _fields(other)

    __hash__: ClassVar[None]  # type: ignore[assignment] # nodes are filled after they are made

    def __repr__(self) -> str:
        """The call that makes it."""
        fields = zip(self.__match_args__, _fields(self), strict=True)
        return f"{type(self).__qualname__}({', '.join(f'{name}={own!r}' for name, own in fields)})"


def _fields(node: Node) -> list[object]:
    return [getattr(node, name) for name in node.__match_args__]
