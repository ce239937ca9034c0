"""The plan: the typed form between a checked program and the stages, as pydantic models.

In: nothing. Out: immutable models whose JSON Schema is published in docs/schemas/plan.schema.json.
A plan holds everything a build reads except the rows and the tokenizer's file: no stage looks at
the program or at the text again. Places (`at`) serve messages and provenance only and are left out
of every key.
"""

from typing import Annotated, Literal

from pydantic import Field

from taskc.compiler.plan_values import (
    Binary,
    Call,
    ChoiceType,
    Comprehension,
    Conditional,
    Const,
    DictDisplay,
    Expr,
    GetField,
    GetItem,
    ListDisplay,
    ListType,
    Model,
    Name,
    OptionalType,
    Place,
    Range,
    RecordType,
    ScalarType,
    TemplateText,
    TextPart,
    Unary,
    ValueType,
)

__all__ = [
    "Binary",
    "Blend",
    "BuildPlan",
    "Call",
    "CarvedSplit",
    "ChatFormat",
    "ChoiceOptions",
    "ChoiceType",
    "Comprehension",
    "Conditional",
    "Connector",
    "Const",
    "Decontaminate",
    "Dedup",
    "DictDisplay",
    "EqualRate",
    "Expr",
    "Format",
    "GetField",
    "GetItem",
    "Let",
    "ListDisplay",
    "ListType",
    "Member",
    "Mixture",
    "MixtureDedup",
    "Model",
    "Name",
    "OptionalType",
    "Pack",
    "Place",
    "Plan",
    "Prompt",
    "PromptTargetFormat",
    "ProportionalRate",
    "Range",
    "Rate",
    "RecordType",
    "Require",
    "RowOptions",
    "RunSettings",
    "ScalarType",
    "SharesRate",
    "Source",
    "Take",
    "TemperatureRate",
    "Template",
    "TemplateText",
    "TextPart",
    "TokenUse",
    "Tokenizer",
    "Total",
    "Turn",
    "Unary",
    "ValueType",
    "Where",
]


# ---- sources -------------------------------------------------------------------------------------


class Connector(Model):
    """How rows are read: a closed set of kinds.

    Attributes:
        patterns: Split name -> path, glob or URL, absolute or from the working directory, names
            filled in; for `hf` also the id of a data set; for `plugin` whatever it reads.
        roots: Split name -> the longest folder of the pattern without wildcard: provenance shows
            files relative to it; "" for what is no file.
        names: Split name -> what it is called there, for `hf` and `plugin`; else the path says it.
        options: delimiter, columns, config, revision ... as written; those of a `plugin` are its
            own, but for `connector`, its name.
    """

    kind: Literal["jsonl", "csv", "tsv", "parquet", "arrow", "text", "hf", "plugin"]
    patterns: dict[str, str]
    roots: dict[str, str]
    names: dict[str, str] = Field(default_factory=dict)
    options: dict[str, str | int | float | bool | list[str] | None] = Field(default_factory=dict)
    at: Place


class CarvedSplit(Model):
    """`name = carve(origin, count)`: rows moved out of `origin`, equal rows together."""

    name: str
    origin: str
    count: int
    at: Place


class Let(Model):
    """A field computed from the row; lets are evaluated in order and see the earlier ones."""

    name: str
    value: Expr
    at: Place


class Where(Model):
    """A row is kept where this is true."""

    condition: Expr
    text: str  # as written, for the ledger
    at: Place


class Dedup(Model):
    """`dedup by key [near j]`."""

    key: Expr
    near: float | None
    at: Place


class Source(Model):
    """One source.

    Attributes:
        columns: Raw columns whose type the spec declares; others are read as they are.
        reads: Raw columns that make the row id, sorted; None = every column of the row.
        row: Fields of the shaped row with their types (only those are kept); None = everything.
        references: Accepted answers for evaluation.
    """

    name: str
    clusters: tuple[str, ...]
    connector: Connector
    splits: tuple[str, ...]  # read from files
    carved: tuple[CarvedSplit, ...]
    columns: dict[str, ValueType]
    reads: tuple[str, ...] | None
    row: dict[str, ValueType] | None
    lets: tuple[Let, ...]
    wheres: tuple[Where, ...]
    dedup: Dedup | None
    limit: int | None
    limit_at: Place | None
    metric: str
    references: Expr | None
    license: str
    at: Place
    places: dict[str, Place]  # where the type of each declared column or field stands


# ---- templates -----------------------------------------------------------------------------------


class ChoiceOptions(Model):
    """Options over a choice field; the answer is the field's own value."""

    kind: Literal["choice"] = "choice"
    field: str
    surfaces: tuple[tuple[str, TemplateText], ...]
    style: Literal["dashes", "letters", "numbers", "none"]
    shuffled: bool
    at: Place


