"""Declarations as written: one class a block and one a statement, straight from the text.

In: nothing; the parser builds these. Out: nodes with spans in written order. Names are not resolved
and nothing is checked here: that is `check`'s work, and its result is `program`.
"""

from dataclasses import dataclass

from taskc.dsl.model.expressions import (
    Argument,
    Call,
    DictDisplay,
    Expression,
    Name,
    QualifiedName,
    Text,
)
from taskc.dsl.model.node import Node
from taskc.dsl.text.source_text import Span

# ---- types as written ----------------------------------------------------------------------------


@dataclass(slots=True, repr=False, eq=False)
class NamedType(Node):
    """`text`, `int`, `float`, `bool`, `path`, `cluster`, or an unknown name."""

    name: Name
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class ListType(Node):
    """`list[item]`."""

    item: "TypeNode"
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class ChoiceType(Node):
    """`choice(a, b, "c d")`."""

    values: tuple[Name, ...]
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class RecordType(Node):
    """`{ field: type ... }`."""

    fields: tuple["FieldNode", ...]
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class OptionalType(Node):
    """`type?`."""

    inner: "TypeNode"
    span: Span


TypeNode = NamedType | ListType | ChoiceType | RecordType | OptionalType


@dataclass(slots=True, repr=False, eq=False)
class FieldNode(Node):
    """`name: type`."""

    name: Name
    type: TypeNode
    span: Span


# ---- statements ----------------------------------------------------------------------------------
# One class a statement; `span` covers the whole statement, `keyword` its first word. A statement
# whose rest could not be read stands as `BrokenStatement`, so names around it stay known.


@dataclass(slots=True, repr=False, eq=False)
class BrokenStatement(Node):
    """A statement that does not parse; its syntax diagnostic is already reported."""

    keyword: str
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class From(Node):
    """source and tokenizer: `from connector(arguments)`.

    Attributes:
        texts: Text arguments with what stands in braces, by position ("0", "1", ...) or name.
    """

    call: Call
    texts: dict[str, Text]
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class SplitItem(Node):
    """`dev`, `test = "validation"` or `dev = carve(train, 200)`; `value` is a Literal or a Call."""

    name: Name
    value: Expression | None
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Splits(Node):
    """source: `splits A, B = ...`; build and evaluate: `splits A, B` (no values)."""

    items: tuple[SplitItem, ...]
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Fields(Node):
    """source: `fields { name: type ... }`, or `fields from "row.schema.json"` (`schema_path`)."""

    fields: tuple[FieldNode, ...]
    schema_path: Text | None
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Let(Node):
    """source and template: `let name = expression`."""

    name: Name
    value: Expression
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Where(Node):
    """source and template: `where expression`."""

    condition: Expression
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Limit(Node):
    """source: `limit n`."""

    count: Expression
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Dedup(Node):
    """source: `dedup by expression [near j]`."""

    key: Expression
    near: Expression | None
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Metric(Node):
    """source: `metric name` or `metric name(arguments)`."""

    name: Name
    arguments: tuple[Argument, ...]
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class References(Node):
    """source: `references expression`."""

    value: Expression
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class License(Node):
    """source: `license "..."`."""

    text: str
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Names(Node):
    """`sources a, b` and `related a` (cluster), `clusters a` (evaluate): a list of names."""

    keyword: str
    names: tuple[QualifiedName, ...]
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class OptionSurface(Node):
    """`value: "surface"` in an options block."""

    value: Name
    surface: Text
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Options(Node):
    """template: `options FIELD {...}` (`surfaces`) or `options LIST answer E` (`answer`).

    Attributes:
        style: dashes, letters, numbers or none, as written.
    """

    subject: Expression
    surfaces: tuple[OptionSurface, ...]
    answer: Expression | None
    style: Name | None
    shuffled: bool
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Prompt(Node):
    """template: `prompt [label [when E]:] TEXT [-> TEXT]`, or `inverse ...` (`keyword`)."""

    keyword: str
    label: Name | None
    when: Expression | None
    input: Text
    target: Text | None
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class DialogueTurn(Node):
    """`user "..."` in a dialogue block; roles are system, user, assistant, tool."""

    role: Name
    text: Text
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Dialogue(Node):
    """template: `dialogue [label [when E]] { role TEXT ... }`, or `dialogue ... from E`.

    Attributes:
        turns: Of the block; empty where `messages` is set.
        messages: The expression after `from`.
    """

    label: Name | None
    when: Expression | None
    turns: tuple[DialogueTurn, ...]
    messages: Expression | None
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class TestRow(Node):
    """test: `row {...}`."""

    row: DictDisplay
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class TestPrompt(Node):
    """test: `prompt template.label`."""

    name: QualifiedName
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class TestText(Node):
    """test: `input TEXT` or `target TEXT` (`keyword`), compared as written."""

    keyword: str
    text: str
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class MixtureFrom(Node):
    """mixture: `from all clusters [except a, b]`, or `from a, b`: clusters, sources, mixtures."""

    all_clusters: bool
    names: tuple[QualifiedName, ...]
    excluded: tuple[QualifiedName, ...]
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Holdout(Node):
    """mixture: `holdout E`: names of clusters, or a parameter of type `cluster?`."""

    values: tuple[Expression, ...]
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Rate(Node):
    """mixture: `rate proportional(...) | temperature(...) | equal() | shares({...})`."""

    call: Call
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Take(Node):
    """mixture: `take [at most] N from S [by temperature(g, tau) | balance(g)] [best E]`."""

    count: Expression
    at_most: bool
    source: QualifiedName
    by: Call | None
    best: Expression | None
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Templates(Node):
    """mixture: `templates one | all | none | name | K`."""

    value: Expression
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Fewshot(Node):
    """mixture: `fewshot K` or `fewshot A..B`."""

    value: Expression
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Repeat(Node):
    """mixture: `repeat at most R`."""

    count: Expression
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Total(Node):
    """mixture: `total N tokens|examples|epochs`."""

    count: Expression
    unit: Name
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class MixtureDedup(Node):
    """mixture: `dedup FIELDS [near j]`."""

    fields: Expression
    near: Expression | None
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Decontaminate(Node):
    """mixture: `decontaminate FIELDS against SPLITS by ngrams(n)|near(j)`."""

    fields: Expression
    splits: tuple[Name, ...]
    by: Call
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Require(Node):
    """mixture: `require E`."""

    condition: Expression
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Seed(Node):
    """mixture and train: `seed N`."""

    value: Expression
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class SpecialToken(Node):
    """tokenizer: `eos TEXT`, `bos TEXT`, `pad TEXT` (`role`)."""

    role: str
    text: str
    text_span: Span
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class AddToken(Node):
    """tokenizer: `add NAME TEXT`."""

    name: Name
    text: str
    text_span: Span
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Use(Node):
    """build `mixture m`, `tokenizer t`; train `data b`; evaluate `run t`: one name."""

    keyword: str
    name: QualifiedName
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Setting(Node):
    """build `format`, `pack`; train and evaluate `model`, `recipe`, `method`: one value.

    Attributes:
        value: A Call, a Reference or a Literal text.
        text: The text with what stands in braces, where `value` is one.
    """

    keyword: str
    value: Expression
    text: Text | None
    span: Span


