"""Connectors of a plan: what is a folder and what is a data set of the hub."""

import pytest

from taskc.compiler.lower import lower
from taskc.dsl.checker import check
from taskc.dsl.diagnostics import Severity

SPEC = """language 1

param data: path = "../data"

source reviews {{
  from   hf({path}, revision: "abc")
  splits train, dev = "validation"
  fields {{ body: text  mood: choice(good, bad) }}
}}

template rate for reviews {{
  prompt ask: "{{body}}" -> "{{mood}}"
}}

mixture all {{ from reviews }}

tokenizer bytes {{
  from file("tokenizer.json")
  eos  "<|end|>"
}}

build moods {{
  mixture   all
  tokenizer bytes
  format    prompt_target(input: 96, target: 8, separator: "\\n", end: eos, bos: none)
  pack      best_fit(length: 128)
  splits    train, dev
}}
"""

PATHS = [
    ('"owner/name"', "owner/name", ""),
    ('"name"', "name", ""),
    ('"./name"', "{here}/name", "{here}"),
    ('"../owner/name"', "{above}/owner/name", "{here}"),
    ('"/owner/name"', "/owner/name", "{here}"),
    ('"{data}/name"', "{above}/data/name", "{above}/data"),
]


@pytest.mark.parametrize(("path", "pattern", "root"), PATHS)
def test_a_folder_is_told_from_an_id_by_its_text(tmp_path, monkeypatch, path, pattern, root):
    """Whatever lies on the disk; splits keep the names that they have in the data set."""
    specs = tmp_path / "specs"
    (specs / "owner/name").mkdir(parents=True)
    (specs / "moods.task").write_text(SPEC.format(path=path), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    checked = check(["specs"], params={})
    assert [] == [found for found in checked.diagnostics if found.severity is Severity.ERROR]
    connector = lower(checked.program).builds[0].sources[0].connector

    def placed(text: str) -> str:
        return text.format(here="specs", above=".").removeprefix("./")

    assert {"train": placed(pattern), "dev": placed(pattern)} == connector.patterns
    assert {"train": placed(root), "dev": placed(root)} == connector.roots
    assert {"train": "train", "dev": "validation"} == connector.names


URLS = [
    ('"s3://b/a/{split}-*.jsonl"', "data", "s3://b/a/train-*.jsonl", "s3://b/a"),
    ('"s3://b/{split}/*.jsonl"', "data", "s3://b/train/*.jsonl", "s3://b/train"),
    ('"{data}/{split}.jsonl"', "s3://b/data/", "s3://b/data/train.jsonl", "s3://b/data"),
]


@pytest.mark.parametrize(("path", "data", "pattern", "root"), URLS)
def test_a_url_is_left_as_it_is(tmp_path, path, data, pattern, root):
    """It starts at no folder, and two slashes stay two."""
    spec = SPEC.replace('"../data"', f'"{data}"').replace('hf({path}, revision: "abc")', "{from_}")
    (tmp_path / "moods.task").write_text(spec.format(from_=f"jsonl({path})"), encoding="utf-8")
    checked = check([str(tmp_path)], params={})
    assert [] == [found for found in checked.diagnostics if found.severity is Severity.ERROR]
    source = checked.program.packages[0].sources["reviews"]
    connector = lower(checked.program).builds[0].sources[0].connector

    assert (pattern, root) == (connector.patterns["train"], connector.roots["train"])
    assert {"train", "dev"} == connector.patterns.keys() == source.patterns.keys()
    assert "" != source.patterns["train"]
    assert not source.patterns["train"].startswith("s3:/b")


WHOLE = [
    ("rows.jsonl", "rows.jsonl", "."),
    ("../data/rows.jsonl", "../data/rows.jsonl", "../data"),
    ("/data/rows.jsonl", "/data/rows.jsonl", "/data"),
    ("s3://b/data/rows.jsonl", "s3://b/data/rows.jsonl", "s3://b/data"),
]


@pytest.mark.parametrize(("data", "pattern", "root"), WHOLE)
def test_a_parameter_may_be_the_file(tmp_path, monkeypatch, data, pattern, root):
    """Then its folder is the data root: below itself the file would have no name."""
    spec = SPEC.replace('"../data"', f'"{data}"').replace(", dev", "")
    spec = spec.replace(' = "validation"', "").replace('hf({path}, revision: "abc")', "{from_}")
    spec = spec.format(from_='jsonl("{data}")')
    (tmp_path / "moods.task").write_text(spec, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    checked = check(["."], params={})
    assert [] == [found for found in checked.diagnostics if found.severity is Severity.ERROR]
    connector = lower(checked.program).builds[0].sources[0].connector

    assert ({"train": pattern}, {"train": root}) == (connector.patterns, connector.roots)


@pytest.mark.parametrize(("path", "warned"), [("owner/name", True), ("./name", False)])
def test_only_the_hub_may_change(tmp_path, path, warned):
    """A folder has no revisions: nothing is warned of."""
    spec = SPEC.format(path=f'"{path}"').replace(', revision: "abc"', "")
    (tmp_path / "moods.task").write_text(spec, encoding="utf-8")
    codes = {found.code for found in check([str(tmp_path)], params={}).diagnostics}

    assert ("T0505" in codes) == warned


PLUGINS = [
    ('"select a//b from {split}"', "select a//b from train", ""),
    ('"./people.db"', "people.db", "."),
    ('"{data}/people.db"', "../data/people.db", "../data"),
]


@pytest.mark.parametrize(("path", "pattern", "root"), PLUGINS)
def test_a_plugin_is_given_what_it_takes(tmp_path, monkeypatch, path, pattern, root):
    """Only what begins as a path is one; arguments are constants that it alone knows."""
    call = f'plugin("sqlite", {path}, table: "t", n: 3, on: true, words: ["a", "b"])'
    spec = SPEC.replace('hf({path}, revision: "abc")', "{from_}").format(from_=call)
    (tmp_path / "moods.task").write_text(spec, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    checked = check(["."], params={})
    assert [] == [found for found in checked.diagnostics if found.severity is Severity.ERROR]
    connector = lower(checked.program).builds[0].sources[0].connector

    assert (pattern, root) == (connector.patterns["train"], connector.roots["train"])
    assert {"train": "train", "dev": "validation"} == connector.names
    assert {"connector": "sqlite", "table": "t", "n": 3, "on": True, "words": ["a", "b"]} == (
        connector.options
    )


def test_a_row_is_no_argument(tmp_path):
    """What a connector is given is known with the spec."""
    call = 'plugin("sqlite", "./people.db", table: body)'
    spec = SPEC.replace('hf({path}, revision: "abc")', "{from_}").format(from_=call)
    (tmp_path / "moods.task").write_text(spec, encoding="utf-8")
    found = check([str(tmp_path)], params={}).diagnostics

    assert ["T0229"] == [each.code for each in found if each.severity is Severity.ERROR]
