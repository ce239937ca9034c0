"""Lowering: a checked program becomes plans, one a build.

In: the `Program` of the checker. Out: `plan.Plan`, in which parameters are replaced by their
values, paths are resolved, names are plain texts and every clause knows its place. Nothing is
checked here: what the checker let through can be lowered, and anything else is our own bug.
"""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from taskc.compiler import plan
from taskc.compiler.ablations import named, without_instructions
from taskc.compiler.lower_expressions import Scope, lower_type
from taskc.compiler.lower_inputs import InputLowering
from taskc.dsl.errors import InternalError
from taskc.dsl.model import program as checked
from taskc.dsl.text.source_text import Span

__all__ = ["lower", "lower_test"]

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


def lower_test(
    program: checked.Program, package: checked.Package, test: checked.Test
) -> tuple[plan.Source, plan.Template]:
    """Lower what a `test` block renders: its source, and the template with only its prompt.

    Args:
        program: What the checker made of the specs.
        package: The package that declares the test.
        test: The test.
    """
    return _Lowering(program, package).test(test)


@dataclass(slots=True)
class _Lowering(InputLowering):
    """Lowers the declarations that one package's builds need."""

    # ---- the build -----------------------------------------------------------------------------

    def build(self, build: checked.Build, sample: int | None) -> plan.BuildPlan:
        """One build with all it needs."""
        mixture = build.mixture
        clusters = self._clusters()
        sources = _unique(
            [
                *mixture.sources,
                *(take.source for take in mixture.takes),
                *build.evaluated,
                *mixture.held_out_sources,
            ]
        )
        names = {id(source): name for source, name in _names(sources)}
        runs = self._runs(build.name)
        return plan.BuildPlan(
            name=build.name,
            package=self.package.name,
            edition=EDITION,
            params={param.name: param.value for param in self.package.params.values()},
            sources=tuple(
                self._source(source, names[id(source)], _splits_read(build, source), clusters)
                for source in sources
            ),
            templates=self._templates(build, names),
            mixture=self._mixture(mixture, names),
            tokenizer=self.tokenizer(build.tokenizer),
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
            at=self.place(build.span),
        )

    def _clusters(self) -> dict[int, tuple[str, ...]]:
        """Identity of a source -> names of the clusters that hold it, in packages within reach."""
        found: dict[int, list[str]] = {}
        for package in self.reached():
            for cluster in package.clusters.values():
                for source in cluster.sources:
                    found.setdefault(id(source), []).append(cluster.name)
        return {key: tuple(names) for key, names in found.items()}

    def _runs(self, build: str) -> list[checked.Run]:
        """Train blocks over a build, and evaluate blocks over those or over a model by itself."""
        trains = [r for r in self.package.runs.values() if r.kind == "train" and r.build == build]
        names = {"", *(run.name for run in trains)}
        return trains + [
            run
            for run in self.package.runs.values()
            if run.kind == "evaluate" and run.build in names
        ]

    def test(self, test: checked.Test) -> tuple[plan.Source, plan.Template]:
        """The source and the one prompt of a test; no file is meant to be read."""
        *alias, name = test.template.split(".")
        owner = self.package.imports[alias[0]] if alias else self.package
        names = {id(test.source): test.source.name}
        template = self._template(owner.templates[name], names)
        prompts = tuple(prompt for prompt in template.prompts if prompt.label == test.label)
        return (
            self._source(test.source, test.source.name, (), self._clusters()),
            template.model_copy(update={"prompts": prompts}),
        )

    # ---- sources -------------------------------------------------------------------------------

    def _source(
        self,
        source: checked.Source,
        name: str,
        wanted: tuple[str, ...],
        clusters: Mapping[int, tuple[str, ...]],
    ) -> plan.Source:
        """One source with the splits that the build wants and those that they are carved out of."""
        scope = self._row_scope(source)
        carved = [split for split in source.splits if split.carve]
        origins = {s.carve.origin for s in carved if s.carve and s.name in wanted}
        read = [s for s in source.splits if not s.carve and (s.name in wanted or s.name in origins)]
        return plan.Source(
            name=name,
            clusters=clusters.get(id(source), ()),
            connector=self.connector(source, read),
            splits=tuple(split.name for split in read),
            carved=tuple(
                plan.CarvedSplit(
                    name=split.name,
                    origin=split.carve.origin,
                    count=split.carve.count,
                    at=self.place(split.span),
                )
                for split in carved
                if split.carve and split.carve.origin in {s.name for s in read}
            ),
            columns={
                column: lower_type(declared) for column, declared in (source.columns or {}).items()
            },
            reads=source.reads,
            row=None
            if source.is_open or source.inferred is not None
            else {column: lower_type(declared) for column, declared in source.row.items()},
            lets=self._lets(source.lets, scope),
            wheres=self._wheres(source.wheres, scope),
            dedup=self._dedup(source.dedup, scope),
            limit=source.limit,
            limit_at=self.place(source.limit_span) if source.limit_span else None,
            metric=source.metric,
            references=scope.optional(source.references, "references"),
            license=source.license,
            at=self.place(source.span),
            places={name: self.place(span) for name, span in source.field_spans.items()},
        )

    def _row_scope(self, source: checked.Source) -> Scope:
        """Names in a source's own clauses: raw columns, its fields and lets, then parameters."""
        fields = {*(source.columns or ()), *source.row, *(let.name for let in source.lets)}
        return Scope(self.package_of(source.span), frozenset(fields))

    def _lets(self, lets: Iterable[checked.Let], scope: Scope) -> tuple[plan.Let, ...]:
        return tuple(
            plan.Let(
                name=let.name,
                value=scope.expression(let.value, let.name),
                at=self.place(let.span),
            )
            for let in lets
        )

    def _wheres(self, wheres: Iterable[checked.Where], scope: Scope) -> tuple[plan.Where, ...]:
        return tuple(
            plan.Where(
                condition=scope.expression(where.condition, f"where {index}"),
                text=self._written(where.condition.span),
                at=self.place(where.span),
            )
            for index, where in enumerate(wheres, 1)
        )

    def _dedup(self, dedup: checked.Dedup | None, scope: Scope) -> plan.Dedup | None:
        if dedup is None:
            return None
        return plan.Dedup(
            key=scope.expression(dedup.key, "dedup"), near=dedup.near, at=self.place(dedup.span)
        )

    # ---- templates -----------------------------------------------------------------------------

    def _templates(
        self, build: checked.Build, names: Mapping[int, str]
    ) -> tuple[plan.Template, ...]:
        """The templates of a build, their instructions taken out where the mixture asks for it."""
        templates = tuple(self._template(template, names) for template in build.templates)
        match build.mixture.templates:
            case "none":
                return without_instructions(templates)
            case "name":
                served = [source for template in build.templates for source in template.serves]
                return named(
                    templates,
                    {names[id(s)]: self._named(s) for s in served if id(s) in names},
                )
            case _:
                return templates

    def _named(self, source: checked.Source) -> str:
        """What `templates name` writes before the inputs of a source: its cluster and its name."""
        clusters = (
            cluster
            for package in self.reached()
            for cluster in package.clusters.values()
            if any(each is source for each in cluster.sources)
        )
        cluster = next(clusters, None)
        words = [] if cluster is None else [cluster.doc or cluster.name]
        return f"[{': '.join([*words, source.doc or source.name])}] "

    def _template(self, template: checked.Template, names: Mapping[int, str]) -> plan.Template:
        fields = {field for source in template.serves for field in source.row}
        fields |= {let.name for let in template.lets} | {"answer", "options"}
        scope = Scope(self.package_of(template.span), frozenset(fields))
        return plan.Template(
            name=template.name,
            sources=tuple(names[id(s)] for s in template.serves if id(s) in names),
            options=self._options(template.options, scope),
            lets=self._lets(template.lets, scope),
            wheres=self._wheres(template.wheres, scope),
            prompts=tuple(self._prompt(prompt, scope) for prompt in template.prompts),
            at=self.place(template.span),
        )

    def _options(
        self, options: checked.ChoiceOptions | checked.RowOptions | None, scope: Scope
    ) -> plan.ChoiceOptions | plan.RowOptions | None:
        match options:
            case None:
                return None
            case checked.ChoiceOptions():
                return plan.ChoiceOptions.model_validate(
                    {
                        "field": options.field,
                        "surfaces": tuple(
                            (value, scope.text(surface, "options"))
                            for value, surface in options.surfaces
                        ),
                        "style": options.style,
                        "shuffled": options.shuffled,
                        "at": self.place(options.span),
                    }
                )
            case checked.RowOptions():
                return plan.RowOptions.model_validate(
                    {
                        "surfaces": scope.expression(options.surfaces, "options"),
                        "answer": scope.expression(options.answer, "answer"),
                        "style": options.style,
                        "shuffled": options.shuffled,
                        "at": self.place(options.span),
                    }
                )
            case _:
                assert_never(options)

    def _prompt(self, prompt: checked.Prompt, scope: Scope) -> plan.Prompt:
        return plan.Prompt.model_validate(
            {
                "label": prompt.label,
                "kind": prompt.kind,
                "when": scope.optional(prompt.when, "when"),
                "turns": tuple(
                    {
                        "role": turn.role,
                        "text": scope.text(turn.text, f"{prompt.label}/{index}"),
                        "trained": turn.trained,
                    }
                    for index, turn in enumerate(prompt.turns)
                ),
                "messages": scope.optional(prompt.messages, "messages"),
                "at": self.place(prompt.span),
            }
        )

    # ---- mixture, tokenizer, format ------------------------------------------------------------

    def _mixture(self, mixture: checked.Mixture, names: Mapping[int, str]) -> plan.Mixture:
        scope = Scope(self.package_of(mixture.span), frozenset())
        everything = [*mixture.sources, *(take.source for take in mixture.takes)]
        trained = {id(source) for source in everything}
        return plan.Mixture(
            name=mixture.name,
            sources=tuple(names[id(source)] for source in mixture.sources),
            blend=self._blend(mixture, names, {source.name for source in everything}),
            takes=tuple(self._take(take, names) for take in mixture.takes),
            held_out=mixture.held_out,
            held_out_sources=tuple(names[id(source)] for source in mixture.held_out_sources),
            rate=_rate(mixture.rate),
            total=plan.Total.model_validate(
                {"count": mixture.total.count, "unit": mixture.total.unit}
            ),
            templates=mixture.templates,
            fewshot=mixture.fewshot,
            repeat=mixture.repeat,
            dedup=tuple(
                plan.MixtureDedup(
                    sources=tuple(
                        names[id(source)]
                        for source in _listed_sources(own)
                        if id(source) in trained and _has_any(source, clause.fields)
                    ),
                    fields=clause.fields,
                    near=clause.near,
                    at=self.place(clause.span),
                )
                for own in _with_nested(mixture)
                for clause in own.dedup
            ),
            decontaminate=tuple(
                plan.Decontaminate.model_validate(
                    {
                        "sources": tuple(
                            names[id(source)]
                            for source in _sources_of(own)
                            if id(source) in trained
                        ),
                        "fields": clause.fields,
                        "splits": clause.splits,
                        "method": clause.method,
                        "value": clause.value,
                        "max_rows": clause.max_rows,
                        "at": self.place(clause.span),
                    }
                )
                for own in _with_nested(mixture)
                for clause in own.decontaminate
            ),
            requires=tuple(
                plan.Require(
                    condition=scope.expression(require.condition, "require"),
                    text=self._written(require.condition.span),
                    at=self.place(require.span),
                )
                for require in mixture.requires
            ),
            seed=mixture.seed,
            at=self.place(mixture.span),
            places={keyword: self.place(span) for keyword, span in mixture.spans.items()},
        )

    def _blend(
        self, mixture: checked.Mixture, names: Mapping[int, str], left: set[str]
    ) -> plan.Blend:
        """How much there is of each source; a source counts where it stands first.

        Args:
            mixture: The mixture, or one inside it.
            names: Identity of a source -> its name in the plan.
            left: Declared names of the sources that are selected and not yet counted; names that
                are counted here are taken out.
        """
        planned = {source.name: names[id(source)] for source in mixture.sources}
        takes = tuple(self._take(take, names) for take in mixture.takes if take.source.name in left)
        left -= {take.source.name for take in mixture.takes}
        members: list[tuple[str, list[str], plan.Blend | None]] = []
        for name, brought in mixture.members.items():
            inner = mixture.nested.get(name)
            mine = [source for source in brought if source in left]
            if inner is not None and _is_weighted(inner):
                still_left = set(mine)
                blend = self._blend(inner, names, still_left)
                mine = [source for source in mine if source not in still_left]
                members.append((name, mine, blend))
            else:
                members.append((name, mine, None))
            left -= set(mine)
        return plan.Blend(
            rate=_rate(mixture.rate),
            members=tuple(
                plan.Member(name=name, sources=tuple(planned[each] for each in mine), blend=blend)
                for name, mine, blend in members
                if mine
            ),
            takes=takes,
        )

    def _take(self, take: checked.Take, names: Mapping[int, str]) -> plan.Take:
        scope = self._row_scope(take.source)
        return plan.Take.model_validate(
            {
                "source": names[id(take.source)],
                "text": self._written(take.source_span),
                "count": take.count,
                "at_most": take.at_most,
                "by": take.by,
                "by_keys": tuple(
                    scope.expression(key, f"by {number}")
                    for number, key in enumerate(take.by_keys, 1)
                ),
                "by_tau": take.by_tau,
                "best": scope.optional(take.best, "best"),
                "at": self.place(take.span),
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
                        "at": self.place(format_.span),
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
                        "date": format_.date,
                        "at": self.place(format_.span),
                    }
                )
            case _:
                assert_never(format_)

    def _token(self, token: checked.TokenUse | None) -> plan.TokenUse | None:
        if token is None:
            return None
        return plan.TokenUse(
            name=token.name or "", literal=token.literal or "", at=self.place(token.span)
        )

    # ---- places and parameters -----------------------------------------------------------------

    def _written(self, span: Span) -> str:
        """The text of a span on one line."""
        return " ".join(self.file(span).text[span.start : span.end].split())


