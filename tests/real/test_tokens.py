"""Ids of single texts are the tokenizer's own, and nothing gains a space mark without right."""

import pytest
from oracle.comparison import coded_examples
from oracle.encoding import PromptTarget, opens_turn
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
    form, tokenizer = case(name).build.form, own_tokenizer(built(name))
    coded = coded_examples(built(name))
    texts, got = [], []
    for number, example in enumerate(case(name).stream):
        if example.coded.trimmed:
            continue
        text = _opening_text(case(name), example)
        texts.append(text)
        got.append(coded[number][0])
    own = tokenizer.encode_batch(texts, add_special_tokens=bool(form.bos))
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
        turns = _turns(case(name), example)
        spaces = sum(turn.text.count(" ") for turn in turns)
        opened = sum(_opens(case(name), turn) for turn in turns)

        assert marks == spaces + opened, f"example {number}"
        assert tokenizer.id_to_token(ids[0]).startswith(MARK)


def _turns(case, example):
    return turns_of(case.build, example.kept, example.prompt, example.repetition)


def _opening_text(case, example) -> str:
    return _turns(case, example)[0].text


def _opens(case, turn) -> bool:
    form = case.build.form
    return turn.role != "target" or not isinstance(form, PromptTarget) or opens_turn(form)
