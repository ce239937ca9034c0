"""The choice of a prompt: `keys.rendezvous` for a whole chunk of rows.

In: the labels of all prompts that a chunk can draw. Out: for a row, which of those that apply it
draws; the same that `rendezvous` gives for the row by itself. Where all prompts apply, which is
the common case, the choice is one comparison of columns: 0.55 us a row and prompt, nearly all the
draws'.
"""

from collections.abc import Sequence

import numpy as np

from taskc.compiler.examples import Rows
from taskc.compiler.keys import Scope

__all__ = ["PromptChoice"]


class PromptChoice:
    """Draws of a chunk's rows for each of several prompts."""

    __slots__ = ("_columns", "_labels", "_of_all")

    def __init__(self, scope: Scope, rows: Rows, repetition: int, labels: Sequence[str]) -> None:
        """Draws for every row and label.

        Args:
            scope: The mixture's scope.
            rows: The chunk.
            repetition: How often the rows were delivered before.
            labels: "TEMPLATE.LABEL", all different.
        """
        self._labels = tuple(labels)
        self._columns = [
            scope.draws(rows.source, rows.ids, rows.ordinals, repetition, f"prompt/{label}")
            for label in (labels if len(labels) > 1 else ())
        ]
        self._of_all = self._largest_of_all() if self._columns else [0] * len(rows)

    def _largest_of_all(self) -> list[int]:
        # Of equals argmax gives the first and rendezvous the largest label: labels run downwards.
        order = sorted(range(len(self._labels)), key=self._labels.__getitem__, reverse=True)
        draws = np.array([self._columns[index] for index in order], np.uint64)
        return [order[position] for position in draws.argmax(axis=0).tolist()]

    def of(self, row: int, applying: Sequence[int]) -> int:
        """The index of the prompt that `row` draws among `applying`, at least one, in order."""
        if len(applying) == len(self._labels):
            return self._of_all[row]
        if len(applying) == 1:
            return applying[0]
        columns, labels = self._columns, self._labels
        return max(applying, key=lambda index: (columns[index][row], labels[index]))
