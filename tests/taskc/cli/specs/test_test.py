"""`taskc test`: golden renderings pass, fail with a diff, and are written by `--update`."""

import json

import pytest

from taskc.cli import entry

RIGHT = """
test rain on weather {
  row    { report: "It rains.", sky: "rain" }
  prompt sky.ask
  input  \"\"\"
    What is the sky like?

    It rains.

    OPTIONS:
    - Clear
    - Cloudy
    - Rain
    \"\"\"
  target "Rain"
}
"""
TALK = """
template talk for weather {
  dialogue two {
    system    "Terse."
    user      "{report}"
    assistant "{sky}"
    user      "Sure?"
    assistant "Yes, {sky}."
  }
}

test talk on weather {
  row    { report: "It rains.", sky: "rain" }
  prompt talk.two
  input  "?"
  target "?"
}
"""


@pytest.fixture
def test(hello, monkeypatch, capsys):
    """Runs `taskc test hello ARGUMENTS...`; returns status, stdout, stderr."""
    monkeypatch.chdir(hello.parent)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = entry.main(["test", "hello", *arguments])
        shown = capsys.readouterr()
        return int(status), shown.out, shown.err

    return run


@pytest.fixture
def spec(hello):
    """The first spec, with more words behind it."""

    def write(more: str, *, line_end: str = "\n") -> None:
        path = hello / "hello.task"
        text = path.read_text(encoding="utf-8") + more
        path.write_bytes(text.replace("\n", line_end).encode())

    write.path = hello / "hello.task"
    return write


def chat(path) -> None:
    """Makes the build one of dialogues."""
    lines = path.read_text(encoding="utf-8").split("\n")
    new = "  format    chat(end_of_turn: eos, loss: assistant, bos: none, max: 200)"
    lines = [new if line.startswith("  format ") else line for line in lines]
    path.write_text("\n".join(lines), encoding="utf-8")


# ---- without --update ----------------------------------------------------------------------------


def test_what_is_as_said_passes(spec, test):
    """One line a test, then how many."""
    spec(RIGHT)

    assert test() == (0, "hello rain ... ok\n1 passed, 0 failed\n", "")


def test_what_differs_fails_with_a_diff(spec, test):
    """Only the lines that differ, and status 1."""
    spec(RIGHT.replace("    It rains.\n", "    It snows.\n").replace('"Rain"', '"Snow"'))
    before = spec.path.read_bytes()
    status, out, _ = test()

    assert status == 1
    assert "hello rain ... failed\n" in out
    assert "  -It snows.\n  +It rains.\n" in out
    assert "  -Snow\n  +Rain\n" in out
    assert out.endswith("0 passed, 1 failed\n")
    assert spec.path.read_bytes() == before


def test_input_or_target_alone_is_compared(spec, test):
    """What a test does not say may be anything."""
    start, end = RIGHT.index("  input"), RIGHT.index("  target")
    spec(RIGHT[:start] + RIGHT[end:])

    assert test()[0] == 0


def test_no_data_and_no_tokenizer_is_read(hello, spec, test):
    """Golden renderings run on a machine that has only the specs."""
    spec(RIGHT)
    (hello / "tokenizer.json").unlink()
    (hello / "data/weather.train.jsonl").unlink()

    assert test()[0] == 0


def test_a_row_that_gives_no_example_fails(spec, test):
    """`when` keeps the prompt from it: the reason is shown, and nothing can be updated."""
    spec(
        """
template say for weather {
  prompt long when len(report) > 40: "Say: {report}" -> "{sky}"
  prompt bare: "Read: {report}" -> "{sky}!"
}

test short on weather {
  row    { report: "It rains.", sky: "rain" }
  prompt say.long
  target "rain"
}
"""
    )
    before = spec.path.read_bytes()
    status, out, _ = test("--update")

    assert status == 1
    assert "hello short ... failed\n" in out
    assert spec.path.read_bytes() == before


def test_a_wrong_spec_is_1_and_the_others_are_tested(spec, test):
    """An error elsewhere does not hide what the tests say."""
    spec(RIGHT + "\ncluster c {\n  sources wether\n}\n")
    status, out, err = test()

    assert status == 1
    assert "hello rain ... ok\n" in out
    assert "error[T0102]" in err


