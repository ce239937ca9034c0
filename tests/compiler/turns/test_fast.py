"""The faster engine: the reference's ids, or none at all."""

import json
from dataclasses import replace
from itertools import pairwise
from random import Random
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskc.compiler.store.objects import Store
from taskc.compiler.turns import definition as definitions
from taskc.compiler.turns import fast
from taskc.compiler.turns.tokenizer import load

# Letters, digits, marks that combine, spaces of many kinds, emoji with joiners, noncharacters.
TEXTS = st.text(alphabet="ab12 '\n\r\t.é́漢ا\u00a0\u2028ǅ👩\u200d٣\ufdd0<>", max_size=14)
PLAIN = st.text(alphabet="ab12 '\n.", max_size=14)
MERGES = (("a", "b"), ("Ġ", "a"), ("Ġa", "b"), ("Ã", "©"), ("Ġ", "Ã©"), ("Ġ", "Ġ"), ("'", "s"))
many = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def byte_level(*, use_regex=False):
    """The step that turns characters to bytes."""
    return {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": use_regex,
    }


def split_by(pattern):
    """The step that parts texts by a pattern, and the one to bytes."""
    split = {
        "type": "Split",
        "pattern": {"Regex": pattern},
        "behavior": "Isolated",
        "invert": False,
    }
    return {"type": "Sequence", "pretokenizers": [split, byte_level()]}


STEPS = {
    "gpt2": byte_level(use_regex=True),
    "cl100k": split_by(fast._CL100K),
    "qwen": split_by(fast._QWEN),
    "tekken": split_by(fast._TEKKEN),
    "whole": byte_level(),
}


@pytest.fixture(params=STEPS)
def loaded(bench, make, request):
    """A tokenizer that parts texts in one of the ways that are known."""
    normalizer = {"type": "NFC"} if request.param == "qwen" else None
    bench.write(
        make.tiny_definition(
            merges=MERGES, pre_tokenizer=STEPS[request.param], normalizer=normalizer
        )
    )
    return bench.loaded()


class Liar:
    """An engine that gives the reference's ids but for one character."""

    def __init__(self, loaded, character):
        self.loaded = loaded
        self.character = character

    def encode_batch_flat(self, texts, *, add_special_tokens, split_special_tokens):
        """Every `character` is read as an exclamation mark."""
        assert (add_special_tokens, split_special_tokens) == (False, True)
        ids = self.loaded.reference([text.replace(self.character, "!") for text in texts])
        return ids.ids.tobytes(), ids.offsets.astype(np.uint64).tobytes()


def lying(loaded, character, *, has_sure_cuts=True):
    """The tokenizer with a lying engine."""
    engine = fast.ProvedEngine(loaded, Liar(loaded, character), has_sure_cuts=has_sure_cuts)
    return replace(loaded, engine=engine)


# ---- ids -----------------------------------------------------------------------------------------


@given(texts=st.lists(TEXTS, max_size=5))
@many
def test_the_engine_gives_the_ids_of_the_reference(loaded, texts):
    """Also of names of special tokens: no text can spell one."""
    pytest.importorskip("fastokens")
    faster = fast.faster(loaded)
    texts = [*texts, "<eos>", "\ufdd0256\ufdd1"]
    given_, wanted = faster.encode(texts), loaded.encode(texts)

    assert given_.ids.tolist() == wanted.ids.tolist()
    assert given_.offsets.tolist() == wanted.offsets.tolist()


@given(text=TEXTS)
@many
def test_pieces_are_read_as_they_are_in_the_text(loaded, text):
    """What is compared piece by piece is what stands in the whole."""
    pieces, counts = fast._pieces([text])
    definition = definitions.for_text(json.loads(loaded.files["tokenizer.json"]))

    assert "".join(pieces) == text
    assert counts == [len(pieces)]
    assert all(not (a.isascii() and b.isascii()) for a, b in pairwise(pieces))
    if fast._has_sure_cuts(definition):
        assert loaded.encode(pieces).ids.tolist() == loaded.encode([text]).ids.tolist()


def test_plain_words_are_not_compared_with_the_reference():
    """A long text with one foreign word costs that word."""
    text = "one two naïve three. four\u2019s five"

    assert fast._pieces([text])[0] == ["one two", " naïve", " three. four\u2019s", " five"]


@given(texts=st.lists(TEXTS, min_size=1, max_size=8), limit=st.integers(1, 30))
@many
def test_pieces_of_a_text_do_not_depend_on_the_texts_beside_it(texts, limit):
    """Many are cut at a time, and no word reaches over the end of one."""
    with mock.patch.object(fast, "_CUT_CHARS", limit):
        pieces, counts = fast._pieces(texts)
    alone = [fast._pieces([text])[0] for text in texts]

    assert pieces == [piece for own in alone for piece in own]
    assert counts == [len(own) for own in alone]


