"""Shape: a source's files to rows that conform to its type, split by split.

In: a plan's `Source`. Out: rows with ids, and why every other row left. For each row, in this order: declared
columns are conformed, the id is made, `let` and `where` are evaluated, the shaped row is conformed; then for
each split: `dedup`, `carve`, `limit`. The order in which the spec says them does not count. Mistakes in rows
are diagnostics; a row with one is neither kept nor dropped, and stops the build.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from taskc.compiler import plan
from taskc.compiler.examples import Drop, Rows
from taskc.compiler.rows.connect.reading import open_split
from taskc.compiler.rows.findings import Findings
from taskc.compiler.rows.select import carved, deduplicated, limited
from taskc.compiler.rows.shaping import RowShaper, ShapedRows
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
    """One source's rows.

    Attributes:
        rows: By split, those that were asked for and that the source has, in the order asked for.
        counts: By split, as `rows`.
        drops: By split, the rows that each clause dropped.
        diagnostics: The first mistakes, and how many more there are.
        num_errors: Every error, also those that are not among `diagnostics`.
    """

    rows: dict[str, Rows] = field(default_factory=dict)
    counts: dict[str, Counts] = field(default_factory=dict)
    drops: dict[str, dict[Drop, Dropped]] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    num_errors: int = 0


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
        splits: The splits that are wanted; those that the source does not have are left out. A carved
            split brings the reading of its origin with it, and leaves its rows out of the origin.
        sample: Only the first so many rows of each split's files are read; a `carve` then takes at
            most half of them.
        progress: Told (split, rows read so far) about every 8,000 rows.
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
    counts: Counts
    drops: dict[Drop, Dropped] = field(default_factory=dict)


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
        names = [file.name for file in reader.files]
        counts = Counts()
        for chunk in reader.chunks():
            room = None if self.sample is None else self.sample - counts.read
            counts.read += shaper.take(chunk, names[chunk.file], room)
            if self.progress is not None:
                self.progress(split, counts.read)
            if self.sample is not None and counts.read >= self.sample:
                break
        counts.failed = shaper.num_failed
        state = self.states[split] = _State(shaper.shaped, names, counts)
        for where, rows in zip(self.source.wheres, shaper.refused, strict=True):
            self._note(state, Drop(STAGE, "where", where.at), rows.files, rows.numbers)
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
        self._keep(state, kept, Drop(STAGE, "dedup", dedup.at))

    def carve(self, carve: plan.CarvedSplit) -> None:
        """Moves rows from a split to the one that is carved out of it."""
        origin = self.states[carve.origin]
        shaped = origin.shaped
        count = carve.count
        if self.sample is not None:
            count = min(count, len(shaped.ids) // 2)
        elif len(shaped.ids) < count and not origin.counts.failed:
            self.findings.report(
                "T0806",
                f"`carve` asks for {count} rows of `{carve.origin}`, which has {len(shaped.ids)}",
                label=f"split `{carve.name}` of this source",
                helps=("ask for fewer rows",),
            )
        moved = carved(self.source.name, carve.name, shaped.ids, shaped.ordinals, count)
        origin.counts.carved_out += len(moved)
        self.states[carve.name] = _State(
            shaped.pick(moved), origin.file_names, Counts(carved_in=len(moved))
        )
        origin.shaped = shaped.without(moved)

    def limit(self, limit: int, at: plan.Place) -> None:
        """Applies `limit` to the training split."""
        train = self.states["train"]
        kept = limited(self.source.name, train.shaped.ids, train.shaped.ordinals, limit)
        self._keep(train, kept, Drop(STAGE, "limit", at))

    def _keep(self, state: _State, kept: list[int], drop: Drop) -> None:
        if len(kept) == len(state.shaped.ids):
            return
        fallen = state.shaped.without(kept)
        self._note(state, drop, fallen.files, fallen.numbers)
        state.shaped = state.shaped.pick(kept)

    def _note(
        self, state: _State, drop: Drop, files: Sequence[int], numbers: Sequence[int]
    ) -> None:
        if not numbers:
            return
        dropped = state.drops.setdefault(drop, Dropped())
        dropped.files.extend(files)
        dropped.numbers.extend(numbers)
        state.counts.dropped += len(numbers)

    def result(self, splits: Sequence[str]) -> Loaded:
        """Puts together what was asked for."""
        loaded = Loaded()
        for split in splits:
            state = self.states.get(split)
            if state is None:
                continue
            state.counts.kept = len(state.shaped.ids)
            loaded.rows[split] = state.shaped.rows(self.source.name, split, state.file_names)
            loaded.counts[split] = state.counts
            loaded.drops[split] = state.drops
            if not state.counts.kept and state.counts.dropped and not self.findings.num_errors:
                self.findings.report(
                    "T0808",
                    f"no row of split `{split}` is left",
                    label=f"{state.counts.dropped} rows were dropped",
                    notes=tuple(
                        f"{len(rows)} by the `{drop.reason}` at {drop.at}"
                        for drop, rows in state.drops.items()
                    ),
                )
        loaded.diagnostics = self.findings.diagnostics()
        loaded.num_errors = self.findings.num_errors
        return loaded
