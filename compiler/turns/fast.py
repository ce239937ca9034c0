"""A faster engine for the ids of texts, used where it is proved to give the reference's.

In: a tokenizer in use. Out: the same tokenizer with `fastokens` (the extra `fast`) as its engine,
which is 7 to 50 times as fast as `tokenizers`, or None where it can't be had. Of the texts that are
encoded, a hundredth of those in plain ASCII is encoded by both, and so is whatever stands outside
ASCII: there engines differ, by their tables of Unicode. One difference and the engine is off for
that tokenizer: docs/decisions/0057. The proofs take about as long as the engine itself.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal
from zlib import crc32

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.store.objects import Store
from taskc.compiler.turns.definition import Definition
from taskc.compiler.turns.tokenizer import Ids, Loaded, fingerprint, load

if TYPE_CHECKING:
    import fastokens

__all__ = [
    "EngineAbsentError",
    "EngineName",
    "EnginesDifferError",
    "ProvedEngine",
    "distrust",
    "engine_for",
    "engine_version",
    "faster",
]

EngineName = Literal["tokenizers", "fastokens"]

MIN_EXAMPLES = 20_000  # below, loading the engine (0.4 to 1.3 s a process) may cost what it saves
_SAMPLED = 100  # of so many plain texts one is compared
_KIND = "engines"  # of the store's objects: what is known of the engine with a tokenizer
_TAKES, _REFUSES, _DIFFERS = b"takes it", b"refuses it", b"differs on "


class EnginesDifferError(Exception):
    """The engine gave other ids than the reference; never leaves the stage.

    Attributes:
        text: The text that it read otherwise.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class EngineAbsentError(Exception):
    """The engine isn't there: installed where a build was planned, but not where its task runs."""


# ---- which engine --------------------------------------------------------------------------------


def engine_for(spec: plan.Tokenizer, store: Store, *, num_examples: int) -> EngineName:
    """The engine for a build's texts.

    Args:
        spec: The build's tokenizer.
        store: Knows which tokenizers the engine takes, and for which it was found wrong.
        num_examples: About how many examples the build may encode.

    Raises:
        StoreError: If the store is full or can't be used.
    """
    if num_examples < MIN_EXAMPLES or engine_version("fastokens") == "absent":
        return "tokenizers"
    known = store.get(_KIND, _experience_key(spec))
    if known is None:
        # Whether the engine takes a tokenizer is only seen by loading both: once, not every build.
        loaded, _ = load(spec)
        known = _REFUSES if loaded is None or faster(loaded) is None else _TAKES
        if loaded is not None:
            store.put(_KIND, _experience_key(spec), known)
    return "fastokens" if known == _TAKES else "tokenizers"


def engine_version(engine: EngineName) -> str:
    """The version of an engine's library, "absent" where it isn't installed."""
    try:
        return version(engine)
    except PackageNotFoundError:
        return "absent"


def distrust(spec: plan.Tokenizer, store: Store, text: str) -> None:
    """Remembers that the engine's ids of `text` differ: no build tries it again for the tokenizer.

    Raises:
        StoreError: If the store is full or can't be used.
    """
    store.put(_KIND, _experience_key(spec), _DIFFERS + text.encode())


def _experience_key(spec: plan.Tokenizer) -> str:
    made_of = [fingerprint(spec), *map(version, ("fastokens", "tokenizers"))]
    return blake2b(" ".join(made_of).encode(), digest_size=16).hexdigest()


def faster(loaded: Loaded) -> Loaded | None:
    """The same tokenizer with the faster engine, or None where that can't be had."""
    if loaded.digest not in _KEPT:
        if len(_KEPT) >= _MAX_KEPT:
            _KEPT.pop(next(iter(_KEPT)))
        _KEPT[loaded.digest] = _faster(loaded)
    return _KEPT[loaded.digest]


_MAX_KEPT = 4
_KEPT: dict[str, Loaded | None] = {}  # by the tokenizer's digest, for the process


def _faster(loaded: Loaded) -> Loaded | None:
    try:
        import fastokens

        engine = fastokens.Tokenizer.from_json_str(loaded.text_json.decode())
    except Exception:  # noqa: BLE001 - absent, broken, or no tokenizer of a kind that it knows
        return None
    return replace(
        loaded, engine=ProvedEngine(loaded, engine, has_sure_cuts=_has_sure_cuts(loaded.steps))
    )


# ---- encoding and proving ------------------------------------------------------------------------


