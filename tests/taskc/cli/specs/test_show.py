"""`taskc show`: a real row through real prompts, as a build would have it."""

import json
import time

import pytest

import taskc
from taskc.cli import entry

SAY = """
template say for weather {
  prompt long when len(report) > 40: "Say: {report}" -> "{sky}"
  prompt bare: "Read {report}" -> "{sky}!"
}
"""


@pytest.fixture
def show(hello, monkeypatch, capsys):
    """Runs `taskc show hello ARGUMENTS...`; returns status, stdout, stderr."""
    monkeypatch.chdir(hello.parent)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = entry.main(["show", "hello", *arguments])
        shown = capsys.readouterr()
        return int(status), shown.out, shown.err

    return run


@pytest.fixture
def shown(show):
    """Runs `taskc show hello ARGUMENTS... --json`, which succeeds; returns the object."""

    def run(*arguments: str) -> dict:
        status, out, err = show(*arguments, "--json")

        assert (status, err) == (0, "")
        return json.loads(out)

    return run


def change(hello, *, old="", new="") -> None:
    """Replaces words of the spec; with no `old`, adds words at its end."""
    spec = hello / "hello.task"
    text = spec.read_text(encoding="utf-8")
    assert old in text
    spec.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")


def rows(hello, split="train") -> list[dict]:
    """Returns the rows of a split, as the file has them."""
    path = hello / f"data/weather.{split}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def delivered(artifact, example: int) -> tuple[list[int], list[int]]:
    """Returns ids and mask of an example of the training split."""
    for sequence in artifact["train"]:
        borders = sequence.cu_seq_lens.tolist()
        for position, each in enumerate(sequence.examples.tolist()):
            if each == example:
                start, end = borders[position : position + 2]
                labels = sequence.labels[start:end].tolist()
                return sequence.input_ids[start:end].tolist(), [int(x >= 0) for x in labels]
    raise AssertionError("the example is in no sequence")


# ---- which row -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("split", "number"), [("train", 1), ("train", 45), ("dev", 2)])
def test_a_row_by_its_number(split, number, hello, shown):
    """Numbers count from 1, as in every message about a row."""
    found = shown("sky", "--split", split, "--row", str(number))

    assert found["values"] == rows(hello, split)[number - 1]
    assert (found["source"], found["split"], found["row"]) == ("weather", split, number)
    assert found["file"] == f"data/weather.{split}.jsonl"


def test_a_row_by_the_start_of_its_id(shown):
    """The same row is found, with the same ids and mask."""
    by_number = shown("sky", "--row", "7")

    assert shown("sky", "--id", by_number["row_id"][:12]) == by_number


def test_a_build_makes_the_same_of_the_row(hello, shown):
    """Id, drawn prompt, token ids and mask are those of the artefact."""
    artifact = taskc.build("hello", out="artifacts", jobs=1)
    examples = artifact.examples.to_pylist()
    number = next(i for i, each in enumerate(examples) if each["row"] == 5)
    ids, mask = delivered(artifact, number)
    found = shown("sky", "--row", "5")
    drawn = next(each for each in found["prompts"] if each["label"] == found["drawn"])
    built = examples[number]

    assert built["row_id"].hex() == found["row_id"]
    assert f"{built['template']}.{built['label']}" == found["drawn"]
    assert (ids, mask) == (drawn["input_ids"], drawn["mask"])


def test_a_dropped_row_names_the_clause(hello, show):
    """Whoever looks for a row learns which line of the spec dropped it."""
    change(hello, old="  license", new="  where   len(report) < 5\n  license")
    status, out, err = show("sky")

    assert (status, out) == (1, "")
    assert (
        "row 1 of source 'weather', split 'train' is dropped by `where` at hello/hello.task:7"
        in err
    )


def test_a_limit_is_the_one_of_a_build(hello, show):
    """Which rows a limit keeps is known only when all are read."""
    change(hello, old="  license", new="  limit   5\n  license")
    statuses = [show("sky", "--row", str(number))[0] for number in range(1, 46)]

    assert statuses.count(0) == 5
    assert (
        "dropped by `limit` at hello/hello.task:7"
        in show("sky", "--row", str(statuses.index(1) + 1))[2]
    )


