"""Hits: what the store keeps of a range."""

import numpy as np

from taskc.compiler.decontamination.hits import Hits, lines_of, opened

IDS = np.arange(48, dtype=np.uint8).reshape(3, 16)
LINES = np.array([4, 7, 9], np.uint32)


def test_hits_come_back_with_the_places_of_their_rows():
    """A row that has several entries is one row."""
    hits = Hits([0, 2, 2], [1, 0, 1], ["a b", "c d", "e f g"], [2, 2, 3], [0.0] * 3, [5, 6, 5])
    table = opened(hits.to_bytes(LINES, IDS, ("question", "answer")))

    assert [4, 9, 9] == table["line"].to_pylist()
    assert [IDS[0].tobytes(), IDS[2].tobytes(), IDS[2].tobytes()] == table["row_id"].to_pylist()
    assert ["answer", "question", "answer"] == table["field"].to_pylist()
    assert ["a b", "c d", "e f g"] == table["words"].to_pylist()
    assert [5, 6, 5] == table["evaluated"].to_pylist()
    assert [4, 9] == lines_of(table).tolist()


def test_no_hits_are_a_table_too():
    """That nothing was found is worth keeping."""
    assert [] == lines_of(opened(Hits().to_bytes(LINES, IDS, ("question",)))).tolist()


def test_entries_of_later_rows_are_added():
    """All columns grow together."""
    hits = Hits([0], [0], ["a"], [1], [0.5], [1])
    hits.add(Hits([1], [1], ["b"], [1], [0.0], [2]))

    assert 2 == len(hits)
    assert ([0, 1], ["a", "b"], [0.5, 0.0]) == (hits.row, hits.words, hits.similarity)
