"""`taskc import`: a file in a shape that many share becomes a spec that builds at once."""

import gzip
import json
from datetime import UTC, datetime
from itertools import groupby, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

import taskc as api
from taskc.dsl.checker import check
from taskc.dsl.text.format import format_text
from taskc.dsl.text.source_text import SourceText
from taskc.importing.arrays import array_elements, is_array
from taskc.importing.writing import import_file, name_of

NOT = -100  # a label that is not trained

ALPACA = [
    {"instruction": "Name the colour.", "input": 'A ripe [to"]mato.', "output": "Red."},
    {"instruction": "Say hi.", "input": "", "output": "Hi.", "id": 3},
    {"instruction": "Say nothing.", "input": "", "output": ""},
]
TURNS = [
    ("human", "Hi {you}"),
    ("gpt", "Hello."),
    ("human", "Rain?"),
    ("tool", "7"),
    ("gpt", "No."),
]
SHAREGPT = [
    {"id": "a", "conversations": [{"from": "system", "value": "Be short."}]},
    {"id": "b", "conversations": [{"from": who, "value": said} for who, said in TURNS]},
    {"id": "c", "conversations": [{"from": "human", "value": "Hi"}, {"from": "Ann", "value": "?"}]},
]
MESSAGES = [
    {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]},
    {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": None}]},
]
BY_SHAPE = {"alpaca": ALPACA, "sharegpt": SHAREGPT, "messages": MESSAGES}


def lines_of(rows):
    """Rows as JSON Lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write(path, rows):
    """Writes rows in the format that a file's name says."""
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(lines_of(rows).encode()))
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")
    else:
        path.write_text(lines_of(rows), encoding="utf-8")
    return path


def imported(folder, shape, rows, name="rows.jsonl", **options):
    """Imports rows of a file into `folder/spec`."""
    return import_file(shape, write(folder / name, rows), folder / "spec", **options)


def built(folder):
    """Builds what was written, which is without a finding and laid out."""
    [spec] = (folder / "spec").glob("*.task")
    text = spec.read_text(encoding="utf-8")

    assert check([str(spec)], params={}).diagnostics == ()
    assert format_text(SourceText(str(spec), text)).text == text
    return api.build(spec, out=folder / "out", store=folder / "store", jobs=1)


def texts_of(artifact):
    """Each example in the order of rows as the tokenizer decodes it, trained texts in brackets."""
    tokenizer = Tokenizer.from_file(str(artifact.tokenizer / "tokenizer.json"))
    rows = artifact.examples.column("row").to_pylist()
    found = {}
    for sequence in artifact["train"]:
        ids, labels = sequence.input_ids.tolist(), sequence.labels.tolist()
        borders = pairwise(sequence.cu_seq_lens.tolist())
        for example, (start, end) in zip(sequence.examples.tolist(), borders, strict=True):
            pairs = zip(ids[start:end], labels[start:end], strict=True)
            found[rows[example]] = marked(pairs, tokenizer)
    return [found[row] for row in sorted(found)]


def marked(pairs, tokenizer):
    """The text of ids and labels."""
    text = ""
    for is_trained, group in groupby(pairs, lambda pair: pair[1] != NOT):
        piece = tokenizer.decode([token for token, _ in group], skip_special_tokens=False)
        text += f"⟦{piece}⟧" if is_trained else piece
    return text


# ---- every shape and format ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.parquet", "a.jsonl.gz"])
@pytest.mark.parametrize("shape", BY_SHAPE)
def test_every_format_of_every_shape_builds_at_once(shape, name, tmp_path):
    """What is written checks clean and is laid out; each row with a target is an example."""
    rows = BY_SHAPE[shape]
    if name.endswith(".parquet"):  # its columns stand in every row
        rows = [row for row in rows if set(row) == set(rows[-1])]
    found = imported(tmp_path, shape, rows, name)

    assert found.diagnostics == []
    assert len(built(tmp_path).examples) == found.tally.num_examples > 0