def test_a_carved_row_is_in_the_carved_split(hello, show, shown):
    """By its number in the file; the origin says where it went."""
    change(
        hello,
        old="splits  train, dev\n  fields",
        new="splits  train, dev = carve(train, 9)\n  fields",
    )
    statuses = [show("sky", "--row", str(number))[0] for number in range(1, 46)]
    number = str(statuses.index(1) + 1)

    assert statuses.count(1) == 9
    assert (
        f"row {number} of source 'weather', split 'train' was carved out into split 'dev'"
        in show("sky", "--row", number)[2]
    )
    assert shown("sky", "--split", "dev", "--row", number)["row"] == int(number)


def test_a_row_that_dedup_drops_names_the_one_that_stays(hello, show):
    """And where the clause stands."""
    data = hello / "data/weather.train.jsonl"
    data.write_text(data.read_text(encoding="utf-8") * 2, encoding="utf-8")
    change(hello, old="  license", new="  dedup   by report\n  license")
    dropped = [number for number in (1, 46) if show("sky", "--row", str(number))[0]]
    kept = 47 - dropped[0]
    err = show("sky", "--row", str(dropped[0]))[2]

    assert len(dropped) == 1
    assert "is dropped by `dedup` at hello/hello.task:7" in err
    assert f"row data/weather.train.jsonl:{kept} has its key and stays" in err


def test_a_row_that_was_not_carved_is_not_in_the_carved_split(hello, show):
    """It is said where it is."""
    change(
        hello,
        old="splits  train, dev\n  fields",
        new="splits  train, dev = carve(train, 9)\n  fields",
    )
    found = [show("sky", "--split", "dev", "--row", str(number)) for number in range(1, 46)]
    left = [err for status, _, err in found if status]

    assert len(left) == 36
    assert all("is not there: it is in split 'train'" in err for err in left)


def test_a_row_by_its_number_needs_no_store(hello, shown):
    """Nothing beyond the row is read, so nothing of it is kept."""
    shown("sky", "--row", "5")

    assert not (hello / ".taskc").exists()


# ---- what a prompt makes of it -------------------------------------------------------------------


def test_all_prompts_or_the_one_that_is_named(shown):
    """`sky` shows both prompts, `sky.tell` the one."""
    assert [each["label"] for each in shown("sky")["prompts"]] == ["sky.ask", "sky.tell"]
    assert [each["label"] for each in shown("sky.tell")["prompts"]] == ["sky.tell"]


def test_only_the_target_is_trained(hello, shown):
    """Mask, turns and options agree with the spec."""
    row = rows(hello)[0]
    prompt = shown("sky.ask")["prompts"][0]
    trained = [
        token for token, is_on in zip(prompt["input_ids"], prompt["mask"], strict=True) if is_on
    ]

    assert prompt["options"] == ["Clear", "Cloudy", "Rain"]
    assert [turn["trained"] for turn in prompt["turns"]] == [False, True]
    assert row["report"] in prompt["turns"][0]["text"]
    assert prompt["turns"][1]["text"].lower() == row["sky"]
    assert trained == prompt["input_ids"][-len(trained) :]
    assert prompt["at"] == "hello/hello.task:12"


def test_a_prompt_that_gives_no_example_says_why(hello, show, shown):
    """A short row does not fit `when`."""
    change(hello, new=SAY)
    number = next(i for i, row in enumerate(rows(hello), start=1) if len(row["report"]) <= 40)
    found = shown("say", "--row", str(number))

    assert [each["label"] for each in found["prompts"]] == ["say.bare"]
    assert [each["label"] for each in found["dropped"]] == ["long"]
    assert "--- long: no example, " in show("say", "--row", str(number))[1]


