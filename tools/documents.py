"""Writes the generated documents, or says which of them are out of date.

In: the tables and models that the documents describe. Out: `docs/diagnostics.md` from the table of
codes and its pages, `docs/functions.md` and `docs/forms.md` from the tables that the checker reads,
`docs/isolation.md` from the output of its proof, and the JSON Schemas in `docs/schemas/`. With
`--check` nothing is written, and the exit status is 1 where a file differs from what would be. No
document is half generated.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from taskc.compiler.lock.schema import lock_json_schema
from taskc.compiler.plan import Plan
from taskc.compiler.vendor.manifest import vendor_json_schema
from taskc.dsl.codes import CODES
from taskc.dsl.model import forms, recipes
from taskc.dsl.model.functions import FUNCTIONS, Example
from taskc.dsl.model.quantities import QUANTITIES, SOURCE_QUANTITIES
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
    "T10": "Around a build: the store, files that change",
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


def functions() -> str:
    """Returns the function library: signatures, meaning and examples, by group."""
    lines = [
        "# Functions",
        "",
        "Generated from `dsl/model/functions.py` by `make docs`. All functions that an expression",
        "may call; [language.md](language.md#expressions) says what an expression is. What stands",
        "here is the definition, and every example is run against the implementation. `T` is any",
        "type, `N` int or float, `O` text, int or float; one letter is one type. A *row error*",
        "stops the build and says the row.",
    ]
    for group in dict.fromkeys(function.group for function in FUNCTIONS.values()):
        lines += ["", f"## {group.capitalize()}"]
        for function in FUNCTIONS.values():
            if function.group != group:
                continue
            lines += ["", f"### {function.name}", ""]
            lines += ["```text", *function.usages, "```", "", function.doc, ""]
            lines += ["| Expression | Value |", "| --- | --- |"]
            lines += [f"| `{_cell(e.expression)}` | {_value(e)} |" for e in function.examples]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Returns a text as it stands between backticks in a table."""
    return text.replace("|", "\\|")


def _value(example: Example) -> str:
    """Returns an example's value as JSON, `none` or a row error."""
    if example.is_error:
        return "row error"
    if example.value is None:
        return "`none`"
    return f"`{_cell(json.dumps(example.value, ensure_ascii=False))}`"


FORMS: dict[str, tuple[str, Mapping[str, forms.Form]]] = {
    "Connectors": ("`from` of a source", forms.CONNECTORS),
    "Splits": ("`splits NAME = ...` of a source", forms.CARVE),
    "Metrics": ("`metric` of a source", forms.METRICS),
    "Tokenizers": ("`from` of a tokenizer", forms.TOKENIZERS),
    "Rates": ("`rate` of a mixture", forms.RATES),
    "Strata": ("`take ... by` of a mixture", forms.STRATA),
    "Decontamination": ("`decontaminate ... by` of a mixture", forms.DECONTAMINATIONS),
    "Formats": ("`format` of a build", forms.FORMATS),
    "Packers": ("`pack` of a build", forms.PACKS),
    "Models": ("`model` of a train or evaluate block, where it is no folder", recipes.MODELS),
    "Recipes": ("`recipe` of a train block", recipes.RECIPES),
    "Batches": ("`batch` of a recipe", recipes.INNER["batch"]),
    "Dropout": ("`dropout` of `lima`", recipes.INNER["dropout"]),
    "Adapters": ("`adapter` of a recipe", recipes.INNER["adapter"]),
    "Methods": ("`method` of an evaluate block", forms.METHODS),
}


