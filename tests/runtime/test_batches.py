"""Batches: everything once an epoch, put down and taken up at any step."""

import json

import numpy as np
import pytest

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.layout import lay_out
from taskc.runtime.reader import open as open_artifact
from taskc.runtime.schedule import examples, sequences, tokens

RULES = [sequences(3), tokens(48), examples(4)]


@pytest.fixture
def train(folder):
    """The training split of forty examples."""
    return open_artifact(folder)["train"]


def as_lists(batch):
    """A batch that can be compared."""
    arrays = (batch.input_ids, batch.labels, batch.position_ids, batch.segment_ids)
    return [array.tolist() for array in arrays]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_an_epoch_holds_every_trained_token_once(train, rule):
    """Packed or one example a row: the labels are the same."""
    expected = sorted(id_ for s in train for id_ in s.labels.tolist() if id_ != -100)
    batches = list(train.batches(rule, epochs=2, seed=5))
    half = len(batches) // 2
    for epoch in (batches[:half], batches[half:]):
        found = sorted(
            id_ for batch in epoch for id_ in batch.labels.reshape(-1).tolist() if id_ != -100
        )

        assert expected == found


def test_packed_batches_have_the_pack_s_length(train):
    """One shape for all but the last, partial batch."""
    shapes = [batch.input_ids.shape for batch in train.batches(sequences(5))]

    assert shapes == [(5, 16), (5, 16), (5, 16), (2, 16)]


def test_rows_of_a_batch_are_sequences(train):
    """In the written order in the first epoch, padded with the end-of-text id."""
    batch = next(train.batches(sequences(3)))
    for b in range(3):
        sequence = train[b]
        n = len(sequence)

        assert batch.input_ids[b].tolist() == sequence.input_ids.tolist() + [99] * (16 - n)
        assert batch.labels[b, :n].tolist() == sequence.labels.tolist()
        assert batch.position_ids[b, n:].tolist() == list(range(16 - n))
        assert set(batch.segment_ids[b, n:].tolist()) <= {0}


def test_batches_of_examples_hold_one_example_a_row(made, tmp_path):
    """Exactly so many, in the stream's order at first, padded to the longest."""
    stream = made.seeded_examples(10)
    train = open_artifact(made.write_examples(tmp_path / "tiny", stream))["train"]
    batches = list(train.batches(examples(4)))
    rows = [
        (ids[segments == 1].tolist(), labels[segments == 1].tolist())
        for batch in batches
        for ids, labels, segments in zip(
            batch.input_ids, batch.labels, batch.segment_ids, strict=True
        )
    ]

    assert [len(batch.input_ids) for batch in batches] == [4, 4, 2]
    assert [example.ids for example in stream] == [ids for ids, _ in rows]
    for example, (_, labels) in zip(stream, rows, strict=True):
        ((start, end),) = example.spans
        expected = [id_ if start <= i < end else -100 for i, id_ in enumerate(example.ids)]

        assert expected == labels


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("taken", [0, 1, 7])
def test_taken_up_where_it_was_put_down(train, rule, taken):
    """The state is a handful of JSON values; what follows is what would have followed."""
    whole = [as_lists(batch) for batch in train.batches(rule, seed=2, epochs=2)]
    first = train.batches(rule, seed=2, epochs=2)
    for _ in range(taken):
        next(first)
    state = json.loads(json.dumps(first.state_dict()))
    rest = [as_lists(batch) for batch in train.batches(rule, seed=2, epochs=2, state=state)]

    assert whole[taken:] == rest


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"batch": sequences(4)}, "batch"),
        ({"seed": 9}, "seed"),
    ],
)
def test_a_state_of_other_arguments_is_refused(train, changed, field):
    """It would point somewhere else."""
    state = train.batches(sequences(3), seed=1).state_dict()
    with pytest.raises(ArtifactError, match=field):
        train.batches(**{"batch": sequences(3), "seed": 1, "state": state, **changed})


