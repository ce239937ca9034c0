"""A task from rows to ids: masks, evaluation columns, accounts of rows, the same anywhere."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskc.compiler.turns.encode import encode

WORDS = st.text(alphabet="abé漢 \n", max_size=8)
OVERFLOWS = ("trim", "trim_prompt", "drop", "split", "error")
many = settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])


def num_tokens(text):
    """The tiny tokenizer has one token a byte."""
    return len(text.encode())


def accounted(encoded, num_rows):
    """Every row is in the examples, in the drops or has an error, and examples are in order."""
    rows = encoded.row.tolist()
    failed = {error.row.row - 1 for error in encoded.errors}
    gone = set(encoded.drops)

    assert rows == sorted(rows)
    assert set(rows) | gone | failed == set(range(num_rows))
    assert not set(rows) & gone
    assert not gone & failed
    assert encoded.offsets[-1] == len(encoded.ids)
    assert encoded.span_offsets[-1] * 2 == len(encoded.spans)
    for name in ("part", "template", "prompt", "trimmed_tokens", "seam_joined"):
        assert len(getattr(encoded, name)) == len(encoded)


def trained_of(encoded, index):
    """The trained ids of one example."""
    first, last = encoded.span_offsets[index : index + 2]
    start = encoded.offsets[index]
    spans = encoded.spans.reshape(-1, 2)[first:last]
    return [encoded.ids[start + a : start + b].tolist() for a, b in spans.tolist()]


# ---- masks -------------------------------------------------------------------------------------


@given(rows=st.lists(st.fixed_dictionaries({"q": WORDS, "a": WORDS}), max_size=6))
@many
def test_masks_cover_exactly_the_targets(bench, make, rows):
    """Each piece has the ids that it has alone; the mask is what the prompt says."""
    both = make.template(make.prompt("p", "Q{q}", "A{a}"), make.prompt("r", "R{a}", "B{q}"))
    format_ = make.prompt_target(separator="pad", end="eos", bos="example")
    encoded = bench.encode(rows, [both], format_)
    loaded = bench.loaded()
    accounted(encoded, len(rows))

    assert encoded.drops == {}
    for index, row in enumerate(rows):
        prompt = encoded.prompt[index]
        input_, target = [
            (f"Q{row['q']}", f"A{row['a']}"),
            (f"R{row['a']}", f"B{row['q']}"),
        ][prompt]
        own = loaded.encode([input_, target])
        seam = own.offsets[1]
        answer = [*own.ids[seam:].tolist(), 256]
        whole = [257, *own.ids[:seam].tolist(), 258, *answer]
        assert encoded.ids[encoded.offsets[index] : encoded.offsets[index + 1]].tolist() == whole
        assert trained_of(encoded, index) == [answer]


TURN = st.tuples(
    st.sampled_from(["user", "assistant", "system"]), WORDS, st.sampled_from([None, True, False])
)


@given(dialogues=st.lists(st.lists(TURN, max_size=5), max_size=4))
@many
def test_masks_cover_exactly_the_answers(bench, make, dialogues):
    """A turn is trained with its end, or not at all; whatever is empty leaves by name."""
    rows = [
        {"m": [{"role": role, "content": text, "train": train} for role, text, train in turns]}
        for turns in dialogues
    ]
    templates = [make.template(make.dialogue("d", messages="m"))]
    encoded = bench.encode(rows, templates, make.chat(bos="example"))
    accounted(encoded, len(rows))

    for index, row in enumerate(encoded.row.tolist()):
        turns = dialogues[row]
        expected = "^" + "".join(
            f"[{text}$]" if train or (train is None and role == "assistant") else f"{text}$"
            for role, text, train in turns
        )
        shown = bench.shown(encoded)[index]
        # The pieces of these letters' bytes are the letters of Latin-1.
        assert shown == expected.encode().decode("latin-1").replace("][", "")


# ---- overflow ----------------------------------------------------------------------------------


@given(
    rows=st.lists(st.fixed_dictionaries({"q": WORDS, "a": WORDS}), min_size=1, max_size=6),
    overflow=st.sampled_from(OVERFLOWS),
    limits=st.tuples(st.integers(1, 9), st.integers(2, 9)),
    seam=st.sampled_from(["split", "join"]),
    evaluation=st.booleans(),
)
@many
def test_prompts_keep_their_limits(bench, make, *, rows, overflow, limits, seam, evaluation):
    """Whatever overflow does, limits hold, tokens are counted and no row is lost silently."""
    max_input, max_target = limits
    separator = "" if seam == "join" else "pad"
    format_ = make.prompt_target(
        input=max_input,
        target=max_target,
        separator=separator,
        end="eos",
        overflow=overflow,
        seam=seam,
    )
    templates = [make.template(make.prompt("p", "{q}", "{a}"))]
    encoded = bench.encode(rows, templates, format_, evaluation=evaluation)
    accounted(encoded, len(rows))

    lengths = np.diff(encoded.offsets)
    assert (lengths <= max_input + max_target + len(separator[:1])).all()
    for index in range(len(encoded)):
        (answer,) = trained_of(encoded, index)
        assert len(answer) <= max_target
    whole = [num_tokens(row["q"] + row["a"]) + 1 + len(separator[:1]) for row in rows]
    for row in set(encoded.row.tolist()):
        own = encoded.row == row
        if own.sum() == 1:
            assert lengths[own][0] + encoded.trimmed_tokens[own][0] == whole[row]


@given(
    dialogues=st.lists(
        st.lists(
            st.tuples(st.sampled_from("ua"), st.text("xyz", min_size=1, max_size=6)), min_size=1
        ),
        min_size=1,
        max_size=3,
    ),
    overflow=st.sampled_from(OVERFLOWS),
    limit=st.integers(4, 20),
    loss=st.sampled_from(["assistant", "last"]),
    evaluation=st.booleans(),
)
@many
def test_dialogues_keep_their_limit(bench, make, *, dialogues, overflow, limit, loss, evaluation):
    """As for prompts; the tokens of all parts and the trimmed ones are those of the whole."""
    roles = {"u": "user", "a": "assistant"}
    rows = [
        {"m": [{"role": roles[role], "content": text} for role, text in turns]}
        for turns in dialogues
    ]
    templates = [make.template(make.dialogue("d", messages="m"))]
    format_ = make.chat(max=limit, overflow=overflow, loss=loss, bos="example")
    encoded = bench.encode(rows, templates, format_, evaluation=evaluation)
    accounted(encoded, len(rows))

    lengths = np.diff(encoded.offsets)
    assert (lengths <= limit).all()
    for row in set(encoded.row.tolist()):
        own = encoded.row == row
        turns = dialogues[row]
        if evaluation and any(role == "a" for role, _ in turns):
            turns = turns[: max(i for i, (role, _) in enumerate(turns) if role == "a") + 1]
        whole = sum(len(text) + 1 for _, text in turns)
        assert (lengths[own] - 1).sum() + encoded.trimmed_tokens[own].sum() == whole


# ---- evaluation --------------------------------------------------------------------------------


@pytest.fixture
def entailment(make):
    """A template with options, an inverse prompt, and one that is only generated from."""
    options = make.choice_options("label", {"e": "Yes", "c": "No"})
    return make.template(
        make.prompt("one", "{p}?", "{answer}."),
        make.prompt("two", "{p}!", "{answer}"),
        make.prompt("three", "{p}"),
        make.prompt("inv", "make", "{p}", kind="inverse"),
        options=options,
    )


def test_an_evaluation_has_every_prompt_of_a_row(bench, make, entailment):
    """Inverse prompts are left out; a prompt without target is all input."""
    format_ = make.prompt_target(separator="pad", end="eos")
    rows = [{"p": "ab", "label": "c"}, {"p": "cd", "label": "e"}]
    encoded = bench.encode(rows, [entailment], format_, evaluation=True)

    assert bench.shown(encoded) == [
        "ab?|[No.$]",
        "ab!|[No$]",
        "ab|",
        "cd?|[Yes.$]",
        "cd!|[Yes$]",
        "cd|",
    ]
    assert encoded.row.tolist() == [0, 0, 0, 1, 1, 1]
    assert encoded.prompt.tolist() == [0, 1, 2, 0, 1, 2]


def test_options_are_encoded_as_the_target_would_be(bench, make, entailment):
    """With the target's own words around them, without its end."""
    format_ = make.prompt_target(separator="pad", end="eos")
    encoded = bench.encode([{"p": "ab", "label": "c"}], [entailment], format_, evaluation=True)
    options = [[bench.text_of(ids) for ids in options] for options in encoded.option_ids]

    assert options == [["Yes.", "No."], ["Yes", "No"], []]
    assert encoded.correct == [[1], [1], []]
    assert encoded.references == [["No."], ["No"], []]


