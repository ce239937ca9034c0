"""Lowering of types and expressions.

In: checked types and syntax nodes. Out: the plan's types and expressions, in which parameters are
constants and every `choose` has the name of its draw.
"""

from dataclasses import dataclass
from typing import assert_never

from taskc.compiler import plan
from taskc.dsl.errors import InternalError
from taskc.dsl.model import expressions as syntax
from taskc.dsl.model import program as checked
from taskc.dsl.model import types

__all__ = ["Scope", "lower_type"]


def lower_type(declared: types.Type) -> plan.ValueType:
    """The plan's form of a type."""
    match declared:
        case types.Text():
            return plan.ScalarType(type="text")
        case types.Int():
            return plan.ScalarType(type="int")
        case types.Float():
            return plan.ScalarType(type="float")
        case types.Bool():
            return plan.ScalarType(type="bool")
        case types.Unknown() | types.NoneType():
            return plan.ScalarType(type="any")
        case types.Choice(values):
            return plan.ChoiceType(values=values)
        case types.List(item):
            return plan.ListType(item=lower_type(item))
        case types.Record(fields):
            return plan.RecordType(fields={name: lower_type(field) for name, field in fields})
        case types.Optional(inner):
            return plan.OptionalType(inner=lower_type(inner))
        case types.Path() | types.Cluster():
            raise InternalError(f"a field cannot have the type {declared}")
        case _:
            assert_never(declared)


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean in one declaration.

    Attributes:
        package: The package that declares it; its parameters are in scope.
        fields: Names that stand before parameters: fields of the row, `let`s, `answer`, `options`.
    """

    package: checked.Package
    fields: frozenset[str]

    def expression(self, node: syntax.Expression, owner: str) -> plan.Expr:
        """Lowers one expression; `owner` names what it belongs to."""
        return Expressions(self, owner).lower(node)

    def optional(self, node: syntax.Expression | None, owner: str) -> plan.Expr | None:
        """Lowers an expression that may be absent."""
        return None if node is None else self.expression(node, owner)

    def text(self, text: syntax.Text, owner: str) -> plan.TemplateText:
        """Lowers a template text."""
        expressions = Expressions(self, owner)
        return plan.TemplateText(
            parts=tuple(
                part.text if isinstance(part, syntax.Piece) else expressions.lower(part.expression)
                for part in text.parts
            )
        )


@dataclass(slots=True)
class Expressions:
    """Lowers expressions: parameters become constants, a `choose` gets the name of its draw.

    Attributes:
        scope: What names mean.
        owner: What the expression belongs to; with a running number it names the draws in it.
        num_draws: Draws named so far.
        local: Variables of the comprehensions around.
    """

    scope: Scope
    owner: str
    num_draws: int = 0
    local: tuple[str, ...] = ()

    def lower(self, node: syntax.Expression) -> plan.Expr:
        """The plan's form of one expression."""
        match node:
            case syntax.Literal(value=value):
                return plan.Const(value=value)
            case syntax.Reference(name=name):
                return self._name(name)
            case syntax.Attribute():
                return self._attribute(node)
            case syntax.Index(base=base, index=index):
                return plan.GetItem(base=self.lower(base), index=self.lower(index))
            case syntax.Call():
                return self._call(node)
            case syntax.Unary(operator=operator, operand=operand):
                return plan.Unary.model_validate(
                    {"operator": operator, "operand": self.lower(operand)}
                )
            case syntax.Binary() | syntax.Compare():
                return plan.Binary.model_validate(
                    {
                        "operator": node.operator,
                        "left": self.lower(node.left),
                        "right": self.lower(node.right),
                    }
                )
            case syntax.Range(low=low, high=high):
                return plan.Range(low=self.lower(low), high=self.lower(high))
            case syntax.Conditional():
                return plan.Conditional(
                    then=self.lower(node.then),
                    test=self.lower(node.test),
                    otherwise=self.lower(node.otherwise),
                )
            case syntax.ListDisplay(items=items):
                return plan.ListDisplay(items=tuple(self.lower(item) for item in items))
            case syntax.DictDisplay(entries=entries):
                return plan.DictDisplay(
                    entries=tuple((key.text, self.lower(value)) for key, value in entries)
                )
            case syntax.Comprehension():
                return self._comprehension(node)
            case syntax.Missing():
                raise InternalError(f"an expression is missing at {node.span}")
            case _:
                assert_never(node)

    def _is_field(self, name: str) -> bool:
        return name in self.scope.fields or name in self.local

    def _name(self, name: str) -> plan.Expr:
        param = None if self._is_field(name) else self.scope.package.params.get(name)
        return plan.Name(name=name) if param is None else plan.Const(value=param.value)

    def _attribute(self, node: syntax.Attribute) -> plan.Expr:
        name = node.name.text
        match node.base:
            case syntax.Reference(name=alias) if not self._is_field(alias):
                imported = self.scope.package.imports.get(alias)
                if imported and name in imported.params:
                    return plan.Const(value=imported.params[name].value)
            case _:
                pass
        return plan.GetField(base=self.lower(node.base), name=name)

    def _call(self, node: syntax.Call) -> plan.Call:
        draw = ""
        if node.function.text == "choose":
            self.num_draws += 1
            draw = f"{self.owner}/{self.num_draws}"
        return plan.Call(
            function=node.function.text,
            args=tuple(self.lower(a.value) for a in node.arguments if a.name is None),
            named={a.name.text: self.lower(a.value) for a in node.arguments if a.name},
            draw=draw,
        )

    def _comprehension(self, node: syntax.Comprehension) -> plan.Comprehension:
        iterable = self.lower(node.iterable)
        outer, self.local = self.local, (*self.local, node.variable.text)
        lowered = plan.Comprehension(
            item=self.lower(node.item),
            variable=node.variable.text,
            iterable=iterable,
            condition=self.lower(node.condition) if node.condition else None,
        )
        self.local = outer
        return lowered
