"""Load: a source's files to the keys of the rows that are left, split by split.

In: a plan's `Source`. Out: a key and a pointer for each row, 24 bytes, and counts of why every
other row left. Ranges are surveyed by the engine's workers, or found in the store, where a range
that was surveyed before is not read again; then for each split, over columns of keys: the ordinals
of equal rows, `dedup`, `carve`, `limit`. The order in which the spec says them does not count.
Mistakes in rows are diagnostics; a row with one is neither kept nor dropped, and stops the build.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import orjson

from taskc.compiler import plan
from taskc.compiler.decontamination.found import Found
from taskc.compiler.digests import content_of
from taskc.compiler.engines.engine import Engine
from taskc.compiler.examples import Drop
from taskc.compiler.quotas.strata import StrataColumns
from taskc.compiler.resemblance.duplicates import NearDuplicatesError, near_duplicates
from taskc.compiler.resemblance.greedy import STAYS
from taskc.compiler.resemblance.minhash import bands_for
from taskc.compiler.rows.choices import carved, deduplicated, limited, ordinals
from taskc.compiler.rows.connect.remote import is_url
from taskc.compiler.rows.findings import Findings
from taskc.compiler.rows.growing import GrowingColumn, shrunk
from taskc.compiler.rows.inputs import split_inputs
from taskc.compiler.rows.ranges import SplitInputs
from taskc.compiler.rows.row_keys import Ids, RowKeys
from taskc.compiler.rows.survey import NO_PICK, Surveyed, SurveyTask, survey
from taskc.compiler.store.code import code_digest
from taskc.compiler.store.objects import Store
from taskc.compiler.twins.found import Twins
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["Bools", "Counts", "Follower", "Loaded", "load"]

STAGE = "shape"
KIND = "survey"
_NEAR_KIND = "near"
_WINDOW_RANGES = 256  # surveyed together; their columns stand in memory twice
_BYTES_PER_ROW = 64  # taken for that where rows can only be counted by reading them
_SURVEYED_PER_ENCODED = 8  # rows that are surveyed in the time in which one is encoded

_READING = ("columns", "delimiter")  # options that say how files are read; others say which

Bools = npt.NDArray[np.bool_]


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
        drops: How many rows each clause dropped, of the same splits.
        seen: For each watched field the values of the training rows that are left.
        digests: SHA-256 of the files that the split was read from; a carved split has its origin's.
        diagnostics: The first mistakes, and how many more there are.
        num_errors: Every error, also those that are not among `diagnostics`.
        num_surveyed, num_reused: Ranges that were read, and those that were found in the store.
        twins: What the mixture's clauses `dedup` did among the training rows.
        decontaminated: What the clauses of `decontaminate` found among the training rows.
    """

    rows: dict[str, RowKeys] = field(default_factory=dict)
    counts: dict[str, Counts] = field(default_factory=dict)
    drops: dict[str, dict[Drop, int]] = field(default_factory=dict)
    seen: dict[str, set[str]] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    num_errors: int = 0
    num_surveyed: int = 0
    num_reused: int = 0
    twins: list[Twins] = field(default_factory=list)
    decontaminated: list[Found] = field(default_factory=list)

    def leave(self, split: str, kept: Bools, drop: Drop) -> None:
        """Leaves only the rows of a split that are `kept`; the others go by `drop`."""
        num_dropped = len(kept) - int(np.count_nonzero(kept))
        if num_dropped:
            self.rows[split] = self.rows[split].pick(kept)
            self.drops[split][drop] = self.drops[split].get(drop, 0) + num_dropped
            self.counts[split].dropped += num_dropped
            self.counts[split].kept -= num_dropped


# Told of a split and how many of its rows were read since the last call.
Progress = Callable[[str, int], None]


class Follower(Protocol):
    """Who follows a row: told of every choice among rows before it is carried out."""

    def loaded(self, rows: RowKeys) -> None:
        """The rows of a split after `where`."""

    def deduplicated(self, dedup: plan.Dedup, rows: RowKeys, keys: Ids, kept: Bools) -> None:
        """`dedup` leaves the rows that are `kept`; `keys` are the hashes that it compares."""

    def near(self, dedup: plan.Dedup, rows: RowKeys, goes_for: npt.NDArray[np.int64]) -> None:
        """`dedup ... near` drops each row that goes for another one; the others `STAYS`."""

    def carved(self, carve: plan.CarvedSplit, rows: RowKeys, moves: Bools) -> None:
        """`carve` moves the rows that `moves` says."""

    def limited(self, limit: int, at: plan.Place, rows: RowKeys, kept: Bools) -> None:
        """`limit` leaves the rows that are `kept`."""