@pytest.mark.parametrize(
    "changes",
    [
        {"pre_tokenizer": split_by(r"\s+")},
        {"pre_tokenizer": byte_level()},
        {"pre_tokenizer": None},
        {"pre_tokenizer": {**byte_level(use_regex=True), "add_prefix_space": True}},
        {"normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": ""}},
        {"added_tokens": [{"id": 9, "content": "a b", "special": False}]},
        {"added_tokens": [{"id": 9, "content": "x", "special": False, "lstrip": True}]},
    ],
)
def test_other_tokenizers_are_compared_in_whole_texts(make, changes):
    """Where nothing says that a text is parted at spaces."""
    sure = make.tiny_definition(pre_tokenizer=byte_level(use_regex=True))

    assert fast._has_sure_cuts(sure)
    assert not fast._has_sure_cuts({**sure, **changes})


# ---- differences ---------------------------------------------------------------------------------


@pytest.mark.parametrize("has_sure_cuts", [True, False])
@given(before=PLAIN, after=PLAIN)
@many
def test_a_difference_outside_ascii_is_always_found(bench, before, after, *, has_sure_cuts):
    """Wherever it stands in a text."""
    loaded = lying(bench.loaded(), "é", has_sure_cuts=has_sure_cuts)
    with pytest.raises(fast.EnginesDifferError) as differ:
        loaded.encode(["plain", f"{before}é{after}"])

    assert differ.value.text == f"{before}é{after}"


@pytest.mark.parametrize(("length", "least", "most"), [(6, 10, 60), (300, 1, 12)])
def test_a_difference_in_plain_texts_is_found_in_a_sample(bench, length, least, most):
    """One short text of a hundred, one long text of a thousand: the same ones in every build."""
    loaded = lying(bench.loaded(), "7")
    random = Random(1)
    texts = [
        "".join(random.choices("abc 123.", k=random.randint(length // 2, length))) + "7"
        for _ in range(4_000)
    ]
    found = []
    for text in texts:
        try:
            loaded.encode([text])
        except fast.EnginesDifferError as differ:
            found.append(differ.text)

    assert least <= len(found) <= most
    with pytest.raises(fast.EnginesDifferError) as differ:
        loaded.encode(texts)
    assert differ.value.text == found[0]


def test_a_text_that_gives_no_ids_is_compared(bench):
    """Nothing of it could be drawn."""
    loaded = bench.loaded()
    engine = mock.Mock()
    engine.encode_batch_flat.return_value = b"", np.zeros(2, np.uint64).tobytes()
    proved = fast.ProvedEngine(loaded, engine, has_sure_cuts=True)

    with pytest.raises(fast.EnginesDifferError):
        proved.encode(["lost"])


# ---- choosing ------------------------------------------------------------------------------------


def test_small_builds_do_not_load_a_second_engine(bench, tmp_path):
    """Its start costs more than it saves."""
    store = Store.open(tmp_path / "store")

    assert fast.engine_for(bench.spec, store, num_examples=100) == "tokenizers"


def test_an_engine_that_is_absent_is_not_used(bench, tmp_path, monkeypatch):
    """The reference does it."""
    store = Store.open(tmp_path / "store")
    monkeypatch.setattr(fast, "engine_version", lambda _engine: "absent")

    assert fast.engine_for(bench.spec, store, num_examples=10**6) == "tokenizers"


@pytest.mark.parametrize("takes", [True, False])
def test_what_an_engine_takes_is_tried_once(bench, tmp_path, monkeypatch, takes):
    """The store remembers it: a later build loads neither engine to ask."""
    monkeypatch.setattr(fast, "version", lambda _library: "1")
    monkeypatch.setattr(fast, "faster", lambda loaded: loaded if takes else None)
    store = Store.open(tmp_path / "store")
    first = fast.engine_for(bench.spec, store, num_examples=10**6)
    monkeypatch.setattr(fast, "load", None)

    assert first == ("fastokens" if takes else "tokenizers")
    assert fast.engine_for(bench.spec, store, num_examples=10**6) == first


def test_an_engine_that_was_wrong_is_not_tried_again(bench, tmp_path):
    """For that tokenizer; the store remembers it."""
    pytest.importorskip("fastokens")
    store = Store.open(tmp_path / "store")

    assert fast.engine_for(bench.spec, store, num_examples=10**6) == "fastokens"
    fast.distrust(bench.spec, store, "é")
    assert fast.engine_for(bench.spec, store, num_examples=10**6) == "tokenizers"
    bench.write(eos="<bos>")
    assert load(bench.spec)[1] == []
    assert fast.engine_for(bench.spec, store, num_examples=10**6) == "fastokens"
