"""The forms that statements take: connectors, rates, formats, packers, and their arguments.

In: nothing. Out: tables, read by the checker, the manual and the editor. A form looks like a call
and is none: `best_fit(length: 2048)` names one way of a closed list. What a form does is the
compiler's business.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

__all__ = [
    "CARVE",
    "CONNECTORS",
    "DECONTAMINATIONS",
    "FORMATS",
    "METHODS",
    "METRICS",
    "PACKS",
    "RATES",
    "REQUIRED",
    "STRATA",
    "TOKENIZERS",
    "Form",
    "FormArgument",
    "Kind",
    "Required",
]


class Required(Enum):
    """The mark of an argument without default."""

    REQUIRED = "required"


REQUIRED: Final = Required.REQUIRED


class Kind(StrEnum):
    """What an argument takes; the value is how a message says it."""

    COUNT = "a whole number above 0"
    WHOLE = "a whole number, 0 or more"
    NUMBER = "a number above 0"
    AMOUNT = "a number, 0 or more"
    TEMPERATURE = "a number, 0.1 or more"
    FRACTION = "a number from 0 to 1"
    TEXT = "a text"
    TEXTS = "a list of texts"
    FLAG = "true or false"
    WORD = "one of the words"
    TOKEN = "a special token's name, a text or none"  # noqa: S105 # not a password
    WEIGHTS = "names with weights: {a: 2, b: 1}"
    NAME = "a name"
    ROW = "an expression over the row"
    FORM = "a form"
    SETTING = "a number, a text, a word or a call"


@dataclass(frozen=True, slots=True)
class FormArgument:
    """An argument of a form.

    Attributes:
        by_position: Given without its name; all others are given by name.
        words: For `Kind.WORD`, the words that it may be.
        default: The value where it is left out; a word or token stands as its text.
    """

    name: str
    kind: Kind
    doc: str
    default: str | int | float | bool | Required | None = REQUIRED
    by_position: bool = False
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """One way of a closed list.

    Attributes:
        is_open: More named arguments may be given: what takes them checks them.
    """

    name: str
    doc: str
    arguments: tuple[FormArgument, ...] = ()
    is_open: bool = False


def _table(*forms: Form) -> dict[str, Form]:
    return {form.name: form for form in forms}


def _path(doc: str) -> FormArgument:
    return FormArgument("path", Kind.TEXT, doc, by_position=True)


_FILES = "File or glob; `{split}` and parameters may stand in it."
_CONFIG = FormArgument("config", Kind.TEXT, "Configuration of the data set.", default=None)
_REVISION = FormArgument("revision", Kind.TEXT, "Commit to read; the lock pins it.", default=None)

CONNECTORS: Final = _table(
    Form("jsonl", "JSON Lines, also compressed (.gz, .zst).", (_path(_FILES),)),
    Form(
        "csv",
        "Comma-separated values.",
        (
            _path(_FILES),
            FormArgument("delimiter", Kind.TEXT, "Between two values.", default=","),
            FormArgument(
                "columns",
                Kind.TEXTS,
                "Names of the columns; without it the first line has them.",
                None,
            ),
        ),
    ),
    Form(
        "tsv",
        "Tab-separated values.",
        (
            _path(_FILES),
            FormArgument(
                "columns",
                Kind.TEXTS,
                "Names of the columns; without it the first line has them.",
                None,
            ),
        ),
    ),
    Form("parquet", "Apache Parquet.", (_path(_FILES),)),
    Form("arrow", "Arrow IPC files and streams.", (_path(_FILES),)),
    Form("text", "Plain text: one row a line, in the column `text`.", (_path(_FILES),)),
    Form(
        "plugin",
        "Rows that another package's connector gives.",
        (
            FormArgument("connector", Kind.TEXT, "Its name.", by_position=True),
            FormArgument(
                "path",
                Kind.TEXT,
                "What it reads; a file or folder starts with `./`, `../`, `/` or a path parameter.",
                by_position=True,
            ),
        ),
        is_open=True,
    ),
    Form(
        "hf",
        "A data set of the Hugging Face hub, or a folder in its form.",
        (
            FormArgument(
                "id",
                Kind.TEXT,
                "`owner/name`; what starts with `./`, `../`, `/` or a path parameter is a folder.",
                by_position=True,
            ),
            _CONFIG,
            _REVISION,
        ),
    ),
)

TOKENIZERS: Final = _table(
    Form("file", "A tokenizer.json.", (_path("The file."),)),
    Form("folder", "A folder with tokenizer.json and its configuration.", (_path("The folder."),)),
    Form(
        "hf",
        "A tokenizer of the Hugging Face hub.",
        (FormArgument("id", Kind.TEXT, "`owner/name`.", by_position=True), _REVISION),
    ),
)

CARVE: Final = _table(
    Form(
        "carve",
        "Rows taken out of another split by keyed hash.",
        (
            FormArgument("origin", Kind.NAME, "The split they are taken out of.", by_position=True),
            FormArgument("count", Kind.COUNT, "How many rows.", by_position=True),
        ),
    )
)

METRICS: Final = _table(
    Form("accuracy", "Share of right answers."),
    Form("exact_match", "Share of answers equal to a reference after SQuAD's normalisation."),
    Form("squad_f1", "Best word overlap with a reference, as SQuAD counts it."),
    Form("f1", "F1 of the positive class, or averaged over classes."),
    Form("matthews", "Matthews' correlation."),
    Form("pearson", "Pearson's correlation."),
    Form("bleu", "Corpus BLEU, as sacreBLEU counts it."),
    Form("rouge", "ROUGE-1, ROUGE-2 and ROUGE-L."),
    Form("chrf", "Character n-gram F-score."),
    Form("perplexity", "Of the target, a token."),
)

_CAP = FormArgument(
    "cap",
    Kind.COUNT,
    "Rows of a source that count at most; more give no more weight.",
    default=None,
)

RATES: Final = _table(
    Form(
        "proportional",
        "Weight min(n, cap) for n rows.",
        (
            _CAP,
            FormArgument(
                "limit", Kind.COUNT, "Rows of each source that take part at all.", default=None
            ),
        ),
    ),
    Form(
        "temperature",
        "Weight min(n, cap) ** (1 / t) for n rows.",
        (
            FormArgument("t", Kind.TEMPERATURE, "1: proportional; large: equal.", by_position=True),
            _CAP,
        ),
    ),
    Form("equal", "The same weight for every source."),
    Form(
        "shares",
        "Declared weights.",
        (FormArgument("weights", Kind.WEIGHTS, "A weight for each name.", by_position=True),),
    ),
)

_GROUP = FormArgument(
    "group",
    Kind.ROW,
    "What groups the rows; groups in groups as a list: `[category, task]`.",
    by_position=True,
)

STRATA: Final = _table(
    Form(
        "temperature",
        "Spread over groups: weight n ** (1 / tau) for a group of n rows.",
        (
            _GROUP,
            FormArgument(
                "tau", Kind.TEMPERATURE, "1: as the rows are; large: equal.", by_position=True
            ),
        ),
    ),
    Form(
        "balance",
        "As equally over groups as they allow.",
        (_GROUP,),
    ),
)

DECONTAMINATIONS: Final = _table(
    Form(
        "ngrams",
        "A row goes that shares a run of n words.",
        (
            FormArgument("n", Kind.COUNT, "Words of a run.", by_position=True),
            FormArgument(
                "max_rows",
                Kind.COUNT,
                "A run that stands in more rows of the splits does not count.",
                default=10,
            ),
        ),
    ),
    Form(
        "near",
        "A row goes whose words are this similar (Jaccard).",
        (FormArgument("similarity", Kind.FRACTION, "From 0 to 1.", by_position=True),),
    ),
)

_OVERFLOW = FormArgument(
    "overflow",
    Kind.WORD,
    "What happens to an example that is too long.",
    default="error",
    words=("trim", "trim_prompt", "drop", "split", "error"),
)
_BOS = FormArgument(
    "bos",
    Kind.WORD,
    "Whether each example starts with the BOS token.",
    default="none",
    words=("none", "example"),
)

FORMATS: Final = _table(
    Form(
        "prompt_target",
        "Input, separator, target, end: for decoder-only models.",
        (
            FormArgument("input", Kind.COUNT, "Tokens of the input at most."),
            FormArgument("target", Kind.COUNT, "Tokens of the target and its end at most."),
            FormArgument("separator", Kind.TOKEN, "Between input and target; not trained."),
            FormArgument("end", Kind.TOKEN, "After the target; trained."),
            _BOS,
            _OVERFLOW,
            FormArgument(
                "seam",
                Kind.WORD,
                "Whether input and target are encoded apart.",
                default="split",
                words=("split", "join"),
            ),
        ),
    ),
    Form(
        "chat",
        "Turns one after another, each closed by an end of turn.",
        (
            FormArgument("end_of_turn", Kind.TOKEN, "After each turn."),
            FormArgument("max", Kind.COUNT, "Tokens of an example at most."),
            FormArgument(
                "loss",
                Kind.WORD,
                "Which of the assistant's turns are trained.",
                default="assistant",
                words=("assistant", "last"),
            ),
            _BOS,
            _OVERFLOW,
            FormArgument(
                "template",
                Kind.WORD,
                "Whether turns are rendered by the tokenizer's own template.",
                default="none",
                words=("none", "tokenizer"),
            ),
            FormArgument(
                "date",
                Kind.TEXT,
                "The day that a template is told where it writes today's, such as 2024-07-26.",
                default=None,
            ),
        ),
    ),
)

PACKS: Final = _table(
    Form(
        "best_fit",
        "Best fit inside consecutive windows of examples.",
        (
            FormArgument("length", Kind.COUNT, "Tokens of a pack."),
            FormArgument("window", Kind.COUNT, "Examples of a window.", default=20_000),
        ),
    )
)

METHODS: Final = _table(
    Form(
        "rank",
        "The option with the greatest likelihood is the answer.",
        (
            FormArgument(
                "score",
                Kind.WORD,
                "Log-likelihood of an option: its sum, or its mean a token.",
                default="sum",
                words=("sum", "mean"),
            ),
        ),
    ),
    Form(
        "generate",
        "The model writes the answer.",
        (FormArgument("max", Kind.COUNT, "Tokens of an answer at most.", default=256),),
        is_open=True,
    ),
)
