"""Names: what is declared, and what a name in another place means.

In: the declarations of a package. Out: tables of names, and for each use the declaration behind it,
also in an imported package. `schema source cluster mixture tokenizer param` share one namespace;
`template test build train evaluate` have one each.
"""

from collections.abc import Iterable

from taskc.dsl.check.units import SHARED_KINDS, Declared, Unit
from taskc.dsl.diagnostics import Fix, Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model.expressions import Attribute, Expression, Name, QualifiedName, Reference
from taskc.dsl.spelling import did_you_mean
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import listed, one_of, suggestion

__all__ = ["as_qualified", "collect", "resolve", "resolve_own"]

_MAX_PARTS = 2  # `package.name`


# ---- declarations --------------------------------------------------------------------------------


def collect(unit: Unit, report: Reporter) -> None:
    """Fills the unit's tables of names; reports a name that is declared twice, with both places."""
    for file in unit.folder.files:
        for node in file.declarations:
            match node:
                case ast.Param(name=name):
                    _declare(unit, "param", name, node, report)
                case ast.Schema(name=name):
                    _declare(unit, "schema", name, node, report)
                case ast.Block(kind=kind, name=name):
                    _declare(unit, kind, name, node, report)
                case _:
                    pass
    for alias, node in unit.folder.aliases.items():
        clash = unit.shared.get(alias)
        if clash is not None:
            _report_alias(alias, node, clash, report)


def _declare(
    unit: Unit, kind: str, name: Name, node: ast.Block | ast.Param | ast.Schema, report: Reporter
) -> None:
    if not name.text:  # its syntax is already reported
        return
    table = unit.shared if kind in SHARED_KINDS else unit.own.setdefault(kind, {})
    before = table.get(name.text)
    if before is None:
        table[name.text] = Declared(kind, name, node)
        return
    # Which of the two was meant is not known, so nothing is built from either.
    before.is_broken = True
    message = f"{kind} `{name.text}` is declared twice"
    notes: tuple[str, ...] = ()
    if before.kind != kind:
        message = f"`{name.text}` is declared as a {before.kind} and as a {kind}"
        notes = (f"these share their names: {', '.join(_SHARED)}",)
    report.report(
        "T0101",
        name.span,
        message,
        label="again here",
        secondary=((before.name.span, "first here"),),
        notes=notes,
        helps=("rename one of them",),
    )


_SHARED = ("schema", "source", "cluster", "mixture", "tokenizer", "param")


def _report_alias(alias: str, node: ast.Import, clash: Declared, report: Reporter) -> None:
    report.report(
        "T0105",
        node.alias.span if node.alias else node.path_span,
        f"the import `{alias}` has the name of a {clash.kind}",
        label="imported here",
        secondary=((clash.name.span, f"the {clash.kind}"),),
        helps=("give the import another name: `import ... as name`",),
    )


# ---- uses ----------------------------------------------------------------------------------------


def as_qualified(expression: Expression) -> QualifiedName | None:
    """A name that the parser read as an expression: `nli`, `common.nli`."""
    match expression:
        case Reference(name=name, span=span):
            return QualifiedName((Name(name, span),), span)
        case Attribute(base=Reference(name=alias, span=place), name=name, span=span):
            return QualifiedName((Name(alias, place), name), span)
        case _:
            return None


def resolve(
    name: QualifiedName, unit: Unit, kinds: Iterable[str], report: Reporter
) -> tuple[Unit, Declared] | None:
    """The declaration in the shared namespace that a name means; None where it was reported.

    Args:
        name: As written, with or without a package.
        unit: The package that it is written in.
        kinds: What may stand here, the usual one first.
        report: Takes a name that is not known, and one of another kind.
    """
    wanted = list(kinds)
    found = _find(name, unit, report)
    if found is None:
        return None
    home, last = found
    declared = home.shared.get(last.text)
    if declared is None:
        _report_unknown(name, last, home, wanted, report)
        return None
    declared.is_used = True
    if declared.kind not in wanted:
        _report_kind(name, declared, wanted, report)
        return None
    return home, declared


