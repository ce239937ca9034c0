"""`taskc why`: where a row went, clause by clause, as the artefact has it or a build would."""

import csv
import gzip
import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taskc.cli import entry

ROW = "data/weather.train.jsonl"


@pytest.fixture
def why(hello, monkeypatch, capsys):
    """Runs `taskc why hello ARGUMENTS...`; returns status, stdout, stderr."""
    monkeypatch.chdir(hello.parent)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = entry.main(["why", "hello", *arguments])
        shown = capsys.readouterr()
        return int(status), shown.out, shown.err

    return run


@pytest.fixture
def build(hello, monkeypatch, capsys):
    """Builds `hello`."""
    monkeypatch.chdir(hello.parent)

    def run() -> None:
        assert entry.main(["build", "hello"]) == 0
        capsys.readouterr()

    return run


@pytest.fixture
def account(why):
    """Runs `taskc why hello --row FILE:N --json`; returns the one account."""

    def run(row: str, *arguments: str) -> dict:
        status, out, _ = why("--row", row, *arguments, "--json")
        (found,) = json.loads(out)["accounts"]

        assert status == 0
        return found

    return run


def change(hello, old: str, new: str) -> None:
    """Replaces words of the spec."""
    spec = hello / "hello.task"
    text = spec.read_text(encoding="utf-8")
    assert old in text
    spec.write_text(text.replace(old, new), encoding="utf-8")


# ---- delivered -----------------------------------------------------------------------------------


def test_before_and_after_a_build_the_place_is_the_same(why, account, build):
    """What would happen is what happened; only the words differ."""
    before = account(f"{ROW}:5")
    would = why("--row", f"{ROW}:5")[1]

    build()
    after = account(f"{ROW}:5")

    assert (before["fate"], before["is_built"]) == ("delivered", False)
    assert "would be delivered: no artefact of it stands at artifacts/hello/hello" in would
    assert (after["fate"], after["is_built"]) == ("delivered", True)
    assert before["examples"] == after["examples"]
    assert "\ndelivered\n" in why("--row", f"{ROW}:5")[1]


def test_inspect_shows_the_row_where_why_says(account, build, capsys):
    """Sequence and row agree."""
    build()
    (example,) = account(f"{ROW}:7")["examples"]
    index = str(example["sequence"])
    entry.main(["inspect", "artifacts/hello/hello", "--index", index, "--json"])
    examples = json.loads(capsys.readouterr().out)["examples"]
    before = [sum(piece["num_tokens"] for piece in each["pieces"]) for each in examples]
    at = next(number for number, each in enumerate(examples) if each["row"] == 7)

    assert examples[at]["file"] == ROW
    assert sum(before[:at]) == example["start"]
    assert before[at] == example["tokens"]


def test_an_evaluated_row_has_all_its_prompts(why, account, build):
    """Each is a row of the split's table."""
    row = "data/weather.dev.jsonl:2"
    before = account(row)
    build()
    after = account(row)

    assert [each["prompt"] for each in before["examples"]] == ["sky.ask", "sky.tell"]
    assert [each["example"] for each in before["examples"]] == [None, None]
    assert [{**each, "example": None} for each in after["examples"]] == before["examples"]
    assert "evaluated" in why("--row", row)[1]


def test_a_spec_that_changed_is_not_what_was_built(hello, why, build):
    """The artefact is not believed then."""
    build()
    change(hello, "What is the sky like", "How is the sky")

    out = why("--row", f"{ROW}:5")[1]

    assert "would be delivered: the one at artifacts/hello/hello is another: template sky: " in out
    assert "prompt ask changed (hello/hello.task:12)" in out


# ---- dropped -------------------------------------------------------------------------------------


def test_a_where_shows_what_it_saw(hello, why):
    """The condition, its place, and the values of the names in it."""
    change(hello, "  license", '  let     mood = "dull" if sky == "cloudy" else "fine"\n  license')
    change(hello, "  license", '  where   mood == "fine"\n  license')
    lines = (hello / ROW).read_text(encoding="utf-8").splitlines()
    number = next(n for n, line in enumerate(lines, 1) if json.loads(line)["sky"] == "cloudy")
    status, out, err = why("--row", f"{ROW}:{number}")

    assert (status, err) == (0, "")
    assert re.search(r'let +mood = "dull" +hello/hello.task:7', out)
    assert re.search(r'where +mood == "fine" is false +hello/hello.task:8\n +mood = "dull"', out)
    assert out.endswith("dropped by `where` at hello/hello.task:8\n")


def test_a_row_that_is_too_long_says_by_how_much(hello, account):
    """Tokens and limit, and which prompt it drew."""
    change(hello, "input: 96", "input: 30")
    change(hello, "bos: none", "bos: none, overflow: drop")
    found = [account(f"{ROW}:{number}") for number in range(1, 46)]
    last = next(each["steps"][-1] for each in found if each["fate"] == "dropped")

    assert re.fullmatch(r"by sky\.\w+: the input has \d+ tokens, the limit is 30", last["words"])
    assert last["at"].startswith("hello/hello.task:")
    assert {each["fate"] for each in found} == {"dropped", "delivered"}


