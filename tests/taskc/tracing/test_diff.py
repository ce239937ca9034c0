"""Diff: what it says of two artefacts is what a comparison row by row finds, and why."""

import json
from collections import Counter
from pathlib import Path

import pytest
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

import taskc
from taskc.tracing.because import Subject, because
from taskc.tracing.diff import diff

SPEC = """language 1

schema sum {
  question: text
  answer:   int
}

source small: sum {
  from   jsonl("small.{split}.jsonl")
  splits train, dev
}

source large: sum {
  from   jsonl("large.jsonl")
  splits train
}

template calculate for sum {
  prompt ask: "What is {question}?" -> "{answer}"
  prompt equals: "{question} =" -> "{answer}"
}

mixture sums {
  from large, small
  rate proportional(cap: 30)
  seed 3
}

tokenizer letters {
  from file("tokenizer.json")
  eos  "<eos>"
}

build sums {
  mixture   sums
  tokenizer letters
  format    prompt_target(input: 40, target: 20, separator: eos, end: eos, overflow: drop)
  pack      best_fit(length: 64, window: 50)
  splits    train, dev
}
"""


def tokenizer_json() -> str:
    """A tokenizer that gives each printable ASCII character an id of its own."""
    vocab = {"<eos>": 0, "<unk>": 1} | {chr(code): code - 30 for code in range(32, 127)}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.add_special_tokens(["<eos>"])
    return tokenizer.to_str()


def sums(first: int, count: int) -> list[dict]:
    """Rows of additions, all different."""
    return [
        {"question": f"{n} + {n + 1}", "answer": 2 * n + 1} for n in range(first, first + count)
    ]


FILES = {
    "small.train.jsonl": sums(0, 20),
    "small.dev.jsonl": sums(100, 5),
    "large.jsonl": sums(1_000, 60),
}


@pytest.fixture
def built(tmp_path):
    """Builds a spec over files; returns the artefact."""
    package = tmp_path / "arithmetic"
    package.mkdir()
    (package / "tokenizer.json").write_text(tokenizer_json(), encoding="utf-8")

    def build(spec: str = SPEC, files=FILES, name: str = "a"):
        (package / "sums.task").write_text(spec, encoding="utf-8")
        for file, rows in files.items():
            lines = "".join(f"{json.dumps(row)}\n" for row in rows)
            (package / file).write_text(lines, encoding="utf-8")
        return taskc.build(package, out=tmp_path / name, jobs=1)

    return build


# ---- row by row ----------------------------------------------------------------------------------


def examples(opened) -> dict[str, dict[tuple, tuple]]:
    """Split -> (source, row id, ordinal, repetition[, prompt]) -> prompt, ids and labels."""
    found: dict[str, dict[tuple, tuple]] = {"train": {}}
    contents: dict[int, list] = {}
    for sequence in opened["train"]:
        borders = sequence.cu_seq_lens.tolist()
        for index, number in enumerate(sequence.examples.tolist()):
            own = slice(*borders[index : index + 2])
            contents[number] = [
                sequence.input_ids[own].tolist(),
                (sequence.labels[own] >= 0).tolist(),
            ]
    for number, row in enumerate(opened.examples.to_pylist()):
        key = (row["source"], row["row_id"], row["ordinal"], row["repetition"])
        before = found["train"].get(key, ("", [], []))
        ids, mask = contents[number]
        prompt = f"{row['template']}.{row['label']}"
        found["train"][key] = (prompt, [*before[1], ids], [*before[2], mask], row["exemplars"])
    for split in opened.manifest.splits:
        if split == "train":
            continue
        found[split] = {}
        for row in opened[split]:
            prompt = f"{row['template']}.{row['label']}"
            key = (row["source"], row["row_id"], row["ordinal"], prompt, row["shots"] > 0)
            said = (row["option_ids"], row["correct"], row["references"], row["metric"])
            ids = (row["input_ids"], row["target_ids"])
            found[split][key] = (prompt, ids, said, row["exemplars"])
    return found


def compared(a, b) -> Counter:
    """(kind, split, source) -> how many, but for rows that moved or prompts of an evaluation."""
    counted: Counter = Counter()
    one, two = examples(a), examples(b)
    for split in {*one, *two}:
        left, right = one.get(split, {}), two.get(split, {})
        for key in {*left, *right}:
            source = key[0]
            if key not in right:
                counted["went", split, source] += 1
            elif key not in left:
                counted["came", split, source] += 1
            elif left[key][0] != right[key][0]:
                counted["prompt", split, source] += 1
            elif left[key][3] != right[key][3]:
                counted["exemplars", split, source] += 1
            elif left[key][1] != right[key][1]:
                counted["tokens", split, source] += 1
            elif left[key][2] != right[key][2]:
                kind = "trained" if split == "train" else "answers"
                counted[kind, split, source] += 1
    return counted