Statement = (
    BrokenStatement
    | From
    | Splits
    | Fields
    | Let
    | Where
    | Limit
    | Dedup
    | Metric
    | References
    | License
    | Names
    | Options
    | Prompt
    | Dialogue
    | TestRow
    | TestPrompt
    | TestText
    | MixtureFrom
    | Holdout
    | Rate
    | Take
    | Templates
    | Fewshot
    | Repeat
    | Total
    | MixtureDedup
    | Decontaminate
    | Require
    | Seed
    | SpecialToken
    | AddToken
    | Use
    | Setting
)


# ---- declarations --------------------------------------------------------------------------------


@dataclass(slots=True, repr=False, eq=False)
class Language(Node):
    """`language N`."""

    edition: int
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Import(Node):
    """`import "path" [as name]`."""

    path: str
    path_span: Span
    alias: Name | None
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Param(Node):
    """`param name: type [= value]`."""

    name: Name
    type: TypeNode
    default: Expression | None
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Schema(Node):
    """`schema name ["doc"] { field: type ... }`."""

    name: Name
    doc: str | None
    fields: tuple[FieldNode, ...]
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Block(Node):
    """A block with statements.

    `kind` is source, cluster, template, test, mixture, tokenizer, build, train or evaluate.

    Attributes:
        name: The declared name; its text is "" where it could not be read.
        doc: The description text after the name, if any.
        schema: For a source, the schema after `:`.
        serves: For a template, the names after `for`; for a test, the one after `on`.
        statements: In written order.
        complete: False where a syntax error cut the block short; checks that need the whole block
            stay silent.
    """

    kind: str
    name: Name
    doc: str | None
    schema: QualifiedName | None
    serves: tuple[QualifiedName, ...]
    statements: tuple[Statement, ...]
    complete: bool
    span: Span


Declaration = Language | Import | Param | Schema | Block
