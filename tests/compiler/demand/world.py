"""Made-up sources: rows in ranges, and a `make` that follows a table instead of a tokenizer.

What becomes of a row is a list of the tokens of its parts, or the name of the clause it falls by;
in an evaluation the list holds the tokens by each prompt.
"""

from dataclasses import dataclass, field

import numpy as np

from taskc.compiler import plan
from taskc.compiler.examples import Drop
from taskc.compiler.keys import RowKey, Scope
from taskc.compiler.rows.connect.files import InputFile
from taskc.compiler.rows.ranges import Range, SplitInputs
from taskc.compiler.rows.row_keys import RowKeys
from taskc.compiler.turns.make import Made
from taskc.dsl.diagnostics import Diagnostic, Severity

SEED = 7
AT = plan.Place(path="pack/a.task", start=0, end=1, line=1, column=1)
ERROR = "error"  # the fate of a row that stops the build


def source_named(name):
    """A source with the parts that these stages read."""
    return plan.Source.model_construct(name=name, clusters=("all",), metric="", at=AT)


def template_of(names, labels=("ask", "tell")):
    """A template that serves the sources."""
    prompts = tuple(
        plan.Prompt.model_construct(label=label, kind="prompt", messages="told", at=AT)
        for label in labels
    )
    return plan.Template.model_construct(name="t", sources=tuple(names), prompts=prompts, at=AT)


def build_of(
    names, *, rate=None, takes=(), total=(1, "epochs"), repeat=0, window=4, length=64, choices=1
):
    """A build over the sources; each row is asked by so many of its prompts."""
    rate = rate or plan.ProportionalRate(cap=None, limit=None)
    taken = {take.source for take in takes}
    members = tuple(plan.Member(name=name, sources=(name,)) for name in names if name not in taken)
    mixture = plan.Mixture.model_construct(
        name="m",
        seed=SEED,
        rate=rate,
        takes=tuple(takes),
        blend=plan.Blend(rate=rate, members=members, takes=tuple(takes)),
        total=plan.Total(count=total[0], unit=total[1]),
        repeat=repeat,
        templates="one" if choices == 1 else str(choices),
        at=AT,
    )
    return plan.BuildPlan.model_construct(
        name="b",
        package="p",
        sources=tuple(source_named(name) for name in names),
        templates=(template_of(names, [f"p{i}" for i in range(max(2, choices))]),),
        mixture=mixture,
        tokenizer=None,
        format=None,
        pack=plan.Pack(length=length, window=window),
        at=AT,
    )


def take_of(source, count, *, at_most=False):
    """A quota."""
    return plan.Take(
        source=source, count=count, at_most=at_most, by="", by_keys=(), by_tau=None, best=None,
        at=AT,
    )  # fmt: skip


def rows_of(source, num_rows, range_sizes=(), *, split="train", ordinals=None):
    """Rows whose ids are their numbers, in one range or in several of the sizes."""
    sizes = [*range_sizes, max(0, num_rows - sum(range_sizes))]
    inputs = SplitInputs(
        (InputFile("a.jsonl", f"{source}/a.jsonl"), InputFile("b.jsonl", f"{source}/b.jsonl")),
        tuple(Range(i % 2, i, i + 1, 1 + 100 * i, f"{source}{i}") for i, _ in enumerate(sizes)),
        "0",
    )
    ranges = np.repeat(np.arange(len(sizes), dtype=np.uint32), sizes)[:num_rows]
    lines = np.concatenate([np.arange(size, dtype=np.uint32) for size in sizes])[:num_rows]
    ids = b"".join((row * 7919 % 65_521).to_bytes(16) for row in range(num_rows))
    return RowKeys(
        source,
        split,
        inputs,
        np.frombuffer(ids, np.uint8).reshape(-1, 16).copy(),
        ranges,
        lines,
        None if ordinals is None else np.array(ordinals, np.uint32),
    )


def ranked(rows, repetition):
    """The indices of the rows in the order in which they are asked for, one by one."""
    scope = Scope.mixture(SEED)
    keys = [
        RowKey(bytes(row_id), int(rows.ordinals[i]) if rows.ordinals is not None else 0)
        for i, row_id in enumerate(rows.ids)
    ]
    return sorted(
        range(len(rows)),
        key=lambda i: (scope.draw(rows.source, keys[i], repetition, "rank"), keys[i]),
    )


class NoStore:
    """A store that nothing is put into: `make` here needs none."""

    def absorb(self, findings):
        """Takes what tasks have to say of their stores: nothing."""
        assert findings == []


@dataclass
class World:
    """What becomes of (source, row, repetition), and what was asked of `make`.

    Attributes:
        outcomes: Source -> row -> use -> tokens of the parts, the name of a drop, or nothing where
            the row has no such prompt; after the last one they come again.
        asked: (source, row, use) in the order of asking: repetition * choices + choice.
        num_choices: How many prompts each row is asked by.
        num_tasks: Tasks run.
    """

    rows: dict[str, RowKeys]
    outcomes: dict[str, list[list[list[int] | str | None]]]
    num_choices: int = 1
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    num_tasks: int = 0

    def outcome(self, source, row, use):
        """What becomes of a row."""
        known = self.outcomes[source][row]
        return known[use % len(known)]

    def make(self, task):
        """Stands for `turns.make.make`."""
        self.num_tasks += 1
        rows = self.rows[task.source.name]
        assert task.split == rows.split
        by_id = {
            (bytes(i), int(o)): n
            for n, (i, o) in enumerate(
                zip(rows.ids, rows.ordinals_of(np.arange(len(rows))), strict=True)
            )
        }
        assert (np.diff(task.lines.astype(np.int64)) >= 0).all()
        columns = []
        made = Made(family=task.range.digest, segments=["s"])
        for candidate, key in enumerate(zip(task.ids, task.ordinals, strict=True)):
            row = by_id[bytes(key[0]), int(key[1])]
            repetition = int(task.repetitions[candidate])
            use = repetition * self.num_choices
            use += 0 if task.choices is None else int(task.choices[candidate])
            assert rows.lines[row] == task.lines[candidate]
            assert rows.inputs.ranges[rows.ranges[row]] == task.range
            self.asked.append((task.source.name, row, use))
            found = self.outcome(task.source.name, row, use)
            if found is None:
                continue
            if found == ERROR:
                made.errors.append(Diagnostic("T0834", Severity.ERROR, "too long", None))
            elif isinstance(found, str):
                made.drops[candidate] = Drop("encode", found, AT)
            elif task.evaluation:
                for prompt, tokens in enumerate(found):
                    columns.append((candidate, 0, prompt, tokens, 100 * row + prompt))
            else:
                for part, tokens in enumerate(found):
                    entry = 100 * (100 * row + use) + part
                    columns.append((candidate, part, (row + repetition) % 2, tokens, entry))
        table = np.array(columns, np.int64).reshape(-1, 5)
        if made.errors:
            return Made(errors=made.errors)
        made.candidate = table[:, 0].astype(np.uint32)
        made.part = table[:, 1].astype(np.uint16)
        made.prompt = table[:, 2].astype(np.uint16)
        made.num_tokens = table[:, 3].astype(np.uint32)
        made.num_trained = (table[:, 3] // 2).astype(np.uint32)
        made.trimmed = (table[:, 3] % 3).astype(np.uint32)
        made.segment = np.zeros(len(table), np.uint16)
        made.entry = table[:, 4].astype(np.uint32)
        return made


class Engine:
    """Runs tasks one after another, here."""

    def map(self, run, tasks, *, num_rows):
        """As the real ones do."""
        assert num_rows >= 0
        return map(run, tasks)
