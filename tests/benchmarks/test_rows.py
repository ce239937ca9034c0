"""Rows to measure with: the same everywhere, of the lengths that are promised, as many as asked."""

import gzip
import hashlib
import json
import statistics
import subprocess
import sys

import pytest


@pytest.fixture
def write(repository, tmp_path):
    """Runs the script; returns the bytes of its rows."""

    def written(*arguments):
        out = tmp_path / "rows.jsonl"
        command = [sys.executable, repository / "benchmarks/rows.py", out, *arguments]
        subprocess.run(command, check=True, capture_output=True)
        return out.read_bytes()

    return written


def test_made_up_rows_are_the_same_everywhere(write):
    """Figures taken on two machines, or in two years, are about the same bytes."""
    rows = write("--megabytes", "0.3")

    assert hashlib.sha256(rows).hexdigest() == (
        "19de0f92e8844ff5204fe3f9b68899c50f7183bc6bd04c7ee2e985f387bce484"
    )


def test_made_up_rows_are_like_real_ones(write):
    """Their lengths and the shares of what is rare are those of Natural Instructions, roughly."""
    rows = [json.loads(line) for line in write("--megabytes", "1").splitlines()]
    foreign = sum(not row["input"].isascii() for row in rows) / len(rows)
    empty = sum(not row["output"] for row in rows) / len(rows)
    definitions = {row["definition"] for row in rows}

    assert {tuple(row) for row in rows} == {("definition", "input", "output")}
    assert 150 < statistics.mean(len(row["input"]) for row in rows) < 350
    assert 0.02 < foreign < 0.12
    assert 0 < empty < 0.02
    assert len(definitions) == 78
    assert len({row["input"] for row in rows}) == len(rows)


def test_real_rows_are_recombined_within_their_task(write, tmp_path):
    """Where real rows run out, further ones have new inputs out of the same task's sentences."""
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text(
        "".join(json.dumps({"task": t, "definition": f"Do {t}."}) + "\n" for t in "ab")
    )
    real = [
        {"task": t, "input": f"{t} one. {t} two {i}. {t} three", "outputs": [f"{t}{i}", "other"]}
        for t in "ab"
        for i in range(5)
    ]
    instances = tmp_path / "instances.jsonl.gz"
    with gzip.open(instances, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in real)

    rows = write("--megabytes", "0.005", "--instances", instances, "--tasks", tasks)
    rows = [json.loads(line) for line in rows.splitlines()]

    assert [row["input"] for row in rows[:10]] == [row["input"] for row in real]
    assert [row["output"] for row in rows[:3]] == ["a0", "a1", "a2"]
    assert len(rows) > 20
    for row in rows:
        task = row["definition"].removeprefix("Do ").removesuffix(".")
        assert row["output"][0] == task
        assert {piece.split()[0] for piece in row["input"].split(". ")} == {task}
