"""Declarations: their heads, and their bodies statement by statement.

In: a cursor at the keyword of a declaration. Out: its node, with every statement that could be
read and a `BrokenStatement` for every other; and the tree's node.
"""

from typing import NoReturn

from taskc.dsl.diagnostics import deletion, insertion
from taskc.dsl.model.declarations import (
    Block,
    BrokenStatement,
    Declaration,
    FieldNode,
    Import,
    Language,
    Param,
    Schema,
    Statement,
)
from taskc.dsl.model.expressions import Expression, Name, QualifiedName
from taskc.dsl.text.findings import shorten
from taskc.dsl.text.rules.blocks import BLOCKS
from taskc.dsl.text.rules.cursor import MARKS_OF_OTHERS, Cursor, Unreadable
from taskc.dsl.text.rules.literals import number_value, plain_text
from taskc.dsl.text.rules.recovery import (
    at_meant_head,
    report_unclosed,
    report_unknown_statement,
    skip_to_declaration,
    skip_to_statement,
)
from taskc.dsl.text.rules.statements import value
from taskc.dsl.text.rules.types import field, refuse_commas, type_node
from taskc.dsl.text.source_text import Span
from taskc.dsl.text.tokens import is_line_start
from taskc.dsl.text.tree import Node

__all__ = ["declaration"]


def declaration(cursor: Cursor, kind: str, node: Node) -> Declaration | None:
    """Reads the declaration at the cursor as one of `kind`; None where nothing can be kept."""
    cursor.start_statement()
    cursor.keywords = ()
    cursor.depth = 0
    try:
        match kind:
            case "language":
                return _language(cursor)
            case "import":
                return _import(cursor)
            case "param":
                return _param(cursor, node)
            case _:
                return _block(cursor, kind, node)
    except Unreadable:
        node.is_broken = True
        skip_to_declaration(cursor)
        return None


def _language(cursor: Cursor) -> Language:
    start = cursor.start
    cursor.advance()
    written = cursor.value
    if cursor.kind != "number" or not written.isdecimal():
        helps = ("editions are whole numbers: write `language 1`",)
        cursor.fail_expected("T0009", "the number of an edition", "after `language`", helps=helps)
    cursor.advance()
    edition, _ = number_value(written)
    return Language(int(edition or 0), cursor.span_from(start))


def _import(cursor: Cursor) -> Import:
    start = cursor.start
    cursor.advance()
    if cursor.kind not in ("string", "broken"):
        cursor.fail_expected("T0018", "a path as a text after `import`")
    path_span = cursor.span()
    path = plain_text(cursor)
    alias = cursor.name("a name after `as`") if cursor.take_word("as") else None
    return Import(path, path_span, alias, cursor.span_from(start))


def _param(cursor: Cursor, node: Node) -> Param:
    start = cursor.start
    cursor.advance()
    node.name = cursor.index
    name = cursor.name("a name after `param`")
    cursor.expect(":", f"after `param {name.text}`")
    of = type_node(cursor, f"a type for the parameter `{name.text}`")
    default: Expression | None = None
    if cursor.take("="):
        default = value(cursor, f"a value for the parameter `{name.text}`")
    return Param(name, of, default, cursor.span_from(start))


# ---- blocks --------------------------------------------------------------------------------------


def _block(cursor: Cursor, kind: str, node: Node) -> Block | Schema | None:
    start, first = cursor.start, cursor.index
    num_broken = cursor.num_broken
    cursor.keywords = BLOCKS.get(kind, ())
    cursor.block_start = start
    name = Name("", Span(cursor.path, start, start))
    doc: str | None = None
    schema: QualifiedName | None = None
    serves: tuple[QualifiedName, ...] = ()
    cursor.advance()
    if cursor.kind in MARKS_OF_OTHERS and cursor.next_kind == "name":
        node.is_broken = True
        _skip_mark(cursor, kind)
    try:
        node.name = cursor.index if cursor.kind == "name" else -1
        name = cursor.name(f"a name after `{shorten(kind)}`")
        if cursor.kind == "-" and cursor.start == name.span.end:
            _fail_dash(cursor, name)
        if kind == "source" and cursor.take(":"):
            schema = cursor.qualified_name("a schema after `:`")
        elif kind == "template":
            cursor.expect_word("for", f"after `template {shorten(name.text)}`")
            serves = cursor.qualified_names("a schema, a source or a cluster after `for`")
        elif kind == "test":
            cursor.expect_word("on", f"after `test {shorten(name.text)}`")
            serves = (cursor.qualified_name("a source after `on`"),)
        if cursor.kind in ("string", "broken"):
            doc = plain_text(cursor)
        if cursor.kind != "{":
            cursor.fail_expected("T0019", "`{`", f"after the head of this {kind}")
    except Unreadable:
        node.is_broken = True
        if not _find_body(cursor, kind):
            skip_to_declaration(cursor)
            return None
    node.body = cursor.index
    cursor.take("{")
    fields: tuple[FieldNode, ...] = ()
    statements: tuple[Statement, ...] = ()
    if kind == "schema":
        fields = _schema_fields(cursor, node)
    else:
        statements = _statements(cursor, kind, node)
    if not cursor.take("}"):
        node.is_broken = True
        if cursor.num_broken == num_broken:
            report_unclosed(cursor, kind, first, node.body)
    span = cursor.span_from(start)
    if kind == "schema":
        return Schema(name, doc, fields, span)
    complete = not node.is_broken and not any(child.is_broken for child in node.children)
    return Block(kind, name, doc, schema, serves, statements, complete, span)


