"""Segments: what was written is read, in little room, and found by its keys."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskc.compiler.store.segments import Entries, Segment, SegmentIndex, write_segment

FAMILY = "ab" * 16
FAST = settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def entries(rows, reasons=(), **evaluation):
    """Makes columns of (key, fate, part, ids, spans) rows."""
    ids = [row[3] for row in rows]
    spans = [row[4] for row in rows]
    keys = np.frombuffer(b"".join(row[0] for row in rows), np.uint8).reshape(-1, 16)
    return Entries(
        keys=keys,
        fates=np.array([row[1] for row in rows], np.uint8),
        parts=np.array([row[2] for row in rows], np.uint16),
        trimmed=np.arange(len(rows), dtype=np.uint32),
        seam_joined=np.arange(len(rows)) % 2 == 1,
        trained=np.array([sum(e - s for s, e in each) for each in spans], np.uint32),
        ids=np.array([i for each in ids for i in each], np.uint32),
        offsets=np.concatenate([[0], np.cumsum([len(each) for each in ids], dtype=np.int64)]),
        spans=np.array([place for each in spans for pair in each for place in pair], np.int32),
        span_offsets=np.concatenate(
            [[0], np.cumsum([len(each) for each in spans], dtype=np.int64)]
        ),
        reasons=reasons,
        **evaluation,
    )


KEYS = st.binary(min_size=16, max_size=16)
SPANS = st.lists(st.tuples(st.integers(0, 9), st.integers(10, 20)), max_size=3)
ROWS = st.lists(
    st.tuples(KEYS, st.integers(0, 2), st.just(0), st.lists(st.integers(0, 65_535)), SPANS),
    max_size=8,
)


@FAST
@given(rows=ROWS, vocab_size=st.sampled_from([300, 65_536, 65_537, 200_000]))
def test_what_was_written_is_read(store, rows, vocab_size):
    """Every column, whatever is empty in it, in two bytes an id where the vocabulary fits."""
    reasons = [("encode", "input longer than 8 tokens", "format"), ("phrase", "where", "näm")]
    given_ = entries(rows, reasons)
    name = write_segment(store, FAMILY, given_, vocab_size=vocab_size)
    segment = Segment.open(store, FAMILY, name)

    assert (segment.name, len(segment)) == (name, len(rows))
    for column in ("keys", "fates", "parts", "trimmed", "seam_joined", "trained"):
        assert getattr(segment, column).dtype == getattr(given_, column).dtype
        assert np.array_equal(getattr(segment, column), getattr(given_, column))
    for column in ("ids", "offsets", "spans", "span_offsets"):
        assert np.array_equal(getattr(segment, column), getattr(given_, column))
    assert segment.ids.dtype == (np.uint16 if vocab_size <= 65_536 else np.uint32)
    assert segment.reasons == reasons
    assert segment.lengths.tolist() == [len(row[3]) for row in rows]
    for index, (_, _, _, ids, spans) in enumerate(rows):
        assert segment.ids_of(index).tolist() == ids
        assert [tuple(pair) for pair in segment.spans_of(index).tolist()] == spans
    assert segment.option_ids is None
    assert write_segment(store, FAMILY, given_, vocab_size=vocab_size) == name


def test_evaluation_has_more_columns(store):
    """Options, which of them are correct, and accepted answers."""
    rows = [(bytes(16), 0, 0, [1, 2], []), (bytes([1] * 16), 0, 0, [3], [])]
    given_ = entries(
        rows,
        option_ids=[[[1], [2, 3]], []],
        correct=[[1], []],
        references=[[], ["yes", "sì"]],
    )
    segment = Segment.open(store, FAMILY, write_segment(store, FAMILY, given_, vocab_size=300))

    assert segment.option_ids.to_pylist() == [[[1], [2, 3]], []]
    assert segment.correct.to_pylist() == [[1], []]
    assert segment.references.to_pylist() == [[], ["yes", "sì"]]


def test_a_segment_is_read_without_copying(disk):
    """Columns lie in the map of the file, and can't be written."""
    rows = [(bytes([n % 256] * 16), 0, 0, list(range(300)), [(0, 9)]) for n in range(500)]
    name = write_segment(disk, FAMILY, entries(rows), vocab_size=300)
    segment = Segment.open(disk, FAMILY, name)

    for column in ("keys", "fates", "parts", "trimmed", "trained", "ids", "offsets", "spans"):
        assert not getattr(segment, column).flags.writeable
        assert not getattr(segment, column).flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        segment.ids_of(3)[0] = 1


