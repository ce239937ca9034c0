"""The checked program: what the declarations mean, names resolved, types known.

In: built by `checker` from declarations that passed. Out: what `compiler/lower` reads. A
declaration with an error is absent from it, and so is every build that needs it (`Package.builds`
holds only those that can be lowered), so the compiler never meets a half-checked thing.
"""

from dataclasses import dataclass, field

from taskc.dsl.model import declarations as ast
from taskc.dsl.model.expressions import Expression, Text
from taskc.dsl.model.node import Node
from taskc.dsl.model.types import Type
from taskc.dsl.text.source_text import SourceText, Span

ParamValue = str | int | float | bool | None


@dataclass(slots=True, repr=False, eq=False)
class Param(Node):
    """A parameter and the value it has in this run.

    Attributes:
        base: For a path: the display folder against which a relative value is resolved; "." (the
            working directory) where it came from outside, else the folder of the declaring file.
    """

    name: str
    type: Type
    value: ParamValue
    base: str
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Schema(Node):
    """A record type."""

    name: str
    fields: dict[str, Type]
    doc: str
    span: Span
    field_spans: dict[str, Span]


@dataclass(slots=True, repr=False, eq=False)
class Connector(Node):
    """`jsonl("...")`: a kind and its arguments.

    Attributes:
        path: Still to be filled in with parameters and `{split}`.
    """

    kind: str
    path: Text | None
    arguments: dict[str, ParamValue | list[str]]
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Carve(Node):
    """`carve(train, n)`: n rows taken out of another split by keyed hash, equal rows together."""

    origin: str
    count: int


@dataclass(slots=True, repr=False, eq=False)
class Split(Node):
    """A split: `file_name` is what `{split}` stands for, unless it is carved out of another."""

    name: str
    file_name: str
    carve: Carve | None
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Let(Node):
    """A named expression with its type."""

    name: str
    value: Expression
    type: Type
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Where(Node):
    """A filter."""

    condition: Expression
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Dedup(Node):
    """`dedup by key [near j]`."""

    key: Expression
    near: float | None
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Source(Node):
    """A source of rows.

    Attributes:
        name: Declared name; keys use it.
        columns: Raw columns with their declared types (`fields`); None where no text declares them:
            a build then takes their values as they are.
        reads: The raw columns that this source reads, sorted: the row id is made of them. None =
            all columns.
        row: Fields of the shaped row (after `let`), in a stable order: the schema's fields first
            where there is one. `Unknown` types are allowed.
        is_open: True where neither `fields`, schema nor lock says which fields there are.
        patterns: Split -> path or glob relative to its data root; "" where that can't be told.
        inferred: Fields of `row` whose types the lock tells, None where it tells none. They are for
            checking: a build reads the rows as it does without a lock.
    """

    name: str
    doc: str
    connector: Connector
    splits: tuple[Split, ...]
    schema: Schema | None
    columns: dict[str, Type] | None
    reads: tuple[str, ...] | None
    row: dict[str, Type]
    is_open: bool
    lets: tuple[Let, ...]
    wheres: tuple[Where, ...]
    dedup: Dedup | None
    limit: int | None
    limit_span: Span | None
    metric: str
    references: Expression | None
    references_span: Span | None
    license: str
    folder: str  # display folder of the declaring file: connector paths start here
    span: Span  # of the name
    field_spans: dict[str, Span]  # where the type of each declared column or field stands
    patterns: dict[str, str] = field(default_factory=dict)
    inferred: frozenset[str] | None = None


@dataclass(slots=True, repr=False, eq=False)
class Cluster(Node):
    """A cluster of tasks: sources that are held out together."""

    name: str
    doc: str
    sources: tuple[Source, ...]
    related: tuple[str, ...]
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class ChoiceOptions(Node):
    """Options over a choice field, (value, surface) as the template writes them."""

    field: str
    surfaces: tuple[tuple[str, Text], ...]
    style: str  # dashes | letters | numbers | none
    shuffled: bool
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class RowOptions(Node):
    """Options that come from the row: a list of texts, and an index or one of the texts."""

    surfaces: Expression
    answer: Expression
    answer_is_index: bool
    style: str
    shuffled: bool
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Turn(Node):
    """One turn of a prompt.

    Attributes:
        role: input or target; or system, user, assistant, tool.
        trained: Whether the loss may see it.
    """

    role: str
    text: Text
    trained: bool
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Prompt(Node):
    """One prompt of a template.

    Attributes:
        label: Declared label, or "1", "2", ... by position where the text has none.
        kind: "prompt", "inverse" or "dialogue".
        turns: In order; empty where `messages` is set. A generation-only prompt has no trained
            turn.
        messages: For `dialogue from E`: a list of {role, content, train: bool?}.
    """

    label: str
    kind: str
    when: Expression | None
    turns: tuple[Turn, ...]
    messages: Expression | None
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Template(Node):
    """Prompts that serve some sources; `let` and `where` come after the source's own."""

    name: str
    serves: tuple[Source, ...]
    options: ChoiceOptions | RowOptions | None
    prompts: tuple[Prompt, ...]
    lets: tuple[Let, ...]
    wheres: tuple[Where, ...]
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Rate(Node):
    """How sources of `from` are weighted: kind is proportional, temperature, equal or shares."""

    kind: str
    cap: int | None
    limit: int | None
    temperature: float | None
    shares: dict[str, float]
    span: Span | None


@dataclass(slots=True, repr=False, eq=False)
class Take(Node):
    """`take N from S ...`; groups stand from the outer ones to those inside them.

    Attributes:
        source_span: Where the source's name stands.
    """

    count: int
    at_most: bool
    source: Source
    source_span: Span
    by: str  # "" | temperature | balance
    by_keys: tuple[Expression, ...]
    by_tau: float | None
    best: Expression | None
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Total(Node):
    """How much to deliver; unit is tokens, examples or epochs."""

    count: int
    unit: str
    span: Span | None


