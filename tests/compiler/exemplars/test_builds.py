"""Builds with exemplars against plain Python: what stands before every example, id by id."""

import random
from collections import Counter
from dataclasses import dataclass, field

import pyarrow.parquet
import pytest

from taskc.compiler.engines import local
from taskc.compiler.keys import RowKey, Scope, value_hash
from taskc.runtime.reader import open as open_artifact

SPEC = """language 1

schema sum {
  question: text
  answer:   int
}

source small: sum { from jsonl("small.{split}.jsonl")  splits train, dev, test }
source large: sum { from jsonl("large.{split}.jsonl")  splits train, dev }
source held: sum { from jsonl("held.{split}.jsonl")  splits train, dev }

cluster arithmetic { sources small, large }
cluster exams { sources held }

template calculate for sum {
  prompt ask: "What is {question}?" -> "{answer}"
  prompt equals: "{question} =" -> "{answer}"
  prompt even when answer in 0..40: "Small: {question}" -> "{answer}"
  inverse invent: "Ask for {answer}." -> "{question}"
}

mixture sums {
  from all clusters
  holdout exams
  rate proportional(cap: 25)
  fewshot 0..4
  seed 3
}

tokenizer letters {
  from file("tokenizer.json")
  eos  "<eos>"
  bos  "<unk>"
}

build sums {
  mixture   sums
  tokenizer letters
  format    FORMAT
  pack      best_fit(length: 256, window: 50)
  splits    train, dev, test
}
"""
PROMPTS = {
    "ask": ("What is {question}?", "{answer}"),
    "equals": ("{question} =", "{answer}"),
    "even": ("Small: {question}", "{answer}"),
    "invent": ("Ask for {answer}.", "{question}"),
}
FORMATS = {
    "prompts": "prompt_target(input: 90, target: 16, separator: eos, end: eos, overflow: drop)",
    "trimmed": "prompt_target(input: 60, target: 3, separator: eos, end: eos, bos: example, "
    "overflow: trim)",
    "chat": "chat(end_of_turn: eos, max: 100, bos: example, overflow: drop)",
}
EOS, BOS = 0, 1


def rows_of(first, count):
    """Rows of additions, all different, some with long questions."""
    return [
        {
            "question": f"{n} + {n + 1}" if n % 7 else f"{n} + {n + 1} (and think well)",
            "answer": 2 * n + 1,
        }
        for n in range(first, first + count)
    ]


def files():
    """Some rows are equal, and some of a training split stand in an evaluation split as well."""
    small, dev = rows_of(0, 24), rows_of(100, 5)
    return {
        "small.train.jsonl": [*small, small[3], small[3], dev[0]],
        "small.dev.jsonl": dev,
        "small.test.jsonl": rows_of(200, 3),
        "large.train.jsonl": rows_of(1_000, 60),
        "large.dev.jsonl": rows_of(2_000, 4),
        "held.train.jsonl": rows_of(3_000, 12),
        "held.dev.jsonl": rows_of(4_000, 3),
    }


