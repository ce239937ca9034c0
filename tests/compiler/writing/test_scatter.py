"""Two passes over the disk against a list in memory: same examples, same order, nothing left."""

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskc.compiler.demand.columns import SegmentName, pointers
from taskc.compiler.store.objects import Store, StoreError
from taskc.compiler.store.segments import Entries, write_segment
from taskc.compiler.writing import scatter
from taskc.compiler.writing.scatter import examples_in_order, flat, opener

examples = st.tuples(
    st.lists(st.integers(0, 70_000), max_size=6),  # ids
    st.integers(0, 3),  # spans
    st.lists(st.lists(st.integers(0, 90), max_size=3), max_size=3),  # options
)
segments_of_examples = st.lists(st.lists(examples, min_size=1, max_size=6), min_size=1, max_size=5)


def stored(store, segments, *, is_evaluation):
    """Segments of the store that hold the examples."""
    names = []
    for number, entries in enumerate(segments):
        spans = [list(range(2 * count)) for _, count, _ in entries]
        answers = {
            "option_ids": [options for _, _, options in entries],
            "correct": [[len(options)] for _, _, options in entries],
            "references": [["ja"] * len(options) for _, _, options in entries],
        }
        columns = Entries(
            keys=np.zeros((len(entries), 16), np.uint8),
            fates=np.zeros(len(entries), np.uint8),
            parts=np.zeros(len(entries), np.uint16),
            trimmed=np.zeros(len(entries), np.uint32),
            seam_joined=np.zeros(len(entries), np.bool_),
            trained=np.zeros(len(entries), np.uint32),
            ids=np.array([id_ for ids, _, _ in entries for id_ in ids], np.uint32),
            offsets=np.cumsum([0, *(len(ids) for ids, _, _ in entries)]),
            spans=np.array([each for own in spans for each in own], np.int32),
            span_offsets=np.cumsum([0, *(len(own) // 2 for own in spans)]),
            **(answers if is_evaluation else {}),
        )
        family = f"{number:032x}"
        names.append(SegmentName(family, write_segment(store, family, columns, vocab_size=80_000)))
    return names


def listed(batch, *, is_evaluation):
    """The examples of a batch as they were given."""
    ids, offsets = flat(batch["ids"], np.uint32)
    spans, bounds = flat(batch["spans"], np.int32)
    columns = [
        [ids[begin:end].tolist() for begin, end in pairwise(offsets)],
        (np.diff(bounds) // 2).tolist(),
    ]
    if is_evaluation:
        assert batch["correct"].to_pylist() == [[len(o)] for o in batch["option_ids"].to_pylist()]
        assert batch["references"].to_pylist() == [
            ["ja"] * len(options) for options in batch["option_ids"].to_pylist()
        ]
        columns.append(batch["option_ids"].to_pylist())
    assert all((spans[b:e] == np.arange(e - b)).all() for b, e in pairwise(bounds))
    return list(zip(*columns, strict=True))


@settings(max_examples=60)
@given(segments_of_examples, st.data(), st.booleans(), st.sampled_from([None, "zstd"]))
def test_buckets_hold_their_places_in_order(segments, data, is_evaluation, compression):
    """Examples that repeat, that nobody wants, empty ones and empty buckets included."""
    everything = [(s, e) for s, entries in enumerate(segments) for e in range(len(entries))]
    wanted = data.draw(st.lists(st.sampled_from(everything), max_size=20))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wanted)), max_size=4)))
    borders = [0, *cuts, len(wanted)]
    width = 3 if is_evaluation else 2
    expected = [
        [segments[s][e][:width] for s, e in wanted[begin:end]] for begin, end in pairwise(borders)
    ]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(scatter, "BATCH_TOKENS", 3)
        patch.setattr(scatter, "BUCKET_TOKENS", 1)
        patch.setattr(scatter, "_LOOKED_AT", 5)
        store = Store.open(Path(folder) / "store")
        names = stored(store, segments, is_evaluation=is_evaluation)
        temporary = Path(folder) / "temporary"
        temporary.mkdir()
        found = examples_in_order(
            pointers(
                np.array([s for s, _ in wanted], np.uint32),
                np.array([e for _, e in wanted], np.uint32),
            ),
            np.array([len(segments[s][e][0]) for s, e in wanted], np.uint32),
            borders,
            opener(store, names),
            temporary,
            compression=compression,
        )

        assert [listed(batch, is_evaluation=is_evaluation) for batch in found] == expected
        assert list(temporary.iterdir()) == []