@dataclass(slots=True, repr=False, eq=False)
class MixtureDedup(Node):
    """`dedup fields [near j]`: the sources whose rows may have one of the fields are compared."""

    fields: tuple[str, ...]
    near: float | None
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Decontaminate(Node):
    """`decontaminate fields against splits by ngrams(n, max_rows: r) | near(j)`."""

    fields: tuple[str, ...]
    splits: tuple[str, ...]
    method: str
    value: float
    max_rows: int
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Require(Node):
    """A condition over the delivered training split."""

    condition: Expression
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Mixture(Node):
    """What is trained on.

    Attributes:
        sources: Sources named by `from` (clusters and nested mixtures resolved, holdouts removed),
            in declaration order (file path, then offset); without those of `take`.
        clusters: Source name -> cluster names.
        held_out: Names of held-out clusters.
        templates: "one", "all", "none", "name" or a number as text.
        fewshot: (low, high), (0, 0) where absent.
        repeat: At most so many times each row; 0 = no limit declared.
        members: Each name of `from` -> the sources it brings, held-out ones removed; shares are by
            these names.
        nested: Those of the members that are mixtures.
        held_out_sources: Sources of the held-out clusters (not of what is removed with them).
        spans: Keyword -> where its statement stands, of those that stand once.
    """

    name: str
    doc: str
    sources: tuple[Source, ...]
    takes: tuple[Take, ...]
    clusters: dict[str, tuple[str, ...]]
    held_out: tuple[str, ...]
    rate: Rate
    total: Total
    templates: str
    fewshot: tuple[int, int]
    repeat: int
    dedup: tuple[MixtureDedup, ...]
    decontaminate: tuple[Decontaminate, ...]
    requires: tuple[Require, ...]
    seed: int
    span: Span
    members: dict[str, tuple[str, ...]] = field(default_factory=dict)
    nested: dict[str, "Mixture"] = field(default_factory=dict)
    held_out_sources: tuple[Source, ...] = ()
    spans: dict[str, Span] = field(default_factory=dict)


@dataclass(slots=True, repr=False, eq=False)
class Tokenizer(Node):
    """A tokenizer: kind is file, folder or hf; special tokens by role and added ones by name."""

    name: str
    kind: str
    path: Text | None
    arguments: dict[str, ParamValue | list[str]]
    eos: str | None
    bos: str | None
    pad: str | None
    added: dict[str, str]
    folder: str
    spans: dict[str, Span]  # eos, bos, pad and each added name -> where it is declared
    span: Span
    from_span: Span


@dataclass(slots=True, repr=False, eq=False)
class TokenUse(Node):
    """A separator or end: a special token by name (a role or an added one), or a literal."""

    name: str | None
    literal: str | None
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class PromptTargetFormat(Node):
    """`prompt_target(...)`; limits in tokens."""

    input: int
    target: int
    separator: TokenUse | None  # None: `none` was written
    end: TokenUse | None
    bos: str  # none | example
    overflow: str  # trim | trim_prompt | drop | split | error
    seam: str  # split | join
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class ChatFormat(Node):
    """`chat(end_of_turn:, loss:, bos:, max:, overflow:, template:, date:)`; `max` in tokens."""

    end_of_turn: TokenUse | None
    loss: str  # assistant | last
    bos: str  # none | example
    max: int
    overflow: str
    template: str  # none | tokenizer
    date: str  # of an ISO calendar; "" where none is given
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Pack(Node):
    """`best_fit(length:, window:)`; length in tokens, window in examples."""

    length: int
    window: int
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Build(Node):
    """One artefact to make.

    Attributes:
        templates: Every template that serves a source of the mixture, in declaration order.
        evaluated: Sources that the non-training splits are taken from (mixture's and held-out
            ones).
    """

    name: str
    doc: str
    mixture: Mixture
    tokenizer: Tokenizer
    format: PromptTargetFormat | ChatFormat
    pack: Pack
    splits: tuple[str, ...]
    templates: tuple[Template, ...]
    evaluated: tuple[Source, ...]
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Test(Node):
    """A golden rendering."""

    name: str
    source: Source
    row: dict[str, object]
    template: str
    label: str
    input: str | None
    target: str | None
    node: ast.Block
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Run(Node):
    """A `train` or `evaluate` block; calls in settings are (name, {argument: value})."""

    kind: str  # train | evaluate
    name: str
    build: str  # train: the build in `data`; evaluate: the train block in `run`, or ""
    settings: dict[str, object]
    span: Span
    folder: str = "."


@dataclass(slots=True, repr=False, eq=False)
class Package(Node):
    """One directory of `.task` files.

    Attributes:
        name: The folder's name.
        folder: Display path of the folder, "." for the working directory.
    """

    name: str
    folder: str
    params: dict[str, Param] = field(default_factory=dict)
    schemas: dict[str, Schema] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    clusters: dict[str, Cluster] = field(default_factory=dict)
    templates: dict[str, Template] = field(default_factory=dict)
    mixtures: dict[str, Mixture] = field(default_factory=dict)
    tokenizers: dict[str, Tokenizer] = field(default_factory=dict)
    builds: dict[str, Build] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    tests: dict[str, Test] = field(default_factory=dict)
    imports: dict[str, "Package"] = field(default_factory=dict)


@dataclass(slots=True, repr=False, eq=False)
class Program(Node):
    """Every package below the paths that were given, and the text of every file (for reports)."""

    packages: tuple[Package, ...]
    texts: dict[str, SourceText]