class RowOptions(Model):
    """Options that come from the row; `answer` is an index (from 0) or the text of one."""

    kind: Literal["row"] = "row"
    surfaces: Expr
    answer: Expr
    style: Literal["dashes", "letters", "numbers", "none"]
    shuffled: bool
    at: Place


class Turn(Model):
    """A text spoken in a role; `trained` says whether the loss may see it."""

    role: Literal["input", "target", "system", "user", "assistant", "tool"]
    text: TemplateText
    trained: bool


class Prompt(Model):
    """One prompt: `turns`, or `messages` for `dialogue from E`."""

    label: str
    kind: Literal["prompt", "inverse", "dialogue"]
    when: Expr | None
    turns: tuple[Turn, ...]
    messages: Expr | None
    at: Place

    @property
    def has_target(self) -> bool:
        """Whether something of it can be trained; what has none is only evaluated."""
        return self.messages is not None or any(turn.trained for turn in self.turns)


class Template(Model):
    """Prompts for some sources (by name)."""

    name: str
    sources: tuple[str, ...]
    options: ChoiceOptions | RowOptions | None
    lets: tuple[Let, ...]
    wheres: tuple[Where, ...]
    prompts: tuple[Prompt, ...]
    at: Place


# ---- mixture -------------------------------------------------------------------------------------


class ProportionalRate(Model):
    """Weight min(n, cap) for n surviving rows (Wei et al.

    2022, section 2; Raffel et al. 2020, section 3.5.2).
    """

    kind: Literal["proportional"] = "proportional"
    cap: int | None
    limit: int | None  # rows of each source that count at all, chosen by keyed hash


class TemperatureRate(Model):
    """Weight min(n, cap) ** (1 / temperature)."""

    kind: Literal["temperature"] = "temperature"
    temperature: float
    cap: int | None


class EqualRate(Model):
    """The same weight for each source."""

    kind: Literal["equal"] = "equal"


class SharesRate(Model):
    """Declared weights by source, cluster or mixture name."""

    kind: Literal["shares"] = "shares"
    shares: dict[str, float]


Rate = Annotated[
    ProportionalRate | TemperatureRate | EqualRate | SharesRate, Field(discriminator="kind")
]


class Take(Model):
    """`take N from S`: exactly N surviving examples (at most N where the spec says so).

    Attributes:
        text: The source's name as the spec writes it, "lima.stem"; "" where no spec does.
        by_keys: What groups the rows, outer groups first.
        best: What ranks them within a group, the greatest first; None: their keys.
    """

    source: str
    text: str = ""
    count: int
    at_most: bool
    by: Literal["", "temperature", "balance"]
    by_keys: tuple[Expr, ...]
    by_tau: float | None
    best: Expr | None
    at: Place

    @property
    def is_ordered(self) -> bool:
        """Whether its rows come in another order than that of their keys."""
        return bool(self.by) or self.best is not None


class Member(Model):
    """What one name of `from` brings to a mixture.

    Attributes:
        name: As declared: a source, a cluster or a mixture.
        sources: Its sources by name, none of which an earlier member or a quota has.
        blend: Of a mixture with a rate or quotas of its own: it counts as one source, and says
            itself how much there is of each of its own.
    """

    name: str
    sources: tuple[str, ...]
    blend: "Blend | None" = None


class Blend(Model):
    """How much there is of each source: members weighed by a rate, and quotas beside them."""

    rate: Rate
    members: tuple[Member, ...]
    takes: tuple[Take, ...]

    def quotas(self) -> dict[str, Take]:
        """The quotas of it and of what is nested in it, by source."""
        found = {take.source: take for take in self.takes}
        for member in self.members:
            found |= {} if member.blend is None else member.blend.quotas()
        return found


class Total(Model):
    """How much to deliver."""

    count: int
    unit: Literal["tokens", "examples", "epochs"]


class Require(Model):
    """A condition over the delivered training split, as an expression over its figures."""

    condition: Expr
    text: str
    at: Place


class MixtureDedup(Model):
    """Of training rows that are equal or near, one stays.

    Attributes:
        sources: Whose rows are compared, those that the mixture lists first before the others; of a
            clause in a nested mixture, those of that one.
        fields: What is compared; a row that has no text in any of them stays.
        near: The least likeness of what goes, from 0 to 1; None: rows of equal texts do.
    """

    sources: tuple[str, ...]
    fields: tuple[str, ...]
    near: float | None
    at: Place


class Decontaminate(Model):
    """Training rows that share words with evaluation rows of the named splits are dropped.

    Attributes:
        sources: Whose training rows; of a clause in a nested mixture, those of that one.
        fields: What is compared; a row that lacks one has no words there.
        splits: Of every evaluated source.
        method: By runs of words, or by how alike rows are.
        value: Words of a run, or the least likeness, from 0 to 1.
        max_rows: A run that stands in more evaluation rows does not count; 0 where none is asked.
    """

    sources: tuple[str, ...]
    fields: tuple[str, ...]
    splits: tuple[str, ...]
    method: Literal["ngrams", "near"]
    value: float
    max_rows: int
    at: Place


