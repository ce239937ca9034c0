"""Loading a tokenizer: special tokens by name, texts that spell none, the artefact's copy."""

import json

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from taskc.compiler import plan
from taskc.compiler.turns.tokenizer import input_files, load

FOLDERS = (
    "tokenizers/gpt2",
    "tokenizers/qwen3",
    "tokenizers/mistral-tekken",
    "models/stories260k",
)


def real(make, shared_data, folder, **named):
    """One of the real tokenizers, loaded."""
    spec = plan.Tokenizer(
        name="real",
        kind="folder",
        path=str(shared_data / folder),
        **{"eos": "", "bos": "", "pad": "", "added": {"turn_end": "<|end_of_turn|>"}, **named},
        places={},
        at=make.AT,
    )
    loaded, errors = load(spec)
    assert errors == []
    own = tokenizers.Tokenizer.from_file(str(shared_data / folder / "tokenizer.json"))
    return loaded, own


# ---- special tokens by name --------------------------------------------------------------------


def test_names_of_the_spec_are_ids(bench):
    """eos, bos and pad of the spec, and added tokens after the vocabulary."""
    bench.write(eos="<eos>", pad="<sep>", added={"turn_end": "<|end|>"})
    loaded = bench.loaded()

    assert loaded.special == {"eos": 256, "pad": 258, "turn_end": 259}
    assert loaded.vocab_size == 260


@pytest.mark.parametrize("written", ["<sep>", {"content": "<sep>", "lstrip": False}])
def test_the_configuration_names_what_the_spec_does_not(bench, written):
    """The spec wins, then tokenizer_config.json, then special_tokens_map.json."""
    fallback = json.dumps({"eos_token": "<bos>", "bos_token": "<bos>", "pad_token": "<eos>"})
    (bench.folder / "special_tokens_map.json").write_text(fallback, encoding="utf-8")
    bench.write(config={"eos_token": "<sep>", "pad_token": written}, eos="<eos>")

    assert bench.loaded().special == {"eos": 256, "bos": 257, "pad": 258}


def test_a_file_reads_the_configuration_beside_it(bench):
    """A tokenizer.json and its configuration are one tokenizer; another file stands alone."""
    bench.write(config={"eos_token": "<eos>"}, eos="")
    file = bench.folder / "tokenizer.json"
    other = bench.folder / "other.json"
    other.write_bytes(file.read_bytes())
    beside = bench.spec.model_copy(update={"kind": "file", "path": str(file)})
    alone = bench.spec.model_copy(update={"kind": "file", "path": str(other)})

    assert load(beside)[0].special == {"eos": 256}
    assert load(alone)[0].special == {}


def test_a_configured_token_that_does_not_exist_is_no_name(bench):
    """A format that asks for it is told so; no token is made up."""
    bench.write(config={"eos_token": "</s>"}, bos="<bos>")
    loaded = bench.loaded()

    assert loaded.special == {"bos": 257}
    assert "eos_token" not in json.loads(loaded.artifact_files()["tokenizer_config.json"])


def test_the_spec_may_name_an_added_token_as_its_end(bench):
    """`add end "<|end|>"` and `eos "<|end|>"` are one token."""
    bench.write(eos="<|end|>", added={"turn_end": "<|end|>"})

    assert bench.loaded().special == {"eos": 259, "turn_end": 259}


@pytest.mark.parametrize(
    ("named", "code", "message", "line"),
    [
        ({"eos": "<eso>"}, "T0643", "tokenizer `tiny` has no token `<eso>`", 71),
        (
            {"added": {"bos": "<eos>"}},
            "T0644",
            "tokenizer `tiny` has the token `<eos>` already",
            72,
        ),
        (
            {"added": {"a": "<x>", "pad": "<x>"}},
            "T0644",
            "`pad` adds no new token: `a` adds it as well",
            73,
        ),
        (
            {"added": {"a": ""}},
            "T0644",
            "`a` adds no new token: an empty text is no token",
            70,
        ),
    ],
)
def test_tokens_that_a_spec_may_not_name(bench, named, code, message, line):
    """The place is the name's own, where it is known."""
    bench.write(**named)
    loaded, (error,) = load(bench.spec)

    assert loaded is None
    assert (error.code, error.message, error.primary.span.start) == (code, message, line)


def test_did_you_mean_speaks_of_special_tokens(bench):
    """The help has the nearest, the note has all."""
    bench.write(eos="<eso>")
    _, (error,) = load(bench.spec)

    assert error.helps == ("did you mean `<eos>`?",)
    assert error.notes == ("special tokens: `<eos>`, `<bos>`, `<sep>`",)


