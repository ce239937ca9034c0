"""Examples from the store are those that encoding gives; what is encoded again is what changed."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskc.compiler import plan
from taskc.compiler.keys import RowKey, Scope
from taskc.compiler.rows.connect.files import InputFile
from taskc.compiler.rows.ranges import Range
from taskc.compiler.store.objects import Store
from taskc.compiler.store.segments import Segment
from taskc.compiler.turns import fast
from taskc.compiler.turns import make as making
from taskc.compiler.turns.encode import encode
from taskc.compiler.turns.make import MakeTask

WORDS = st.text(alphabet="abé漢 \n", max_size=6)
many = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Workplace:
    """Rows in a file, a store, and what `make` and `encode` make of the same candidates."""

    def __init__(self, bench, folder):
        self.bench = bench
        self.folder = folder
        self.store = Store.open(folder / "store")

    def task(self, rows, templates, format_, *, picks=None, name="r.jsonl", **changes):
        """A task over `rows`, written to a file; `picks` are (line, repetition), in order."""
        path = self.folder / name
        lines = [json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(lines))
        keys = self.bench.task(rows, templates, format_)
        picks = [(line, 0) for line in range(len(rows))] if picks is None else picks
        taken = [line for line, _ in picks]
        return MakeTask(
            **{
                "source": keys.source,
                "split": "train",
                "seed": 0,
                "evaluation": False,
                "store": self.store,
                **changes,
            },
            templates=tuple(templates),
            tokenizer=self.bench.spec,
            format=format_,
            file=InputFile(str(path), name),
            range=Range(0, 0, sum(map(len, lines)), 1, "0" * 32, len(lines)),
            lines=np.array(taken, np.uint32),
            ids=np.frombuffer(b"".join(keys.rows.ids), np.uint8).reshape(-1, 16)[taken],
            ordinals=np.array(keys.rows.ordinals, np.uint32)[taken],
            repetitions=np.array([repetition for _, repetition in picks], np.uint32),
        )

    def make(self, *args, **kwargs):
        """What `make` makes of a task over rows."""
        return making.make(self.task(*args, **kwargs))

    def told(self, made):
        """The examples that a result points at."""
        segments = [Segment.open(self.store, made.family, name) for name in made.segments]
        return [
            self._told(made, segments[made.segment[index]], index) for index in range(len(made))
        ]

    def _told(self, made, segment, index):
        entry = int(made.entry[index])
        spans = segment.spans_of(entry)
        extra = [
            column[entry].as_py()
            for column in (segment.option_ids, segment.correct, segment.references)
            if column is not None
        ]
        assert segment.fates[entry] == 0
        assert made.num_tokens[index] == len(segment.ids_of(entry))
        assert made.num_trained[index] == (spans[:, 1] - spans[:, 0]).sum()
        assert made.part[index] == segment.parts[entry]
        return (
            int(made.candidate[index]),
            int(made.part[index]),
            int(made.prompt[index]),
            int(made.trimmed[index]),
            bool(made.seam_joined[index]),
            segment.ids_of(entry).tolist(),
            spans.tolist(),
            *extra,
        )

    def expected(self, task, rows):
        """Examples, drops, mistakes and notices by `encode`, one repetition at a time."""
        told, drops, errors, notices = [], {}, [], []
        for repetition in sorted(set(task.repetitions.tolist())):
            own = np.flatnonzero(task.repetitions == repetition).tolist()
            whole = self.bench.task(
                rows,
                task.templates,
                task.format,
                repetition=repetition,
                source=task.source,
                seed=task.seed,
                evaluation=task.evaluation,
            )
            whole.rows = whole.rows.pick([int(task.lines[index]) for index in own])
            encoded = encode(whole)
            told += [_encoded(encoded, index, own, whole) for index in range(len(encoded))]
            drops |= {own[row]: drop for row, drop in encoded.drops.items()}
            errors += [(each.code, each.message) for each in encoded.errors]
            notices += [(each.message, each.primary) for each in encoded.notices]
        told.sort(key=lambda each: (each[0], each[2], each[1]))
        return told, drops, errors, notices

    def agrees(self, task, rows):
        """Makes a task and holds it against `encode`; returns what was made."""
        made = making.make(task)
        told, drops, errors, notices = self.expected(task, rows)
        if errors:
            # Which of many alike are shown and which counted (T0809) depends on how they come.
            found = {each.code for each in made.errors}
            assert {code for code, _ in errors} - {"T0809"} == found - {"T0809"}
            assert len(made) == 0
            return made
        assert made.errors == []
        assert told == self.told(made)
        assert drops == made.drops
        assert notices == [(each.message, each.primary) for each in made.notices]
        return made


def _encoded(encoded, index, own, task):
    start, stop = encoded.offsets[index : index + 2]
    first, last = encoded.span_offsets[index : index + 2]
    before = sum(len(each.prompts) for each in task.templates[: encoded.template[index]])
    extra = [
        column[index]
        for column in (encoded.option_ids, encoded.correct, encoded.references)
        if task.evaluation
    ]
    return (
        own[encoded.row[index]],
        int(encoded.part[index]),
        int(before + encoded.prompt[index]),
        int(encoded.trimmed_tokens[index]),
        bool(encoded.seam_joined[index]),
        encoded.ids[start:stop].tolist(),
        encoded.spans.reshape(-1, 2)[first:last].tolist(),
        *extra,
    )


@pytest.fixture
def work(bench, tmp_path):
    """A workplace with an empty store."""
    return Workplace(bench, tmp_path)


def damage(folder):
    """Turns a byte of every second object of a store."""
    objects = sorted(path for path in Path(folder, "v2").rglob("*") if path.is_file())
    for path in objects[::2]:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        os.utime(path, ns=(1, 1))


# ---- the same examples, whatever the store holds -------------------------------------------------


CHOOSE = plan.Call(function="choose", args=(plan.Const(value="x"), plan.Name(name="a")), draw="c/1")


def templates_of(make, kind):
    """Templates of one kind, with places that can be told apart."""
    p, at = make.prompt, make.place
    both = (p("p", "Q{q}", "A{a}", at=at(3)), p("r", "R {a}", "B{q}", kind="inverse", at=at(4)))
    match kind:
        case "plain":
            return [make.template(*both, p("g", "only {q}", at=at(5)))]
        case "two":
            return [make.template(*both), make.template(p("p", "{q}", "{a}", at=at(6)), name="u")]
        case "gated":
            gates = {"wheres": (make.where("k", "1", at(7)),), "at": at(8)}
            when = p("w", "W{q}", "{a}", when=make.equals("q", "a"), at=at(9))
            return [make.template(*both, when, **gates), make.template(*both, name="u", **gates)]
        case "lets":
            lets = (make.let("b", "a"), plan.Let(name="c", value=CHOOSE, at=at(10)))
            return [
                make.template(p("p", "{b}", "{c}", at=at(11)), lets=lets),
                *templates_of(make, "u"),
            ]
        case "options":
            options = make.row_options("o", "i", shuffled=True, at=at(12))
            letters = make.row_options("o", "i", style="letters", at=at(13))
            return [
                make.template(p("p", "{q}{options}", "{answer}", at=at(14)), options=options),
                make.template(
                    p("p", "{options}", "({answer}", at=at(15)), options=letters, name="l"
                ),
            ]
        case "u":
            return [make.template(p("p", "{q}", "{a}", at=at(6)), name="u")]
        case "dialogue":
            return [make.template(make.dialogue("d", messages="m", at=at(16)), both[0])]
        case _:
            return []


TURN = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant"]),
        "content": st.sampled_from(["", "ab", "é漢", "abcdefg"]),
        "train": st.sampled_from([None, True, False]),
    }
)
ROW = st.fixed_dictionaries(
    {
        "q": WORDS,
        "a": WORDS,
        "k": st.sampled_from(["1", "0"]),
        "o": st.lists(WORDS, min_size=2, max_size=3),
        "i": st.sampled_from([0, 1]),
        "m": st.lists(TURN, max_size=3),
    }
)
KINDS = ("plain", "two", "gated", "lets", "options", "dialogue", "none")
OVERFLOWS = ("trim", "trim_prompt", "drop", "split", "error")


@st.composite
def cases(draw):
    """Rows, some of them equal, a kind of templates, a format, candidates and a mode."""
    rows = draw(st.lists(ROW, min_size=1, max_size=6))
    rows += draw(st.lists(st.sampled_from(rows), max_size=2))
    evaluation = draw(st.booleans())
    picks = [
        (line, repetition)
        for line in range(len(rows))
        for repetition in ([0] if evaluation else draw(st.sampled_from([[0], [0, 2], [1], []])))
    ]
    kind = draw(st.sampled_from(KINDS))
    limits = {"overflow": draw(st.sampled_from(OVERFLOWS))}
    is_chat = kind == "dialogue" or draw(st.booleans())
    if is_chat:
        limits |= {"max": draw(st.sampled_from([8, 12, 100]))}
    else:
        limits |= {
            "input": draw(st.sampled_from([4, 100])),
            "target": draw(st.sampled_from([4, 100])),
            "end": "eos",
            "seam": draw(st.sampled_from(["split", "join"])),
        }
    references = draw(st.sampled_from([None, "o"]))
    return rows, picks, kind, is_chat, limits, evaluation, references


@given(
    case=cases(),
    state=st.sampled_from(["cold", "warm", "part", "other seed", "other templates", "damaged"]),
)
@many
def test_examples_do_not_depend_on_the_store(bench, make, tmp_path_factory, *, case, state):
    """Cold, warm, partly filled, filled by others, damaged: the examples are those of `encode`."""
    rows, picks, kind, is_chat, limits, evaluation, references = case
    work = Workplace(bench, tmp_path_factory.mktemp("work"))
    format_ = make.chat(**limits) if is_chat else make.prompt_target(**limits)
    settings_ = {"evaluation": evaluation, "source": make.source(references)}
    templates = templates_of(make, kind)
    task = work.task(rows, templates, format_, picks=picks, **settings_)
    match state:
        case "warm" | "damaged":
            making.make(task)
        case "part":
            making.make(work.task(rows, templates, format_, picks=picks[::2], **settings_))
        case "other seed":
            making.make(work.task(rows, templates, format_, picks=picks, **settings_, seed=5))
        case "other templates":
            making.make(work.task(rows, templates[:1], format_, picks=picks, **settings_))
    if state == "damaged":
        damage(work.folder / "store")
    made = work.agrees(task, rows)
    again = work.agrees(task, rows)

    if not made.errors:
        assert again.num_encoded == 0
        assert again.num_reused == made.num_reused + made.num_encoded


# ---- which of a row's prompts --------------------------------------------------------------------


def by_prompt(work, task, rows):
    """What each prompt by itself gives of each row: (template, label, told by row, drops by row).

    None where a row has a mistake.
    """
    found = []
    for template in task.templates:
        for prompt in template.prompts:
            alone = template.model_copy(update={"prompts": (prompt,)})
            per_row = {}
            for line in range(len(rows)):
                one = replace(
                    task,
                    templates=(alone,),
                    lines=np.array([line], np.uint32),
                    repetitions=np.zeros(1, np.uint32),
                )
                told, drops, errors, _ = work.expected(one, rows)
                per_row[line] = None if errors else ([each[1:] for each in told], drops.get(0))
            found.append((f"{template.name}.{prompt.label}", prompt.has_target, per_row))
    return found


@given(case=cases(), is_warm=st.booleans())
@many
def test_choices_are_a_row_s_prompts_by_their_draws(bench, make, tmp_path_factory, case, is_warm):
    """Choice number c is the c-th largest draw of those that apply; a named prompt is that one."""
    rows, _, kind, is_chat, limits, _, _ = case
    work = Workplace(bench, tmp_path_factory.mktemp("work"))
    format_ = make.chat(**limits) if is_chat else make.prompt_target(**limits)
    templates = templates_of(make, kind)
    plain = work.task(rows, templates, format_)
    known = by_prompt(work, plain, rows)
    picks = [(line, choice) for line in range(len(rows)) for choice in range(len(known))]
    task = work.task(rows, templates, format_, picks=[(line, 0) for line, _ in picks])
    numbers = np.array([choice for _, choice in picks], np.uint16)
    named = replace(task, prompts=numbers)
    if is_warm:
        making.make(named)
    told = work.told(making.make(named))
    expected = [
        (candidate, part, number, *rest)
        for candidate, (line, number) in enumerate(picks)
        if known[number][1] and known[number][2][line] is not None
        for part, _, *rest in known[number][2][line][0]
    ]

    assert told == expected
    assert making.make(named).drops == {}
    if any(each is None for _, _, per_row in known for each in per_row.values()):
        return
    made = making.make(replace(task, choices=numbers))
    expected, drops = [], {}
    for candidate, (line, choice) in enumerate(picks):
        ranked = ranking(task, line, known)
        if choice < len(ranked):
            of_prompt, drop = known[ranked[choice]][2][line]
            expected += [(candidate, part, ranked[choice], *rest) for part, _, *rest in of_prompt]
            drops |= {candidate: drop} if drop else {}
        elif not ranked:
            drops[candidate] = None

    assert work.told(made) == expected
    assert made.drops.keys() == drops.keys()
    assert all(drops[candidate] in {None, drop} for candidate, drop in made.drops.items())


def ranking(task, line, known):
    """The prompts that apply to a row, the largest draw first."""
    scope = Scope.mixture(task.seed)
    first = task.lines.tolist().index(line)
    key = RowKey(bytes(task.ids[first]), int(task.ordinals[first]))
    closed = {"where", "no prompt applies"}
    applying = [
        number
        for number, (_, has_target, per_row) in enumerate(known)
        if has_target and not (per_row[line][1] and per_row[line][1].reason in closed)
    ]
    draws = {
        n: (scope.draw(task.source.name, key, 0, f"prompt/{known[n][0]}"), known[n][0])
        for n in applying
    }
    return sorted(applying, key=draws.get, reverse=True)


def test_a_long_range_is_made_in_bounded_segments(work, make, monkeypatch):
    """Rows come in chunks and segments are written before they grow without bound."""
    monkeypatch.setattr(making, "_SEGMENT_TOKENS", 500)
    rows = [{"q": str(number), "a": "x"} for number in range(4_500)]
    task = work.task(rows, templates_of(make, "two"), make.prompt_target())
    made = work.agrees(task, rows)

    assert len(made.segments) == 3
    assert work.agrees(task, rows).num_rows_read == 0


# ---- what is encoded again -----------------------------------------------------------------------


ROWS = [{"q": f"q{number}", "a": f"a{number}", "k": "1"} for number in range(60)]


def ten(make, **changed):
    """Ten prompts, of which some have another text."""
    prompts = [
        make.prompt(f"p{index}", changed.get(f"p{index}", f"{index} {{q}}"), "{a}")
        for index in range(10)
    ]
    return [make.template(*prompts)]


def drawn(made):
    """Which candidates drew each prompt."""
    return {
        prompt: set(made.candidate[made.prompt == prompt].tolist())
        for prompt in set(made.prompt.tolist())
    }


def test_one_prompt_of_ten_is_encoded_again_where_it_is_drawn(work, make):
    """Its rows are read, the others are not."""
    before = work.make(ROWS, ten(make), make.prompt_target())
    after = work.make(ROWS, ten(make, p3="new {q}"), make.prompt_target())
    moved = len(drawn(before)[3])

    assert (before.num_encoded, before.num_rows_read) == (60, 60)
    assert (after.num_encoded, after.num_rows_read, after.num_reused) == (moved, moved, 60 - moved)
    assert 0 < moved < 60


def test_a_new_prompt_is_encoded_where_it_is_drawn(work, make):
    """Only the rows that move to it; taking it away again encodes nothing."""
    old, (more,) = ten(make), ten(make)
    extra = make.prompt("z", "Z {q}", "{a}")
    more = more.model_copy(update={"prompts": (*more.prompts, extra)})
    work.make(ROWS, old, make.prompt_target())
    after = work.make(ROWS, [more], make.prompt_target())

    assert after.num_encoded == len(drawn(after)[10]) > 0
    assert work.make(ROWS, old, make.prompt_target()).num_encoded == 0


def test_another_seed_encodes_what_was_not_drawn_before(work, make):
    """A pair of row and prompt that was met once is kept, by whatever seed or repetition."""
    seen = set()
    for seed, repetition in ((0, 0), (1, 0), (0, 1), (1, 1)):
        picks = [(line, repetition) for line in range(60)]
        made = work.make(ROWS, ten(make), make.prompt_target(), seed=seed, picks=picks)
        pairs = {(row, prompt) for prompt, rows in drawn(made).items() for row in rows}

        assert made.num_encoded == len(pairs - seen)
        seen |= pairs


@pytest.mark.parametrize("kind", ["shuffled", "choose"])
def test_draws_of_options_and_choose_belong_to_seed_and_repetition(work, make, kind):
    """There another seed is another example, and so is another of two equal rows."""
    rows = [{"q": "q", "a": "a", "o": ["x", "y", "z"], "i": 0}] * 2
    if kind == "shuffled":
        options = make.row_options("o", "i", shuffled=True)
        templates = [make.template(make.prompt("p", "{options}", "{answer}"), options=options)]
    else:
        lets = (plan.Let(name="c", value=CHOOSE, at=make.AT),)
        templates = [make.template(make.prompt("p", "{q}", "{c}"), lets=lets)]
    counts = [
        work.make(rows, templates, make.prompt_target(), seed=seed, picks=picks).num_encoded
        for seed, picks in [
            (0, [(0, 0), (1, 0)]),
            (0, [(0, 0), (1, 0)]),
            (1, [(0, 0)]),
            (0, [(0, 1)]),
        ]
    ]

    assert counts == [2, 0, 1, 1]


def test_equal_rows_share_an_example(work, make):
    """Where nothing is drawn but the prompt."""
    rows = [{"q": "q", "a": "a"}] * 3
    made = work.make(rows, [make.template(make.prompt("p", "{q}", "{a}"))], make.prompt_target())

    assert (made.num_encoded, made.num_reused) == (1, 2)
    assert len(set(made.entry.tolist())) == 1


def moved(value, make):
    """A plan's value with every place on another line of another file."""
    text = value.model_dump_json()
    elsewhere = make.place(777).model_copy(update={"path": "b.task"}).model_dump()
    data = json.loads(text, object_hook=lambda found: elsewhere if "column" in found else found)
    return type(value).model_validate(data)


