"""The public functions: what they return, and which mistake is which exception."""

import shutil
from pathlib import Path

import pytest

import taskc

HELLO = Path(__file__).parents[2] / "taskc" / "cli" / "init"


@pytest.fixture
def hello(tmp_path, monkeypatch) -> Path:
    """The folder `hello` in the working directory, as `taskc init` writes it."""
    shutil.copytree(HELLO, tmp_path / "hello")
    monkeypatch.chdir(tmp_path)
    return Path("hello")


def spoil(folder: Path, old: str, new: str) -> None:
    """Replaces a text that stands in the spec."""
    spec = folder / "hello.task"
    text = spec.read_text(encoding="utf-8")
    assert old in text
    spec.write_text(text.replace(old, new), encoding="utf-8")


# ---- check and plan ----------------------------------------------------------------------------


def test_check_returns_what_it_finds(hello):
    """A list of values; nothing is raised for a wrong spec."""
    assert taskc.check(hello) == []
    spoil(hello, "from weather", "from wether")
    found = taskc.check(hello)

    assert [finding.severity for finding in found] == ["error"]
    assert isinstance(found[0], taskc.Diagnostic)
    assert "`wether`" in found[0].message


def test_plan_has_every_default(hello):
    """What the spec leaves out is filled in."""
    plan = taskc.plan(hello)
    build = plan.builds[0]

    assert [each.name for each in plan.builds] == ["hello"]
    assert build.pack.window == 20_000
    assert build.format.overflow == "error"
    assert build.mixture.seed == 0


def test_plan_of_a_wrong_spec_raises_with_the_report(hello):
    """The exception reads like the command's report and carries the diagnostics."""
    spoil(hello, "from weather", "from wether")
    with pytest.raises(taskc.TaskcError, match=r"error\[T\d{4}\]: .*`wether`") as caught:
        taskc.plan(hello)

    assert "hello/hello.task:17" in str(caught.value)
    assert [finding.severity for finding in caught.value.diagnostics] == ["error"]


def test_a_build_that_is_not_there_is_a_wrong_argument(hello):
    """The names that there are stand in the message."""
    with pytest.raises(ValueError, match="no build 'helo'; they have: hello"):
        taskc.plan(hello, build="helo")
    with pytest.raises(ValueError, match="no build 'helo'; they have: hello"):
        taskc.build(hello, build="helo")


def test_parameters_are_values_of_python(hello):
    """A path or a number is given as itself, not as the text of `--set`."""
    spoil(hello, "language 1\n", 'language 1\n\nparam data: path = "data"\nparam times: int = 1\n')
    spoil(hello, '"data/weather', '"{data}/weather')
    spoil(
        hello,
        "mixture all {\n  from weather",
        "mixture all {\n  from weather\n  total times epochs",
    )
    shutil.move(hello / "data", hello / "elsewhere")
    plan = taskc.plan(hello, params={"data": hello / "elsewhere", "times": 3})

    assert plan.builds[0].mixture.total.count == 3
    assert (
        plan.builds[0]
        .sources[0]
        .connector.patterns["train"]
        .endswith("hello/elsewhere/weather.train.jsonl")
    )


# ---- build and open ----------------------------------------------------------------------------


def test_build_gives_an_artefact(hello):
    """What was built is open, and the same when opened again."""
    artifact = taskc.build(hello)
    again = taskc.open("artifacts/hello/hello")

    assert isinstance(artifact, taskc.Artifact)
    assert again.manifest == artifact.manifest
    assert len(artifact["train"]) == len(again["train"]) > 0
    assert isinstance(artifact["train"][0], taskc.Sequence)
    artifact.verify()


def test_build_raises_what_stands_in_the_rows(hello):
    """A mistake of a row is a `TaskcError` that names file and line."""
    data = hello / "data/weather.train.jsonl"
    data.write_text(data.read_text(encoding="utf-8") + "{\n", encoding="utf-8")
    with pytest.raises(taskc.TaskcError, match=r"weather\.train\.jsonl:46"):
        taskc.build(hello)

    assert not Path("artifacts/hello").exists()


