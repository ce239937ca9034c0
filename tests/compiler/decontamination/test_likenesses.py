"""Likenesses: evaluation rows that a row is near, told by brute force."""

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.decontamination.likenesses import LikenessIndex
from taskc.compiler.decontamination.stored import from_buffer, to_buffers
from taskc.compiler.decontamination.texts import Texts
from taskc.compiler.resemblance.shingles import shingles
from taskc.compiler.resemblance.words import WordHashes

ROWS = st.lists(st.lists(st.sampled_from("abcd"), max_size=8), max_size=8)


def texts_of(rows) -> Texts:
    """One text a row, cut in two where it can be; a row without words has none."""
    found = Texts(num_rows=len(rows))
    for row, words in enumerate(rows):
        for number, part in enumerate((words[:2], words[2:])):
            if part:
                found.words.append(part)
                found.row.append(row)
                found.field_index.append(number)
    return found


def index_of(rows, near) -> LikenessIndex:
    """The index of evaluation rows, through the store's bytes."""
    index = LikenessIndex.of(shingles(rows, WordHashes()).as_sets(), near)
    return LikenessIndex.opened(*from_buffer(b"".join(to_buffers(index.head(), index.columns()))))


def sets(rows) -> list[set]:
    """Runs of three words, or all words of a shorter row."""
    return [{tuple(row[at : at + 3]) for at in range(max(len(row) - 2, 1))} for row in rows]


@given(ROWS, ROWS, st.sampled_from([0.3, 0.6, 1.0]))
def test_what_is_found_is_near(trained, evaluated, near):
    """With how near it is; the texts of a row count as one, and rows without words are not near."""
    hits = index_of(evaluated, near).shared(texts_of(trained))
    mine, theirs = sets(trained), sets(evaluated)
    found = list(zip(hits.row, hits.evaluated, hits.similarity, strict=True))

    for row, other, similarity in found:
        own, its = mine[row], theirs[other]
        assert len(own & its) / len(own | its) == similarity >= near
        assert trained[row]
        assert evaluated[other]
    # Bands of equal rows are equal.
    equal = {(r, e) for r, own in enumerate(trained) for e, it in enumerate(evaluated) if own == it}
    assert {pair for pair in equal if trained[pair[0]]} <= {(row, other) for row, other, _ in found}
    assert sorted(found) == found


def test_near_rows_are_found_among_many():
    """300 rows of 40 words with a word changed: 99 of 100, as bands promise."""
    chance = random.Random(2)
    evaluated = [[f"w{chance.randrange(500)}" for _ in range(40)] for _ in range(300)]
    trained = [[*row[:20], "changed", *row[21:]] for row in evaluated]
    index = index_of(evaluated, 0.7)
    hits = index.shared(texts_of(trained))
    pairs = set(zip(hits.row, hits.evaluated, strict=True))

    assert sum((row, row) in pairs for row in range(300)) >= 294
    assert np.mean(hits.similarity) > 0.8
    assert len(index) == 300