@pytest.mark.parametrize("kind", ["plain", "gated", "options"])
def test_lines_files_and_names_may_move(work, make, kind):
    """Comments, formatting and folders encode nothing again, and drops point at today's lines."""
    rows = [
        {"q": f"long enough {number}", "a": "a", "k": "1", "o": ["x", "x"], "i": 0}
        for number in range(9)
    ]
    templates = templates_of(make, kind)
    format_ = make.prompt_target(input=10, overflow="drop")
    work.make(rows, templates, format_)
    later = work.task(
        rows,
        [moved(template, make) for template in templates],
        moved(format_, make),
        source=moved(make.source(), make),
        name="elsewhere/s.jsonl",
    )
    made = work.agrees(later, rows)

    assert made.num_encoded == 0
    assert {drop.at.path for drop in made.drops.values()} == {"b.task"}


def test_who_may_draw_a_prompt_is_no_part_of_an_example(work, make):
    """A condition that is added, a label, a source's `where` and `limit` encode nothing again."""
    work.make(ROWS, [make.template(make.prompt("p", "{q}", "{a}"))], make.prompt_target())
    source = make.source().model_copy(update={"wheres": (make.where("k", "1"),), "limit": 9})
    gated = make.template(
        make.prompt("other", "{q}", "{a}", when=make.equals("k", "1")),
        name="u",
        wheres=(make.where("k", "1"),),
    )
    made = work.make(ROWS, [gated], make.prompt_target(), source=source)

    assert (made.num_encoded, made.num_rows_read) == (0, 60)


