"""Tokenizers: from files to ids of texts, special tokens by name, and the artefact's copy.

In: a `plan.Tokenizer` and the files that it names. Out: a `Loaded`, or diagnostics. Text never
gives the id of a special token and gains nothing at its ends: the post-processor, truncation and
padding are switched off. Of a text without special tokens the ids are those that the tokenizer
itself gives (`Tokenizer.encode(text, add_special_tokens=False)`). Loading costs about 0.6 s for
150,000 tokens and is done once a process.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import orjson
import tokenizers

from taskc.compiler import plan
from taskc.compiler.places import error_at
from taskc.compiler.turns import definition as definitions
from taskc.compiler.turns import hub
from taskc.compiler.turns.definition import Definition
from taskc.dsl.diagnostics import Diagnostic
from taskc.dsl.spelling import did_you_mean

__all__ = ["FILES", "Ids", "Loaded", "TextEngine", "fingerprint", "input_files", "load", "of_hub"]

ROLES = ("eos", "bos", "pad")  # special tokens that a configuration may name
_MAX_SHOWN = 12  # special tokens that a message lists
# The library's results are ten times the size of the ids; in small batches their memory is used
# again and again instead of being asked for anew, which saves a tenth of the time.
_BATCH_TEXTS = 250


class Ids(NamedTuple):
    """Token ids of several texts one after another.

    Attributes:
        ids: uint32 [tokens].
        offsets: Text i owns `ids[offsets[i]:offsets[i + 1]]`, int64 [texts + 1].
    """

    ids: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]


class TextEngine(Protocol):
    """What turns texts into ids: the `tokenizers` library is the reference."""

    def encode(self, texts: Sequence[str]) -> Ids:
        """Ids of each text by itself, as the first piece of a turn."""


class PlacedIds(NamedTuple):
    """Token ids of one text, and the characters that each covers: `starts[i]` to `ends[i]`."""

    ids: list[int]
    starts: list[int]
    ends: list[int]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A tokenizer in use.

    Attributes:
        special: Ids by the name that a spec uses: `eos`, `bos`, `pad` where there is one, and
            added ones.
        names: Texts of the same tokens by the same names.
        special_texts: The text of every special token.
        special_ids: Every id that no text may give, sorted.
        tokens: Ids of special tokens by their texts.
        vocab_size: One more than the largest id, added tokens included.
        digest: BLAKE2b-128 over the artefact's files and the names of special tokens, hexadecimal.
        files: The artefact's files by name.
        text: Encodes texts; holds no special token under its own name.
        text_json: The definition of `text`, as another engine reads it.
        steps: What the same definition says besides its model.
        continuation: As `text`, and sets no space mark before the first piece.
        engine: Encodes whole texts in place of `text`, where another engine does.
    """

    special: dict[str, int]
    names: dict[str, str]
    special_texts: tuple[str, ...]
    special_ids: tuple[int, ...]
    tokens: dict[str, int]
    vocab_size: int
    digest: str
    files: dict[str, bytes]
    text: tokenizers.Tokenizer
    text_json: bytes
    steps: Definition
    continuation: tokenizers.Tokenizer
    engine: TextEngine | None = None

    def artifact_files(self) -> dict[str, bytes]:
        """tokenizer.json with the added tokens, its configuration, and a chat template's file."""
        return dict(self.files)

    def encode(self, texts: Sequence[str]) -> Ids:
        """Ids of each text by itself, as the first piece of a turn."""
        return self.reference(texts) if self.engine is None else self.engine.encode(texts)

    def reference(self, texts: Sequence[str]) -> Ids:
        """As `encode`, by the library that the others are measured against."""
        return _ids(self.text, texts)

    def encode_named(self, texts: Sequence[str], *, continues: bool) -> Ids:
        """As the tokenizer itself: in these texts special tokens stand, under guarded names.

        Args:
            texts: With U+FDD0, the id and U+FDD1 for special tokens; nothing else holds those.
            continues: Whether each continues a text, and gets no space mark before it.
        """
        tokenizer = self.continuation if continues else self.text
        tokenizer.encode_special_tokens = False
        try:
            return _ids(tokenizer, texts)
        finally:
            tokenizer.encode_special_tokens = True

    def encode_placed(self, texts: Sequence[str]) -> list[PlacedIds]:
        """As `encode`, with the characters of each token; about a third slower."""
        encodings = self.text.encode_batch(list(texts), add_special_tokens=False)
        return [
            PlacedIds(encoding.ids, *map(list, zip(*encoding.offsets, strict=True)))
            if encoding.ids
            else PlacedIds([], [], [])
            for encoding in encodings
        ]

    def encode_named_placed(self, text: str, *, continues: bool) -> PlacedIds:
        """As `encode_named` for one text, with the characters of each token."""
        tokenizer = self.continuation if continues else self.text
        tokenizer.encode_special_tokens = False
        try:
            encoding = tokenizer.encode(text, add_special_tokens=False)
        finally:
            tokenizer.encode_special_tokens = True
        starts, ends = zip(*encoding.offsets, strict=True) if encoding.ids else ((), ())
        return PlacedIds(encoding.ids, list(starts), list(ends))

    def encode_continuation(self, text: str) -> list[int]:
        """Ids of a literal that continues a turn: no space mark is put before it."""
        return list(self.continuation.encode(text, add_special_tokens=False).ids)

    def spelled(self, ids: npt.NDArray[np.uint16 | np.uint32]) -> npt.NDArray[np.int64]:
        """Positions at which the ids of texts are special ones; any at all stops the build."""
        # They stand together at one end of most vocabularies: a text's ids are outside that range.
        if not self.special_ids or not len(ids) or int(ids.max()) < self.special_ids[0]:
            return np.zeros(0, np.int64)
        if int(ids.min()) > self.special_ids[-1]:
            return np.zeros(0, np.int64)
        is_near = (ids >= self.special_ids[0]) & (ids <= self.special_ids[-1])
        near = np.flatnonzero(is_near)
        return near[np.isin(ids[near], np.array(self.special_ids, np.uint32))]


