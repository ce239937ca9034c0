"""Shape: a source's files to rows that conform to its type, split by split.

In: a plan's `Source`. Out: rows with ids, and why every other row left. For each row, in this
order: declared columns are conformed, the id is made, `let` and `where` are evaluated, the shaped
row is conformed; then for each split: `dedup`, `carve`, `limit`. The order in which the spec says
them does not count. Mistakes in rows are diagnostics; a row with one is neither kept nor dropped,
and stops the build.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from taskc.compiler import plan
from taskc.compiler.examples import Drop, Rows
from taskc.compiler.rows.connect.reading import open_split
from taskc.compiler.rows.findings import Findings
from taskc.compiler.rows.select import carved, deduplicated, limited
from taskc.compiler.rows.shaped import RowShaper, ShapedRows
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["Counts", "Dropped", "Loaded", "load"]

STAGE = "shape"


@dataclass(slots=True)
class Dropped:
    """The rows that one clause dropped from a split, in file order.

    Attributes:
        files: Index into the split's `file_names` for each row.
        numbers: Row number in its file for each row.
    """

    files: "array[int]" = field(default_factory=lambda: array("l"))
    numbers: "array[int]" = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.numbers)


@dataclass(slots=True)
class Counts:
    """What became of a split's rows: read + carved_in = kept + dropped + carved_out + failed.

    Attributes:
        read: Rows read from files.
        carved_in: Rows that came from the split it is carved out of.
        carved_out: Rows that moved to splits that are carved out of it.
        dropped: Rows that a clause dropped.
        failed: Rows with a mistake; the build stops.
        kept: Rows that are left.
    """

    read: int = 0
    carved_in: int = 0
    carved_out: int = 0
    dropped: int = 0
    failed: int = 0
    kept: int = 0


@dataclass(slots=True)
class Loaded:
    """One source's rows by split: those asked for and that it has, in the order asked for.

    Attributes:
        rows: The rows that are left.
        counts: What became of all rows; also of a split that another is carved out of, and of one
            that is carved out, where neither was asked for.
        drops: The rows that each clause dropped, of the same splits.
        digests: SHA-256 of the files that the split was read from; a carved split has its origin's.
        diagnostics: The first mistakes, and how many more there are.
        num_errors: Every error, also those that are not among `diagnostics`.
    """

    rows: dict[str, Rows] = field(default_factory=dict)
    counts: dict[str, Counts] = field(default_factory=dict)
    drops: dict[str, dict[Drop, Dropped]] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    num_errors: int = 0


# Told of a split and how many of its rows were read since the last call.
Progress = Callable[[str, int], None]


def load(
    source: plan.Source,
    splits: Sequence[str],
    *,
    sample: int | None = None,
    progress: Progress | None = None,
) -> Loaded:
    """Reads and shapes the splits of a source.

    Args:
        source: What to read.
        splits: The splits that are wanted; those that the source does not have are left out. A
            carved split brings the reading of its origin with it, and leaves its rows out of the
            origin.
        sample: Only the first so many rows of each split's files are read; a `carve` then takes at
            most half of them.
        progress: Told of every chunk of rows.
    """
    loading = _Loading(source, sample, progress, Findings(source.name, source.at))
    for split in _needed(source, splits):
        loading.read(split)
    for carve in source.carved:
        if carve.origin in loading.states:
            loading.carve(carve)
    if "train" in loading.states and source.limit is not None:
        loading.limit(source.limit, source.limit_at or source.at)
    return loading.result(splits)


def _needed(source: plan.Source, splits: Sequence[str]) -> list[str]:
    """The splits to read from files, in declared order."""
    origins = {carve.name: carve.origin for carve in source.carved}
    wanted = {origins.get(split, split) for split in splits}
    return [split for split in source.splits if split in wanted]


@dataclass(slots=True)
class _State:
    """A split on its way: the rows that are left, and what happened to the others."""

    shaped: ShapedRows
    file_names: list[str]
    digest: str
    counts: Counts
    drops: dict[Drop, Dropped] = field(default_factory=dict)

    def keep(self, kept: list[int], drop: Drop) -> None:
        """Leaves only the rows at `kept`; the others go by `drop`."""
        if len(kept) == len(self.shaped):
            return
        fallen = self.shaped.without(kept)
        self.note(drop, fallen.files, fallen.numbers)
        self.shaped = self.shaped.pick(kept)

    def note(self, drop: Drop, files: Sequence[int], numbers: Sequence[int]) -> None:
        """Writes down that rows went by `drop`."""
        if numbers:
            dropped = self.drops.setdefault(drop, Dropped())
            dropped.files.extend(files)
            dropped.numbers.extend(numbers)
            self.counts.dropped += len(numbers)


@dataclass(slots=True)
class _Loading:
    """The splits of one source while they are read and chosen from."""

    source: plan.Source
    sample: int | None
    progress: Progress | None
    findings: Findings
    states: dict[str, _State] = field(default_factory=dict)

    def read(self, split: str) -> None:
        """Reads a split from its files: every step that looks at one row alone, then `dedup`."""
        shaper = RowShaper(self.source, self.findings)
        reader = open_split(self.source.connector, split, shaper.columns, self.findings)
        counts = Counts()
        for chunk in reader.chunks():
            room = None if self.sample is None else self.sample - counts.read
            num_rows = shaper.take(chunk, reader.files[chunk.file].name, room)
            counts.read += num_rows
            if self.progress is not None:
                self.progress(split, num_rows)
            if counts.read == self.sample:
                break
        counts.read += reader.num_bad_rows
        counts.failed = reader.num_bad_rows + shaper.num_failed
        names = [file.name for file in reader.files]
        state = self.states[split] = _State(shaper.shaped, names, reader.digest(), counts)
        for where, rows in zip(self.source.wheres, shaper.refused, strict=True):
            state.note(Drop(STAGE, "where", where.at), rows.files, rows.numbers)
        self._dedup(state)

    def _dedup(self, state: _State) -> None:
        dedup = self.source.dedup
        if dedup is None:
            return
        if dedup.near is not None:
            self.findings.report(
                "T0807",
                "`dedup ... near` is not carried out by this version yet",
                at=dedup.at,
                label="only exact dedup is",
                helps=("leave `near` out to drop rows whose key is equal",),
            )
            return
        shaped = state.shaped
        kept = deduplicated(self.source.name, shaped.dedup_keys, shaped.ids, shaped.ordinals)
        state.keep(kept, Drop(STAGE, "dedup", dedup.at))

    def carve(self, carve: plan.CarvedSplit) -> None:
        """Moves rows from a split to the one that is carved out of it."""
        origin = self.states[carve.origin]
        num_rows = len(origin.shaped)
        count = carve.count
        if self.sample is not None:
            count = min(count, num_rows // 2)
        elif num_rows < count and not self.findings.num_errors:
            self.findings.report(
                "T0806",
                f"`carve` asks for {count} rows of `{carve.origin}`, which has {num_rows}",
                at=carve.at,
                label=f"carved out of `{carve.origin}`",
                notes=("rows are counted after `where` and `dedup`",),
                helps=("ask for fewer rows",),
            )
        moved = carved(self.source.name, carve.name, origin.shaped.ids, count)
        origin.counts.carved_out += len(moved)
        self.states[carve.name] = _State(
            origin.shaped.pick(moved),
            origin.file_names,
            origin.digest,
            Counts(carved_in=len(moved)),
        )
        origin.shaped = origin.shaped.without(moved)

    def limit(self, limit: int, at: plan.Place) -> None:
        """Applies `limit` to the training split."""
        train = self.states["train"]
        kept = limited(self.source.name, train.shaped.ids, train.shaped.ordinals, limit)
        train.keep(kept, Drop(STAGE, "limit", at))

    def result(self, splits: Sequence[str]) -> Loaded:
        """Puts together what was asked for, and accounts for what was read besides."""
        loaded = Loaded()
        asked = [split for split in splits if split in self.states]
        for split in dict.fromkeys([*asked, *self.states]):
            state = self.states[split]
            state.counts.kept = len(state.shaped)
            loaded.counts[split] = state.counts
            loaded.drops[split] = state.drops
            if split not in asked:
                continue
            loaded.rows[split] = state.shaped.rows(self.source.name, split, state.file_names)
            loaded.digests[split] = state.digest
            if not state.counts.kept and state.counts.dropped:
                self._warn_of_empty(split, state)
        loaded.diagnostics = self.findings.diagnostics()
        loaded.num_errors = self.findings.num_errors
        return loaded

    def _warn_of_empty(self, split: str, state: _State) -> None:
        self.findings.report(
            "T0808",
            f"no row of split `{split}` is left",
            label=f"all {state.counts.dropped} rows were dropped",
            notes=tuple(
                f"{len(rows)} by the `{drop.reason}` at {drop.at}"
                for drop, rows in state.drops.items()
            ),
        )
