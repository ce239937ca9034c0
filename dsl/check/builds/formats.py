"""Formats and packers: how turns become a token sequence, and sequences a pack.

In: the `format` and `pack` of a build, with its tokenizer. Out: both, with every default. Limits
that cannot fit into a pack, and special tokens that nobody declares, are refused.
"""

from datetime import date

from taskc.dsl.check.forms import Bound, FormReader
from taskc.dsl.check.settings import Token
from taskc.dsl.check.tokenizers import ROLES
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Call, Reference
from taskc.dsl.model.forms import FORMATS, PACKS, Form
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import listed, suggestion

__all__ = ["Format", "check_exemplars", "check_format", "check_limits", "check_pack"]

Format = program.PromptTargetFormat | program.ChatFormat


def check_format(
    node: ast.Setting, tokenizer: program.Tokenizer | None, reader: FormReader
) -> Format | None:
    """A build's format; None where it is wrong."""
    bound = _read(node, FORMATS, "format", "T0601", reader)
    if bound is None:
        return None
    if bound.form.name == "chat":
        _check_template(bound, reader.report)
        is_written = bound.word("template") == "none"  # by us, and not by a template
        return program.ChatFormat(
            end_of_turn=_token(bound, "end_of_turn", tokenizer, reader.report),
            loss=bound.word("loss"),
            bos=_bos(bound, tokenizer if is_written else None, reader.report),
            max=bound.count("max"),
            overflow=bound.word("overflow"),
            template=bound.word("template"),
            date=_date(bound),
            span=node.span,
        )
    return program.PromptTargetFormat(
        input=bound.count("input"),
        target=bound.count("target"),
        separator=_token(bound, "separator", tokenizer, reader.report),
        end=_token(bound, "end", tokenizer, reader.report),
        bos=_bos(bound, tokenizer, reader.report),
        overflow=bound.word("overflow"),
        seam=bound.word("seam"),
        span=node.span,
    )


def check_pack(node: ast.Setting, reader: FormReader) -> program.Pack | None:
    """A build's packer; None where it is wrong."""
    bound = _read(node, PACKS, "packer", "T0602", reader)
    if bound is None:
        return None
    return program.Pack(bound.count("length"), bound.count("window"), node.span)


def _read(
    node: ast.Setting, table: dict[str, Form], noun: str, code: str, reader: FormReader
) -> Bound | None:
    value = node.value
    if isinstance(value, Call):
        return reader.read(value, table, noun, code)
    name = value.name if isinstance(value, Reference) else ""
    shown = (
        ", ".join(each.name + ": ..." for each in table[name].arguments[:2])
        if name in table
        else ""
    )
    reader.report.report(
        code,
        value.span,
        f"`{name}` needs its arguments" if name in table else f"unknown {noun} `{name}`",
        label="without arguments" if name in table else f"not a {noun}",
        helps=(f"give them by name: `{name}({shown}, ...)`",)
        if name in table
        else tuple(f"write `{each}(...)`" for each in table),
    )
    return None


# ---- special tokens ------------------------------------------------------------------------------


def _token(
    bound: Bound, name: str, tokenizer: program.Tokenizer | None, report: Reporter
) -> program.TokenUse | None:
    token: Token = bound.token(name)
    if token.is_none:
        return None
    span = bound.spans[name]
    if not token.name:
        return program.TokenUse(None, token.literal, span)
    if tokenizer is not None:
        _check_declared(token.name, span, tokenizer, report)
    return program.TokenUse(token.name, None, span)


def _bos(bound: Bound, tokenizer: program.Tokenizer | None, report: Reporter) -> str:
    word = bound.word("bos")
    if word == "example" and tokenizer is not None:
        _check_declared("bos", bound.spans["bos"], tokenizer, report)
    return word


def _check_declared(name: str, span: Span, tokenizer: program.Tokenizer, report: Reporter) -> None:
    """A role may come from the tokenizer's folder; with a bare file the spec must say it."""
    declared = {
        role: getattr(tokenizer, role) is not None or tokenizer.kind != "file" for role in ROLES
    }
    if name in tokenizer.added or declared.get(name):
        return
    if name in ROLES:
        report.report(
            "T0606",
            span,
            f"tokenizer `{tokenizer.name}` does not say what its {name} token is",
            label="not declared",
            secondary=((tokenizer.from_span, "a bare file has no configuration"),),
            helps=(f'add `{name} "..."` to the tokenizer',),
        )
        return
    known = [*(role for role in ROLES if declared[role]), *tokenizer.added]
    helps, fix = suggestion(name, known, span)
    report.report(
        "T0604",
        span,
        f"tokenizer `{tokenizer.name}` has no special token `{name}`",
        label="not declared",
        secondary=((tokenizer.span, "the tokenizer"),),
        notes=(f"special tokens: {listed(known)}",) if known else (),
        helps=helps or (f'add it to the tokenizer: `add {name} "<|{name}|>"`',),
        fix=fix,
    )


