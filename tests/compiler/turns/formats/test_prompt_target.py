"""What stands in an example of `prompt_target`, and what of it is trained."""

import pytest


def two_fields(make):
    """A template that shows `q` and answers `a`."""
    return [make.template(make.prompt("p", "{q}", "{a}"))]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "abc[de]"),
        ({"end": "eos"}, "abc[de$]"),
        ({"separator": "eos", "end": "eos"}, "abc$[de$]"),
        ({"separator": "pad", "end": "eos", "bos": "example"}, "^abc|[de$]"),
        ({"literal": "\n>", "end": "eos"}, "abc\n>[de$]"),
    ],
)
def test_the_target_and_its_end_are_trained(bench, make, settings, expected):
    """Input, separator and BOS are never trained; target and end always are."""
    encoded = bench.encode(
        [{"q": "abc", "a": "de"}], two_fields(make), make.prompt_target(**settings)
    )

    assert bench.shown(encoded) == [expected]
    assert encoded.errors == []
    assert encoded.drops == {}


def test_the_first_token_of_an_example_is_never_trained(bench, make):
    """A model would predict it from the example before it in the pack."""
    rows = [{"q": "", "a": "de"}]
    bare = bench.encode(rows, two_fields(make), make.prompt_target(end="eos"))
    with_bos = bench.encode(rows, two_fields(make), make.prompt_target(end="eos", bos="example"))

    assert bench.shown(bare) == ["d[e$]"]
    assert bench.shown(with_bos) == ["^[de$]"]


def test_an_example_without_a_trained_token_is_dropped(bench, make):
    """It would cost steps and teach nothing; the ledger says which prompt gave it."""
    rows = [{"q": "ab", "a": ""}, {"q": "ab", "a": "c"}, {"q": "", "a": "x"}]
    encoded = bench.encode(rows, two_fields(make), make.prompt_target())

    assert bench.shown(encoded) == ["ab[c]"]
    assert encoded.row.tolist() == [1]
    assert {row: drop.reason for row, drop in encoded.drops.items()} == {
        0: "no trained token",
        2: "no trained token",
    }


def test_one_prompt_serves_both_directions(bench, make):
    """An inverse prompt is trained like any other."""
    inverse = make.template(make.prompt("i", "{a}", "{q}", kind="inverse"))
    encoded = bench.encode([{"q": "abc", "a": "de"}], [inverse], make.prompt_target(end="eos"))

    assert bench.shown(encoded) == ["de[abc$]"]


# ---- overflow ----------------------------------------------------------------------------------

LONG_TARGET = {"q": "abc", "a": "defgh"}
LONG_INPUT = {"q": "abcdef", "a": "gh"}


@pytest.mark.parametrize(
    ("row", "overflow", "expected", "trimmed"),
    [
        (LONG_TARGET, "trim", ["abc|[defg]"], [2]),
        (LONG_TARGET, "split", ["abc|[defg]", "abc|[h$]"], [0, 0]),
        (LONG_INPUT, "trim_prompt", ["cdef|[gh$]"], [2]),
        # The text fits, its end doesn't: without the end it counts as trimmed.
        ({"q": "abc", "a": "defg"}, "trim", ["abc|[defg]"], [1]),
        # An end by itself would teach to answer nothing: it takes a token along.
        ({"q": "abc", "a": "defg"}, "split", ["abc|[def]", "abc|[g$]"], [0, 0]),
        ({"q": "a", "a": "defghijk"}, "split", ["a|[defg]", "a|[hij]", "a|[k$]"], [0, 0, 0]),
        ({"q": "abcd", "a": "efg"}, "error", ["abcd|[efg$]"], [0]),
    ],
)
def test_what_overflow_keeps(bench, make, *, row, overflow, expected, trimmed):
    """`input` bounds the input, `target` the target with its end."""
    format_ = make.prompt_target(input=4, target=4, separator="pad", end="eos", overflow=overflow)
    encoded = bench.encode([row], two_fields(make), format_)

    assert bench.shown(encoded) == expected
    assert encoded.trimmed_tokens.tolist() == trimmed
    assert encoded.part.tolist() == list(range(len(expected)))


def test_a_part_in_which_nothing_is_trained_is_counted(bench, make):
    """Without an input its one token is an example's first; it is trimmed, not lost."""
    format_ = make.prompt_target(input=1, target=2, end="eos", overflow="split")
    encoded = bench.encode([{"q": "", "a": "bc"}], two_fields(make), format_)

    assert bench.shown(encoded) == ["c[$]"]
    assert encoded.trimmed_tokens.tolist() == [1]
    assert encoded.drops == {}


