"""Marks say what of a rendering is the row's, and leave no trace in it."""

from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.turns.rendering.marks import RESERVED, Marker, Token

# Tokens that overlap, hold each other, or are a single character.
TOKENS = ("<|im_end|>", "<|im", "_end|>", "ab", "bc", "x", "<s>", "</s>")
MARKER = Marker({token: number for number, token in enumerate(TOKENS)})
TEXTS = st.lists(st.sampled_from([*TOKENS, " ", "\n", "<", "a", "c", "é", "|>"]), max_size=8).map(
    "".join
)


@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_a_text_spells_nothing_and_comes_back(texts):
    """Whatever tokens a row spells, none is read as the template's, and no character is lost."""
    written = "</s>".join(MARKER.marked(text, number) for number, text in enumerate(texts))
    found = MARKER.read(written)

    assert found.text == "</s>".join(texts)
    assert [token.text for token in found.tokens] == ["</s>"] * (len(texts) - 1)
    for number, text in enumerate(texts):
        (start,), (stop,) = found.starts[number], found.stops[number]
        assert found.text[start:stop] == text.strip()


@given(text=TEXTS)
def test_a_template_trims_a_marked_text_as_it_is(text):
    """Marks stand inside the white space."""
    assert MARKER.read(MARKER.marked(text, 12).strip()).text == text.strip()


def test_tokens_of_the_template_get_their_guarded_names():
    """The tokenizer of texts knows them by these, and by these alone."""
    found = MARKER.read("<s>" + MARKER.marked("<s>", 0) + "</s>")
    named = MARKER.named(found.text, found.tokens, 0, len(found.text))

    assert found.tokens == [Token(0, 3, "<s>"), Token(6, 10, "</s>")]
    assert named == "\ufdd06\ufdd1<s>\ufdd07\ufdd1"
    assert RESERVED.search("\ufdd3")
    assert MARKER.named(found.text, found.tokens, 1, 6) == "s><s>"