@pytest.mark.parametrize("shape", BY_SHAPE)
def test_columns_without_a_type_are_left_alone(shape, tmp_path):
    """Dates and bytes that no shape has stand in no way."""
    row = {"when": datetime(2026, 1, 1, tzinfo=UTC), "image": b"x"}
    rows = [each | row for each in BY_SHAPE[shape] if each.keys() == BY_SHAPE[shape][-1].keys()]
    found = imported(tmp_path, shape, rows, "a.parquet")

    assert found.diagnostics == []
    assert {"when", "image"} <= set(found.draft.not_read)
    assert len(built(tmp_path).examples) == found.tally.num_examples > 0


def test_the_command_line_tells_what_is_left_out(tmp_path, taskc):
    """On stderr stand the rows without an example and what is not read; then the next commands."""
    write(tmp_path / "Chat 2.jsonl", SHAREGPT)
    done = taskc("import", "sharegpt", "Chat 2.jsonl", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "note: 1 of 3 rows: no turn to train on (row 1)\n" in done.stderr
    assert "note: 1 of 3 rows: a role that is not known (row 3)\n" in done.stderr
    assert 'note: roles that are not known: "Ann"\n' in done.stderr
    assert 'note: not read: "id"\n' in done.stderr
    assert done.stdout.startswith("1 of 3 rows have a target\nnext:\n")
    for command in done.stdout.splitlines()[2:]:
        ran = taskc(*command.split()[1:], cwd=tmp_path)

        assert ran.returncode == 0, ran.stderr
    checked = taskc("fmt", "--check", "chat_2", cwd=tmp_path)

    assert checked.returncode == 0, checked.stdout


def test_json_says_the_same_to_programs(tmp_path, taskc):
    """Counts, reasons with rows, types and roles."""
    write(tmp_path / "chat.jsonl", SHAREGPT)
    done = taskc("import", "sharegpt", "chat.jsonl", "--to", "x/y", "--json", cwd=tmp_path)
    told = json.loads(done.stdout)

    assert {key: told[key] for key in ("version", "folder", "build", "rows", "examples")} == {
        "version": 1,
        "folder": "x/y",
        "build": "chat",
        "rows": 3,
        "examples": 1,
    }
    assert told["left_out"] == [
        {"reason": "no turn to train on", "rows": 1, "first": [1]},
        {"reason": "a role that is not known", "rows": 1, "first": [3]},
    ]
    assert told["roles"] == {
        "system": "system",
        "human": "user",
        "gpt": "assistant",
        "tool": "tool",
    }
    assert told["not_read"] == ["id"]
    assert [Path(path).name for path in told["written"]] == [
        "tokenizer.json",
        "chat.task",
        "README.md",
    ]


def test_nothing_is_written_over(tmp_path, taskc):
    """A folder that holds anything stays as it is."""
    write(tmp_path / "rows.jsonl", ALPACA)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows/mine.txt").write_text("mine", encoding="utf-8")
    done = taskc("import", "alpaca", "rows.jsonl", cwd=tmp_path)

    assert done.returncode == 1
    assert "`rows` exists already" in done.stderr
    assert [path.name for path in (tmp_path / "rows").iterdir()] == ["mine.txt"]


# ---- what examples hold --------------------------------------------------------------------------


def test_alpaca_has_its_two_prompts(tmp_path):
    """With an input the first words say so; only the output is trained, with the end."""
    imported(tmp_path, "alpaca", ALPACA)
    first, second = texts_of(built(tmp_path))

    assert first.startswith("Below is an instruction that describes a task, paired with an input")
    assert first.endswith('### Input:\nA ripe [to"]mato.\n\n### Response:⟦Red.<|end|>⟧')
    assert second.endswith("### Instruction:\nSay hi.\n\n### Response:⟦Hi.<|end|>⟧")


def test_a_system_text_opens_the_prompt(tmp_path):
    """It stands where Alpaca's first lines stand, in the rows that have one."""
    imported(tmp_path, "alpaca", [ALPACA[0] | {"system": "Be {kind}."}, ALPACA[1]])
    first, second = texts_of(built(tmp_path))

    assert first.startswith("Be {kind}.\n\n### Instruction:\nName the colour.\n\n### Input:\n")
    assert second.startswith("Below is an instruction that describes a task. Write")


def test_every_turn_of_the_assistant_is_trained(tmp_path):
    """Roles of ShareGPT are mapped; a tool's turn is shown and not trained."""
    system = {"system": "Be short."}
    imported(tmp_path, "sharegpt", [SHAREGPT[1] | system, SHAREGPT[1]])
    end = "<|end_of_turn|>"
    plain = f"Hi {{you}}{end}⟦Hello.{end}⟧Rain?{end}7{end}⟦No.{end}⟧"

    assert texts_of(built(tmp_path)) == [f"Be short.{end}{plain}", plain]


@pytest.mark.parametrize("part", [{"weight": 0}, {"train": False}])
def test_messages_may_say_that_they_are_not_trained(part, tmp_path):
    """`train` is the language's own, `weight` that of others; without either the role decides."""
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"} | part,
        {"role": "user", "content": "c"},
        {"role": "assistant", "content": "d"},
    ]
    found = imported(tmp_path, "messages", [{"messages": turns}, {"messages": turns[:2]}])
    end = "<|end_of_turn|>"

    assert texts_of(built(tmp_path)) == [f"a{end}b{end}c{end}⟦d{end}⟧"]
    assert list(found.tally.left_out) == ["no turn to train on"]


