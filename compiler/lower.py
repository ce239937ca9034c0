"""Lowering: a checked program becomes plans, one a build.

In: the `Program` of the checker. Out: `plan.Plan`, in which parameters are replaced by their values, paths
are resolved, names are plain texts and every clause knows its place. Nothing is checked here: what the
checker let through can be lowered, and anything else is our own bug.
"""

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from taskc.compiler import plan
from taskc.dsl.errors import InternalError
from taskc.dsl.model import expressions as syntax
from taskc.dsl.model import program as checked
from taskc.dsl.model import types
from taskc.dsl.text.source_text import SourceText, Span

__all__ = ["lower"]

EDITION = 1


def lower(
    program: checked.Program, *, only: str | None = None, sample: int | None = None
) -> plan.Plan:
    """Lower every build of a program (or the one named `only`).

    Args:
        program: What the checker made of the specs.
        only: Name of the one build that is wanted.
        sample: At most so many input rows of each source and split.
    """
    builds = [
        _Lowering(program, package).build(build, sample)
        for package in program.packages
        for build in package.builds.values()
        if only is None or build.name == only
    ]
    return plan.Plan(builds=tuple(builds))


@dataclass(slots=True)
class _Lowering:
    """Lowers the declarations that one package's builds need."""

    program: checked.Program
    package: checked.Package

    # ---- the build -----------------------------------------------------------------------------

    def build(self, build: checked.Build, sample: int | None) -> plan.BuildPlan:
        """One build with all it needs."""
        mixture = build.mixture
        clusters = self._clusters()
        sources = _unique(
            [*mixture.sources, *(take.source for take in mixture.takes), *build.evaluated]
        )
        names = {id(source): name for source, name in _names(sources)}
        runs = [run for run in self.package.runs.values() if run.build in ("", build.name)]
        return plan.BuildPlan(
            name=build.name,
            package=self.package.name,
            edition=EDITION,
            params={param.name: param.value for param in self.package.params.values()},
            sources=tuple(
                self._source(source, names[id(source)], build.splits, clusters)
                for source in sources
            ),
            templates=tuple(self._template(template, names) for template in build.templates),
            mixture=self._mixture(mixture, names),
            tokenizer=self._tokenizer(build.tokenizer),
            format=self._format(build.format),
            pack=plan.Pack(length=build.pack.length, window=build.pack.window),
            splits=build.splits,
            evaluated=tuple(names[id(source)] for source in build.evaluated),
            runs=tuple(
                plan.RunSettings.model_validate(
                    {"kind": run.kind, "name": run.name, "settings": run.settings}
                )
                for run in runs
            ),
            sample=sample,
            at=self._place(build.span),
        )

    def _clusters(self) -> dict[int, tuple[str, ...]]:
        """Identity of a source -> names of the clusters that hold it, over all packages in reach."""
        found: dict[int, list[str]] = {}
        for package in self.program.packages:
            for cluster in package.clusters.values():
                for source in cluster.sources:
                    found.setdefault(id(source), []).append(cluster.name)
        return {key: tuple(names) for key, names in found.items()}

    # ---- sources -------------------------------------------------------------------------------

    def _source(
        self,
        source: checked.Source,
        name: str,
        wanted: tuple[str, ...],
        clusters: Mapping[int, tuple[str, ...]],
    ) -> plan.Source:
        """One source with the splits that the build wants and those that they are carved out of."""
        carved = [split for split in source.splits if split.carve]
        origins = {s.carve.origin for s in carved if s.carve and s.name in wanted}
        read = [
            s for s in source.splits if not s.carve and (s.name in wanted or s.name in origins)
        ]
        return plan.Source(
            name=name,
            clusters=clusters.get(id(source), ()),
            connector=self._connector(source, read),
            splits=tuple(split.name for split in read),
            carved=tuple(
                plan.CarvedSplit(
                    name=split.name, origin=split.carve.origin, count=split.carve.count
                )
                for split in carved
                if split.carve and split.carve.origin in {s.name for s in read}
            ),
            columns={
                column: _type(declared) for column, declared in (source.columns or {}).items()
            },
            reads=source.reads,
            row=None
            if source.is_open
            else {column: _type(declared) for column, declared in source.row.items()},
            lets=self._lets(source.lets),
            wheres=self._wheres(source.wheres),
            dedup=self._dedup(source.dedup),
            limit=source.limit,
            limit_at=self._place(source.limit_span) if source.limit_span else None,
            metric=source.metric,
            references=_Expressions(self._params(), "references").lower(source.references)
            if source.references
            else None,
            license=source.license,
            at=self._place(source.span),
        )

    def _connector(
        self, source: checked.Source, splits: Iterable[checked.Split]
    ) -> plan.Connector:
        """Where each split's files are."""
        connector = source.connector
        patterns = {}
        roots = {}
        for split in splits:
            pattern, root = self._path(connector.path, source.folder, split.file_name)
            patterns[split.name] = pattern
            roots[split.name] = root
        return plan.Connector.model_validate(
            {
                "kind": connector.kind,
                "patterns": patterns,
                "roots": roots,
                "options": connector.arguments,
                "at": self._place(connector.span),
            }
        )

    def _path(self, text: syntax.Text | None, folder: str, split: str) -> tuple[str, str]:
        """A path with its placeholders filled in, and the data root it starts from.

        A path parameter at the start brings its own root; otherwise the path starts at the folder of
        the file that declares it.
        """
        if text is None:
            return "", folder
        params = {param.name: param for param in self._all_params()}
        root = folder
        written = ""
        for part in text.parts:
            if isinstance(part, syntax.Piece):
                written += part.text
                continue
            if not isinstance(part.expression, syntax.Reference):
                raise InternalError(f"a path holds an expression at {part.span}")
            name = part.expression.name
            if name == "split":
                written += split
                continue
            value = str(params[name].value)
            if isinstance(params[name].type, types.Path) and not written:
                root = _join(params[name].base, value)
                value = root
            written += value
        started_with_root = root != folder or written.startswith("/")
        return (posixpath.normpath(written) if started_with_root else _join(folder, written)), root

    def _lets(self, lets: Iterable[checked.Let]) -> tuple[plan.Let, ...]:
        return tuple(
            plan.Let(
                name=let.name,
                value=_Expressions(self._params(), let.name).lower(let.value),
                at=self._place(let.span),
            )
            for let in lets
        )

    def _wheres(self, wheres: Iterable[checked.Where]) -> tuple[plan.Where, ...]:
        return tuple(
            plan.Where(
                condition=_Expressions(self._params(), f"where {index}").lower(where.condition),
                text=self._written(where.condition.span),
                at=self._place(where.span),
            )
            for index, where in enumerate(wheres, 1)
        )

    def _dedup(self, dedup: checked.Dedup | None) -> plan.Dedup | None:
        if dedup is None:
            return None
        key = _Expressions(self._params(), "dedup").lower(dedup.key)
        return plan.Dedup(key=key, near=dedup.near, at=self._place(dedup.span))

    # ---- templates -----------------------------------------------------------------------------

    def _template(
        self, template: checked.Template, names: Mapping[int, str]
    ) -> plan.Template:
        return plan.Template(
            name=template.name,
            sources=tuple(names[id(s)] for s in template.serves if id(s) in names),
            options=self._options(template),
            lets=self._lets(template.lets),
            wheres=self._wheres(template.wheres),
            prompts=tuple(self._prompt(prompt) for prompt in template.prompts),
            at=self._place(template.span),
        )

    def _options(
        self, template: checked.Template
    ) -> plan.ChoiceOptions | plan.RowOptions | None:
        options = template.options
        match options:
            case None:
                return None
            case checked.ChoiceOptions():
                return plan.ChoiceOptions.model_validate(
                    {
                        "field": options.field,
                        "surfaces": tuple(
                            (value, self._text(surface, "options"))
                            for value, surface in options.surfaces
                        ),
                        "style": options.style,
                        "shuffled": options.shuffled,
                        "at": self._place(options.span),
                    }
                )
            case checked.RowOptions():
                expressions = _Expressions(self._params(), "options")
                return plan.RowOptions.model_validate(
                    {
                        "surfaces": expressions.lower(options.surfaces),
                        "answer": expressions.lower(options.answer),
                        "style": options.style,
                        "shuffled": options.shuffled,
                        "at": self._place(options.span),
                    }
                )
            case _:
                assert_never(options)

    def _prompt(self, prompt: checked.Prompt) -> plan.Prompt:
        expressions = _Expressions(self._params(), prompt.label)
        return plan.Prompt.model_validate(
            {
                "label": prompt.label,
                "kind": prompt.kind,
                "when": expressions.lower(prompt.when) if prompt.when else None,
                "turns": tuple(
                    {
                        "role": turn.role,
                        "text": self._text(turn.text, f"{prompt.label}/{index}"),
                        "trained": turn.trained,
                    }
                    for index, turn in enumerate(prompt.turns)
                ),
                "messages": expressions.lower(prompt.messages) if prompt.messages else None,
                "at": self._place(prompt.span),
            }
        )

    def _text(self, text: syntax.Text, owner: str) -> plan.TemplateText:
        expressions = _Expressions(self._params(), owner)
        return plan.TemplateText(
            parts=tuple(
                part.text
                if isinstance(part, syntax.Piece)
                else expressions.lower(part.expression)
                for part in text.parts
            )
        )

    # ---- mixture, tokenizer, format ------------------------------------------------------------

    def _mixture(self, mixture: checked.Mixture, names: Mapping[int, str]) -> plan.Mixture:
        return plan.Mixture(
            name=mixture.name,
            sources=tuple(names[id(source)] for source in mixture.sources),
            takes=tuple(self._take(take, names) for take in mixture.takes),
            held_out=mixture.held_out,
            rate=_rate(mixture.rate),
            total=plan.Total.model_validate(
                {"count": mixture.total.count, "unit": mixture.total.unit}
            ),
            templates=mixture.templates,
            fewshot=mixture.fewshot,
            repeat=mixture.repeat,
            requires=tuple(
                plan.Require(
                    condition=_Expressions(self._params(), "require").lower(require.condition),
                    text=self._written(require.condition.span),
                    at=self._place(require.span),
                )
                for require in mixture.requires
            ),
            seed=mixture.seed,
            at=self._place(mixture.span),
        )

    def _take(self, take: checked.Take, names: Mapping[int, str]) -> plan.Take:
        expressions = _Expressions(self._params(), "take")
        return plan.Take.model_validate(
            {
                "source": names[id(take.source)],
                "count": take.count,
                "at_most": take.at_most,
                "by": take.by,
                "by_key": expressions.lower(take.by_key) if take.by_key else None,
                "by_tau": take.by_tau,
                "best": expressions.lower(take.best) if take.best else None,
                "at": self._place(take.span),
            }
        )

    def _tokenizer(self, tokenizer: checked.Tokenizer) -> plan.Tokenizer:
        return plan.Tokenizer.model_validate(
            {
                "name": tokenizer.name,
                "kind": tokenizer.kind,
                "path": self._path(tokenizer.path, tokenizer.folder, "")[0],
                "options": tokenizer.arguments,
                "eos": tokenizer.eos or "",
                "bos": tokenizer.bos or "",
                "pad": tokenizer.pad or "",
                "added": tokenizer.added,
                "places": {name: self._place(span) for name, span in tokenizer.spans.items()},
                "at": self._place(tokenizer.from_span),
            }
        )

    def _format(
        self, format_: checked.PromptTargetFormat | checked.ChatFormat
    ) -> plan.PromptTargetFormat | plan.ChatFormat:
        match format_:
            case checked.PromptTargetFormat():
                return plan.PromptTargetFormat.model_validate(
                    {
                        "input": format_.input,
                        "target": format_.target,
                        "separator": self._token(format_.separator),
                        "end": self._token(format_.end),
                        "bos": format_.bos,
                        "overflow": format_.overflow,
                        "seam": format_.seam,
                        "at": self._place(format_.span),
                    }
                )
            case checked.ChatFormat():
                return plan.ChatFormat.model_validate(
                    {
                        "end_of_turn": self._token(format_.end_of_turn),
                        "loss": format_.loss,
                        "bos": format_.bos,
                        "max": format_.max,
                        "overflow": format_.overflow,
                        "template": format_.template,
                        "at": self._place(format_.span),
                    }
                )
            case _:
                assert_never(format_)

    def _token(self, token: checked.TokenUse | None) -> plan.TokenUse | None:
        if token is None:
            return None
        return plan.TokenUse(
            name=token.name or "", literal=token.literal or "", at=self._place(token.span)
        )

    # ---- places and parameters -----------------------------------------------------------------

    def _place(self, span: Span) -> plan.Place:
        line, column = self._file(span).location(span.start)
        return plan.Place(
            path=span.path, start=span.start, end=span.end, line=line, column=column
        )

    def _written(self, span: Span) -> str:
        """The text of a span on one line."""
        return " ".join(self._file(span).text[span.start : span.end].split())

    def _file(self, span: Span) -> SourceText:
        return self.program.texts[span.path]

    def _all_params(self) -> list[checked.Param]:
        """Parameters of every package, this one's last so that its own win."""
        others = [package for package in self.program.packages if package is not self.package]
        return [
            param for package in [*others, self.package] for param in package.params.values()
        ]

    def _params(self) -> dict[str, checked.ParamValue]:
        return {param.name: param.value for param in self._all_params()}


