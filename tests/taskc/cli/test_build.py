"""`taskc build`: what it shows, what it leaves on disk, and what it does with several builds."""

import json

SETTINGS = (
    "mixture   all: weather, rate proportional(cap: none, limit: none), total 1 epoch, ",
    "templates one, repeat without limit, seed 0",
    "tokenizer tiny: file hello/tokenizer.json, 512 ids, eos '<|end|>' = 0",
    "format    prompt_target(input: 96, target: 8, ",
    "overflow: error, seam: split",
    "pack      best_fit(length: 256, window: 20,000)",
    "splits    train, dev",
)


def test_the_summary_shows_figures_and_every_default(hello, taskc):
    """What was read, what came out, and what the spec left to defaults."""
    done = taskc("build", "hello", cwd=hello.parent)

    assert done.returncode == 0, done.stderr
    assert "hello/hello  artifacts/hello/hello" in done.stdout
    for setting in SETTINGS:
        assert setting in done.stdout
    assert "source   rows read  dropped  rows used  examples  tokens  trained" in done.stdout
    assert "fill " in done.stdout
    assert "dev: 18 examples" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_json_is_one_object_on_stdout(hello, taskc):
    """A program reads stdout; people read stderr."""
    done = taskc("build", "hello", "--json", cwd=hello.parent)
    result = json.loads(done.stdout)
    built = result["builds"][0]

    assert done.returncode == 0
    assert list(result) == ["version", "builds", "diagnostics"]
    assert result["version"] == 1
    assert (built["status"], built["path"]) == ("built", "artifacts/hello/hello")
    assert built["rows_read"] == 54
    assert built["examples"] == 45
    assert 0 < built["trained_tokens"] < built["tokens"]
    assert 0 < built["fill"] <= 1
    assert [source["name"] for source in built["sources"]] == ["weather"]
    assert "hello" in done.stderr


def test_the_summary_and_the_artefact_agree(hello, taskc):
    """The figures are the manifest's, not counted a second time."""
    done = taskc("build", "hello", "--json", "--out", "elsewhere", cwd=hello.parent)
    built = json.loads(done.stdout)["builds"][0]
    manifest = json.loads((hello.parent / "elsewhere/hello/hello/manifest.json").read_text())

    assert built["path"] == "elsewhere/hello/hello"
    assert built["content_digest"] == manifest["content_digest"]
    assert built["splits"] == manifest["splits"]


def test_twice_is_the_same(hello, taskc):
    """Nothing depends on the run or on the number of workers."""
    digests = []
    for jobs in ("1", "2"):
        done = taskc("build", "hello", "--json", "--jobs", jobs, cwd=hello.parent)
        digests.append(json.loads(done.stdout)["builds"][0]["content_digest"])

    assert digests[0] == digests[1]


def test_a_sample_reads_less(hello, taskc):
    """`--sample 5` reads five rows of each source and split, and says so."""
    done = taskc("build", "hello", "--json", "--sample", "5", cwd=hello.parent)
    built = json.loads(done.stdout)["builds"][0]

    assert built["sample"] == 5
    assert built["rows_read"] == 10


def test_only_a_name_that_is_there(hello, taskc):
    """A wrong `--only` names the builds that there are."""
    done = taskc("build", "hello", "--only", "helo", cwd=hello.parent)

    assert done.returncode == 1
    assert "there is no build `helo`" in done.stderr
    assert "builds: hello" in done.stderr


def test_a_sample_of_nothing_is_wrong_usage(hello, taskc):
    """Zero rows can't be built."""
    for value in ("0", "-1", "many"):
        done = taskc("build", "hello", "--sample", value, cwd=hello.parent)

        assert done.returncode == 64
        assert "expected a whole number from 1" in done.stderr


def test_what_stands_in_the_way_is_left_alone(hello, taskc):
    """A folder that is no artefact is never replaced."""
    mine = hello.parent / "artifacts/hello/hello/thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    done = taskc("build", "hello", cwd=hello.parent)

    assert done.returncode == 1
    assert "other files" in done.stderr
    assert mine.read_text() == "mine"


def test_a_library_has_nothing_to_build(hello, taskc):
    """Specs without a `build` block check clean, and `build` says why nothing happens."""
    spec = hello / "hello.task"
    text = spec.read_text(encoding="utf-8")
    spec.write_text(text[: text.index("mixture all")], encoding="utf-8")
    done = taskc("build", "hello", cwd=hello.parent)

    assert done.returncode == 1
    assert "nothing to build" in done.stderr


def test_what_stops_several_builds_is_said_once(hello, taskc):
    """The second build points at the report of the first; programs get both."""
    spec = hello / "hello.task"
    text = spec.read_text(encoding="utf-8")
    start = text.index("build hello {")
    block = text[start : text.index("}", start) + 1]
    spec.write_text(f"{text}\n{block.replace('build hello', 'build again')}\n", encoding="utf-8")
    (hello / "data/weather.train.jsonl").unlink()
    done = taskc("build", "hello", cwd=hello.parent)
    told = json.loads(taskc("build", "hello", "--json", cwd=hello.parent).stdout)

    assert done.returncode == 1
    assert done.stderr.count("error[T0510]") == 1
    assert "hello/hello: not built\n" in done.stderr
    assert "hello/again: not built; 1 of what is in its way stands above\n" in done.stderr
    assert [found["code"] for found in told["diagnostics"]] == ["T0510", "T0510"]
