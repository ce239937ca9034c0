"""`taskc verify ARTIFACT`: whether an artefact is whole and unchanged.

In: an artefact's folder. Out: one line, or the first thing that is not as the manifest says. Every
file is hashed, the content digest is computed again, and the ledger's sums are added up.
"""

import argparse

from taskc.cli import console
from taskc.cli.arguments import path

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "Check that an artefact is whole and unchanged"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc verify`."""
    parser.add_argument(
        "artifact",
        metavar="ARTIFACT",
        type=path,
        help="the folder that holds manifest.json",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace) -> int:
    """Verifies; 1 where something differs."""
    import taskc

    try:
        artifact = taskc.open(options.artifact)
        artifact.verify()
    except taskc.ArtifactError as error:
        if options.json:
            fields = {name: getattr(error, name) for name in ("file", "field", "expected", "found")}
            console.emit_json({"version": 1, "ok": False, "error": fields})
        console.say(f"error: {error}")
        return 1
    manifest = artifact.manifest
    if options.json:
        console.emit_json(
            {
                "version": 1,
                "ok": True,
                "content_digest": manifest.content_digest,
                "files": len(manifest.files),
            }
        )
    else:
        size_bytes = sum(file.size_bytes for file in manifest.files.values())
        console.emit(
            f"{options.artifact}: whole and unchanged; {len(manifest.files):,} files, "
            f"{size_bytes:,} bytes, content {manifest.content_digest[:16]}"
        )
    return 0
