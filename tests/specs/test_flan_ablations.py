"""The ablations of FLAN 2021: the steps of figure 6, and section 4.3 without instructions.

specs/flan_ablations is read as a user reads it: checked from the disk, without a row of data.
"""

from functools import cache
from pathlib import Path

import pytest

from taskc.compiler.lower import lower
from taskc.dsl.checker import check
from taskc.dsl.report import render
from taskc.dsl.text.format import format_text
from taskc.dsl.text.source_text import SourceText

FOLDER = Path(__file__).parents[2] / "specs" / "flan_ablations"

# Figure 6: what is added, by the number of data sets; the last one is figure 3's, in part.
STEPS = (
    ("summarization",),
    ("translation",),
    ("reading",),
    ("sentiment",),
    ("struct_to_text",),
    ("coreference",),
    ("coqa", "quac"),
)
HELD_OUT = {"nli", "closed_book_qa", "commonsense"}
WITHOUT_INSTRUCTIONS = {"no_template": "none", "data_set_name": "name"}


@cache
def checked(unseen="none"):
    """The ablations, checked, with a cluster of section 4.3 held out or none."""
    return check([str(FOLDER)], params={"unseen": unseen})


@cache
def build(name, unseen="none"):
    """A build, lowered."""
    return lower(checked(unseen).program, only=name).builds[0]


def sources_of(cluster):
    """The names of a cluster's sources; a source's own name."""
    clusters = checked().program.packages[0].imports["flan"].clusters
    return {each.name for each in clusters[cluster].sources} if cluster in clusters else {cluster}


@pytest.mark.parametrize("unseen", ["none", "flan.reading"])
def test_nothing_is_wrong(unseen):
    """No error, no warning and no lint, whatever is held out."""
    found = checked(unseen)

    assert render(found.diagnostics, found.program.texts) == ""


def test_it_is_laid_out():
    """`taskc fmt` has nothing to change."""
    for path in FOLDER.glob("*.task"):
        text = path.read_text(encoding="utf-8")

        assert format_text(SourceText(path.name, text)).text == text


def test_each_step_of_figure_6_adds_a_cluster():
    """One to seven, nothing that is held out or related to it, and the mixture of the recipe."""
    trained = set()
    for number, added in enumerate(STEPS, 1):
        trained |= {source for cluster in added for source in sources_of(cluster)}
        mixture = build(f"clusters_{number}").mixture

        assert set(mixture.sources) == trained
        assert set(mixture.held_out_sources) == {s for c in HELD_OUT for s in sources_of(c)}
        assert (mixture.rate.kind, mixture.rate.cap) == ("proportional", 3_000)
        assert (mixture.total.count, mixture.total.unit) == (30_000 * 8_192, "tokens")


def test_steps_come_by_the_number_of_data_sets():
    """As the paper adds them; translation and reading have sources more than it counts."""
    sizes = [sum(len(sources_of(cluster)) for cluster in added) for added in STEPS]

    assert sizes == [11, 10, 6, 4, 4, 3, 2]


@pytest.mark.parametrize("name", WITHOUT_INSTRUCTIONS)
def test_templates_have_no_words(name):
    """Inputs are values, one a line, after the name where that is what is asked."""
    given = [
        turn.text.parts
        for template in build(name).templates
        for prompt in template.prompts
        for turn in prompt.turns
        if not turn.trained
    ]
    words = {part for parts in given for part in parts if isinstance(part, str)} - {"\n"}

    assert build(name).mixture.templates == WITHOUT_INSTRUCTIONS[name]
    assert given
    if name == "no_template":
        assert words == set()
    else:
        assert all(word.startswith("[") and word.endswith("] ") for word in words)
        assert "[Natural language inference: Recognizing textual entailment] " in words


@pytest.mark.parametrize("name", WITHOUT_INSTRUCTIONS)
def test_section_4_3_trains_on_what_the_recipe_trains_on(name):
    """All that is trained on, or all but a cluster and what goes with it."""
    whole = set(build(name).mixture.sources)
    left = set(build(name, "flan.reading").mixture.sources)

    assert sources_of("nli") <= whole
    assert whole - left == sources_of("reading") | sources_of("reading_commonsense")