def test_references_of_the_source_are_what_is_accepted(bench, make):
    """Every option that is one of them is correct."""
    options = make.row_options("o", "a", style="letters")
    templates = [make.template(make.prompt("p", "{q}", "{answer}"), options=options)]
    rows = [{"q": "x", "o": ["u", "v", "w"], "a": 0, "r": ["w", "z"]}]
    encoded = bench.encode(
        rows, templates, make.prompt_target(), evaluation=True, source=make.source("r")
    )

    assert encoded.references == [["w", "z"]]
    assert encoded.correct == [[0, 2]]
    assert [bench.text_of(ids) for ids in encoded.option_ids[0]] == ["A", "B", "C"]


def test_options_that_do_not_change_the_target_are_no_options(bench, make):
    """An explanation can't be ranked by what it explains."""
    options = make.choice_options("label", {"e": "Yes", "c": "No"})
    templates = [make.template(make.prompt("p", "{options}", "{why}"), options=options)]
    rows = [{"label": "e", "why": "so"}]
    encoded = bench.encode(rows, templates, make.prompt_target(), evaluation=True)

    assert (encoded.option_ids, encoded.correct) == ([[]], [[]])


def test_options_of_a_dialogue_answer_its_last_turn(bench, make):
    """Under `chat` as well."""
    options = make.choice_options("label", {"e": "Yes", "c": "No"})
    turns = make.dialogue("d", ("user", "{p}"), ("assistant", "{answer}"))
    encoded = bench.encode(
        [{"p": "ab", "label": "c"}],
        [make.template(turns, options=options)],
        make.chat(),
        evaluation=True,
    )

    assert bench.shown(encoded) == ["ab$[No$]"]
    assert [bench.text_of(ids) for ids in encoded.option_ids[0]] == ["Yes", "No"]
    assert encoded.correct == [[1]]