def test_a_row_nobody_asked_for_has_its_rank(hello, account):
    """And how many were taken."""
    change(hello, "  from weather\n", "  from weather\n  rate proportional(cap: 10)\n")
    found = [account(f"{ROW}:{number}") for number in (1, 2, 3, 4, 5, 6, 7, 8)]
    left = [each for each in found if each["fate"] == "not asked for"]

    assert left
    for each in left:
        rank = re.fullmatch(r"number (\d+) of 45, 10 are taken", each["steps"][-1]["words"])

        assert int(rank[1]) > 10
        assert each["at"] == "hello/hello.task:18"


def test_a_mistake_in_the_row_is_shown_as_a_build_does(hello, why):
    """The diagnostic stands on stderr, the account on stdout."""
    (hello / ROW).write_text('{"report": 17, "sky": "clear"}\n', encoding="utf-8")
    status, out, err = why("--row", f"{ROW}:1")

    assert status == 0
    assert "error[T0801]" in err
    assert out.endswith("a mistake: the build stops\n")


# ---- which row -----------------------------------------------------------------------------------


@pytest.mark.parametrize("file", [ROW, f"hello/{ROW}", f"./hello/../hello/{ROW}"])
def test_a_file_by_its_path_or_by_its_name(file, account):
    """As a shell completes it, or as provenance shows it."""
    assert account(f"{file}:3")["file"] == ROW


def test_every_source_that_reads_the_row_has_an_account(hello, why):
    """`--source` names one."""
    text = (hello / "hello.task").read_text(encoding="utf-8")
    start = text.index("source weather")
    copy = text[start : text.index("}\n", text.index("license", start)) + 2]
    with (hello / "hello.task").open("a", encoding="utf-8") as spec:
        spec.write("\n" + copy.replace("source weather", "source again"))
    change(hello, "for weather", "for weather, again")
    change(hello, "  from weather\n", "  from weather, again\n")
    _, out, _ = why("--row", f"{ROW}:3", "--json")
    _, one, _ = why("--row", f"{ROW}:3", "--source", "again", "--json")

    assert [each["source"] for each in json.loads(out)["accounts"]] == ["weather", "again"]
    assert [each["source"] for each in json.loads(one)["accounts"]] == ["again"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--row", f"{ROW}:46"], f"`{ROW}` has no row 46: its last line is 45"),
        (
            ["--row", "data/wether.train.jsonl:1"],
            f"no source of the builds reads `data/wether.train.jsonl`\nhelp: did you mean: `{ROW}`",
        ),
        (["--row", f"{ROW}:1", "--source", "x"], f"source `x` does not read `{ROW}`"),
        (["--row", f"{ROW}:1", "--build", "x"], "no build `x`\nhelp: builds: hello"),
    ],
)
def test_a_row_that_is_not_there_is_one_message(arguments, words, why):
    """With what there is instead."""
    status, out, err = why(*arguments)

    assert (status, out) == (1, "")
    assert words in err


def as_csv(path, rows) -> None:
    """Writes rows with a header, so that row n starts on line n + 1."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["report", "sky"])
        writer.writeheader()
        writer.writerows(rows)


def as_parquet(path, rows) -> None:
    """Writes rows in several row groups."""
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=10)


def as_gzip(path, rows) -> None:
    """Writes compressed lines."""
    path.write_bytes(gzip.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode()))


@pytest.mark.parametrize(
    "form",
    [("csv", "csv", as_csv, 2), ("parquet", "parquet", as_parquet, 1), ("jsonl", "gz", as_gzip, 1)],
)
def test_rows_of_every_format(hello, account, build, form):
    """Named by the number that messages and provenance give them."""
    kind, suffix, write, first = form
    rows = [json.loads(line) for line in (hello / ROW).read_text(encoding="utf-8").splitlines()]
    for split, own in (("train", rows), ("dev", rows[:3])):
        name = f"data/weather.{split}.{suffix}" if suffix != "gz" else f"data/w.{split}.jsonl.gz"
        write(hello / name, own)
    pattern = name.replace("dev", "{split}")
    change(hello, 'jsonl("data/weather.{split}.jsonl")', f'{kind}("{pattern}")')
    found = account(f"{pattern.replace('{split}', 'train')}:{first + 20}")
    build()
    after = account(f"{pattern.replace('{split}', 'train')}:{first + 20}")

    assert found["values"] == rows[20]
    assert found["examples"] == after["examples"]
    assert after["is_built"]


def test_a_blank_line_is_no_row(hello, why):
    """It has a number, and nothing was read there."""
    text = (hello / ROW).read_text(encoding="utf-8")
    (hello / ROW).write_text(text.replace("\n", "\n\n", 1), encoding="utf-8")

    assert "has no row 2: the line is blank" in why("--row", f"{ROW}:2")[2]


@pytest.mark.parametrize("row", ["nothing", ":3", f"{ROW}:0", f"{ROW}:x"])
def test_a_row_that_is_none_is_wrong_usage(row, why):
    """As any other wrong argument."""
    status, _, err = why("--row", row)

    assert status == 64
    assert "expected" in err


def test_a_wrong_spec_is_reported(hello, why):
    """Nothing is traced."""
    change(hello, "template sky for weather", "template sky for wether")

    assert why("--row", f"{ROW}:1")[0] == 1
