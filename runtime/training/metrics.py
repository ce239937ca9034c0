"""Boards: a run's steps as TensorBoard or Weights & Biases show them, besides log.jsonl.

In: steps as they come, and the names of boards. Out: the same steps, each written on to every board
before it is passed on. What is trained does not depend on it. A run that is gone on with goes on
with its curves: TensorBoard is told from which step on older points are void, Weights & Biases by
the id that is kept in OUT/wandb.txt.

TensorBoard's files need the extra `taskc-lang[tensorboard]` (tensorboardX, which needs neither
TensorFlow nor TensorBoard itself), Weights & Biases `taskc-lang[wandb]`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import uuid4

from taskc.runtime.artifact import ArtifactError

if TYPE_CHECKING:
    from taskc.runtime.training.step import Step

__all__ = ["BOARDS", "check_boards", "followed"]

PROJECT: Final = "taskc"


class Board(Protocol):
    """Where numbers of steps go."""

    def add(self, step: int, numbers: dict[str, float]) -> None:
        """Writes the numbers of one step."""

    def close(self) -> None:
        """Writes what is held back."""


class TensorBoard:
    """Event files in OUT/tensorboard."""

    def __init__(self, out: Path, first_step: int) -> None:
        library: Any = import_module("tensorboardX")
        # Files are called by the second, and a run may be taken up within one.
        self._writer = library.SummaryWriter(
            str(out / "tensorboard"), purge_step=first_step, filename_suffix=f".{first_step}"
        )

    def add(self, step: int, numbers: dict[str, float]) -> None:
        """Writes a scalar each."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Writes what is held back."""
        self._writer.close()


class Wandb:
    """A run of Weights & Biases, called as its folder; run.json is its configuration."""

    def __init__(self, out: Path, first_step: int) -> None:
        library: Any = import_module("wandb")
        kept = out / "wandb.txt"
        if first_step == 1 or not kept.is_file():
            kept.write_text(f"{uuid4().hex}\n", encoding="utf-8")
        self._run = library.init(
            project=PROJECT,
            name=out.resolve().name,
            id=kept.read_text(encoding="utf-8").strip(),
            resume="allow",
            dir=str(out),
            config=json.loads((out / "run.json").read_text(encoding="utf-8")),
        )

    def add(self, step: int, numbers: dict[str, float]) -> None:
        """Logs them together."""
        self._run.log(numbers, step=step)

    def close(self) -> None:
        """Ends the run."""
        self._run.finish()


BOARDS: Final[Mapping[str, Callable[[Path, int], Board]]] = {
    "tensorboard": TensorBoard,
    "wandb": Wandb,
}
_MODULES: Final = {"tensorboard": "tensorboardX", "wandb": "wandb"}


def check_boards(boards: Sequence[str]) -> None:
    """Raises where what a board needs is not installed.

    Args:
        boards: Names, of `BOARDS`.

    Raises:
        ArtifactError: With the extra that brings it.
    """
    for name in boards:
        if find_spec(_MODULES[name]) is None:
            expected = f"{_MODULES[name]}, of the extra: pip install 'taskc-lang[{name}]'"
            raise ArtifactError("this environment", "packages", expected, "no such package")


def followed(steps: "Iterable[Step]", boards: Sequence[str], out: Path) -> "Iterator[Step]":
    """Returns the steps; each is on every board before the next is taken.

    Args:
        steps: Of one run, as `train` yields them; of several ranks the first one's.
        boards: Names, of `BOARDS`.
        out: The run's folder.

    Raises:
        ArtifactError: As `check_boards` does; before the first step.
    """
    check_boards(boards)
    return _followed(steps, boards, out)


def _followed(steps: "Iterable[Step]", boards: Sequence[str], out: Path) -> "Iterator[Step]":
    opened: list[Board] = []
    try:
        for step in steps:
            if not opened:
                opened.extend(BOARDS[name](out, step.step) for name in boards)
            for board in opened:
                board.add(step.step, _numbers(step))
            yield step
    finally:
        for board in opened:
            board.close()


def _numbers(step: "Step") -> dict[str, float]:
    """What a curve is drawn of."""
    own = ("loss", "lr", "grad_norm", "tokens", "trained_tokens", "epoch")
    numbers = {name: getattr(step, name) for name in own}
    return numbers | {f"sources/{name}": loss for name, loss in step.sources.items()}