def _skip_mark(cursor: Cursor, kind: str) -> None:
    """Goes past a mark that other languages have behind a keyword: the rest can be read."""
    mark = cursor.span()
    cursor.reporter.report(
        "T0027",
        mark,
        f"no `{cursor.value}` stands between `{kind}` and its name",
        label="one mark too many",
        helps=(f"take the `{cursor.value}` away",),
        fix=deletion(Span(cursor.path, cursor.last_end, mark.end)),
    )
    cursor.advance()


def _fail_dash(cursor: Cursor, name: Name) -> NoReturn:
    line_end = cursor.source.text.find("\n", name.span.start)
    written = cursor.source.text[name.span.start : line_end if line_end != -1 else None]
    meant = written.partition(" ")[0].replace("-", "_")
    cursor.fail(
        "T0016",
        "a name has no `-` in it",
        label="a minus, not part of the name",
        notes=("names are made of letters, digits and `_`, and start with no digit",),
        helps=(f"write `{shorten(meant)}`",) if meant.isidentifier() else (),
    )


def _find_body(cursor: Cursor, kind: str) -> bool:
    """After a mistake in a head: goes to its `{`, or to the first statement if that is missing."""
    while cursor.kind not in ("{", "}", "end"):
        if kind in BLOCKS and cursor.at_statement():
            return True
        cursor.advance()
    return cursor.kind == "{"


def _schema_fields(cursor: Cursor, node: Node) -> tuple[FieldNode, ...]:
    """Reads the fields of a schema up to its closing brace; a mistake costs its field."""
    fields: list[FieldNode] = []
    commas: list[Span] = []
    while cursor.kind not in ("}", "end"):
        if cursor.kind == ",":
            commas.append(cursor.span())
            cursor.advance()
            continue
        child = Node("field", cursor.index)
        node.children.append(child)
        cursor.start_statement()
        cursor.depth = 0
        _check_column(cursor)
        try:
            child.name = cursor.index
            fields.append(field(cursor))
        except Unreadable:
            child.is_broken = True
            _skip_to_field(cursor, child.first)
        child.last = cursor.index
    if commas:
        refuse_commas(cursor, commas)
    return tuple(fields)


def _skip_to_field(cursor: Cursor, first: int) -> None:
    """Goes to the next line that starts with `name:`, or to the end of the schema."""
    failed_at = cursor.start
    if cursor.index == first:
        cursor.advance()
    while cursor.kind not in ("}", "end"):
        is_field = cursor.kind in ("name", "word") and cursor.next_kind == ":"
        if is_field and is_line_start(cursor.source.text, cursor.start):
            break
        cursor.advance()
    cursor.forget_findings(failed_at)


def _statements(cursor: Cursor, kind: str, node: Node) -> tuple[Statement, ...]:
    """Reads the statements of a block up to its closing brace."""
    statements: list[Statement] = []
    rules = BLOCKS[kind]
    while cursor.kind not in ("}", "end") and not at_meant_head(cursor):
        first, start = cursor.index, cursor.start
        child = Node(cursor.value, first)
        node.children.append(child)
        num_broken = cursor.num_broken
        statement: Statement | None = None
        try:
            keyword = _keyword(cursor, kind, is_first=len(node.children) == 1)
            child.kind = keyword
            cursor.advance()
            statement = rules[keyword](cursor, start)
        except Unreadable:
            skip_to_statement(cursor, first)
            if cursor.index == first:
                cursor.advance()
        child.last = cursor.index
        if statement is None or cursor.num_broken > num_broken:
            child.is_broken = True
            statement = BrokenStatement(child.kind, cursor.span_from(start))
        statements.append(statement)
    return tuple(statements)


def _keyword(cursor: Cursor, kind: str, *, is_first: bool) -> str:
    """The statement that starts at the cursor, or the one that was meant."""
    rules = BLOCKS[kind]
    text = cursor.source.text
    if not is_first and not is_line_start(text, cursor.start) and cursor.value not in rules:
        cursor.fail(
            "T0027",
            f"expected the end of this statement, found {cursor.found()}",
            label="not part of the statement before it",
            helps=_meant_instead(cursor),
        )
    cursor.start_statement()
    cursor.depth = 0
    if cursor.kind not in ("name", "word"):
        cursor.fail_expected(
            "T0011",
            f"a statement of `{kind}`",
            notes=(f"statements of `{kind}`: {', '.join(rules)}",),
        )
    keyword = cursor.value
    if keyword not in rules:
        keyword = report_unknown_statement(cursor, kind)
        if not keyword:
            raise Unreadable
    else:
        _check_column(cursor)
    return keyword


def _meant_instead(cursor: Cursor) -> tuple[str, ...]:
    """What other languages write behind an expression, and how it is written here."""
    match cursor.value:
        case "=":
            return ("compare with `==`",)
        case "is":
            return ("compare with `==` or `!=`",)
        case "?":
            return ("write `value if condition else other`",)
        case ":" if cursor.before_kind in ("string", "tail"):
            return ('a label is a bare word: `prompt label: "..."`',)
        case _:
            return ()


def _check_column(cursor: Cursor) -> None:
    """Reports a statement at column 1, where declarations start."""
    if cursor.is_at_column_one():
        cursor.reporter.report(
            "T0012",
            cursor.span(),
            f"`{shorten(cursor.value)}` stands at column 1, where only declarations start",
            label="indent this statement",
            helps=("indent it by two blanks",),
            fix=insertion(cursor.span(), "  "),
        )
