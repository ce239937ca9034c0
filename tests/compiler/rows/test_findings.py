"""What is found in rows: said once, and values shown short, in the language's own words."""

import pytest

from taskc.compiler import plan
from taskc.compiler.rows.findings import Findings, shown
from taskc.dsl.diagnostics import RowPlace


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


def test_what_concerns_no_row_is_said_once():
    """Three splits of a data set that can't be had are one mistake; two rows are two."""
    findings = Findings("s", plan.Place(path="s.task", start=0, end=1, line=1, column=1))
    for number in range(3):
        findings.report("T0542", "the hub cannot be reached for `o/n`", notes=("no name",))
        findings.report("T0830", "wrong", row=RowPlace("f", number, "x", ""))

    assert ["T0542", "T0830", "T0830", "T0830"] == [each.code for each in findings.diagnostics()]
    assert 4 == findings.num_errors
