"""The lock in the checker: what its types tell, and what they must not change."""

import pytest

from taskc.dsl.checker import check
from taskc.dsl.lock.entries import Lock, LockedSource, LockedSplit, LockedTokenizer
from taskc.dsl.lock.text import as_text
from taskc.dsl.packages import Memory

DIGEST = "ab" * 32
HEAD = "language 1\n\n"


def lock(connector="jsonl", pattern="s.jsonl", revision="", **columns):
    """Returns the text of a lock with one source `s`."""
    split = LockedSplit(pattern, 1, {pattern: DIGEST})
    entry = LockedSource(connector, {"train": split}, revision=revision, columns=columns)
    return as_text(Lock({"s": entry})).encode()


def checked(spec, locked, **others):
    """Checks a spec beside a lock; `others` are further files."""
    files = {"p/s.task": (HEAD + spec).encode(), "p/taskc.lock": locked}
    return check(["p"], files=Memory(files | others))


def codes(spec, locked):
    """The codes of what is found, lints left out."""
    return [found.code for found in checked(spec, locked).diagnostics if found.code < "T07"]


def template(text):
    """A source without fields, and a template over it."""
    prompt = f'prompt one: {text} -> "x"'
    return f'source s {{ from jsonl("s.jsonl") }}\ntemplate t for s {{ {prompt} }}\n'


def test_the_columns_of_the_lock_are_the_row():
    """Types are known, and no other field is."""
    source = checked(template('"{a}"'), lock(a="text", b="list[int]?")).program.packages[0].sources

    assert {name: str(type_) for name, type_ in source["s"].row.items()} == {
        "a": "text",
        "b": "list[int]?",
    }
    assert not source["s"].is_open
    assert source["s"].reads is None
    assert source["s"].columns is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"{a}"', []),
        ('"{c}"', ["T0312"]),
        ('"{n + 1}"', []),
        ('"{a + 1}"', ["T0203"]),
        ('"{o}"', ["T0205"]),
        ('"{m}"', []),
        ('"{m + 1}"', []),
    ],
)
def test_templates_are_checked_offline(text, expected):
    """Unknown names, operators and none are seen; of what the lock leaves open nothing is said."""
    assert codes(template(text), lock(a="text", n="int", o="text?", m="any")) == expected


@pytest.mark.parametrize(
    "spec",
    [
        'source s { from jsonl("s.jsonl")  where a != none }',
        'source s { from jsonl("s.jsonl")  let b = strip(a)  where b != none }',
        'source s { from jsonl("s.jsonl")  where first([a]) != none }',
        template('"{b}"').replace("{ prompt one", "{ let b = a  where b != none  prompt one", 1),
        template('"{a}"').replace("one:", "one when a != none:"),
    ],
)
def test_testing_for_none_what_happens_to_be_there_is_no_mistake(spec):
    """A type of the lock says what the files hold today, not what their author promised."""
    assert codes(spec, lock(a="text")) == []


@pytest.mark.parametrize(
    "spec",
    [
        template('"{options}"').replace("prompt", 'options a { yes: "Yes"  no: "No" }  prompt'),
        """schema e { b: choice(yes, no)? }
source s: e { from jsonl("s.jsonl")  let b = a if len(a) > 0 else none }
""",
        'schema e { b: { x: int } }\nsource s: e { from jsonl("s.jsonl")  let b = r }',
    ],
    ids=["options", "choice of a schema", "record of a schema"],
)
def test_what_rows_may_hold_is_not_refused(spec):
    """A text may be one of a choice's, a record has more keys than are asked for: rows will tell.

    The same specs are without a finding where there is no lock.
    """
    locked = lock(a="text", r="{ x: int  y: text }")

    assert codes(spec, locked) == codes(spec, as_text(Lock()).encode()) == []


def test_testing_a_declared_field_for_none_is_one_still():
    """What is made without the lock's columns has a type of its own."""
    spec = 'source s { from jsonl("s.jsonl")  let a = "x"  where a != none }'

    assert codes(spec, lock(a="text")) == ["T0224"]


