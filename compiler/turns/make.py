"""Make: the examples of a range of rows, from the store where they were made before.

In: a `MakeTask`: candidate rows by their keys and places. Out: a `Made`: for every candidate its
examples, as pointers into segments of the store, or why it has none. What is not in the store is
read again, phrased, encoded and added to it in a new segment. Whatever the store held, the examples
are those that `encode` makes of the same rows. Rows of templates without `where` and `when` are
looked up without being read. Besides reading and the tokenizer a row costs 5 us to make, and
1.3 us to find again.
"""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.examples import Drop, EncodeTask, Rows
from taskc.compiler.keys import Scope
from taskc.compiler.rows.connect.files import InputFile
from taskc.compiler.rows.findings import Findings
from taskc.compiler.rows.ranges import Range
from taskc.compiler.rows.reread import RereadError, read_rows
from taskc.compiler.rows.row_keys import drawn
from taskc.compiler.store.code import code_digest
from taskc.compiler.store.objects import Store
from taskc.compiler.store.segments import Found, Segment, SegmentIndex, write_segment
from taskc.compiler.turns import fast
from taskc.compiler.turns.accounts import Clauses, accounts, notices
from taskc.compiler.turns.choice import (
    PromptChoice,
    choose,
    eligible,
    is_gated,
    no_prompt_applies,
)
from taskc.compiler.turns.encode import encode_pairs, report_mistake
from taskc.compiler.turns.entries import Pending, as_segment
from taskc.compiler.turns.example_keys import ExampleKeys, family_key
from taskc.compiler.turns.formats.frame import Frame, frame_of, misfits
from taskc.compiler.turns.templates.prompts import compiled
from taskc.compiler.turns.tokenizer import Loaded, fingerprint, load
from taskc.compiler.turns.turn import Fate
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["LookedUp", "Made", "MakeTask", "look_up", "make"]

Int64s = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint8]  # [n, 16]

# What examples are made by: when one of these is written otherwise they are made again.
_STAGES = (
    "taskc.compiler.rows.reread",
    "taskc.compiler.turns.encode",
    "taskc.compiler.turns.entries",
    "taskc.compiler.turns.example_keys",
)
_SEGMENT_TOKENS = 8_000_000  # a range that can't be cut may be long: its segments are bounded


@dataclass(slots=True, kw_only=True)
class MakeTask:
    """Candidate rows of one range with everything needed to make their examples.

    Attributes:
        templates: Those that serve the source.
        seed: The mixture's seed.
        evaluation: False: one example a candidate, its prompt drawn by key. True: every prompt.
        file: The range's file.
        lines: Place of each candidate within the range, from 0, never falling, uint32 [k].
        ids: Row id of each, uint8 [k, 16].
        ordinals: Position of each among equal rows of its split, uint32 [k].
        repetitions: How often each was delivered before, uint32 [k]; 0 in an evaluation.
        store: Where examples are looked up and kept.
        choices: Which of its prompts is wanted of each, counted from 0 in the order of its draws,
            uint16 [k]; one that has no so many gives no example and is no drop. None: the first.
        prompts: The prompt that is wanted of each, among all prompts of all templates, uint16 [k];
            a candidate to which it does not apply, or that it does not fit, gives no example,
            whatever is the matter with it. None: one that it draws.
        engine: What encodes texts; see `fast.engine_for`.
    """

    source: plan.Source
    split: str
    templates: tuple[plan.Template, ...]
    tokenizer: plan.Tokenizer
    format: plan.Format
    seed: int
    evaluation: bool
    file: InputFile
    range: Range
    lines: npt.NDArray[np.uint32]
    ids: Keys
    ordinals: npt.NDArray[np.uint32]
    repetitions: npt.NDArray[np.uint32]
    store: Store
    choices: npt.NDArray[np.uint16] | None = None
    prompts: npt.NDArray[np.uint16] | None = None
    engine: fast.EngineName = "tokenizers"

    def __len__(self) -> int:
        """The number of candidates."""
        return len(self.lines)


