"""The FLAN 2021 recipe and Natural Instructions over real rows: data that the specs did not know.

tests/real/flan conforms 43 data sets of the recipe's twelve clusters to its schemas;
tests/real/flan_stand_ins bends rows to the schemas that are left, so that each of the recipe's
prompts is filled in once.
"""

import gzip
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from oracle.data_sets import CLUSTERS as CLUSTERS_AGAIN  # found through conftest.py
from oracle.data_sets import left_out

import taskc
from taskc.compiler.lower import lower
from taskc.dsl.checker import check
from taskc.dsl.report import render
from taskc.sweeping import Sweep, plan_sweep

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# As shared/data calls the clusters, and as the recipe does.
CLUSTERS = {
    "closed-book QA": "closed_book_qa",
    "commonsense": "commonsense",
    "coreference": "coreference",
    "miscellaneous": "misc",
    "natural language inference": "nli",
    "paraphrase": "paraphrase",
    "reading comprehension": "reading",
    "reading comprehension with commonsense": "reading_commonsense",
    "sentiment": "sentiment",
    "struct to text": "struct_to_text",
    "summarization": "summarization",
    "translation": "translation",
}
NUM_TASKS = 76


@pytest.fixture(scope="module")
def data_sets(shared_data) -> dict[str, str]:
    """The data sets that are here: name -> cluster."""
    listed = json.loads((shared_data / "sources.json").read_text(encoding="utf-8"))

    return {
        entry["file"].split("/")[1]: CLUSTERS[entry["cluster"]]
        for entry in listed
        if entry["file"].startswith("flan/")
    }


def plans(package: str, shared_data: Path, **params: str):
    """The builds of a package, by name."""
    checked = check([str(HERE / package)], params={"data": str(shared_data), **params})
    assert render(checked.diagnostics, checked.program.texts) == ""
    return {build.name: build for build in lower(checked.program).builds}


# ---- the recipe ----------------------------------------------------------------------------------


def test_each_data_set_is_a_source_of_its_cluster(data_sets, shared_data):
    """All 43, in twelve clusters, without a warning."""
    sources = plans("flan", shared_data)["small"].sources

    assert len(data_sets) == 43
    assert set(data_sets.values()) == set(CLUSTERS.values())
    assert {source.name: source.clusters for source in sources} == {
        name: (cluster,) for name, cluster in data_sets.items()
    }


@pytest.fixture(scope="module")
def small(shared_data, tmp_path_factory) -> taskc.Artifact:
    """The small mixture, built."""
    out = tmp_path_factory.mktemp("small")
    taskc.build(HERE / "flan", build="small", params={"data": str(shared_data)}, out=out)

    return taskc.open(out / "flan" / "small")


def test_the_mixture_holds_every_source_to_its_cap(small):
    """Shares are by size up to 300 rows: sources of more have the same, and nothing is left out."""
    used = Counter(row["source"] for row in small.examples.to_pylist())
    most = max(used.values())

    assert sum(used.values()) == 6_000
    assert {name for name, count in used.items() if count < most - 1} == {
        "copa",
        "paws",
        "wsc273",
        "common_gen",
        "poem_sentiment",
    }


def test_every_row_is_accounted_for(small):
    """Delivered, not asked for, or dropped by a clause."""
    assert small.ledger.imbalances() == []


def test_most_prompts_of_a_source_are_drawn(small):
    """A source of 300 rows draws each of its ten prompts; none is drawn by most of them."""
    drawn = Counter((row["source"], row["label"]) for row in small.examples.to_pylist())
    boolq = {prompt: count for (source, prompt), count in drawn.items() if source == "boolq"}

    assert len(boolq) == 10
    assert max(boolq.values()) < sum(boolq.values()) / 4


def test_a_data_set_that_is_a_test_alone_is_evaluated(shared_data, tmp_path):
    """Winogender's 720 rows by the eight prompts that are not turned round; none is trained on."""
    params = {"data": str(shared_data)}
    taskc.build(HERE / "flan", build="pronouns", params=params, out=tmp_path)
    built = taskc.open(tmp_path / "flan" / "pronouns")
    tested = Counter(built["test"].table["source"].to_pylist())

    assert tested["winogender"] == 720 * 8
    assert set(built.examples["source"].to_pylist()) == {"wsc273"}


