"""The names that an expression may use, and where they come from.

In: a row's fields, parameters, and what a template adds. Out: the type behind a name. A scope
reports nothing; it keeps the facts that a report about it needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from taskc.dsl.model.program import Param
from taskc.dsl.model.types import UNKNOWN, Type
from taskc.dsl.text.source_text import Span

__all__ = ["Refusal", "Scope"]


class Refusal(NamedTuple):
    """How a name is reported that does not stand here: code, message, label, helps."""

    code: str
    message: str
    label: str
    helps: tuple[str, ...]


@dataclass(slots=True)
class Scope:
    """What names mean in one place.

    Attributes:
        subject: What the expression belongs to, as a message says it: "template `ask`".
        fields: The row's fields.
        code: The code of the diagnostic about a name that is not known.
        is_open: No text says which fields there are: an unknown name is a field of unknown type.
        params: The package's parameters; None where the parameter itself is broken.
        imported: Alias -> parameters of the imported package.
        specials: Names that stand before the row's fields: `answer` and `options` of a template.
        origin: Where the fields are declared, with words for the report.
        noun: What an unknown name was meant to be.
        notes: Facts about where fields come from, for the report about a name that is not known.
        refused: Names that would stand here under another condition, and how to report them.
        silenced: Names that were refused once and are not reported again.
        is_shared: The expression is checked against several rows: what is true of this one may not
            be of others.
        is_before_wheres: No `where` of the source can help: it is evaluated later.
        inferred: Fields whose types say what the files hold today, not what an author declared.
        read: Fields that were read, filled by the typer.
        used_params: Parameters that were read, filled by the typer.
    """

    subject: str
    fields: Mapping[str, Type]
    code: str = "T0201"
    is_open: bool = False
    params: Mapping[str, Param | None] = field(default_factory=dict)
    imported: Mapping[str, Mapping[str, Param | None]] = field(default_factory=dict)
    specials: Mapping[str, Type] = field(default_factory=dict)
    origin: tuple[Span, str] | None = None
    noun: str = "field"
    notes: tuple[str, ...] = ()
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    silenced: set[str] = field(default_factory=set)
    is_shared: bool = False
    is_before_wheres: bool = False
    inferred: frozenset[str] = frozenset()
    read: set[str] = field(default_factory=set)
    used_params: set[str] = field(default_factory=set)

    def lookup(self, name: str) -> Type | None:
        """The type of a name; None where nothing has that name."""
        if name in self.specials:
            return self.specials[name]
        if name in self.fields:
            self.read.add(name)
            return self.fields[name]
        if name in self.params:
            self.used_params.add(name)
            param = self.params[name]
            return UNKNOWN if param is None else param.type
        if self.is_open and name not in self.refused:
            self.read.add(name)
            return UNKNOWN
        return None

    def param(self, name: str) -> Param | None:
        """The parameter behind a name, where it is one and nothing stands before it."""
        if name in self.specials or name in self.fields:
            return None
        return self.params.get(name)