@dataclass(slots=True)
class Made:
    """The examples of a task: one entry a part, by candidate; in an evaluation then by prompt.

    Attributes:
        candidate: Index into the task's candidates, never falling, uint32 [n].
        part: 0, or 1, 2, ... for the later parts of an example that was cut, uint16 [n].
        prompt: Index among all prompts of all templates of the task, in order, uint16 [n].
        trimmed: Tokens that overflow cut off, uint32 [n].
        seam_joined: Whether a token spans the seam, bool [n].
        num_tokens: uint32 [n].
        num_trained: Tokens trained, uint32 [n].
        segment: Index into `segments`, uint16 [n].
        entry: Where in that segment, uint32 [n].
        segments: Names under `family`.
        family: Key of the segments in the store, kind "examples".
        drops: Candidate -> why it gave no example.
        num_encoded: Pairs of row and prompt that were encoded now.
        num_reused: Pairs that the store, or an equal row of the task, had already.
        num_rows_read: Rows whose values were read again.
        about_store: What the task's copy of the store has to say.
        engine_failed: The task's engine differs from the reference, or isn't installed where the
            task ran: nothing was made, and the whole build must be made by the reference.
        errors: Mistakes; any of them stops the build, and nothing else is then filled in.
        notices: Warnings to show once.
    """

    family: str = ""
    segments: list[str] = field(default_factory=list)
    candidate: npt.NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    part: npt.NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))
    prompt: npt.NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))
    trimmed: npt.NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    seam_joined: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    num_tokens: npt.NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    num_trained: npt.NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    segment: npt.NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))
    entry: npt.NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    drops: dict[int, Drop] = field(default_factory=dict)
    num_encoded: int = 0
    num_reused: int = 0
    num_rows_read: int = 0
    engine_failed: bool = False
    errors: list[Diagnostic] = field(default_factory=list)
    notices: list[Diagnostic] = field(default_factory=list)
    about_store: list[Diagnostic] = field(default_factory=list)

    def __len__(self) -> int:
        """The number of entries."""
        return len(self.candidate)


@dataclass(slots=True)
class LookedUp:
    """What `make` would find, and what it would have to do.

    Attributes:
        num_known: Pairs of row and prompt that the store has.
        num_missing: Pairs that would be encoded, each different one once.
        num_examples, num_tokens, num_trained, num_trimmed: Of the known ones, in sum.
    """

    num_known: int = 0
    num_missing: int = 0
    num_examples: int = 0
    num_tokens: int = 0
    num_trained: int = 0
    num_trimmed: int = 0


def look_up(task: MakeTask) -> LookedUp:
    """What `make` would find in the store; nothing is encoded, and rows are read only if gated."""
    if misfits(task.format, task.templates):
        return LookedUp()
    try:
        return _Looking(task).looked_up()
    except RereadError:  # `make` says so
        return LookedUp()


def make(task: MakeTask) -> Made:
    """Makes the examples of a task, or finds them: pure but for the store.

    Raises:
        StoreError: If the store is full or can't be used.
    """
    task.store.check_sign()
    made = _make(task)
    made.about_store = task.store.take_findings()
    return made