@dataclass
class Naive:
    """What the spec says, row by row.

    Attributes:
        rows: Source -> key -> row, of the training splits.
        evaluated: Source -> ids of the rows of its other splits.
    """

    written: object
    kind: str
    files: dict
    cap: int = 25
    rows: dict = field(default_factory=dict)
    evaluated: dict = field(default_factory=dict)
    pools: dict = field(default_factory=dict)

    def __post_init__(self):
        self.scope = Scope.mixture(3)
        for name, rows in self.files.items():
            source, split, _ = name.split(".")
            keyed, seen = {}, Counter()
            for row in rows:
                row_id = value_hash(row)
                keyed[RowKey(row_id, seen[row_id])] = row
                seen[row_id] += 1
            if split == "train":
                self.rows[source] = keyed
            else:
                self.evaluated.setdefault(source, set()).update(key.id for key in keyed)

    def draw(self, source, key, repetition, name):
        """A draw of a row."""
        return self.scope.draw(source, key, repetition, name)

    def prompt(self, source, key):
        """The prompt that a row draws in repetition 0."""
        applying = [
            each for each in PROMPTS if each != "even" or self.rows[source][key]["answer"] <= 40
        ]
        return max(
            applying, key=lambda each: (self.draw(source, key, 0, f"prompt/calculate.{each}"), each)
        )

    def example(self, row, label):
        """Ids without BOS, how many of them are the input, and whether it is whole; or None."""
        given, asked = ([ord(c) - 30 for c in text.format(**row)] for text in PROMPTS[label])
        match self.kind:
            case "prompts":
                if len(given) > 90 or len(asked) + 1 > 16:
                    return None
            case "trimmed":
                if len(given) > 60:
                    return None
                if len(asked) + 1 > 3:
                    return [*given, EOS, *asked[:3]], len(given), False
            case "chat":
                if 1 + len(given) + 1 + len(asked) + 1 > 100:
                    return None
        return [*given, EOS, *asked, EOS], len(given), True

    def is_whole(self, row, label):
        """Whether a row gives a whole example by a prompt."""
        if label == "even" and row["answer"] > 40:
            return False
        made = self.example(row, label)
        return made is not None and made[2]

    def counted(self, source):
        """Key -> prompt of the examples that the mixture counts of a source."""
        keys = sorted(self.rows[source], key=lambda key: (self.draw(source, key, 0, "rank"), key))
        drawn = [(key, self.prompt(source, key)) for key in keys]
        survivors = [
            (key, label) for key, label in drawn if self.example(self.rows[source][key], label)
        ]
        return dict(survivors[: self.cap])

    def would_draw(self, source):
        """Key -> prompt of all rows, whether it applies or not."""
        return {
            key: max(
                PROMPTS,
                key=lambda each, k=key: (self.draw(source, k, 0, f"prompt/calculate.{each}"), each),
            )
            for key in self.rows[source]
        }

    def pool(self, source):
        """The pool of a source: sorted rows, and the prompts that they draw."""
        if source not in self.pools:
            drawn = self.counted(source) if source != "held" else self.would_draw(source)
            keys = [key for key in drawn if key.id not in self.evaluated[source]]
            pool = sorted((self.draw(source, key, 0, "exemplar"), *key) for key in keys)
            self.pools[source] = pool, drawn
        return self.pools[source]

    def exemplars(self, source, key, repetition, label, wanted):
        """The rows that are drawn for an example."""
        pool, drawn = self.pool(source)
        draws = [self.draw(source, key, repetition, f"exemplar/{j}") for j in range(wanted)]
        rows = self.rows[source]
        found = self.written(
            key.id,
            draws,
            pool,
            lambda each: drawn[RowKey(*each[1:])] == label,
            lambda each: self.is_whole(rows[RowKey(*each[1:])], label),
        )
        return [RowKey(*each[1:]) for each in found]

    def laid(self, source, key, repetition, *, label, row, wanted):
        """Ids of the rows that stand before an example, and the ids and mask of the whole."""
        ids, num_given, _ = self.example(row, label)
        num_bos = 0 if self.kind == "prompts" else 1
        limit = {"prompts": 90, "trimmed": 60, "chat": 100}[self.kind]
        size = num_bos + len(ids) if self.kind == "chat" else num_given
        before, taken = [], []
        for each in self.exemplars(source, key, repetition, label, wanted):
            more = self.example(self.rows[source][each], label)[0]
            if size + len(before) + len(more) > limit:
                break
            before += more
            taken.append(each.id)
        bos = [BOS] * num_bos
        first = num_bos + len(before) + num_given + 1
        whole = [*bos, *before, *ids]
        return taken, whole, [i >= first for i in range(len(whole))], first

    def number(self, source, key, repetition, least, most):
        """How many exemplars an example draws."""
        return least + self.draw(source, key, repetition, "exemplars") * (most - least + 1) // 2**64


def built(project, kind, *, spec=SPEC, **settings):
    """A build of the spec in one of the formats."""
    out = settings.pop("out", "out")
    jobs = settings.pop("jobs", 1)
    whole = project(spec=spec.replace("FORMAT", FORMATS[kind]), files=files(), **settings)
    made = whole.build(out=out, jobs=jobs)
    # Rows that stand in two splits, and pools that are small: both are here on purpose.
    assert {finding.code for finding in made.diagnostics} <= {"T0854", "T0856"}
    return made


def examples(path):
    """Where each training example came from."""
    return pyarrow.parquet.read_table(path / "train/examples.parquet").to_pylist()


def coded(artifact):
    """Example id -> ids and mask."""
    found = {}
    for sequence in artifact["train"]:
        ids, labels = sequence.input_ids.tolist(), sequence.labels.tolist()
        bounds = sequence.cu_seq_lens.tolist()
        for example, begin, end in zip(
            sequence.examples.tolist(), bounds[:-1], bounds[1:], strict=True
        ):
            found[example] = ids[begin:end], [label >= 0 for label in labels[begin:end]]
    return found


