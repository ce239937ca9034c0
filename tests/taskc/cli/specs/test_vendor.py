"""`taskc vendor` and `taskc build --vendored`: from an empty folder to a build without inputs."""

import json
import shutil


def test_the_way_from_an_empty_folder(hello, taskc):
    """Vendor, take the inputs away, build, vendor again."""
    folder = hello.parent
    done = taskc("vendor", "hello", "--to", "vendored", cwd=folder)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("vendored: 3 files, ")
    assert done.stdout.endswith(" bytes; 3 copied, the rest was there\n")
    again = taskc("vendor", "hello", "--to", "vendored", "--json", cwd=folder)
    result = json.loads(again.stdout)
    assert (result["files"], result["copied"], result["diagnostics"]) == (3, 0, [])
    first = json.loads(taskc("build", "hello", "--json", cwd=folder).stdout)
    shutil.rmtree(hello / "data")
    arguments = ("build", "hello", "--vendored", "vendored", "--json", "--out", "second")
    second = json.loads(taskc(*arguments, cwd=folder).stdout)
    assert second["builds"][0]["content_digest"] == first["builds"][0]["content_digest"]


def test_locked_and_vendored_go_together(hello, taskc):
    """The copies are compared with the lock."""
    folder = hello.parent
    for arguments in (["lock", "hello"], ["vendor", "hello", "--to", "vendored"]):
        assert taskc(*arguments, cwd=folder).returncode == 0
    shutil.rmtree(hello / "data")
    arguments = ("build", "hello", "--vendored", "vendored", "--locked")
    assert taskc(*arguments, cwd=folder).returncode == 0
    lock = hello / "taskc.lock"
    lock.write_text(lock.read_text().replace('"weather"', '"wether"'))
    assert "T0530" in taskc(*arguments, cwd=folder).stderr


def test_other_files_are_left_alone(hello, taskc):
    """The folder is somebody's."""
    (hello.parent / "mine").mkdir()
    (hello.parent / "mine/thesis.txt").write_text("mine")
    done = taskc("vendor", "hello", "--to", "mine", cwd=hello.parent)

    assert done.returncode == 1
    assert "error: mine holds other files" in done.stderr


def test_a_wrong_folder_or_input_is_an_error(hello, taskc):
    """The status is 1, the report says which."""
    done = taskc("build", "hello", "--vendored", "nowhere", cwd=hello.parent)
    assert done.returncode == 1
    assert "T0537" in done.stderr
    (hello / "data/weather.dev.jsonl").unlink()
    done = taskc("vendor", "hello", "--to", "vendored", cwd=hello.parent)
    assert done.returncode == 1
    assert "T0510" in done.stderr
    assert taskc("vendor", "hello", cwd=hello.parent).returncode == 64
