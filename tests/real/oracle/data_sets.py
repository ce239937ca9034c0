"""The 43 data sets of tests/real/flan, said again in Python: clusters, rows, options.

In: lines of the data files. Out: which rows a source has, their ids, and what each of them offers
under a template with options. What a prompt says around the options is not said again here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from oracle import draws
from oracle.draws import Key
from oracle.rows import Line, lines

Raw = dict[str, Any]
# What is offered: the surfaces in the order shown, and which of them is right.
Offer = tuple[list[str], int]

CLUSTERS = {
    "nli": ("snli", "conj_nli", "med"),
    "paraphrase": ("asset", "disfl_qa", "paws"),
    "closed_book_qa": (
        *("arc_challenge", "arc_easy", "nq_open", "openbookqa"),
        *("strategyqa", "triviaqa", "web_questions"),
    ),
    "commonsense": ("copa", "creak", "ecqa", "piqa", "qasc", "sensemaking"),
    "coreference": ("gap", "winogender", "winogrande", "wsc273"),
    "misc": ("banking77", "clinc150", "gsm8k", "query_wellformedness"),
    "reading": ("boolq", "fairytaleqa", "squad_xquad_en"),
    "reading_commonsense": ("cosmosqa",),
    "sentiment": ("dynasent", "poem_sentiment", "sentiment_sentences"),
    "struct_to_text": ("common_gen", "dart", "e2e_nlg"),
    "summarization": ("amazon_food_summary", "scitldr"),
    "translation": ("translate_en_de", "translate_en_es", "translate_en_ro", "translate_en_zh"),
}
# Wei et al. 2022, section 2.2: what goes out of training with a cluster that is held out.
HELD_OUT_WITH = {
    "nli": ("paraphrase",),
    "paraphrase": ("nli",),
    "reading": ("reading_commonsense",),
    "commonsense": ("reading_commonsense",),
    "reading_commonsense": ("reading", "commonsense"),
}


def left_out(held_out: str) -> set[str]:
    """The sources that nothing is trained on while a cluster is held out."""
    gone = [held_out, *HELD_OUT_WITH.get(held_out, ())] if held_out else []
    return {source for cluster in gone for source in CLUSTERS[cluster]}


@dataclass(frozen=True)
class DataSet:
    """One source.

    Attributes:
        columns: What it reads of a row, which makes the row's id.
        keeps: What its `where` asks.
        label: Row -> the value of the field that templates offer surfaces for.
        choices: Row -> choices and the right one, where the row brings them.
        category: The column that has one of the values that occur in it.
        carved: Split -> how many rows are moved there out of train.
        floats: Columns whose whole numbers are read as floats.
    """

    name: str
    columns: tuple[str, ...]
    keeps: Callable[[Raw], bool] = lambda _raw: True
    label: Callable[[Raw], str] | None = None
    choices: Callable[[Raw], Offer] | None = None
    category: str = ""
    carved: tuple[tuple[str, int], ...] = ()
    floats: tuple[str, ...] = ()

    def id(self, raw: Raw) -> bytes:
        """The row's id."""
        row = {**raw, **{name: float(raw[name]) for name in self.floats}}
        return draws.row_id(row, self.columns)


