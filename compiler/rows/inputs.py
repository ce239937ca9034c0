"""Inputs: a split's files, and the ranges that they are read in.

In: a plan's `Connector` and a split. Out: `SplitInputs`. Plain lines are cut at line borders, and
each range has a digest of its own bytes; Parquet and Arrow files are cut between row groups and
record batches; what is compressed, quoted or a stream is one range. The digests of files and of
lines are made once and found in the store again while the files stay as they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from taskc.compiler import plan
from taskc.compiler.rows.connect.columnar import Group, groups
from taskc.compiler.rows.connect.files import InputFile, compression
from taskc.compiler.rows.connect.reading import split_files
from taskc.compiler.rows.connect.remote import is_url
from taskc.compiler.rows.findings import Findings
from taskc.compiler.rows.ranges import Range, SplitInputs
from taskc.compiler.store.files import FileDigests, file_digests
from taskc.compiler.store.objects import Store

__all__ = ["split_inputs"]

_MIN_RANGE_BYTES = 4 << 20  # of values, uncompressed; row groups may be small


def split_inputs(
    connector: plan.Connector, split: str, findings: Findings, store: Store
) -> SplitInputs:
    """Returns the files of a split and their ranges; where there are none, that is reported.

    A file that can't be read is one range, whose survey says why.

    Args:
        connector: How rows are read.
        split: A split that is read from files.
        findings: Told where there are no files.
        store: Knows the digests of files that are as they were.
    """
    # Stamped before they are digested: what changes from here on no longer has its stamp.
    files = [_stamped(file) for file in split_files(connector, split, findings, store)]
    by_lines = [_is_cut_by_lines(connector, file) for file in files]
    found: dict[str, FileDigests | OSError] = {}
    for cut_lines in (False, True):
        paths = [
            file.path for file, is_cut in zip(files, by_lines, strict=True) if is_cut == cut_lines
        ]
        found |= zip(paths, file_digests(store, paths, cut_lines=cut_lines), strict=True)
    files = [_with_state(file, found[file.path]) for file in files]
    ranges = (
        part
        for index, file in enumerate(files)
        for part in _ranges(connector, index, file, found[file.path])
    )
    return SplitInputs(tuple(files), tuple(ranges), _listing(files, found))


def _stamped(file: InputFile) -> InputFile:
    if is_url(file.path):
        return file
    try:
        stat = Path(file.path).stat()
    except OSError:
        return file  # reported where it is read
    return replace(file, stamp=(stat.st_size, stat.st_mtime_ns))


def _with_state(file: InputFile, digests: FileDigests | OSError) -> InputFile:
    return file if isinstance(digests, OSError) else replace(file, state=digests.state)


def _is_cut_by_lines(connector: plan.Connector, file: InputFile) -> bool:
    return connector.kind in {"jsonl", "text", "plugin"} and not compression(file)


def _listing(files: Sequence[InputFile], found: dict[str, FileDigests | OSError]) -> str:
    """SHA-256 of what `sha256sum` prints; a file that can't be read is left out."""
    listing = sha256()
    for file in files:
        digests = found[file.path]
        if isinstance(digests, FileDigests):
            listing.update(f"{digests.sha256}  {file.name}\n".encode())
    return listing.hexdigest()


def _ranges(
    connector: plan.Connector, index: int, file: InputFile, digests: FileDigests | OSError
) -> Iterator[Range]:
    if isinstance(digests, OSError):
        yield Range(index, 0, 0, 1, "")
        return
    if digests.ranges:
        for part in digests.ranges:
            yield Range(index, part.start, part.stop, part.first_line, part.digest, part.num_lines)
        return
    parts = groups(connector.kind, file)
    if not parts:
        # The name's suffix says how the bytes are read.
        yield Range(index, 0, 0, 1, _derived(digests.sha256, compression(file)))
        return
    first = 1
    for joined in _joined(parts):
        start, stop = joined[0].start, joined[-1].stop
        num_rows = sum(part.num_rows for part in joined)
        digest = _derived(digests.sha256, f"{start} {stop}")
        yield Range(index, start, stop, first, digest, num_rows)
        first += num_rows


def _joined(parts: Sequence[Group]) -> Iterator[list[Group]]:
    """Yields parts that hold `_MIN_RANGE_BYTES` together; the last may not."""
    joined: list[Group] = []
    for part in parts:
        joined.append(part)
        if sum(each.num_bytes for each in joined) >= _MIN_RANGE_BYTES:
            yield joined
            joined = []
    if joined:
        yield joined


def _derived(digest: str, part: str) -> str:
    return sha256(f"{digest} {part}".encode()).hexdigest()[:32]