def test_plain_messages_are_read_as_they_are(tmp_path):
    """Nothing is mapped that needs no mapping."""
    imported(tmp_path, "messages", MESSAGES[:1])
    text = (tmp_path / "spec/rows.task").read_text(encoding="utf-8")

    assert "  dialogue from messages\n" in text
    assert "  fields  { messages: list[{ role: text  content: text }] }\n" in text


# ---- mistakes ------------------------------------------------------------------------------------

BROKEN = {
    "no JSON": ("alpaca", '{"instruction": "a", "output": "b"}\n{"instr\n', "T0516", 2),
    "no object": ("alpaca", '[\n{"instruction": "a", "output": "b"}, 7]', "T0517", 2),
    "array without end": ("alpaca", '[{"instruction": "a", "output": "b"}', "T0516", 1),
    "array with a hole": ("alpaca", '[{"instruction": "a", "output": "b"},,{}]', "T0516", 2),
    "more than an array": ("alpaca", '[{"instruction": "a", "output": "b"}] 7', "T0516", 1),
    "number": ("alpaca", '{"instruction": "a", "output": 7}\n', "T0801", 1),
    "no list": ("messages", '{"messages": "x"}\n', "T0833", 1),
    "no record": ("messages", '{"messages": ["x"]}\n', "T0833", 1),
    "parts": ("messages", '{"messages": [{"role": "user", "content": [{}]}]}\n', "T0833", 1),
    "other shape": ("sharegpt", lines_of(MESSAGES), "T0833", 1),
    "role": ("messages", '{"messages": [{"role": 1, "content": ""}]}\n', "T0833", 1),
    "system": ("sharegpt", '{"system": 1, "conversations": []}\n', "T0833", 1),
    "train": ("messages", '{"messages": [{"role": "a", "train": 1}]}\n', "T0833", 1),
    "weight": ("messages", '{"messages": [{"role": "a", "weight": 2}]}\n', "T0833", 1),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_an_error_with_its_row(name, tmp_path):
    """The row is named by its number, and nothing is written."""
    shape, text, code, row = BROKEN[name]
    path = tmp_path / "rows.json"
    path.write_text(text, encoding="utf-8")
    first, *_ = import_file(shape, path, tmp_path / "spec").diagnostics

    assert (first.code, first.row.file, first.row.row) == (code, "rows.json", row)
    assert first.primary is None
    assert not (tmp_path / "spec").exists()


@pytest.mark.parametrize("name", ["nowhere.json", "folder"])
def test_a_file_that_is_none_is_an_error(name, tmp_path):
    """It is said by its name."""
    (tmp_path / "folder").mkdir()
    [found] = import_file("alpaca", tmp_path / name, tmp_path / "spec").diagnostics

    assert found.code == "T0510"
    assert name in found.message


@pytest.mark.parametrize(
    ("shape", "text", "code"),
    [
        ("alpaca", "", "T0525"),
        ("alpaca", '{"prompt": "a"}\n', "T0525"),
        ("messages", '{"text": "a"}\n', "T0525"),
        ("alpaca", '{"instruction": "a", "output": ""}\n', "T0850"),
        ("sharegpt", '{"conversations": [{"from": "Ann", "value": "?"}]}\n', "T0850"),
    ],
)
def test_a_file_without_an_example_is_an_error(shape, text, code, tmp_path):
    """Another shape, or rows that all fall: the columns or the reasons are named."""
    (tmp_path / "rows.jsonl").write_text(text, encoding="utf-8")
    [found] = import_file(shape, tmp_path / "rows.jsonl", tmp_path / "spec").diagnostics

    assert found.code == code
    assert found.notes
    assert not (tmp_path / "spec").exists()


def test_mistakes_are_told_on_stderr(tmp_path, taskc):
    """With what helps: the shape that it is instead."""
    write(tmp_path / "rows.jsonl", MESSAGES)
    done = taskc("import", "sharegpt", "rows.jsonl", cwd=tmp_path)

    assert done.returncode == 1
    assert done.stdout == ""
    assert "error[T0833]: row 1: message 1 does not say who speaks" in done.stderr
    assert "help: this is the shape of `taskc import messages`" in done.stderr
    assert taskc("import", "alpaca", "nowhere.json", cwd=tmp_path).returncode == 1


# ---- tokenizers and names ------------------------------------------------------------------------


def tokenizer_with(folder, *special):
    """Writes a tokenizer of bytes with special tokens; returns its file."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(list(special))
    folder.mkdir()
    made.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


@pytest.mark.parametrize(
    ("special", "end"), [(["</s>"], "</s>"), ([], "<|end_of_text|>"), (["<x>"], "<|end_of_text|>")]
)
@pytest.mark.parametrize("as_folder", [False, True])
def test_another_tokenizer_is_named_and_not_copied(special, end, as_folder, tmp_path):
    """Its own end of text ends examples; one that has none gets a token."""
    path = tokenizer_with(tmp_path / "own", *special)
    imported(tmp_path, "alpaca", ALPACA, tokenizer=path.parent if as_folder else path)

    assert texts_of(built(tmp_path))[0].endswith(f"⟦Red.{end}⟧")
    assert not (tmp_path / "spec/tokenizer.json").exists()


def test_the_end_of_a_folder_is_its_configuration_s(tmp_path):
    """What the folder calls its end of text is taken, whatever else looks like one."""
    path = tokenizer_with(tmp_path / "own", "</s>", "<stop>")
    path.with_name("tokenizer_config.json").write_text('{"eos_token": "<stop>"}', encoding="utf-8")
    imported(tmp_path, "alpaca", ALPACA, tokenizer=path.parent)

    assert texts_of(built(tmp_path))[0].endswith("⟦Red.<stop>⟧")


def test_an_end_of_turn_that_is_there_gets_another_name(tmp_path):
    """A token is added that no text of the vocabulary spells."""
    path = tokenizer_with(tmp_path / "own", "<|end_of_turn|>")
    imported(tmp_path, "messages", MESSAGES, tokenizer=path)

    assert texts_of(built(tmp_path))[0].count("<|end_of_turn_|>") == 2


def test_a_tokenizer_that_is_none_is_an_error(tmp_path):
    """So that nothing is written that does not build."""
    (tmp_path / "own.json").write_text("{}", encoding="utf-8")
    found = imported(tmp_path, "alpaca", ALPACA, tokenizer=tmp_path / "own.json")

    assert [each.code for each in found.diagnostics] == ["T0641"]
    assert found.written == ()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("alpaca_data.json", "alpaca_data"),
        ("train-00000-of-00001.parquet", "train_00000_of_00001"),
        ("My chats.jsonl.gz", "my_chats"),
        ("52k.json", "rows_52k"),
        ("if.jsonl", "rows_if"),
        ("对话.json", "rows"),
    ],
)
def test_builds_are_called_as_their_files(file, name):
    """In letters that a name may have."""
    assert name_of(Path(file)) == name


@pytest.mark.parametrize("name", ["a[1]*.jsonl", "{data}.jsonl", 'it\'s "1".jsonl', "a\\b.jsonl"])
def test_any_name_of_a_file_can_be_read(name, tmp_path):
    """Signs that mean something in a pattern or a text stand for themselves."""
    imported(tmp_path, "alpaca", ALPACA, name)

    assert len(built(tmp_path).examples) == 2


# ---- whatever rows hold --------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
MAYBE = st.sampled_from([None, ""]) | TEXT | TEXT


def rows_of(**columns):
    """Rows of columns each of which may be missing."""
    return st.lists(st.fixed_dictionaries({}, optional=columns), min_size=1, max_size=6)


def message(role, content, *names):
    """Messages under the keys of a shape."""
    speakers = st.sampled_from([*names, "Ann"])
    required = {role: speakers | st.just(names[0]), content: MAYBE}
    return st.fixed_dictionaries(required, optional={"train": st.none() | st.booleans()})


ANY_ROWS = {
    "alpaca": rows_of(
        instruction=MAYBE, input=MAYBE, output=MAYBE, system=MAYBE, id=st.integers(0, 9)
    ),
    "sharegpt": rows_of(
        conversations=st.none()
        | st.lists(message("from", "value", "human", "gpt", "system", "tool"), max_size=4),
        system=MAYBE,
    ),
    "messages": rows_of(
        messages=st.none()
        | st.lists(message("role", "content", "user", "assistant", "system", "tool"), max_size=4)
    ),
}


def has_target(shape, row):
    """Whether a row becomes an example, in plain Python."""
    if shape == "alpaca":
        return bool(row.get("instruction")) and bool(row.get("output"))
    column, role, content, assistant = (
        ("conversations", "from", "value", "gpt")
        if shape == "sharegpt"
        else ("messages", "role", "content", "assistant")
    )
    said = row.get(column) or []
    trained = [
        each[role] == assistant if each.get("train") is None else each["train"] for each in said
    ]
    return any(trained) and all(each[content] and each[role] != "Ann" for each in said)


@pytest.mark.parametrize("shape", ANY_ROWS)
def test_every_row_with_a_target_is_an_example(shape):
    """Whatever stands in the rows: what is written checks, builds, and counts them as said."""

    @settings(max_examples=20, deadline=None)
    @given(ANY_ROWS[shape])
    def holds(rows):
        wanted = sum(has_target(shape, row) for row in rows)
        with TemporaryDirectory() as temporary:
            found = imported(Path(temporary), shape, rows)
            if wanted == 0:
                assert [each.code for each in found.diagnostics] in (["T0850"], ["T0525"])
                return
            assert found.tally.num_examples == wanted
            assert len(built(Path(temporary)).examples) == wanted

    holds()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.dictionaries(TEXT, TEXT | st.lists(st.dictionaries(TEXT, TEXT)), max_size=3)),
    st.integers(1, 9),
    st.sampled_from([None, 1]),
)
def test_arrays_are_cut_between_their_elements(rows, size, indent):
    """However the bytes come: each line is one element, with nothing changed in it."""
    text = json.dumps(rows, ensure_ascii=False, indent=indent).encode()
    blocks = [text[at : at + size] for at in range(0, len(text), size)]

    assert is_array(iter(blocks))
    assert [json.loads(line) for line in array_elements(iter(blocks))] == rows