def _other_tokenizer(_work, bench, make):
    bench.write(make.tiny_definition(merges=[("a", "b")]))
    return {}


def _other_format(_work, _bench, _make):
    return {"bos": "example"}


def _other_let(_work, _bench, make):
    lets = (make.let("z", "a"),)
    return {"source": make.source().model_copy(update={"lets": lets})}


def _other_library(_work, _bench, make):
    return {"code": "another"}


@pytest.mark.parametrize(
    "change", [_other_tokenizer, _other_format, _other_let, _other_library, None]
)
def test_what_every_example_is_made_of(work, bench, make, monkeypatch, change):
    """Another tokenizer, format, `let` or library: everything is encoded again."""
    templates = [make.template(make.prompt("p", "{q}", "{a}"))]
    work.make(ROWS, templates, make.prompt_target())
    changes = change(work, bench, make) if change is not None else {}
    if "code" in changes:
        monkeypatch.setattr(making, "code_digest", lambda *_modules: changes["code"])
    source = changes.get("source", make.source())
    format_ = make.prompt_target(bos=changes.get("bos", "none"))

    assert work.make(ROWS, templates, format_, source=source).num_encoded == (60 if change else 0)


# ---- evaluation ----------------------------------------------------------------------------------


def test_an_evaluation_encodes_only_prompts_that_are_new(work, make):
    """Every prompt of every row has a key of its own."""
    (template,) = ten(make)
    fewer = template.model_copy(update={"prompts": template.prompts[:7]})
    before = work.make(ROWS, [fewer], make.prompt_target(), evaluation=True)
    after = work.make(ROWS, [template], make.prompt_target(), evaluation=True)

    assert (before.num_encoded, after.num_encoded, after.num_reused) == (420, 180, 420)
    assert after.candidate.tolist() == [row for row in range(60) for _ in range(10)]


