"""A run that is ready: it takes its steps, keeps its log, saves on the way, and leaves a model.

In: a stepper and the batches of a run. Out: steps as they come; in OUT run.json, log.jsonl,
checkpoint (while it is not finished), epochs/NN and the last two states/NN (where the recipe keeps
them) and model. Rank 0
writes; all ranks go through the same steps and stop at the same one.
"""

import json
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from taskc.runtime.artifact import RunBlock
from taskc.runtime.batches import Batches
from taskc.runtime.export import export
from taskc.runtime.reader import Artifact
from taskc.runtime.recipes.parts.lora import ADAPTER
from taskc.runtime.recipes.recipe import Recipe
from taskc.runtime.selection import choice
from taskc.runtime.training.adapters import merged
from taskc.runtime.training.blame import blamed
from taskc.runtime.training.checkpoint import (
    Found,
    differences,
    discard,
    forget,
    keep,
    save,
    weights_of,
)
from taskc.runtime.training.loading import Ahead, Loaded
from taskc.runtime.training.machine import Machine
from taskc.runtime.training.micro_batches import MicroBatch, cut
from taskc.runtime.training.packs import pack
from taskc.runtime.training.step import NotFinite, Step, Stepper

__all__ = ["Run"]


@dataclass(slots=True)
class Run:
    """A run that is ready to take steps.

    Attributes:
        packs_examples: Whether batches of examples are packed, or each has a row of its own.
    """

    artifact: Artifact
    block: RunBlock
    recipe: Recipe
    machine: Machine
    out: Path
    stepper: Stepper
    batches: Batches
    num_steps: int
    identity: dict[str, Any]
    packs_examples: bool = True

    def begin(self, found: Found | None) -> None:
        """Writes what was run, and makes the log ready to be gone on with."""
        if found is None:
            discard(self.out, self.stepper.ranks)
        elif self._ends_epoch(found.position):  # it may have been killed before it was kept
            keep(self.out, self._epochs_before(found.position), self.stepper.ranks)
        if not self.stepper.ranks.is_first:
            return
        self.out.mkdir(parents=True, exist_ok=True)
        record = _record(self)
        (self.out / "run.json").write_text(record, encoding="utf-8")
        shutil.rmtree(self.out / "model", ignore_errors=True)
        log = self.out / "log.jsonl"
        if found is None:
            log.write_text("", encoding="utf-8")
            shutil.rmtree(self.out / "epochs", ignore_errors=True)
            forget(self.out)
            choice.discard(self.out)
            return
        for folder in (self.out / "epochs").glob("[0-9]*"):
            if int(folder.name) > self._epochs_before(found.position):
                shutil.rmtree(folder)
        _cut_log(log, found.position)
        changed = _changes(found, self.identity, self._circumstances())
        if changed:
            _append(log, {"resumed_at": found.position, "changed": changed})

    def steps(self, position: int) -> Iterator[Step]:
        """Takes the steps from a position on, saves on the way and at the end."""
        ahead = Ahead(self._loaded, self.num_steps, steps=self.machine.steps_ahead)
        with _terminated() as stop, ahead:
            while position < self.num_steps:
                step = self._step(position, ahead.at(position))
                position += 1
                if self.stepper.ranks.is_first:
                    _append(self.out / "log.jsonl", asdict(step))
                stops = bool(
                    self.stepper.ranks.largest(int(stop.is_set()), self.stepper.model.device)
                )
                self._save(position, stops=stops)
                yield step
                if stops and position < self.num_steps:
                    return
        self._export(self.out / "model")
        discard(self.out, self.stepper.ranks)

    def _step(self, position: int, pieces: list[Loaded]) -> Step:
        epoch = position // self.batches.schedule.steps_per_epoch
        try:
            return self.stepper.take(pieces, position, self.num_steps, epoch)
        except NotFinite as failure:
            raise blamed(failure, self.artifact, position + 1, self.stepper.ranks) from failure

    def _loaded(self, position: int) -> list[Loaded]:
        return self.stepper.load(self._pieces(position), position)

    def _pieces(self, position: int) -> list[MicroBatch]:
        """Returns this rank's share of a step."""
        batches, most = self.batches, self.machine.max_tokens
        if batches.schedule.rule.unit != "examples":
            rows = batches.rows_at(position)
            return cut(rows, length=batches.length, max_tokens=most, pad_id=batches.pad_id)
        if self.packs_examples:
            rows = pack(
                batches.all_examples_at(position),
                room=min(batches.length, most),
                rank=batches.rank,
                world_size=batches.schedule.world_size,
            )
        else:
            rows = batches.rows_at(position)
        return cut(rows, length=0, max_tokens=most, pad_id=batches.pad_id)

    def _save(self, position: int, *, stops: bool) -> None:
        """Saves the state where it is time, and the model of an epoch where the recipe keeps it."""
        ends_epoch = position % self.batches.schedule.steps_per_epoch == 0
        every = self.machine.checkpoint_every
        keeps = self._ends_epoch(position)
        if keeps:
            self._export(self.out / "epochs" / f"{self._epochs_before(position):02d}")
        due = ends_epoch or stops or (every and position % every == 0)
        if keeps or (due and position < self.num_steps):
            save(self.stepper, self.out, position, self.identity, self._circumstances())
        if keeps:
            keep(self.out, self._epochs_before(position), self.stepper.ranks)

    def _ends_epoch(self, position: int) -> bool:
        """Whether the recipe keeps what it has come to at that many steps."""
        per_epoch = self.batches.schedule.steps_per_epoch
        return self.recipe.keeps_epochs and position % per_epoch == 0

    def _epochs_before(self, position: int) -> int:
        return position // self.batches.schedule.steps_per_epoch

    def _export(self, folder: Path) -> None:
        weights = weights_of(self.stepper)
        if self.stepper.ranks.is_first:
            self._write(folder, weights)
        self.stepper.ranks.wait()

    def _write(self, folder: Path, weights: dict[str, Any]) -> None:
        if self.stepper.adapter is None:
            export(self.stepper.model, self.artifact, folder, weights=weights)
        elif self.machine.merge:
            export(merged(self.artifact, self.block, weights), self.artifact, folder)
        else:
            export(
                self.stepper.model,
                self.artifact,
                folder,
                weights=weights,
                adapter=self.stepper.adapter.tuner.peft_config[ADAPTER],
            )

    def _circumstances(self) -> dict[str, Any]:
        return {
            "world_size": self.stepper.ranks.world_size,
            "machine": {
                name: value
                for name, value in asdict(self.machine).items()
                if name != "checkpoint_every"
            },
            "attention": _attention(self),
            "versions": _versions(),
        }