def load(
    source: plan.Source,
    splits: Sequence[str],
    *,
    engine: Engine,
    store: Store,
    watched: Sequence[str] = (),
    take: plan.Take | None = None,
    sample: int | None = None,
    progress: Progress = lambda _split, _rows: None,
    follower: Follower | None = None,
) -> Loaded:
    """Reads and shapes the splits of a source.

    Args:
        source: What to read.
        splits: The splits that are wanted; those that the source does not have are left out. A
            carved split brings the reading of its origin with it, and leaves its rows out of the
            origin.
        engine: What surveys ranges.
        store: Keeps what was found in them.
        watched: Fields whose values are told in `Loaded.seen`.
        take: The quota of the source that asks for groups or ranks of its training rows.
        sample: Only the first so many rows of each split's files are read; a `carve` then takes at
            most half of them.
        progress: Told of every range.
        follower: Told of every choice.
    """
    loading = _Loading(source, engine, store, tuple(watched), take, sample, progress, follower)
    for split in _needed(source, splits):
        loading.read(split)
    for carve in source.carved:
        if carve.origin in loading.states:
            loading.carve(carve)
    if "train" in loading.states and source.limit is not None:
        loading.limit(source.limit, source.limit_at or source.at)
    return loading.result(splits)


def survey_key(
    source: plan.Source, watched: Sequence[str], take: plan.Take | None, range_digest: str
) -> str:
    """The name under which the store keeps the survey of a range: all that it was made from."""
    clauses = _clauses(source, watched, take)
    digest = blake2b(digest_size=16)
    for part in (code_digest(survey.__module__), clauses, range_digest):
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()


def _work(tasks: Sequence[SurveyTask]) -> int:
    """About how many encoded rows surveying costs as much as; one range is no work to share."""
    if len(tasks) == 1:
        return 0
    num_rows = 0
    for task in tasks:
        size_bytes = task.file.stamp[0] if task.file.stamp else 0
        num_rows += task.range.num_lines or size_bytes // _BYTES_PER_ROW
    return num_rows // _SURVEYED_PER_ENCODED


def _clauses(source: plan.Source, watched: Sequence[str], take: plan.Take | None) -> str:
    """What a survey reads of its source: neither its places nor what is chosen afterwards."""
    options = source.connector.options
    read: list[Any] = [
        source.connector.kind,
        {name: options.get(name) for name in _READING},
        source.columns,
        source.reads,
        source.row,
        source.lets,
        source.wheres,
        source.dedup,
        watched,
        None if take is None else [take.by_keys, take.best],
    ]
    written = orjson.dumps(content_of(read), option=orjson.OPT_SORT_KEYS).decode()
    # A draw sees the source's name.
    return written + (source.name.rpartition(".")[2] if '"choose"' in written else "")


def _needed(source: plan.Source, splits: Sequence[str]) -> list[str]:
    """The splits to read from files, in declared order."""
    origins = {carve.name: carve.origin for carve in source.carved}
    wanted = {origins.get(split, split) for split in splits}
    return [split for split in source.splits if split in wanted]


# ---- a split on its way --------------------------------------------------------------------------


@dataclass(slots=True)
class _State:
    """The rows that are left of a split, and what happened to the others.

    Attributes:
        picks: For each row and watched field an index into `values`, uint16; see `Surveyed`.
        values: For each watched field the texts found.
    """

    rows: RowKeys
    picks: npt.NDArray[np.uint16]
    values: list[list[str]]
    counts: Counts = field(default_factory=Counts)
    drops: dict[Drop, int] = field(default_factory=dict)

    def keep(self, kept: Bools, drop: Drop) -> None:
        """Leaves only the rows that are `kept`; the others go by `drop`."""
        num_dropped = len(kept) - int(np.count_nonzero(kept))
        if num_dropped:
            self.note(drop, num_dropped)
            self.pick(kept)

    def pick(self, kept: Bools) -> None:
        """Leaves only the rows that are `kept`."""
        self.rows.keep(kept)
        self.picks = shrunk(self.picks, kept)

    def note(self, drop: Drop, num_rows: int) -> None:
        """Writes down that rows went by `drop`."""
        if num_rows:
            self.drops[drop] = self.drops.get(drop, 0) + num_rows
            self.counts.dropped += num_rows

    def seen(self, field_index: int) -> set[str]:
        """The values of a watched field that rows hold."""
        found = np.unique(self.picks[:, field_index]).tolist()
        values = self.values[field_index]
        return {values[pick] for pick in found if pick != NO_PICK}


