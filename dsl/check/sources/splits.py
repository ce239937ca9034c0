"""Splits: their names, the files behind them, and what is carved out of another.

In: the `splits` of a source and its connector. Out: splits in declared order. That no two splits
read the same rows, and none of training what is held back for testing, is seen here from the text
alone.
"""

from taskc.dsl.check.forms import FormReader
from taskc.dsl.check.sources.connectors import has_split
from taskc.dsl.check.units import Unit
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Call, Literal, Missing
from taskc.dsl.model.forms import CARVE
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import listed, suggestion

__all__ = ["TRAIN", "check_splits"]

TRAIN = "train"
_TEST_FILES = frozenset({"test", "dev", "validation", "valid", "val", "eval", "evaluation"})


def check_splits(
    node: ast.Splits | None,
    connector: program.Connector | None,
    place: Span,
    unit: Unit,
    report: Reporter,
) -> tuple[program.Split, ...]:
    """A source's splits; `train` alone where none are declared."""
    if node is None:
        return (program.Split(TRAIN, TRAIN, None, place),)
    found: dict[str, program.Split] = {}
    for item in node.items:
        before = found.get(item.name.text)
        if before is not None:
            report.report(
                "T0506",
                item.name.span,
                f"the split `{item.name.text}` stands twice",
                label="again here",
                secondary=((before.span, "first here"),),
            )
            continue
        split = _split(item, unit, report)
        if split is not None:
            found[item.name.text] = split
    splits = tuple(found.values())
    for split in splits:
        _check_carve(split, found, report)
    _check_files(splits, connector, report)
    return splits


def _split(item: ast.SplitItem, unit: Unit, report: Reporter) -> program.Split | None:
    name = item.name
    match item.value:
        case None:
            return program.Split(name.text, name.text, None, name.span)
        case Missing():
            return None
        case Literal(value=str() as file_name):
            if name.text == TRAIN and file_name.lower() in _TEST_FILES:
                _report_test_in_training(item, file_name, report)
            return program.Split(name.text, file_name, None, name.span)
        case Call() as call:
            bound = FormReader(unit, report).read(call, CARVE, "way to make a split", "T0507")
            if bound is None:
                return None
            carve = program.Carve(bound.word("origin"), bound.count("count"))
            return program.Split(name.text, name.text, carve, name.span)
        case _:
            pass
    report.report(
        "T0507",
        item.value.span,
        f"the split `{name.text}` is a name in quotes or `carve(...)`",
        label="neither",
        helps=(
            f'what `{{split}}` stands for: `{name.text} = "validation"`',
            f"or rows out of another split: `{name.text} = carve(train, 200)`",
        ),
    )
    return None


def _report_test_in_training(item: ast.SplitItem, file_name: str, report: Reporter) -> None:
    assert item.value is not None
    report.report(
        "T0406",
        item.value.span,
        f"the training split would read `{file_name}`",
        label="held back for evaluation by its name",
        helps=(f"call the split by what it is: `{_plain(file_name)}`",),
    )


def _plain(file_name: str) -> str:
    return "test" if file_name.lower() == "test" else f'dev = "{file_name}"'


def _check_carve(split: program.Split, splits: dict[str, program.Split], report: Reporter) -> None:
    if split.carve is None:
        return
    origin = splits.get(split.carve.origin)
    others = [name for name, each in splits.items() if each.carve is None]
    if origin is None:
        helps, _ = suggestion(split.carve.origin, others, None)
        report.report(
            "T0507",
            split.span,
            f"`{split.name}` is carved out of `{split.carve.origin}`, which is not a split here",
            label="carved",
            notes=(f"splits: {listed(others)}",) if others else (),
            helps=helps or (f"name it as well: `splits {split.carve.origin}, {split.name} = ...`",),
        )
    elif origin.carve is not None:
        report.report(
            "T0507",
            split.span,
            f"`{split.name}` is carved out of `{origin.name}`, which is carved itself",
            label="carved",
            secondary=((origin.span, "carved as well"),) if origin is not split else (),
            helps=(f"carve from a split with files: {listed(others)}",) if others else (),
        )


def _check_files(
    splits: tuple[program.Split, ...], connector: program.Connector | None, report: Reporter
) -> None:
    """Two splits of one source must not read the same files."""
    if connector is None or connector.path is None:
        return
    tells_apart = connector.kind in {"hf", "plugin"} or has_split(connector.path)
    read: dict[str, program.Split] = {}
    for split in splits:
        if split.carve is not None:
            continue
        file_name = split.file_name if tells_apart else ""
        before = read.setdefault(file_name, split)
        if before is split:
            continue
        in_training = TRAIN in (before.name, split.name)
        helps = (
            ('say what differs in the path: `"...{split}..."`',)
            if not tells_apart
            else ("take rows out of one instead: `carve(...)`",)
        )
        report.report(
            "T0406" if in_training else "T0504",
            split.span,
            f"the splits `{before.name}` and `{split.name}` read the same rows",
            label="the same files again",
            secondary=((before.span, "read here"), (connector.span, "the path")),
            helps=helps,
        )