def _make(task: MakeTask) -> Made:
    errors = misfits(task.format, task.templates)
    if errors:
        return Made(errors=errors)
    try:
        with _no_search_for_cycles():
            return _Making(task).made()
    except fast.EnginesDifferError as differ:
        fast.distrust(task.tokenizer, task.store, differ.text)
        return Made(engine_failed=True)
    except fast.EngineAbsentError:
        return Made(engine_failed=True)
    except RereadError as changed:
        return Made(errors=[changed.diagnostic])


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """Keeps Python from looking for cycles among rows and turns: there are none.

    They are many objects that live for a moment; a fifth of a task's time would go into it.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _family(task: MakeTask) -> str:
    code = code_digest(*_STAGES)
    if task.engine != "tokenizers":
        code += f" {task.engine} {fast.engine_version(task.engine)}"
    return family_key(
        task.source,
        task.format,
        rows=task.range.digest,
        tokenizer=fingerprint(task.tokenizer),
        code=code,
        evaluation=task.evaluation,
    )


class _Pairs(NamedTuple):
    """Pairs of candidate and prompt in order, and their keys."""

    candidate: Int64s
    prompt: Int64s
    key: Keys

    def pick(self, which: Int64s) -> "_Pairs":
        return _Pairs(self.candidate[which], self.prompt[which], self.key[which])


class _Making:
    """One task on its way."""

    def __init__(self, task: MakeTask) -> None:
        self.task = task
        self.templates = compiled(task.templates)
        self.keys = ExampleKeys(
            task.source, task.templates, seed=task.seed, evaluation=task.evaluation
        )
        self.family = _family(task)
        self.index = SegmentIndex.open(task.store, self.family)
        self.clauses = Clauses(task.templates, task.format)
        self.findings = Findings(task.source.name, task.source.at)
        self.errors: list[Diagnostic] = []
        self.encoder: tuple[Frame, Loaded] | None = None
        self.pending: Pending | None = None
        self.written: list[Segment] = []
        self.drops: dict[int, Drop] = {}
        self.num_encoded = 0
        self.num_rows_read = 0

    def made(self) -> Made:
        """Looks up, encodes what is missing, and points at all of it."""
        task = self.task
        applying = eligible(self.templates, evaluation=task.evaluation)
        if is_gated(self.templates):
            pairs = self._chosen_by_values()
        elif applying:
            pairs = self._chosen_by_keys(applying)
            self._encode_unread(self._missing(pairs))
        else:
            drop = no_prompt_applies(task.source, self.templates)
            self.drops = dict.fromkeys(range(len(task)), drop)
            pairs = self._pairs(np.zeros(0, np.int64), np.zeros(0, np.int64))
        self._write()
        errors = self.errors
        if task.prompts is None:  # what is named for a row must not fit it
            errors = errors + self.findings.diagnostics()
        return Made(errors=errors) if errors else self._pointed(pairs)

    # ---- which pairs ---------------------------------------------------------------------------

    def _pairs(self, candidates: Int64s, prompts: Int64s) -> _Pairs:
        task = self.task
        keys = self.keys.of(
            task.ids[candidates],
            prompts,
            task.ordinals[candidates].astype(np.int64),
            task.repetitions[candidates].astype(np.int64),
        )
        return _Pairs(candidates, prompts, keys)

    def _chosen_by_keys(self, applying: Sequence[int]) -> _Pairs:
        """Every candidate's pairs where no value decides which prompts apply."""
        task = self.task
        prompts = np.array(applying, np.int64)
        everyone = np.arange(len(task))
        if task.evaluation:
            return self._pairs(np.repeat(everyone, len(prompts)), np.tile(prompts, len(task)))
        if task.prompts is not None:
            own = np.flatnonzero(np.isin(task.prompts, prompts))
            return self._pairs(own, task.prompts[own].astype(np.int64))
        labels = [self.clauses.labels[index] for index in applying]
        chosen = np.empty(len(task), np.int64)
        for repetition in np.unique(task.repetitions).tolist():
            own = np.flatnonzero(task.repetitions == repetition)
            chosen[own] = self._drawn(own, repetition, labels)
        there = np.flatnonzero(chosen >= 0)
        return self._pairs(there, prompts[chosen[there]])

    def _drawn(self, candidates: Int64s, repetition: int, labels: Sequence[str]) -> Int64s:
        """The prompt of each candidate as an index of `labels`, by its draws; -1: it has none."""
        task = self.task
        is_first = np.ones(len(candidates), np.bool_)
        if task.choices is not None:  # the candidates of one row stand together, one a choice
            is_first[1:] = np.diff(task.lines[candidates]) != 0
        rows = candidates[is_first]
        scope = Scope.mixture(task.seed)
        draws = partial(
            drawn, scope, task.source.name, task.ids[rows], task.ordinals[rows], repetition
        )
        choice = PromptChoice(labels, len(rows), draws)
        if task.choices is None:
            return choice.of_all
        return choice.of_choices(task.choices[candidates].astype(np.int64), np.cumsum(is_first) - 1)

    def _chosen_by_values(self) -> _Pairs:
        """Every candidate's pairs where values decide: all rows are read, the missing encoded."""
        found = [self._pairs(np.zeros(0, np.int64), np.zeros(0, np.int64))]
        for candidates, task in self._read(np.arange(len(self.task))):
            chosen = choose(
                task,
                choices=_picked(self.task.choices, candidates),
                named=_picked(self.task.prompts, candidates),
            )
            for row, mistake in chosen.mistakes:
                report_mistake(task, row, mistake, self.findings)
            self.drops |= {int(candidates[row]): drop for row, drop in chosen.drops.items()}
            rows = np.array(chosen.rows, np.int64)
            pairs = self._pairs(candidates[rows], np.array(chosen.prompts, np.int64))
            self._encode(task, candidates, self._missing(pairs))
            found.append(pairs)
        joined = [np.concatenate(columns) for columns in zip(*found, strict=True)]
        order = np.argsort(joined[0], kind="stable")
        return _Pairs(*joined).pick(order)

    def _missing(self, pairs: _Pairs) -> _Pairs:
        """The pairs that the store doesn't have, each key once."""
        missing = np.flatnonzero(self.index.find(pairs.key).num_parts == 0)
        if not len(missing):
            return pairs.pick(missing)
        numbers = np.ascontiguousarray(pairs.key[missing]).view("V16").reshape(-1)
        _, first = np.unique(numbers, return_index=True)
        return pairs.pick(missing[np.sort(first)])

    # ---- reading and encoding ------------------------------------------------------------------

    def _encode_unread(self, missing: _Pairs) -> None:
        """Reads the rows of pairs that are missing, and encodes them."""
        for candidates, task in self._read(np.unique(missing.candidate)):
            first, last = np.searchsorted(
                missing.candidate, [candidates[0], candidates[-1] + 1]
            ).tolist()
            own = np.arange(first, last)
            own = own[np.isin(missing.candidate[own], candidates)]
            self._encode(task, candidates, missing.pick(own))

    def _read(self, candidates: Int64s) -> Iterator[tuple[Int64s, EncodeTask]]:
        """Yields the rows of candidates in chunks, those of one repetition together."""
        task = self.task
        lines, first, place = np.unique(
            task.lines[candidates], return_index=True, return_inverse=True
        )
        if not len(lines):
            return
        of_lines = candidates[first]
        wanted = (task.ids[of_lines], task.ordinals[of_lines])
        done = 0
        for rows in read_rows(task.source, task.file, task.range, lines, wanted):
            self.num_rows_read += len(rows)
            here = np.flatnonzero((place >= done) & (place < done + len(rows)))
            repetitions = task.repetitions[candidates[here]]
            for repetition in np.unique(repetitions).tolist():
                own = here[repetitions == repetition]
                picked = place[own] - done
                is_all = np.array_equal(picked, np.arange(len(rows)))
                yield (
                    candidates[own],
                    self._task(rows if is_all else rows.pick(picked.tolist()), repetition),
                )
            done += len(rows)

    def _task(self, rows: Rows, repetition: int) -> EncodeTask:
        task = self.task
        return EncodeTask(
            source=task.source,
            split=task.split,
            templates=task.templates,
            seed=task.seed,
            repetition=repetition,
            evaluation=task.evaluation,
            rows=rows,
            tokenizer=task.tokenizer,
            format=task.format,
        )

    def _encode(self, task: EncodeTask, candidates: Int64s, pairs: _Pairs) -> None:
        """Encodes pairs of the candidates whose rows are read."""
        if not len(pairs.candidate) or not self._is_ready():
            return
        assert self.encoder is not None
        assert self.pending is not None
        rows = np.searchsorted(candidates, pairs.candidate).tolist()
        encoded = encode_pairs(task, rows, pairs.prompt.tolist(), *self.encoder, self.findings)
        self.pending.add(pairs.key, encoded)
        self.num_encoded += len(rows)
        if self.pending.num_tokens > _SEGMENT_TOKENS:
            self._write()

    def _is_ready(self) -> bool:
        """Whether texts can be encoded; the tokenizer is loaded when the first of them is."""
        if self.encoder is not None or self.errors:
            return not self.errors
        task = self.task
        loaded, self.errors = load(task.tokenizer)
        if loaded is None:
            return False
        if task.engine == "fastokens":
            loaded = fast.faster(loaded)
            if loaded is None:
                raise fast.EngineAbsentError
        frame, self.errors = frame_of(task.format, loaded, task.templates)
        if frame is None:
            return False
        self.encoder = frame, loaded
        self.pending = Pending(loaded.vocab_size, task.evaluation)
        return True

    def _write(self) -> None:
        """Puts what was encoded since the last call into a segment."""
        if self.pending is None or not len(self.pending):
            return
        task, vocab_size = self.task, self.pending.vocab_size
        entries = self.pending.entries()
        name = write_segment(task.store, self.family, entries, vocab_size=vocab_size)
        self.written.append(as_segment(name, entries))
        self.pending = Pending(vocab_size, task.evaluation)

    # ---- the result ----------------------------------------------------------------------------

    def _pointed(self, pairs: _Pairs) -> Made:
        """Points at what the store holds for each pair, and accounts for every candidate."""
        task = self.task
        segments = self.index.segments + self.written
        num_pairs = len(pairs.key)
        segment, entry, num_parts = self._found(pairs.key)
        if task.prompts is not None:
            there = np.flatnonzero(num_parts)
            pairs = pairs.pick(there)
            segment, entry, num_parts = segment[there], entry[there], num_parts[there]
        is_example = np.ones(len(segment), np.bool_)
        fates: dict[int, Fate] = {}
        for index, own in _grouped(segment):
            codes = segments[index].fates[entry[own]]
            for pair in own[codes > 0].tolist():
                reason = segments[index].reasons[segments[index].fates[entry[pair]] - 1]
                fates[pair] = Fate(*reason)
                is_example[pair] = False
        found = accounts(
            pairs.candidate.tolist() if fates else (),
            pairs.prompt.tolist() if fates else (),
            fates,
            self.clauses,
            evaluation=task.evaluation,
        )
        of, made = _columns(segments, segment, entry, num_parts * is_example)
        made.candidate = pairs.candidate[of].astype(np.uint32)
        made.prompt = pairs.prompt[of].astype(np.uint16)
        made.family = self.family
        made.drops = self.drops | found.drops if task.prompts is None else {}
        made.notices = notices(task.source, task.split, found.lost)
        made.num_encoded = self.num_encoded
        made.num_reused = num_pairs - self.num_encoded
        made.num_rows_read = self.num_rows_read
        return made

    def _found(self, keys: Keys) -> Found:
        """Where each key stands, in the segments that were there and then in those written now."""
        found = self.index.find(keys)
        missing = np.flatnonzero(found.num_parts == 0)
        if len(missing):
            written = SegmentIndex(self.written).find(keys[missing])
            is_there = self.task.prompts is not None or (written.num_parts > 0).all()
            assert is_there, "every pair was encoded or has an error"
            found.segment[missing] = written.segment + len(self.index.segments)
            found.entry[missing] = written.entry
            found.num_parts[missing] = written.num_parts
        return found


