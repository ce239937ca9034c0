"""Accounts: from what became of pairs of row and prompt to what became of rows.

In: pairs, in order of rows, and the fates of those that gave no example, whichever stage they met
it in and whichever build found it. Out: the rows that gave none at all, each with the drop that
goes to the ledger, and the prompts that an evaluated row went without.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple, assert_never

from taskc.compiler import plan
from taskc.compiler.examples import Drop
from taskc.compiler.places import error_at
from taskc.compiler.turns.turn import Fate
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["Accounts", "Clauses", "accounts", "notices"]


class Clauses:
    """The clauses that fates name, at today's places.

    Attributes:
        labels: "TEMPLATE.LABEL" of all prompts of all templates, in order.
    """

    def __init__(
        self, templates: Sequence[plan.Template], format_: plan.Format | None = None
    ) -> None:
        owned = [(template, prompt) for template in templates for prompt in template.prompts]
        self.labels = [f"{template.name}.{prompt.label}" for template, prompt in owned]
        self._owned = owned
        self._format = format_

    def drop(self, fate: Fate, prompt: int) -> Drop:
        """The fate of a pair as the ledger shows it."""
        return Drop(fate.stage, fate.reason, self._place(fate, prompt))

    def _place(self, fate: Fate, prompt: int) -> plan.Place:
        template, own = self._owned[prompt]
        match fate.clause:
            case "prompt":
                return own.at
            case "options":
                return template.options.at if template.options is not None else template.at
            case "format":
                return self._format.at if self._format is not None else template.at
            case _:
                assert_never(fate.clause)


class Accounts(NamedTuple):
    """What became of rows.

    Attributes:
        drops: Row -> why it gave no example.
        lost: Evaluation only: (label, drop) of prompts that gave none for a row that others fit.
    """

    drops: dict[int, Drop]
    lost: list[tuple[str, Drop]]


def accounts(
    rows: Sequence[int],
    prompts: Sequence[int],
    fates: Mapping[int, Fate],
    clauses: Clauses,
    *,
    evaluation: bool,
) -> Accounts:
    """Accounts for every row that has a pair.

    Args:
        rows: Of each pair, never falling.
        prompts: Of each pair.
        fates: Pair -> why it gave no example.
        clauses: Where they stand.
        evaluation: Whether a row has all prompts that apply; else it has one.
    """
    if not evaluation or not fates:
        drop_of = clauses.drop
        return Accounts(
            {rows[pair]: drop_of(fate, prompts[pair]) for pair, fate in fates.items()}, []
        )
    drops: dict[int, Drop] = {}
    unphrased: list[tuple[str, Drop]] = []
    unencoded: list[tuple[str, Drop]] = []
    for row, own in groupby(range(len(rows)), key=rows.__getitem__):
        pairs = list(own)
        found = [
            (clauses.labels[prompts[pair]], clauses.drop(fates[pair], prompts[pair]))
            for pair in pairs
            if pair in fates
        ]
        if not found:
            continue
        unsaid = [each for each in found if each[1].stage == "phrase"]
        said = [each for each in found if each[1].stage != "phrase"]
        if len(unsaid) == len(pairs):
            drops[row] = found[0][1]
            continue
        unphrased += unsaid
        if len(found) == len(pairs):
            drops[row] = said[0][1]
        else:
            unencoded += said
    return Accounts(drops, unphrased + unencoded)


def notices(source: plan.Source, split: str, lost: Sequence[tuple[str, Drop]]) -> list[Diagnostic]:
    """Prompts that some rows went without, although they have others: said once a prompt."""
    return [
        error_at(
            "T0836",
            drop.at,
            f"some rows of `{source.name}` are evaluated without `{label}`",
            label=drop.reason,
            notes=(f"split `{split}`",),
        )
        for label, drop in dict.fromkeys(lost)
    ]
