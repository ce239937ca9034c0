"""The manifest of a vendored folder: text and back, and its schema."""

import json

import jsonschema
import pytest

from taskc.compiler.vendor.manifest import (
    VendoredPackage,
    VendoredSource,
    VendoredSplit,
    VendoredTokenizer,
    VendorError,
    VendorManifest,
    read,
    vendor_json_schema,
)

DIGEST = "ab" * 32
MANIFEST = VendorManifest(
    packages={
        "p": VendoredPackage(
            sources={
                "b": VendoredSource(splits={}),
                "a": VendoredSource(
                    splits={
                        "train": VendoredSplit(pattern="../*", root="p/a/_", files={"../x": DIGEST})
                    },
                ),
            },
            tokenizers={"t": VendoredTokenizer(path="p/t", files={"tokenizer.json": DIGEST})},
        )
    }
)


def test_what_is_written_is_read_again(tmp_path):
    """Names are sorted, and the text conforms to the published schema."""
    text = MANIFEST.as_text()
    (tmp_path / "vendor.json").write_text(text)

    assert read(tmp_path) == MANIFEST
    assert read(tmp_path).as_text() == text
    assert list(json.loads(text)["packages"]["p"]["sources"]) == ["a", "b"]
    jsonschema.Draft202012Validator(vendor_json_schema()).validate(json.loads(text))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        ("{", "the file: invalid json"),
        ('{"version": 2}', "version: input should be 1"),
        ('{"packages": {"p": {"sources": {"s": {}}}}}', "packages.p.sources.s.splits"),
        ('{"later": 1}', "later: extra inputs"),
    ],
)
def test_another_folder_is_refused_in_words(tmp_path, content, words):
    """The place in the file, and what is wrong there."""
    if content is not None:
        (tmp_path / "vendor.json").write_text(content)
    with pytest.raises(VendorError) as refused:
        read(tmp_path)

    assert words in str(refused.value)
