"""Words: what is compared of a text, and what is not."""

import unicodedata
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.resemblance.words import WordHashes, texts_in, words, words_key

PLAIN = st.text(st.characters(codec="ascii"))
SPACES = st.sampled_from([" ", "\n", "\t  ", "\u00a0", ", ", "—", "... ", "\u200b"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rains.", ["it", "rains"]),
        ("  re-cased,RE-SPACED\n\n(once) ", ["re", "cased", "re", "spaced", "once"]),
        ("don't 3.5% x_1 <b>", ["don", "t", "3", "5", "x", "1", "b"]),
        ("Straße ΣΊΣΥΦΟΣ Café", ["strasse", "σίσυφοσ", "café"]),
        ("Cafe\u0301 \ufb01ne \uff11\uff12", ["café", "fine", "12"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("我爱taskc。", ["我", "爱", "taskc"]),
        ("ไทย ok", ["ไ", "ท", "ย", "ok"]),
        ("+ - *", []),
        ("", []),
    ],
)
def test_a_text_has_these_words(text, expected):
    """Letters, marks and digits, without case; where no spaces are written every character."""
    assert expected == words(text)


@given(st.lists(st.text(st.characters(categories=["Ll", "Nd"], max_codepoint=0x24F), min_size=1)),
       SPACES)  # fmt: skip
def test_case_punctuation_and_spacing_do_not_count(parts, space):
    """The same words however they are written: upper case, other spaces, decomposed."""
    plain = words(" ".join(parts))

    assert plain == words(space.join(parts))
    assert plain == words(unicodedata.normalize("NFD", " ".join(parts)))
    # Letters whose upper case is that of another one, such as the dotless i, are not the same.
    if all(part.upper().casefold() == part.casefold() for part in parts):
        assert plain == words(" ".join(parts).upper())


@given(PLAIN)
def test_ascii_is_no_case_of_its_own(text):
    """The table that is used for plain text says what Python's own tests of characters say."""
    spaced = "".join(c.lower() if c.isalnum() else " " for c in text)

    assert spaced.split() == words(text)


def test_texts_are_found_within_a_value():
    """Every text counts, in lists and records too; numbers are none."""
    value = ["a", {"role": "user", "content": ["b", 1]}, None, 2.5, True]

    assert ["a", "user", "b"] == list(texts_in(value))
    assert ["c"] == list(texts_in("c"))


def test_a_hash_is_that_of_the_word_alone(monkeypatch):
    """It is BLAKE2b of the UTF-8, whatever was hashed before and forgotten."""
    known = WordHashes()
    expected = [int.from_bytes(blake2b(w.encode(), digest_size=8).digest(), "big") for w in "añ"]

    assert expected == known.of(["a", "ñ"]).tolist()
    monkeypatch.setattr("taskc.compiler.resemblance.words._MAX_KNOWN", 1)
    assert expected[1:] * 2 == known.of(["ñ", "ñ"]).tolist()
    assert len(known) == 1


def test_a_key_stands_for_the_words_in_order():
    """Equal words, equal keys; and no others."""
    keys = {words_key(each) for each in (["a", "b"], ["b", "a"], ["ab"], [], ["a", "b", "c"])}

    assert len(keys) == 5
    assert words_key(["a", "b"]) == words_key(iter(["a", "b"]))
