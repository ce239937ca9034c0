"""What a build trains on: every trained row has a target, and none is held back for evaluation.

In: a build's mixture, sources and templates. Out: reports about prompts without a target in a
trained split, about test rows that are trained on, and about two sources that read the same rows.
Several builds may make one finding: it is said once, and breaks them all.
"""

from taskc.dsl.check.sources.splits import TRAIN
from taskc.dsl.check.units import Declared, Workspace
from taskc.dsl.codes import CODES
from taskc.dsl.diagnostics import Reporter, Severity
from taskc.dsl.model import program
from taskc.dsl.text.source_text import Span

__all__ = ["TrainedRows"]


class TrainedRows:
    """Judges what one build trains on."""

    def __init__(
        self,
        mixture: program.Mixture,
        declared: Declared,
        workspace: Workspace,
        report: Reporter,
    ) -> None:
        self.mixture = mixture
        self.declared = declared
        self.workspace = workspace
        self.report = report

    def _is_new(self, code: str, span: Span) -> bool:
        """Marks the build, and tells whether no other build has made this finding."""
        if CODES[code].severity is Severity.ERROR:
            self.declared.is_broken = True
        key = (code, span)
        is_new = key not in self.workspace.said
        self.workspace.said.add(key)
        return is_new

    # ---- targets ---------------------------------------------------------------------------------

    def check_targets(
        self, sources: list[program.Source], templates: list[program.Template]
    ) -> None:
        """A prompt that generates only cannot serve a source that is trained on."""
        trained = {id(s) for s in sources if any(split.name == TRAIN for split in s.splits)}
        for template in templates:
            source = next((s for s in template.serves if id(s) in trained), None)
            if source is None:
                continue
            for prompt in template.prompts:
                if prompt.messages is None and not any(turn.trained for turn in prompt.turns):
                    self._report_no_target(prompt, source)

    def _report_no_target(self, prompt: program.Prompt, source: program.Source) -> None:
        if not self._is_new("T0322", prompt.span):
            return
        is_dialogue = prompt.kind == "dialogue"
        lacking = "an answer" if is_dialogue else "a target"
        self.report.report(
            "T0322",
            prompt.span,
            f"a {prompt.kind} without {lacking} serves a source that is trained on",
            label=f"lacks {lacking}",
            secondary=(
                (source.span, f"`{source.name}` has a split `{TRAIN}`"),
                (self.mixture.span, "and is trained on in this mixture"),
            ),
            helps=('add `assistant "..."`',) if is_dialogue else ('add `-> "{...}"`',),
        )

    # ---- rows that are read twice ----------------------------------------------------------------

    def check_overlaps(
        self, sources: list[program.Source], evaluated: list[program.Source]
    ) -> None:
        """No file is read for training by one source and for anything else by another."""
        files = self.workspace.files
        trained: dict[str, program.Source] = {}
        for source in sources:
            path = files[id(source)].get(TRAIN)
            if path is not None:
                before = trained.setdefault(path, source)
                if before is not source:
                    self._report_same_rows(before, source, path)
        for source in evaluated:
            for split in source.splits:
                reader = trained.get(files[id(source)].get(split.name, ""))
                if split.name != TRAIN and reader is not None and reader is not source:
                    self._report_trained_on(source, split, reader)

    def _report_same_rows(self, first: program.Source, second: program.Source, path: str) -> None:
        if not self._is_new("T0407", second.connector.span):
            return
        self.report.report(
            "T0407",
            second.connector.span,
            f"`{second.name}` and `{first.name}` train on the same rows",
            label="the same files again",
            secondary=((first.connector.span, f"read by `{first.name}`"),),
            notes=(f"both read `{path.removeprefix('hf:')}`",),
            helps=("if each keeps other rows by `where`, nothing is lost; else leave one out",),
        )

    def _report_trained_on(
        self, source: program.Source, split: program.Split, reader: program.Source
    ) -> None:
        if not self._is_new("T0406", reader.connector.span):
            return
        self.report.report(
            "T0406",
            reader.connector.span,
            f"`{reader.name}` trains on the split `{split.name}` of `{source.name}`",
            label="read for training",
            secondary=(
                (split.span, f"`{split.name}` is evaluated"),
                (self.mixture.span, "both are in this mixture"),
            ),
            helps=("train on another split, or leave one of the two out",),
        )