def _changes(
    found: Found, identity: dict[str, Any], circumstances: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    changed = {
        **differences(found.identity, identity),
        **differences(found.circumstances, circumstances),
    }
    return {name: {"before": before, "now": now} for name, (before, now) in changed.items()}


@contextmanager
def _terminated() -> Iterator[threading.Event]:
    """An event that is set when the process is asked to end."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked  # only the main thread may say what a signal does
        return
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)


# ---- what is left behind -------------------------------------------------------------------------


def _append(log: Path, line: dict[str, Any]) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{json.dumps(line)}\n")


def _cut_log(log: Path, position: int) -> None:
    """Takes out of the log the steps that a killed run took after its last checkpoint."""
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True) if log.is_file() else []
    kept = []
    for line in lines:
        # The last line may be half a line.
        if not line.endswith("\n") or json.loads(line).get("step", 0) > position:
            break
        kept.append(line)
    log.write_text("".join(kept), encoding="utf-8")


def _record(run: Run) -> str:
    """Returns run.json of the run: enough to say what was trained on what, with which numbers."""
    manifest = run.artifact.manifest
    record = {
        "artifact": f"{manifest.package}/{manifest.build}",
        "path": str(run.artifact.path),
        "content_digest": manifest.content_digest,
        "train": run.block.model_dump(mode="json"),
        "numbers": [number._asdict() for number in run.recipe.numbers()],
        "identity": run.identity,
        "packs_examples": run.packs_examples,
        "attention": _attention(run),
        "versions": _versions(),
    }
    return json.dumps(record, ensure_ascii=False, indent=2) + "\n"


def _attention(run: Run) -> str:
    """The attention that was chosen for the model on this machine."""
    return str(run.stepper.model.config._attn_implementation)  # noqa: SLF001 (it has no other name)


def _versions() -> dict[str, str]:
    names = ("torch", "transformers", "peft")
    return {name: version(name) for name in names if find_spec(name)}
