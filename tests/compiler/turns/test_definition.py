"""Variants of a tokenizer's definition: what each of them changes, and what none of them may."""

import copy

import orjson
import pytest
import tokenizers

from taskc.compiler.turns import definition as definitions


def tokenizer_of(definition):
    """The definition in use, special tokens in texts seen as the library sees them."""
    return tokenizers.Tokenizer.from_buffer(orjson.dumps(definition))


def ids(definition, text):
    """Ids of a text without the post-processor."""
    return tokenizer_of(definition).encode(text, add_special_tokens=False).ids


def metaspace(scheme):
    """A SentencePiece-like Unigram tokenizer whose vocabulary holds its own special tokens."""
    pieces = ["<unk>", "</s>", "▁", "a", "b", "▁a", "<", "/", "s", ">"]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": token_id,
                "content": content,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for token_id, content in enumerate(pieces[:2])
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Metaspace",
            "replacement": "▁",
            "prepend_scheme": scheme,
            "split": True,
        },
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "Unigram",
            "unk_id": 0,
            "vocab": [[piece, -float(index)] for index, piece in enumerate(pieces)],
            "byte_fallback": False,
        },
    }


def test_a_unigram_vocabulary_can_not_spell_its_end():
    """Leaving `</s>` out of the added tokens would leave it to the model, which knows it."""
    definition = metaspace("always")
    switched_off = tokenizer_of(definition)
    switched_off.encode_special_tokens = True
    text = "a</s>b"

    assert 1 in switched_off.encode(text, add_special_tokens=False).ids
    assert 1 not in ids(definitions.for_text(definition), text)
    assert ids(definitions.for_text(definition), "a a b x") == ids(definition, "a a b x")


@pytest.mark.parametrize("kind", ["WordLevel", "WordPiece"])
def test_a_word_vocabulary_can_not_spell_its_end(kind):
    """The unknown word stays the unknown word."""
    definition = metaspace("never")
    vocab = {"[UNK]": 0, "[SEP]": 1, "a": 2}
    definition["model"] = {"type": kind, "vocab": vocab, "unk_token": "[UNK]"}
    if kind == "WordPiece":
        definition["model"] |= {"continuing_subword_prefix": "##", "max_input_chars_per_word": 100}
    definition["pre_tokenizer"] = {"type": "WhitespaceSplit"}
    for token, content in zip(definition["added_tokens"], ["[UNK]", "[SEP]"], strict=True):
        token["content"] = content

    assert ids(definitions.for_text(definition), "a [SEP] q [UNK]") == [2, 0, 0, 0]


def test_a_merge_can_not_spell_a_special_token(make):
    """A token that merges make, and that is called special later, is out of reach of the merges."""
    definition = make.tiny_definition(merges=[("a", "b"), ("ab", "c"), ("x", "y")], special=())
    special = definitions.with_special_tokens(definition, new=(), known=("ab",))
    merged = ids(definition, "abcxy")

    assert len(merged) == 2
    assert ids(special, "abcxy")[0] == definition["model"]["vocab"]["ab"]
    text_ids = ids(definitions.for_text(special), "abcxy")
    assert text_ids == [*ids(make.tiny_definition(), "abc"), merged[1]]


@pytest.mark.parametrize(
    ("merges", "are_lines"),
    [
        ([["a", "b"], ["ab", "c"]], True),
        ([["a", " "], ["a ", "b"], ["a", "b"]], False),
        ([["#", "v"], *(["#version"[:end], "#version"[end]] for end in range(2, 8))], False),
    ],
)
def test_merges_are_the_same_in_either_form(make, merges, are_lines):
    """Lines are read faster; a piece with a space, or a file's heading, is no word of a line."""
    definition = make.tiny_definition()
    vocab = definition["model"]["vocab"]
    for piece in (" ", *("".join(pair) for pair in merges)):
        vocab.setdefault(piece, 1_000 + len(vocab))
    definition["model"]["merges"] = merges
    definition["pre_tokenizer"] = None
    text = definitions.for_text(definition)
    read = "abc a b #version"

    assert all(isinstance(merge, str) for merge in text["model"]["merges"]) is are_lines
    assert ids(text, read) == ids(definition, read)


def test_ids_of_the_other_added_tokens_stay(make):
    """Ids follow from the list's length, so special tokens are renamed and not left out."""
    definition = make.tiny_definition(special=("<eos>", "<tool>", "<bos>"))
    definition["added_tokens"][1]["special"] = False
    text = definitions.for_text(definition)

    assert ids(text, "<tool>") == [257]
    assert not {256, 258} & set(ids(text, "<eos><bos>"))


def test_new_tokens_follow_the_largest_id(make):
    """Also where the vocabulary has gaps."""
    definition = make.tiny_definition()
    full = definitions.with_special_tokens(definition, new=("<a>", "<b>"), known=())
    tokenizer = tokenizer_of(full)

    assert [tokenizer.token_to_id(token) for token in ("<a>", "<b>")] == [259, 260]


def test_truncation_and_padding_are_switched_off(make):
    """A file that truncates would cut rows without a word in the ledger."""
    truncation = {"max_length": 2, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    padding = {
        "strategy": {"Fixed": 9},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "!",
    }
    definition = make.tiny_definition(truncation=truncation, padding=padding)
    plain = definitions.with_special_tokens(definition, new=(), known=())

    assert len(ids(definition, "abcd")) == 9
    assert len(ids(plain, "abcd")) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"normalizer": {"type": "Prepend", "prepend": "_"}},
        {
            "normalizer": {
                "type": "Sequence",
                "normalizers": [{"type": "Prepend", "prepend": "_"}, {"type": "NFC"}],
            }
        },
        {"pre_tokenizer": {"type": "Metaspace", "replacement": "_", "prepend_scheme": "always"}},
        {"pre_tokenizer": {"type": "Metaspace", "replacement": "_", "add_prefix_space": True}},
        {
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"},
                ],
            }
        },
    ],
)
def test_a_continuation_gains_no_mark(make, changes):
    """Whichever step sets it, in every form that files have."""
    definition = make.tiny_definition(**{"pre_tokenizer": None, **changes})
    before = copy.deepcopy(definition)
    mark, letter = (definition["model"]["vocab"][piece] for piece in "_a")

    assert ids(definition, "a") == [mark, letter]
    assert ids(definitions.for_continuation(definition), "a") == [letter]
    assert definition == before


def test_byte_level_prefix_space_is_a_mark_too(make):
    """RoBERTa's kind: `add_prefix_space`."""
    step = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": False}
    definition = make.tiny_definition(pre_tokenizer=step)

    assert len(ids(definition, "a")) == 2
    assert len(ids(definitions.for_continuation(definition), "a")) == 1