def resolve_own(
    name: QualifiedName, unit: Unit, kind: str, report: Reporter
) -> tuple[Unit, Declared] | None:
    """The template, build or run that a name means."""
    found = _find(name, unit, report)
    if found is None:
        return None
    home, last = found
    table = home.own.get(kind, {})
    declared = table.get(last.text)
    if declared is None:
        if not home.is_lossy:
            helps, fix = suggestion(last.text, table, last.span)
            what = kind if kind in ("template", "build") else f"{kind} block"
            _report_name(name, [what], table, (helps, fix), report)
        return None
    declared.is_used = True
    return home, declared


def _find(name: QualifiedName, unit: Unit, report: Reporter) -> tuple[Unit, Name] | None:
    """The package and the last part of a name."""
    if len(name.parts) == 1:
        return unit, name.parts[0]
    if len(name.parts) > _MAX_PARTS:
        report.report(
            "T0104",
            name.span,
            f"`{name.text}` has too many parts",
            label="a name is `name` or `package.name`",
            helps=(f"files of a package share their names: `{_without_file(name)}`",),
        )
        return None
    alias, last = name.parts
    if alias.text not in unit.folder.imports:
        helps, fix = suggestion(alias.text, unit.folder.imports, alias.span)
        report.report(
            "T0104",
            alias.span,
            f"no package is imported as `{alias.text}`",
            label="not an import",
            notes=_imports_note(unit),
            helps=helps or (f'import its folder: `import "../{alias.text}"`',),
            fix=fix,
        )
        return None
    unit.used_imports.add(alias.text)
    home = unit.imports.get(alias.text)
    return None if home is None else (home, last)


def _without_file(name: QualifiedName) -> str:
    return f"{name.parts[0].text}.{name.parts[-1].text}"


def _imports_note(unit: Unit) -> tuple[str, ...]:
    names = ", ".join(unit.folder.imports)
    return (f"imported: {names}",) if names else ()


def _report_unknown(
    name: QualifiedName, last: Name, home: Unit, wanted: list[str], report: Reporter
) -> None:
    if home.is_lossy:
        return
    same = [other for other, declared in home.shared.items() if declared.kind in wanted]
    elsewhere = _elsewhere(last.text, home)
    helps, fix = suggestion(last.text, same, last.span)
    helps = helps or _near_elsewhere(last.text, home)
    _report_name(name, wanted, same, (elsewhere, None) if elsewhere else (helps, fix), report)


def _elsewhere(name: str, home: Unit) -> tuple[str, ...]:
    """Where else the name stands: another kind, or an imported package."""
    for kind, table in home.own.items():
        if name in table:
            return (f"there is a *{kind}* named `{name}`",)
    if name in home.shared:
        return (f"there is a *{home.shared[name].kind}* named `{name}`",)
    for alias, unit in home.imports.items():
        if unit is not None and name in unit.shared:
            return (f"it is `{alias}.{name}`",)
    return ()


def _near_elsewhere(name: str, home: Unit) -> tuple[str, ...]:
    """Names of other kinds that are near."""
    kinds = {other: declared.kind for other, declared in home.shared.items()}
    near = did_you_mean(name, kinds)
    return tuple(f"there is a *{kinds[other]}* named `{other}`" for other in near[:1])


def _report_name(
    name: QualifiedName,
    kinds: list[str],
    known: Iterable[str],
    mend: tuple[tuple[str, ...], Fix | None],
    report: Reporter,
) -> None:
    helps, fix = mend
    names = list(known)
    what = one_of(kinds)
    report.report(
        "T0102",
        name.parts[-1].span,
        f"unknown {what} `{name.text}`",
        label=f"no {what} has this name",
        notes=(f"known: {listed(names)}",) if names and not helps else (),
        helps=helps,
        fix=fix,
    )


def _report_kind(
    name: QualifiedName, declared: Declared, wanted: list[str], report: Reporter
) -> None:
    kinds = one_of(wanted)
    place: Span = name.parts[-1].span
    report.report(
        "T0103",
        place,
        f"`{name.text}` is a {declared.kind}, not a {kinds}",
        label=f"a {kinds} stands here",
        secondary=((declared.name.span, f"the {declared.kind} is declared here"),),
    )
