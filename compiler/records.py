"""Records: what an artefact was made from, and whether that is still so.

In: a plan, a store, and the place where the artefact stands. Out: the components of the build as
they are now, those of the artefact that is there, and, where they are the same, the warnings of the
build that made it. Nothing but files' stamps and the spec is looked at: 73 MB of input take 0.1 s.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from pydantic import TypeAdapter, ValidationError

from taskc.compiler import plan
from taskc.compiler.components import Component, build_key, components
from taskc.compiler.rows.findings import Findings
from taskc.compiler.rows.inputs import split_inputs
from taskc.compiler.rows.ranges import SplitInputs
from taskc.compiler.store.code import code_digest
from taskc.compiler.store.objects import Store
from taskc.compiler.turns.tokenizer import fingerprint
from taskc.compiler.writing.place import Place
from taskc.dsl.diagnostics import Diagnostic
from taskc.runtime import artifact

__all__ = ["Record", "record_of"]

_KIND = "findings"
_FINDINGS = TypeAdapter(list[Diagnostic])


@dataclass(frozen=True, slots=True)
class Record:
    """What a build is made from.

    Attributes:
        components: Its parts.
        spec: Digest of the plan with all its places, which findings point at.
        inputs: The files of each source, by split.
        tokenizer: The tokenizer's fingerprint.
    """

    components: dict[str, Component]
    spec: str
    inputs: dict[str, dict[str, SplitInputs]]
    tokenizer: str

    def num_rows(self, splits: Mapping[str, Sequence[str]]) -> int:
        """Rows in the files of some splits of each source; 0 where they are not known unread."""
        known = [
            self.inputs[name][split].num_rows
            for name, own in splits.items()
            for split in own
            if split in self.inputs[name]
        ]
        return sum(known) if all(known) else 0

    def digests(self) -> dict[str, str]:
        """The digest of each component, as the artefact keeps it."""
        return {name: component.digest for name, component in self.components.items()}

    def before(self, place: Place) -> dict[str, str]:
        """The components of the artefact that stands at `place`; none where there is none."""
        content = place.read(artifact.COMPONENTS)
        try:
            return artifact.load(
                artifact.Components, content or b"", artifact.COMPONENTS
            ).components
        except artifact.ArtifactError:
            return {}

    def findings_of_unchanged(self, place: Place, store: Store) -> list[Diagnostic] | None:
        """The warnings of the artefact at `place`; None if it is not what would be built now."""
        if self.before(place) != self.digests() or not _is_whole(place):
            return None
        kept = store.get(_KIND, self._key())
        if kept is None:
            return None
        try:
            return _FINDINGS.validate_json(kept)
        except ValidationError:  # of another version: building says them again
            return None

    def keep_findings(self, findings: list[Diagnostic], store: Store) -> None:
        """Keeps the warnings of the build, to be said again when it need not run.

        Raises:
            StoreError: If the store is full or can't be used.
        """
        store.put(_KIND, self._key(), _FINDINGS.dump_json(findings))

    def _key(self) -> str:
        named = f"{build_key(self.components)} {self.spec}"
        return blake2b(named.encode(), digest_size=16).hexdigest()


def record_of(build: plan.BuildPlan, store: Store) -> Record | None:
    """The record of a build as spec and inputs are now; None where inputs can't be read."""
    inputs = {}
    for source in build.sources:
        findings = Findings(source.name, source.at)
        inputs[source.name] = {
            split: split_inputs(source.connector, split, findings, store) for split in source.splits
        }
        if findings.num_errors:
            return None
    tokenizer = fingerprint(build.tokenizer)
    found = components(
        build,
        inputs={
            name: {split: each.digest for split, each in splits.items()}
            for name, splits in inputs.items()
        },
        tokenizer=tokenizer,
        code={"the compiler": code_digest("taskc.compiler.build")},
    )
    spec = blake2b(build.model_dump_json().encode(), digest_size=16).hexdigest()
    return Record(found, spec, inputs, tokenizer)


def _is_whole(place: Place) -> bool:
    """Whether every file that the artefact's manifest names is there, of its size."""
    content = place.read(artifact.MANIFEST)
    try:
        files = json.loads(content or b"")["files"]
        sizes = {name: int(facts["size_bytes"]) for name, facts in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return place.holds(sizes)
