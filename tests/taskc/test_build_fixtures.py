"""Wrong builds and what is said about them: one file a mistake, the whole report beside it.

A fixture is a text in sections: `=== NAME` for each file, and `=== expected` with the report.
Behind the name may stand how the file is made of its text: `(repeat N)`, `(latin-1)`, `(gzip)`,
`(truncated gzip)`, `(parquet)`, `(arrow)` (both from JSON lines), `(unreadable)`, or `(absent)`.
Sections of one name follow each other in one file. A `tokenizer.json` with a token for each byte
lies there unless the fixture brings its own.

The examples in the pages of `taskc explain` for the same codes are built here too. They show what
matters; the declarations that a build needs besides stand in `REST`. With `taskc.lock` inputs are
compared with it, as by `--locked`; with a folder `vendored` they are read from it. An empty table
of tokenizers in either is filled in. The package is called `project`.
`TASKC_UPDATE_FIXTURES='T08*'` writes these reports again; read each one that changed.
"""

import gzip
import os
import re
from fnmatch import fnmatch
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from taskc.api import build_each, lower_sound
from taskc.dsl.checker import check
from taskc.dsl.codes import CODES
from taskc.dsl.diagnostics import Severity
from taskc.dsl.report import render
from taskc.workers import Workers

ROOT = Path(__file__).parents[2]
FIXTURES = sorted((ROOT / "tests/fixtures/build").glob("*.txt"))
BUILD_TIME = re.compile(r"T05[1-4]\d|T06[4-9]\d|T08\d\d")
CODES_OF_BUILDS = sorted(code for code in CODES if BUILD_TIME.fullmatch(code))
SECTION = re.compile(r"^=== (\S+)(?: \((.*)\))?\n", re.MULTILINE)
BLOCK = re.compile(r"^```(\w+)(?: (\S+)(?: \((.*)\))?)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MAX_FIRST_LINE = 100


# ---- making the files --------------------------------------------------------------------------


def tokenizer_json():
    """Returns a tokenizer with a token for each byte and one special token."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|end|>"])
    return tokenizer.to_str()


def content(text, how):
    """Returns the bytes of a section."""
    kind, _, argument = how.partition(" ")
    match kind:
        case "repeat":
            return text.encode() * int(argument)
        case "latin-1":
            return text.encode("latin-1")
        case "gzip":
            return gzip.compress(text.encode(), mtime=0)
        case "truncated":
            whole = gzip.compress(text.encode(), mtime=0)
            return whole[: len(whole) // 2]
        case "parquet" | "arrow":
            return columnar(text, kind)
        case _:
            return text.encode()


def type_of(name):
    """Returns the type behind a column's name, as an argument or none."""
    return filter(None, [name.partition(":")[2]])


def columnar(text, kind):
    """Returns a file with the rows of JSON lines; a key `x:type` gives its column's type."""
    rows = [orjson.loads(line) for line in text.splitlines()]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    names = [name.partition(":")[0] for name in columns]
    arrays = [
        pa.array(list(map(float, values)) if name.endswith(":float64") else values, *type_of(name))
        for name, values in columns.items()
    ]
    table = pa.Table.from_arrays(arrays, names=names)
    out = BytesIO()
    if kind == "parquet":
        pyarrow.parquet.write_table(table, out)
    else:
        with pa.ipc.new_file(out, table.schema) as writer:
            writer.write_table(table)
    return out.getvalue()


@pytest.fixture
def report_of(tmp_path, monkeypatch):
    """Builds what (name, how, text) files say; gives the report and the diagnostics."""

    def run(files):
        made = {"tokenizer.json": tokenizer_json().encode()}
        own = {name for name, _, _ in files}
        made = {name: data for name, data in made.items() if name not in own}
        for name, how, text in files:
            made[name] = made.get(name, b"") + content(text, how)
        pin_tokenizer(made)
        project = tmp_path / "project"
        project.mkdir()
        hidden = [str(Path(name)) for name, how, _ in files if how == "unreadable"]
        for name, data in made.items():
            if (name, "absent", "") not in files:
                path = project / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        monkeypatch.chdir(project)
        if hidden:
            hide(monkeypatch, hidden)
        checked = check(["."], params={})
        found = list(checked.diagnostics)
        plans, is_locked = lower_sound(checked).builds, "taskc.lock" in own
        built_in_turn = build_each(
            plans,
            ["."],
            out=tmp_path / "out",
            workers=Workers(jobs=1),
            store=tmp_path / "store",
            locked=is_locked,
            vendored="vendored" if any(name.startswith("vendored/") for name in own) else None,
        )
        for built in built_in_turn:
            found += built.diagnostics
        report = render(found, checked.program.texts)

        assert str(tmp_path) not in report
        return report, found

    return run


def pin_tokenizer(made):
    """Puts the tokenizer, whose bytes are the library's, into a lock or a vendored folder."""
    tokenizer = made["tokenizer.json"]
    files = f'"files": {{"tokenizer.json": "{sha256(tokenizer).hexdigest()}"}}'
    for name, entry in (
        ("taskc.lock", f'{{"kind": "file", {files}}}'),
        ("vendored/vendor.json", f'{{"path": "project/bytes/tokenizer.json", {files}}}'),
    ):
        if name in made:
            filled = f'"tokenizers": {{"bytes": {entry}}}'
            made[name] = made[name].replace(b'"tokenizers": {}', filled.encode())
    if "vendored/vendor.json" in made:
        made["vendored/project/bytes/tokenizer.json"] = tokenizer


def hide(monkeypatch, names):
    """Makes some files unreadable, as for a user without the right (the tests may be root's)."""
    opened = Path.open

    def refuse(self, *arguments, **keywords):
        if any(self.match(name) for name in names):
            raise PermissionError(13, "Permission denied")
        return opened(self, *arguments, **keywords)

    monkeypatch.setattr(Path, "open", refuse)


def sections(text):
    """Returns the files of a fixture as (name, how, text), and the expected report."""
    parts = SECTION.split(text)[1:]
    found = list(zip(parts[0::3], (how or "" for how in parts[1::3]), parts[2::3], strict=True))
    return found[:-1], found[-1][2]


# ---- fixtures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_report(path, report_of):
    """The report on a wrong build is the one beside it, and keeps the rules for words."""
    text = path.read_text(encoding="utf-8")
    files, expected = sections(text)
    report, found = report_of(files)
    if fnmatch(path.name, os.environ.get("TASKC_UPDATE_FIXTURES", "")):
        head = text.partition("=== expected\n")[0]
        path.write_text(f"{head}=== expected\n{report}", encoding="utf-8")
        expected = report

    assert expected == report
    assert path.stem.partition("_")[0] in {each.code for each in found}
    for each in found:
        first = each.message.lstrip("`-")

        assert len(each.message) <= MAX_FIRST_LINE
        assert each.message.startswith("`") or first[0].islower() or not first[0].isalpha()
        assert each.primary is not None
        assert each.primary.text
        for words in (each.message, *each.notes, *each.helps):
            assert not words.endswith(".")


def test_every_code_of_a_build_has_a_fixture():
    """A code that nothing shows is a message that nobody has read."""
    shown = {path.stem.partition("_")[0] for path in FIXTURES}

    assert set(CODES_OF_BUILDS) - shown == set()


# ---- the examples of the pages -----------------------------------------------------------------

# What an example leaves out, by the word that it would start with.
REST = {
    "source": """source reviews {
  from   jsonl("reviews.jsonl")
  fields { body: text  mood: text }
}
""",
    "template": """template rate for reviews {
  prompt ask: "{body}" -> "{mood}"
}
""",
    "mixture": """mixture all {
  from reviews
}
""",
    "tokenizer": """tokenizer bytes {
  from file("tokenizer.json")
  eos  "<|end|>"
}
""",
    "build": """build moods {
  mixture   all
  tokenizer bytes
  format    prompt_target(input: 96, target: 8, separator: "\\n", end: eos, bos: none)
  pack      best_fit(length: 128)
  splits    train, dev
}
""",
}
# Codes that only stand beside others.
SHOWN_WITH = {"T0809": {"T0801"}}
ROWS = """{"body": "A long warm bath of a film.", "mood": "good"}
{"body": "Two hours, gone.", "mood": "bad"}
"""


def completed(files):
    """Returns the files of an example with what it leaves out."""
    spec = "".join(text for name, _, text in files if name.endswith(".task"))
    missing = [kind for kind in REST if not re.search(rf"^{kind} ", spec, re.MULTILINE)]
    rest = "\n".join(REST[kind] for kind in missing)
    if "dev" not in spec:
        rest = rest.replace("train, dev", "train")
    rows = [("reviews.jsonl", "", ROWS)] if "source" in missing else []
    return [*files, *rows, *([("rest.task", "", f"language 1\n\n{rest}")] if rest else [])]


def examples(code):
    """Returns the files of the two examples of a page."""
    page = (ROOT / "dsl/explain" / f"{code}.md").read_text(encoding="utf-8")
    wrong, right = page.partition("\n## Wrong\n")[2].split("\n## Right\n")
    return [
        [(name or "example.task", how or "", text) for _, name, how, text in BLOCK.findall(part)]
        for part in (wrong, right)
    ]


@pytest.mark.parametrize("code", CODES_OF_BUILDS)
def test_the_wrong_example_of_a_page_gives_its_code(code, report_of):
    """What a reader tries gets the report that was looked up, and no other error."""
    report, found = report_of(completed(examples(code)[0]))
    errors = {each.code for each in found if each.severity is Severity.ERROR}

    assert code in {each.code for each in found}, report
    assert errors <= {code} | SHOWN_WITH.get(code, set()), report


@pytest.mark.parametrize("code", CODES_OF_BUILDS)
def test_the_right_example_of_a_page_builds(code, report_of):
    """The mend mends it."""
    report, found = report_of(completed(examples(code)[1]))

    assert code not in {each.code for each in found}, report
    assert not [each for each in found if each.severity is Severity.ERROR], report