@pytest.mark.parametrize("kind", FORMATS)
def test_every_training_example_is_the_one_of_the_page(project, written, kind):
    """Which rows stand before it, all of its ids, and that the loss sees nothing of them."""
    more = SPEC.replace("seed 3", "total 90 examples\n  seed 3")
    naive = Naive(written, kind, files())
    artifact = open_artifact(built(project, kind, spec=more).path)
    ids = coded(artifact)
    counts = Counter()
    for number, row in enumerate(examples(artifact.path)):
        key = RowKey(row["row_id"], row["ordinal"])
        source, repetition = row["source"], row["repetition"]
        wanted = naive.number(source, key, repetition, 0, 4)
        taken, whole, mask, _ = naive.laid(
            source,
            key,
            repetition,
            label=row["label"],
            row=naive.rows[source][key],
            wanted=wanted,
        )

        assert row["exemplars"] == taken
        assert ids[number] == (whole, mask)
        counts[len(taken)] += 1
    mixture = {share.name: share for share in artifact.manifest.mixture.sources}

    assert set(counts) >= {0, 1, 2}
    assert sum(n * times for n, times in counts.items()) == sum(
        share.exemplars for share in mixture.values()
    )
    artifact.verify()


@pytest.mark.parametrize("kind", FORMATS)
def test_evaluation_sets_come_once_more_with_exemplars(project, written, kind):
    """All with as many as the mixture allows; a held-out source's own training rows."""
    naive = Naive(written, kind, files())
    artifact = open_artifact(built(project, kind).path)
    evaluated = [name for name in files() if ".train." not in name]
    rows = {
        (split, value_hash(row)): row
        for name in evaluated
        for split in [name.split(".")[1]]
        for row in files()[name]
    }
    for split in ("dev", "test"):
        table = list(artifact[split])
        plain = [each for each in table if each["shots"] == 0]
        shots = table[len(plain) :]

        assert [each["shots"] for each in shots] == [4] * len(plain)
        assert [(e["row_id"], e["label"]) for e in shots] == [
            (e["row_id"], e["label"]) for e in plain
        ]
        for bare, row in zip(plain, shots, strict=True):
            key = RowKey(row["row_id"], row["ordinal"])
            taken, whole, _, first = naive.laid(
                row["source"], key, 0, label=row["label"], row=rows[split, key.id], wanted=4
            )

            assert row["exemplars"] == taken
            assert row["input_ids"] == whole[:first]
            assert row["target_ids"] == whole[first:] == bare["target_ids"]
            assert (bare["exemplars"], row["correct"]) == ([], bare["correct"])
        assert {each["source"] for each in shots} == {each["source"] for each in plain}


def all_examples(artifact):
    """Source, row id and exemplars of every example of every split."""
    for row in examples(artifact.path):
        yield row["source"], row["row_id"], row["exemplars"]
    for split in ("dev", "test"):
        for row in artifact[split]:
            yield row["source"], row["row_id"], row["exemplars"]


def test_no_exemplar_is_its_query_or_a_row_of_an_evaluation_set(project):
    """Over the whole build: they are training rows of the same source, all different."""
    artifact = open_artifact(built(project, "prompts").path)
    train, held = {}, set()
    for name, rows in files().items():
        source, split, _ = name.split(".")
        ids = {value_hash(row) for row in rows}
        if split == "train":
            train[source] = ids
        else:
            held |= ids
    num = 0
    for source, row_id, exemplars in all_examples(artifact):
        assert row_id not in exemplars
        assert len(set(exemplars)) == len(exemplars)
        assert set(exemplars) <= train[source] - held
        num += len(exemplars)

    assert num > 100


def test_rows_that_are_only_exemplars_are_in_the_ledger(project):
    """Nothing that stands in an artefact was never asked for."""
    spec = SPEC.replace("seed 3", "total 10 examples\n  seed 3")
    artifact = open_artifact(built(project, "prompts", spec=spec).path)
    shown, delivered = {}, {}
    for source, _, exemplars in all_examples(artifact):
        shown.setdefault(source, set()).update(exemplars)
    for row in examples(artifact.path):
        delivered.setdefault(row["source"], set()).add(row["row_id"])
    entries = {(e.source, e.split): e for e in artifact.ledger.entries}

    assert artifact.ledger.balances()
    for source in ("large", "held"):  # no two rows of theirs are equal
        only = shown[source] - delivered.get(source, set())
        assert entries[source, "train"].exemplars == len(only) > 0


def test_a_longer_stream_only_adds(project):
    """Examples that a smaller total holds have the same exemplars in a larger one."""
    few = SPEC.replace("seed 3", "total 30 examples\n  seed 3")
    many = SPEC.replace("seed 3", "total 900 tokens\n  seed 3")
    short = examples(
        built(project, "prompts", spec=few, folder=None or project().folder / "a").path
    )
    long = examples(built(project, "prompts", spec=many, folder=project().folder / "b").path)
    common = min(len(short), len(long))

    assert common >= 10
    assert short[:common] == long[:common]


