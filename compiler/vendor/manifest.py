"""The manifest of a vendored folder: which files it holds, for which inputs.

In: nothing. Out: immutable models whose JSON Schema is published in
docs/schemas/vendor.schema.json, and the file `vendor.json` as text and back. Paths are relative to
the folder, so it may be moved.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from taskc.runtime.artifact import Sha256

__all__ = [
    "FILE_NAME",
    "VendorError",
    "VendorManifest",
    "VendoredPackage",
    "VendoredSource",
    "VendoredSplit",
    "VendoredTokenizer",
    "read",
    "vendor_json_schema",
]

FILE_NAME = "vendor.json"
FORMAT_VERSION: Literal[1] = 1


class VendorError(Exception):
    """A folder that is no vendored one; its words say why."""


class Model(BaseModel):
    """Closed and frozen: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class VendoredSplit(Model):
    """The files of one split.

    Attributes:
        pattern: The path or glob of the spec, relative to the data root; of a data set of the hub
            its id, configuration, split and revision.
        root: Where its data root lies, relative to the folder.
        files: Name relative to the data root -> SHA-256 of the bytes.
    """

    pattern: str
    root: str
    files: dict[str, Sha256]


class VendoredSource(Model):
    """The files of one source, by split."""

    splits: dict[str, VendoredSplit]


class VendoredTokenizer(Model):
    """The files of one tokenizer.

    Attributes:
        path: What its `from` names, relative to the folder.
        files: Name relative to the tokenizer's folder -> SHA-256 of the bytes.
    """

    path: str
    files: dict[str, Sha256]


class VendoredPackage(Model):
    """The inputs of one package, by the names of its sources and tokenizers."""

    sources: dict[str, VendoredSource] = {}
    tokenizers: dict[str, VendoredTokenizer] = {}


class VendorManifest(Model):
    """Everything in a vendored folder, by the names of packages."""

    version: Literal[1] = FORMAT_VERSION
    packages: dict[str, VendoredPackage] = {}

    def as_text(self) -> str:
        """The text of the manifest's file: names sorted, one value a line."""
        import json

        return json.dumps(_sorted(self.model_dump()), ensure_ascii=False, indent=2) + "\n"


def _sorted(value: object) -> object:
    """Names in order; the fields of models are few and keep theirs."""
    if not isinstance(value, dict):
        return value
    return {name: _sorted(value[name]) for name in sorted(value)}


def read(folder: Path) -> VendorManifest:
    """Returns the manifest of a folder.

    Raises:
        VendorError: If there is none that can be read.
    """
    path = folder / FILE_NAME
    try:
        return VendorManifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise VendorError(f"{path}: {(error.strerror or 'not readable').lower()}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise VendorError(f"{path}: {place or 'the file'}: {first['msg'].lower()}") from None


def vendor_json_schema() -> dict[str, Any]:
    """Returns the published JSON Schema of `vendor.json` (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:taskc:vendor:{FORMAT_VERSION}",
        **VendorManifest.model_json_schema(),
    }