def _unique(sources: Iterable[checked.Source]) -> list[checked.Source]:
    """Each source once, in order of first appearance."""
    return list({id(source): source for source in sources}.values())


def _names(sources: Iterable[checked.Source]) -> list[tuple[checked.Source, str]]:
    """A name of its own for each source: its declared one; with the folder where two agree."""
    named: dict[str, checked.Source] = {}
    for source in sources:
        name = source.name
        if name in named:
            name = f"{posixpath.basename(source.folder) or source.folder}.{source.name}"
        named[name] = source
    return [(source, name) for name, source in named.items()]


def _join(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path))


def _type(declared: types.Type) -> plan.ValueType:
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
            return plan.ListType(item=_type(item))
        case types.Record(fields):
            return plan.RecordType(fields={name: _type(field) for name, field in fields})
        case types.Optional(inner):
            return plan.OptionalType(inner=_type(inner))
        case types.Path() | types.Cluster():
            raise InternalError(f"a field cannot have the type {declared}")
        case _:
            assert_never(declared)


def _rate(
    rate: checked.Rate,
) -> plan.ProportionalRate | plan.TemperatureRate | plan.EqualRate | plan.SharesRate:
    match rate.kind:
        case "proportional":
            return plan.ProportionalRate(cap=rate.cap, limit=rate.limit)
        case "temperature":
            return plan.TemperatureRate(temperature=rate.temperature or 1.0, cap=rate.cap)
        case "equal":
            return plan.EqualRate()
        case "shares":
            return plan.SharesRate(shares=rate.shares)
        case other:
            raise InternalError(f"unknown rate {other}")


@dataclass(slots=True)
class _Expressions:
    """Lowers expressions: parameters become constants, a `choose` gets the name of its draw.

    Attributes:
        params: Values of the parameters by name; a field of the row never has a parameter's name.
        owner: What the expression belongs to; with a running number it names the draws in it.
    """

    params: dict[str, checked.ParamValue]
    owner: str
    num_draws: int = 0
    local: tuple[str, ...] = ()

    def lower(self, node: syntax.Expression) -> plan.Expr:
        """The plan's form of one expression."""
        match node:
            case syntax.Literal(value=value):
                return plan.Const(value=value)
            case syntax.Reference(name=name):
                if name in self.params and name not in self.local:
                    return plan.Const(value=self.params[name])
                return plan.Name(name=name)
            case syntax.Attribute(base=syntax.Reference(name="answer"), name=name) if (
                name.text == "text"
            ):
                return plan.Name(name="answer.text")
            case syntax.Attribute(base=base, name=name):
                return plan.GetField(base=self.lower(base), name=name.text)
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