def test_prompts_that_a_row_is_evaluated_without_are_said(bench, make):
    """The row is not lost, so the ledger is silent: a warning isn't."""
    short_and_long = make.template(make.prompt("a", "{q}", "x"), make.prompt("b", "{q}{q}", "x"))
    format_ = make.prompt_target(input=3, overflow="drop")
    rows = [{"q": "ab"}, {"q": "a"}, {"q": "ac"}, {"q": "abcd"}]
    encoded = bench.encode(rows, [short_and_long], format_, evaluation=True)

    assert [(notice.code, notice.message) for notice in encoded.notices] == [
        ("T0836", "some rows of `s` are evaluated without `t.b`")
    ]
    assert {row: drop.reason for row, drop in encoded.drops.items()} == {
        3: "input longer than 3 tokens"
    }


def test_equal_options_cost_an_evaluation_their_template(bench, make):
    """A row that another template phrases keeps it; a row without one is in the ledger."""
    options = make.row_options("o", "a", at=make.place(4))
    pick = make.template(make.prompt("p", "{q}", "{answer}"), options=options)
    plain = make.template(
        make.prompt("r", "{q}!", "x"), name="u", wheres=(make.where("k", 1, make.place(6)),)
    )
    rows = [
        {"q": "a", "o": ["x", "x"], "a": 0, "k": 1},
        {"q": "b", "o": ["x", "x"], "a": 0, "k": 0},
    ]
    encoded = bench.encode(rows, [pick, plain], make.prompt_target(), evaluation=True)

    assert bench.shown(encoded) == ["a![x]"]
    assert encoded.drops[1].reason == "two equal options"
    assert [notice.message for notice in encoded.notices] == [
        "some rows of `s` are evaluated without `t.p`"
    ]