# ---- chat templates ------------------------------------------------------------------------------


def _date(bound: Bound) -> str:
    value = bound.values["date"]
    return value if isinstance(value, str) else ""


def _check_template(bound: Bound, report: Reporter) -> None:
    """What a template writes itself, or what would tear its rendering, cannot be asked for."""
    ruled_out: list[tuple[str, str, str]] = []
    if bound.word("template") == "none":
        if "date" in bound.spans:
            help_ = "leave it out, or write `template: tokenizer`"
            ruled_out.append(("date", "only a template writes a date", help_))
    else:
        if bound.word("bos") != "none":
            ruled_out.append(
                ("bos", "a template writes BOS itself where it wants one", "leave it out")
            )
        if bound.token("end_of_turn").is_none:
            help_ = "name the special token that the template ends an answer with"
            ruled_out.append(("end_of_turn", "a model must learn to end its turn", help_))
        if bound.word("overflow") in _TEARING:
            help_ = "choose `overflow: trim`, `drop` or `error`"
            ruled_out.append(("overflow", "a part of a rendering is no rendering", help_))
        if "date" in bound.spans and not _is_date(_date(bound)):
            ruled_out.append(
                ("date", "not a day of the calendar", 'write it as `date: "2024-07-26"`')
            )
    for name, reason, help_ in ruled_out:
        report.report(
            "T0614",
            bound.spans[name],
            f"`{name}` cannot be so with `template: {bound.word('template')}`",
            label=reason,
            helps=(help_,),
        )


_TEARING = ("trim_prompt", "split")


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


# ---- limits --------------------------------------------------------------------------------------


def check_limits(format_: Format, pack: program.Pack, report: Reporter) -> None:
    """An example at its limits must fit into a pack."""
    if isinstance(format_, program.ChatFormat):
        needed, sum_ = format_.max, f"max {format_.max}"
    else:
        separator = 0 if format_.separator is None else 1
        bos = 1 if format_.bos == "example" else 0
        needed = format_.input + format_.target + separator + bos
        parts = [f"input {format_.input}", f"target {format_.target}"]
        parts += ["separator 1"] * separator + ["bos 1"] * bos
        sum_ = f"{' + '.join(parts)} = {needed}"
    if needed <= pack.length:
        return
    report.report(
        "T0603",
        format_.span,
        f"an example may have {needed} tokens and a pack holds {pack.length}",
        label=f"up to {needed} tokens",
        secondary=((pack.span, f"{pack.length} tokens"),),
        notes=(sum_,),
        helps=(f"make packs longer: `length: {needed}`", "or the limits smaller"),
    )


# ---- exemplars -----------------------------------------------------------------------------------


def check_exemplars(format_: Format, mixture: program.Mixture, report: Reporter) -> None:
    """Between an exemplar and what follows stands the end of its answer: it should have one."""
    is_chat = isinstance(format_, program.ChatFormat)
    if (
        isinstance(format_, program.ChatFormat)
        and format_.template != "none"
        and mixture.fewshot[1]
    ):
        report.report(
            "T0614",
            format_.span,
            "exemplars cannot stand before a conversation with `template: tokenizer`",
            label="a template begins every conversation anew",
            secondary=((mixture.spans["fewshot"], "exemplars are asked for here"),),
            helps=("write `template: none`, or leave `fewshot` out",),
        )
        return
    end = format_.end_of_turn if isinstance(format_, program.ChatFormat) else format_.end
    if end is not None or not mixture.fewshot[1]:
        return
    name = "end_of_turn" if is_chat else "end"
    report.report(
        "T0613",
        format_.span,
        "nothing stands between exemplars and what follows them",
        label=f"`{name}: none`",
        secondary=((mixture.spans["fewshot"], "exemplars are asked for here"),),
        helps=(f"write `{name}: eos`, or a text that parts them",),
    )
