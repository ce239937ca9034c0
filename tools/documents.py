"""Writes the generated documents, or says which of them are out of date.

In: the tables and models that the documents describe. Out: `docs/diagnostics.md` from the table of
codes and its pages, and the JSON Schemas in `docs/schemas/`. With `--check` nothing is written, and
the exit status is 1 where a file differs from what would be. No document is half generated.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from taskc.compiler.plan import Plan
from taskc.dsl.codes import CODES
from taskc.runtime.artifact import manifest_json_schema

ROOT = Path(__file__).parents[1]

RANGES = {
    "T00": "Text and syntax",
    "T01": "Names and imports",
    "T02": "Types",
    "T03": "Templates and options",
    "T04": "Mixing and held-out data",
    "T05": "Sources and lock",
    "T06": "Packing and format",
    "T07": "Lints",
    "T08": "While building: rows and requirements",
    "T09": "Faults of taskc itself",
}


def diagnostics() -> str:
    """Returns the catalogue: every code with its severity and title, linked to its page."""
    lines = [
        "# Diagnostics",
        "",
        "Generated from `dsl/codes.py` by `make docs`. `taskc explain CODE` prints a code's page.",
    ]
    for prefix, heading in RANGES.items():
        codes = {code: CODES[code] for code in sorted(CODES) if code.startswith(prefix)}
        if not codes:
            continue
        lines += [
            "",
            f"## {prefix}xx: {heading}",
            "",
            "| code | severity | what |",
            "| - | - | - |",
        ]
        for code, (severity, title) in codes.items():
            page = f"dsl/explain/{code}.md"
            name = f"[{code}](../{page})" if (ROOT / page).exists() else code
            lines.append(f"| {name} | {severity} | {title} |")
    return "\n".join(lines) + "\n"


def manifest_schema() -> str:
    """Returns the JSON Schema of an artefact's manifest.json."""
    return as_text(manifest_json_schema())


def plan_schema() -> str:
    """Returns the JSON Schema of a plan, the form between a program and the stages."""
    return as_text(Plan.model_json_schema())


def as_text(schema: Mapping[str, object]) -> str:
    """Returns a schema as it stands in its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


DOCUMENTS: dict[str, Callable[[], str]] = {
    "docs/diagnostics.md": diagnostics,
    "docs/schemas/manifest.schema.json": manifest_schema,
    "docs/schemas/plan.schema.json": plan_schema,
}


def main() -> int:
    """Writes or checks every document; 1 where a check found one out of date."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, report differences")
    check = parser.parse_args().check
    stale = []
    for name, write in DOCUMENTS.items():
        path, text = ROOT / name, write()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    if check and stale:
        print(f"out of date: {', '.join(stale)}; `make docs` writes them again", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