def test_one_of_several_builds_must_be_named(hello):
    """`taskc.build` makes one artefact; which one is never a guess."""
    spec = (hello / "hello.task").read_text(encoding="utf-8")
    start, end = spec.index("build hello"), spec.index("train hello")
    spoil(hello, "train hello", f"{spec[start:end].replace('build hello', 'build bye')}train hello")
    with pytest.raises(ValueError, match="hello/hello, hello/bye"):
        taskc.build(hello)

    assert taskc.build(hello, build="bye").manifest.build == "bye"


def test_an_engine_that_is_not_there_is_not_passed_over(hello):
    """The words say which there are."""
    with pytest.raises(ValueError, match="no engine 'slurm'; there are: local, ray"):
        taskc.build(hello, engine="slurm")


def test_what_is_no_artefact_is_an_artifact_error(hello):
    """A reader of artefacts catches one class."""
    with pytest.raises(taskc.ArtifactError, match="hello"):
        taskc.open(hello)


# ---- render ------------------------------------------------------------------------------------

ROW = {"report": "Grey, but dry.", "sky": "cloudy"}


def test_render_shows_a_row_as_the_model_gets_it(hello):
    """Turns, ids, mask and text are what the build would store."""
    rendered = taskc.render(hello, "sky.ask", ROW)

    assert [turn.role for turn in rendered.turns] == ["input", "target"]
    assert [turn.trained for turn in rendered.turns] == [False, True]
    assert rendered.turns[0].text.startswith("What is the sky like?\n\nGrey, but dry.\n\nOPTIONS:")
    assert rendered.text == f"{rendered.turns[0].text}\nCloudy<|end|>"
    assert len(rendered.ids) == len(rendered.mask)
    assert rendered.mask.count(True) == 3
    assert rendered.options == ("Clear", "Cloudy", "Rain")
    assert rendered.label == "sky.ask"


def test_render_gives_what_the_build_stores(hello):
    """The ids of a row are those of its example in the artefact."""
    artifact = taskc.build(hello)
    origin = artifact.examples.to_pylist()
    row = {"report": "Sun from the first light to the last.", "sky": "clear"}
    example = next(i for i, each in enumerate(origin) if each["row"] == 1)
    rendered = taskc.render(hello, f"sky.{origin[example]['label']}", row)
    stored = [
        sequence.input_ids[start:end].tolist()
        for sequence in artifact["train"]
        for number, start, end in zip(
            sequence.examples, sequence.cu_seq_lens, sequence.cu_seq_lens[1:], strict=False
        )
        if number == example
    ]

    assert stored == [list(rendered.ids)]


def test_render_without_a_label_draws_the_prompt(hello):
    """The row's key chooses, the same one every time."""
    labels = {taskc.render(hello, "sky", ROW).label for _ in range(3)}

    assert len(labels) == 1
    assert labels <= {"sky.ask", "sky.tell"}


@pytest.mark.parametrize(
    ("template", "row", "tokenizer", "words"),
    [
        ("sky.aks", ROW, None, "no prompt 'aks'; it has: ask, tell"),
        ("sea", ROW, None, "no build uses a template 'sea'; templates in use: sky"),
        ("sky", ROW, "big", "no build with tokenizer 'big'"),
        ("sky", {"report": "Grey."}, None, "`sky` is missing"),
        ("sky", {**ROW, "sky": "green"}, None, "`sky` is not among the values of its choice"),
        ("sky", {**ROW, "wind": "east"}, None, "no field 'wind'; it has: report, sky"),
    ],
)
def test_what_render_can_not_do_is_a_wrong_argument(template, row, tokenizer, words, hello):
    """Each says what there is instead."""
    with pytest.raises(ValueError, match=words):
        taskc.render(hello, template, row, tokenizer=tokenizer)


def test_render_of_a_row_that_is_too_long_is_an_error_of_the_spec(hello):
    """`overflow: error` holds here as in a build."""
    with pytest.raises(taskc.TaskcError, match=r"the limit is 96"):
        taskc.render(hello, "sky", {**ROW, "report": "x" * 4_000})
