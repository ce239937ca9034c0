"""Ranges: the rows that stand together in one input file, the unit of reading and of the store.

In: nothing. Out: two dataclasses, picklable. A range is named by what it holds, not by where it
lies: the same rows under another name, or with other rows before them, are the same range to the
store.
"""

from dataclasses import dataclass

from taskc.compiler.rows.connect.files import InputFile

__all__ = ["Range", "SplitInputs"]


@dataclass(frozen=True, slots=True)
class Range:
    """Rows that stand one after another in an input file.

    Attributes:
        file: Index into the `files` of the split's inputs.
        start, stop: What of the file: bytes of a file of plain lines, cut at line borders (about 4
            MiB) or of an Arrow stream; row groups of Parquet, record batches of an Arrow file. 0, 0
            is the whole file, streamed: what is compressed or may hold quoted newlines can't be
            cut.
        first_number: Number of its first row (line, for line formats) in the file, from 1.
        digest: 32 hexadecimal digits: equal content, equal digest, whatever the file's name or
            place.
        num_lines: Lines or rows that it spans; 0 where that is only known when it is read.
    """

    file: int
    start: int
    stop: int
    first_number: int
    digest: str
    num_lines: int = 0

    @property
    def is_whole_file(self) -> bool:
        """Whether the file is streamed from its beginning to its end."""
        return self.stop == 0


@dataclass(frozen=True, slots=True)
class SplitInputs:
    """The files of one split and the ranges that they are read in.

    Attributes:
        files: Sorted by name.
        ranges: In the order of files, then of places within a file.
        digest: SHA-256, in hexadecimal, of what `sha256sum` prints for the files.
    """

    files: tuple[InputFile, ...]
    ranges: tuple[Range, ...]
    digest: str

    @property
    def num_rows(self) -> int:
        """Lines or rows in all files; 0 where that is only known when they are read."""
        known = [each.num_lines for each in self.ranges]
        return sum(known) if all(known) else 0
