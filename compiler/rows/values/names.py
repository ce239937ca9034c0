"""Which names an expression looks up, as written: for what must be kept, or shown, beside it.

In: an expression, or anything made of such. Out: names, in the order written. Nothing is evaluated.
"""

from collections.abc import Iterator

from pydantic import BaseModel

from taskc.compiler import plan

__all__ = ["names_in"]


def names_in(expression: object) -> Iterator[str]:
    """Yields the names that an expression looks up, `answer.text` as one, each as often as used."""
    match expression:
        case plan.Name(name=name):
            yield name
        case plan.GetField(base=plan.Name(name="answer"), name="text"):
            yield "answer.text"
        case BaseModel():
            for name in type(expression).model_fields:
                yield from names_in(getattr(expression, name))
        case dict():
            for value in expression.values():
                yield from names_in(value)
        case list() | tuple():
            for value in expression:
                yield from names_in(value)
        case _:
            return
