"""`taskc init`: a project that builds at once, and nothing ever written over."""

from pathlib import Path


def test_what_init_writes_checks_clean(hello, taskc):
    """The first spec has not even a lint."""
    done = taskc("check", "hello", cwd=hello.parent)

    assert done.stdout == "1 file checked, nothing found\n"
    assert done.returncode == 0


def test_init_writes_over_nothing(hello, taskc):
    """A second `init` is an error and leaves every byte."""
    before = {path: path.read_bytes() for path in hello.rglob("*") if path.is_file()}
    done = taskc("init", "hello", cwd=hello.parent)

    assert done.returncode == 1
    assert "`hello` exists already" in done.stderr
    assert before == {path: path.read_bytes() for path in hello.rglob("*") if path.is_file()}


def test_init_may_fill_the_folder_one_stands_in(tmp_path, taskc):
    """`mkdir first; cd first; taskc init .` is how some people start."""
    (tmp_path / "first").mkdir()
    done = taskc("init", ".", cwd=tmp_path / "first")

    assert done.returncode == 0
    assert "taskc inspect artifacts/first/hello" in done.stdout
    assert (tmp_path / "first/hello.task").is_file()


def test_next_commands_work_as_printed(tmp_path, taskc):
    """What `init` says to do next can be copied line by line."""
    done = taskc("init", "my specs", cwd=tmp_path)
    commands = [line.split(maxsplit=2) for line in done.stdout.splitlines()[1:]]

    assert [command[:2] for command in commands] == [
        ["taskc", "check"],
        ["taskc", "build"],
        ["taskc", "inspect"],
    ]
    for _, verb, argument in commands:
        ran = taskc(verb, argument.strip("'"), cwd=tmp_path)

        assert ran.returncode == 0, ran.stderr
    assert Path(tmp_path / "artifacts/my specs/hello/manifest.json").is_file()
