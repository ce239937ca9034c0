"""The type of an expression: names, fields, items, displays, conditions.

In: an expression and the scope that it stands in. Out: its type; what has none is reported once and
has the type `Unknown`, on which every rule stays silent. Operators are in `operators`, function
calls in `calls`, placeholders in `texts`. One visit of each node: O(nodes).
"""

import re
from collections.abc import Iterable
from typing import assert_never

from taskc.dsl.check.expressions import operators, values
from taskc.dsl.check.expressions.calls import check_call
from taskc.dsl.check.expressions.narrowing import known_values, path_of
from taskc.dsl.check.expressions.scopes import Scope
from taskc.dsl.diagnostics import Reporter, replacement
from taskc.dsl.model.expressions import (
    Attribute,
    Binary,
    Call,
    Compare,
    Comprehension,
    Conditional,
    DictDisplay,
    Expression,
    Index,
    ListDisplay,
    Literal,
    Missing,
    Range,
    Reference,
    Unary,
)
from taskc.dsl.model.functions import FUNCTIONS
from taskc.dsl.model.types import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    TEXT,
    UNKNOWN,
    Bool,
    Choice,
    Int,
    List,
    NoneType,
    Optional,
    Record,
    Text,
    Type,
    Unknown,
    join,
)
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import a_type, listed, quoted, suggestion

__all__ = ["Typer"]

_BRACES = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NO_FACTS: frozenset[str] = frozenset()


