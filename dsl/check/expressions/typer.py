"""The type of an expression: names, fields, items, displays, conditions.

In: an expression and the scope that it stands in. Out: its type; what has none is reported once and
has the type `Unknown`, on which every rule stays silent. Operators are in `operators`, function
calls in `calls`, placeholders in `texts`. One visit of each node: O(nodes).
"""

import re
from collections.abc import Iterable
from typing import assert_never

from taskc.dsl.check.expressions import operators
from taskc.dsl.check.expressions.calls import type_of_call
from taskc.dsl.check.expressions.displays import (
    report_mixed,
    type_of_comprehension,
    type_of_index,
    type_of_list,
    type_of_record,
)
from taskc.dsl.check.expressions.names import type_of_attribute, type_of_reference
from taskc.dsl.check.expressions.narrowing import Known, known_values, path_of
from taskc.dsl.check.expressions.scopes import Scope
from taskc.dsl.diagnostics import Reporter
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
    Text,
    Type,
    Unknown,
    join,
)
from taskc.dsl.model.walk import names_read
from taskc.dsl.words import a_type, quoted

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
                return type_of_reference(expression, self)
            case Literal():
                self._check_braces(expression)
                return literal_type(expression)
            case Attribute():
                return type_of_attribute(expression, self)
            case Call():
                return self._call(expression)
            case Compare():
                return self._compare(expression)
            case Binary():
                return self._binary(expression)
            case Index():
                return type_of_index(expression, self)
            case Unary():
                return self._unary(expression)
            case Conditional():
                return self._conditional(expression)
            case ListDisplay():
                return type_of_list(expression, self)
            case DictDisplay():
                return type_of_record(expression, self)
            case Comprehension():
                return type_of_comprehension(expression, self)
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

    def condition(self, expression: Expression, *, facts: frozenset[str] = _NO_FACTS) -> Known:
        """Checks that an expression is a bool, with more facts known; returns what it says."""
        before = self.facts
        if facts:
            self.facts = before | facts
        try:
            match expression:
                case Binary(operator="and" | "or"):
                    return self._junction(expression)
                case Unary(operator="not", operand=operand):
                    return self.condition(operand).negated()
                case _:
                    self._check_truth(expression, self.infer(expression))
                    return known_values(expression)
        finally:
            self.facts = before

    def _junction(self, expression: Binary) -> Known:
        """Both sides of an `and` or `or`; the right one stands where the left one lets it."""
        left = self.condition(expression.left)
        if expression.operator == "and":
            return left.and_(self.condition(expression.right, facts=left.where_true))
        return left.or_(self.condition(expression.right, facts=left.where_false))

    def _check_truth(self, expression: Expression, found: Type) -> None:
        if not isinstance(found, Bool | Unknown):
            self.report.report(
                "T0206",
                expression.span,
                f"a condition must be true or false, not {a_type(found)}",
                label=f"this is {a_type(found)}",
                helps=_truth_helps(found, path_of(expression) or "..."),
            )

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

    # ---- operators -------------------------------------------------------------------------------

    def _binary(self, expression: Binary) -> Type:
        if expression.operator in ("and", "or"):
            self._junction(expression)
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
            self.condition(expression.operand)
            return BOOL
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
        if self._is_declared(tested) and not isinstance(found, Optional | Unknown):
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

    def _is_declared(self, tested: Expression) -> bool:
        """Whether an author said what the fields are, rather than the files of today."""
        inferred = self.scope.inferred  # names are looked for only where there are any
        return not self.scope.is_shared and not (inferred and inferred & names_read(tested))

    def _conditional(self, expression: Conditional) -> Type:
        known = self.condition(expression.test)
        then = self._with_facts(known.where_true, expression.then)
        otherwise = self._with_facts(known.where_false, expression.otherwise)
        joined = join(then, otherwise)
        if joined is None:
            place = expression.then.span
            report_mixed("both branches", (expression.otherwise, otherwise), (place, then), self)
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

    def _call(self, expression: Call) -> Type:
        types = [self.infer(argument.value) for argument in expression.arguments]
        return type_of_call(expression, types, self)


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