def test_a_state_of_other_content_is_refused(train, made, tmp_path):
    """Another artefact's steps mean nothing here."""
    other = open_artifact(made.write_examples(tmp_path / "other", made.seeded_examples(9, seed=4)))
    state = other["train"].batches(sequences(3)).state_dict()
    with pytest.raises(ArtifactError, match="content_digest"):
        train.batches(sequences(3), state=state)
    state = {**train.batches(sequences(3)).state_dict(), "position": -1}
    with pytest.raises(ArtifactError, match="position"):
        train.batches(sequences(3), state=state)


def test_ranks_take_equally_many_steps(train):
    """A rank that gets nothing of the last step gets an empty batch, not an early end."""
    shapes = [
        [batch.input_ids.shape for batch in train.batches(sequences(6), rank=rank, world_size=3)]
        for rank in range(3)
    ]

    assert shapes == [[(2, 16)] * 3, [(2, 16)] * 3, [(2, 16), (2, 16), (1, 16)]]
    assert [
        next(reversed(list(train.batches(sequences(16), rank=rank, world_size=4)))).input_ids.shape
        for rank in range(4)
    ] == [(1, 16), (0, 16), (0, 16), (0, 16)]


def test_a_state_goes_on_with_another_number_of_ranks(train):
    """A position counts steps of all ranks together, so it means the same to any number."""
    one = train.batches(sequences(6), seed=1, epochs=2)
    next(one)
    two = [
        train.batches(sequences(6), seed=1, epochs=2, rank=r, world_size=2, state=one.state_dict())
        for r in (0, 1)
    ]
    for alone, *shared in zip(one, *two, strict=True):
        rows = [row for batch in shared for row in batch.input_ids.tolist()]

        assert sorted(alone.input_ids.tolist()) == sorted(rows)


@pytest.mark.parametrize("rank", [-1, 2])
def test_a_rank_outside_the_world_is_refused(train, rank):
    """It would read what another one reads, or nothing."""
    with pytest.raises(ValueError, match="of 2"):
        train.batches(sequences(2), rank=rank, world_size=2)


def test_any_step_can_be_asked_for(train):
    """`at` is a pure function; the iterator stands where it stood."""
    batches = train.batches(sequences(3), epochs=3)
    listed = [as_lists(batch) for batch in train.batches(sequences(3), epochs=3)]

    assert listed[10] == as_lists(batches.at(10))
    assert listed[0] == as_lists(next(batches))
    assert len(batches) == len(listed)


@pytest.mark.parametrize("tokens_ahead", [1, 100, 1 << 20])
def test_steps_are_the_same_in_any_order(train, tokens_ahead, monkeypatch):
    """What is derived for several steps at once, over epochs and ranks, is in no batch to be seen.

    The ids alone are the same as well.
    """
    monkeypatch.setattr("taskc.runtime.batches._TOKENS_AHEAD", tokens_ahead)
    batches = train.batches(sequences(4), epochs=3, seed=3, rank=1, world_size=3)
    listed = [as_lists(batch) for batch in batches]
    order = np.random.default_rng(0).permutation(len(listed)).tolist()

    assert [listed[i] for i in order] == [as_lists(batches.at(i)) for i in order]
    assert [ids for ids, *_ in listed] == [
        batches.input_ids_at(i).tolist() for i in range(len(listed))
    ]
    for batch, position in zip(listed, range(len(listed)), strict=True):
        rows = batches.rows_at(position)
        assert as_lists(lay_out(rows, batches.length, batches.pad_id)) == batch


def test_tensors_share_the_arrays_memory(train):
    """What a model takes is made once."""
    torch = pytest.importorskip("torch")
    batch = next(train.batches(sequences(2)))
    tensors = batch.torch()

    assert sorted(tensors) == ["input_ids", "labels", "position_ids"]
    assert all(tensor.dtype == torch.int64 for tensor in tensors.values())
    assert all(np.shares_memory(tensors[name].numpy(), getattr(batch, name)) for name in tensors)
