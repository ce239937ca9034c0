"""Accounts: what is said of one row in one build.

In: nothing. Out: dataclasses, which the stages of tracing fill in and the command line shows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from taskc.compiler import plan
from taskc.compiler.examples import EncodeTask
from taskc.compiler.rows.connect.files import InputFile
from taskc.compiler.rows.shaping import Row
from taskc.compiler.tracing.row import Look
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["Account", "FateWord", "Match", "Placed", "PlacedOf", "Step"]

FateWord = Literal[
    "mistake",  # it can't be read or shaped: the build stops
    "dropped",
    "not read",  # behind what a sample reads
    "not taken",  # its split is not one of the build's, or not evaluated for its source
    "not drawn from",  # its source is not in the mixture, or held out
    "not asked for",
    "exemplar",  # not asked for, but it stands before examples of other rows
    "stopped",  # the build stops, for another reason than this row's values
    "delivered",
    "evaluated",
]


@dataclass(frozen=True, slots=True)
class Step:
    """One clause that the row met.

    Attributes:
        clause: Its word: "where", "dedup", "rank".
        words: What it made of the row.
        at: Where it stands.
        values: What it looked at.
    """

    clause: str
    words: str
    at: plan.Place | None
    values: Row = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An example, and where it stands or would stand.

    Attributes:
        prompt: "TEMPLATE.LABEL".
        at: Where the prompt stands, relative to its package.
        example: Its number in its split; None where only building would tell.
        sequence, start: Which packed sequence of the training split, and its first token there.
        tokens: How many.
        trained: Those that are trained; in an evaluation those of the target.
        exemplars: How many examples of other rows stand before it, which its tokens count.
    """

    prompt: str
    at: str
    repetition: int = 0
    part: int = 0
    example: int | None = None
    sequence: int | None = None
    start: int | None = None
    tokens: int = 0
    trained: int = 0
    exemplars: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """Where a row stands for one source: a split's file, and what the first clauses made of it."""

    source: plan.Source
    split: str
    file: InputFile
    look: Look


@dataclass(slots=True)
class Account:
    """What became of the row.

    Attributes:
        build: The build.
        match: The row.
        split: The split that it is in at last: `carve` may have moved it.
        fate: Where it ended.
        ordinal: Its position among equal rows.
        at: The clause that ended it; None where none did.
        steps: All that it met.
        examples: Those that are made of it.
        is_built: Whether they stand in an artefact that is as the build would make it.
        lacking: Why they don't, in words; "" where they do.
        diagnostics: Why the build stops, where it does.
    """

    build: plan.BuildPlan
    match: Match
    split: str
    fate: FateWord = "not read"
    ordinal: int = 0
    at: plan.Place | None = None
    steps: list[Step] = field(default_factory=list)
    examples: list[Placed] = field(default_factory=list)
    is_built: bool = False
    lacking: str = ""
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def end(self, fate: FateWord, step: Step) -> None:
        """The row ends here."""
        self.steps.append(step)
        self.fate, self.at = fate, step.at

    def task(self, *, evaluation: bool, repetition: int = 0) -> EncodeTask:
        """The row as the stages take it that phrase and encode; it was shaped without a mistake."""
        build, source = self.build, self.match.source
        return EncodeTask(
            source=source,
            split=self.split,
            templates=tuple(each for each in build.templates if source.name in each.sources),
            tokenizer=build.tokenizer,
            format=build.format,
            seed=build.mixture.seed,
            repetition=repetition,
            evaluation=evaluation,
            rows=self.match.look.rows(source.name, self.split, self.ordinal),
        )


# From an account to the examples of its row in an artefact that is as the build would make it;
# None: there is no such artefact, or the row is not in it.
PlacedOf = Callable[[Account], list[Placed] | None]