def test_a_schema_gets_the_raw_columns_of_the_lock():
    """What a `let` reads is typed, and a name that is no column is one that is misspelled."""
    spec = """schema e {{ label: choice(yes, no)  text: text }}
source s: e {{ from jsonl("s.jsonl")  let label = ["yes", "no"][{name}] }}
"""

    assert codes(spec.format(name="label"), lock(label="int", text="text")) == []
    assert codes(spec.format(name="lable"), lock(label="int", text="text")) == ["T0201"]
    assert codes(spec.format(name="label"), lock(label="text", text="text")) == ["T0211"]
    assert codes(spec.format(name="label"), lock(label="int")) == ["T0552"]


def test_a_parameter_stands_before_a_column_of_its_name():
    """As it does where no lock tells that there is such a column."""
    spec = f"param a: int = 3\n{template(chr(34) + '{a + 1}' + chr(34))}"

    assert codes(spec, lock(a="text")) == []


def test_an_entry_of_something_else_is_not_believed():
    """Its columns are those of other files; the source is checked as without a lock."""
    spec = template('"{anything}"').replace("s.jsonl", "other.jsonl")

    assert codes(spec, lock(a="text")) == ["T0551"]
    assert codes(template('"{anything}"'), lock("parquet", a="text")) == ["T0551"]


def test_a_data_root_may_change():
    """The pattern is below the root: where that lies is this machine's matter."""
    spec = 'param data: path = "data"\n' + template('"{a}"').replace("s.jsonl", "{data}/s.jsonl")
    files = {"p/s.task": (HEAD + spec).encode(), "p/taskc.lock": lock(a="text")}
    for params in ({}, {"data": "elsewhere"}, {"data": "/mnt/data"}):
        found = check(["p"], params=params, files=Memory(files))

        assert found.diagnostics == ()


def test_the_lock_pins_remote_data():
    """A revision in the lock is read, and nothing is warned of; one in the spec stands first."""
    spec = 'source s { from hf("o/n") }\n'
    locked = lock("hf", "o/n:train", "abc")

    assert codes(spec, as_text(Lock()).encode()) == ["T0505"]
    assert codes(spec, locked) == []
    source = checked(spec, locked).program.packages[0].sources["s"]
    assert source.connector.arguments["revision"] == "abc"
    assert codes('source s { from hf("o/n", revision: "def") }', locked) == ["T0551"]


def test_the_lock_pins_remote_tokenizers():
    """The same for a tokenizer."""
    spec = 'tokenizer t { from hf("o/n") }\n'
    pinned = Lock(tokenizers={"t": LockedTokenizer("hf", {}, revision="abc")})

    assert codes(spec, as_text(Lock()).encode()) == ["T0505"]
    assert codes(spec, as_text(pinned).encode()) == []


def test_each_package_has_its_own_lock():
    """A source of an imported package is known by the lock beside that one."""
    spec = 'import "../q"\ntemplate t for q.s { prompt one: "{c}" -> "{a}" }\n'
    other = {"q/s.task": (HEAD + 'source s { from jsonl("s.jsonl") }').encode()}

    assert codes_of(checked(spec, as_text(Lock()).encode(), **other)) == []
    other["q/taskc.lock"] = lock(a="text")
    assert codes_of(checked(spec, as_text(Lock()).encode(), **other)) == ["T0312"]


def codes_of(found):
    """The codes of a result, lints left out."""
    return [each.code for each in found.diagnostics if each.code < "T07"]


def test_an_unreadable_lock_stops_its_package():
    """Nothing is built from inputs of which nothing is known."""
    found = checked(template('"{a}"'), b"{")

    assert codes_of(found) == ["T0550"]
    assert found.has_errors


def test_locks_may_be_left_aside():
    """Whoever makes a new lock is not held up by the old one."""
    files = {"p/s.task": (HEAD + template('"{new}"')).encode(), "p/taskc.lock": lock(old="text")}

    assert check(["p"], files=Memory(files), with_locks=False).diagnostics == ()
    assert check(["p"], files=Memory(files)).has_errors