def test_an_evaluation_keeps_to_where_and_when(bench, make):
    """A clause that turns a row away from every prompt is its line of the ledger."""
    gated = make.template(
        make.prompt("p", "{q}", "x", when=make.equals("k", 1)),
        make.prompt("r", "{q}!", "x", when=make.equals("k", 2)),
        wheres=(make.where("q", "a", make.place(6)),),
    )
    rows = [{"q": "a", "k": 2}, {"q": "b", "k": 1}, {"q": "a", "k": 3}]
    encoded = bench.encode(rows, [gated], make.prompt_target(), evaluation=True)

    assert bench.shown(encoded) == ["a![x]"]
    assert {row: drop.reason for row, drop in encoded.drops.items()} == {
        1: "where",
        2: "no prompt applies",
    }


def test_messages_are_evaluated_or_lost_by_name(bench, make):
    """A dialogue that drops its row in training does so here, unless another prompt has it."""
    templates = [
        make.template(make.dialogue("d", messages="m"), make.dialogue("e", ("user", "{q}"))),
    ]
    rows = [{"q": "ab", "m": []}, {"q": "cd", "m": [{"role": "user", "content": "x"}]}]
    encoded = bench.encode(rows, templates, make.chat(), evaluation=True)

    assert bench.shown(encoded) == ["ab$", "x$", "cd$"]
    assert [notice.primary.text for notice in encoded.notices] == ["dialogue without messages"]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"q": "a", "o": ["x"], "a": 3, "r": ["z"]}, "T0831"),
        ({"q": 3.5, "o": ["x", "y"], "a": 0, "r": 4}, "T0830"),
        ({"q": None, "o": ["x", "y"], "a": 0, "r": ["z"]}, "T0830"),
        ({"q": "a", "o": ["x", "y"], "a": 0}, "T0830"),
    ],
)
def test_a_mistake_in_an_evaluation_stops_the_build(bench, make, row, code):
    """In options, references and texts alike: it is never a prompt that is merely lost."""
    options = make.row_options("o", "a")
    templates = [make.template(make.prompt("p", "{q}", "{answer}"), options=options)]
    encoded = bench.encode(
        [row], templates, make.prompt_target(), evaluation=True, source=make.source("r")
    )

    assert [error.code for error in encoded.errors] == [code]
    assert (len(encoded), encoded.drops) == (0, {})


def test_one_reference_may_be_a_text(bench, make):
    """`references answer`, without brackets around it."""
    templates = [make.template(make.prompt("p", "{q}", "{a}"))]
    encoded = bench.encode(
        [{"q": "x", "a": "y"}],
        templates,
        make.prompt_target(),
        evaluation=True,
        source=make.source("a"),
    )

    assert encoded.references == [["y"]]


# ---- mistakes ----------------------------------------------------------------------------------


def test_a_mistake_names_file_row_field_and_value(bench, make):
    """And the other rows are encoded, so that every mistake of a run is reported."""
    options = make.choice_options("label", {"e": "Yes", "c": "No"}, at=make.place(9))
    templates = [make.template(make.prompt("p", "{p}", "{answer}"), options=options)]
    rows = [{"p": "ab", "label": "e"}, {"p": "cd", "label": "x"}]
    encoded = bench.encode(rows, templates, make.prompt_target())

    (error,) = encoded.errors
    assert (error.code, error.primary.span.start) == ("T0831", 9)
    assert (error.row.file, error.row.row, error.row.field, error.row.value) == (
        "s.jsonl",
        2,
        "label",
        '"x"',
    )
    assert bench.shown(encoded) == ["ab[Yes]"]


