"""Steady: whether what a build read stood still until it had read all of it.

In: a plan, its record, and what was loaded of its sources. Out: an error for each file that is
another one than when the build began, new or gone. Asked for once, before anything is written: what
is written then comes from the store. One look at each file's state; at a URL one request.
"""

from collections.abc import Mapping

from taskc.compiler import plan
from taskc.compiler.places import span_of
from taskc.compiler.records import Record
from taskc.compiler.rows.load import Loaded
from taskc.compiler.store.files import changed_error, changed_files
from taskc.compiler.turns.tokenizer import fingerprint
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["changed_inputs"]

_MAX_NAMED = 5  # of each source; one is enough to stop


def changed_inputs(
    build: plan.BuildPlan, loaded: Mapping[str, Loaded], record: Record
) -> list[Diagnostic]:
    """Returns an error for each input that changed since the build looked at it first.

    Args:
        build: The plan.
        loaded: What was read of each source.
        record: What was there when the build began, by which the artefact will be known.
    """
    found = []
    for source in build.sources:
        recorded, rows = record.inputs[source.name], loaded[source.name].rows
        read = {file.path: file for each in rows.values() for file in each.inputs.files}
        # What is carved out of a split stands in that split's files.
        first = {
            file.path: file
            for split, each in recorded.items()
            for file in each.files
            if split in rows or file.path in read
        }
        states = {path: file.state for path, file in first.items() if file.state}
        changed = {*changed_files(states), *(first.keys() ^ read.keys())}
        files = [(first | read)[path] for path in sorted(changed)]
        at = span_of(source.connector.at)
        found += [changed_error(file.name, at) for file in files[:_MAX_NAMED]]
    if fingerprint(build.tokenizer) != record.tokenizer:
        found.append(changed_error(build.tokenizer.path, span_of(build.tokenizer.at)))
    return found