# Section 2.2 of the paper: cluster -> what nothing is trained on either while it is evaluated.
# Commonsense goes with its reading, and reading with it, but not one with the other.
LEFT_OUT = {
    "nli": {"nli", "paraphrase"},
    "paraphrase": {"paraphrase", "nli"},
    "reading": {"reading", "reading_commonsense"},
    "commonsense": {"commonsense", "reading_commonsense"},
    "reading_commonsense": {"reading_commonsense", "reading", "commonsense"},
    "closed_book_qa": {"closed_book_qa"},
    "coreference": {"coreference"},
    "misc": {"misc"},
    "sentiment": {"sentiment"},
    "struct_to_text": {"struct_to_text"},
    "summarization": {"summarization"},
    "translation": {"translation"},
}


def test_each_leave_one_out_build_leaves_out_what_the_paper_does(shared_data, data_sets):
    """Twelve builds, each in a place of its own, and no other cluster goes out of any of them."""
    swept = plan_sweep(
        [str(HERE / "flan")], {"data": str(shared_data)}, Sweep("held_out"), only="small"
    )
    leave_one_out = {plan.variant.removeprefix("held_out="): plan for plan in swept.plans}
    gone = {
        name: {data_sets[source] for source in set(data_sets) - set(plan.mixture.sources)}
        for name, plan in leave_one_out.items()
    }

    assert not swept.checked.has_errors
    assert gone == LEFT_OUT
    for name, plan in leave_one_out.items():
        whole = {source for source, cluster in data_sets.items() if cluster not in gone[name]}
        assert set(plan.mixture.sources) == whole
        assert set(plan.mixture.held_out_sources) >= {
            source for source, cluster in data_sets.items() if cluster == name
        }


def test_the_oracle_leaves_out_the_same():
    """What the proof of the mixture compares with says of the paper what this table says."""
    assert {
        name: {
            cluster for cluster in CLUSTERS_AGAIN if set(CLUSTERS_AGAIN[cluster]) <= left_out(name)
        }
        for name in LEFT_OUT
    } == LEFT_OUT


# ---- the page ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages(shared_data, tmp_path_factory) -> dict[str, set[str]]:
    """The prompts that tools/prompts.py filled in: template -> labels; rows stay in this folder."""
    found: dict[str, set[str]] = {}
    for package in ("flan", "flan_stand_ins"):
        out = tmp_path_factory.mktemp("pages") / f"{package}.md"
        command = [sys.executable, str(ROOT / "tools" / "prompts.py"), str(HERE / package)]
        subprocess.run([*command, "--set", f"data={shared_data}", "--out", out], check=True)
        template = ""
        for line in out.read_text(encoding="utf-8").splitlines():
            assert line != "No row was found.", f"{package}: {template}"
            if line.startswith("## "):
                template = line.removeprefix("## ").partition(",")[0]
            elif line.startswith("### "):
                found.setdefault(template, set()).add(line.split()[1])
    return found


def test_every_prompt_of_the_recipe_is_filled_in_with_a_real_row(pages):
    """None is left whose placeholders were never put to work."""
    checked = check([str(ROOT / "specs" / "flan")])
    templates = checked.program.packages[0].templates.values()

    assert pages == {
        template.name: {prompt.label for prompt in template.prompts} for template in templates
    }


# ---- Natural Instructions ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def joined(shared_data, tmp_path_factory) -> Path:
    """A folder with the instances of all tasks, each beside its task's definition and examples."""
    folder = shared_data / "ni"
    lines = (folder / "tasks.jsonl").read_text(encoding="utf-8").splitlines()
    tasks = {task["task"]: task for task in map(json.loads, lines)}
    out = tmp_path_factory.mktemp("joined")
    with (
        gzip.open(folder / "instances.jsonl.gz", "rt", encoding="utf-8") as instances,
        (out / "instances.jsonl").open("w", encoding="utf-8") as rows,
    ):
        for instance in map(json.loads, instances):
            task = tasks[instance["task"]]
            row = {
                "task": instance["task"],
                "definition": task["definition"],
                "examples": task["positive_examples"],
                "input": instance["input"],
                "outputs": instance["outputs"],
            }
            rows.write(json.dumps(row) + "\n")
    return out


def test_natural_instructions_are_one_source(joined, shared_data, tmp_path):
    """Definition and input give an output; all 76 tasks are among 2,000 examples."""
    params = {"data": str(shared_data), "joined": str(joined)}
    taskc.build(HERE / "natural_instructions", params=params, out=tmp_path)
    built = taskc.open(tmp_path / "natural_instructions" / "tasks")
    lines = (joined / "instances.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row["row"] for row in built.examples.to_pylist()]
    tasks = {json.loads(lines[row - 1])["task"] for row in rows}

    assert len(rows) == 2_000
    assert len(tasks) == NUM_TASKS