# ---- files that are none -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "T0640"),
        ("no json", "T0641"),
        ("[]", "T0641"),
        ("{}", "T0641"),
        ('{"model": {"type": "BPE"}}', "T0641"),
        ('{"model": {"type": "none", "vocab": {"<eos>": 0, "<bos>": 1, "<sep>": 2}}}', "T0641"),
    ],
)
def test_what_is_no_tokenizer_is_a_diagnostic(bench, content, code):
    """Never an exception of a library."""
    file = bench.folder / "tokenizer.json"
    if content is None:
        file.unlink()
    else:
        file.write_text(content, encoding="utf-8")
    loaded, (error,) = load(bench.spec)

    assert loaded is None
    assert error.code == code


def test_a_configuration_that_is_none_is_a_diagnostic(bench):
    """Its tokens can't be known."""
    (bench.folder / "tokenizer_config.json").write_text("[", encoding="utf-8")
    _, (error,) = load(bench.spec)

    assert error.code == "T0645"


def test_a_tokenizer_that_the_hub_does_not_give_is_a_diagnostic(bench):
    """Said at the clause; without a network what to do is to bring it here."""
    spec = bench.spec.model_copy(update={"kind": "hf", "path": "a/b"})
    _, (error,) = load(spec)

    assert (error.code, error.primary.span.start) == ("T0642", 70)
    assert error.message == "the hub cannot be reached for `a/b`"
    assert "hf download a/b --local-dir FOLDER" in error.helps[1]
    assert not any(path.exists() for path in input_files(spec).values())


def test_a_file_that_changes_is_loaded_again(bench, make):
    """The process keeps a tokenizer only as long as its files stay the same."""
    before = bench.loaded()
    bench.write(make.tiny_definition(special=("<eos>", "<bos>", "<sep>", "<more>")))

    assert (before.vocab_size, bench.loaded().vocab_size) == (259, 260)
    assert before.digest != bench.loaded().digest


# ---- the artefact's copy -----------------------------------------------------------------------


def test_files_go_on_byte_for_byte_where_nothing_was_added(bench):
    """So that a tokenizer can be told by its digest."""
    files = bench.loaded().artifact_files()

    assert files["tokenizer.json"] == (bench.folder / "tokenizer.json").read_bytes()
    assert json.loads(files["tokenizer_config.json"]) == {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<eos>",
        "bos_token": "<bos>",
        "pad_token": "<sep>",
    }


def test_the_artefact_has_added_tokens_configuration_and_chat_template(bench):
    """What training used is what inference loads."""
    (bench.folder / "chat_template.jinja").write_text("{{ x }}", encoding="utf-8")
    config = {"model_max_length": 9, "chat_template": "{{ y }}", "eos_token": "<bos>"}
    bench.write(config=config, eos="<eos>", added={"turn_end": "<|end|>"})
    files = bench.loaded().artifact_files()
    copy = tokenizers.Tokenizer.from_buffer(files["tokenizer.json"])

    assert copy.token_to_id("<|end|>") == 259
    assert copy.encode("a<|end|>").ids[-1] == 259
    assert json.loads(files["tokenizer_config.json"]) == {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 9,
        "chat_template": "{{ y }}",
        "eos_token": "<eos>",
    }
    assert files["chat_template.jinja"] == b"{{ x }}"


def test_transformers_loads_the_artefact_with_the_same_ids(make, shared_data, tmp_path):
    """The folder is an ordinary tokenizer's folder, added tokens and all."""
    transformers = pytest.importorskip("transformers")
    for folder in ("tokenizers/qwen3", "tokenizers/gpt2", "models/stories260k"):
        eos = {"eos": "<|endoftext|>"} if folder == "tokenizers/gpt2" else {}
        loaded, _ = real(make, shared_data, folder, **eos)
        path = tmp_path / folder
        path.mkdir(parents=True)
        for name, content in loaded.artifact_files().items():
            (path / name).write_bytes(content)
        there = transformers.AutoTokenizer.from_pretrained(path)

        assert there.convert_tokens_to_ids("<|end_of_turn|>") == loaded.special["turn_end"]
        assert there.eos_token_id == loaded.special["eos"]
        assert len(there) == loaded.vocab_size


