"""`taskc fmt`: which files are laid out, what is said, and what is never lost."""

import pytest

from taskc.cli import entry

UGLY = """language 1



source weather {
      from jsonl("w.jsonl")     # all of it
  fields { report: text }
}
"""
BROKEN = """
template sky for weather {
      promt one:   "{report}"
}
"""


@pytest.fixture
def fmt(tmp_path, monkeypatch, capsys):
    """Runs `taskc fmt ARGUMENTS...` in an empty folder; returns status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = entry.main(["fmt", *arguments])
        shown = capsys.readouterr()
        return int(status), shown.out, shown.err

    return run


@pytest.fixture
def specs(tmp_path):
    """The folder `specs` with two ugly files and one that is as it should be after them."""
    folder = tmp_path / "specs"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.task").write_text(UGLY.replace("weather", name), encoding="utf-8")
    return folder


def texts(folder) -> dict[str, str]:
    """Returns what every file holds."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())}


def test_files_are_laid_out_and_named(specs, fmt):
    """Once: the second time nothing changes."""
    assert fmt("specs") == (
        0,
        "formatted specs/a.task\nformatted specs/b.task\n2 formatted, 0 left as they were\n",
        "",
    )

    once = texts(specs)

    assert '\n\nsource a {\n  from   jsonl("w.jsonl")  # all of it\n' in once["a.task"]
    assert fmt("specs") == (0, "0 formatted, 2 left as they were\n", "")
    assert texts(specs) == once


def test_check_writes_nothing_and_ends_with_2(specs, fmt):
    """Something would change; afterwards nothing would."""
    before = texts(specs)

    assert fmt("specs", "--check") == (
        2,
        "would format specs/a.task\nwould format specs/b.task\n",
        "",
    )
    assert texts(specs) == before

    fmt("specs")

    assert fmt("specs", "--check") == (0, "", "")


def test_diff_shows_what_would_change(specs, fmt):
    """As `patch` takes it, and nothing is written."""
    before = texts(specs)
    status, out, err = fmt("specs/a.task", "--diff")

    assert (status, err) == (2, "")
    assert out.startswith("--- specs/a.task\n+++ specs/a.task formatted\n@@ ")
    assert '-      from jsonl("w.jsonl")     # all of it\n+  from   jsonl' in out
    assert texts(specs) == before


def test_a_file_that_is_named_is_formatted_alone(specs, fmt):
    """Layout needs no other file of the package."""
    fmt("specs/b.task")

    assert texts(specs)["a.task"] == UGLY.replace("weather", "a")
    assert texts(specs)["b.task"] != UGLY.replace("weather", "b")


def test_a_file_that_is_meant_twice_is_written_once(specs, fmt):
    """By its name and by its folder."""
    assert fmt("specs/b.task", "specs")[1].count("specs/b.task") == 1


def test_a_broken_declaration_stays_as_it_is(specs, fmt):
    """The rest of the file is laid out; the mistake is reported where it now stands."""
    (specs / "a.task").write_text(UGLY + BROKEN, encoding="utf-8")
    status, out, err = fmt("specs/a.task")
    text = texts(specs)["a.task"]

    assert status == 1
    assert "formatted specs/a.task\n" in out
    assert text.endswith(BROKEN)
    assert '\n  from   jsonl("w.jsonl")  # all of it\n' in text
    line = text[: text.index("promt")].count("\n") + 1
    assert f"--> specs/a.task:{line}:" in err


def test_wrong_names_and_imports_are_not_its_business(specs, fmt):
    """A spec need not be right to be laid out; other folders are left alone."""
    other = specs.parent / "other"
    other.mkdir()
    (other / "o.task").write_text(UGLY, encoding="utf-8")
    text = 'language 1\nimport "../other"\nimport "../nowhere"\n\ncluster c {\n  sources zzz\n}\n'
    (specs / "a.task").write_text(text, encoding="utf-8")
    status, _, err = fmt("specs")

    assert (status, err) == (0, "")
    assert texts(other)["o.task"] == UGLY


def test_what_is_not_there_is_an_error(fmt):
    """With status 1."""
    status, _, err = fmt("nowhere")

    assert status == 1
    assert "there is no `nowhere`" in err


def test_first_specs_say_the_same_formatted(hello, taskc):
    """What `init` writes builds to the same content after `fmt`."""
    digests = []
    for verb in (["build", "hello", "--jobs", "1", "--out", "before"], ["fmt", "hello"]):
        done = taskc(*verb, cwd=hello.parent)

        assert done.returncode == 0, done.stderr
    taskc("build", "hello", "--jobs", "1", "--out", "after", cwd=hello.parent)
    for out in ("before", "after"):
        manifest = (hello.parent / out / "hello/hello/manifest.json").read_text(encoding="utf-8")
        digests.append(manifest[manifest.index("content_digest") :].split('"')[2])

    assert digests[0] == digests[1]
