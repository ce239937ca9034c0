"""Nodes: compared and shown as dataclasses are."""

from dataclasses import dataclass

import pytest

from taskc.dsl.model import declarations, expressions, program
from taskc.dsl.model.node import Node


@dataclass
class Plain:
    """What `dataclass` itself writes."""

    name: str
    values: list[float]


@dataclass(repr=False, eq=False)
class Own(Node):
    """The same with what nodes share."""

    name: str
    values: list[float]


@pytest.mark.parametrize("other", [("a", [1.0]), ("b", [1.0]), ("a", []), ("a", [float("nan")])])
def test_nodes_are_compared_and_shown_as_dataclasses_are(other):
    """By all fields, and only with their own class."""
    mine = ("a", [1.0])

    assert (Own(*mine) == Own(*other)) is (Plain(*mine) == Plain(*other))
    assert (Own(*other) == Own(*other)) is (Plain(*other) == Plain(*other))
    assert repr(Own(*other)) == repr(Plain(*other)).replace("Plain", "Own")
    assert Own(*mine) != Plain(*mine)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Own(*mine))


@pytest.mark.parametrize("module", [declarations, expressions, program])
def test_every_node_has_its_fields(module):
    """A class that is no `Node` would be equal to itself alone."""
    classes = [each for each in vars(module).values() if isinstance(each, type)]
    nodes = [each for each in classes if each.__module__ == module.__name__]

    assert len(nodes) >= 20
    assert all(issubclass(each, Node) and each.__match_args__ for each in nodes)