def forms_page() -> str:
    """Returns the forms of every closed list with their arguments, and the figures of `require`."""
    lines = [
        "# Forms and their arguments",
        "",
        "Generated from `dsl/model/forms.py`, `recipes.py` and `quantities.py` by `make docs`. A",
        "form looks like a call and names one way of a closed list. Arguments marked *by place*",
        "are given without their name, in this order; all others are given as `name: value`. What",
        "a form does is said in [language.md](language.md).",
    ]
    for heading, (where, table) in FORMS.items():
        lines += ["", f"## {heading}", "", f"After {where}."]
        for form in table.values():
            if not form.arguments:
                more = ", and further named arguments" if form.is_open else ""
                bare = form.name if table is forms.METRICS else f"{form.name}()"
                lines += ["", f"**`{bare}`** {form.doc.removesuffix('.')}{more}."]
                continue
            lines += ["", f"**`{form.name}`** {form.doc}", ""]
            lines += ["| Argument | Takes | Default | |", "| --- | --- | --- | --- |"]
            lines += [_argument(argument) for argument in form.arguments]
            if form.is_open:
                lines += ["", "Further named arguments may be given."]
    lines += ["", "## Figures", "", "What `require` of a mixture may speak of.", ""]
    lines += ["| Figure | Type | |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {each.type} | {each.doc} |" for name, each in QUANTITIES.items()]
    lines += [
        f"| `sources.NAME.{name}` | {each.type} | {each.doc} |"
        for name, each in SOURCE_QUANTITIES.items()
    ]
    return "\n".join(lines) + "\n"


def _argument(argument: forms.FormArgument) -> str:
    """Returns an argument's line in its table."""
    takes = " ".join(f"`{word}`" for word in argument.words) or argument.kind.value
    default = "mandatory"
    if argument.default is not forms.REQUIRED:
        is_bare = argument.kind in (forms.Kind.WORD, forms.Kind.TOKEN, forms.Kind.FORM)
        is_quoted = isinstance(argument.default, str | bool) and not is_bare
        written = json.dumps(argument.default) if is_quoted else str(argument.default)
        default = "`none`" if argument.default is None else f"`{written}`"
    place = " *by place*" if argument.by_position else ""
    return f"| `{argument.name}`{place} | {_cell(takes)} | {default} | {argument.doc} |"


ISOLATION = """# Isolation: which families keep packed examples apart

Generated from the output of `make prove packing_isolation` by `make docs`. A model is never taken
or refused by this table: what it does is measured on the model itself before the first step
([decision 0107](decisions/0107-attention-by-measurement.md)). The table says what to expect.

Random weights, two layers, float32; windows and chunks of four tokens where a family has them, and
documents that are longer. *Packed* is the largest difference of a packed logit from that of the
example alone, *another layout* that of the same examples as padded rows, *leak* that of a pack that
is taken for one example. *Told by* is how the family knows where examples begin. *Variable length*
is whether a kernel of variable length is taken on a GPU, with the reference in the place of torch's
kernel; FlashAttention 2 takes capped scores as well.

{table}

Measured with {versions}.
"""


def isolation() -> str:
    """Returns which families of models keep packed examples apart, as the proof measured it."""
    output = (ROOT / "proofs" / "packing_isolation.txt").read_text(encoding="utf-8").splitlines()
    table = "\n".join(line for line in output if line.startswith("|"))
    (versions,) = (line for line in output if line.startswith("versions: "))
    return ISOLATION.format(table=table, versions=versions.removeprefix("versions: "))


def manifest_schema() -> str:
    """Returns the JSON Schema of an artefact's manifest.json."""
    return as_text(manifest_json_schema())


def lock_schema() -> str:
    """Returns the JSON Schema of a package's taskc.lock."""
    return as_text(lock_json_schema())


def plan_schema() -> str:
    """Returns the JSON Schema of a plan, the form between a program and the stages."""
    return as_text(Plan.model_json_schema())


def vendor_schema() -> str:
    """Returns the JSON Schema of a vendored folder's vendor.json."""
    return as_text(vendor_json_schema())


def as_text(schema: Mapping[str, object]) -> str:
    """Returns a schema as it stands in its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


DOCUMENTS: dict[str, Callable[[], str]] = {
    "docs/diagnostics.md": diagnostics,
    "docs/forms.md": forms_page,
    "docs/functions.md": functions,
    "docs/isolation.md": isolation,
    "docs/schemas/lock.schema.json": lock_schema,
    "docs/schemas/manifest.schema.json": manifest_schema,
    "docs/schemas/plan.schema.json": plan_schema,
    "docs/schemas/vendor.schema.json": vendor_schema,
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
