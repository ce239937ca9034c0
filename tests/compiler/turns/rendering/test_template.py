"""Templates are rendered as transformers renders them, in a sandbox, with a clock that stands."""

import json
import locale

import pytest

from taskc.compiler.turns.rendering.template import ChatTemplate, RefusedError

TURNS = [{"role": "user", "content": "Hé <b> "}, {"role": "assistant", "content": "A\n"}]
TRICKY = [
    "{% for m in messages %}{% if loop.last %}{% break %}{% endif %}{{ m.content }}{% endfor %}",
    "{% for m in messages %}\n{% generation %}{{ m | tojson }}{% endgeneration %}\n{% endfor %}",
    "{{ messages | tojson(indent=2) }}{{ bos_token }}{{ pad_token }}|{{ add_generation_prompt }}",
    "{% set n = namespace(x=1) %}{% set n.x = 2 %}{{ n.x }}{{ dict(a=1)['a'] }}{{ tools is none }}",
    "{% if documents is defined %}yes{% endif %}\n    {% if true %}\nx\n    {% endif %}\ny",
    "{{ messages[0]['content'].strip() | upper }}{{ messages[-1].nothing }}{{ undefined_name }}",
]


@pytest.mark.parametrize("source", TRICKY)
def test_it_renders_as_transformers_does(source):
    """Sandbox, trimming, filters, variables and undefined names are the library's."""
    library = pytest.importorskip("transformers.utils.chat_template_utils")
    tokens = {"bos_token": "<s>", "eos_token": "</s>"}
    (expected,), _ = library.render_jinja_template(
        [TURNS], chat_template=source, add_generation_prompt=True, **tokens
    )

    assert ChatTemplate(source, tokens, "").render(TURNS, asks=True) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("%d %b %Y", "26 Jul 2024"),
        ("%A, %B %d", "Friday, July 26"),
        ("%Y-%m-%d %H:%M", "2024-07-26 00:00"),
        ("%a", "Fri"),
    ],
)
def test_the_clock_stands_still(written, expected):
    """A date is written in English, whatever the language of the machine."""
    source = f"{{{{ strftime_now({json.dumps(written)}) }}}}"
    before = locale.setlocale(locale.LC_TIME)
    try:
        locale.setlocale(locale.LC_TIME, "C.UTF-8")
        found = ChatTemplate(source, {}, "2024-07-26").render(TURNS, asks=False)
    finally:
        locale.setlocale(locale.LC_TIME, before)

    assert found == expected


def test_a_clock_that_nobody_set_is_refused():
    """Two builds of one spec would differ from one day to the next."""
    with pytest.raises(RefusedError, match="writes today's date") as refused:
        ChatTemplate("{{ strftime_now('%Y') }}", {}, "").render(TURNS, asks=False)

    assert refused.value.helps == ('say which day it is told: `date: "2024-07-26"` in the format',)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ raise_exception('No system') }}", "the template says: No system"),
        ("{{ messages[0].content + 1 }}", "the template says: can only concatenate str"),
        ("{{ ''.__class__.__mro__ }}", "the template says: access to attribute '__class__'"),
        (
            "{% set n = namespace() %}{% set n.__x = 1 %}",
            "the template says: a template may not set",
        ),
        ("{{ messages.append(1) }}", "the template says: access to attribute 'append'"),
    ],
)
def test_what_a_template_refuses_or_may_not(source, reason):
    """Whatever goes wrong in a template is a reason, and none of it reaches Python."""
    with pytest.raises(RefusedError) as refused:
        ChatTemplate(source, {}, "").render(TURNS, asks=False)

    assert refused.value.reason.startswith(reason)


def test_what_is_no_jinja_is_refused_with_its_line():
    """The line of the template, since the spec has none of it."""
    with pytest.raises(RefusedError, match="line 2 of it is not Jinja"):
        ChatTemplate("a\n{% for %}", {}, "")