def test_a_token_takes_little_more_than_its_id(disk):
    """At 300 tokens an example, 2.2 bytes a token with everything."""
    rows = [
        (n.to_bytes(16), 0, 0, [n % 300] * (250 + n % 101), [(240, 250 + n % 101)])
        for n in range(2_000)
    ]
    write_segment(disk, FAMILY, entries(rows), vocab_size=50_000)
    num_tokens = sum(len(row[3]) for row in rows)
    (stored,) = disk.objects()

    assert stored.size_bytes / num_tokens <= 2.2


def test_what_is_not_there_is_none(store):
    """A segment that was cleaned away, or damaged, is a miss."""
    assert Segment.open(store, FAMILY, "00" * 16) is None
    assert SegmentIndex.open(store, FAMILY).segments == []


@FAST
@given(
    segments=st.lists(
        st.lists(st.tuples(st.integers(0, 30), st.integers(1, 3)), max_size=6), max_size=4
    ),
    asked=st.lists(st.integers(0, 33), max_size=20),
)
def test_keys_are_found(disk, segments, asked):
    """The first of equal ones in order of names; keys that agree in half are told apart."""

    def key(number):
        # Few first halves, so that most keys share theirs.
        return bytes(7) + bytes([number % 3]) + bytes(7) + bytes([number])

    for stored in list(disk.objects()):
        disk.remove(stored)
    names = {}
    for runs in segments:
        rows = [(key(n), 0, part, [n, part], []) for n, parts in runs for part in range(parts)]
        names[write_segment(disk, FAMILY, entries(rows), vocab_size=300)] = runs
    expected = {}
    for position, name in enumerate(sorted(names)):
        entry = 0
        for number, num_parts in names[name]:
            expected.setdefault(number, (position, entry, num_parts))
            entry += num_parts
    index = SegmentIndex.open(disk, FAMILY)
    wanted = np.frombuffer(b"".join(map(key, asked)), np.uint8).reshape(-1, 16)
    found = index.find(wanted)

    assert [segment.name for segment in index.segments] == sorted(names)
    assert list(zip(*(column.tolist() for column in found), strict=True)) == [
        expected.get(number, (-1, 0, 0)) for number in asked
    ]


def test_many_keys_are_found_at_once():
    """Nothing is done per key: a hundred thousand among as many, half of them there."""
    random = np.random.default_rng(0)
    keys = random.integers(0, 256, (100_000, 16), dtype=np.uint8)
    rows = entries([(bytes(16), 0, 0, [], [])] * 0)
    numbers = {name: np.zeros(len(keys), np.uint32) for name in ("fates", "parts", "trimmed")}
    segment = Segment(
        name="",
        keys=keys,
        seam_joined=np.zeros(len(keys), bool),
        trained=numbers["trimmed"],
        ids=rows.ids,
        offsets=np.zeros(len(keys) + 1, np.int32),
        spans=rows.spans,
        span_offsets=np.zeros(len(keys) + 1, np.int32),
        reasons=[],
        option_ids=None,
        correct=None,
        references=None,
        **numbers,
    )
    order = random.permutation(len(keys))
    wanted = keys[order]
    wanted[::2] ^= 0x55
    found = SegmentIndex([segment]).find(wanted)

    assert found.segment[1::2].tolist() == [0] * 50_000
    assert found.segment[::2].tolist() == [-1] * 50_000
    assert np.array_equal(found.entry[1::2], order[1::2])
    assert found.num_parts.sum() == 50_000
