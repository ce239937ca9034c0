"""The parts that a build is made from, each with a digest of its own and its place in the spec.

In: a plan, and the digests of what it reads. Out: named components. Two builds whose components are
equal have equal artefacts; where one differs, its name and place say what changed. A comment,
another line break or a moved folder changes none, but for `lines`: where in the spec prompts stand,
which the artefact's provenance records.
"""

import hashlib
import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from taskc.compiler import plan
from taskc.compiler.digests import content_of

__all__ = ["Change", "Component", "build_key", "changes", "components"]

_DIGEST_BYTES = 8
# Fields of a mixture that stand in a statement of another name.
_STATEMENTS = {
    "sources": "from",
    "blend": "rate",
    "held_out": "holdout",
    "held_out_sources": "holdout",
}
# Those whose statement may stand several times: the first one tells where.
_REPEATED = frozenset(("takes", "dedup", "decontaminate", "requires"))


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a build.

    Attributes:
        digest: 16 hexadecimal digits of what it says; where it stands has no part in it.
        at: Where it stands; None for what no spec says (the compiler itself).
    """

    digest: str
    at: plan.Place | None


@dataclass(frozen=True, slots=True)
class Change:
    """A component that differs: `what` is "changed", "new" or "gone"."""

    name: str
    what: str
    at: plan.Place | None

    def __str__(self) -> str:
        place = f" ({self.at})" if self.at else ""
        return f"{self.name} {self.what if self.what != 'new' else 'is new'}{place}"


def components(
    build: plan.BuildPlan,
    *,
    inputs: Mapping[str, Mapping[str, str]],
    tokenizer: str,
    code: Mapping[str, str],
) -> dict[str, Component]:
    """The components of a build by name, in the order of the spec.

    Args:
        build: The plan.
        inputs: Digest of what is read, by source, then split.
        tokenizer: Digest of the tokenizer's files.
        code: Digests of what makes the artefact besides: by stage, library or engine.
    """
    found: dict[str, Component] = {}
    for source in build.sources:
        found |= dict(_source(source, inputs.get(source.name, {})))
    for template in build.templates:
        found |= dict(_template(template))
    found |= dict(_fields(f"mixture {build.mixture.name}", build.mixture))
    found[f"tokenizer {build.tokenizer.name}"] = _component(build.tokenizer, build.tokenizer.at)
    found[f"files of tokenizer {build.tokenizer.name}"] = Component(tokenizer, build.tokenizer.at)
    found["format"] = _component(build.format, build.format.at)
    for name in ("package", "name", "edition", "pack", "splits", "evaluated", "sample", "params"):
        found[f"build {name}"] = _component(getattr(build, name), build.at)
    found["lines"] = _component(list(_lines(build, posixpath.dirname(build.at.path))), build.at)
    found["runs"] = _component(build.runs, build.at)
    for name, digest in code.items():
        found[name] = Component(digest, None)
    return found


def build_key(found: Mapping[str, Component]) -> str:
    """32 hexadecimal digits that stand for all components together."""
    named = {name: component.digest for name, component in found.items()}
    content = json.dumps(named, sort_keys=True)
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def changes(before: Mapping[str, str], now: Mapping[str, Component]) -> list[Change]:
    """What differs between the digests of an earlier build and the components of this one."""
    found = [
        Change(name, "changed" if name in before else "new", component.at)
        for name, component in now.items()
        if before.get(name) != component.digest
    ]
    return found + [Change(name, "gone", None) for name in before if name not in now]


def _source(source: plan.Source, inputs: Mapping[str, str]) -> Iterator[tuple[str, Component]]:
    name = f"source {source.name}"
    parts = {
        "from": (source.connector, source.connector.at),
        "fields": ((source.columns, source.reads, source.row), source.at),
        "splits": ((source.splits, source.carved), source.at),
        "dedup": (source.dedup, source.dedup.at if source.dedup else source.at),
        "limit": (source.limit, source.limit_at or source.at),
        "clusters": (source.clusters, source.at),
        "metric": ((source.metric, source.references), source.at),
        "license": (source.license, source.at),
    }
    for split, digest in sorted(inputs.items()):
        yield f"files of {name}, {split}", Component(digest, source.connector.at)
    for part, (value, at) in parts.items():
        yield f"{name}: {part}", _component(value, at)
    for let in source.lets:
        yield f"{name}: let {let.name}", _component(let, let.at)
    for where in source.wheres:
        yield f"{name}: where {where.text}", _component(where, where.at)


def _template(template: plan.Template) -> Iterator[tuple[str, Component]]:
    name = f"template {template.name}"
    at = template.options.at if template.options else template.at
    yield f"{name}: options", _component(template.options, at)
    yield f"{name}: sources", _component(template.sources, template.at)
    for let in template.lets:
        yield f"{name}: let {let.name}", _component(let, let.at)
    for where in template.wheres:
        yield f"{name}: where {where.text}", _component(where, where.at)
    for prompt in template.prompts:
        yield f"{name}: {prompt.kind} {prompt.label}", _component(prompt, prompt.at)


def _fields(name: str, mixture: plan.Mixture) -> Iterator[tuple[str, Component]]:
    for field in type(mixture).model_fields:
        if field not in {"at", "places"}:
            value = getattr(mixture, field)
            place = mixture.place(_STATEMENTS.get(field, field))
            if field in _REPEATED and value:
                place = value[0].at
            yield f"{name}: {field}", _component(value, place)


def _component(value: object, at: plan.Place) -> Component:
    content = json.dumps(content_of(value), sort_keys=True, separators=(",", ":"))
    digest = hashlib.blake2b(content.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    return Component(digest, at)


def _lines(value: object, folder: str) -> Iterator[str]:
    """Yields every place of a plan that its artefact may speak of, as it does: in order."""
    match value:
        case plan.Place():
            yield f"{posixpath.relpath(value.path, folder or '.')}:{value.line}"
        case BaseModel():
            for name in type(value).model_fields:
                yield from _lines(getattr(value, name), folder)
        case dict():
            for item in value.values():
                yield from _lines(item, folder)
        case list() | tuple():
            for item in value:
                yield from _lines(item, folder)
        case _:
            pass
