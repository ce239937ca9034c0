"""What the sources of the FLAN 2021 recipe make of a row in the form of their data set.

Rows are invented, in the form that the cards and loaders describe, which the comments in specs/flan
name: no row of a data set stands here, and none is read.
"""

from functools import cache
from pathlib import Path

import pytest

from taskc.compiler.lower import lower
from taskc.compiler.rows.shaping import Shaping
from taskc.compiler.rows.values.evaluate import Env, compile_expression
from taskc.dsl.checker import check

FOLDER = Path(__file__).parents[2] / "specs" / "flan"

GREEN = {"text": "Grass is green.", "question": "Which colour is grass?"}
LANGUAGES = {
    "para_crawl_ende": ("de", "German"),
    "para_crawl_enes": ("es", "Spanish"),
    "para_crawl_enfr": ("fr", "French"),
    "wmt14_enfr": ("fr", "French"),
    "wmt16_encs": ("cs", "Czech"),
    "wmt16_ende": ("de", "German"),
    "wmt16_enfi": ("fi", "Finnish"),
    "wmt16_enro": ("ro", "Romanian"),
    "wmt16_enru": ("ru", "Russian"),
    "wmt16_entr": ("tr", "Turkish"),
}

# Source -> a row as the data set has it, and the fields that it becomes.
ROWS = {
    "boolq": (
        {"passage": "Grass -- It is green.", "question": "is grass green", "label": 1},
        {"passage": "Grass -- It is green.", "question": "Is grass green?", "label": "yes"},
    ),
    "drop": (
        {
            "passage": "A and B won; C lost.",
            "question": "Who won?",
            "answers_spans": {"spans": ["A", "B"], "types": ["span", "span"]},
        },
        {"passage": "A and B won; C lost.", "question": "Who won?", "answers": ["A, B", "A", "B"]},
    ),
    "multirc": (
        {"paragraph": "It rains.", "question": "Is it dry?", "answer": "No", "label": 1},
        {"passage": "It rains.", "question": "Is it dry?", "proposal": "No", "label": "right"},
    ),
    "openbookqa": (
        {
            "question_stem": "Rain is",
            "choices": {"text": ["dry", "wet"], "label": ["A", "B"]},
            "answerKey": "B",
            "fact1": "water is wet",
        },
        {"fact": "water is wet", "question": "Rain is", "choices": ["dry", "wet"], "label": 1},
    ),
    "squad_v1": (
        {
            "context": GREEN["text"],
            "question": " Which colour is grass?",
            "answers": {"text": ["green", "green", "Green"], "answer_start": [9, 9, 9]},
        },
        {"passage": GREEN["text"], "question": GREEN["question"], "answers": ["green", "Green"]},
    ),
    "squad_v2": (
        {
            "context": GREEN["text"],
            "question": "Who said so?",
            "answers": {"text": [], "answer_start": []},
        },
        {"passage": GREEN["text"], "question": "Who said so?", "answers": []},
    ),
    "cosmos_qa": (
        {
            "context": "I ran.",
            "question": "Why?",
            "answer0": "a",
            "answer1": "b",
            "answer2": "c",
            "answer3": "d",
            "label": 2,
        },
        {"passage": "I ran.", "question": "Why?", "choices": ["a", "b", "c", "d"], "label": 2},
    ),
    "record": (
        {
            "passage": "Ann met Bo.\n@highlight\nA meeting",
            "query": "Soon @placeholder left.",
            "entities": ["Bo", "Ann", "Bo"],
            "answers": ["Bo"],
        },
        {
            "passage": "Ann met Bo.",
            "sentence": "Soon @placeholder left.",
            "choices": ["Ann", "Bo"],
            "answers": ["Bo"],
        },
    ),
    "common_gen": (
        {"concepts": ["dog", "run"], "target": "A dog runs."},
        {"concepts": ["dog", "run"], "text": "A dog runs."},
    ),
    "dart": (
        {
            "tripleset": [["[TABLECONTEXT]", "[TITLE]", "Cities"], ["Bern", "COUNTRY", "CH"]],
            "target": "Bern is in CH.",
            "references": [],
        },
        {
            "triples": [
                {"subject": "the table", "relation": "title", "object": "Cities"},
                {"subject": "Bern", "relation": "COUNTRY", "object": "CH"},
            ],
            "text": "Bern is in CH.",
        },
    ),
    "e2e_nlg": (
        {
            "meaning_representation": "name[The Mill], area[by the river]",
            "target": "The Mill is by the river.",
            "references": [],
        },
        {
            "kind": "place to eat or drink",
            "fields": [
                {"name": "name", "value": "The Mill"},
                {"name": "area", "value": "by the river"},
            ],
            "text": "The Mill is by the river.",
        },
    ),
    "web_nlg": (
        {
            "input": ["New_Town | leaderName | Ann_Lee"],
            "target": "Ann Lee leads New Town.",
            "references": ["Ann Lee leads New Town.", "New Town is led by Ann Lee."],
        },
        {
            "triples": [{"subject": "New Town", "relation": "leaderName", "object": "Ann Lee"}],
            "text": "Ann Lee leads New Town.",
        },
    ),
    "aeslc": (
        {"email_body": "See you at ten.\n", "subject_line": "Our\nmeeting"},
        {
            "text": "See you at ten.",
            "kind": "business e-mail",
            "line": "Our meeting",
            "name": "subject line",
        },
    ),
    "ag_news": (
        {"text": "Stocks\\rose &amp; fell", "label": 2},
        {"text": "Stocks rose & fell", "label": "business"},
    ),
    "cnn_dailymail": (
        {"article": "It rained all day.", "highlights": "It rained ."},
        {
            "document": "It rained all day.",
            "kind": "news article",
            "summary": "It rained .",
            "form": "a few highlights, one a line",
        },
    ),
    "gigaword": (
        {"document": "it rained in bern .", "summary": "rain in bern"},
        {
            "text": "it rained in bern .",
            "kind": "news item",
            "line": "rain in bern",
            "name": "headline",
        },
    ),
    "multi_news": (
        {"document": "One. ||||| Two. |||||", "summary": " Both."},
        {"reports": ["One.", "Two."], "summary": "Both."},
    ),
    "newsroom": (
        {"text": "It rained.", "summary": "Rain."},
        {
            "document": "It rained.",
            "kind": "news article",
            "summary": "Rain.",
            "form": "a sentence or two, as a newspaper prints them under the title",
        },
    ),
    "opinion_idebate": (
        {
            "_debate_name": "Zoos",
            "_claim": "Zoos teach.",
            "_argument_sentences": {"value": ["One learns there."]},
        },
        {
            "subject": "Zoos",
            "role": "debaters",
            "opinions": ["One learns there."],
            "verdict": "Zoos teach.",
            "name": "claim",
        },
    ),
    "opinion_movie": (
        {
            "_movie_name": "the_rain",
            "_critic_consensus": "A wet film.",
            "_critics": {"value": ["Wet.", "Damp."]},
        },
        {
            "subject": "the rain",
            "role": "critics",
            "opinions": ["Wet.", "Damp."],
            "verdict": "A wet film.",
            "name": "consensus",
        },
    ),
    "samsum": (
        {"dialogue": "Ann: Hi\r\nBo: Hi", "summary": "They greet."},
        {"conversation": "Ann: Hi\nBo: Hi", "summary": "They greet."},
    ),
    "wiki_lingua_en": (
        {"source": "Boil water. Add tea.", "target": "Make tea."},
        {
            "document": "Boil water. Add tea.",
            "kind": "how-to guide",
            "summary": "Make tea.",
            "form": "a short sentence for each step",
        },
    ),
    "xsum": (
        {"document": "It rained all day.", "summary": "It rained."},
        {
            "document": "It rained all day.",
            "kind": "news article",
            "summary": "It rained.",
            "form": "a single sentence",
        },
    ),
    "cola": (
        {"sentence": "Rain falls it.", "label": 0},
        {"sentence": "Rain falls it.", "label": "unacceptable"},
    ),
    "coqa": (
        {
            "story": "Ann ran.",
            "questions": ["Who ran?", "Did she?"],
            "answers": {"input_text": ["Ann", "yes"]},
        },
        {"passage": "Ann ran.", "questions": ["Who ran?", "Did she?"], "answers": ["Ann", "yes"]},
    ),
    "fix_punctuation": (
        {"translation": {"en": "\u201cStop\u201d, said Ann \u2013 it's late (very)."}},
        {
            "text": "\u201cStop\u201d, said Ann \u2013 it's late (very).",
            "bare": "Stop said Ann its late very",
        },
    ),
    "math": (
        {"question": "b'Solve 3*x = 6 for x.\\n'", "answer": "b'2\\n'"},
        {"problem": "Solve 3*x = 6 for x.", "result": "2"},
    ),
    "quac": (
        {
            "wikipedia_page_title": "Bern",
            "section_title": "Name",
            "context": "It is old. CANNOTANSWER",
            "questions": ["Is it old?"],
            "answers": {"texts": [["It is old.", "old"]]},
            "orig_answers": {"texts": ["It is old."]},
        },
        {
            "title": "Bern, Name",
            "passage": "It is old.",
            "earlier": [],
            "question": "Is it old?",
            "answer": "It is old.",
        },
    ),
    "trec": (
        {"text": "Who rains ?", "coarse_label": 3},
        {
            "text": "Who rains ?",
            "kind": "question",
            "categories": [
                "abbreviation",
                "entity",
                "description",
                "human",
                "location",
                "number",
            ],
            "label": 3,
        },
    ),
    "wic": (
        {"word": "run", "sentence1": "I run.", "sentence2": "A run on banks.", "label": 0},
        {
            "word": "run",
            "sentence1": "I run.",
            "sentence2": "A run on banks.",
            "label": "different",
        },
    ),
    **{
        name: (
            {"translation": {"en": "Rain.", code: f"Rain in {language}."}},
            {
                "text": "Rain.",
                "language": "English",
                "other_text": f"Rain in {language}.",
                "other_language": language,
            },
        )
        for name, (code, language) in LANGUAGES.items()
    },
}
# Source -> what `where` leaves out, as a change of the row above.
LEFT_OUT = {
    "record": {"answers": []},
    "gigaword": {"document": "it rained # times in bern ."},
    "samsum": {"dialogue": None},
    "coqa": {"questions": ["Who ran?"]},
    "fix_punctuation": {"translation": {"en": "No marks"}},
}
# Source -> what an evaluation of the row above accepts.
ACCEPTED = {
    "drop": ["A, B", "A", "B"],
    "squad_v2": ["unanswerable"],
    "record": ["Bo"],
    "e2e_nlg": ["The Mill is by the river."],
    "web_nlg": ["Ann Lee leads New Town.", "New Town is led by Ann Lee."],
    "quac": ["It is old.", "old"],
}


