"""What stands in an example of `chat`, and what of it is trained."""

import pytest


def messages(*turns):
    """Messages from "u:text", "a:text"; `+` or `-` after the role is the message's own `train`."""
    roles = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    read = []
    for turn in turns:
        head, content = turn.split(":", 1)
        message = {"role": roles[head[0]], "content": content}
        if len(head) > 1:
            message["train"] = head[1] == "+"
        read.append(message)
    return {"m": read}


@pytest.fixture
def chatter(bench, make):
    """Encodes dialogues of messages under `chat(...)`."""

    def encoded(rows, *, evaluation=False, **settings):
        templates = [make.template(make.dialogue("d", messages="m"))]
        return bench.encode(rows, templates, make.chat(**settings), evaluation=evaluation)

    return encoded


FOUR = messages("u:ab", "a:cd", "u:ef", "a:gh")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "ab$[cd$]ef$[gh$]"),
        ({"loss": "last"}, "ab$cd$ef$[gh$]"),
        ({"bos": "example"}, "^ab$[cd$]ef$[gh$]"),
        ({"end": ""}, "ab[cd]ef[gh]"),
    ],
)
def test_answers_and_their_ends_are_trained(chatter, bench, settings, expected):
    """The end of a trained turn is trained, of another turn it is not; BOS stands once."""
    encoded = chatter([FOUR], **settings)

    assert bench.shown(encoded) == [expected]


@pytest.mark.parametrize(
    ("row", "loss", "expected"),
    [
        (messages("u:ab", "a-:cd", "u:ef", "a:gh"), "assistant", "ab$cd$ef$[gh$]"),
        (messages("u:ab", "a+:cd", "u:ef", "a:gh"), "last", "ab$[cd$]ef$[gh$]"),
        (messages("u+:ab", "a:cd"), "assistant", "a[b$cd$]"),
        (messages("s:x", "u:ab", "t:y", "a:cd", "u:z"), "assistant", "x$ab$y$[cd$]z$"),
        (messages("u:ab", "a:cd", "u:ef", "a-:gh"), "last", "ab$[cd$]ef$gh$"),
    ],
)
def test_a_message_decides_for_itself(chatter, bench, row, loss, expected):
    """`train` of a message wins over the format's rule; without it only answers are trained."""
    encoded = chatter([row], loss=loss)

    assert bench.shown(encoded) == [expected]


def test_a_prompt_is_a_dialogue_of_two_turns(bench, make):
    """`prompt X -> Y` under `chat` is a user's turn and an assistant's."""
    encoded = bench.encode(
        [{"q": "abc", "a": "de"}], [make.template(make.prompt("p", "{q}", "{a}"))], make.chat()
    )

    assert bench.shown(encoded) == ["abc$[de$]"]


def test_a_written_dialogue_has_its_roles(bench, make):
    """`dialogue {role TEXT ...}` trains what the assistant says."""
    turns = make.dialogue("d", ("system", "S"), ("user", "{q}"), ("assistant", "{a}"))
    encoded = bench.encode([{"q": "ab", "a": "cd"}], [make.template(turns)], make.chat())

    assert bench.shown(encoded) == ["S$ab$[cd$]"]


# ---- overflow ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "settings", "expected", "trimmed"),
    [
        # 12 tokens whole: the tail goes, and with it the end of what was cut.
        (FOUR, {"max": 11, "overflow": "trim"}, ["ab$[cd$]ef$[gh]"], [1]),
        (FOUR, {"max": 10, "overflow": "trim"}, ["ab$[cd$]ef$[g]"], [2]),
        (FOUR, {"max": 9, "overflow": "trim"}, ["ab$[cd$]ef$"], [3]),
        (FOUR, {"max": 9, "overflow": "trim", "bos": "example"}, ["^ab$[cd$]ef"], [4]),
        # The head goes: a turn by its text, then by its end; BOS stays.
        (FOUR, {"max": 11, "overflow": "trim_prompt"}, ["b$[cd$]ef$[gh$]"], [1]),
        (FOUR, {"max": 9, "overflow": "trim_prompt"}, ["c[d$]ef$[gh$]"], [3]),
        (FOUR, {"max": 8, "overflow": "trim_prompt"}, ["d$ef$[gh$]"], [4]),
        (FOUR, {"max": 5, "overflow": "trim_prompt"}, ["f$[gh$]"], [7]),
        (FOUR, {"max": 6, "overflow": "trim_prompt", "bos": "example"}, ["^f$[gh$]"], [7]),
        # What stands after the last answer goes first.
        (
            messages("u:ab", "a:cd", "u:efghi"),
            {"max": 6, "overflow": "trim_prompt"},
            ["ab$[cd$]"],
            [6],
        ),
        # Parts begin where an exchange begins.
        (FOUR, {"max": 8, "overflow": "split"}, ["ab$[cd$]", "ef$[gh$]"], [0, 0]),
        (
            FOUR,
            {"max": 7, "overflow": "split", "bos": "example"},
            ["^ab$[cd$]", "^ef$[gh$]"],
            [0, 0],
        ),
        # An exchange that is too long is cut at its turns; a part without an answer is left out.
        (
            messages("u:abcd", "a:efgh", "u:i", "a:j"),
            {"max": 9, "overflow": "split"},
            ["e[fgh$]i$[j$]"],
            [5],
        ),
    ],
)
def test_what_overflow_keeps(chatter, bench, *, row, settings, expected, trimmed):
    """`max` bounds the whole example."""
    encoded = chatter([row], **settings)

    assert bench.shown(encoded) == expected
    assert encoded.trimmed_tokens.tolist() == trimmed
    assert encoded.part.tolist() == list(range(len(expected)))