def test_references_are_part_of_an_evaluation(work, make):
    """And of nothing else."""
    rows = [{"q": "q", "a": "a", "r": ["x", "y"]}]
    templates = [make.template(make.prompt("p", "{q}", "{a}"))]
    counts = [
        work.make(
            rows, templates, make.prompt_target(), evaluation=evaluation, source=make.source(names)
        ).num_encoded
        for evaluation, names in [(True, None), (True, "r"), (False, None), (False, "r")]
    ]

    assert counts == [1, 1, 1, 0]


def test_notices_are_the_same_from_a_warm_store(work, make):
    """Prompts that some rows go without are said however their fate is known."""
    options = make.row_options("o", "i", at=make.place(4))
    templates = [
        make.template(make.prompt("p", "{options}", "{answer}"), options=options),
        make.template(make.prompt("p", "{q}", "{a}"), name="u"),
        make.template(make.prompt("p", "{q}{q}{q}", "{a}"), name="v"),
    ]
    rows = [{"q": "abc", "a": "a", "o": ["x", "x"], "i": 0}]
    task = work.task(rows, templates, make.prompt_target(input=5, overflow="drop"), evaluation=True)
    cold, warm = work.agrees(task, rows), work.agrees(task, rows)

    assert [each.message for each in cold.notices] == [each.message for each in warm.notices]
    assert len(warm.notices) == 2
    assert warm.num_rows_read == 0


