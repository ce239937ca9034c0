"""Input files: from a path or glob to sorted files, from a file to blocks of whole lines.

In: patterns of a connector. Out: files with the name they are shown by, and their bytes in blocks
of whole lines of about 256 KiB, whatever the compression. A file that can't be read through is a
`FileProblemError`, which `reading.py` turns into a diagnostic.
"""

import bz2
import glob
import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import zstandard

from taskc.compiler import plan
from taskc.compiler.rows.connect.remote import files_at, is_url, opened
from taskc.compiler.rows.findings import Findings
from taskc.dsl.spelling import did_you_mean

__all__ = [
    "FileProblemError",
    "InputFile",
    "byte_blocks",
    "changed_file",
    "check_unchanged",
    "compression",
    "input_files",
    "line_blocks",
]

_BLOCK_BYTES = 1 << 17  # larger ones leave the cache, and are new pages each time
_MAX_LISTED = 5  # names of files in a message
_MAX_NOTE_CHARS = 200
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2"}


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of rows.

    Attributes:
        path: Where it is opened: a path, or a URL that fsspec knows.
        name: How it is shown and recorded: relative to its data root, with forward slashes.
        stamp: Its size in bytes and its time of modification in ns when its digest was made; None:
            it has none, and may change, or is at a URL, where asking again takes a request.
        state: What `changed_files` of the store compares when the build ends; "" where the file
            can't be read.
    """

    path: str
    name: str
    stamp: tuple[int, int] | None = None
    state: str = ""


class FileProblemError(Exception):
    """A file that can't be read through; caught by the reader of the connector, never beyond."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        row: int = 0,
        notes: tuple[str, ...] = (),
        helps: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.row = row
        self.notes = notes
        self.helps = helps


# ---- which files ---------------------------------------------------------------------------------


def input_files(connector: plan.Connector, split: str, findings: Findings) -> list[InputFile]:
    """Returns the files of a split, sorted by name; a diagnostic where there are none."""
    pattern = connector.patterns[split]
    root = connector.roots.get(split) or "."
    if is_url(pattern):
        return _remote_files(connector, split, findings)
    shown_pattern = _name(pattern, root)
    is_glob = glob.has_magic(pattern) and not Path(pattern).exists()
    paths = [pattern] if not is_glob else glob.glob(pattern, recursive=True)  # noqa: PTH207 - `Path.glob` takes no absolute pattern
    files = [InputFile(path, _name(path, root)) for path in paths if Path(path).is_file()]
    if files:
        return sorted(files, key=lambda file: file.name)
    what = "no file matches" if is_glob else "there is no file"
    if Path(pattern).is_dir():
        what = "a folder, not a file:"
    findings.report(
        "T0511" if is_glob else "T0510",
        f"{what} `{shown_pattern}`",
        at=connector.at,
        label=f"split `{split}` is read from here",
        helps=_mend(pattern, root, set(connector.patterns.values()) - {pattern}),
    )
    return []


def _remote_files(connector: plan.Connector, split: str, findings: Findings) -> list[InputFile]:
    pattern, root = connector.patterns[split], connector.roots[split]
    kind = pattern.partition("://")[0]
    notes: tuple[str, ...] = ()
    try:
        found = files_at(pattern)
    except ImportError as error:
        code, what = "T1030", f"`{kind}://` needs a library that is not installed"
        notes = (str(error)[:_MAX_NOTE_CHARS].rstrip("."),)
    except ValueError:
        code, what = "T0512", f"`{kind}://` is no kind of URL that can be read"
    except FileNotFoundError:
        code, what = "T0510", f"there is no file `{pattern}`"
    except OSError as error:
        code, what = "T0512", f"`{pattern}` cannot be read"
        notes = ((error.strerror or "no reason is given")[:_MAX_NOTE_CHARS].rstrip("."),)
    else:
        code, what = "T0511", f"no file matches `{pattern}`"
        if found:
            files = [InputFile(path, _name(path, root)) for path in found]
            return sorted(files, key=lambda file: file.name)
    findings.report(
        code,
        what[:100],
        at=connector.at,
        label=f"split `{split}` is read from here",
        notes=notes,
    )
    return []


def _name(path: str, root: str) -> str:
    if is_url(path):
        return path.removeprefix(root).lstrip("/")
    return Path(os.path.relpath(path, root)).as_posix()


def _mend(pattern: str, root: str, of_others: set[str]) -> tuple[str, ...]:
    """Looks for near names in the deepest folder that exists, but not for another split's file."""
    folder = Path(pattern)
    if folder.is_dir():
        return (f"write `{_name(pattern, root)}/*` to read every file in it",)
    wanted = folder.name
    while not folder.parent.is_dir():
        folder = folder.parent
        wanted = folder.name
    try:
        present = sorted(entry.name for entry in folder.parent.iterdir())
    except OSError:
        return ()
    shown_folder = _name(str(folder.parent), root)
    where = "the data root" if shown_folder == "." else f"`{shown_folder}`"
    taken = {Path(other).name for other in of_others if Path(other).parent == folder.parent}
    near = did_you_mean(wanted, [name for name in present if name not in taken])
    if near:
        return (f"did you mean {' or '.join(f'`{name}`' for name in near)} in {where}?",)
    if not present:
        return (f"{where} is empty",)
    listed = ", ".join(f"`{name}`" for name in present[:_MAX_LISTED])
    return (f"{where} holds {listed}{', ...' * (len(present) > _MAX_LISTED)}",)