class Typer:
    """Finds types in one scope and reports what has none.

    Attributes:
        facts: Paths known not to be none where the typer stands.
        locals: Variables of the comprehensions around.
    """

    __slots__ = ("facts", "locals", "report", "scope")

    def __init__(self, scope: Scope, report: Reporter, facts: Iterable[str] = ()) -> None:
        self.scope = scope
        self.report = report
        self.facts = frozenset(facts)
        self.locals: dict[str, Type] = {}

    def infer(self, expression: Expression) -> Type:
        """The type of an expression."""
        match expression:
            case Reference():
                return self._reference(expression)
            case Literal():
                self._check_braces(expression)
                return literal_type(expression)
            case Attribute():
                return self._attribute(expression)
            case Call():
                return self._call(expression)
            case Compare():
                return self._compare(expression)
            case Binary():
                return self._binary(expression)
            case Index():
                return self._index(expression)
            case Unary():
                return self._unary(expression)
            case Conditional():
                return self._conditional(expression)
            case ListDisplay():
                return self._list(expression)
            case DictDisplay():
                return self._record(expression)
            case Comprehension():
                return self._comprehension(expression)
            case Range() | Missing():  # a range stands only after `in`, where `_compare` looks in
                return UNKNOWN
            case _:
                assert_never(expression)

    def value(self, expression: Expression) -> Type:
        """The type of an expression that must not be none; reports one that may be."""
        return self._present(expression, self.infer(expression))

    def _present(self, expression: Expression, found: Type) -> Type:
        """The type, if it cannot be none; reports it if it can."""
        if isinstance(found, Optional | NoneType):
            self.report_none(expression, found)
            return UNKNOWN
        return found

    def condition(self, expression: Expression, *, facts: frozenset[str] = _NO_FACTS) -> Type:
        """Checks that an expression is a bool, with more facts known."""
        found = self._with_facts(facts, expression)
        if not isinstance(found, Bool | Unknown):
            self.report.report(
                "T0206",
                expression.span,
                f"a condition must be true or false, not {a_type(found)}",
                label=f"this is {a_type(found)}",
                helps=_truth_helps(found, path_of(expression) or "..."),
            )
        return BOOL

    def report_none(self, expression: Expression, found: Type) -> None:
        """Reports a value that may be none where one is needed."""
        path = path_of(expression)
        if isinstance(found, NoneType):
            self.report.report(
                "T0205", expression.span, "`none` cannot be used as a value", label="this is none"
            )
            return
        name = f"`{path}`" if path else "this"
        self.report.report(
            "T0205",
            expression.span,
            f"{name} may be none here" if path else "a value that may be none is used here",
            label=f"its type is {found}",
            notes=("every `let` comes before every `where`",)
            if self.scope.is_before_wheres
            else (),
            helps=self._none_helps(path),
        )

    def _none_helps(self, path: str) -> tuple[str, ...]:
        if not path:
            return ("give it a name with `let`, and test the name: `x if x != none else ...`",)
        instead = f"say what stands in its place: `{path} if {path} != none else ...`"
        if self.scope.is_before_wheres:
            return (instead,)
        return instead, f"or keep only the rows that have one: `where {path} != none`"

    def _check_braces(self, literal: Literal) -> None:
        """`let title = "Q: {title}"` fills nothing in: only a template's text does."""
        if not isinstance(literal.value, str) or literal.raw or "{" not in literal.value:
            return
        known = [name for name in _BRACES.findall(literal.value) if name in self.scope.fields]
        if known:
            self.report.report(
                "T0234",
                literal.span,
                f"`{{{known[0]}}}` is not filled in here",
                label="stays as it is",
                notes=("placeholders stand in the texts of templates",),
                helps=(f'write `"..." + {known[0]}`, or move the words to a template',),
            )

    # ---- names -----------------------------------------------------------------------------------

    def _reference(self, expression: Reference) -> Type:
        name = expression.name
        found = self.locals.get(name)
        if found is None:
            found = self.scope.lookup(name)
        if found is None:
            self._report_unknown(name, expression.span)
            return UNKNOWN
        if name in self.facts and isinstance(found, Optional):
            return found.inner
        return found

    def _report_unknown(self, name: str, span: Span) -> None:
        scope = self.scope
        if name in scope.refused:
            self._report_refused(name, span)
            return
        if name in FUNCTIONS:
            self.report.report(
                "T0235",
                span,
                f"`{name}` is a function and needs its arguments",
                label="not a value",
                notes=tuple(f"`{usage}`" for usage in FUNCTIONS[name].usages),
                helps=(f"write `{name}(...)`",),
            )
            return
        helps, fix = suggestion(name, [*self.locals, *scope.fields, *scope.params], span)
        meant = self._literal_meant(name)
        if meant:
            helps, fix = (f"write `{meant}`",), replacement(span, meant)
        known = sorted(scope.fields) if scope.noun == "parameter" else list(scope.fields)
        notes = (f"{scope.noun}s: {listed(known)}",) if known else ()
        self.report.report(
            scope.code,
            span,
            f"unknown {scope.noun} `{name}` in {scope.subject}",
            label=f"not a {scope.noun} here",
            secondary=(scope.origin,) if scope.origin else (),
            notes=notes + scope.notes,
            helps=helps,
            fix=fix,
        )

    def _literal_meant(self, name: str) -> str:
        """The literal that a bare word was meant to be: `None`, a value of a choice."""
        if name in _WORDS_ELSEWHERE:
            return _WORDS_ELSEWHERE[name]
        types = self.scope.fields.values()
        if any(isinstance(type_, Choice) and name in type_.values for type_ in types):
            return quoted(name)
        return ""

    def _report_refused(self, name: str, span: Span) -> None:
        refusal = self.scope.refused[name]
        if name in self.scope.silenced:
            return
        # One cause: `{options}` and `{answer}` of every prompt lack the same block.
        self.scope.silenced.update(
            other for other, each in self.scope.refused.items() if each.code == refusal.code
        )
        self.report.report(
            refusal.code, span, refusal.message, label=refusal.label, helps=refusal.helps
        )

    def _attribute(self, expression: Attribute) -> Type:
        base = expression.base
        if isinstance(base, Reference) and base.name not in self.locals:
            special = self._special_attribute(base.name, expression)
            if special is not None:
                return special
        found = self.value(base)
        match found:
            case Unknown():
                return UNKNOWN
            case Record():
                return self._field(expression, found)
            case _:
                pass
        self._report_no_fields(expression, found)
        return UNKNOWN

    def _special_attribute(self, name: str, expression: Attribute) -> Type | None:
        """`answer.text` of a template, or a parameter of an imported package."""
        scope = self.scope
        dotted = f"{name}.{expression.name.text}"
        if dotted in scope.specials:
            return scope.specials[dotted]
        if dotted in scope.refused and name in scope.specials:
            self._report_refused(dotted, expression.span)
            return UNKNOWN
        if name in scope.fields or name in scope.specials or name not in scope.imported:
            return None
        params = scope.imported[name]
        if expression.name.text in params:
            param = params[expression.name.text]
            return UNKNOWN if param is None else param.type
        helps, fix = suggestion(expression.name.text, params, expression.name.span)
        self.report.report(
            "T0102",
            expression.name.span,
            f"unknown parameter `{dotted}`",
            label=f"not a parameter of package `{name}`",
            helps=helps,
            fix=fix,
        )
        return UNKNOWN

    def _field(self, expression: Attribute, record: Record) -> Type:
        fields = dict(record.fields)
        name = expression.name
        if name.text not in fields:
            helps, fix = suggestion(name.text, fields, name.span)
            self.report.report(
                "T0209",
                name.span,
                f"the record has no field `{name.text}`",
                label="not one of its fields",
                notes=(f"fields: {listed(fields)}",),
                helps=helps,
                fix=fix,
            )
            return UNKNOWN
        found = fields[name.text]
        if isinstance(found, Optional) and path_of(expression) in self.facts:
            return found.inner
        return found

    def _report_no_fields(self, expression: Attribute, found: Type) -> None:
        name = expression.name.text
        helps: tuple[str, ...] = ()
        if isinstance(found, List) and isinstance(found.item, Record):
            path = path_of(expression.base) or "..."
            helps = (f"the field of every item: `[item.{name} for item in {path}]`",)
        elif name in FUNCTIONS:
            inside = path_of(expression.base) or "..."
            helps = (f"functions stand before their arguments: `{name}({inside})`",)
        self.report.report(
            "T0210",
            expression.name.span,
            f"{a_type(found)} has no fields",
            label=f"`.{name}` asks for a field",
            secondary=((expression.base.span, f"this is {a_type(found)}"),),
            helps=helps,
        )

    # ---- items -----------------------------------------------------------------------------------

    def _index(self, expression: Index) -> Type:
        if isinstance(expression.base, DictDisplay):
            return self._lookup(expression, expression.base)
        base = self.value(expression.base)
        index = self.value(expression.index)
        if isinstance(base, Unknown):
            return UNKNOWN
        if not isinstance(base, List):
            self._report_not_indexable(expression, base)
            return UNKNOWN
        if not isinstance(index, Int | Unknown):
            self.report.report(
                "T0211",
                expression.index.span,
                f"a list is indexed by an int, not by {a_type(index)}",
                label=f"this is {a_type(index)}",
                helps=self._index_helps(expression, index),
            )
        else:
            values.check_position(expression, self.report)
        return base.item

    @staticmethod
    def _index_helps(expression: Index, index: Type) -> tuple[str, ...]:
        if isinstance(index, Text | Choice) and isinstance(expression.base, ListDisplay):
            return ("a list is by position; by name it is `{name: value}[key]`",)
        return ()

    def _report_not_indexable(self, expression: Index, base: Type) -> None:
        helps: tuple[str, ...] = ()
        if isinstance(base, Text | Choice):
            helps = ("the first characters of a text: `truncate_chars(text, n)`",)
        elif isinstance(base, Record):
            helps = ("a record's field is written `.name`",)
        self.report.report(
            "T0211",
            expression.base.span,
            f"{a_type(base)} has no items",
            label=f"this is {a_type(base)}, not a list",
            helps=helps,
        )

    def _lookup(self, expression: Index, table: DictDisplay) -> Type:
        """`{key: value}[key]`: every value of a choice must have its entry."""
        key = self.value(expression.index)
        values.check_keys(expression, table, key, self.report)
        found: Type | None = None
        for name, value in table.entries:
            type_ = self.infer(value)
            joined = type_ if found is None else join(found, type_)
            if joined is None:
                assert found is not None
                self._report_mixed("values of one table", value, type_, found, name.span)
                return UNKNOWN
            found = joined
        return UNKNOWN if found is None else found

    # ---- operators -------------------------------------------------------------------------------

    def _binary(self, expression: Binary) -> Type:
        operator = expression.operator
        if operator in ("and", "or"):
            self.condition(expression.left)
            known = known_values(expression.left, holds=operator == "and")
            self.condition(expression.right, facts=known)
            return BOOL
        left, right = self._sides(expression.left, expression.right)
        return operators.arithmetic(expression, left, right, self.report)

    def _sides(self, left: Expression, right: Expression) -> tuple[Type, Type]:
        """The values on both sides; where one has failed, nothing is said of the other."""
        before = len(self.report.diagnostics)
        found = self.infer(left), self.infer(right)
        if len(self.report.diagnostics) > before and UNKNOWN in found:
            return UNKNOWN, UNKNOWN
        return self._present(left, found[0]), self._present(right, found[1])

    def _unary(self, expression: Unary) -> Type:
        if expression.operator == "not":
            return self.condition(expression.operand)
        return operators.negate(expression, self.value(expression.operand), self.report)

    def _compare(self, expression: Compare) -> Type:
        if operators.is_none_test(expression):
            return self._none_test(expression)
        if isinstance(expression.right, Range):
            left = self.value(expression.left)
            bounds = self.value(expression.right.low), self.value(expression.right.high)
            operators.within(expression, left, bounds, self.report)
            return BOOL
        left, right = self._sides(expression.left, expression.right)
        operators.compare(expression, left, right, self.report)
        return BOOL

    def _none_test(self, expression: Compare) -> Type:
        """`x == none`, `x != none`: sensible only where `x` may be none."""
        right_is_none = isinstance(expression.right, Literal) and expression.right.value is None
        tested = expression.left if right_is_none else expression.right
        found = self.infer(tested)
        if not isinstance(found, Optional | Unknown) and not self.scope.is_shared:
            path = path_of(tested)
            always = "false" if expression.operator == "==" else "true"
            narrowed = path in self.facts
            self.report.report(
                "T0224",
                expression.span,
                f"{f'`{path}`' if path else 'this'} is never none here",
                label=f"always {always}",
                helps=()
                if narrowed or not path
                else (f"if rows may lack it, declare it as `{path}: {found}?`",),
            )
        return BOOL

    def _conditional(self, expression: Conditional) -> Type:
        self.condition(expression.test)
        then = self._with_facts(known_values(expression.test, holds=True), expression.then)
        otherwise = self._with_facts(
            known_values(expression.test, holds=False), expression.otherwise
        )
        joined = join(then, otherwise)
        if joined is None:
            self._report_mixed(
                "both branches", expression.otherwise, otherwise, then, expression.then.span
            )
            return UNKNOWN
        return joined

    def _with_facts(self, facts: frozenset[str], expression: Expression) -> Type:
        if not facts:
            return self.infer(expression)
        before = self.facts
        self.facts = before | facts
        try:
            return self.infer(expression)
        finally:
            self.facts = before

    # ---- displays --------------------------------------------------------------------------------

    def _list(self, expression: ListDisplay) -> Type:
        item: Type | None = None
        for value in expression.items:
            type_ = self.infer(value)
            joined = type_ if item is None else join(item, type_)
            if joined is None:
                assert item is not None
                first = expression.items[0].span
                self._report_mixed("items of one list", value, type_, item, first)
                return List(UNKNOWN)
            item = joined
        return List(UNKNOWN if item is None else item)

    def _report_mixed(
        self, what: str, expression: Expression, found: Type, before: Type, place: Span
    ) -> None:
        self.report.report(
            "T0218",
            expression.span,
            f"{what} must have one type: {a_type(before)} and {a_type(found)}",
            label=f"this is {a_type(found)}",
            secondary=((place, f"this is {a_type(before)}"),),
        )

    def _record(self, expression: DictDisplay) -> Type:
        values.check_repeated_keys(expression, self.report)
        return Record(tuple((name.text, self.infer(value)) for name, value in expression.entries))

    def _comprehension(self, expression: Comprehension) -> Type:
        iterable = self.value(expression.iterable)
        if not isinstance(iterable, List | Unknown):
            self.report.report(
                "T0231",
                expression.iterable.span,
                f"`for` goes through a list, not {a_type(iterable)}",
                label=f"this is {a_type(iterable)}",
                helps=("its words: `words(...)`",) if isinstance(iterable, Text) else (),
            )
        variable = expression.variable.text
        facts, outer = self.facts, self.locals
        self.locals = outer | {variable: iterable.item if isinstance(iterable, List) else UNKNOWN}
        # The variable hides a field of its name, and what is known about that field.
        self.facts = frozenset(path for path in facts if path.partition(".")[0] != variable)
        try:
            if expression.condition is not None:
                self.condition(expression.condition)
                self.facts |= known_values(expression.condition, holds=True)
            return List(self.infer(expression.item))
        finally:
            self.facts, self.locals = facts, outer

    # ---- calls -----------------------------------------------------------------------------------

    def _call(self, expression: Call) -> Type:
        types = [self.infer(argument.value) for argument in expression.arguments]
        function = FUNCTIONS.get(expression.function.text)
        if function is None:
            self._report_unknown_function(expression)
            return UNKNOWN
        return check_call(expression, function, types, self)

    def _report_unknown_function(self, expression: Call) -> None:
        name = expression.function
        helps, fix = suggestion(name.text, FUNCTIONS, name.span)
        known_elsewhere = _ELSEWHERE.get(name.text)
        if known_elsewhere is not None:
            helps, fix = (known_elsewhere,), None
        elif name.text in self.scope.fields:
            helps, fix = (f"`{name.text}` is a field: it takes no arguments",), None
        self.report.report(
            "T0202",
            name.span,
            f"unknown function `{name.text}`",
            label="not a function of the language",
            notes=() if helps else (f"functions: {listed(FUNCTIONS, most=40)}",),
            helps=helps,
            fix=fix,
        )