class _Columns:
    """The columns of a split while one range after another is added to them."""

    def __init__(self, source: plan.Source, num_watched: int) -> None:
        self.source = source
        self.ids = GrowingColumn(np.uint8, (16,))
        self.ranges = GrowingColumn(np.uint32)
        self.lines = GrowingColumn(np.uint32)
        self.dedup_keys = GrowingColumn(np.uint8, (16,))
        near = None if source.dedup is None else source.dedup.near
        self.bands = GrowingColumn(np.uint32, (0 if near is None else bands_for(near).count,))
        self.picks = GrowingColumn(np.uint16, (num_watched,))
        self.values: list[dict[str, int]] = [{} for _ in range(num_watched)]
        self.refused = [0] * len(source.wheres)
        self.strata: StrataColumns | None = None
        self.counts = Counts()

    def append(self, index: int, surveyed: Surveyed) -> None:
        """Adds what was found in a range."""
        self.ids.extend(surveyed.ids)
        self.ranges.extend(np.full(len(surveyed), index, np.uint32))
        self.lines.extend(surveyed.lines)
        self.dedup_keys.extend(surveyed.dedup_keys)
        self.bands.extend(surveyed.bands)
        self.picks.extend(self._renumbered(surveyed))
        if surveyed.strata is not None:
            self.strata = self.strata or StrataColumns()
            self.strata.extend(surveyed.strata)
        self.refused = [a + b for a, b in zip(self.refused, surveyed.refused, strict=True)]
        self.counts.read += surveyed.num_read
        self.counts.failed += surveyed.num_failed

    def _renumbered(self, surveyed: Surveyed) -> npt.NDArray[np.uint16]:
        """The picks of a range by the numbers that values have in the split."""
        picks = np.full(surveyed.picks.shape, NO_PICK, np.uint16)
        for field_index, known in enumerate(self.values):
            numbers = np.full(NO_PICK + 1, NO_PICK, np.uint16)
            for pick, value in enumerate(surveyed.values[field_index]):
                if value in known or len(known) < NO_PICK:
                    numbers[pick] = known.setdefault(value, len(known))
            picks[:, field_index] = numbers[surveyed.picks[:, field_index]]
        return picks

    def state(self, split: str, inputs: SplitInputs) -> _State:
        """The split as it was read."""
        ids = self.ids.finished()
        lines, ranges = self.lines.finished(), self.ranges.finished()
        rows = RowKeys(self.source.name, split, inputs, ids, ranges, lines, ordinals(ids))
        rows.strata = None if self.strata is None else self.strata.finished()
        values = [list(known) for known in self.values]
        state = _State(rows, self.picks.finished(), values, self.counts)
        for where, num_refused in zip(self.source.wheres, self.refused, strict=True):
            state.note(Drop(STAGE, "where", where.at), num_refused)
        return state