def _ids(tokenizer: tokenizers.Tokenizer, texts: Sequence[str]) -> Ids:
    encode = tokenizer.encode_batch_fast
    columns = [
        encoding.ids
        for start in range(0, len(texts), _BATCH_TEXTS)
        for encoding in encode(texts[start : start + _BATCH_TEXTS], add_special_tokens=False)
    ]
    offsets = np.zeros(len(columns) + 1, np.int64)
    np.cumsum([len(column) for column in columns], out=offsets[1:])
    ids = np.fromiter(chain.from_iterable(columns), np.uint32, count=int(offsets[-1]))
    return Ids(ids, offsets)


def load(spec: plan.Tokenizer) -> tuple[Loaded | None, list[Diagnostic]]:
    """Loads the tokenizer of a build; kept for the process as long as its files stay the same.

    Returns:
        The tokenizer, or None with at least one error (T0640 to T0645).
    """
    if spec.kind == "hf":
        try:
            hub.fetched(spec, FILES)
        except hub.HubError as problem:
            return None, [of_hub(spec, problem)]
    return _load(spec.model_dump_json(), _states(spec))


def fingerprint(spec: plan.Tokenizer) -> str:
    """Returns 32 hexadecimal digits of all that `load` reads, without loading it: 10 ms.

    Files that can't be read have a digest of their own; `load` says what is wrong with them.
    """
    return _fingerprint(_states(spec), _named(spec))


def _named(spec: plan.Tokenizer) -> bytes:
    """What the spec says of the tokenizer besides its files."""
    said = [spec.options, spec.eos, spec.bos, spec.pad, spec.added]
    return orjson.dumps(said)


@lru_cache(maxsize=64)
def _fingerprint(states: tuple[tuple[str, str, int, int], ...], named: bytes) -> str:
    digest = blake2b(named, digest_size=16)
    for name, file, modified, _ in states:
        try:
            content = Path(file).read_bytes() if modified >= 0 else b""
        except OSError:
            content = b""
        digest.update(b"%b %d %d\n" % (name.encode(), modified >= 0, len(content)))
        digest.update(content)
    return digest.hexdigest()


def _states(spec: plan.Tokenizer) -> tuple[tuple[str, str, int, int], ...]:
    """Name, path and state of each file of a tokenizer."""
    return tuple((name, str(file), *_state(file)) for name, file in input_files(spec).items())


def input_files(spec: plan.Tokenizer) -> dict[str, Path]:
    """The files that a tokenizer is read from, by what they are; all but the first may lack.

    A tokenizer.json and the configuration beside it are one tokenizer; another file stands alone.
    One of the hub is fetched where it was not; what can't be had has no files.
    """
    if spec.kind == "hf":
        try:
            return hub.fetched(spec, FILES)
        except hub.HubError:
            return {FILES[0]: _NOWHERE / FILES[0]}  # `load` says what is wrong
    path = Path(spec.path)
    folder = path if spec.kind == "folder" else path.parent
    files = {"tokenizer.json": folder / "tokenizer.json" if spec.kind == "folder" else path}
    if spec.kind == "folder" or path.name == "tokenizer.json":
        files |= {name: folder / name for name in _BESIDE}
    return files


