"""LIMA's ablations over real rows: equal sizes, what filters change, and sizes that are nested.

tests/real/lima_ablations says what is built, on the sources of tests/real/lima.
"""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from oracle.rows import lines  # found through conftest.py

import taskc

PACKAGE = Path(__file__).parent / "lima_ablations"
BUILDS = ("filtered", "unfiltered", "howto")
SIZES = ("12", "24", "48", "96")
FIRST_PERSON = re.compile(r"\b(I|I'm|I've|I'd|I'll|my|My|mine|me|myself)\b", re.ASCII)


def delivered(artifact):
    """Source -> its lines in the order of the stream."""
    found = {}
    for row in artifact.examples.to_pylist():
        found.setdefault(row["source"].rpartition(".")[2], []).append((row["file"], row["row"]))
    return found


def answers(data, wanted):
    """The answers that stand in some lines."""
    by_file = Counter(file for file, _ in wanted)
    every = {(line.file, line.number): line.raw for file in by_file for line in lines(data, file)}
    return [every[line]["answer"] for line in wanted]


@pytest.fixture(scope="module")
def rows(built):
    """Build -> source -> lines."""
    return {name: delivered(built(f"lima_ablations/{name}")) for name in BUILDS}


@pytest.fixture(scope="module")
def sweep(shared_data, tmp_path_factory):
    """What a build delivers, source by source, at each size."""
    artifacts = taskc.sweep(
        PACKAGE,
        "each",
        SIZES,
        build="filtered",
        params={"data": str(shared_data)},
        out=tmp_path_factory.mktemp("sizes"),
    )
    return {size: delivered(artifact) for size, artifact in artifacts.items()}


def test_figure_5_compares_equal_sizes(rows):
    """192 rows each, none twice."""
    sizes = {name: sum(map(len, by_source.values())) for name, by_source in rows.items()}
    different = {name: len(set().union(*by_source.values())) for name, by_source in rows.items()}

    assert sizes == different == dict.fromkeys(BUILDS, 192)


def test_filters_are_all_that_differs(rows, shared_data):
    """Without them answers are of any length and anybody's; both halves are as large."""
    filtered = [answers(shared_data, rows["filtered"][name]) for name in ("stem", "other")]
    raw = [answers(shared_data, rows["unfiltered"][name]) for name in ("raw_stem", "raw_other")]

    def breaks(answer):
        return not 1_200 <= len(answer) <= 4_096 or FIRST_PERSON.search(answer) is not None

    assert [sum(map(breaks, half)) for half in filtered] == [0, 0]
    assert all(sum(map(breaks, half)) > len(half) / 2 for half in raw)
    assert [len(half) for half in filtered] == [len(half) for half in raw] == [96, 96]


def test_the_ablation_takes_what_lima_takes(rows, built):
    """The same sources and quotas under another name of the package: the first 96 of its choice."""
    lima = delivered(built("lima/lima"))

    assert {name: rows["filtered"][name] for name in ("stem", "other")} == {
        name: lima[name][:96] for name in ("stem", "other")
    }
    assert rows["howto"]["howto"] == lima["howto"][:192]


def test_figure_6_doubles_and_each_size_holds_the_smaller_ones(sweep):
    """24, 48, 96 and 192 examples: source by source a larger set begins with the smaller one."""
    assert [sum(map(len, sweep[size].values())) for size in SIZES] == [24, 48, 96, 192]
    for smaller, larger in pairwise(SIZES):
        for source, taken in sweep[smaller].items():
            assert sweep[larger][source][: len(taken)] == taken, (source, larger)


def test_a_size_that_the_filters_cannot_fill_is_refused(shared_data, tmp_path):
    """Doubled once more, the technical sites are short, and the report says which of them."""
    with pytest.raises(taskc.TaskcError) as stopped:
        taskc.build(
            PACKAGE,
            build="filtered",
            params={"data": str(shared_data), "each": 192},
            out=tmp_path,
        )
    [short] = [each for each in stopped.value.diagnostics if each.code == "T0851"]

    assert short.message == "`take 192 from lima.stem`: only 107 examples survive"
    assert any(note.startswith("group `") for note in short.notes)
