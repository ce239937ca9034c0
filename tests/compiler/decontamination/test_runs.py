"""Runs: what is shared, told by brute force; and that hashes alone decide nothing."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.decontamination import runs as stage
from taskc.compiler.decontamination.runs import Numbered, RunIndex
from taskc.compiler.decontamination.stored import from_buffer, to_buffers
from taskc.compiler.decontamination.texts import Texts

# Rows of texts of words.
ROWS = st.lists(
    st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=7), max_size=2), max_size=6
)
SIZES = st.integers(1, 4)


def texts_of(rows) -> Texts:
    """Texts as they are read."""
    found = Texts(num_rows=len(rows))
    for row, own in enumerate(rows):
        for number, words in enumerate(own):
            found.words.append(words)
            found.row.append(row)
            found.field_index.append(number)
    return found


def index_of(rows, size, max_rows=1_000) -> RunIndex:
    """The index of evaluation rows, through the store's bytes."""
    index = RunIndex.of(Numbered.of(texts_of(rows)), size=size, max_rows=max_rows)
    return RunIndex.opened(*from_buffer(b"".join(to_buffers(index.head(), index.columns()))))


def runs(words, size) -> list[tuple[str, ...]]:
    """The runs of a text, in order."""
    return [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]


def expected(trained, evaluated, size, max_rows=1_000) -> list[tuple]:
    """Stretches by brute force: training row, field, words, evaluation row."""
    holders = Counter(run for own in evaluated for run in {r for t in own for r in runs(t, size)})
    found = []
    for row, own in enumerate(trained):
        for number, words in enumerate(own):
            for other, texts in enumerate(evaluated):
                theirs = {run for text in texts for run in runs(text, size)}
                theirs = {run for run in theirs if holders[run] <= max_rows}
                start = None
                for at, run in enumerate([*runs(words, size), None]):
                    if run in theirs:
                        start = at if start is None else start
                    elif start is not None:
                        stretch = " ".join(words[start : at - 1 + size])
                        found.append((row, number, stretch, other))
                        start = None
    return sorted(found)


def entries(hits) -> list[tuple]:
    """The same of hits."""
    assert [len(words.split()) for words in hits.words] == hits.num_words
    return sorted(zip(hits.row, hits.field_index, hits.words, hits.evaluated, strict=True))


@given(ROWS, ROWS, SIZES)
def test_every_stretch_is_found_and_no_other(trained, evaluated, size):
    """Against brute force, with the rows that have it."""
    hits = index_of(evaluated, size).shared(texts_of(trained))

    assert expected(trained, evaluated, size) == entries(hits)


@given(ROWS, ROWS, SIZES, st.integers(1, 3))
def test_runs_of_too_many_rows_do_not_count_and_are_listed(trained, evaluated, size, max_rows):
    """A run that a row has twice stands in one row."""
    index = index_of(evaluated, size, max_rows)
    holders = Counter(run for own in evaluated for run in {r for t in own for r in runs(t, size)})
    common = [(" ".join(run), count) for run, count in holders.items() if count > max_rows]

    assert expected(trained, evaluated, size, max_rows) == entries(index.shared(texts_of(trained)))
    assert sorted(common, key=lambda run: (-run[1], run[0])) == index.common()
    assert len(holders) - len(common) == len(index)


@given(ROWS, ROWS, SIZES)
def test_equal_hashes_of_other_words_are_none(trained, evaluated, size):
    """Where every hash is the same, words alone decide: the answer is no other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "_mixed", lambda numbers: np.zeros(len(numbers), np.uint64))
        hits = index_of(evaluated, size).shared(texts_of(trained))

    assert expected(trained, evaluated, size) == entries(hits)


@given(ROWS, st.integers(0, 6), SIZES)
def test_an_index_can_be_put_together_of_pieces(evaluated, cut, size):
    """Vocabularies are joined, rows numbered on."""
    pieces = [Numbered.of(texts_of(part)) for part in (evaluated[:cut], evaluated[cut:])]
    joined = Numbered.joined(pieces, [0, pieces[0].num_rows])
    index = RunIndex.of(joined, size=size, max_rows=1_000)

    assert len(evaluated) == joined.num_rows
    assert expected(evaluated, evaluated, size) == entries(index.shared(texts_of(evaluated)))