# Words of other languages, and the literals that they are here.
_WORDS_ELSEWHERE = {
    "True": "true",
    "False": "false",
    "None": "none",
    "null": "none",
    "nil": "none",
    "TRUE": "true",
    "FALSE": "false",
}

# What users of other languages try, and how it is said here.
_ELSEWHERE = {
    "str": "a placeholder writes a number by itself: `{score}`",
    "int": "numbers in a text are not read; declare the column as `int`",
    "float": "numbers in a text are not read; declare the column as `float`",
    "length": "`len(...)` counts characters or items",
    "count": "`len(...)` counts characters or items",
    "size": "`len(...)` counts characters or items",
    "trim": "`strip(...)` takes the whitespace off both ends",
    "concat": "texts and lists are joined by `+`",
    "contains": 'write `"part" in text`',
    "startswith": 'write `matches(text, r"^...")`',
    "endswith": 'write `matches(text, r"...$")`',
    "sorted": "`sort(...)` gives the list in ascending order",
    "random": "`choose(a, b)` picks one by a keyed hash of the row",
    "sample": "`choose(a, b)` picks one by a keyed hash of the row",
    "sum": "there is no sum over a list",
    "format": 'placeholders stand in template texts: `"{title}: {score}"`',
    "title": "`capitalize(...)` upper-cases the first character",
}


def literal_type(literal: Literal) -> Type:
    """The type of a literal."""
    match literal.value:
        case None:
            return NONE
        case bool():
            return BOOL
        case str():
            return TEXT
        case int():
            return INT
        case float():
            return FLOAT


def _truth_helps(found: Type, path: str) -> tuple[str, ...]:
    """What a user may have meant by a value in the place of a condition."""
    match found:
        case Text() | Choice():
            return (f"compare it: `{path} != {quoted('')}`",)
        case List():
            return (f"compare its length: `len({path}) > 0`",)
        case Optional():
            return (f"compare it with none: `{path} != none`",)
        case Int():
            return (f"compare it: `{path} != 0`",)
        case _:
            return ()