def test_a_prompt_without_a_target_is_shown(hello, shown):
    """It is only generated from: nothing is trained."""
    change(
        hello,
        new="""
source asked {
  from   jsonl("data/weather.{split}.jsonl")
  splits dev
  fields { report: text  sky: text }
}

template only for asked {
  prompt ask: "What is the sky like? {report}"
}
""",
    )
    change(hello, old="  from weather\n", new="  from weather, asked\n")
    prompt = shown("only", "--split", "dev")["prompts"][0]

    assert [turn["trained"] for turn in prompt["turns"]] == [False]
    assert set(prompt["mask"]) == {0}


def test_a_dialogue_in_a_chat_format(hello, show, shown):
    """Each turn with its role; the assistant's are trained."""
    text = (hello / "hello.task").read_text(encoding="utf-8")
    start = text.index("  format ")
    line = text[start : text.index("\n", start)]
    change(
        hello,
        old=line,
        new="  format    chat(end_of_turn: eos, loss: assistant, bos: none, max: 200)",
    )
    change(
        hello,
        new="""
template talk for weather {
  dialogue {
    system    "Terse."
    user      "{report}"
    assistant "{sky}"
  }
}
""",
    )
    turns = shown("talk")["prompts"][0]["turns"]

    assert [turn["role"] for turn in turns] == ["system", "user", "assistant"]
    assert [turn["trained"] for turn in turns] == [False, False, True]
    assert "[system] Terse.\n" in show("talk")[1]
    assert f"[assistant] ⟦{rows(hello)[0]['sky']}⟧" in show("talk")[1]


def test_people_see_ids_in_brackets(show, shown):
    """Those that are trained, in one pair of brackets."""
    prompt = shown("sky.ask")["prompts"][0]
    first = prompt["mask"].index(1)
    trained = " ".join(map(str, prompt["input_ids"][first:]))
    out = show("sky.ask")[1]

    assert f" [{trained}]" in out
    assert f"{len(prompt['mask'])} tokens, {sum(prompt['mask'])} trained" in out
    assert "  options: Clear | Cloudy | Rain\n" in out


def test_the_object_has_the_keys_of_the_reference(shown):
    """docs/cli.md lists them in this order."""
    found = shown("sky")

    assert list(found) == [
        "version",
        "source",
        "split",
        "file",
        "row",
        "row_id",
        "values",
        "drawn",
        "prompts",
        "dropped",
    ]
    assert list(found["prompts"][0]) == ["label", "at", "turns", "options", "input_ids", "mask"]
    assert found["version"] == 1


# ---- what is not there ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["skyy"], "no build uses a template 'skyy'; templates in use: sky"),
        (["sky.aks"], "template 'sky' has no prompt 'aks'; it has: ask, tell"),
        (
            ["sky", "--source", "wether"],
            "template 'sky' does not serve 'wether'; it serves: weather",
        ),
        (["sky", "--split", "test"], "source 'weather' has no split 'test'"),
        (
            ["sky", "--row", "99"],
            "row 99 of source 'weather', split 'train' is not there; the split holds 45",
        ),
        (["sky", "--id", "zz"], "row zz of source 'weather', split 'train' is not there"),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_ones(arguments, words, show):
    """On stderr, with status 1."""
    status, out, err = show(*arguments)

    assert (status, out) == (1, "")
    assert words in err


def test_a_wrong_spec_shows_nothing(hello, show):
    """Its errors are on stderr, without warnings and lints."""
    change(hello, old="template sky for weather", new="template sky for wether")
    status, out, err = show("sky")

    assert (status, out) == (1, "")
    assert "error[T0102]" in err


def test_a_wrong_row_is_reported_at_its_line(hello, show):
    """As a build would report it."""
    path = hello / "data/weather.train.jsonl"
    path.write_text('{"report": 17, "sky": "clear"}\n', encoding="utf-8")
    status, _, err = show("sky")

    assert status == 1
    assert "weather.train.jsonl:1, field `report`, value `17`" in err


def test_show_answers_at_once(repository, taskc, tmp_path):
    """A second on an idle machine, wherever the data lies; a loaded one gets ten."""
    started = time.monotonic()
    done = taskc("show", str(repository / "examples/quickstart"), "conclude", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < 10