# ---- bytes ---------------------------------------------------------------------------------------


def check_unchanged(file: InputFile) -> None:
    """Looks at a file's stamp again.

    Raises:
        FileProblemError: The file is another one than its digest was made of, or is gone.
    """
    if file.stamp is None:
        return
    try:
        found = Path(file.path).stat()
    except FileNotFoundError as error:
        raise changed_file() from error
    except OSError as error:
        raise _problem("", "", error) from error
    if (found.st_size, found.st_mtime_ns) != file.stamp:
        raise changed_file()


def changed_file() -> FileProblemError:
    """What is wrong where a file no longer holds what was read of it before."""
    return FileProblemError(
        "T1010",
        "an input file changed while it was read",
        helps=("build again when the file is complete",),
    )


def line_blocks(file: InputFile, start: int = 0, stop: int = 0) -> Iterator[bytes]:
    """Yields decompressed bytes in blocks of whole lines; the file's last may have no line feed.

    A byte order mark at the start is left out. A line longer than a block makes its block longer.

    Args:
        file: The file.
        start: Where a line starts; the file is not compressed, or this is 0.
        stop: Where a line ends; 0: the file does.

    Raises:
        FileProblemError: The file can't be opened, has changed, or its compression is damaged.
    """
    check_unchanged(file)
    yield from _whole_lines(byte_blocks(file, start, stop), at_start=start == 0)
    check_unchanged(file)


def _whole_lines(blocks: Iterator[bytes], *, at_start: bool) -> Iterator[bytes]:
    head = b""
    while at_start and len(head) < len(_BYTE_ORDER_MARK) and (block := next(blocks, b"")):
        head += block
    pieces: list[bytes] = []  # of a line that has no end yet; joined once, however long it is
    for block in chain((head.removeprefix(_BYTE_ORDER_MARK),), blocks):
        end = block.rfind(b"\n") + 1
        if end:
            yield b"".join([*pieces, memoryview(block)[:end]])
            pieces.clear()
        if end < len(block):
            pieces.append(block[end:])
    if pieces:
        yield b"".join(pieces)


def compression(file: InputFile) -> str:
    """How a file is compressed: "gzip", "zstd", "bzip2" or ""; its name says so."""
    return _COMPRESSIONS.get(Path(file.path).suffix, "")


def byte_blocks(file: InputFile, start: int = 0, stop: int = 0) -> Iterator[bytes]:
    """Yields decompressed bytes as they come, for formats whose rows are no lines.

    Args:
        file: The file.
        start: The first byte; the file is not compressed, or this is 0.
        stop: Behind the last byte; 0: the file's end.

    Raises:
        FileProblemError: The file can't be opened, or its compression is damaged.
    """
    kind = compression(file)
    try:
        with opened(file.path) as content:
            if stop:
                content.seek(start)
                yield from _read_part(content, stop - start)
            else:
                yield from _decompressor(kind)(content)
    except (EOFError, zlib.error, OSError, zstandard.ZstdError) as error:
        raise _problem(kind, Path(file.path).suffix, error) from error


def _problem(kind: str, suffix: str, error: Exception) -> FileProblemError:
    if isinstance(error, OSError) and error.errno is not None:
        reason = (error.strerror or "not readable").lower()
        return FileProblemError("T0512", f"the file cannot be read: {reason}")
    # The decompressors say with a plain OSError that the first bytes are those of another format.
    if isinstance(error, OSError) and "CRC" not in str(error) and "length" not in str(error):
        return FileProblemError(
            "T0513",
            f"the file is not {kind} data",
            notes=(f"its name ends in `{suffix}`",),
            helps=("name the file by what it holds, or compress it",),
        )
    return FileProblemError(
        "T0513",
        f"the {kind} data ends early or is damaged",
        notes=(str(error).rstrip("."),),
        helps=("fetch or write the file again",),
    )


def _decompressor(kind: str) -> Callable[[BinaryIO], Iterator[bytes]]:
    match kind:
        case "gzip":
            return lambda opened: _read(gzip.GzipFile(fileobj=opened))
        case "bzip2":
            return lambda opened: _read(bz2.BZ2File(opened))
        case "zstd":
            return _read_zstd
        case _:
            return _read


def _read(opened: BinaryIO | gzip.GzipFile | bz2.BZ2File) -> Iterator[bytes]:
    while block := opened.read(_BLOCK_BYTES):
        yield block


def _read_part(opened: BinaryIO, num_bytes: int) -> Iterator[bytes]:
    while num_bytes and (block := opened.read(min(num_bytes, _BLOCK_BYTES))):
        num_bytes -= len(block)
        yield block


def _read_zstd(opened: BinaryIO) -> Iterator[bytes]:
    """Frame by frame: the library's stream reader takes a file cut inside a frame for whole."""
    frame = None
    compressed = b""
    while compressed or (compressed := opened.read(_BLOCK_BYTES)):
        frame = frame or zstandard.ZstdDecompressor().decompressobj()
        if block := frame.decompress(compressed):
            yield block
        compressed = frame.unused_data if frame.eof else b""
        if frame.eof:
            frame = None
    if frame is not None:
        raise EOFError("the last frame has no end")