# ---- texts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_added_special_token_can_be_spelled(make, shared_data, folder):
    """All of them, alone, glued to text, and one after another."""
    loaded, own = real(make, shared_data, folder)
    special = list(loaded.special_texts)
    texts = [*special, *(f"a{token} b\n{token}c" for token in special), "".join(special)]

    as_library = [own.encode(token, add_special_tokens=False).ids for token in special]

    assert loaded.spelled(loaded.encode(texts).ids).tolist() == []
    for token, ids in zip(special, as_library, strict=True):
        is_new = token == "<|end_of_turn|>"
        is_unknown = ids == [own.token_to_id("<unk>")]
        assert is_new or is_unknown or len(loaded.spelled(np.array(ids))) == 1


@pytest.mark.parametrize("folder", FOLDERS)
def test_added_tokens_that_are_not_special_are_words(make, shared_data, folder):
    """`<think>` is text by the tokenizer's own account and keeps its id."""
    loaded, own = real(make, shared_data, folder)
    added = own.get_added_tokens_decoder()
    words = {token.content: token_id for token_id, token in added.items() if not token.special}
    encoded = loaded.encode([f"a{word}b" for word in words])

    assert len(words) == (12 if folder == "tokenizers/qwen3" else 0)
    assert set(words.values()) <= set(encoded.ids.tolist())


@pytest.mark.parametrize("folder", FOLDERS)
def test_texts_that_mix_words_and_special_tokens_spell_none(make, shared_data, folder):
    """And their ids decode to the text again, so nothing of it is lost."""
    loaded, _ = real(make, shared_data, folder)
    tokens = st.sampled_from(list(loaded.special_texts[:40]))
    cut = tokens.flatmap(lambda token: st.sampled_from([token[:-1], token[1:], token]))
    pieces = st.one_of(st.text(max_size=6), tokens, cut, st.sampled_from([" ", "\n", "\ufdd0"]))

    @given(st.lists(pieces, max_size=6).map("".join))
    @settings(max_examples=150)
    def check(text):
        ids = loaded.encode([text]).ids

        assert loaded.spelled(ids).tolist() == []
        if folder in ("tokenizers/gpt2", "tokenizers/mistral-tekken"):  # no normalizer
            assert loaded.text.decode(ids.tolist()) == text

    check()


@pytest.mark.parametrize("folder", FOLDERS)
def test_ordinary_text_has_the_tokenizers_own_ids(make, shared_data, folder):
    """The test of the promise: a single text gives what the tokenizer itself gives."""
    loaded, own = real(make, shared_data, folder)

    @given(st.text(max_size=40))
    @settings(max_examples=200)
    def check(text):
        if not any(token in text for token in loaded.special_texts):
            expected = own.encode(text, add_special_tokens=False).ids

            assert loaded.encode([text]).ids.tolist() == expected

    check()


def test_a_name_of_noncharacters_is_found_out(bench):
    """The names that special tokens get are no way in, neither added nor in the vocabulary."""
    loaded = bench.loaded()

    assert loaded.spelled(loaded.encode(["a\ufdd0256\ufdd1"]).ids).tolist() == []


def test_only_the_first_piece_of_a_turn_has_a_space_mark(make, shared_data):
    """A SentencePiece tokenizer sets `▁` before every text; before a continuation it may not."""
    loaded, _ = real(make, shared_data, "models/stories260k")
    pieces = {token_id: piece for piece, token_id in loaded.text.get_vocab().items()}

    def text_of(ids):
        return [pieces[token_id] for token_id in ids]

    assert text_of(loaded.encode(["Once upon"]).ids.tolist()) == ["▁Once", "▁upon"]
    assert text_of(loaded.encode_continuation("Once upon")) == ["O", "n", "ce", "▁upon"]
    assert text_of(loaded.encode_continuation(" Once")) == ["▁Once"]


@given(st.text(alphabet="Once upon a time, \n", max_size=20))
@settings(max_examples=100)
def test_a_continuation_decodes_to_itself(text):
    """No character is gained and none is lost."""
    from pathlib import Path

    folder = Path(__file__).parents[4] / "shared" / "data" / "models" / "stories260k"
    if not folder.is_dir():
        pytest.skip("needs the real data")
    at = plan.Place(path="a.task", start=0, end=1, line=1, column=1)
    spec = plan.Tokenizer(
        name="s",
        kind="folder",
        path=str(folder),
        eos="",
        bos="",
        pad="",
        added={},
        places={},
        at=at,
    )
    loaded, _ = load(spec)
    ids = loaded.encode_continuation(text)
    pieces = {token_id: piece for piece, token_id in loaded.text.get_vocab().items()}
    spelled = "".join(pieces[token_id] for token_id in ids)

    assert spelled.replace("▁", " ").replace("<0x0A>", "\n") == text
