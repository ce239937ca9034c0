"""Values as messages show them: short, and in the language's own words."""

import pytest

from taskc.compiler.rows.findings import shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "none"),
        (True, "true"),
        (3, "3"),
        (1.0, "1.0"),
        ("a\nb", '"a\\nb"'),
        (["a", 1, None], '["a", 1, none]'),
        ({"a": [True]}, "{a: [true]}"),
        (list(range(100)), "[0, 1, 2, 3, 4, 5, 6, 7, ...]"),
        ([], "[]"),
        ("x" * 1_000_000, '"' + "x" * 56 + "..."),
        (["y" * 100] * 5, '["' + "y" * 55 + "..."),
    ],
)
def test_shown(value, expected):
    """At most 60 characters, however large the value."""
    assert expected == shown(value)
    assert len(expected) <= 60