def _splits_read(build: checked.Build, source: checked.Source) -> tuple[str, ...]:
    """The splits of a source that a build reads: of one that is held out, all that it has.

    Exemplars of an evaluation set come from the training split; and what is decontaminated is
    compared with splits that need not be delivered.
    """
    mixture = build.mixture
    wanted = list(build.splits)
    if all(source is not each for each in mixture.held_out_sources):
        wanted += ["train"] if mixture.fewshot[1] else []
        wanted += [
            split
            for own in _with_nested(mixture)
            for clause in own.decontaminate
            for split in clause.splits
        ]
    else:
        wanted += [split.name for split in source.splits]
    return tuple(dict.fromkeys(wanted))


def _with_nested(mixture: checked.Mixture) -> Iterator[checked.Mixture]:
    """Yields a mixture and those inside it: the clauses of each hold for its own sources."""
    yield mixture
    for inner in mixture.nested.values():
        yield from _with_nested(inner)


def _sources_of(mixture: checked.Mixture) -> list[checked.Source]:
    return _unique([*mixture.sources, *(take.source for take in mixture.takes)])


def _listed_sources(mixture: checked.Mixture) -> list[checked.Source]:
    """The sources of a mixture as it lists them: names of `from` and of each `take`, as written.

    A name stands for its sources in their order: those of a cluster as the cluster lists them,
    those of a mixture as that one does. A source that is listed twice stands where it comes first.
    """
    named = {source.name: source for source in _sources_of(mixture)}
    start = mixture.spans["from"].start if "from" in mixture.spans else 0
    groups = [(take.span.start, [take.source]) for take in mixture.takes]
    for name, brought in mixture.members.items():
        own = [named[each] for each in brought if each in named]
        inner = mixture.nested.get(name)
        if inner is not None:
            place = {id(source): index for index, source in enumerate(_listed_sources(inner))}
            own.sort(key=lambda source: place[id(source)])
        groups.append((start, own))
    groups.sort(key=lambda group: group[0])  # stable: names of one `from` stay as written
    return _unique(source for _, own in [*groups, (0, named.values())] for source in own)


def _has_any(source: checked.Source, fields: tuple[str, ...]) -> bool:
    """Whether rows of a source have one of the fields, or may have it."""
    return source.is_open or any(field in source.row for field in fields)


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


def _is_weighted(mixture: checked.Mixture) -> bool:
    """Whether a mixture says itself how much there is of each of its sources."""
    is_rated = mixture.rate.span is not None
    return bool(mixture.takes) or is_rated or any(map(_is_weighted, mixture.nested.values()))


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
