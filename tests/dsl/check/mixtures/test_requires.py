"""Requirements that can never hold, and those that always do."""

import pytest

from taskc.dsl.check.mixtures.requires import Bound, Interval, check_requires
from taskc.dsl.check.units import Unit
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.packages import Folder
from taskc.dsl.text.parser import parse
from taskc.dsl.text.source_text import SourceText, Span


def judged(*conditions, examples=None, sources=("a", "b")):
    """Returns the codes reported about requirements, given a fixed number of examples."""
    lines = "\n".join(f"  require {condition}" for condition in conditions)
    parsed = parse(SourceText("x.task", f"language 1\nmixture x {{\n{lines}\n}}\n"))
    [block] = [each for each in parsed.declarations if isinstance(each, ast.Block)]
    folder = Folder(".", "x")
    unit = Unit(folder, program.Package("x", "."), is_lossy=False, read=str.encode)
    fixed = {}
    if examples is not None:
        fixed["examples"] = Bound(Interval(examples, examples), Span("x.task", 0, 1), "fixed")
    report = Reporter()
    check_requires(list(block.statements), sources, fixed, unit, report)
    return [each.code for each in report.diagnostics]


@pytest.mark.parametrize(
    "conditions",
    [
        ("examples == 1_000",),
        ("tokens in 650_000..850_000",),
        ("truncated <= 10%",),
        ("tokens / examples > 100",),
        ("tokens >= 5", "tokens <= 5"),
        ("examples > 5 or truncated > 2",),
        ("not (truncated > 50%)",),
        ("tokens >= 100 * examples",),
        ("fill >= 95%",),
        ("sources.a.examples == 200",),
        ("sources.a.tokens > sources.b.tokens",),
        ("100 <= sources.a.rows and sources.b.repeats in 1..2",),
    ],
)
def test_may_hold(conditions):
    """Nothing is said about what a delivery may meet."""
    assert judged(*conditions) == []


@pytest.mark.parametrize(
    "conditions",
    [
        ("truncated > 1",),
        ("examples < 0",),
        ("examples == -1",),
        ("truncated in 2..3",),
        ("tokens >= 10 and tokens <= 5",),
        ("tokens >= 10", "tokens < 5"),
        ("tokens == 10", "tokens == 11"),
        ("not (examples >= 0)",),
        ("5 > tokens", "tokens >= 6"),
        ("-tokens > 0",),
        ("examples + tokens < 0",),
        ("fill > 1",),
        ("sources.a.examples < 0",),
        ("sources.a.examples == 5", "6 <= sources.a.examples"),
        ("sources.a.rows in 3..4 and sources.a.rows == 5",),
        ("sources.a.rows + sources.b.rows < 0",),
    ],
)
def test_can_never_hold(conditions):
    """What no delivery can meet is refused before it is built."""
    assert judged(*conditions)[-1] == "T0404"


@pytest.mark.parametrize(
    "conditions",
    [("truncated <= 10",), ("examples >= 0",), ("tokens > -1",), ("sources.b.tokens >= 0",)],
)
def test_always_holds(conditions):
    """What every delivery meets checks nothing."""
    assert judged(*conditions) == ["T0415"]


def test_quotas_decide():
    """With quotas alone the number of examples is known; saying it again is no mistake."""
    assert judged("examples == 950", examples=950) == []
    assert judged("examples == 1_000", examples=950) == ["T0404"]
    assert judged("examples in 900..1_000", examples=950) == []


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("sources.c.examples > 3", "T0414"),
        ("sources.a.exmaples > 3", "T0209"),
        ("sources.a > 3", "T0207"),
        ("fil > 1", "T0414"),
    ],
)
def test_figures_and_sources_are_known_by_name(condition, code):
    """A name that is misspelled is said once."""
    assert judged(condition) == [code]