@dataclass
class Rows:
    """The rows of all sources in a folder of data."""

    data: Path

    @cached_property
    def files(self) -> dict[tuple[str, str], list[Line]]:
        """(source, name of a file without its ending) -> its lines."""
        found = {}
        for name in DATA_SETS:
            for path in sorted((self.data / "flan" / name).iterdir()):
                place = path.relative_to(self.data).as_posix()
                found[name, path.name.partition(".")[0]] = list(lines(self.data, place))
        return found

    @cached_property
    def by_place(self) -> dict[tuple[str, int], Raw]:
        """(file, line number from 1) -> row."""
        return {(line.file, line.number): line.raw for each in self.files.values() for line in each}

    def split(self, name: str, split: str) -> list[Key]:
        """Keys of a source's rows in a split, after `where` and `carve`."""
        if name not in DATA_SETS:
            raise KeyError(name)
        return self._splits(name).get(split, [])

    @cache  # noqa: B019 (there are a handful of these, and they live to the end)
    def _splits(self, name: str) -> dict[str, list[Key]]:
        data_set = DATA_SETS[name]
        found: dict[str, list[Key]] = {}
        for (source, split), read in self.files.items():
            if source != name:
                continue
            seen: dict[bytes, int] = {}
            for line in read:
                row_id = data_set.id(line.raw)
                ordinal = seen[row_id] = seen.get(row_id, -1) + 1
                if data_set.keeps(line.raw):
                    found.setdefault(split, []).append(Key(row_id, ordinal))
        for split, wanted in data_set.carved:
            found[split] = _carved(name, split, found["train"], wanted)
            moved = set(found[split])
            found["train"] = [key for key in found["train"] if key not in moved]
        return found

    @cache  # noqa: B019 (as above)
    def training(self, name: str) -> set[Key]:
        """Keys of the rows that may be trained on."""
        return set(self.split(name, "train"))

    @cache  # noqa: B019 (as above)
    def ids(self, name: str) -> set[bytes]:
        """Ids of all rows of a source that its `where` keeps, in whatever split."""
        return {key.id for keys in self._splits(name).values() for key in keys}

    def offer(self, name: str, raw: Raw, template: str) -> Offer | None:
        """What a template offers of a row; None where it has no options."""
        data_set = DATA_SETS[name]
        if template in SURFACES:
            surfaces = SURFACES[template]
            return list(surfaces.values()), list(surfaces).index(data_set.label(raw))
        if template == "put_into_category":
            names = self._categories(name)
            return [each.replace("_", " ") for each in names], names.index(raw[data_set.category])
        if template == "pick_the_version":
            choices, right = data_set.choices(raw)
            return [_sentence(raw).replace("_", each) for each in choices], right
        return data_set.choices(raw) if template in LISTED else None

    @cache  # noqa: B019 (as above)
    def _categories(self, name: str) -> list[str]:
        column = DATA_SETS[name].category
        return sorted(
            {
                line.raw[column]
                for (own, _), each in self.files.items()
                if own == name
                for line in each
            }
        )

    def __hash__(self) -> int:
        """By identity."""
        return id(self)


def _carved(name: str, split: str, keys: list[Key], wanted: int) -> list[Key]:
    """Whole groups of equal rows in the order of their draw, as long as they fit."""
    groups: dict[bytes, list[Key]] = {}
    for key in keys:
        groups.setdefault(key.id, []).append(key)
    firsts = [Key(row_id, 0) for row_id in groups]
    moved: list[Key] = []
    for at in draws.drawn_order(draws.source_scope(), name, firsts, 0, f"carve/{split}"):
        group = groups[firsts[at].id]
        if len(moved) + len(group) <= wanted:
            moved += group
    return moved


# ---- options -----------------------------------------------------------------------------------

# Template -> value of the field -> its surface, in written order.
_FOLLOWS = ("entailment", "neutral", "contradiction")
_IMPLIED = ("entailment", "not_entailment")
_ALIKE = ("different", "same")
_FEELING = ("negative", "positive")
_GRAMMAR = ("unacceptable", "acceptable")
_ANSWER = ("no", "yes")


def _surfaces(values: tuple[str, ...], *texts: str) -> dict[str, str]:
    return dict(zip(values, texts, strict=True))


