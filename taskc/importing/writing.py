"""The folder of an imported file: NAME.task, README.md, and what they need beside them.

In: a file, its shape, a folder that is new or empty. Out: the folder, and what is to be known about
the rows. The text of the spec is laid out as `taskc fmt` does it. Nothing is written where a row
could not be read, or where no row becomes an example.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

from taskc.dsl.diagnostics import Diagnostic
from taskc.dsl.text.format import format_text
from taskc.dsl.text.source_text import SourceText
from taskc.dsl.words import counted, listed, quoted
from taskc.importing.alpaca import Alpaca
from taskc.importing.dialogues import MESSAGES, SHAREGPT, Dialogues
from taskc.importing.draft import Draft, Tally
from taskc.importing.reading import RowsFile, opened
from taskc.importing.tokens import Choice, choose

__all__ = ["SHAPES", "Imported", "Shape", "import_file", "name_of"]

Shape = Literal["alpaca", "sharegpt", "messages"]
SHAPES: Final[dict[Shape, str]] = {
    "alpaca": "Alpaca",
    "sharegpt": "ShareGPT",
    "messages": "messages",
}
# Told how many rows were read since the last call.
Progress = Callable[[int], None]

_LENGTH: Final = 2_048  # tokens of a pack
_NO_NAMES: Final = frozenset(
    ("and", "else", "false", "for", "if", "in", "none", "not", "or", "true")
)
_MAX_COMMENT_CHARS: Final = 98


@dataclass(slots=True)
class Imported:
    """What came of a file.

    Attributes:
        name: Of the build, and of the spec's file.
        tally: Counts of its rows.
        draft: What of them the spec says; None where nothing was written.
        written: The files that were written.
        diagnostics: What is wrong; with any of it nothing was written.
    """

    name: str
    tally: Tally
    draft: Draft | None
    written: tuple[Path, ...]
    diagnostics: list[Diagnostic]


def name_of(path: Path) -> str:
    """A name for the rows of a file: the file's own, in letters that names have."""
    name = re.sub(r"[^a-z0-9]+", "_", path.name.partition(".")[0].lower()).strip("_")
    if not name or name[0].isdigit() or name in _NO_NAMES:
        name = f"rows_{name}".strip("_")
    return name


def import_file(
    shape: Shape,
    path: Path,
    folder: Path,
    *,
    tokenizer: Path | None = None,
    progress: Progress = lambda _rows: None,
) -> Imported:
    """Reads every row of a file and writes a spec for it.

    Args:
        shape: The shape of its rows.
        path: The file.
        folder: A folder that does not exist or is empty.
        tokenizer: A tokenizer.json or a folder; None: the small one of `taskc init`.
        progress: Told of every chunk of rows.
    """
    choice, findings = choose(tokenizer, folder)
    with TemporaryDirectory() as temporary:
        rows = opened(path, Path(temporary))
        found = _looker(shape)
        if not rows.findings.num_errors:
            for chunk in rows.chunks(found.columns):
                for number, row in zip(chunk.numbers, chunk.rows, strict=True):
                    found.look(number, row, rows)
                found.tally.columns.update(dict.fromkeys(chunk.untyped))
                progress(len(chunk.rows))
        draft = None if rows.findings.num_errors else found.draft(rows)
        if draft is not None and found.tally.num_examples == 0:
            _report_no_example(rows, found.tally)
        imported = Imported(name_of(path), found.tally, draft, (), findings + rows.diagnostics())
        if draft is not None and choice is not None and not imported.diagnostics:
            place = _Place(shape, imported, rows, folder)
            imported.written = tuple(_written(place, draft, choice))
    return imported


def _looker(shape: Shape) -> Alpaca | Dialogues:
    match shape:
        case "alpaca":
            return Alpaca()
        case "sharegpt":
            return Dialogues(SHAREGPT)
        case "messages":
            return Dialogues(MESSAGES)


def _report_no_example(rows: RowsFile, tally: Tally) -> None:
    notes = [f"{reason}: {counted(out.num_rows, 'row')}" for reason, out in tally.left_out.items()]
    rows.report("T0850", "no row of the file becomes an example", notes=tuple(notes))


