"""Clusters: sources that are held out together, and what is related.

In: `cluster` blocks. Out: clusters with their sources. What holding one out means is decided where
a mixture does it.
"""

from taskc.dsl.check.names import resolve
from taskc.dsl.check.statements import Statements
from taskc.dsl.check.units import Declared, Unit, marking
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.text.source_text import Span

__all__ = ["check_clusters"]


def check_clusters(unit: Unit, report: Reporter) -> None:
    """Fills the unit's clusters."""
    for declared, block in unit.blocks("cluster"):
        with marking(declared, report):
            cluster = _cluster(block, declared, unit, report)
        unit.clusters[declared.name.text] = cluster


def _cluster(block: ast.Block, declared: Declared, unit: Unit, report: Reporter) -> program.Cluster:
    statements = Statements(block, report)
    declared.is_broken |= statements.has_broken
    sources: dict[str, program.Source] = {}
    places: dict[str, Span] = {}
    node = statements.keyed(ast.Names, "sources")
    for name in node.names if node else ():
        found = resolve(name, unit, ("source",), report)
        if found is None:
            declared.is_broken = True
            continue
        home, source = found
        if name.text in places:
            _report_twice(name.text, name.span, places[name.text], report)
        places[name.text] = name.span
        sources[name.text] = home.sources[source.name.text]
        # A source that cannot be built leaves its cluster without it, and what mixes it unbuilt.
        declared.is_broken |= source.is_broken
    related = _related(block, statements, declared, unit, report)
    return program.Cluster(
        block.name.text, block.doc or "", tuple(sources.values()), related, block.name.span
    )


def _related(
    block: ast.Block, statements: Statements, declared: Declared, unit: Unit, report: Reporter
) -> tuple[str, ...]:
    node = statements.keyed(ast.Names, "related")
    related: dict[str, Span] = {}
    for name in node.names if node else ():
        found = resolve(name, unit, ("cluster",), report)
        if found is None:
            declared.is_broken = True
        elif found[1].node is block:
            report.report(
                "T0418",
                name.span,
                f"cluster `{name.text}` is related to itself",
                label="this very cluster",
            )
        elif name.text in related:
            _report_twice(name.text, name.span, related[name.text], report)
        else:
            related[name.text] = name.span
    return tuple(related)


def _report_twice(name: str, again: Span, first: Span, report: Reporter) -> None:
    report.report(
        "T0418",
        again,
        f"`{name}` stands twice in this list",
        label="again here",
        secondary=((first, "first here"),),
    )