class _Looking(_Making):
    """One task that is only looked up."""

    def looked_up(self) -> LookedUp:
        """Chooses pairs as `made` does, and counts those that the store has."""
        self.missing: list[Keys] = [np.zeros((0, 16), np.uint8)]
        applying = eligible(self.templates, evaluation=self.task.evaluation)
        if is_gated(self.templates):
            pairs = self._chosen_by_values()
        elif applying:
            pairs = self._chosen_by_keys(applying)
            self.missing.append(self._missing(pairs).key)
        else:
            return LookedUp()
        segment, entry, num_parts = self.index.find(pairs.key)
        known = np.flatnonzero(num_parts > 0)
        numbers = np.ascontiguousarray(np.concatenate(self.missing)).view("V16").reshape(-1)
        looked = LookedUp(num_known=len(known), num_missing=len(np.unique(numbers)))
        is_example = np.array(
            [
                self.index.segments[s].fates[e] == 0
                for s, e in zip(segment[known], entry[known], strict=True)
            ],
            np.bool_,
        )
        own = known[is_example]
        _, made = _columns(self.index.segments, segment[own], entry[own], num_parts[own])
        looked.num_examples = len(made.num_tokens)
        looked.num_tokens = int(made.num_tokens.sum(dtype=np.int64))
        looked.num_trained = int(made.num_trained.sum(dtype=np.int64))
        looked.num_trimmed = int(np.count_nonzero(made.trimmed))
        return looked

    def _encode(self, task: EncodeTask, candidates: Int64s, pairs: _Pairs) -> None:
        """Notes what would be encoded."""
        del task, candidates
        self.missing.append(pairs.key)