@dataclass(slots=True)
class ProvedEngine:
    """The faster engine, watched."""

    loaded: Loaded
    engine: "fastokens.Tokenizer"
    has_sure_cuts: bool
    known: dict[str, npt.NDArray[np.uint32]] = field(default_factory=dict)  # by the reference

    def encode(self, texts: Sequence[str]) -> Ids:
        """Ids of each text.

        Raises:
            EnginesDifferError: If a text that was compared has other ids by the reference.
        """
        texts = list(texts)
        encoded = self.unproved(texts)
        foreign = [index for index, text in enumerate(texts) if not text.isascii()]
        if not self.has_sure_cuts:
            self._compare_whole(texts, encoded, foreign)
        else:
            self._compare_in_cuts(texts, encoded, foreign)
        sample = [index for index, text in enumerate(texts) if text.isascii() and _is_drawn(text)]
        self._compare_whole(texts, encoded, sample)
        return encoded

    def unproved(self, texts: list[str]) -> Ids:
        """Ids of each text, compared with nothing."""
        # Special tokens in a text are text: as `encode_special_tokens` has it for the reference.
        ids, offsets = self.engine.encode_batch_flat(
            texts, add_special_tokens=False, split_special_tokens=True
        )
        return Ids(
            np.frombuffer(ids, np.uint32), np.frombuffer(offsets, np.uint64).astype(np.int64)
        )

    def _compare_whole(self, texts: list[str], encoded: Ids, which: list[int]) -> None:
        """Compares texts with the reference."""
        wanted = self.loaded.reference([texts[index] for index in which])
        for at, index in enumerate(which):
            ids = wanted.ids[wanted.offsets[at] : wanted.offsets[at + 1]]
            if not np.array_equal(ids, _own(encoded, index)):
                raise EnginesDifferError(texts[index])

    def _compare_in_cuts(self, texts: list[str], encoded: Ids, which: list[int]) -> None:
        """Compares what stands outside ASCII, each different piece once; the rest is plain text."""
        cut = {index: list(_pieces(texts[index])) for index in which}
        pieces = dict.fromkeys(piece for own in cut.values() for piece in own)
        plain = [piece for piece in pieces if piece.isascii()]
        plain_ids = self.unproved(plain)
        ids = {piece: _own(plain_ids, at) for at, piece in enumerate(plain)}
        ids |= self._by_reference([piece for piece in pieces if not piece.isascii()])
        for index, own in cut.items():
            wanted = [ids[piece] for piece in own]
            if not np.array_equal(np.concatenate(wanted), _own(encoded, index)):
                raise EnginesDifferError(texts[index])

    def _by_reference(self, pieces: list[str]) -> dict[str, npt.NDArray[np.uint32]]:
        """The reference's ids of pieces; those of words are kept."""
        new = [piece for piece in pieces if piece not in self.known]
        encoded = self.loaded.reference(new)
        found = {piece: _own(encoded, at) for at, piece in enumerate(new)}
        found |= {piece: self.known[piece] for piece in pieces if piece in self.known}
        if len(self.known) > _MAX_KNOWN:
            self.known.clear()
        words = [piece for piece in new if len(piece) <= _MAX_KNOWN_CHARS]
        self.known |= {word: found[word].copy() for word in words}
        return found


# Words come again and again, sentences of another script don't: 20 MB at most.
_MAX_KNOWN = 50_000
_MAX_KNOWN_CHARS = 40


def _own(ids: Ids, index: int) -> npt.NDArray[np.uint32]:
    return ids.ids[ids.offsets[index] : ids.offsets[index + 1]]


def _is_drawn(text: str) -> bool:
    """Whether a plain text is in the sample: by its characters, so every build draws the same."""
    return crc32(text.encode()) % _SAMPLED == 0


# ---- cuts ----------------------------------------------------------------------------------------

# Patterns by which tokenizers part a text before they look for tokens. None of their alternatives
# goes on from a letter or a digit over a space, or looks back: between a plain letter or digit and
# a space before another, each of them parts the text, and what follows is read as if it were alone.
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN = _CL100K.replace("{1,3}", "")
_TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_SURE_PATTERNS = frozenset({_GPT2, _CL100K, _QWEN, _TEKKEN})
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_SURE_NORMALIZERS = {"NFC", "NFD", "NFKC", "NFKD"}  # none composes over a letter and a space


def _pieces(text: str) -> Iterator[str]:
    """Yields a text in pieces: plain stretches, and words that aren't; cut where it is parted."""
    done = 0
    for found in _FOREIGN.finditer(text):
        start, stop = found.span()
        if start < done:
            continue
        start = _cut_before(text, start, done)
        if start > done:
            yield text[done:start]
        done = _cut_after(text, stop)
        yield text[start:done]
    if done < len(text):
        yield text[done:]


def _cut_before(text: str, place: int, least: int) -> int:
    """The last sure cut before a place, or `least`, which is one."""
    while (place := text.rfind(" ", least, place)) > least:
        if _is_cut(text, place):
            return place
    return least


def _cut_after(text: str, place: int) -> int:
    """The first sure cut from a place on; the text's end is one."""
    while (place := text.find(" ", place)) >= 0:
        if _is_cut(text, place):
            return place
        place += 1
    return len(text)


def _is_cut(text: str, place: int) -> bool:
    """Whether the space at a place stands between plain letters or digits."""
    around = text[place - 1 : place] + text[place + 1 : place + 2]
    return len(around) == 2 and around.isascii() and around.isalnum()  # noqa: PLR2004 - one each


def _has_sure_cuts(definition: Definition) -> bool:
    """Whether a tokenizer parts every text at `_SURE_CUT`, so that pieces can be compared alone."""
    normalizer = definition.get("normalizer")
    if normalizer is not None and normalizer.get("type") not in _SURE_NORMALIZERS:
        return False
    kept = [token for token in definition.get("added_tokens") or [] if not token.get("special")]
    if any(" " in token["content"] or _is_greedy(token) for token in kept):
        return False
    step = definition.get("pre_tokenizer") or {}
    steps = step.get("pretokenizers", [step])
    first, *others = steps or [{}]
    if first.get("type") == "Split":
        # The first step parts; a step after it may only part further.
        is_sure = (
            first.get("pattern", {}).get("Regex") in _SURE_PATTERNS
            and first.get("behavior") == "Isolated"
            and not first.get("invert")
        )
        return is_sure and all(_is_bytes(other, uses_pattern=False) for other in others)
    return _is_bytes(first, uses_pattern=True) and not others


def _is_greedy(token: Definition) -> bool:
    """Whether an added token takes in the spaces beside it, or asks for the characters there."""
    return any(token.get(name) for name in ("lstrip", "rstrip", "single_word"))


def _is_bytes(step: Definition, *, uses_pattern: bool) -> bool:
    return (
        step.get("type") == "ByteLevel"
        and not step.get("add_prefix_space")
        and step.get("use_regex", True) is uses_pattern
    )
