"""A chat template: the Jinja that a tokenizer brings, rendered as transformers renders it.

In: its source, the texts of special tokens, and a day for templates that ask for today's. Out: the
text of a conversation, or the reason why there is none. The environment is that of transformers
(`apply_chat_template`, 5.x): sandboxed and immutable, blocks trimmed, with `break` and `continue`,
`tojson`, `raise_exception`, `strftime_now` and `{% generation %}`. The clock stands still: what
it says is written in the spec. 20 to 60 us a rendering.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from taskc.compiler.turns.tokenizer import Loaded

if TYPE_CHECKING:
    import jinja2

__all__ = ["ChatTemplate", "Message", "RefusedError", "chat_template", "template_source"]

Message = dict[str, str]  # {"role": ..., "content": ...}

_MAX_SHOWN_CHARS = 200  # of what a template says
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


class RefusedError(Exception):
    """A conversation, or a whole template, cannot be rendered or its mask not be proved.

    Attributes:
        reason: One sentence without its full stop.
        helps: Actions.
    """

    def __init__(self, reason: str, *helps: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.helps = helps


class ChatTemplate:
    """A template that is ready to render."""

    def __init__(self, source: str, tokens: Mapping[str, str], date: str) -> None:
        """Compiles the template.

        Args:
            source: In Jinja.
            tokens: Texts of special tokens by the names that templates know: "bos_token".
            date: What `strftime_now` says, "2024-07-26"; "" where a template may not ask.

        Raises:
            RefusedError: If it is no Jinja.
        """
        import jinja2

        try:
            self._template = _environment(date).from_string(source)
        except jinja2.TemplateSyntaxError as error:
            raise RefusedError(
                f"line {error.lineno} of it is not Jinja: {error.message}"
            ) from error
        self._tokens = dict(tokens)

    def render(self, messages: Sequence[Message], *, asks: bool) -> str:
        """The text of a conversation.

        Args:
            messages: From the first on.
            asks: Whether the beginning of an answer follows: `add_generation_prompt`.

        Raises:
            RefusedError: If the template refuses the messages, or fails on them.
        """
        try:
            return self._template.render(
                messages=[dict(message) for message in messages],
                tools=None,
                documents=None,
                add_generation_prompt=asks,
                **self._tokens,
            )
        except RefusedError:
            raise
        except Exception as error:  # a template is a program: it may fail in any way
            said = " ".join(str(error).split())[:_MAX_SHOWN_CHARS]
            raise RefusedError(f"the template says: {said or type(error).__name__}") from error


def template_source(loaded: Loaded) -> str:
    """The chat template that a tokenizer brings; "" where it brings none.

    A file of its own wins over the configuration, as in transformers; of several in the
    configuration it is the one called "default".
    """
    if "chat_template.jinja" in loaded.files:
        return loaded.files["chat_template.jinja"].decode("utf-8", errors="replace")
    found = _configuration(loaded).get("chat_template")
    if isinstance(found, list):
        named = {each.get("name"): each.get("template") for each in found if isinstance(each, dict)}
        found = named.get("default")
    return found if isinstance(found, str) else ""


def chat_template(loaded: Loaded, date: str) -> ChatTemplate:
    """The template of a tokenizer that brings one, ready to render.

    Raises:
        RefusedError: If it is no Jinja.
    """
    tokens = {}
    for name, token in _configuration(loaded).items():
        content = token.get("content") if isinstance(token, dict) else token
        if name.endswith("_token") and isinstance(content, str):
            tokens[name] = content
    return _compiled(template_source(loaded), tuple(tokens.items()), date)


@lru_cache(maxsize=16)
def _compiled(source: str, tokens: tuple[tuple[str, str], ...], date: str) -> ChatTemplate:
    return ChatTemplate(source, dict(tokens), date)


def _configuration(loaded: Loaded) -> dict[str, Any]:
    value = orjson.loads(loaded.files["tokenizer_config.json"])
    return value if isinstance(value, dict) else {}


# ---- the environment ---------------------------------------------------------------------------


def _environment(date: str) -> "jinja2.Environment":
    """What transformers renders templates in, but for the clock."""
    import jinja2
    from jinja2 import nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}`: says which text is generated; of a rendering it changes nothing."""

        tags = {"generation"}  # noqa: RUF012 # as Jinja declares it

        def parse(self, parser: Parser) -> nodes.Node:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body).set_lineno(line)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )

    class Namespace(jinja2.utils.Namespace):
        """A namespace with no way to what Python keeps under names with underscores."""

        def __setitem__(self, name: str, value: object) -> None:
            if name.startswith("_"):
                raise jinja2.exceptions.SecurityError(f"a template may not set {name!r}")
            super().__setitem__(name, value)

    def raise_exception(message: object) -> None:
        raise jinja2.TemplateError(str(message))

    def strftime_now(written: str) -> str:
        if not date:
            raise RefusedError(
                "the template writes today's date",
                'say which day it is told: `date: "2024-07-26"` in the format',
            )
        return _date(datetime.fromisoformat(date), written)

    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = strftime_now
    environment.globals["dict"] = _dict
    environment.globals["namespace"] = Namespace
    return environment


def _to_json(
    value: object,
    ensure_ascii: bool = False,  # noqa: FBT001, FBT002 # templates give it by position too
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,  # noqa: FBT001, FBT002 # the same
) -> str:
    """JSON without the escapes for HTML of Jinja's own filter."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _dict(*items: Any, **named: Any) -> dict[Any, Any]:  # whatever a template holds
    """`dict(...)` of a template: the function, and not the class with all that hangs on it."""
    return dict(*items, **named)


def _date(day: datetime, written: str) -> str:
    """A date as `strftime` writes it, names in English whatever the machine's language is."""
    names = {
        "%a": _DAYS[day.weekday()][:3],
        "%A": _DAYS[day.weekday()],
        "%b": _MONTHS[day.month - 1][:3],
        "%B": _MONTHS[day.month - 1],
    }
    for directive, name in names.items():
        written = written.replace(directive, name)
    return day.strftime(written)
