"""Which characters of a rendering are trained, and which renderings are refused and why."""

import pytest

from taskc.compiler.turns.rendering.proof import prove
from taskc.compiler.turns.rendering.template import RefusedError

ONE = ("u:q", "a:A")
TWO = ("u:q", "a:A", "u:r", "a:B")
WITH_SYSTEM = ("s:S", *ONE)
ASKED = "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n"
THOUGHT = "a:<think>\nhm\n</think>\n\nA"


@pytest.mark.parametrize(
    ("name", "turns", "expected"),
    [
        ("chatml", ONE, f"{ASKED}[[A<|im_end|>]]\n"),
        ("mistral", TWO, "<s>[INST] q[/INST][[ A</s>]][INST] r[/INST][[ B</s>]]"),
        (
            "gemma",
            ("u: q ", "a:\nA "),
            "<bos><start_of_turn>user\nq<end_of_turn>\n<start_of_turn>model\n[[A<end_of_turn>]]\n",
        ),
        (
            "qwen3",
            ONE,
            f"{ASKED}[[<think>\n\n</think>\n\nA<|im_end|>]]\n",
        ),
        (
            "qwen3",
            ("u:q", THOUGHT),
            f"{ASKED}[[<think>\nhm\n</think>\n\nA<|im_end|>]]\n",
        ),
    ],
)
def test_what_is_trained(chat, name, turns, expected):
    """What stands behind the prompt, up to and with the end of the turn."""
    assert chat.shown(chat(name).prove(turns)) == expected


def test_what_stands_behind_the_last_trained_answer_is_left_out(chat):
    """It would teach nothing, and may make a template write the answer otherwise."""
    assert chat("qwen3").prove((*ONE, "u:more")) == chat("qwen3").prove(ONE)


def test_a_conversation_without_an_answer_is_a_prompt(chat):
    """It ends with the beginning of an answer."""
    found = chat.shown(chat("chatml").prove(("s:S", "u:q")))

    assert found.endswith("q<|im_end|>\n<|im_start|>assistant\n")


@pytest.mark.parametrize(
    ("name", "turns", "loss", "reason"),
    [
        ("gemma", WITH_SYSTEM, "assistant", "the template says: System role not supported"),
        ("gemma", ("u:q", "u:r", "a:A"), "last", "the template says: Conversation roles must"),
        ("mistral", ("u:q", "a:A", "t:T", "a:B"), "last", "the template says: After the optional"),
        (
            "mistral",
            ("s:S", *TWO),
            "assistant",
            "the template writes what stands before message 3 (assistant) otherwise once it is",
        ),
        (
            "qwen3",
            TWO,
            "assistant",
            "the template writes message 2 (assistant) otherwise once the conversation goes on",
        ),
        (
            "qwen3",
            ("u:q", "a:Yes <think>\nhm\n</think>\nA"),
            "last",
            "the template changes the text of",
        ),
        (
            "qwen3",
            ("u:<tool_response></tool_response>", "a:A"),
            "last",
            "the template looks into texts",
        ),
        ("qwen3", ("u:q\ufdd2", "a:A"), "last", "the text of message 1 holds a noncharacter"),
    ],
)
def test_what_the_published_templates_cannot_have(chat, name, turns, loss, reason):
    """Refused with the reason, and not guessed."""
    with pytest.raises(RefusedError) as refused:
        chat(name).prove(turns, loss)

    assert refused.value.reason.startswith(reason)


@pytest.mark.parametrize("name", ["qwen3", "mistral"])
def test_the_last_answer_can_be_trained_where_earlier_ones_cannot(chat, name):
    """Earlier answers then stand as the template has them in a prompt."""
    found = chat.shown(chat(name).prove(("s:S", *TWO), "last"))

    assert found.count("[[") == 1
    assert found.rstrip().endswith(f"B{chat.tokens[name][0]}]]")


LOOP = "{% for m in messages %}BODY{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            "{% if loop.last %}{{ m.role }}:{{ m.content }}<end>{% endif %}",
            "the template leaves out",
        ),
        (
            "{{ m.role }}:{{ m.content }}{{ m.content }}<end>",
            "the template writes the text of message 1 (user) more",
        ),
        (
            "{{ m.role }}:{{ m.content | replace('q', 'Q') }}<end>",
            "the template changes the text of message 1",
        ),
        ("{{ m.role }}:{{ m.content }}\n", "no special token ends message 2 (assistant)"),
        (
            "{{ m.role }}:{{ m.content }}<sep><end>",
            "the template ends message 2 (assistant) with `<sep>`",
        ),
        (
            "{{ m.role }}:<sep>{{ m.content }}<end>",
            "message 2 (assistant) holds the special token `<sep>`",
        ),
        (
            "{{ m.role | upper }}:{{ m.content }}<end>",
            "message 2 (assistant) does not begin as the template asks",
        ),
        (
            "{{ m.role }}:{{ m.content | length }}{{ m.content }}<end>",
            "the template looks into texts",
        ),
    ],
)
def test_what_no_template_may_do(chat, body, reason):
    """Each breaks one line of the proof."""
    bad = chat(source=LOOP.replace("BODY", body), tokens=("<end>", "<sep>"))
    with pytest.raises(RefusedError) as refused:
        bad.prove(ONE)

    assert refused.value.reason.startswith(reason)


def test_only_an_answer_can_be_trained(chat):
    """A template asks for the assistant's turns and for no other's."""
    said = chat("chatml")
    with pytest.raises(RefusedError, match="message 1 is trained and the user's"):
        prove(said.template, said.marker, chat.messages(*ONE), [True, True], said.end)


@pytest.mark.parametrize("name", ["chatml", "llama31", "gemma", "mistral", "qwen3"])
@pytest.mark.parametrize("turns", [ONE, TWO])
def test_no_row_forges_a_turn(chat, name, turns):
    """Special tokens in texts are characters: the template writes as many tokens as without."""
    spelled = "".join(chat.tokens[name])
    plain = chat(name).prove(turns, "last")
    forged = chat(name).prove([f"{turn}{spelled}{turn[2:]}" for turn in turns], "last")

    assert [each.text for each in forged.tokens] == [each.text for each in plain.tokens]
    assert len(forged.stretches) == len(plain.stretches)
