"""A faster engine for the ids of texts, used where it is proved to give the reference's.

In: a tokenizer in use. Out: the same tokenizer with `fastokens` (the extra `fast`) as its engine,
which is 7 to 50 times as fast as `tokenizers`, or None where it can't be had. Of the texts that are
encoded, a sample of those in plain ASCII is encoded by both, and so is whatever stands outside
ASCII: there engines differ, by their tables of Unicode. One difference and the engine is off for
that tokenizer: docs/decisions/0057. The proofs take about two thirds of the engine's time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.rows.row_keys import mixed
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
# Of so many plain texts one is compared: most are short, and most tokens stand in long ones.
_SHORT_TOKENS, _SHORT_SAMPLED, _LONG_SAMPLED = 32, 100, 1_000
_ODD = np.uint64(0x9E3779B97F4A7C15)
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
        is_plain = np.fromiter(map(str.isascii, texts), np.bool_, count=len(texts))
        foreign = np.flatnonzero(~is_plain).tolist()
        _prove(texts, encoded, foreign, self._by_pieces if self.has_sure_cuts else self._by_whole)
        sample = np.flatnonzero(is_plain & _is_drawn(encoded)).tolist()
        _prove(texts, encoded, sample, self._by_whole)
        return encoded

    def unproved(self, texts: list[str]) -> Ids:
        """Ids of each text, compared with nothing."""
        # Special tokens in a text are text: as `encode_special_tokens` has it for the reference.
        ids, offsets = self.engine.encode_batch_flat(
            texts, add_special_tokens=False, split_special_tokens=True
        )
        return Ids(np.frombuffer(ids, np.uint32), np.frombuffer(offsets, np.int64))

    def _by_whole(self, texts: list[str]) -> Ids:
        """The reference's ids of texts."""
        return self.loaded.reference(texts)

    def _by_pieces(self, texts: list[str]) -> Ids:
        """The reference's ids of what stands outside ASCII, and the engine's of what is between."""
        pieces, counts = _pieces(texts)
        different = dict.fromkeys(pieces)
        plain = [piece for piece in different if piece.isascii()]
        ids = dict(zip(plain, _parted(self.unproved(plain)), strict=True))
        ids |= self._by_reference([piece for piece in different if not piece.isascii()])
        columns = [ids[piece] for piece in pieces]
        ends = np.cumsum([0, *map(len, columns)])
        return Ids(np.concatenate(columns), ends[np.cumsum([0, *counts])])

    def _by_reference(self, pieces: list[str]) -> dict[str, npt.NDArray[np.uint32]]:
        """The reference's ids of pieces; those of words are kept."""
        new = [piece for piece in pieces if piece not in self.known]
        found = dict(zip(new, _parted(self.loaded.reference(new)), strict=True))
        found |= {piece: self.known[piece] for piece in pieces if piece in self.known}
        if len(self.known) > _MAX_KNOWN:
            self.known.clear()
        words = [piece for piece in new if len(piece) <= _MAX_KNOWN_CHARS]
        self.known |= {word: found[word].copy() for word in words}
        return found


# Words come again and again, sentences of another script don't: 20 MB at most.
_MAX_KNOWN = 50_000
_MAX_KNOWN_CHARS = 40


def _prove(
    texts: list[str], encoded: Ids, which: list[int], proof: Callable[[list[str]], Ids]
) -> None:
    """Compares the ids of some texts with those that they should have."""
    if not which:
        return
    wanted = proof([texts[index] for index in which])
    own = [_own(encoded, index) for index in which]
    # All at once: where one differs, which stays to be found.
    if np.array_equal(np.concatenate(own), wanted.ids) and np.array_equal(
        [len(ids) for ids in own], np.diff(wanted.offsets)
    ):
        return
    for index, ids, others in zip(which, own, _parted(wanted), strict=True):
        if not np.array_equal(ids, others):
            raise EnginesDifferError(texts[index])


def _own(ids: Ids, index: int) -> npt.NDArray[np.uint32]:
    return ids.ids[ids.offsets[index] : ids.offsets[index + 1]]


