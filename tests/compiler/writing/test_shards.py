"""Shards: every sequence holds its examples' tokens and spans, whatever shard it is in."""

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from taskc.compiler.sequences.pack import pack
from taskc.compiler.writing.shards import shards

lengths_of_examples = st.lists(st.integers(1, 16), max_size=25)


class InMemory:
    """A segment with examples one after another."""

    option_ids = correct = references = None

    def __init__(self, lists, spans, type_):
        self.ids = np.array([id_ for each in lists for id_ in each], type_)
        self.offsets = np.cumsum([0, *map(len, lists)], dtype=np.int32)
        self.spans = np.array(spans, np.int32).reshape(-1)
        self.span_offsets = np.arange(len(lists) + 1, dtype=np.int32)


@settings(max_examples=60)
@given(
    lengths_of_examples,
    st.integers(1, 9),
    st.integers(8, 400),
    st.booleans(),
)
def test_sequences_are_their_examples_one_after_another(
    made, lengths, window, shard_bytes, is_large
):
    """Ids, lengths and sources in the order of the pack; spans counted from its start."""
    vocab_size, type_ = (70_000, np.uint32) if is_large else (100, np.uint16)
    lists = [[(7 * i + j) % vocab_size for j in range(n)] for i, n in enumerate(lengths)]
    spans = [(n // 2, n) for n in lengths]
    examples = [
        made.Example(ids, [span], i % 2)
        for i, (ids, span) in enumerate(zip(lists, spans, strict=True))
    ]
    keys = np.arange(len(lengths), dtype=np.uint64)
    packs = pack(np.array(lengths, np.int64), length=16, window=window, keys=keys)
    stream = made.stream_of(None, examples, vocab_size)
    with TemporaryDirectory() as folder:
        batches = list(
            shards(
                stream,
                packs,
                lambda _number: InMemory(lists, spans, type_),
                Path(folder),
                vocab_size=vocab_size,
                shard_bytes=shard_bytes,
            )
        )
        rows = [row for batch in batches for row in batch.to_pylist()]
    expected = []
    for begin, end in pairwise(packs.offsets.tolist()):
        own = packs.order[begin:end].tolist()
        starts = np.cumsum([0, *(lengths[i] for i in own)]).tolist()
        expected.append(
            {
                "input_ids": [id_ for i in own for id_ in lists[i]],
                "lengths": [lengths[i] for i in own],
                "spans": [
                    at + each for i, at in zip(own, starts[:-1], strict=True) for each in spans[i]
                ],
                "example_ids": own,
                "source": [i % 2 for i in own],
            }
        )

    assert rows == expected
    id_bytes = 4 if is_large else 2
    assert len(batches) == max(1, -(-sum(lengths) * id_bytes // shard_bytes))
