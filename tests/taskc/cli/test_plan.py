"""`taskc plan`: what it says comes true, what it keeps is made or refused."""

import json


def planned(taskc, folder, *arguments):
    """The one build that a plan speaks of, and the status."""
    done = taskc("plan", "hello", "--json", *arguments, cwd=folder.parent)
    (build,) = json.loads(done.stdout)["builds"]
    return build, done.returncode


def built(taskc, folder, *arguments):
    """The one build that was made."""
    done = taskc("build", *(arguments or ["hello"]), "--json", cwd=folder.parent)
    (build,) = json.loads(done.stdout)["builds"]
    return build


def test_what_is_planned_is_delivered(taskc, hello):
    """Examples, tokens and what is encoded: where the store has all of it, they are exact."""
    before, status = planned(taskc, hello)
    made = built(taskc, hello)
    after, status_after = planned(taskc, hello)

    assert (status, before["status"], status_after, after["status"]) == (
        2,
        "to build",
        0,
        "unchanged",
    )
    assert sum(source["examples"] for source in before["sources"]) == made["examples"]
    assert sum(source["tokens"] for source in after["sources"]) == made["tokens"]
    assert sum(source["trained_tokens"] for source in after["sources"]) == made["trained_tokens"]
    assert not any(source["is_sampled"] for source in after["sources"])
    assert after["changes"] == []


def test_the_part_that_changed_is_named_with_its_place(taskc, hello):
    """One changed statement is one change, and only it."""
    built(taskc, hello)
    spec = next(hello.glob("*.task"))
    text = spec.read_text(encoding="utf-8")
    spec.write_text(text.replace("best_fit(length: ", "best_fit(length: 1"), encoding="utf-8")
    plan, status = planned(taskc, hello)
    shown = taskc("plan", "hello", cwd=hello.parent).stdout

    assert status == 2
    assert [change["component"] for change in plan["changes"]] == ["build pack"]
    assert "build pack changed (" in shown
    assert all(source["num_missing"] == 0 for source in plan["sources"])


def test_a_kept_plan_is_made_exactly_or_refused(taskc, hello):
    """The plan file is enough to build; a changed input refuses it, and says which."""
    planned(taskc, hello, "--out", "plan.json")
    made = built(taskc, hello, "plan.json")
    rows = next(hello.rglob("*.jsonl"))
    rows.write_text(rows.read_text(encoding="utf-8") * 2, encoding="utf-8")
    refused = taskc("build", "plan.json", cwd=hello.parent)

    assert made["status"] == "built"
    assert refused.returncode == 1
    assert "T1011" in refused.stderr
    assert "files of source " in refused.stderr


def test_what_is_no_plan_is_said_to_be_none(taskc, hello):
    """A file of something else, and arguments that a plan has already."""
    (hello.parent / "other.json").write_text("{}", encoding="utf-8")
    planned(taskc, hello, "--out", "plan.json")

    assert "no plan file" in taskc("build", "other.json", cwd=hello.parent).stderr
    assert (
        "takes no others" in taskc("build", "plan.json", "--only", "hello", cwd=hello.parent).stderr
    )


def test_an_error_in_the_spec_is_no_plan(taskc, hello):
    """The report of `check`, and its status."""
    spec = next(hello.glob("*.task"))
    spec.write_text(spec.read_text(encoding="utf-8").replace("mixture", "mixtur"), encoding="utf-8")
    done = taskc("plan", "hello", cwd=hello.parent)

    assert done.returncode == 1
    assert "error[" in done.stderr
