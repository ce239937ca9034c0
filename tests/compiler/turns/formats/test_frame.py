"""What a format sets around texts, and what it may not ask of a tokenizer."""

import pytest

from taskc.compiler.turns.formats.frame import frame_of


@pytest.fixture
def framed(bench, make):
    """The frame of a format with the tiny tokenizer, or the errors."""

    def run(format_, *templates):
        bench.write(eos="<eos>", added={"turn_end": "<|end|>"})
        return frame_of(format_, bench.loaded(), templates)

    return run


def test_special_tokens_enter_by_id_and_literals_by_their_text(framed, make, bench):
    """Names are ids, a literal is encoded by itself."""
    frame, errors = framed(make.prompt_target(literal="\n\n", end="turn_end"))

    assert errors == []
    assert bench.text_of(frame.separator) == "\n\n"
    assert (frame.bos, frame.end, frame.joined) == ((), (259,), "")


@pytest.mark.parametrize(
    ("settings", "code", "message"),
    [
        ({"end": "pad"}, "T0646", "the tokenizer names no `pad`"),
        ({"separator": "turn_start"}, "T0646", "the tokenizer names no `turn_start`"),
        ({"bos": "example"}, "T0646", "the tokenizer names no `bos`"),
        (
            {"literal": "x<eos>"},
            "T0651",
            "the literal spells the special token `<eos>`",
        ),
        (
            {"separator": "eos", "seam": "join"},
            "T0649",
            "a special token can't be joined with the texts around it",
        ),
        ({"input": 0}, "T0650", "`input: 0` leaves no room for a text"),
        ({"target": 1, "end": "eos"}, "T0650", "`target: 1` leaves no room for a text"),
    ],
)
def test_what_prompt_target_may_not_ask(framed, make, settings, code, message):
    """One error each, at the format or at the token."""
    frame, (error,) = framed(make.prompt_target(**settings))

    assert frame is None
    assert (error.code, error.message) == (code, message)


@pytest.mark.parametrize(
    ("use", "help_"),
    [
        ("pad", 'name it in the tokenizer: `pad "..."`'),
        ("turn_start", 'add it in the tokenizer: `add turn_start "..."`'),
    ],
)
def test_a_name_that_is_missing_can_be_given(framed, make, use, help_):
    """The help is the statement to write."""
    _, (error,) = framed(make.prompt_target(end=use))

    assert error.helps == (help_,)


def test_a_literal_of_no_tokens_is_an_error(framed, make, bench):
    """`none` is the way to say nothing."""
    definition = make.tiny_definition(
        normalizer={"type": "Strip", "strip_left": True, "strip_right": True}
    )
    bench.write(definition, eos="<eos>")
    _, (error,) = frame_of(make.prompt_target(literal=" "), bench.loaded(), ())

    assert (error.code, error.helps) == ("T0651", ("write `none` for nothing",))


def test_a_dialogue_needs_chat(framed, make):
    """`prompt_target` has one input and one target."""
    template = make.template(make.dialogue("d", messages="m", at=make.place(6)))
    _, (error,) = framed(make.prompt_target(), template)

    assert (error.code, error.primary.span.start) == ("T0648", 6)
    assert error.message == "`t.d` is a dialogue, the format takes prompts"


def test_a_tokenizer_without_a_template_is_said(framed, make):
    """A base model's has none; the help says where to put one."""
    format_ = make.chat().model_copy(update={"template": "tokenizer"})
    _, (error,) = framed(format_)

    assert error.code == "T0647"


def test_a_chat_needs_room_for_two_tokens_and_an_end(framed, make):
    """One of a prompt, one of an answer."""
    _, (error,) = framed(make.chat(max=2))

    assert (error.code, error.message) == ("T0650", "`max: 2` leaves no room for a text")