def grouped(difference) -> Counter:
    """The same of what `diff` says."""
    counted: Counter = Counter()
    for group in difference.groups:
        if group.kind != "order":
            counted[group.kind, group.split, group.source] += group.count
    return counted


CHANGES = {
    "a prompt": (("What is {question}?", "How much is {question}?"), "prompt ask"),
    "another prompt": (("  prompt ask", '  prompt is: "{question} is" -> "{answer}"\n  prompt ask'),
                       "prompt is"),
    "where": (("  splits train\n", "  splits train\n  where  answer != 2021\n"), "where"),
    "limit": (("  splits train\n", "  splits train\n  limit  25\n"), "limit"),
    "seed": (("seed 3", "seed 4"), "mixture sums: seed"),
    "cap": (("cap: 30", "cap: 12"), "mixture sums: rate"),
    "total": (("  seed 3", "  total 2 epochs\n  seed 3"), "mixture sums: total"),
    "end": (("separator: eos, end: eos", "separator: none, end: eos"), "format"),
    "overflow": (("input: 40, target: 20", "input: 20, target: 3"), "format"),
    "parts": (("target: 20, separator: eos, end: eos, overflow: drop",
               "target: 2, separator: eos, end: eos, overflow: split"), "format"),
    "let": (("  splits train\n", '  splits train\n  let    question = question + "?"\n'),
            "source large: let question"),
    "a source": (("from large, small", "from small"), "mixture sums: "),
    "metric": (("  splits train, dev\n", "  splits train, dev\n  metric f1\n"),
               "source small: metric"),
    "pack": (("length: 64", "length: 96"), "build pack"),
    "fewshot": (("  seed 3", "  seed 3\n  fewshot 1..2"), "mixture sums: fewshot"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_spec(built, name):
    """Counts are those of a comparison row by row, and the clause that was changed is named."""
    (old, new), component = CHANGES[name]
    a, b = built(), built(SPEC.replace(old, new), name="b")
    found = diff(a, b, limit=2)

    assert SPEC.replace(old, new) != SPEC
    assert grouped(found) == compared(a, b)
    assert found.groups
    for group in found.groups:
        assert any(component in each for each in group.because), (group, found.components)
    assert grouped(diff(b, a, limit=0)) == compared(b, a)


def test_changed_files(built):
    """Rows that are new, gone or others; the file of the source is named and nothing else."""
    files = {
        **FILES,
        "large.jsonl": [*FILES["large.jsonl"][7:], *sums(2_000, 4)],
        "small.train.jsonl": [*FILES["small.train.jsonl"], *FILES["small.train.jsonl"][:3]],
    }
    a, b = built(), built(files=files, name="b")
    found = diff(a, b, limit=2)

    assert grouped(found) == compared(a, b)
    assert {(group.source, *group.because) for group in found.groups} == {
        ("large", "files of source large, train"),
        ("small", "files of source small, train"),
    }


def test_rows_that_move_have_neither_come_nor_gone(built):
    """They are counted as rows, with both places."""
    carved = SPEC.replace("  splits train\n", "  splits train, dev = carve(train, 9)\n")
    carved = carved.replace("cap: 30", "cap: 100")
    a = built(SPEC.replace("cap: 30", "cap: 100"))
    b = built(carved, name="b")
    found = diff(a, b, limit=20)
    (moved,) = [group for group in found.groups if group.kind == "moved"]

    assert (moved.split, moved.to, moved.source, moved.count) == ("train", "dev", "large", 9)
    assert moved.because == ["source large: splits"]
    assert len(moved.examples) == 9
    assert all(each.a.at.startswith("train:") for each in moved.examples)
    assert all(each.b.at.startswith("dev:") for each in moved.examples)
    assert not any(group.source == "large" for group in found.groups if group.kind != "moved")


def test_more_prompts_of_a_row_are_more_examples(built):
    """Those that it had stay; the others came."""
    spec = SPEC.replace("cap: 30", "cap: 200")
    a = built(spec)
    b = built(spec.replace("  seed 3", "  seed 3\n  templates all"), name="b")
    found = diff(a, b, limit=1)

    assert {(group.kind, *group.because) for group in found.groups} == {
        ("came", "mixture sums: templates")
    }
    assert sum(group.count for group in found.groups) == len(b.examples) - len(a.examples)


def test_a_label_that_changed_is_another_prompt(built):
    """Of rows that are evaluated too: they are paired by what is left over."""
    a = built()
    b = built(SPEC.replace("prompt ask:", "prompt is:"), name="b")
    found = diff(a, b, limit=1)
    dev = [group for group in found.groups if group.split == "dev"]

    assert [(group.kind, group.source, group.count) for group in dev] == [("prompt", "small", 5)]
    assert (dev[0].examples[0].a.prompt, dev[0].examples[0].b.prompt) == (
        "calculate.ask",
        "calculate.is",
    )


def test_examples_that_are_shown_stand_where_it_is_said(built):
    """Row and tokens, in both artefacts."""
    a = built()
    b = built(SPEC.replace("What is {question}?", "How much is {question}?"), name="b")
    for group in diff(a, b, limit=5).groups:
        for example in group.examples:
            for opened, side in ((a, example.a), (b, example.b)):
                split, number, token = side.at.split(":")
                if split == "train":
                    sequence = opened["train"][int(number)]
                    place = sequence.cu_seq_lens.tolist().index(int(token))
                    origin = opened.examples.slice(int(sequence.examples[place]), 1).to_pylist()[0]

                    assert side.tokens == int(sequence.lengths[place])
                else:
                    origin = opened[split][int(number)]
                assert (origin["file"], origin["row"]) == (example.file, example.row)
                assert f"{origin['template']}.{origin['label']}" == side.prompt


def test_the_same_content_has_no_groups(built):
    """Whatever it was made from."""
    a, b = (
        built(),
        built(SPEC.replace("source small: sum", "\n# rows\nsource small: sum"), name="b"),
    )
    found = diff(a, b, limit=3)

    assert found.groups == []
    assert found.components == [("lines", "changed")]


def test_an_artefact_without_components_is_compared_all_the_same(built):
    """Only why is not known."""
    a, b = built(), built(SPEC.replace("seed 3", "seed 4"), name="b")
    (Path(a.path) / "components.json").unlink()
    found = diff(a, b, limit=1)

    assert found.components is None
    assert grouped(found) == compared(a, b)
    assert all(group.because == [] for group in found.groups)


# ---- because -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "prompts", "changed", "expected"),
    [
        ("tokens", ["t.ask"], ["template t: prompt ask", "template t: prompt b"], [0]),
        ("tokens", ["t.ask"], ["template t: prompt b", "the compiler"], [1]),
        ("tokens", ["t.ask"], ["template u: options", "format"], [1]),
        ("tokens", ["t.ask"], ["template t: options", "source s: let x", "format"], [0, 1]),
        ("came", [], ["files of source s, train", "mixture m: rate"], [0, 1]),
        ("came", [], ["template t: prompt ask", "mixture m: rate"], [0, 1]),
        ("came", [], ["mixture m: blend", "mixture m: rate", "format"], [1, 2]),
        ("came", [], ["files of source other, train", "mixture m: rate"], [1]),
        ("came", [], ["files of source other, train", "lines"], [0]),
        ("prompt", ["t.new"], ["template t: prompt new", "template t: prompt b"], [0]),
        ("prompt", [], ["template t: prompt new", "mixture m: seed"], [0]),
        ("moved", [], ["source s: splits", "files of source s, dev"], [0, 1]),
        ("order", [], ["mixture m: seed", "build pack", "runs"], [0, 1]),
        ("trained", ["t.ask"], ["source s: license", "runs"], []),
    ],
)
def test_the_nearest_component_is_why(kind, prompts, changed, expected):
    """A clause of its own before one of all; what can't be why never."""
    subject = Subject(kind, "s", {"t"}, prompts)

    assert because(dict.fromkeys(changed, "changed"), subject) == [changed[i] for i in expected]


def test_where_no_other_row_fell_prompts_and_lengths_are_no_cause():
    """Of which examples there are; the ledgers tell."""
    changed = dict.fromkeys(
        ["template t: prompt ask", "template t: where x", "format", "mixture m: total"], "changed"
    )

    assert because(changed, Subject("went", "s", {"t"}, [], has_fallen=False)) == [
        "mixture m: total"
    ]


def test_a_cap_and_a_prompt_that_changed_are_told_apart(built):
    """One took examples, the other changed their tokens."""
    spec = SPEC.replace("What is {question}?", "How much is {question}?")
    a, b = built(), built(spec.replace("cap: 30", "cap: 12"), name="b")
    found = {(group.kind, *group.because) for group in diff(a, b, limit=0).groups}

    assert found == {
        ("went", "mixture sums: rate"),
        ("tokens", "template calculate: prompt ask"),
    }


def test_files_of_a_split_that_is_new_follow_from_the_splits():
    """They are no cause of their own."""
    changed = {"source s: splits": "changed", "files of source s, dev": "gone"}

    assert because(changed, Subject("moved", "s", {"t"}, [])) == ["source s: splits"]
