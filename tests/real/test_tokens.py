"""Ids of single texts are the tokenizer's own, and nothing gains a space mark without right."""

import pytest
from oracle.comparison import coded_examples
from oracle.expected import turns_of
from tokenizers import Tokenizer

MARK = "▁"
BUILDS = ["flan_small/gpt2", "flan_small/qwen3", "flan_small/stories", "chat/stories"]


def own_tokenizer(artifact) -> Tokenizer:
    """The tokenizer that the artefact ships, as anybody would load it."""
    return Tokenizer.from_file(str(artifact.tokenizer / "tokenizer.json"))


@pytest.mark.parametrize("name", BUILDS)
def test_a_single_text_gives_the_tokenizers_own_ids(name, case, built):
    """BOS and input of every example are what the shipped tokenizer gives for the input alone."""
    bos, tokenizer = case(name).build.form.bos, own_tokenizer(built(name))
    coded = coded_examples(built(name))
    texts, got = [], []
    for number, example in enumerate(case(name).stream):
        if example.coded.trimmed:
            continue
        text = texts_of(case(name), example)[0]
        texts.append(text)
        got.append(coded[number][0])
    own = tokenizer.encode_batch(texts, add_special_tokens=bool(bos))
    wrong = [
        number
        for number, (ids, encoding) in enumerate(zip(got, own, strict=True))
        if ids[: len(encoding.ids)] != encoding.ids
    ]

    assert len(texts) > 500
    assert wrong == []


@pytest.mark.parametrize("name", ["flan_small/stories", "chat/stories"])
def test_a_mark_stands_for_a_space_or_opens_a_turn(name, case, built):
    """In all examples there are as many marks as spaces in the texts, and one for each turn."""
    tokenizer = own_tokenizer(built(name))
    specials = set(tokenizer.get_added_tokens_decoder())
    coded = coded_examples(built(name))
    for number, example in enumerate(case(name).stream):
        ids = [token for token in coded[number][0] if token not in specials]
        marks = sum(tokenizer.id_to_token(token).count(MARK) for token in ids)
        turns = texts_of(case(name), example)

        assert marks == len(turns) + sum(text.count(" ") for text in turns), f"example {number}"
        assert tokenizer.id_to_token(ids[0]).startswith(MARK)


def texts_of(case, example) -> list[str]:
    """The texts of the turns of an example, without separators and ends."""
    turns = turns_of(case.build, example.kept, example.prompt, example.repetition)
    return [turn.text for turn in turns]