def test_another_source_changes_no_exemplar(project):
    """What stands before the examples of a source depends on the source alone."""
    alone = SPEC.replace("from all clusters\n  holdout exams", "from small")
    both = built(project, "prompts", folder=project().folder / "a").path
    one = built(
        project,
        "prompts",
        spec=alone.replace("dev, test\n", "dev\n"),
        folder=project().folder / "b",
    )
    keep = ("row_id", "ordinal", "label", "exemplars")

    def of_small(path):
        rows = [each for each in examples(path) if each["source"] == "small"]
        return [tuple(row[name] for name in keep) for row in rows]

    assert of_small(both) == of_small(one.path)


def test_a_quota_stays_with_its_rows(project):
    """Exemplars of `take 8` are among those eight rows, in every epoch."""
    mixture = "take 8 from large\n  take 5 from small\n  total 3 epochs"
    spec = SPEC.replace("from all clusters\n  holdout exams\n  rate proportional(cap: 25)", mixture)
    path = built(project, "prompts", spec=spec.replace("train, dev, test\n}", "train\n}")).path
    rows = examples(path)
    delivered = {row["row_id"] for row in rows}

    assert {e for row in rows for e in row["exemplars"]} <= delivered
    assert any(row["exemplars"] for row in rows)


def test_another_number_of_exemplars_encodes_nothing(project):
    """They are made once for each row and prompt, and joined when the stream is written."""
    first = built(project, "prompts")
    fixed = SPEC.replace("fewshot 0..4", "fewshot 2")
    second = built(project, "prompts", spec=fixed, out="again")
    third = built(
        project, "prompts", out="third", spec=SPEC.replace("fewshot 0..4", "fewshot 1..3")
    )
    without = built(project, "prompts", spec=SPEC.replace("fewshot 0..4", ""), out="without")

    assert first.work.num_encoded > 0
    assert (second.work.num_encoded, third.work.num_encoded) == (0, 0)
    assert without.work.num_encoded == 0
    assert {len(row["exemplars"]) for row in examples(second.path)} <= {0, 1, 2}


def test_content_depends_on_no_worker_and_no_order_of_rows(project, monkeypatch):
    """One worker or two, in one round or many; shuffled files give the same content digest."""
    one = open_artifact(built(project, "prompts").path).manifest.content_digest
    whole = project(spec=SPEC.replace("FORMAT", FORMATS["prompts"]), files=files())
    shuffled = {
        name: random.Random(5).sample(rows, len(rows)) for name, rows in whole.files.items()
    }
    monkeypatch.setattr(local, "MIN_ROWS_FOR_WORKERS", 0)
    monkeypatch.setattr("taskc.compiler.exemplars.laying.DRAWN", 24)
    elsewhere = project(spec=whole.spec, files=shuffled, folder=whole.folder / "elsewhere").build(
        jobs=2
    )

    assert open_artifact(elsewhere.path).manifest.content_digest == one


def test_a_build_for_evaluation_alone_draws_from_the_training_split(project):
    """Which is read for nothing else."""
    spec = SPEC.replace("splits    train, dev, test", "splits    dev")
    artifact = open_artifact(built(project, "prompts", spec=spec).path)
    train = {value_hash(row) for n, rows in files().items() if ".train." in n for row in rows}
    shots = [row for row in artifact["dev"] if row["shots"]]

    assert len(artifact["train"]) == 0
    assert {len(row["exemplars"]) for row in shots} >= {2, 3}
    assert {each for row in shots for each in row["exemplars"]} <= train
    assert artifact.ledger.balances()


def test_prompts_and_exemplars_are_drawn_anew_for_each_use_of_a_row(project):
    """Over many repetitions prompts are drawn evenly, and no two draws are tied."""
    spec = SPEC.replace("seed 3", "total 2_400 examples\n  seed 3").replace(
        "fewshot 0..4", "fewshot 1"
    )
    spec = spec.replace("splits    train, dev, test", "splits    train")
    rows = [
        r for r in examples(built(project, "prompts", spec=spec).path) if r["source"] == "large"
    ]
    labels = Counter(row["label"] for row in rows)
    by_row = Counter((row["row_id"], row["label"]) for row in rows)
    number = len(rows)
    used = Counter(each for row in rows for each in row["exemplars"])

    assert set(labels) == {"ask", "equals", "invent"}  # the answers of `even` are small
    # 5 standard deviations of a fair draw.
    assert all(abs(n - number / 3) < 5 * (number * 2 / 9) ** 0.5 for n in labels.values())
    # Every row comes by every prompt, but for the few whose question is too long to be asked for.
    assert len(by_row) > 0.9 * 3 * len({row["row_id"] for row in rows})
    # Rows of the pool are drawn about equally often by those that draw the same prompt.
    assert len(used) > 0.9 * 25
    assert max(used.values()) < 3 * number / 25
    for each in {row["row_id"] for row in rows}:
        own = [tuple(row["exemplars"]) for row in rows if row["row_id"] == each]
        assert len(set(own)) > len(own) / 4