# ---- mistakes ------------------------------------------------------------------------------------


def test_mistakes_are_never_kept(work, make):
    """They are found again as long as they are there; the other rows are kept."""
    rows = [{"q": "q", "a": "a"}, {"q": "q"}, {"q": "r", "a": "b"}]
    templates = [make.template(make.prompt("p", "{q}", "{a}"))]
    first, second = (work.make(rows, templates, make.prompt_target()) for _ in range(2))

    assert [error.code for error in first.errors] == ["T0830"]
    assert first.errors == second.errors
    assert (len(first), first.drops) == (0, {})
    assert work.make(rows[::2], templates, make.prompt_target()).num_encoded == 0


def test_a_file_that_changed_is_a_mistake(work, make):
    """Rows are held against the ids that they were chosen by."""
    templates = [make.template(make.prompt("p", "{q}", "{a}"))]
    task = work.task(ROWS, templates, make.prompt_target())
    path = Path(task.file.path)
    path.write_bytes(path.read_bytes().replace(b"q7", b"Q7"))

    assert [error.severity.name for error in making.make(task).errors] == ["ERROR"]


@pytest.mark.parametrize("fault", ["tokenizer", "frame", "dialogue"])
def test_a_format_that_can_not_be_had_makes_nothing(work, bench, make, fault):
    """The errors are those of `encode`."""
    templates = [make.template(make.prompt("p", "{q}", "{a}"))]
    format_ = make.prompt_target(end="nope" if fault == "frame" else "eos")
    if fault == "dialogue":
        templates = [make.template(make.dialogue("d", ("user", "x"), ("assistant", "y")))]
    task = work.task(ROWS, templates, format_)
    if fault == "tokenizer":
        Path(bench.spec.path, "tokenizer.json").write_text("{}", encoding="utf-8")
    made = making.make(task)

    assert [error.code for error in made.errors] == [
        {"tokenizer": "T0641", "frame": "T0646", "dialogue": "T0648"}[fault]
    ]


