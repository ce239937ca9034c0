"""What a build trains on: every trained row has a target, and none is held back for evaluation.

In: a build's mixture, sources and templates. Out: reports about prompts without a target in a
trained split, about test rows that are trained on, and about two sources that read the same rows.
"""

from taskc.dsl.check.sources.splits import TRAIN
from taskc.dsl.check.units import Workspace
from taskc.dsl.diagnostics import Diagnostic, Reporter
from taskc.dsl.model import program

__all__ = ["check_overlaps", "check_targets"]


def check_targets(
    mixture: program.Mixture,
    sources: list[program.Source],
    templates: list[program.Template],
    splits: tuple[str, ...],
    report: Reporter,
) -> None:
    """A prompt that generates only cannot serve a source that is trained on."""
    if TRAIN not in splits:
        return
    trained = {id(s): s for s in sources if any(split.name == TRAIN for split in s.splits)}
    for template in templates:
        source = next((s for s in template.serves if id(s) in trained), None)
        if source is None:
            continue
        for prompt in template.prompts:
            if prompt.messages is None and not any(turn.trained for turn in prompt.turns):
                _report_no_target(prompt, source, mixture, report)


def _report_no_target(
    prompt: program.Prompt, source: program.Source, mixture: program.Mixture, report: Reporter
) -> None:
    is_dialogue = prompt.kind == "dialogue"
    lacking = "an answer" if is_dialogue else "a target"
    _once(
        report,
        "T0322",
        prompt.span,
        f"a {prompt.kind} without {lacking} serves a source that is trained on",
        label=f"lacks {lacking}",
        secondary=(
            (source.span, f"`{source.name}` has a split `{TRAIN}`"),
            (mixture.span, "and is trained on in this mixture"),
        ),
        helps=('add `assistant "..."`',) if is_dialogue else ('add `-> "{...}"`',),
    )


# ---- rows that are read twice --------------------------------------------------------------------


def check_overlaps(
    mixture: program.Mixture,
    sources: list[program.Source],
    evaluated: list[program.Source],
    workspace: Workspace,
    report: Reporter,
) -> None:
    """No file is read for training by one source and for anything else by another."""
    trained: dict[str, program.Source] = {}
    for source in sources:
        path = workspace.files[id(source)].get(TRAIN)
        if path is None:
            continue
        before = trained.setdefault(path, source)
        if before is not source:
            _report_same_rows(before, source, path, report)
    for source in evaluated:
        for split, path in workspace.files[id(source)].items():
            reader = trained.get(path)
            if split != TRAIN and reader is not None and reader is not source:
                _report_trained_on(source, split, reader, mixture, report)


def _report_same_rows(
    first: program.Source, second: program.Source, path: str, report: Reporter
) -> None:
    _once(
        report,
        "T0407",
        second.connector.span,
        f"`{second.name}` and `{first.name}` train on the same rows",
        label="the same files again",
        secondary=((first.connector.span, f"read by `{first.name}`"),),
        notes=(f"both read {_shown(path)}",),
        helps=("if each keeps other rows by `where`, nothing is lost; else leave one out",),
    )


def _report_trained_on(
    source: program.Source,
    split: str,
    reader: program.Source,
    mixture: program.Mixture,
    report: Reporter,
) -> None:
    place = next(each.span for each in source.splits if each.name == split)
    _once(
        report,
        "T0406",
        reader.connector.span,
        f"`{reader.name}` trains on the split `{split}` of `{source.name}`",
        label="read for training",
        secondary=((place, f"`{split}` is evaluated"), (mixture.span, "both are in this mixture")),
        helps=("train on another split, or leave one of the two out",),
    )


def _shown(path: str) -> str:
    return f"`{path.removeprefix('hf:')}`"


def _once(report: Reporter, code: str, span: object, message: str, **parts: object) -> None:
    """Reports a finding that several builds may make."""
    before = len(report.diagnostics)
    report.report(code, span, message, **parts)  # type: ignore[arg-type] # passed on as they are
    new: Diagnostic = report.diagnostics[before]
    if any(_same(each, new) for each in report.diagnostics[:before]):
        del report.diagnostics[before]


def _same(first: Diagnostic, second: Diagnostic) -> bool:
    return (first.code, first.message, first.primary) == (
        second.code,
        second.message,
        second.primary,
    )
