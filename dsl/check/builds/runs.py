"""Runs: `train` and `evaluate` blocks, and their settings.

In: blocks. Out: settings with every parameter's value, as they go into run.json: those that are
written, and no defaults of recipes, so that a run can say whose number each is. What a recipe does
with its numbers is the runtime's business; here names, kinds and ranges are checked.
"""

from taskc.dsl.check.expressions.constants import Outcome
from taskc.dsl.check.forms import Bound, FormReader, usage
from taskc.dsl.check.names import resolve, resolve_own
from taskc.dsl.check.sources.connectors import check_path_text
from taskc.dsl.check.sources.files import fill
from taskc.dsl.check.statements import Statements
from taskc.dsl.check.units import Declared, Unit, marking
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import (
    Call,
    DictDisplay,
    Expression,
    ListDisplay,
    Literal,
    Name,
    QualifiedName,
    Reference,
)
from taskc.dsl.model.forms import METHODS, Form, Kind
from taskc.dsl.model.recipes import INNER, MODELS, RECIPES
from taskc.dsl.model.types import Cluster, Optional
from taskc.dsl.words import a_type, either, listed

__all__ = ["check_runs"]


def check_runs(unit: Unit, report: Reporter) -> None:
    """Fills the package's runs with those that hold."""
    for kind in ("train", "evaluate"):
        for declared, block in unit.blocks(kind):
            with marking(declared, report):
                statements = Statements(block, report)
                declared.is_broken |= statements.has_broken
                checker = _RunChecker(statements, declared, unit, report)
                run = checker.train() if kind == "train" else checker.evaluate()
            if not declared.is_broken:
                unit.package.runs[run_key(kind, block.name.text)] = run


def run_key(kind: str, name: str) -> str:
    """The key of a run: `train` and `evaluate` have namespaces of their own."""
    return f"{kind} {name}"