SURFACES = {
    "entailment_verdict": _surfaces(_FOLLOWS, "Yes", "It cannot be told", "No"),
    "entailment_relation": _surfaces(
        _FOLLOWS,
        "The second follows from the first",
        "The second may or may not be true",
        "The second cannot be true",
    ),
    "entailment_mark": _surfaces(_FOLLOWS, "True", "Not given", "False"),
    "implied": _surfaces(_IMPLIED, "yes", "no"),
    "entails": _surfaces(_IMPLIED, "entailment", "not entailment"),
    "argument_step": _surfaces(_IMPLIED, "valid", "invalid"),
    "same_meaning": _surfaces(_ALIKE, "no", "yes"),
    "how_many_facts": _surfaces(_ALIKE, "two facts", "one fact"),
    "paraphrase_label": _surfaces(_ALIKE, "different meaning", "paraphrase"),
    "same_question": _surfaces(_ALIKE, "no", "yes"),
    "duplicate_label": _surfaces(_ALIKE, "not duplicates", "duplicates"),
    "help_desk": _surfaces(_ALIKE, "Write an answer of its own", "Point to the earlier answer"),
    "review_verdict": _surfaces(_FEELING, "negative", "positive"),
    "review_liked": _surfaces(_FEELING, "no", "yes"),
    "review_thumb": _surfaces(_FEELING, "thumbs down", "thumbs up"),
    "review_pile": _surfaces(_FEELING, "complaints", "compliments"),
    "review_headline": _surfaces(_FEELING, "A disappointment", "A pleasure"),
    "opinion_label": _surfaces(_FEELING, "negative", "positive"),
    "opinion_mood": _surfaces(_FEELING, "a dark one", "a bright one"),
    "opinion_face": _surfaces(_FEELING, ":(", ":)"),
    "opinion_point": _surfaces(_FEELING, "-1", "+1"),
    "opinion_happy": _surfaces(_FEELING, "no", "yes"),
    "opinion_tone": _surfaces(_FEELING, "unfavourable", "favourable"),
    "yes_or_no": _surfaces(_ANSWER, "no", "yes"),
    "show_of_hands": _surfaces(_ANSWER, "They stay down", "They go up"),
    "acceptable": _surfaces(_GRAMMAR, "no", "yes"),
    "star": _surfaces(_GRAMMAR, "*", "ok"),
    "proofread": _surfaces(_GRAMMAR, "Needs correction", "Fine"),
}
# Templates whose options are the row's choices.
LISTED = (
    *("cause_or_effect", "means", "choose_one", "stands_for", "fill_the_gap"),
    "between_the_lines",
)


def _own(raw: Raw) -> Offer:
    return raw["choices"], raw["label"]


def _by_answer(raw: Raw) -> Offer:
    return raw["choices"], raw["choices"].index(raw["answer"])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _starts(raw: Raw) -> list[str]:
    """The two contexts without their last words."""
    return [each[: len(each) - len(each.split()[-1])] for each in raw["context_options"]]


def _sentence(raw: Raw) -> str:
    return f"{_starts(raw)[0]}_ {raw['continuation']}"


def _gap_alone_differs(raw: Raw) -> bool:
    first, second = _starts(raw)
    return first == second


def _fillers(raw: Raw) -> Offer:
    return [each.split()[-1] for each in raw["context_options"]], raw["label"]


def _named(values: tuple[str, str], column: str) -> Callable[[Raw], str]:
    return lambda raw: values[raw[column]]


def _is_pronoun_there(raw: Raw) -> bool:
    spaced = "".join(each if each.isalnum() or each == "_" else " " for each in raw["sentence"])
    return not {"she", "he", "they", "her", "his", "him", "their", "them"}.isdisjoint(
        spaced.split()
    )


# ---- the table ---------------------------------------------------------------------------------

_QUESTION = ("question", "choices", "label")
_CONTEXTS = ("context_options", "continuation", "label")

