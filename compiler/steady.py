"""Steady: whether what a build read stood still until it had read all of it.

In: a plan, and what was loaded of its sources. Out: an error for each file that is another one than
its rows were surveyed in, or gone. Asked for once, before anything is written: what is written then
comes from the store. One look at each file's state; at a URL one request.
"""

from collections.abc import Mapping

from taskc.compiler import plan
from taskc.compiler.places import span_of
from taskc.compiler.rows.load import Loaded
from taskc.compiler.store.files import changed_error, changed_files
from taskc.compiler.turns.tokenizer import fingerprint
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["changed_inputs"]

_MAX_NAMED = 5  # of each source; one is enough to stop


def changed_inputs(
    build: plan.BuildPlan, loaded: Mapping[str, Loaded], *, tokenizer: str
) -> list[Diagnostic]:
    """Returns an error for each input that changed since the build looked at it first.

    Args:
        build: The plan.
        loaded: What was read of each source.
        tokenizer: The tokenizer's fingerprint when the build began.
    """
    found = []
    for source in build.sources:
        inputs = [rows.inputs for rows in loaded[source.name].rows.values()]
        files = {file.path: file for each in inputs for file in each.files if file.state}
        changed = changed_files({path: file.state for path, file in files.items()})
        at = span_of(source.connector.at)
        found += [changed_error(files[path].name, at) for path in changed[:_MAX_NAMED]]
    if fingerprint(build.tokenizer) != tokenizer:
        found.append(changed_error(build.tokenizer.path, span_of(build.tokenizer.at)))
    return found