def test_a_warm_store_needs_no_tokenizer(work, make, monkeypatch):
    """Its files are digested, but nothing is loaded and no row is read."""
    templates = [make.template(make.prompt("p", "{q}", "{a}"))]
    task = work.task(ROWS, templates, make.prompt_target())
    cold = making.make(task)
    monkeypatch.setattr(making, "load", None)
    monkeypatch.setattr(making, "read_rows", None)
    warm = making.make(replace(task, store=Store.open(work.folder / "store")))

    assert work.told(warm) == work.told(cold)


# ---- engines -------------------------------------------------------------------------------------


def test_the_faster_engine_makes_the_same_examples(work, make):
    """Under a family of its own: what one engine made is not handed out as the other's."""
    pytest.importorskip("fastokens")
    rows = [{"q": "naïve 漢", "a": "a"}, *ROWS]
    templates = [make.template(make.prompt("p", "{q}", "{a}"))]
    task = work.task(rows, templates, make.prompt_target())
    made = work.agrees(task, rows)
    fast_made = work.agrees(replace(task, engine="fastokens"), rows)

    assert fast_made.num_encoded == len(rows)
    assert fast_made.family != made.family


def test_an_engine_that_differs_makes_nothing(work, bench, make, monkeypatch):
    """The driver is told, and the store remembers it."""
    loaded = bench.loaded()

    class Wrong:
        """Differs from the reference in everything."""

        def encode(self, texts):
            raise fast.EnginesDifferError(texts[0])

    monkeypatch.setattr(fast, "faster", lambda _loaded: replace(loaded, engine=Wrong()))
    monkeypatch.setattr(fast, "version", lambda _library: "1")
    templates = [make.template(make.prompt("p", "{q}", "{a}"))]
    task = work.task(ROWS, templates, make.prompt_target(), engine="fastokens")
    made = making.make(task)

    assert (made.engine_failed, len(made), made.errors) == (True, 0, [])
    assert fast.engine_for(bench.spec, work.store, num_examples=10**6) == "tokenizers"
    assert making.make(replace(task, engine="tokenizers")).num_encoded == len(ROWS)


def test_an_engine_that_is_not_where_the_task_runs_makes_nothing(work, make, monkeypatch):
    """A worker of another machine may lack it; that is no reason to distrust it."""
    monkeypatch.setattr(fast, "faster", lambda _loaded: None)
    monkeypatch.setattr(fast, "distrust", None)
    templates = [make.template(make.prompt("p", "{q}", "{a}"))]
    made = work.make(ROWS, templates, make.prompt_target(), engine="fastokens")

    assert (made.engine_failed, len(made), made.errors) == (True, 0, [])