@cache
def sources():
    """The recipe's sources as they are carried out, by name."""
    lowered = lower(check([str(FOLDER)]).program, only="flan2021")

    return {source.name: source for source in lowered.builds[0].sources}


def shaped(name, raw):
    """A row after its source's clauses; None where `where` leaves it out."""
    shaping = Shaping(sources()[name])
    values, row_id = shaping.conform(dict(raw), is_text=False)
    env = shaping.env(values, row_id)
    shaping.evaluate_lets(env)
    if shaping.refusing(env) is not None:
        return None
    shaping.check_fields(values)
    return shaping.finished([values])[0]


@pytest.mark.parametrize("name", ROWS)
def test_a_row_becomes_what_its_schema_says(name):
    """Columns are found, labels turned into words, texts freed of what their files need."""
    raw, expected = ROWS[name]
    made = shaped(name, raw)

    assert {field: made[field] for field in sources()[name].row} == expected


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_evaluation_accepts_every_answer_of_a_row(name):
    """Those that the data set gives beside the one that is learned."""
    raw, _ = ROWS[name]
    accepted = compile_expression(sources()[name].references)
    env = Env(shaped(name, raw), lambda _: 0)

    assert accepted(env) == ACCEPTED[name]


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_row_that_makes_no_example_is_left_out(name):
    """Without an answer, without a text, or with what the release leaves out too."""
    raw, _ = ROWS[name]

    assert shaped(name, raw | LEFT_OUT[name]) is None