def _picked(column: npt.NDArray[np.uint16] | None, candidates: Int64s) -> list[int] | None:
    """A column's values for some candidates, if there is one."""
    return None if column is None else column[candidates].tolist()


def _grouped(numbers: npt.NDArray[np.int32]) -> Iterator[tuple[int, Int64s]]:
    """Yields each number with the places that hold it."""
    for number in np.unique(numbers).tolist():
        yield number, np.flatnonzero(numbers == number)


def _columns(
    segments: Sequence[Segment],
    segment: npt.NDArray[np.int32],
    entry: npt.NDArray[np.uint32],
    num_parts: npt.NDArray[np.uint32],
) -> tuple[Int64s, Made]:
    """The columns of all parts that pairs have, and the pair of each."""
    counts = num_parts.astype(np.int64)
    pair = np.repeat(np.arange(len(counts)), counts)
    part = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
    used, of = np.unique(segment[pair], return_inverse=True)
    at = entry[pair] + part
    made = Made(
        segments=[segments[index].name for index in used.tolist()],
        part=part.astype(np.uint16),
        segment=of.reshape(-1).astype(np.uint16),
        entry=at.astype(np.uint32),
        trimmed=np.empty(len(pair), np.uint32),
        seam_joined=np.empty(len(pair), np.bool_),
        num_tokens=np.empty(len(pair), np.uint32),
        num_trained=np.empty(len(pair), np.uint32),
    )
    for number, index in enumerate(used.tolist()):
        own = np.flatnonzero(made.segment == number)
        read, entries = segments[index], at[own]
        made.part[own] = read.parts[entries]
        made.trimmed[own] = read.trimmed[entries]
        made.seam_joined[own] = read.seam_joined[entries]
        made.num_tokens[own] = read.lengths[entries]
        made.num_trained[own] = read.trained[entries]
    return pair, made
