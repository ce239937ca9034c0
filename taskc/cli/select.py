"""`taskc select RUN`: which epoch's model is kept, chosen by reading and never by loss.

In: the folder of a run that kept its epochs' models, and the artefact that it read. Out: a page
that shows what they answer to the prompts of an evaluation split; with `--epoch`, the choice with
its reason, and that epoch's model in the run's place.
"""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from taskc.cli import arguments, console

if TYPE_CHECKING:
    from taskc.runtime.reader import Artifact
    from taskc.runtime.selection.answers import Reading

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "Show what the models of a run's epochs answer, and record which one is kept and why"

_EPOCHS = (5, 10)  # Zhou et al. 2023, section 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc select`."""
    parser.add_argument(
        "path", metavar="RUN", type=arguments.path, help="the folder of a run, such as runs/NAME"
    )
    parser.add_argument(
        "--epoch", metavar="N", type=arguments.positive, help="keep the model of this epoch"
    )
    parser.add_argument(
        "--because", metavar="TEXT", default="", help="with --epoch: the reason, from reading"
    )
    parser.add_argument(
        "--epochs",
        metavar="A-B",
        type=_epochs,
        default=_EPOCHS,
        help="which epochs to show (default: 5-10, as LIMA's authors read)",
    )
    parser.add_argument(
        "--split", default="dev", help="the evaluation split with the prompts (default: dev)"
    )
    parser.add_argument(
        "--prompts",
        metavar="N",
        type=arguments.positive,
        default=50,
        help="how many of its prompts at most (default: 50)",
    )
    parser.add_argument(
        "--max-tokens",
        metavar="N",
        type=arguments.positive,
        default=512,
        help="tokens of an answer at most (default: 512)",
    )
    parser.add_argument(
        "--artifact",
        metavar="PATH",
        type=arguments.path,
        help="what the run read (default: where it was then)",
    )
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="where to compute (default: cpu)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def _epochs(text: str) -> tuple[int, int]:
    """Reads `5-10`, or one epoch."""
    found = re.fullmatch(r"([1-9]\d*)(?:-([1-9]\d*))?", text)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, -1)
    if first > last:
        raise argparse.ArgumentTypeError(f"expected epochs such as 5-10, found {text!r}")
    return first, last


def run(options: argparse.Namespace) -> int:
    """Shows the answers, or records the choice; 1 where that can't be done."""
    if bool(options.because) != bool(options.epoch):
        console.say('error: a choice needs both: --epoch N --because "..."')
        return 1
    return _choose(options) if options.epoch else _show(options)


def _choose(options: argparse.Namespace) -> int:
    from taskc.runtime.selection.choice import choose

    folder = Path(options.path)
    choice = choose(folder, options.epoch, options.because)
    if options.json:
        console.emit_json({**choice, "model": str(folder / "model")})
    else:
        console.emit(
            f"{folder}: epoch {choice['epoch']} is kept, because {choice['because']}\n"
            f"  its model is in {folder / 'model'}, the choice in {folder / 'choice.json'}"
        )
    return 0


def _show(options: argparse.Namespace) -> int:
    from taskc.runtime.selection import answers
    from taskc.runtime.selection.choice import show

    folder = Path(options.path)
    record, kept = answers.record_of(folder), answers.epochs_of(folder)
    first, last = options.epochs
    epochs = [epoch for epoch in kept if first <= epoch <= last]
    if not epochs:
        console.say(
            f"error: no epoch from {first} to {last} is kept in {folder}\n"
            f"help: --epochs {kept[0]}-{kept[-1]} shows those that are"
        )
        return 1
    artifact = _artifact(options.artifact or record.get("path"), record)
    if artifact is None:
        return 1
    readings = _readings(options, folder, epochs, artifact)
    title = f"{record['train']['name']}: epochs {epochs[0]} to {epochs[-1]}"
    page = show(folder, title, options.split, readings)
    if options.json:
        shown = {"version": 1, "page": str(page), "epochs": epochs, "prompts": len(readings)}
        console.emit_json(shown)
    else:
        console.emit(
            f"{page}: {len(readings)} prompts of {options.split}, epochs "
            f"{', '.join(map(str, epochs))}\n"
            f'  then: taskc select {options.path} --epoch N --because "..."'
        )
    return 0


def _readings(
    options: argparse.Namespace, folder: Path, epochs: list[int], artifact: "Artifact"
) -> "list[Reading]":
    """Asks each epoch's model, and says on stderr where it stands."""
    from tokenizers import Tokenizer

    from taskc.runtime.selection import answers

    prompts = answers.prompts_of(artifact, options.split, options.prompts)
    decode = Tokenizer.from_file(str(artifact.tokenizer / "tokenizer.json")).decode
    readings = [
        answers.Reading(each.source, decode(each.ids, skip_special_tokens=False), {})
        for each in prompts
    ]
    for epoch, given in answers.answer(
        folder, epochs, prompts, max_tokens=options.max_tokens, device=options.device
    ):
        ended = sum(each.has_ended for each in given)
        console.say(f"epoch {epoch}: {ended} of {len(given)} answers ended")
        for reading, each in zip(readings, given, strict=True):
            reading.answers[epoch] = each
    return readings


def _artifact(path: str | None, record: dict[str, object]) -> "Artifact | None":
    """Opens what the run read; None where it is something else."""
    import taskc

    if path is None or not (Path(path) / "manifest.json").is_file():
        where = f"is not in {path}" if path else "is not known"
        console.say(f"error: the artefact of the run {where}\nhelp: say where: --artifact PATH")
        return None
    artifact = taskc.open(path)
    if artifact.manifest.content_digest != record.get("content_digest"):
        console.say(
            f"error: {path} is not what the run read: other content\n"
            "help: say where that is: --artifact PATH"
        )
        return None
    return artifact