def made_up(num_segments, per_segment, tokens):
    """Segments of examples of so many tokens, in memory."""
    return [[(list(range(tokens)), 1, []) for _ in range(per_segment)] for _ in range(num_segments)]


def shuffled(num_segments, per_segment):
    """Pointers to all of them, in an order that is no order."""
    order = np.random.default_rng(0).permutation(num_segments * per_segment)
    return pointers(
        (order // per_segment).astype(np.uint32), (order % per_segment).astype(np.uint32)
    )


def test_every_segment_is_opened_once(tmp_path):
    """Whatever order the output is in, the store is read from its beginning to its end."""
    store = Store.open(tmp_path / "store")
    opened = []
    names = stored(store, made_up(6, 10, 5), is_evaluation=False)
    of_store = opener(store, names)

    def told(number):
        opened.append(number)
        return of_store(number)

    tokens = np.full(60, 5, np.uint32)
    assert (
        sum(
            len(batch)
            for batch in examples_in_order(shuffled(6, 10), tokens, [0, 20, 40, 60], told, tmp_path)
        )
        == 60
    )
    assert opened == [0, 1, 2, 3, 4, 5]


def test_one_bucket_writes_nothing(tmp_path):
    """Where there is one shard there is no second pass."""
    store = Store.open(tmp_path / "store")
    names = stored(store, made_up(2, 3, 5), is_evaluation=False)
    nowhere = tmp_path / "not there"
    (batch,) = examples_in_order(
        shuffled(2, 3), np.full(6, 5, np.uint32), [0, 6], opener(store, names), nowhere
    )

    assert len(batch) == 6


def test_temporary_files_are_no_larger_than_the_output_and_go_with_their_bucket(tmp_path):
    """Ids and spans are there once, with 12 bytes an example besides; errors leave nothing."""
    store = Store.open(tmp_path / "store")
    names = stored(store, made_up(4, 2_500, 30), is_evaluation=False)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    found = examples_in_order(
        shuffled(4, 2_500),
        np.full(10_000, 30, np.uint32),
        [0, 2_500, 5_000, 7_500, 10_000],
        opener(store, names),
        temporary,
    )
    sizes = []
    for _ in found:
        sizes.append(sum(f.stat().st_size for f in temporary.rglob("*") if f.is_file()))
        if len(sizes) == 3:
            break

    output_bytes = 10_000 * (30 * 4 + 8 + 12)
    assert sizes[0] < 0.76 * output_bytes
    assert sizes[2] < 0.26 * output_bytes
    found.close()
    assert list(temporary.iterdir()) == []


def test_examples_that_left_the_store_are_said(tmp_path):
    """Somebody cleaned it meanwhile: no bug of ours, and the next build mends it."""
    store = Store.open(tmp_path / "store")
    (name,) = stored(store, made_up(1, 1, 5), is_evaluation=False)
    missing = opener(store, [SegmentName(name.family, "0" * 32)])
    with pytest.raises(StoreError) as error:
        list(examples_in_order(shuffled(1, 1), np.ones(1), [0, 1], missing, tmp_path))

    assert error.value.diagnostic.code == "T1005"


def test_texts_are_integers_again_wherever_they_are_cut():
    """A slice of texts is read from where it begins."""
    texts = pa.array([np.arange(n, dtype=np.uint16).tobytes() for n in (3, 0, 2, 4)])
    values, offsets = flat(texts.slice(1, 2), np.uint16)

    assert (values.tolist(), offsets.tolist()) == ([0, 1], [0, 0, 2])