class _Loading:
    """The splits of one source while they are read and chosen from."""

    def __init__(  # noqa: PLR0917 - as `load` is called
        self,
        source: plan.Source,
        engine: Engine,
        store: Store,
        watched: tuple[str, ...],
        take: plan.Take | None,
        sample: int | None,
        progress: Progress,
        follower: Follower | None,
    ) -> None:
        self.source = source
        self.engine = engine
        self.store = store
        self.watched = watched
        self.take = take
        self.sample = sample
        self.progress = progress
        self.follower = follower
        self.findings = Findings(source.name, source.at)
        self.states: dict[str, _State] = {}
        self.num_surveyed = 0
        self.num_reused = 0

    # ---- reading -------------------------------------------------------------------------------

    def read(self, split: str) -> None:
        """Reads a split from its files, counts equal rows and drops by `dedup`."""
        inputs = split_inputs(self.source.connector, split, self.findings, self.store)
        columns = _Columns(self.source, len(self.watched))
        surveys = (self._surveys if self.sample is None else self._sampled)(split, inputs)
        broken_file = -1
        for index, surveyed in surveys:
            if inputs.ranges[index].file == broken_file:
                continue
            if surveyed.is_broken:
                broken_file = inputs.ranges[index].file
            if surveyed.findings is not None:
                self.findings.absorb(surveyed.findings)
            columns.append(index, surveyed)
        self._check_remote(split, inputs)
        state = self.states[split] = columns.state(split, inputs)
        if self.follower is not None:
            self.follower.loaded(state.rows)
        dedup = self.source.dedup
        if dedup is not None and dedup.near is not None:
            self._near(state, dedup, columns)
        elif dedup is not None:
            self._dedup(state, dedup, columns.dedup_keys.finished())

    def _check_remote(self, split: str, inputs: SplitInputs) -> None:
        """Looks at files at URLs again; those here are looked at whenever one is read."""
        if not any(is_url(file.path) for file in inputs.files):
            return
        connector = self.source.connector
        if split_inputs(connector, split, self.findings, self.store).digest != inputs.digest:
            self.findings.report(
                "T1010",
                "an input file changed while it was read",
                at=connector.at,
                label="read from here",
                notes=(f"one of `{connector.patterns[split]}`",),
                helps=("build again when the files are complete",),
            )

    def _surveys(self, split: str, inputs: SplitInputs) -> Iterator[tuple[int, Surveyed]]:
        """Yields the survey of each range, in order: from the store, or from a worker."""
        take = self._take_of(split)
        for start in range(0, len(inputs.ranges), _WINDOW_RANGES):
            window = range(start, min(start + _WINDOW_RANGES, len(inputs.ranges)))
            keys = {index: self._key(inputs, index, take) for index in window}
            contents = self.store.get_each(KIND, list(keys.values()))
            known = {
                index: Surveyed.from_bytes(content)
                for index, content in zip(window, contents, strict=True)
                if content is not None
            }
            del contents
            missing = [index for index in window if index not in known]
            tasks = [self._task(inputs, index, take) for index in missing]
            made = self.engine.map(survey, tasks, num_rows=_work(tasks))
            for index in window:
                surveyed = known.pop(index, None)
                if surveyed is not None:
                    self.num_reused += 1
                else:
                    surveyed = next(made)
                    self.num_surveyed += 1
                    if surveyed.findings is None:
                        self.store.put(KIND, keys[index], surveyed.to_buffers())
                self.progress(split, surveyed.num_read)
                yield index, surveyed

    def _sampled(self, split: str, inputs: SplitInputs) -> Iterator[tuple[int, Surveyed]]:
        """Yields surveys of the first ranges until enough rows were read."""
        room = self.sample or 0
        for index in range(len(inputs.ranges)):
            if room <= 0:
                return
            task = self._task(inputs, index, self._take_of(split))
            surveyed = survey(replace(task, most_rows=room))
            self.num_surveyed += 1
            self.progress(split, surveyed.num_read)
            room -= surveyed.num_read
            yield index, surveyed

    def _task(self, inputs: SplitInputs, index: int, take: plan.Take | None) -> SurveyTask:
        place = inputs.ranges[index]
        return SurveyTask(
            source=self.source,
            file=inputs.files[place.file],
            range=place,
            watched=self.watched,
            take=take,
        )

    def _key(self, inputs: SplitInputs, index: int, take: plan.Take | None = None) -> str:
        return survey_key(self.source, self.watched, take, inputs.ranges[index].digest)

    def _take_of(self, split: str) -> plan.Take | None:
        """The quota, where rows of the split may be trained on."""
        origins = {carve.origin for carve in self.source.carved if carve.name == "train"}
        return self.take if split in {"train", *origins} else None

    # ---- choosing ------------------------------------------------------------------------------

    def _dedup(self, state: _State, dedup: plan.Dedup, keys: Ids) -> None:
        rows = state.rows
        kept = deduplicated(self.source.name, keys, rows.ids, rows.ordinals)
        if self.follower is not None:
            self.follower.deduplicated(dedup, rows, keys, kept)
        state.keep(kept, Drop(STAGE, "dedup", dedup.at))

    def _near(self, state: _State, dedup: plan.Dedup, columns: _Columns) -> None:
        if self.findings.num_errors:
            return  # rows are missing, and the build stops
        goes_for = self._goes_for(state.rows, columns)
        if self.follower is not None:
            self.follower.near(dedup, state.rows, goes_for)
        state.keep(goes_for == STAYS, Drop(STAGE, "dedup", dedup.at))

    def _goes_for(self, rows: RowKeys, columns: _Columns) -> npt.NDArray[np.int64]:
        """For each row the row that it is near to; from the store where nothing changed."""
        key = None if self.sample is not None else self._near_key(rows.inputs)
        known = None if key is None else self.store.get(_NEAR_KIND, key)
        if known is not None:
            return np.frombuffer(known, np.int64)
        try:
            goes_for = near_duplicates(
                self.source,
                rows,
                columns.dedup_keys.finished(),
                columns.bands.finished(),
                engine=self.engine,
                progress=lambda num_rows: self.progress(rows.split, num_rows),
            )
        except NearDuplicatesError as error:
            self.findings.take(error.diagnostic)
            return np.full(len(rows), STAYS, np.int64)
        if key is not None:
            self.store.put(_NEAR_KIND, key, goes_for.tobytes())
        return goes_for

    def _near_key(self, inputs: SplitInputs) -> str:
        """The name under which the store keeps which rows of a split are near one another."""
        digest = blake2b(digest_size=16)
        digest.update(code_digest(NearDuplicatesError.__module__).encode())
        digest.update(self.source.name.encode())
        for index in range(len(inputs.ranges)):
            digest.update(f" {self._key(inputs, index)}".encode())
        return digest.hexdigest()

    def carve(self, carve: plan.CarvedSplit) -> None:
        """Moves rows from a split to the one that is carved out of it."""
        origin = self.states[carve.origin]
        num_rows = len(origin.rows)
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
        moves = carved(self.source.name, carve.name, origin.rows.ids, count)
        if self.follower is not None:
            self.follower.carved(carve, origin.rows, moves)
        num_moved = int(np.count_nonzero(moves))
        origin.counts.carved_out += num_moved
        self.states[carve.name] = _State(
            replace(origin.rows.pick(moves), split=carve.name),
            origin.picks[moves],
            origin.values,
            Counts(carved_in=num_moved),
        )
        if num_moved:
            origin.pick(~moves)

    def limit(self, limit: int, at: plan.Place) -> None:
        """Applies `limit` to the training split."""
        train = self.states["train"]
        kept = limited(self.source.name, train.rows.ids, train.rows.ordinals, limit)
        if self.follower is not None:
            self.follower.limited(limit, at, train.rows, kept)
        train.keep(kept, Drop(STAGE, "limit", at))

    def result(self, splits: Sequence[str]) -> Loaded:
        """Puts together what was asked for, and accounts for what was read besides."""
        loaded = Loaded(num_surveyed=self.num_surveyed, num_reused=self.num_reused)
        asked = [split for split in splits if split in self.states]
        for split in dict.fromkeys([*asked, *self.states]):
            state = self.states[split]
            state.counts.kept = len(state.rows)
            loaded.counts[split] = state.counts
            loaded.drops[split] = state.drops
            if split not in asked:
                continue
            loaded.rows[split] = state.rows
            loaded.digests[split] = state.rows.inputs.digest
            if not state.counts.kept and state.counts.dropped:
                self._warn_of_empty(split, state)
        if "train" in loaded.rows:
            train = self.states["train"]
            loaded.seen = {name: train.seen(at) for at, name in enumerate(self.watched)}
        loaded.diagnostics = self.findings.diagnostics()
        loaded.num_errors = self.findings.num_errors
        return loaded

    def _warn_of_empty(self, split: str, state: _State) -> None:
        self.findings.report(
            "T0808",
            f"no row of split `{split}` is left",
            label=f"all {state.counts.dropped} rows were dropped",
            notes=tuple(
                f"{num_rows} by the `{drop.reason}` at {drop.at}"
                for drop, num_rows in state.drops.items()
            ),
        )
