"""`taskc inspect ARTIFACT`: one sequence as text, what of it is trained, and where it came from.

In: an artefact, a split, a number. Out: the examples of that sequence in order, each with its row
(file and number), its prompt (file, line and label) and its text; trained tokens are coloured on a
terminal and stand between ⟦ and ⟧ elsewhere. Of an evaluation split: one row of it. The text is
decoded from the ids that are stored; nothing is taken from the specs or the data.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from taskc.cli import console
from taskc.cli.arguments import path

if TYPE_CHECKING:
    from taskc.runtime.reader import Artifact, EvaluationSplit, PackedSplit

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "Show a sequence as text: what is trained, where it came from"

Decode = Callable[[list[int]], str]


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive tokens that are all trained or all not."""

    text: str
    trained: bool
    num_tokens: int


@dataclass(frozen=True, slots=True)
class Shown:
    """One example as it is shown.

    Attributes:
        title: What it is in its sequence or split.
        origin: Source, file, row, template, label, at, and what else is known of it.
        pieces: Its text.
        notes: Lines below the text: options and references of an evaluation row.
    """

    title: str
    origin: dict[str, Any]
    pieces: tuple[Piece, ...]
    notes: tuple[str, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc inspect`."""
    parser.add_argument(
        "artifact",
        metavar="ARTIFACT",
        type=path,
        help="the folder that holds manifest.json",
    )
    parser.add_argument(
        "--split", metavar="S", default="train", help="which split (default: train)"
    )
    parser.add_argument(
        "--index", metavar="N", type=int, default=0, help="which sequence, from 0 (default: 0)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace) -> int:
    """Shows the sequence; 1 where there is none of that split or number."""
    import taskc
    from taskc.runtime.reader import PackedSplit

    artifact = taskc.open(options.artifact)
    splits = artifact.manifest.splits
    if options.split not in splits:
        console.say(f"error: there is no split `{options.split}`")
        console.say(f"help: splits: {', '.join(splits)}")
        return 1
    split = artifact[options.split]
    if not 0 <= options.index < len(split):
        console.say(f"error: there is no number {options.index:,} in `{options.split}`")
        console.say(f"help: it holds {len(split):,}, counted from 0")
        return 1
    if isinstance(split, PackedSplit):
        examples = list(_of_sequence(artifact, split, options.index))
    else:
        examples = [_of_row(artifact, split, options.index)]
    if options.json:
        console.emit_json(_as_json(options, len(split), examples))
    else:
        length = artifact.manifest.packing.length if options.split == "train" else None
        console.emit(_as_text(options, len(split), examples, length))
    return 0


# ---- what is shown -----------------------------------------------------------------------------


def _of_sequence(artifact: "Artifact", split: "PackedSplit", index: int) -> Iterator[Shown]:
    """Yields the examples of a packed sequence."""
    sequence = split[index]
    decode = _decoder(artifact)
    borders = sequence.cu_seq_lens.tolist()
    ids, labels = sequence.input_ids.tolist(), sequence.labels.tolist()
    for number, example in enumerate(sequence.examples.tolist()):
        start, end = borders[number : number + 2]
        trained = [label >= 0 for label in labels[start:end]]
        origin = artifact.examples.slice(example, 1).to_pylist()[0]
        yield Shown(
            title=f"{number + 1} of {len(sequence.examples)}",
            origin={"example": example, **_printable(origin)},
            pieces=tuple(_pieces(ids[start:end], trained, decode)),
        )


def _of_row(artifact: "Artifact", split: "EvaluationSplit", index: int) -> Shown:
    """Returns one row of an evaluation split: what is given, then what is asked for."""
    row: dict[str, Any] = _printable(split[index])
    decode = _decoder(artifact)
    given, asked = row.pop("input_ids"), row.pop("target_ids")
    trained = [False] * len(given) + [True] * len(asked)
    options = [decode(ids) for ids in row.pop("option_ids")]
    notes = [
        f"option {number}{' (correct)' if number in row['correct'] else ''}: {text}"
        for number, text in enumerate(options)
    ]
    notes += [f"accepted: {text}" for text in row["references"]]
    return Shown(
        title="evaluated" + (f" by {row['metric']}" if row["metric"] else ""),
        origin={**row, "options": options},
        pieces=tuple(_pieces(given + asked, trained, decode)),
        notes=tuple(notes),
    )


def _printable(origin: dict[str, Any]) -> dict[str, Any]:
    """Returns the columns with the row's id in hexadecimal."""
    return {
        name: value.hex() if isinstance(value, bytes) else value for name, value in origin.items()
    }


def _decoder(artifact: "Artifact") -> Decode:
    """Returns the function from ids to text, special tokens included."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(artifact.tokenizer / "tokenizer.json"))
    return lambda ids: str(tokenizer.decode(ids, skip_special_tokens=False))


def _pieces(ids: list[int], trained: list[bool], decode: Decode) -> Iterator[Piece]:
    """Yields the text of each run of tokens with one mask.

    A tokenizer may drop the space mark at the start of what it decodes, so a run's text is what it
    adds to the text before it.
    """
    end, before = 0, ""
    for is_trained, run_ in groupby(trained):
        start, end = end, end + len(list(run_))
        until = decode(ids[:end])
        added = until.removeprefix(before) if until.startswith(before) else decode(ids[start:end])
        yield Piece(added, is_trained, end - start)
        before = until


# ---- how it is shown ---------------------------------------------------------------------------


def _num_tokens(examples: list[Shown], *, trained: bool | None = None) -> int:
    return sum(
        piece.num_tokens
        for example in examples
        for piece in example.pieces
        if trained is None or piece.trained == trained
    )


def _as_text(
    options: argparse.Namespace, num_sequences: int, examples: list[Shown], length: int | None
) -> str:
    """Returns the sequence for people; `length` is what it may hold, in tokens."""
    color = console.shows_color(sys.stdout)
    of = f" of {length:,}" if length else ""
    lines = [
        (
            f"{options.split} {options.index:,} of {num_sequences:,}: "
            f"{_count(len(examples), 'example')}, {_num_tokens(examples):,}{of} tokens, "
            f"{_num_tokens(examples, trained=True):,} {_marked_word(options.split)}"
        )
    ]
    for example in examples:
        text = "".join(_marked(piece, color=color) for piece in example.pieces)
        header = _header(example, _marked_word(options.split))
        lines += ["", console.paint(header, "cyan", color=color), text]
        lines += [console.paint(f"  {note}", "dim", color=color) for note in example.notes]
    return "\n".join(lines)


def _marked_word(split: str) -> str:
    """Returns what is true of the marked tokens: an evaluation trains nothing."""
    return "trained" if split == "train" else "asked for"


def _header(example: Shown, marked_word: str) -> str:
    """Returns the line between examples: which row, which prompt, how long."""
    origin = example.origin
    trained = _num_tokens([example], trained=True)
    more = [
        f"repetition {origin['repetition']}" if origin.get("repetition") else "",
        f"part {origin['part']}" if origin.get("part") else "",
        f"{origin['trimmed_tokens']:,} tokens trimmed" if origin.get("trimmed_tokens") else "",
    ]
    return "  ".join(
        [
            f"--- {example.title}",
            f"{origin['source']} {origin['file']}:{origin['row']}",
            f"{origin['template']}.{origin['label']} {origin['at']}",
            ", ".join(
                part
                for part in (
                    _count(_num_tokens([example]), "token"),
                    f"{trained:,} {marked_word}",
                    *more,
                )
                if part
            ),
        ]
    )


def _marked(piece: Piece, *, color: bool) -> str:
    """Returns a piece, coloured or between brackets where it is trained."""
    if not piece.trained:
        return piece.text
    return console.paint(piece.text, "green", color=True) if color else f"⟦{piece.text}⟧"


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"


def _as_json(
    options: argparse.Namespace, num_sequences: int, examples: list[Shown]
) -> dict[str, object]:
    """Returns the sequence for programs; docs/cli.md documents it."""
    return {
        "version": 1,
        "artifact": str(options.artifact),
        "split": options.split,
        "index": options.index,
        "num_sequences": num_sequences,
        "tokens": _num_tokens(examples),
        "trained_tokens": _num_tokens(examples, trained=True),
        "examples": [
            {**example.origin, "pieces": [asdict(piece) for piece in example.pieces]}
            for example in examples
        ],
    }
