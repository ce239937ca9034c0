"""How far the work is, on stderr: a table that is redrawn on a terminal, a line a stage elsewhere.

In: rows that are through a stage, with what is known besides. Out: for each stage how many rows,
how fast, how many tokens, how much of it the store had, and how long it still takes where the
number of rows is known beforehand. `TERM=dumb` gets the plain lines. Nothing is drawn more often
than ten times a second: a drawing takes 0.05 ms, a step of some hundred rows 5 us.
"""

import sys
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

from taskc.cli import console

if TYPE_CHECKING:
    from taskc.compiler.progress import Step

__all__ = ["Progress"]

_MIN_INTERVAL_S = 0.1  # between two drawings
_MIN_RATED_S = 0.5  # a rate over less says nothing
_THREE_DIGITS = 100
_HEAD = ("", "", "rows", "rows/s", "tokens/s", "from store", "time")
_UNITS = ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k"))


@dataclass(slots=True)
class _Stage:
    """One stage of a build.

    Attributes:
        whats: Rows by what the stage works on: sources, splits.
        expected: Rows that it will have, as far as they are known.
    """

    name: str
    began_s: float
    whats: dict[str, int] = field(default_factory=dict)
    expected: int = 0
    tokens: int = 0
    made: int = 0
    reused: int = 0
    ended_s: float | None = None

    @property
    def rows(self) -> int:
        """Rows that are through it."""
        return sum(self.whats.values())

    def cells(self, now_s: float) -> tuple[str, ...]:
        """The stage's line, a cell a column."""
        elapsed_s = (now_s if self.ended_s is None else self.ended_s) - self.began_s
        known = self.made + self.reused
        return (
            self.name,
            self._at_work(),
            f"{self.rows:,}" + (f" of {self.expected:,}" if self._is_reckoned() else ""),
            _rate(self.rows, elapsed_s),
            _rate(self.tokens, elapsed_s),
            f"{100 * self.reused / known:.0f} %" if known else "",
            self._time(elapsed_s),
        )

    def _at_work(self) -> str:
        """What it works on now; how many there were, once it is done."""
        if self.ended_s is None or len(self.whats) == 1:
            return next(reversed(self.whats), "")
        return f"{len(self.whats)} in all" if self.whats else ""

    def _is_reckoned(self) -> bool:
        return self.ended_s is None and self.expected >= self.rows > 0

    def _time(self, elapsed_s: float) -> str:
        """How long it still takes, where that is known, or took."""
        if self.ended_s is not None:
            return _clock(elapsed_s)
        if not self._is_reckoned() or elapsed_s < _MIN_RATED_S:
            return ""
        return f"{_clock((self.expected - self.rows) * elapsed_s / self.rows)} left"


class Progress:
    """How far the work is, build after build."""

    def __init__(self) -> None:
        self._live = console.can_redraw(sys.stderr)
        self._build = ""
        self._stages: dict[str, _Stage] = {}
        self._now = ""  # the stage that runs
        self._what = ""
        self._told_s = monotonic()  # when rows were last told of: stages begin and end then
        self._drawn_s = 0.0
        self._num_drawn = 0  # lines that stand on the terminal

    def __enter__(self) -> Self:
        """Starts with nothing drawn."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leaves nothing drawn, so that what follows starts at its left."""
        self.clear()

    def step(self, build: str, step: "Step") -> None:
        """Takes in what came to pass in a build."""
        # A stage begins where the last one ended, unless it is spoken of before.
        stage = self._stage(build, step.stage, self._told_s if step.what else monotonic())
        stage.expected += step.expected
        stage.tokens += step.tokens
        stage.made += step.made
        stage.reused += step.reused
        if step.what:
            self._count(stage, step.what, step.rows)

    def add(self, build: str, stage: str, what: str, num_rows: int) -> None:
        """Counts rows that are through a stage.

        Args:
            build: The build's name.
            stage: The stage's name; a new one ends the one before.
            what: What the stage works on: a source, a split.
            num_rows: Rows done since the last call.
        """
        self._count(self._stage(build, stage, self._told_s), what, num_rows)

    def clear(self) -> None:
        """Ends the build that is shown."""
        self._end_build()
        self._told_s = monotonic()

    # ---- counting ------------------------------------------------------------------------------

    def _stage(self, build: str, name: str, began_s: float) -> _Stage:
        if build != self._build:
            self._end_build()
            self._build = build
        if name not in self._stages:
            self._stages[name] = _Stage(name, began_s)
        return self._stages[name]

    def _count(self, stage: _Stage, what: str, num_rows: int) -> None:
        if (stage.name, what) != (self._now, self._what):
            self._end_line()
            if stage.name != self._now:
                self._change_to(stage)
            self._what = what
        stage.whats[what] = stage.whats.get(what, 0) + num_rows
        self._told_s = monotonic()
        if self._live and self._told_s - self._drawn_s >= _MIN_INTERVAL_S:
            self._draw()

    def _change_to(self, stage: _Stage) -> None:
        """Ends the stage that runs; where stages take turns, each counts its own time."""
        if self._now:
            self._stages[self._now].ended_s = self._told_s
        if stage.ended_s is not None:
            stage.began_s += self._told_s - stage.ended_s
            stage.ended_s = None
        self._now = stage.name

    def _end_build(self) -> None:
        self._end_line()
        self._erase()
        self._stages.clear()
        self._build = self._now = ""

    # ---- showing -------------------------------------------------------------------------------

    def _end_line(self) -> None:
        """Elsewhere than on a terminal: says what the stage that runs came to."""
        if self._now and not self._live:
            rows = self._stages[self._now].whats[self._what]
            console.say(f"{self._build}  {self._now} {self._what}  {rows:,}")

    def _draw(self) -> None:
        self._drawn_s = self._told_s
        width = console.num_columns(sys.stderr) - 1  # a line that wraps could not be erased
        color = console.shows_color(sys.stderr)
        lines = [
            console.paint(line[:width], "bold", color=color and line.startswith(f"  {self._now} "))
            for line in self._lines()
        ]
        # In one piece, so that nothing is seen between the old table and the new one.
        sys.stderr.write(self._erasure() + "".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
        self._num_drawn = len(lines)

    def _lines(self) -> list[str]:
        """The build, and a table of its stages with the columns of which something is known."""
        begun = [stage.cells(self._drawn_s) for stage in self._stages.values() if stage.whats]
        columns = [(head, *cells) for head, *cells in zip(_HEAD, *begun, strict=True) if any(cells)]
        rows = zip(*columns, strict=True)
        return [self._build, *console.table(rows, num_left=2).splitlines()]

    def _erase(self) -> None:
        if self._num_drawn:
            sys.stderr.write(self._erasure())
            sys.stderr.flush()
            self._num_drawn = 0

    def _erasure(self) -> str:
        """What takes away the lines that stand there: up to the first, then all below (ECMA-48)."""
        return f"\x1b[{self._num_drawn}F\x1b[J" if self._num_drawn else ""


def _rate(count: int, elapsed_s: float) -> str:
    """So many a second, in two or three digits; "" where there is nothing to say yet."""
    if not count or elapsed_s < _MIN_RATED_S:
        return ""
    rate = count / elapsed_s
    size, sign = next((each for each in _UNITS if rate >= each[0]), (1, ""))
    shown = rate / size
    digits = 0 if shown >= _THREE_DIGITS else 1
    return f"{shown:.{digits}f}{sign}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