def test_json_says_what_each_prompt_gives(spec, test):
    """For programs: one object."""
    spec(RIGHT.replace('target "Rain"', 'target "Snow"'))
    status, out, _ = test("--json")
    found = json.loads(out)
    only = found["tests"][0]

    assert status == 1
    assert (found["version"], found["passed"], found["failed"]) == (1, 0, 1)
    assert (only["package"], only["test"], only["path"]) == ("hello", "rain", "hello/hello.task")
    assert (only["passed"], only["target"], only["problem"]) == (False, "Rain", "")


# ---- --update ------------------------------------------------------------------------------------


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_update_writes_what_passes(line_end, spec, test, taskc):
    """The updated spec checks clean, passes, and is updated to itself."""
    spec(RIGHT.replace("    It rains.\n", "").replace('"Rain"', '"Snow"'), line_end=line_end)
    status, out, err = test("--update")
    updated = spec.path.read_bytes()

    assert (status, err) == (0, "updated hello/hello.task\n")
    assert out.endswith("1 passed, 0 failed\n")
    assert updated.endswith(RIGHT.replace("\n", line_end).encode())
    assert test() == (0, "hello rain ... ok\n1 passed, 0 failed\n", "")
    assert test("--update")[2] == ""
    assert spec.path.read_bytes() == updated
    assert taskc("check", "hello", cwd=spec.path.parent.parent).returncode == 0


def test_a_text_of_one_line_becomes_a_block(spec, test):
    """And a block of one line becomes a quoted text."""
    start, end = RIGHT.index("  input"), RIGHT.index("  target")
    spec(RIGHT[:start] + '  input  "?"\n' + '  target """\n    ?\n    """\n}\n' + RIGHT[end:][17:])
    test("--update")

    assert spec.path.read_text(encoding="utf-8").rstrip().endswith(RIGHT.rstrip())


AWKWARD = [
    'say "yes" and \\\\n',
    "  indented\\n    more\\n",
    "\\n\\nblank lines\\n   \\nof blanks\\n",
    'three \\"\\"\\" quotes\\nin two lines',
    "tab\\there\\n\\tand there",
    "return\\r\\nof a carriage",
    "braces {{ }} and {{x}}\\nagain {{",
    "🌧 über\\nalles \\u{2028} gut",
    "# no comment\\n}}",
]


@pytest.mark.parametrize("text", AWKWARD)
def test_every_text_can_be_written(text, spec, test):
    """Quotes, blanks, braces and escapes come back as they were."""
    escaped = text.replace('"yes"', '\\"yes\\"')
    spec(
        f"""
template odd for weather {{
  prompt one: "{{report}} {escaped}" -> "{{sky}}{escaped}"
}}

test odd on weather {{
  row    {{ report: "It rains.", sky: "rain" }}
  prompt odd.one
  input  "?"
  target "?"
}}
"""
    )
    assert test()[0] == 1
    assert test("--update")[0] == 0
    assert test() == (0, "hello odd ... ok\n1 passed, 0 failed\n", "")


def test_the_target_of_a_dialogue_is_its_last_answer(spec, test):
    """Everything before it is input, one turn after the other."""
    spec(TALK)
    chat(spec.path)
    test("--update")

    assert spec.path.read_text(encoding="utf-8").endswith(
        '''  input  """
    Terse.
    It rains.
    rain
    Sure?
    """
  target "Yes, rain."
}
'''
    )
    assert test()[0] == 0


def test_each_test_is_updated_in_its_file(hello, spec, test):
    """Two files, two tests in one of them."""
    spec(
        RIGHT.replace('"Rain"', '"a"') + RIGHT.replace('"Rain"', '"b"').replace("rain on", "wet on")
    )
    more = hello / "more.task"
    more.write_text("language 1\n" + RIGHT.replace('"Rain"', '"c"').replace("rain on", "hail on"))
    status, _, err = test("--update")

    assert (status, err) == (0, "updated hello/hello.task\nupdated hello/more.task\n")
    assert test()[1].endswith("3 passed, 0 failed\n")