@pytest.mark.parametrize(
    ("row", "overflow", "reason"),
    [
        (LONG_INPUT, "trim", "input longer than 4 tokens"),
        (LONG_INPUT, "split", "input longer than 4 tokens"),
        (LONG_INPUT, "drop", "input longer than 4 tokens"),
        (LONG_TARGET, "drop", "target longer than 4 tokens"),
        (LONG_TARGET, "trim_prompt", "target longer than 4 tokens"),
    ],
)
def test_what_overflow_drops(bench, make, row, overflow, reason):
    """The ledger names the limit, and the format as the place."""
    format_ = make.prompt_target(input=4, target=4, end="eos", overflow=overflow)
    encoded = bench.encode([row], two_fields(make), format_)

    assert len(encoded) == 0
    assert encoded.drops[0].stage == "encode"
    assert encoded.drops[0].reason == reason
    assert encoded.drops[0].at == format_.at


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (LONG_INPUT, "input has 6 tokens, the limit is 4"),
        (LONG_TARGET, "target has 6 tokens, the limit is 4"),
    ],
)
def test_overflow_is_an_error_by_default(bench, make, row, message):
    """The message has the row's place and both lengths."""
    format_ = make.prompt_target(input=4, target=4, end="eos")
    encoded = bench.encode([{"q": "a", "a": "b"}, row], two_fields(make), format_)

    (error,) = encoded.errors
    assert error.code == "T0834"
    assert error.message == message
    assert (error.row.file, error.row.row) == ("s.jsonl", 2)
    assert bench.shown(encoded) == ["a[b$]"]


# ---- seams -------------------------------------------------------------------------------------


@pytest.fixture
def merging(bench, make):
    """A tokenizer that joins `: ` and `xy` into one token each."""
    bench.write(make.tiny_definition(merges=[(":", "Ġ"), ("x", "y")]))
    return bench


def test_a_split_seam_joins_nothing(merging, make):
    """Each side gives the ids that it gives alone."""
    encoded = merging.encode(
        [{"q": "ax", "a": "yb"}], two_fields(make), make.prompt_target(end="eos")
    )

    assert merging.shown(encoded) == ["ax[yb$]"]
    assert len(encoded.ids) == 5
    assert encoded.seam_joined.tolist() == [0]


@pytest.mark.parametrize(
    ("input_", "target", "expected", "num_tokens", "joined"),
    [
        ("ax", "yb", "axy[b$]", 4, 1),  # `xy` lies across the seam: input
        ("xy", "ab", "xy[ab$]", 4, 0),
        ("q:", " a", "q: [a$]", 4, 1),
        ("q", "xyxy", "q[xyxy$]", 4, 0),
    ],
)
def test_a_joined_seam_trains_what_lies_wholly_in_the_target(
    merging, make, *, input_, target, expected, num_tokens, joined
):
    """The ids are those of the whole text; the token across the seam is counted, not trained."""
    encoded = merging.encode(
        [{"q": input_, "a": target}],
        two_fields(make),
        make.prompt_target(end="eos", seam="join"),
    )

    assert merging.shown(encoded) == [expected]
    assert len(encoded.ids) == num_tokens
    assert encoded.seam_joined.tolist() == [joined]


def test_a_literal_separator_is_joined_with_its_neighbours(merging, make):
    """It is text between texts, so it takes part in the joint encoding."""
    format_ = make.prompt_target(literal=":", end="eos", seam="join")
    encoded = merging.encode([{"q": "q", "a": " a"}], two_fields(make), format_)

    assert merging.shown(encoded) == ["q: [a$]"]
    assert encoded.seam_joined.tolist() == [1]


def test_a_joined_evaluation_keeps_the_answer_out_of_the_input(merging, make):
    """Input and option together are the ids of the whole text, and the input tells nothing."""
    options = make.row_options("o", "a")
    templates = [make.template(make.prompt("p", "{q}", "{answer}"), options=options)]
    rows = [{"q": "ax", "a": 0, "o": ["yb", "cd"]}]
    format_ = make.prompt_target(end="eos", seam="join")
    encoded = merging.encode(rows, templates, format_, evaluation=True)
    input_ = encoded.ids[: encoded.spans[0]].tolist()

    assert merging.shown(encoded) == ["a[xyb$]"]
    assert [merging.text_of(input_ + ids) for ids in encoded.option_ids[0]] == ["axyb", "axcd"]
    whole = merging.loaded().encode(["axyb", "axcd"])
    assert input_ + encoded.option_ids[0][0] == whole.ids[: whole.offsets[1]].tolist()
    assert input_ + encoded.option_ids[0][1] == whole.ids[whole.offsets[1] :].tolist()
