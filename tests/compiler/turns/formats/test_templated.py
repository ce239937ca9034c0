"""What stands in an example of `chat(template: tokenizer)`, and what of it is trained."""

import pytest

TEMPLATE = (
    "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}<eos>{% endfor %}"
    "{% if add_generation_prompt %}a:{% endif %}"
)


def messages(*turns):
    """Messages from "u:text", "a:text"."""
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return {"m": [{"role": roles[turn[0]], "content": turn[2:]} for turn in turns]}


@pytest.fixture
def chatter(bench, make):
    """Encodes dialogues of messages by a template."""

    def encoded(rows, *, source=TEMPLATE, templates=None, evaluation=False, **settings):
        (bench.folder / "chat_template.jinja").write_text(source, encoding="utf-8")
        format_ = make.chat(**settings).model_copy(update={"template": "tokenizer"})
        templates = templates or [make.template(make.dialogue("d", messages="m"))]
        return bench.encode(rows, templates, format_, evaluation=evaluation)

    return encoded


FOUR = messages("u:ab", "a:cd", "u:ef", "a:gh")


@pytest.mark.parametrize(
    ("row", "settings", "expected"),
    [
        (FOUR, {}, ["u:ab$a:[cd$]u:ef$a:[gh$]"]),
        (FOUR, {"loss": "last"}, ["u:ab$a:cd$u:ef$a:[gh$]"]),
        (messages("s:x", "u:ab", "a:cd", "u:more"), {}, ["s:x$u:ab$a:[cd$]"]),
        (messages("u:a<eos>b", "a:<eos>"), {}, ["u:a<eos>b$a:[<eos>$]"]),
        (FOUR, {"max": 18, "overflow": "trim"}, ["u:ab$a:[cd$]u:ef$a:[g]"]),
        (FOUR, {"max": 17, "overflow": "trim"}, ["u:ab$a:[cd$]u:ef$a:"]),
        (FOUR, {"max": 18, "overflow": "drop"}, []),
        (FOUR, {"max": 6, "overflow": "trim"}, []),
    ],
)
def test_what_is_trained_and_what_is_cut(chatter, bench, row, settings, expected):
    """Answers and their ends; a turn that is cut has no end."""
    assert bench.shown(chatter([row], **settings)) == expected


def test_what_is_cut_is_counted(chatter):
    """Whole examples in the ledger, tokens with the example."""
    trimmed = chatter([FOUR], max=18, overflow="trim")
    dropped = chatter([FOUR], max=18, overflow="drop")
    empty = chatter([FOUR], max=6, overflow="trim")

    assert trimmed.trimmed_tokens.tolist() == [2]
    assert [drop.reason for drop in dropped.drops.values()] == ["example longer than 18 tokens"]
    assert [drop.reason for drop in empty.drops.values()] == ["prompt longer than 6 tokens"]
    assert [error.code for error in chatter([FOUR], max=18).errors] == ["T0834"]


def test_an_evaluation_ends_with_the_last_answer(chatter, bench):
    """What the template writes behind it is left out."""
    source = TEMPLATE.replace("<eos>", "<eos>\n")
    trained = chatter([FOUR], source=source)
    evaluated = chatter([FOUR], source=source, evaluation=True)

    assert bench.shown(trained) == ["u:ab$\na:[cd$]\nu:ef$\na:[gh$]\n"]
    assert bench.shown(evaluated) == ["u:ab$\na:cd$\nu:ef$\na:[gh$]"]


def test_options_stand_as_the_template_has_them(chatter, bench, make):
    """Each is what would be behind the prompt, without the end."""
    template = make.template(
        make.prompt("p", "{q}", "{answer}"),
        options=make.choice_options("kind", {"yes": "Yes", "no": "No"}),
    )
    source = TEMPLATE.replace(
        "{{ m.content }}", "{{ ' ' if m.role == 'assistant' else '' }}{{ m.content }}"
    )
    rows = [{"q": "so", "kind": "no"}]
    encoded = chatter(rows, source=source, templates=[template], evaluation=True)

    assert bench.shown(encoded) == ["u:so$a:[ No$]"]
    assert [bench.text_of(ids) for ids in encoded.option_ids[0]] == [" Yes", " No"]
    assert encoded.correct == [[1]]


def test_a_prompt_without_an_answer_is_all_input(chatter, bench, make):
    """It ends with the beginning of an answer."""
    template = make.template(make.prompt("p", "{q}"))
    encoded = chatter([{"q": "so"}], templates=[template], evaluation=True)

    assert bench.shown(encoded) == ["u:so$a:"]


def test_a_prompt_keeps_its_own_ids(chatter, bench, make):
    """A token across the seam is not made, and the example is counted."""
    bench.write(make.tiny_definition(merges=[(":", "x"), (":", "y")]))
    encoded = chatter([messages("u:x", "a:yes"), messages("u:x", "a:no")])
    shown = bench.shown(encoded)

    assert shown == ["u:x$a:[yes$]", "u:x$a:[no$]"]
    assert encoded.seam_joined.tolist() == [1, 0]
    assert encoded.offsets.tolist() == [0, 9, 17]  # `:x` of the question is one token


def test_a_row_that_cannot_be_marked_stops_the_build(chatter):
    """With its place and the reason; rows that can be are not lost with it."""
    source = TEMPLATE.replace("{{ m.content }}", "{{ m.content if loop.length < 3 else '-' }}")
    encoded = chatter([FOUR, messages("u:ab", "a:cd")], source=source)
    (error,) = encoded.errors

    assert error.code == "T0837"
    assert error.notes[0] == "the template leaves out the text of message 1 (user)"
    assert (error.row.file, error.row.row) == ("s.jsonl", 1)
