"""Because: which of the changed components of a build can be why some examples differ.

In: the components that differ, and a group of examples that differ in one way. Out: the components
that can explain it, the nearest ones: those of its own prompt, else those of its source and
templates, else those of the mixture, the format and the tokenizer, else all that is left. What two
artefacts hold can't tell between several that are equally near, so all of these are named. Which
examples there are is decided by sources and mixture; prompts and lengths have a part in it only
where the ledgers differ in rows that fell by them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

__all__ = ["Kind", "Subject", "because", "follows"]

Kind = Literal[
    "came", "went", "moved", "prompt", "exemplars", "tokens", "trained", "answers", "order"
]

_SELECTING = {"from", "fields", "let", "splits", "dedup", "limit", "where"}
_SHAPING = {"from", "fields", "let"}
_PROMPTS = {"prompt", "inverse", "dialogue"}

_CHOOSING: set[Kind] = {"came", "went", "prompt", "exemplars"}

# What each kind of difference may come from: statements of the source, of its templates, of the
# mixture; and whether the format and the tokenizer can do it.
_SOURCE: dict[Kind, set[str]] = {
    "came": _SELECTING,
    "went": _SELECTING,
    "moved": _SELECTING,
    "prompt": _SHAPING,
    "exemplars": _SELECTING,
    "tokens": _SHAPING,
    "trained": _SHAPING,
    "answers": {*_SHAPING, "metric"},
    "order": set(),
}
_TEMPLATE: dict[Kind, set[str]] = {
    "came": {"sources", "let", "where", "options", *_PROMPTS},
    "went": {"sources", "let", "where", "options", *_PROMPTS},
    "moved": set(),
    "prompt": {"sources", "let", "where", *_PROMPTS},
    "exemplars": {"sources", "let", "where", "options", *_PROMPTS},
    "tokens": {"options", "let", *_PROMPTS},
    "trained": {*_PROMPTS},
    "answers": {"options", "let", *_PROMPTS},
    "order": set(),
}
_MIXING = {
    "sources",
    "blend",
    "takes",
    "held_out",
    "held_out_sources",
    "rate",
    "total",
    "templates",
    "fewshot",
    "repeat",
    "dedup",
    "decontaminate",
    "seed",
}
_MIXTURE: dict[Kind, set[str]] = {
    "came": _MIXING,
    "went": _MIXING,
    "moved": set(),
    "prompt": {"seed", "templates"},
    "exemplars": _MIXING - {"total", "repeat"},
    "tokens": {"seed", "templates", "fewshot"},
    "trained": {"templates", "fewshot"},
    "answers": {"seed"},
    "order": _MIXING,
}
_BUILD: dict[Kind, set[str]] = {
    "came": {"splits", "evaluated", "sample"},
    "went": {"splits", "evaluated", "sample"},
    "moved": {"splits", "evaluated", "sample"},
    "prompt": set(),
    "exemplars": {"sample"},
    "tokens": set(),
    "trained": set(),
    "answers": set(),
    "order": {"pack"},
}


class Subject(NamedTuple):
    """Examples that differ in one way.

    Attributes:
        kind: In which.
        source: Whose rows they are of.
        templates: Those that phrase rows of the source.
        prompts: "TEMPLATE.LABEL" of the prompts concerned, where they have some in common.
        has_fallen: Whether other rows of it fell while they were phrased and encoded.
    """

    kind: Kind
    source: str
    templates: Collection[str]
    prompts: Collection[str]
    has_fallen: bool = True

    @property
    def is_choice(self) -> bool:
        """Whether it is about which examples there are, and not about what is in them."""
        return self.kind in {"came", "went", "exemplars"}


@dataclass(frozen=True, slots=True)
class _Component:
    """The name of a component, taken apart: "source rte: let label" has the owner "rte"."""

    kind: str
    owner: str
    word: str
    rest: str

    @classmethod
    def of(cls, name: str) -> "_Component":
        if name.startswith("files of "):
            kind, _, owner = name.removeprefix("files of ").partition(" ")
            return cls(f"files of {kind}", owner.rpartition(", ")[0] or owner, "", "")
        head, _, part = name.partition(": ")
        kind, _, owner = head.partition(" ")
        word, _, rest = (part or owner).partition(" ")
        return cls(kind, owner, word, rest)


def because(changed: Mapping[str, str], subject: Subject) -> list[str]:
    """Returns the components that can be why: the nearest, in their order; [] where none can.

    Args:
        changed: The components that differ, and how: "changed", "new" or "gone".
        subject: What differs.
    """
    nearness = {
        name: _distance(_Component.of(name), subject)
        for name, what in changed.items()
        if not follows(name, what, changed)
    }
    found = [distance for distance in nearness.values() if distance is not None]
    return [name for name, distance in nearness.items() if found and distance == min(found)]


def follows(name: str, what: str, changed: Mapping[str, str]) -> bool:
    """Whether a component differs because another one does.

    A source that came or went did so with all its clauses and from its templates, because of the
    mixture or the build; files of a split came or went with the split; a blend is made of its rate,
    quotas and sources.
    """
    component = _Component.of(name)
    if component.kind == "mixture" and component.word == "blend":
        said = ("rate", "takes", "sources")
        return any(name.replace(": blend", f": {word}") in changed for word in said)
    if component.kind == "template" and component.word == "sources":
        return any(
            each.startswith("source ") and each.endswith(": from") and how != "changed"
            for each, how in changed.items()
        )
    if component.kind not in {"source", "files of source"}:
        return False
    source = f"source {component.owner}"
    if changed.get(f"{source}: from", "changed") != "changed":
        return True
    is_files = component.kind == "files of source" and what != "changed"
    return is_files and f"{source}: splits" in changed


def _distance(component: _Component, subject: Subject) -> int | None:
    """How far a component is from what differs; None: it has no part in it."""
    kind = subject.kind
    match component.kind:
        case "source":
            if component.word not in _SOURCE[kind]:
                return None
            return 1 if component.owner == subject.source else _of_others(kind)
        case "files of source":
            if kind not in {"came", "went", "moved", "exemplars"}:
                return None
            return 1 if component.owner == subject.source else _of_others(kind)
        case "template":
            return _of_template(component, subject)
        case "mixture":
            return (1 if subject.is_choice else 2) if component.word in _MIXTURE[kind] else None
        case "build":
            return (1 if subject.is_choice else 2) if component.word in _BUILD[kind] else None
        case "format" | "tokenizer" | "files of tokenizer":
            is_told = kind in {"came", "went"} and not subject.has_fallen
            if kind in {"moved", "prompt"} or is_told:
                return None
            return 1 if subject.is_choice else 2
        case "the":  # the compiler
            return 4
        case _:
            return None


def _of_others(kind: Kind) -> int | None:
    """Other sources change how much there is of one: a rate counts them, a holdout compares."""
    return 3 if kind in {"came", "went", "order"} else None


def _of_template(component: _Component, subject: Subject) -> int | None:
    if component.word not in _TEMPLATE[subject.kind]:
        return None
    if component.owner not in subject.templates:
        return None
    is_told = subject.is_choice and not subject.has_fallen and not subject.prompts
    if is_told and subject.kind != "exemplars":
        return None
    if component.word not in _PROMPTS:
        return 1
    name = f"{component.owner}.{component.rest}"
    if name in subject.prompts:
        return 0
    # A prompt explains what happens by another one only where rows choose between them.
    return 1 if subject.kind in _CHOOSING and not subject.prompts else None
