"""Pieces against lists: each example is its exemplars and then itself, in any order of examples."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.demand.columns import Examples
from taskc.compiler.exemplars.joining import InOrder, pieces_of

BANK = 5
lists_of_exemplars = st.lists(st.lists(st.integers(0, BANK - 1), max_size=4), max_size=9)


def columns(sizes):
    """Examples of so many tokens, at pointers from 100 on."""
    number = len(sizes)
    zeros = np.zeros(number, np.uint32)
    return Examples(
        row=zeros,
        repetition=zeros,
        prompt=zeros.astype(np.uint16),
        part=zeros.astype(np.uint16),
        pointer=np.arange(100, 100 + number, dtype=np.uint64),
        tokens=np.array(sizes, np.uint32),
        trained=zeros,
        trimmed=zeros,
    )


@given(lists_of_exemplars, st.integers(0, 2), st.randoms(use_true_random=False))
def test_pieces_stand_in_the_order_of_their_examples(own, num_bos, random):
    """Pointers and tokens of the store; borders between examples are borders between pieces."""
    bank_tokens = [3 + item for item in range(BANK)]
    before = InOrder(
        offsets=np.cumsum([0, *map(len, own)]),
        items=np.array([item for each in own for item in each], np.uint32),
        pointers=np.arange(BANK, dtype=np.uint64),
        tokens=np.array(bank_tokens, np.uint32),
        ids=np.arange(16 * BANK, dtype=np.uint8).reshape(-1, 16),
        num_bos=num_bos,
    )
    plain = [7 + number for number in range(len(own))]
    sizes = [
        size + sum(bank_tokens[item] - num_bos for item in each)
        for size, each in zip(plain, own, strict=True)
    ]
    order = list(range(len(own)))
    random.shuffle(order)
    pieces = pieces_of(columns(sizes), before, np.array(order, np.uint32))
    expected = [
        piece
        for number in order
        for piece in [
            *((item, bank_tokens[item]) for item in own[number]),
            (100 + number, plain[number]),
        ]
    ]
    begins = [sum(1 + len(own[each]) for each in order[:number]) for number in range(len(own) + 1)]

    assert list(zip(pieces.pointers.tolist(), pieces.tokens.tolist(), strict=True)) == expected
    assert pieces.at(list(range(len(own) + 1))) == begins
    if len(own) > 1:
        assert pieces.between(1, len(own)).tolist() == [each - begins[1] for each in begins[1:]]
    ids, offsets = before.ids_between(0, len(own))
    assert [list(each) for each in ids] == [list(before.ids[i]) for each in own for i in each]
    assert offsets.tolist() == np.cumsum([0, *map(len, own)]).tolist()


def test_without_exemplars_every_example_is_a_piece():
    """Nothing is copied but the columns, in order."""
    pieces = pieces_of(columns([4, 5, 6]), None, np.array([2, 0, 1], np.uint32))

    assert pieces.pointers.tolist() == [102, 100, 101]
    assert pieces.tokens.tolist() == [6, 4, 5]
    assert pieces.starts is None
    assert pieces.at([0, 3]) == [0, 3]
    assert pieces.between(0, 3) is None