class _RunChecker:
    """Reads one run."""

    def __init__(
        self, statements: Statements, declared: Declared, unit: Unit, report: Reporter
    ) -> None:
        self.statements = statements
        self.declared = declared
        self.unit = unit
        self.report = report
        self.reader = FormReader(unit, report)
        self.settings: dict[str, object] = {}

    def train(self) -> program.Run:
        """A `train` block."""
        build = self._named("data", "build")
        self._model()
        recipe = self.statements.keyed(ast.Setting, "recipe")
        if recipe is not None:
            self.settings["recipe"] = self._recipe(recipe)
        seed = self.statements.one(ast.Seed)
        if seed is not None:
            found = self.reader.scalar(Kind.WHOLE, seed.value, "`seed`")
            self.settings["seed"] = 0 if isinstance(found, Outcome) else found
        else:
            self.settings["seed"] = 0
        return self._run("train", build)

    def evaluate(self) -> program.Run:
        """An `evaluate` block."""
        run = self._named("run", "train")
        self._model()
        method = self.statements.keyed(ast.Setting, "method")
        if method is not None:
            self.settings["method"] = self._form(method, METHODS, "method")
        splits = self.statements.one(ast.Splits)
        names = ["test"] if splits is None else [item.name.text for item in splits.items]
        self.settings["splits"] = names
        self.settings["clusters"] = self._clusters()
        if run and "model" in self.settings:
            model = self.statements.keyed(ast.Setting, "model")
            assert model is not None
            self.report.report(
                "T0611",
                model.span,
                "a run brings its model",
                label="a second model",
                helps=("leave out `run` or `model`",),
            )
        return self._run("evaluate", run)

    def _run(self, kind: str, build: str) -> program.Run:
        block = self.statements.block
        return program.Run(
            kind, block.name.text, build, self.settings, block.name.span, self.unit.folder.path
        )

    def _named(self, keyword: str, kind: str) -> str:
        """The build behind `data`, or the train block behind `run`."""
        node = self.statements.keyed(ast.Use, keyword)
        if node is None:
            return ""
        found = resolve_own(node.name, self.unit, kind, self.report)
        if found is None:
            self.declared.is_broken = True
            return ""
        self.declared.is_broken |= found[1].is_broken
        return node.name.text

    def _model(self) -> None:
        node = self.statements.keyed(ast.Setting, "model")
        if node is None:
            return
        if node.text is not None:
            if check_path_text(node.text, self.unit, self.report, with_split=False):
                self.settings["model"] = fill(node.text, self.unit, split="")
            return
        if isinstance(node.value, Call):
            if self.reader.read(node.value, MODELS, "model", "T0612") is not None:
                self.settings["model"] = self._call(node.value)
            return
        found = self.reader.scalar(Kind.TEXT, node.value, "`model`")
        if not isinstance(found, Outcome):
            self.settings["model"] = found

    def _clusters(self) -> list[str]:
        """Clusters by name; a parameter stands for the one it names."""
        node = self.statements.keyed(ast.Names, "clusters")
        found: list[str] = []
        for name in node.names if node else ():
            param = self.unit.params.get(name.text)
            if name.text in self.unit.params:
                self.unit.used_params.add(name.text)
                if param is not None and self._is_cluster(param, name):
                    found += [] if param.value is None else [str(param.value)]
                continue
            if resolve(name, self.unit, ("cluster",), self.report) is None:
                self.declared.is_broken = True
            found.append(name.text)
        return found

    def _is_cluster(self, param: program.Param, name: QualifiedName) -> bool:
        inner = param.type.inner if isinstance(param.type, Optional) else param.type
        if isinstance(inner, Cluster):
            return True
        self.report.report(
            "T0103",
            name.span,
            f"`{param.name}` is {a_type(param.type)}, not a cluster",
            label="a cluster stands here",
            secondary=((param.span, "the parameter is declared here"),),
        )
        return False

    # ---- settings --------------------------------------------------------------------------------

    def _recipe(self, node: ast.Setting) -> object:
        """Name and arguments as written."""
        bound = self._bound(node.value, RECIPES, "recipe")
        if bound is None:
            return None
        settings: dict[str, object] = {n: bound.values[n] for n in bound.spans if n in bound.values}
        for name, value in bound.rows.items():
            inner = self._bound(value, INNER[name], name)
            if inner is None:
                return None
            settings[name] = self._setting(value)
        if bound.form.name == "sft" and not (settings.get("epochs") or settings.get("steps")):
            self.report.report(
                "T0116",
                bound.span,
                "`sft` is missing `epochs` or `steps`",
                label="does not say how long",
                helps=("add `epochs: ...` or `steps: ...`, a whole number above 0",),
            )
        return bound.form.name, settings

    def _form(self, node: ast.Setting, table: dict[str, Form], noun: str) -> object:
        """Name and arguments, defaults included."""
        bound = self._bound(node.value, table, noun)
        if bound is None:
            return None
        settings: dict[str, object] = dict(bound.values)
        settings |= {name: self._setting(each) for name, each in bound.extra.items()}
        return bound.form.name, settings

    def _bound(self, value: Expression, table: dict[str, Form], noun: str) -> Bound | None:
        """A form with its arguments, or None where a mistake was reported."""
        if isinstance(value, Reference):
            value = Call(Name(value.name, value.span), (), value.span)
        if isinstance(value, Call):
            return self.reader.read(value, table, noun, "T0612")
        self.report.report(
            "T0612",
            value.span,
            f"`{noun}` takes {'one of ' * (len(table) > 1)}{either(table)}",
            label=f"not a {noun}",
            notes=(f"known: {listed(map(usage, table.values()))}",),
        )
        return None

    def _setting(self, value: Expression) -> object:
        """A number, text, word, list or inner call, as run.json holds it."""
        match value:
            case Call():
                return self._call(value)
            case ListDisplay(items=items):
                return [self._setting(item) for item in items]
            case DictDisplay(entries=entries):
                return {name.text: self._setting(each) for name, each in entries}
            case Reference(name=name) if name not in self.unit.params:
                return name
            case Literal(value=plain):
                return plain
            case _:
                pass
        found = self.reader.scalar(Kind.SETTING, value, "a setting")
        return None if isinstance(found, Outcome) else found

    def _call(self, call: Call) -> tuple[str, dict[str, object]]:
        arguments: dict[str, object] = {}
        position = 0
        for argument in call.arguments:
            if argument.name is None:
                arguments[str(position)] = self._setting(argument.value)
                position += 1
            else:
                arguments[argument.name.text] = self._setting(argument.value)
        return call.function.text, arguments
