"""What isolation is measured on: few enough tokens, and documents longer than the window."""

from types import SimpleNamespace

import numpy as np
import pytest

from taskc.runtime.isolation.documents import examples_of, longer_than_window
from taskc.runtime.isolation.families import toy

pytest.importorskip("transformers")


def test_examples_are_the_sequence_s_own(sequence):
    """Each with its own tokens, in order."""
    assert [len(each) for each in examples_of(sequence)] == [7, 5, 4]
    assert [id_ for each in examples_of(sequence) for id_ in each] == sequence.input_ids.tolist()


@pytest.mark.parametrize(("length", "kept"), [(2, 8), (10_000, 3), (40_000, 2)])
def test_a_long_pack_is_measured_in_part(length, kept):
    """At most eight examples, fewer long ones: as padded rows they would else take too much."""
    lengths = np.full(20, length)
    packed = SimpleNamespace(input_ids=np.arange(lengths.sum()), lengths=lengths)

    assert [len(each) for each in examples_of(packed)] == [length] * kept


@pytest.mark.parametrize("size", [4, 7, 50])
def test_documents_are_longer_than_the_window(sequence, size):
    """Two of them, of the sequence's own tokens."""
    config = toy("mistral", settings={"sliding_window": size}).config
    documents = longer_than_window(config, sequence)

    assert sum(len(each) > size for each in documents) == 2
    assert {id_ for each in documents for id_ in each} <= set(sequence.input_ids)


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("llama", {}),
        ("mistral", {"sliding_window": None}),
        ("mistral", {"sliding_window": 64, "max_position_embeddings": 64}),
        ("qwen2", {"use_sliding_window": False}),
        ("gemma3_text", {"layer_types": ["full_attention"] * 2}),
    ],
)
def test_a_window_that_no_layer_has_or_no_document_reaches_asks_for_none(
    sequence, family, settings
):
    """A configuration names windows that nothing uses."""
    assert longer_than_window(toy(family, settings=settings).config, sequence) == []