DATA_SETS = {
    each.name: each
    for each in (
        DataSet("snli", ("premise", "hypothesis", "label"), label=lambda raw: raw["label"]),
        DataSet(
            "conj_nli",
            ("premise", "hypothesis", "label"),
            label=lambda raw: raw["label"],
            carved=(("dev", 60), ("test", 120)),
        ),
        DataSet(
            "med",
            ("premise", "hypothesis", "label"),
            label=lambda raw: "entailment" if raw["label"] == "entailment" else "not_entailment",
        ),
        DataSet("asset", ("sentence", "simplifications"), label=lambda _raw: "same"),
        DataSet("disfl_qa", ("disfluent", "original"), label=lambda _raw: "same"),
        DataSet("paws", ("sentence1", "sentence2", "label"), label=_named(_ALIKE, "label")),
        DataSet("arc_challenge", _QUESTION, choices=_own),
        DataSet("arc_easy", _QUESTION, choices=_own),
        DataSet("nq_open", ("question", "answers")),
        DataSet("openbookqa", _QUESTION, choices=_own),
        DataSet(
            "strategyqa",
            ("question", "answer"),
            choices=lambda raw: (["yes", "no"], ["yes", "no"].index(raw["answer"])),
        ),
        DataSet("triviaqa", ("question", "answer", "aliases")),
        DataSet("web_questions", ("question", "answers"), lambda raw: bool(raw["answers"])),
        DataSet(
            "copa",
            ("premise", "choices", "label"),
            choices=lambda raw: ([_capital(each) for each in raw["choices"]], raw["label"]),
        ),
        DataSet("creak", ("question", "choices", "answer"), choices=_by_answer),
        DataSet("ecqa", ("question", "choices", "answer"), choices=_by_answer),
        DataSet("piqa", ("goal", "choices", "label"), choices=_own),
        DataSet("qasc", _QUESTION, choices=_own),
        DataSet("sensemaking", _QUESTION, choices=_own),
        DataSet(
            "gap",
            ("text", "pronoun", "a", "b", "a_coref", "b_coref"),
            lambda raw: raw["a_coref"] or raw["b_coref"],
            choices=lambda raw: ([raw["a"], raw["b"]], 0 if raw["a_coref"] else 1),
        ),
        DataSet(
            "winogender",
            ("sentence", "occupation", "participant", "answer"),
            _is_pronoun_there,
            choices=lambda raw: (
                [f"the {raw['occupation']}", f"the {raw['participant']}"],
                raw["answer"],
            ),
        ),
        DataSet("winogrande", _CONTEXTS, _gap_alone_differs, choices=_fillers),
        DataSet("wsc273", _CONTEXTS, _gap_alone_differs, choices=_fillers),
        DataSet("banking77", ("text", "category"), category="category", carved=(("dev", 200),)),
        DataSet("clinc150", ("text", "intent"), category="intent"),
        DataSet("gsm8k", ("question", "answer"), carved=(("dev", 200),)),
        DataSet(
            "query_wellformedness",
            ("query", "rating"),
            lambda raw: raw["rating"] <= 0.2 or raw["rating"] >= 0.8,
            label=lambda raw: "acceptable" if raw["rating"] > 0.5 else "unacceptable",
            floats=("rating",),
        ),
        DataSet("boolq", ("passage", "question", "answer"), label=lambda raw: raw["answer"]),
        DataSet("fairytaleqa", ("section", "question", "answer")),
        DataSet("squad_xquad_en", ("context", "question", "answers")),
        DataSet("cosmosqa", ("context", "question", "choices", "label"), choices=_own),
        DataSet(
            "dynasent",
            ("sentence", "label"),
            lambda raw: raw["label"] != "neutral",
            label=lambda raw: raw["label"],
        ),
        DataSet(
            "poem_sentiment",
            ("verse", "label"),
            lambda raw: raw["label"] in _FEELING,
            label=lambda raw: raw["label"],
        ),
        DataSet(
            "sentiment_sentences", ("sentence", "label", "site"), label=_named(_FEELING, "label")
        ),
        DataSet("common_gen", ("concepts", "target")),
        DataSet("dart", ("tripleset", "references")),
        DataSet("e2e_nlg", ("slots", "ref", "references")),
        DataSet("amazon_food_summary", ("review", "summary")),
        DataSet("scitldr", ("source", "target")),
        *(
            DataSet(f"translate_en_{language}", ("en", language))
            for language in ("de", "es", "ro", "zh")
        ),
    )
}
