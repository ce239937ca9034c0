"""What a build came to, in a table for people and an object for programs.

In: a build's plan, and its artefact's manifest and ledger. Out: text or a JSON value; both say the
same. The settings are shown as they were lowered, so that every default is there to be seen.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from taskc.cli import console

if TYPE_CHECKING:
    from pydantic import JsonValue

    from taskc.compiler.plan import BuildPlan, Mixture, Take
    from taskc.runtime.artifact import Ledger, Manifest, SourceShare

__all__ = ["as_json", "as_text", "figures", "settings"]

_HEAD = ("source", "rows read", "dropped", "rows used", "examples", "tokens", "trained", "share")


def as_text(plan: "BuildPlan", manifest: "Manifest", ledger: "Ledger") -> str:
    """Returns the summary for people: settings, a line a source, sums, drops."""
    sources = manifest.mixture.sources
    rows = [_HEAD, *(_cells(share, manifest, ledger) for share in sources)]
    if len(sources) > 1:
        rows.append(_sum_cells(manifest, ledger))
    drops = [
        f"  dropped: {drop.rows:,} of {entry.source} {entry.split}, {drop.reason} ({drop.at})"
        for entry in ledger.entries
        for drop in entry.dropped
    ]
    return "\n".join(
        [
            *(f"  {name:<9} {value}" for name, value in settings(plan, manifest)),
            "",
            console.table(rows),
            "",
            *_split_lines(manifest),
            *drops,
        ]
    )


def as_json(plan: "BuildPlan", manifest: "Manifest", ledger: "Ledger") -> dict[str, "JsonValue"]:
    """Returns the summary for programs; docs/cli.md says what each field is."""
    train = manifest.splits["train"]
    return {
        "content_digest": manifest.content_digest,
        "settings": dict(settings(plan, manifest)),
        "splits": {
            name: counts.model_dump(mode="json") for name, counts in manifest.splits.items()
        },
        "fill": manifest.packing.fill,
        "rows_read": sum(entry.read for entry in ledger.entries if not entry.carved_from),
        "examples": train.examples,
        "tokens": train.tokens,
        "trained_tokens": train.trained_tokens,
        "sources": [share.model_dump(mode="json") for share in manifest.mixture.sources],
        "ledger": [entry.model_dump(mode="json") for entry in ledger.entries],
    }


def settings(plan: "BuildPlan", manifest: "Manifest") -> Iterator[tuple[str, str]]:
    """Yields what the build was asked for, defaults filled in, in the words of the spec."""
    yield "mixture", _mixture(plan.mixture)
    special = (f"{name} {token.text!r} = {token.id}" for name, token in manifest.special.items())
    tokenizer = plan.tokenizer
    words = f"{tokenizer.name}: {tokenizer.kind} {tokenizer.path}, {manifest.vocab_size:,} ids"
    yield "tokenizer", ", ".join([words, *special])
    yield "format", _call(plan.format.model_dump(mode="json"))
    yield "pack", f"best_fit(length: {plan.pack.length:,}, window: {plan.pack.window:,})"
    yield "splits", ", ".join(plan.splits)
    if plan.params:
        yield "params", ", ".join(f"{name} = {value}" for name, value in plan.params.items())


def _mixture(mixture: "Mixture") -> str:
    """Writes the mixture's settings on one line."""
    count, unit = mixture.total.count, mixture.total.unit
    total = f"1 {unit[:-1]}" if count == 1 else f"{count:,} {unit}"
    rows = [*mixture.sources, *map(_take, mixture.takes)]
    return ", ".join(
        [
            f"{mixture.name}: {' '.join(rows) if len(rows) == 1 else f'{len(rows):,} sources'}",
            f"rate {_call(mixture.rate.model_dump(mode='json'))}",
            f"total {total}",
            f"templates {mixture.templates}",
            f"repeat at most {mixture.repeat:,}" if mixture.repeat else "repeat without limit",
            f"seed {mixture.seed}",
        ]
    )


def _take(take: "Take") -> str:
    """Writes a quota with the way that it is spread, without what is looked at in a row."""
    most = "at most " if take.at_most else ""
    by = f" by {take.by}" if take.by else ""
    tau = f" {take.by_tau:g}" if take.by_tau is not None else ""
    best = " best" if take.best is not None else ""
    return f"take {most}{take.count:,} {take.source}{by}{tau}{best}"


def figures(num: float) -> str:
    """Returns a share as a percentage with two places."""
    return f"{100 * num:.2f} %"


def _call(arguments: Mapping[str, "JsonValue"]) -> str:
    """Writes a lowered call (`{"kind": "equal"}`) as the spec would: `equal()`."""
    named = (
        f"{name}: {_argument(value)}"
        for name, value in arguments.items()
        if name not in {"kind", "at"} and value != ""
    )
    return f"{arguments.get('kind', '')}({', '.join(named)})"


def _argument(value: "JsonValue") -> str:
    """Writes an argument: a token by its name or its text, nothing as `none`."""
    if isinstance(value, dict) and "literal" in value:
        return str(value.get("name") or _quoted(str(value["literal"])))
    if isinstance(value, dict):
        inside = ", ".join(f"{key}: {_argument(part)}" for key, part in value.items())
        return f"{{{inside}}}"
    return "none" if value is None else f"{value:,}" if type(value) is int else str(value)


def _quoted(text: str) -> str:
    """Returns a text on one line, in quotes."""
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def _cells(share: "SourceShare", manifest: "Manifest", ledger: "Ledger") -> tuple[str, ...]:
    """Returns one source's line of the table, over its training split."""
    entries = [e for e in ledger.entries if e.source == share.name and e.split == "train"]
    total = manifest.splits["train"].examples or 1
    return (
        share.name,
        f"{sum(entry.read for entry in entries):,}",
        f"{sum(drop.rows for entry in entries for drop in entry.dropped):,}",
        f"{share.rows:,}",
        f"{share.examples:,}",
        f"{share.tokens:,}",
        f"{share.trained_tokens:,}",
        figures(share.examples / total),
    )


def _sum_cells(manifest: "Manifest", ledger: "Ledger") -> tuple[str, ...]:
    """Returns the last line of the table."""
    names = {share.name for share in manifest.mixture.sources}
    entries = [e for e in ledger.entries if e.source in names and e.split == "train"]
    train = manifest.splits["train"]
    return (
        "all",
        f"{sum(entry.read for entry in entries):,}",
        f"{sum(drop.rows for entry in entries for drop in entry.dropped):,}",
        f"{sum(share.rows for share in manifest.mixture.sources):,}",
        f"{train.examples:,}",
        f"{train.tokens:,}",
        f"{train.trained_tokens:,}",
        figures(1),
    )


def _split_lines(manifest: "Manifest") -> Iterator[str]:
    """Yields a line for each split: packed for training, whole for evaluation."""
    for name, counts in manifest.splits.items():
        if name == "train":
            packing = manifest.packing
            yield (
                f"  {name}: {counts.sequences:,} sequences of {packing.length:,} tokens, "
                f"fill {figures(packing.fill)}; {counts.tokens:,} tokens, "
                f"{counts.trained_tokens:,} of them trained"
            )
        else:
            yield f"  {name}: {counts.examples:,} examples, {counts.tokens:,} tokens"