class Mixture(Model):
    """What is trained on.

    Attributes:
        sources: Those of `from` by name in order, without those of `takes`.
        blend: How much there is of each source.
        takes: Quotas of the mixture itself; those of nested mixtures stand in `blend`.
        held_out: Names of held-out clusters.
        held_out_sources: Their sources: rows that equal one of theirs are not trained on.
        templates: "one", "all", "none", "name", or how many prompts of a row, as a text.
        fewshot: The least and the most exemplars before an example.
        places: Where each statement stands that may stand once, by its keyword.
    """

    name: str
    sources: tuple[str, ...]
    blend: Blend
    takes: tuple[Take, ...]
    held_out: tuple[str, ...]
    held_out_sources: tuple[str, ...]
    rate: Rate
    total: Total
    templates: str = "one"
    fewshot: tuple[int, int] = (0, 0)
    repeat: int  # 0: no limit
    dedup: tuple[MixtureDedup, ...] = ()
    decontaminate: tuple[Decontaminate, ...]
    requires: tuple[Require, ...]
    seed: int
    at: Place
    places: dict[str, Place] = Field(default_factory=dict)

    def place(self, statement: str) -> Place:
        """Where a statement stands; the mixture's own place where it is left out."""
        return self.places.get(statement, self.at)


# ---- tokenizer, format, pack ---------------------------------------------------------------------


class Tokenizer(Model):
    """A tokenizer file or folder, with the special tokens that the spec names.

    An empty `eos`, `bos` or `pad` is read from the folder's configuration.
    """

    name: str
    kind: Literal["file", "folder", "hf"]
    path: str
    options: dict[str, str | int | float | bool | list[str] | None] = Field(default_factory=dict)
    eos: str
    bos: str
    pad: str
    added: dict[str, str]
    places: dict[str, Place]
    at: Place


class TokenUse(Model):
    """A special token by name (`eos`, `bos`, `pad`, an added one) or a literal text."""

    name: str = ""
    literal: str = ""
    at: Place


class PromptTargetFormat(Model):
    """input, separator (untrained), target, end (trained); limits in tokens.

    `input` bounds the ids of the input text, `target` the ids of the target text with its end
    token.
    """

    kind: Literal["prompt_target"] = "prompt_target"
    input: int
    target: int
    separator: TokenUse | None
    end: TokenUse | None
    bos: Literal["none", "example"]
    overflow: Literal["trim", "trim_prompt", "drop", "split", "error"]
    seam: Literal["split", "join"]
    at: Place


class ChatFormat(Model):
    """Turns one after another, each closed by the end-of-turn token.

    `max` bounds the whole example in tokens. `date` is the day that a template is told; "" where
    none is.
    """

    kind: Literal["chat"] = "chat"
    end_of_turn: TokenUse | None
    loss: Literal["assistant", "last"]
    bos: Literal["none", "example"]
    max: int
    overflow: Literal["trim", "trim_prompt", "drop", "split", "error"]
    template: Literal["none", "tokenizer"]
    date: str = ""
    at: Place


Format = Annotated[PromptTargetFormat | ChatFormat, Field(discriminator="kind")]


class Pack(Model):
    """Best-fit inside consecutive windows: length in tokens, window in examples."""

    length: int
    window: int


class RunSettings(Model):
    """A `train` or `evaluate` block, as it goes into run.json."""

    kind: Literal["train", "evaluate"]
    name: str
    settings: dict[str, object]


class BuildPlan(Model):
    """Everything one artefact is made from.

    Attributes:
        package: Name of the folder of the specs; the artefact lies at OUT/package/title.
        splits: "train" is trained on and packed; every other one becomes an evaluation set.
        evaluated: Sources of the evaluation sets, by name.
        variant: In a sweep the parameter and its value, "held_out=nli"; part of no content.
    """

    name: str
    package: str
    edition: int
    params: dict[str, str | int | float | bool | None]
    sources: tuple[Source, ...]
    templates: tuple[Template, ...]
    mixture: Mixture
    tokenizer: Tokenizer
    format: Format
    pack: Pack
    splits: tuple[str, ...]
    evaluated: tuple[str, ...]
    runs: tuple[RunSettings, ...]
    sample: int | None  # at most so many input rows per source and split; None = all
    at: Place
    variant: str = ""

    @property
    def title(self) -> str:
        """The build's name among those of its package: with its variant, if it has one."""
        return f"{self.name}@{self.variant}" if self.variant else self.name


class Plan(Model):
    """The builds of one call, in order of declaration."""

    version: Literal[1] = 1
    builds: tuple[BuildPlan, ...]