@pytest.mark.parametrize(
    ("row", "settings", "reason"),
    [
        (FOUR, {"max": 8, "overflow": "drop"}, "example longer than 8 tokens"),
        (
            messages("u:abcdef", "a:gh"),
            {"max": 6, "overflow": "trim"},
            "prompt longer than 6 tokens",
        ),
        (
            messages("u:ab", "a:cdefgh"),
            {"max": 7, "overflow": "trim_prompt"},
            "last answer longer than 7 tokens",
        ),
        (
            messages("u:ab", "a:cdefgh"),
            {"max": 6, "overflow": "split"},
            "turn longer than 6 tokens",
        ),
    ],
)
def test_what_overflow_drops(chatter, make, row, settings, reason):
    """Nothing is left to train, or nothing before it."""
    encoded = chatter([row], **settings)

    assert len(encoded) == 0
    assert (encoded.drops[0].stage, encoded.drops[0].reason) == ("encode", reason)
    assert encoded.drops[0].at == make.place(80)


def test_overflow_is_an_error_by_default(chatter):
    """Both lengths are named."""
    encoded = chatter([FOUR], max=8)

    assert [error.message for error in encoded.errors] == ["example has 12 tokens, the limit is 8"]


def test_long_and_short_dialogues_keep_their_order(chatter, bench):
    """Parts of a cut dialogue stand where the dialogue stood."""
    short = messages("u:x", "a:y")
    encoded = chatter([short, FOUR, short], max=8, overflow="split")

    assert bench.shown(encoded) == ["x$[y$]", "ab$[cd$]", "ef$[gh$]", "x$[y$]"]
    assert encoded.row.tolist() == [0, 1, 1, 2]
    assert encoded.part.tolist() == [0, 0, 1, 0]


# ---- evaluation --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (FOUR, "ab$cd$ef$[gh$]"),
        (messages("u:ab", "a:cd", "u:ef"), "ab$[cd$]"),
        (messages("s:x", "u:ab"), "x$ab$"),  # generated from
    ],
)
def test_an_evaluation_ends_with_the_last_answer(chatter, bench, row, expected):
    """The turns before it are the input; where there is no answer, everything is."""
    encoded = chatter([row], evaluation=True)

    assert bench.shown(encoded) == [expected]


@pytest.mark.parametrize(
    ("row", "overflow", "expected"),
    [
        (FOUR, "split", "f$[gh$]"),
        (messages("u:abcdefgh"), "trim_prompt", "efgh$"),
    ],
)
def test_an_evaluation_is_never_in_parts(chatter, bench, row, overflow, expected):
    """`split` trims the prompt there, since half an answer can't be judged."""
    encoded = chatter([row], max=5, overflow=overflow, evaluation=True)

    assert bench.shown(encoded) == [expected]


# ---- messages ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (messages("u:ab", "u:cd"), "no trained turn"),
        (messages("u:ab", "a-:cd"), "no trained turn"),
        (messages("u:ab", "a:"), "message without content"),
        ({"m": []}, "dialogue without messages"),
        ({"m": [{"role": "assistant", "content": None}]}, "message without content"),
    ],
)
def test_a_dialogue_that_teaches_nothing_is_in_the_ledger(chatter, row, reason):
    """It leaves by name, not silently."""
    encoded = chatter([row, FOUR])

    assert encoded.row.tolist() == [1]
    assert (encoded.drops[0].stage, encoded.drops[0].reason) == ("phrase", reason)
    assert encoded.errors == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("text", "a dialogue is a list of messages"),
        (["text"], "message 1 is no record"),
        ([{"role": "bot", "content": "x"}], "message 1 has no role that is known"),
        ([{"content": "x"}], "message 1 has no role that is known"),
        ([{"role": "user", "content": 3}], "the content of message 1 is no text"),
        ([{"role": "user", "content": "x", "train": "yes"}], "`train` of message 1 is no bool"),
    ],
)
def test_a_value_that_is_no_dialogue_stops_the_build(chatter, value, message):
    """The error names the row and shows the value."""
    encoded = chatter([{"m": value}, FOUR])

    (error,) = encoded.errors
    assert (error.code, error.message) == ("T0833", message)
    assert error.row.row == 1
    assert encoded.row.tolist() == [1]
