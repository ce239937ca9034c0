"""How options are listed and answered."""

import pytest

from taskc.compiler.turns.templates.options import arranged, mark

SURFACES = ("Yes", "It's not possible to tell", "No")


@pytest.mark.parametrize(
    ("style", "shown", "answers"),
    [
        ("dashes", "OPTIONS:\n- Yes\n- It's not possible to tell\n- No", SURFACES),
        ("letters", "OPTIONS:\n(A) Yes\n(B) It's not possible to tell\n(C) No", ("A", "B", "C")),
        ("numbers", "OPTIONS:\n(1) Yes\n(2) It's not possible to tell\n(3) No", ("1", "2", "3")),
        ("none", "", SURFACES),
    ],
)
def test_styles(style, shown, answers):
    """Dashes are FLAN's form; a mark is answered without its brackets."""
    options = arranged(style, SURFACES, 2)

    assert options.shown == shown
    assert options.answers == answers
    assert options.surfaces == SURFACES
    assert options.own == 2


def test_an_order_moves_the_answer_along():
    """Letters stand in the order shown, and the answer is the letter of its own text."""
    options = arranged("letters", SURFACES, 0, [1, 2, 0])

    assert options.shown == "OPTIONS:\n(A) It's not possible to tell\n(B) No\n(C) Yes"
    assert options.own == 2
    assert options.answers[options.own] == "C"
    assert options.surfaces[options.own] == "Yes"


@pytest.mark.parametrize(
    ("index", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (702, "AAA")]
)
def test_letters_go_on_after_z(index, letters):
    """Every option has a mark of its own, however many there are."""
    assert mark(index) == letters
