"""Entries of the lock, made by reading what a package reads.

In: a connector or a tokenizer of a plan. Out: its entry, or the diagnostics that say why there is
none, and a line for each column whose type is left open. Every row is read once, every file is
hashed once: 4.5 CPU s for a million rows of JSON, 200 MB.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from taskc.compiler import plan
from taskc.compiler.lock.digests import digests_of
from taskc.compiler.lock.inference import InferredRows
from taskc.compiler.places import error_at
from taskc.compiler.rows.connect.hub import hub_revision, is_on_hub
from taskc.compiler.rows.connect.reading import open_split
from taskc.compiler.rows.findings import Findings
from taskc.compiler.store.objects import Store
from taskc.compiler.turns import hub
from taskc.compiler.turns import tokenizer as tokenizers
from taskc.dsl.diagnostics import Diagnostic
from taskc.dsl.lock.entries import LockedSource, LockedSplit, LockedTokenizer, kept_options
from taskc.dsl.lock.notation import written

__all__ = ["SourceRead", "read_source", "read_tokenizer"]

# Told of a split and how many of its rows were read since the last call.
Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class SourceRead:
    """What came of reading a source.

    Attributes:
        entry: Its entry; None where there is an error.
        notes: A line for each type that is left open.
        diagnostics: What was found wrong.
    """

    entry: LockedSource | None
    notes: tuple[str, ...] = ()
    diagnostics: list[Diagnostic] = field(default_factory=list)


def read_source(
    name: str,
    connector: plan.Connector,
    patterns: Mapping[str, str],
    *,
    store: Store | None,
    used: Sequence[str] | None = None,
    progress: Progress = lambda _split, _rows: None,
) -> SourceRead:
    """Reads every row of a source and returns its entry.

    Args:
        name: The source's name.
        connector: How its rows are read, with all splits that are read from files.
        patterns: Split -> its path relative to the data root.
        store: Keeps digests of files.
        used: The columns that a build reads. Others may be of a kind that the language has no type
            for, as they may for a build; None: it reads all.
        progress: Told of every chunk of rows.
    """
    findings = Findings(name, connector.at)
    rows = InferredRows()
    splits = {}
    for split in connector.patterns:
        reader = open_split(connector, split, None, findings, used=used)
        num_before = rows.num_rows
        for chunk in reader.chunks():
            rows.add(chunk.rows, chunk.untyped)
            progress(split, len(chunk.rows))
        files = {}
        # A commit of the hub pins its files; what lies in a cache has other bytes elsewhere.
        own = () if is_on_hub(connector) else reader.files
        digests = digests_of([file.path for file in own], store)
        for file, digest in zip(own, digests, strict=True):
            if isinstance(digest, OSError):
                _report_unreadable(file.name, digest, connector, findings)
            else:
                files[file.name] = digest
        splits[split] = LockedSplit(patterns.get(split, ""), rows.num_rows - num_before, files)
    if findings.num_errors:
        return SourceRead(None, diagnostics=findings.diagnostics())
    columns = rows.columns()
    entry = LockedSource(
        connector=connector.kind,
        options=kept_options(connector.options),
        revision=hub_revision(connector),
        columns=None
        if columns is None
        else {column: written(found) for column, found in columns.items()},
        splits=splits,
    )
    return SourceRead(entry, tuple(rows.notes()), findings.diagnostics())


def _report_unreadable(
    file: str, error: OSError, connector: plan.Connector, findings: Findings
) -> None:
    reason = (error.strerror or "not readable").lower()
    findings.report(
        "T0512",
        f"the file cannot be read: {reason}",
        at=connector.at,
        label="read from here",
        notes=(f"file `{file}`",),
    )


def read_tokenizer(
    spec: plan.Tokenizer, *, store: Store | None
) -> tuple[LockedTokenizer | None, list[Diagnostic]]:
    """Returns the entry of a tokenizer; None with at least one error.

    Args:
        spec: The tokenizer.
        store: Keeps digests of files.
    """
    revision = ""
    if spec.kind == "hf":
        try:
            revision = hub.hub_commit(spec, tokenizers.FILES)
        except hub.HubError as problem:
            return None, [tokenizers.of_hub(spec, problem)]
    paths = {key: path for key, path in tokenizers.input_files(spec).items() if path.is_file()}
    if "tokenizer.json" not in paths:
        wanted = tokenizers.input_files(spec)["tokenizer.json"]
        return None, [_no_tokenizer(spec, "no such file", str(wanted))]
    files = {}
    for path, digest in zip(
        paths.values(), digests_of([str(path) for path in paths.values()], store), strict=True
    ):
        if isinstance(digest, OSError):
            reason = (digest.strerror or "not readable").lower()
            return None, [_no_tokenizer(spec, reason, str(path))]
        files[path.name] = digest
    return LockedTokenizer(spec.kind, files=files, revision=revision), []


def _no_tokenizer(spec: plan.Tokenizer, reason: str, path: str) -> Diagnostic:
    return error_at(
        "T0640",
        spec.at,
        f"tokenizer `{spec.name}` cannot be read: {reason}",
        label="read from here",
        notes=(f"looked for {path}",),
    )