_BESIDE = ("tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
FILES = ("tokenizer.json", *_BESIDE)
_NOWHERE = Path(os.devnull)


def _state(file: Path) -> tuple[int, int]:
    """What changes when the file does; (-1, -1) where there is none."""
    try:
        found = file.stat()
    except OSError:
        return -1, -1
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=8)
def _load(
    spec_json: str, states: tuple[tuple[str, str, int, int], ...]
) -> tuple[Loaded | None, list[Diagnostic]]:
    """`load` for files in a state; the state is there for the cache."""
    spec = plan.Tokenizer.model_validate_json(spec_json)
    contents: dict[str, bytes] = {}
    for name, file, modified, _ in states:
        if modified < 0 and name != "tokenizer.json":
            continue
        try:
            contents[name] = Path(file).read_bytes()
        except OSError as error:
            return None, [_unreadable(spec, file, error.strerror or "not readable")]
    definition = _parsed(contents["tokenizer.json"])
    if definition is None or not isinstance(definition.get("model"), dict):
        return None, [_no_tokenizer(spec, "it is no JSON object with a `model`")]
    if not isinstance(definition["model"].get("vocab"), dict | list):
        return None, [_no_tokenizer(spec, "its model has no `vocab`")]
    return _built(spec, definition, contents)


def _parsed(content: bytes | None) -> Definition | None:
    try:
        value = orjson.loads(content or b"{}")
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _built(
    spec: plan.Tokenizer, definition: Definition, contents: dict[str, bytes]
) -> tuple[Loaded | None, list[Diagnostic]]:
    """A tokenizer from its parsed definition and the files beside it."""
    config = _parsed(contents.get("tokenizer_config.json"))
    fallback = _parsed(contents.get("special_tokens_map.json"))
    if config is None or fallback is None:
        name = "tokenizer_config.json" if config is None else "special_tokens_map.json"
        return None, [_no_configuration(spec, name)]
    ids = definitions.token_ids(definition)
    wanted = {role: getattr(spec, role) for role in ROLES}
    errors = _missing(spec, definition, ids, wanted) + _existing(spec, ids)
    if errors:
        return None, errors
    for role in ROLES:
        wanted[role] = (
            wanted[role] or _configured(role, config, ids) or _configured(role, fallback, ids)
        )
    named = {role: content for role, content in wanted.items() if content}
    full = definitions.with_special_tokens(
        definition,
        new=spec.added.values(),
        known=[content for content in dict.fromkeys(named.values()) if content in ids],
    )
    files = _files(full, config, wanted, contents, is_unchanged=full == definition)
    try:
        return _in_use(full, named | spec.added, files), []
    except Exception as error:  # noqa: BLE001 - the library raises nothing narrower for a bad definition
        return None, [_no_tokenizer(spec, str(error))]


def _configured(role: str, config: Definition, ids: dict[str, int]) -> str:
    """The token that a configuration names for a role; "" where it names none that exists."""
    token: Any = config.get(f"{role}_token")
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) and content in ids else ""


def _files(
    full: Definition,
    config: Definition,
    wanted: dict[str, str],
    contents: dict[str, bytes],
    *,
    is_unchanged: bool,
) -> dict[str, bytes]:
    """The artefact's files: the tokenizer as used, and a configuration that agrees with it."""
    agreed = {"tokenizer_class": "PreTrainedTokenizerFast", **config}
    for role in ROLES:
        agreed.pop(f"{role}_token", None)
        if wanted[role]:
            agreed[f"{role}_token"] = wanted[role]
    if "added_tokens_decoder" in agreed:
        # `transformers` believes this table more than tokenizer.json, so the two must agree.
        agreed["added_tokens_decoder"] = {
            str(token["id"]): {name: value for name, value in token.items() if name != "id"}
            for token in full["added_tokens"]
        }
    files = {
        # Where nothing was added the file goes on byte for byte, so it can be told by its digest.
        "tokenizer.json": contents["tokenizer.json"] if is_unchanged else orjson.dumps(full),
        "tokenizer_config.json": orjson.dumps(agreed, option=orjson.OPT_INDENT_2) + b"\n",
    }
    if "chat_template.jinja" in contents:
        files["chat_template.jinja"] = contents["chat_template.jinja"]
    return files


def _in_use(full: Definition, names: dict[str, str], files: dict[str, bytes]) -> Loaded:
    """Builds the encoders; raises what the library raises for a definition that it can't use."""
    ids = definitions.token_ids(full)
    text_definition = definitions.for_text(full)
    continued = definitions.for_continuation(text_definition)
    text_json = orjson.dumps(text_definition)
    text = _tokenizer(text_json)
    added = definitions.added_ids(text_definition)
    moved = [
        content for content, token_id in added.items() if text.token_to_id(content) != token_id
    ]
    if moved:
        raise ValueError(f"its added tokens don't have the ids that it gives: {moved[:3]}")
    special = {name: ids[content] for name, content in names.items()}
    return Loaded(
        special=special,
        names=names,
        special_texts=tuple(definitions.special_contents(full)),
        special_ids=_guarded(full, ids),
        tokens={content: ids[content] for content in definitions.special_contents(full)},
        vocab_size=max(ids.values()) + 1,
        digest=_digest(files, special),
        files=files,
        text=text,
        text_json=text_json,
        steps={name: value for name, value in text_definition.items() if name != "model"},
        continuation=(
            text if continued == text_definition else _tokenizer(orjson.dumps(continued))
        ),
    )


