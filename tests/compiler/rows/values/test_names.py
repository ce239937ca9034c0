"""Names in expressions: what a reader would have to know to know the value."""

import pytest

from taskc.compiler.rows.values.names import names_in


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("n + n", ["n", "n"]),
        ('word != "c" and len(other) > 3', ["word", "other"]),
        ("answer.text", ["answer.text"]),
        ("row.text", ["row"]),
        ("table[key]", ["table", "key"]),
        ("[x for y in rows if z]", ["x", "rows", "z"]),
        ('{a: b}["a"]', ["b"]),
        ("1 + 2", []),
    ],
)
def test_names_stand_in_the_order_written(parse, text, names):
    """Each as often as it is used; functions and fields of records are no names."""
    assert list(names_in(parse(text))) == names
