"""The definition of a tokenizer: tokenizer.json as a value, and the variants that are made of it.

In: the parsed file. Out: new definitions; the one passed in is never changed. Three are used. The
*artefact's* has the added tokens and neither truncation nor padding. The *text's* has besides no
special token under its own name, so that no text can spell one, and no post-processor. The
*continuation's* sets no space mark before the first piece. No ids move: every token keeps the id
it has in the artefact's.
"""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

__all__ = [
    "Definition",
    "added_ids",
    "for_continuation",
    "for_text",
    "model_ids",
    "special_contents",
    "token_ids",
    "with_special_tokens",
]

# JSON of an open format: the models, normalizers and pre-tokenizers of others.
Definition = dict[str, Any]


def model_ids(definition: Definition) -> dict[str, int]:
    """The vocabulary of the model without the added tokens: text -> id."""
    vocab = definition["model"]["vocab"]
    if isinstance(vocab, list):  # Unigram: [text, score] in order of id
        return {entry[0]: position for position, entry in enumerate(vocab)}
    return dict(vocab)


def added_ids(definition: Definition) -> dict[str, int]:
    """The added tokens, special or not: text -> id."""
    return {token["content"]: token["id"] for token in definition.get("added_tokens") or []}


def token_ids(definition: Definition) -> dict[str, int]:
    """Every token: text -> id."""
    ids = model_ids(definition)
    ids.update(added_ids(definition))
    return ids


def special_contents(definition: Definition) -> list[str]:
    """The texts of the added tokens that the definition calls special, in order of the file."""
    added = definition.get("added_tokens") or []
    return [token["content"] for token in added if token.get("special", False)]


# ---- the artefact's ----------------------------------------------------------------------------


def with_special_tokens(
    definition: Definition, *, new: Iterable[str], known: Iterable[str]
) -> Definition:
    """Returns the definition with neither truncation nor padding and with further special tokens.

    Args:
        definition: As read from the file.
        new: Texts that are no token yet; they get ids after the largest one, in this order.
        known: Texts of tokens that have an id; they are called special from here on.
    """
    ids = token_ids(definition)
    added = {token["content"]: token for token in definition.get("added_tokens") or []}
    for content in known:
        added[content] = {**_special_token(content, ids[content]), **added.get(content, {})}
        added[content]["special"] = True
    next_id = max(ids.values(), default=-1) + 1
    for position, content in enumerate(new):
        added[content] = _special_token(content, next_id + position)
    tokens = sorted(added.values(), key=lambda token: token["id"])
    return {**definition, "truncation": None, "padding": None, "added_tokens": tokens}


def _special_token(content: str, token_id: int) -> Definition:
    return {
        "id": token_id,
        "content": content,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }


# ---- the text's --------------------------------------------------------------------------------


def for_text(definition: Definition) -> Definition:
    """Returns the definition under which no text spells a special token; other ids stay.

    Leaving special tokens out of the list of added tokens isn't enough: a model may hold them in
    its vocabulary (a Unigram model would find `</s>` by itself), and the ids of the other added
    tokens follow from the length of the list. So special tokens are renamed everywhere, to names
    of noncharacters, which no interchanged text holds (The Unicode Standard, section 23.7).
    """
    names = {
        content: f"\ufdd0{token_id}\ufdd1"
        for content, token_id in added_ids(definition).items()
        if content in set(special_contents(definition))
    }
    added = [
        {**token, "content": names.get(token["content"], token["content"])}
        for token in definition.get("added_tokens") or []
    ]
    return {
        **definition,
        "added_tokens": added,
        "post_processor": None,
        "model": _renamed_model(definition["model"], names),
    }


def _renamed_model(model: Definition, names: Mapping[str, str]) -> Definition:
    renamed = dict(model)
    vocab = model["vocab"]
    if isinstance(vocab, list):
        renamed["vocab"] = [[names.get(text, text), score] for text, score in vocab]
    else:
        renamed["vocab"] = vocab = dict(vocab)
        for text in vocab.keys() & names:
            vocab[names[text]] = vocab.pop(text)
    if model.get("unk_token") in names:
        renamed["unk_token"] = names[model["unk_token"]]
    if "merges" in model:
        # A merge that makes a special token, or starts from one, would bring it back.
        kept = [merge for merge in model["merges"] if not _touches(merge, names)]
        renamed["merges"] = _as_lines(kept)
    return renamed


def _touches(merge: str | list[str], names: Mapping[str, str]) -> bool:
    left, right = merge.split(" ", 1) if isinstance(merge, str) else merge
    return left in names or right in names or left + right in names


def _as_lines(merges: list[Any]) -> list[Any]:
    """Pairs of merges as lines of two words, which the libraries read in two thirds of the time.

    They stay pairs where a line would say something else: one of three words, or a file's heading.
    """
    if set(map(type, merges)) != {list}:
        return merges
    words = "".join(chain.from_iterable(merges))
    return merges if " " in words or "#version" in words else list(map(" ".join, merges))


# ---- the continuation's ------------------------------------------------------------------------


def for_continuation(definition: Definition) -> Definition:
    """Returns the definition that sets no space mark first: for a piece that continues a turn."""
    return {
        **definition,
        "normalizer": _without_prefix(definition.get("normalizer")),
        "pre_tokenizer": _without_prefix(definition.get("pre_tokenizer")),
    }


def _without_prefix(step: Definition | None) -> Definition | None:
    """A normalizer or pre-tokenizer that adds nothing in front; None where nothing is left."""
    if step is None:
        return None
    match step["type"]:
        case "Prepend":
            return None
        case "Metaspace":
            kept = {name: value for name, value in step.items() if name != "add_prefix_space"}
            return {**kept, "prepend_scheme": "never"}
        case "ByteLevel":
            return {**step, "add_prefix_space": False}
        case "Sequence":
            part = "normalizers" if "normalizers" in step else "pretokenizers"
            inner = [_without_prefix(one) for one in step[part]]
            return {**step, part: [one for one in inner if one is not None]}
        case _:
            return step