def test_a_text_that_spells_a_special_token_stops_the_build(bench, make):
    """The one way left: a vocabulary of whole words, and the noncharacters that name one."""
    definition = make.tiny_definition()
    vocab = {"<unk>": 0, "a": 1, "<eos>": 2}
    definition["model"] = {"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"}
    definition["pre_tokenizer"] = {"type": "WhitespaceSplit"}
    definition["added_tokens"] = [{**definition["added_tokens"][0], "id": 2}]
    bench.write(definition, eos="<eos>")
    templates = [make.template(make.prompt("p", "{q}", "a"))]
    rows = [{"q": "a <eos> <unk> b"}, {"q": "a \ufdd02\ufdd1"}]
    encoded = bench.encode(rows, templates, make.prompt_target(end="eos"))

    assert encoded.ids[:5].tolist() == [1, 0, 0, 0, 1]
    assert [(error.code, error.row.row) for error in encoded.errors] == [("T0835", 2)]


def test_errors_of_tokenizer_and_format_stop_the_task(bench, make):
    """There is nothing to encode with."""
    templates = [make.template(make.prompt("p", "{q}", "x"))]
    missing = bench.encode([{"q": "a"}], templates, make.chat(end="turn_end"))
    (bench.folder / "tokenizer.json").unlink()
    unread = bench.encode([{"q": "a"}], templates, make.chat())

    assert [error.code for error in missing.errors] == ["T0646"]
    assert [error.code for error in unread.errors] == ["T0640"]
    assert len(missing) == len(unread) == 0


def test_a_task_without_rows_gives_nothing(bench, make):
    """In every format, without a warning from numpy."""
    templates = [make.template(make.prompt("p", "{q}", "x"))]
    for format_ in (make.chat(), make.prompt_target(), make.prompt_target(seam="join")):
        for evaluation in (False, True):
            encoded = bench.encode([], templates, format_, evaluation=evaluation)

            assert (len(encoded), encoded.errors, encoded.drops) == (0, [], {})
            assert encoded.offsets.tolist() == [0]


# ---- the same anywhere -------------------------------------------------------------------------


def test_another_process_gives_the_same(bench, make, entailment):
    """A task can be carried anywhere, and its result back."""
    rows = [{"p": f"row {number}", "label": "ec"[number % 2]} for number in range(30)]
    task = bench.task(rows, [entailment], make.prompt_target(separator="pad", end="eos"))
    script = (
        "import pickle, sys; from taskc.compiler.turns.encode import encode;"
        "sys.stdout.buffer.write(pickle.dumps(encode(pickle.load(sys.stdin.buffer))))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps(task),
        stdout=subprocess.PIPE,
        check=True,
    )
    there, here = pickle.loads(run.stdout), encode(task)

    for name in ("row", "prompt", "ids", "offsets", "spans", "span_offsets"):
        assert getattr(there, name).tolist() == getattr(here, name).tolist()


def test_a_text_with_bos_is_what_the_tokenizer_gives(make, shared_data):
    """`bos: example` alone does what the tokenizer's own post-processor would."""
    import tokenizers

    from taskc.compiler import plan
    from taskc.compiler.examples import EncodeTask

    folder = shared_data / "models" / "stories260k"
    spec = plan.Tokenizer(
        name="s",
        kind="folder",
        path=str(folder),
        eos="",
        bos="",
        pad="",
        added={},
        places={},
        at=make.AT,
    )
    texts = ["Once upon a time", "there was\na girl.", " two  spaces "]
    task = EncodeTask(
        source=make.source(),
        split="train",
        templates=(make.template(make.prompt("p", "{t}")),),
        tokenizer=spec,
        format=make.prompt_target(bos="example"),
        seed=0,
        repetition=0,
        evaluation=True,
        rows=make.rows_of([{"t": text} for text in texts]),
    )
    encoded = encode(task)
    own = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))

    for index, text in enumerate(texts):
        ids = encoded.ids[encoded.offsets[index] : encoded.offsets[index + 1]].tolist()
        assert ids == own.encode(text).ids
        assert ids[0] == 1


def test_an_encoded_is_plain_data(bench, make):
    """Drops and errors included: engines send results between processes."""
    templates = [make.template(make.prompt("p", "{q}", "x"))]
    encoded = bench.encode([{"q": "abc"}], templates, make.prompt_target(input=1, overflow="drop"))

    assert pickle.loads(pickle.dumps(encoded)).drops == encoded.drops
    assert json.dumps(encoded.row.tolist()) == "[]"