# ---- files ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """What is imported, and where to.

    Attributes:
        shape: The shape of its rows.
        imported: The counts.
        rows: The file.
        folder: Where the spec stands.
    """

    shape: Shape
    imported: Imported
    rows: RowsFile
    folder: Path

    @property
    def data(self) -> str:
        """The file that the spec reads, from the spec's folder."""
        if self.rows.lines is not None:
            return f"data/{self.imported.name}.jsonl"
        return Path(os.path.relpath(self.rows.path, self.folder)).as_posix()


def _written(place: _Place, draft: Draft, choice: Choice) -> Iterator[Path]:
    """Yields each file as it is written."""
    name = place.imported.name
    place.folder.mkdir(parents=True, exist_ok=True)
    if place.rows.lines is not None:
        (place.folder / "data").mkdir()
        yield Path(shutil.move(place.rows.lines, place.folder / place.data))
    if choice.content:
        path = place.folder / "tokenizer.json"
        path.write_bytes(choice.content)
        yield path
    for path, text in (
        (place.folder / f"{name}.task", _spec(place, draft, choice)),
        (place.folder / "README.md", _readme(place)),
    ):
        path.write_text(text, encoding="utf-8")
        yield path


def _readme(place: _Place) -> str:
    name, file, num_rows = place.imported.name, place.rows.path.name, place.imported.tally.num_rows
    copied = "; its array is copied to one row a line" if place.rows.lines is not None else ""
    return (
        f"# {name}\n\n"
        f"`{name}.task` builds the {counted(num_rows, 'row')} of `{file}`{copied}. Written by "
        f"`taskc import {place.shape}`.\n\n"
        f"```sh\ntaskc check .\ntaskc build .\n```\n"
    )


# ---- the spec ------------------------------------------------------------------------------------


def _spec(place: _Place, draft: Draft, choice: Choice) -> str:
    """The text, laid out."""
    tally, name = place.imported.tally, place.imported.name
    shape = SHAPES[place.shape]
    parts = [
        "language 1\n",
        _comment(f"{counted(tally.num_rows, 'row')} in the shape of {shape}, each looked at."),
        *map(_comment, _remarks(draft, tally)),
        f"\nparam data: path = {quoted(place.data)}\n",
        f"source rows {quoted(f'Rows of {place.rows.path.name}')} {{",
        f'from {place.rows.kind}("{{data}}")\nsplits train',
        f"fields {{ {' '.join(f'{column}: {of}' for column, of in draft.fields.items())} }}",
        *draft.clauses,
        'license "unknown"  # say whose rows these are\n}\n',
        draft.template,
        "mixture all {\nfrom rows\n}\n",
        choice.block(is_chat=draft.is_chat),
        f"build {name} {{\nmixture all\ntokenizer own",
        f"{_format(draft, choice)}\npack best_fit(length: {_LENGTH:_})\n}}\n",
    ]
    return format_text(SourceText(f"{name}.task", "\n".join(parts))).text


def _remarks(draft: Draft, tally: Tally) -> Iterator[str]:
    """Yields what the spec does not take of the rows."""
    for reason, out in tally.left_out.items():
        yield f"Left out of training: {counted(out.num_rows, 'row')} with {reason}."
    if draft.strange:
        yield f"Roles that are not known: {listed(map(quoted, draft.strange))}."
    if draft.not_read:
        yield f"Not read: {listed(map(quoted, draft.not_read))}."


def _comment(text: str) -> str:
    """Lines of a comment, broken between words."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > _MAX_COMMENT_CHARS:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{word}"
    return "\n".join(f"# {line}" for line in lines)


def _format(draft: Draft, choice: Choice) -> str:
    end = choice.end_of(is_chat=draft.is_chat)
    if draft.is_chat:
        return (
            f"format chat(end_of_turn: {end}, loss: assistant, bos: none, max: {_LENGTH:_}, "
            "overflow: trim)"
        )
    half = f"{_LENGTH // 2:_}"
    return (
        f"format prompt_target(input: {half}, target: {half}, separator: none, end: {end}, "
        "bos: none, overflow: trim, seam: join)"
    )