def _parted(ids: Ids) -> list[npt.NDArray[np.uint32]]:
    """The ids of each text."""
    return [ids.ids[start:stop] for start, stop in pairwise(ids.offsets.tolist())]


def _is_drawn(encoded: Ids) -> npt.NDArray[np.bool_]:
    """Whether each text is in the sample: by some of its ids, so every build draws the same."""
    lengths = np.diff(encoded.offsets)
    filled = np.flatnonzero(lengths)
    is_drawn: npt.NDArray[np.bool_] = lengths == 0  # a text without ids is none, or wrong
    if not len(filled):
        return is_drawn
    starts, lengths = encoded.offsets[filled], lengths[filled]
    keys = lengths.astype(np.uint64)
    for eighths in range(1, 8):
        keys = keys * _ODD + encoded.ids[starts + (lengths * eighths >> 3)]
    one_in = np.where(lengths <= _SHORT_TOKENS, _SHORT_SAMPLED, _LONG_SAMPLED).astype(np.uint64)
    is_drawn[filled] = mixed(keys) % one_in == 0
    return is_drawn


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
_SURE_NORMALIZERS = {"NFC", "NFD", "NFKC", "NFKD"}  # none composes over a letter and a space
_CUT_CHARS = 1 << 18  # of texts that are cut at a time, so that little is held for it
_SPACE, _FIRST_FOREIGN = ord(" "), 128
_IS_WORD = np.array([chr(code).isalnum() for code in range(_FIRST_FOREIGN)] + [False])


def _pieces(texts: Sequence[str]) -> tuple[list[str], list[int]]:
    """Texts in pieces: plain stretches, and words that aren't; cut where they are parted.

    Returns:
        The pieces of all texts in order, and how many each text has.
    """
    pieces: list[str] = []
    counts: list[int] = []
    lengths = np.cumsum([len(text) for text in texts])
    first = 0
    while first < len(texts):
        done = int(lengths[first - 1]) if first else 0
        some = max(int(np.searchsorted(lengths, done + _CUT_CHARS, side="right")), first + 1)
        cut, nums = _cut(texts[first:some])
        pieces += cut
        counts += nums
        first = some
    return pieces, counts


def _cut(texts: Sequence[str]) -> tuple[list[str], list[int]]:
    """As `_pieces`, of texts that are not many."""
    joined = "\n".join(texts)  # no cut stands beside a line's end, so none reaches over texts
    codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
    stops = np.cumsum([len(text) + 1 for text in texts]) - 1
    starts = np.append(0, stops[:-1] + 1)
    foreign = np.flatnonzero(codes >= _FIRST_FOREIGN)
    foreign = foreign[np.diff(foreign, prepend=-2) > 1]  # the first of those that stand together
    of = np.searchsorted(starts, foreign, side="right") - 1
    cuts = np.concatenate([[0], _sure_cuts(codes), [len(codes)]])
    place = np.searchsorted(cuts, foreign, side="right")
    # Words from begins to ends, and an empty one at the end of each text.
    begins = np.unique(np.maximum(cuts[place - 1], starts[of]))
    ends = np.unique(np.minimum(cuts[place], stops[of]))
    begins, ends = np.sort(np.append(begins, stops)), np.sort(np.append(ends, stops))
    dones = np.append(0, ends[:-1] + (begins[:-1] == ends[:-1]))
    slices = np.stack([dones, begins, begins, ends], axis=1).reshape(-1, 2)
    slices = slices[slices[:, 0] < slices[:, 1]]
    owners = np.searchsorted(starts, slices[:, 0], side="right") - 1
    counts: list[int] = np.bincount(owners, minlength=len(texts)).tolist()
    return [joined[start:stop] for start, stop in slices.tolist()], counts


def _sure_cuts(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """Where a space stands between plain letters or digits."""
    before = np.flatnonzero(codes[1:-1] == _SPACE)
    before = before[_IS_WORD.take(codes[before], mode="clip")]
    cuts: npt.NDArray[np.int64] = before[_IS_WORD.take(codes[before + 2], mode="clip")] + 1
    return cuts


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
