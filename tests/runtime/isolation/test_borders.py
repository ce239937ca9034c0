"""Borders: masks are those that transformers would make, and ends are where positions restart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
from taskc.runtime.isolation.borders import cumulative_lengths, masks_of, tell  # noqa: E402
from taskc.runtime.isolation.families import toy  # noqa: E402

rows = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=4), min_size=1, max_size=3)


@given(rows)
def test_ends_are_those_of_the_examples(lengths):
    """Over all rows as one; what is over in a row is an example of padding."""
    width = max(sum(row) for row in lengths)
    filled = [[*row, width - sum(row)] if width > sum(row) else row for row in lengths]
    positions = np.stack([np.concatenate([np.arange(n) for n in row]) for row in filled])
    ends, longest = cumulative_lengths(torch.from_numpy(positions))

    assert ends.dtype == torch.int32
    assert ends.tolist() == np.cumsum([0, *(n for row in filled for n in row)]).tolist()
    assert longest == max(n for row in filled for n in row)


@pytest.mark.parametrize(
    "family", ["llama", "mistral", "qwen2", "gemma3_text", "gpt2", "olmo2", "llama4_text"]
)
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_own_masks_say_what_transformers_would(family, attention):
    """For windows, chunks and layers of two kinds: the same logits as each example alone."""
    model = toy(family, attn_implementation=attention).eval()
    lengths = (6, 11, 2)
    ids = torch.randint(2, 100, (1, 19), generator=torch.Generator().manual_seed(0))
    positions = torch.cat([torch.arange(length) for length in lengths])[None]
    with torch.no_grad():
        alone = torch.cat(
            [model(input_ids=each, use_cache=False).logits for each in ids.split(lengths, 1)], 1
        )
        told = model(
            input_ids=ids,
            position_ids=positions,
            attention_mask=masks_of(model, positions),
            use_cache=False,
        ).logits

    torch.testing.assert_close(told, alone, rtol=0, atol=2e-6)


def test_telling_can_be_undone():
    """GPT-OSS passes positions over: told by masks it minds them, untold it does not."""
    model = toy("gpt_oss").eval()
    ids = torch.arange(2, 12)[None]
    positions = torch.cat([torch.arange(5), torch.arange(5)])[None]
    given_ = {"input_ids": ids, "position_ids": positions, "use_cache": False}
    with torch.no_grad():
        before = model(**given_).logits
        undo = tell(model, "masks")
        told, of_base = model(**given_).logits, model.base_model(**given_).last_hidden_state
        alone = model(input_ids=ids[:, 5:], use_cache=False).logits
        undo()
        after = model(**given_).logits

    torch.testing.assert_close(told[:, 5:], alone, rtol=0, atol=2e-6)
    torch.testing.assert_close(model.get_output_embeddings()(of_base), told)
    assert torch.equal(before, after)
    assert not torch.allclose(before, told, atol=1e-3)


def test_a_pass_with_a_mask_stays_as_it_is():
    """Whoever gives a mask means it: generation pads at the left."""
    model = toy("gpt_oss").eval()
    ids = torch.arange(2, 12)[None]
    given_ = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "use_cache": False}
    with torch.no_grad():
        before = model(**given_).logits
        tell(model, "masks")

        assert torch.equal(before, model(**given_).logits)