def _tokenizer(definition_json: bytes) -> tokenizers.Tokenizer:
    """A tokenizer that sees no special token in a text, not even by its new name."""
    tokenizer = tokenizers.Tokenizer.from_buffer(definition_json)
    tokenizer.encode_special_tokens = True
    return tokenizer


def _guarded(full: Definition, ids: dict[str, int]) -> tuple[int, ...]:
    """Ids that no text may give: the special ones but for the unknown token."""
    model = full["model"]
    unknown = {ids.get(model.get("unk_token") or "", -1), model.get("unk_id", -1)}
    special = {ids[content] for content in definitions.special_contents(full)}
    return tuple(sorted(special - unknown))


def _digest(files: dict[str, bytes], special: dict[str, int]) -> str:
    state = blake2b(digest_size=16)
    for name, content in sorted(files.items()):
        state.update(b"%d:%b%d:%b" % (len(name), name.encode(), len(content), content))
    state.update(orjson.dumps(special, option=orjson.OPT_SORT_KEYS))
    return state.hexdigest()


# ---- mistakes ----------------------------------------------------------------------------------


def _unreadable(spec: plan.Tokenizer, file: str, reason: str) -> Diagnostic:
    return error_at(
        "T0640",
        spec.at,
        f"tokenizer `{spec.name}` cannot be read: {reason.lower()}",
        label="read from here",
        notes=(f"looked for {file}",),
    )


def of_hub(spec: plan.Tokenizer, problem: hub.HubError) -> Diagnostic:
    """The diagnostic of a tokenizer that the hub does not give (T0642)."""
    return error_at(
        "T0642",
        spec.at,
        problem.message,
        label="read from the hub",
        notes=problem.notes,
        helps=problem.helps,
    )


def _no_tokenizer(spec: plan.Tokenizer, reason: str) -> Diagnostic:
    return error_at(
        "T0641",
        spec.at,
        f"not a tokenizer that can be used: `{spec.name}`",
        label="read from here",
        notes=(reason,),
        helps=("name a tokenizer.json of the `tokenizers` library, or the folder that holds one",),
    )


def _no_configuration(spec: plan.Tokenizer, name: str) -> Diagnostic:
    return error_at(
        "T0645",
        spec.at,
        f"{name} of tokenizer `{spec.name}` is not a JSON object",
        label="read from here",
    )


def _missing(
    spec: plan.Tokenizer, definition: Definition, ids: dict[str, int], wanted: dict[str, str]
) -> list[Diagnostic]:
    """An error for each special token of the spec that the tokenizer doesn't have."""
    known = definitions.special_contents(definition)
    return [
        _no_such_token(spec, role, content, known)
        for role, content in wanted.items()
        if content and content not in ids and content not in spec.added.values()
    ]


def _no_such_token(spec: plan.Tokenizer, role: str, content: str, known: list[str]) -> Diagnostic:
    shown = ", ".join(f"`{token}`" for token in known[:_MAX_SHOWN])
    more = f" and {len(known) - _MAX_SHOWN} more" if len(known) > _MAX_SHOWN else ""
    near = did_you_mean(content, known)
    return error_at(
        "T0643",
        spec.places.get(role, spec.at),
        f"tokenizer `{spec.name}` has no token `{content}`",
        label=f"named as `{role}`",
        notes=(f"special tokens: {shown}{more}",) if known else ("it has no special tokens",),
        helps=(
            f"did you mean {' or '.join(f'`{token}`' for token in near)}?"
            if near
            else "`add NAME TEXT` gives the tokenizer a new token",
        ),
    )


def _existing(spec: plan.Tokenizer, ids: dict[str, int]) -> list[Diagnostic]:
    """An error for each added token that is no new one."""
    errors = []
    names: dict[str, str] = {}
    for name, content in spec.added.items():
        place = spec.places.get(name, spec.at)
        if content in ids:
            errors.append(
                error_at(
                    "T0644",
                    place,
                    f"tokenizer `{spec.name}` has the token `{content}` already",
                    label=f"its id is {ids[content]}",
                    helps=("choose a text that is no token yet",),
                )
            )
        elif not content or content in names:
            other = names.get(content, "")
            reason = f"`{other}` adds it as well" if content else "an empty text is no token"
            errors.append(
                error_at(
                    "T0644", place, f"`{name}` adds no new token: {reason}", label="added here"
                )
            )
        names.setdefault(content, name)
    return errors
