"""Tokenizers: where they are, and their special tokens.

In: `tokenizer` blocks. Out: tokenizers. The file is not opened: whether a token is in its
vocabulary is seen when it is loaded.
"""

from taskc.dsl.check.sources.connectors import check_tokenizer_path, pin
from taskc.dsl.check.statements import Statements
from taskc.dsl.check.units import Unit, marking
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import quoted

__all__ = ["ROLES", "check_tokenizers"]

ROLES = ("eos", "bos", "pad")


def check_tokenizers(unit: Unit, report: Reporter) -> None:
    """Fills the unit's tokenizers."""
    for declared, block in unit.blocks("tokenizer"):
        with marking(declared, report):
            statements = Statements(block, report)
            declared.is_broken |= statements.has_broken
            tokenizer = _tokenizer(block, statements, unit, report)
        if tokenizer is None:
            declared.is_broken = True
        else:
            unit.tokenizers[declared.name.text] = tokenizer


def _tokenizer(
    block: ast.Block, statements: Statements, unit: Unit, report: Reporter
) -> program.Tokenizer | None:
    node = statements.one(ast.From)
    origin = None if node is None else check_tokenizer_path(node, unit, report)
    roles = {each.role: each for each in statements.many(ast.SpecialToken)}
    for token in roles.values():
        _check_filled(token.text, token.text_span, report)
    added = _added(statements, report)
    if node is None or origin is None:
        return None
    kind, path, arguments = origin
    entry = None if unit.lock is None else unit.lock.tokenizers.get(block.name.text)
    pin(
        node, kind, arguments, "" if entry is None or entry.kind != kind else entry.revision, report
    )
    spans = {role: each.text_span for role, each in roles.items()}
    spans |= {each.name.text: each.name.span for each in statements.many(ast.AddToken)}
    texts: dict[str, str | None] = {role: each.text for role, each in roles.items()}
    return program.Tokenizer(
        name=block.name.text,
        kind=kind,
        path=path,
        arguments=arguments,
        eos=texts.get("eos"),
        bos=texts.get("bos"),
        pad=texts.get("pad"),
        added=added,
        folder=unit.folder.path,
        spans=spans,
        span=block.name.span,
        from_span=node.span,
    )


def _added(statements: Statements, report: Reporter) -> dict[str, str]:
    """Added tokens by name: no name and no text twice, and no role's name."""
    names: dict[str, Span] = dict.fromkeys(ROLES, statements.block.name.span)
    texts: dict[str, Span] = {}
    for token in statements.many(ast.SpecialToken):
        names[token.role] = token.span
        texts.setdefault(token.text, token.text_span)
    found: dict[str, str] = {}
    for added in statements.many(ast.AddToken):
        _check_filled(added.text, added.text_span, report)
        if added.name.text in names:
            is_role = added.name.text in ROLES
            report.report(
                "T0605",
                added.name.span,
                f"the special token `{added.name.text}` is added twice"
                if not is_role
                else f"`{added.name.text}` is the name of a role, not of an added token",
                label="again here" if not is_role else "a role",
                secondary=() if is_role else ((names[added.name.text], "first here"),),
                helps=(f"write `{added.name.text} {quoted(added.text)}`",) if is_role else (),
            )
            continue
        names[added.name.text] = added.name.span
        if added.text in texts:
            report.report(
                "T0605",
                added.text_span,
                f"the token {quoted(added.text)} is there already",
                label="again here",
                secondary=((texts[added.text], "first here"),),
            )
            continue
        texts[added.text] = added.text_span
        found[added.name.text] = added.text
    return found


def _check_filled(text: str, span: Span, report: Reporter) -> None:
    if not text:
        report.report("T0605", span, "a special token needs a text", label="empty")
