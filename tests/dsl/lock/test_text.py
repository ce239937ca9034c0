"""A lock as text: one text for one lock, read again as it was, and refused where it is none."""

import json
from difflib import SequenceMatcher

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.dsl.lock.entries import Lock, LockedSource, LockedSplit, LockedTokenizer
from taskc.dsl.lock.text import LockTextError, as_text, entry_offset, parse

DIGEST = "ab" * 32

keys = st.text(max_size=6)
digests = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
files = st.dictionaries(keys, digests, max_size=3)
splits = st.builds(LockedSplit, pattern=keys, rows=st.integers(0, 10**9), files=files)
options = st.dictionaries(
    keys, st.text(max_size=3) | st.booleans() | st.integers() | st.lists(keys, max_size=2)
)
sources = st.builds(
    LockedSource,
    connector=st.sampled_from(["jsonl", "csv"]),
    splits=st.dictionaries(keys, splits, max_size=2),
    options=options,
    revision=keys,
    columns=st.none() | st.dictionaries(keys, st.sampled_from(["text", "list[int?]", "any"])),
)
tokenizers = st.builds(LockedTokenizer, kind=st.just("file"), files=files, revision=keys)
locks = st.builds(
    Lock,
    sources=st.dictionaries(keys, sources, max_size=2),
    tokenizers=st.dictionaries(keys, tokenizers, max_size=2),
)


def source(columns=("a",), rows=1):
    """Returns an entry with some columns."""
    return LockedSource(
        "jsonl",
        {"train": LockedSplit("a.jsonl", rows, {"a.jsonl": DIGEST})},
        columns=dict.fromkeys(columns, "text"),
    )


@given(locks)
def test_what_is_written_is_read_again(lock):
    """Round trip, and the second writing changes nothing."""
    text = as_text(lock)

    assert parse(text.encode()) == lock
    assert as_text(parse(text.encode())) == text


@given(locks, st.randoms())
def test_the_order_of_entries_does_not_count(lock, random):
    """Whoever found what first, the bytes are the same."""

    def shuffled(value):
        if not isinstance(value, dict):
            return value
        pairs = list(value.items())
        random.shuffle(pairs)
        return {name: shuffled(each) for name, each in pairs}

    moved = json.dumps(shuffled(json.loads(as_text(lock))))

    assert as_text(parse(moved.encode())) == as_text(lock)


def test_two_branches_change_different_lines():
    """Each adds a source of its own; no line that one adds or takes away is one of the other's."""
    base = {"b": source(), "f": source(), "m": source()}
    text = as_text(Lock(base)).splitlines()

    def changed(added):
        other = as_text(Lock({**base, added: source()})).splitlines()
        moves = SequenceMatcher(None, text, other, autojunk=False).get_opcodes()
        return {line for tag, start, end, *_ in moves if tag != "equal" for line in (start, end)}

    assert changed("c") & changed("h") == set()


def test_entries_have_a_place():
    """A finding about an entry points at its name, not at a column or a tokenizer of that name."""
    lock = Lock({"a": source(("b",)), "b": source()}, {"a": LockedTokenizer("file", {})})
    text = as_text(lock)

    def line(offset):
        return text[offset:].splitlines()[0], text[:offset].count("\n")

    assert line(entry_offset(text, "sources", "b"))[0] == '"b": {'
    assert line(entry_offset(text, "sources", "a"))[1] == 3
    assert line(entry_offset(text, "tokenizers", "a"))[1] > 20
    assert entry_offset(text, "sources", "c") == 0


GOOD = json.loads(as_text(Lock({"a": source()}, {"t": LockedTokenizer("file", {"t": DIGEST})})))


def broken(path, value):
    """Returns a lock with another value in one place; `...` takes the place away."""
    lock = json.loads(json.dumps(GOOD))
    *way, last = path.split("/")
    inner = lock
    for name in way:
        inner = inner[name]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return json.dumps(lock).encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "no object"),
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"version": 1, "version": 1}', "`version` stands twice"),
        (b'{"version": 1,\n<<<<<<< ours\n}', "merge"),
        (broken("version", 2), "format version is 2"),
        (broken("version", ...), "format version is null"),
        (broken("later", 1), "unknown part `later`"),
        (broken("sources/a", 1), "no object"),
        (broken("sources/a/connector", ...), "`connector`"),
        (broken("sources/a/splits", ...), "`splits`"),
        (broken("sources/a/size", 1), "unknown part `size`"),
        (broken("sources/a/columns/a", "str"), "`str` is no type"),
        (broken("sources/a/columns/a", 1), "no text"),
        (broken("sources/a/options", {"x": {}}), "no argument"),
        (broken("sources/a/options", {"x": [1]}), "no argument"),
        (broken("sources/a/splits/train/rows", -1), "no number of rows"),
        (broken("sources/a/splits/train/rows", True), "no number of rows"),
        (broken("sources/a/splits/train/files/a.jsonl", "AB"), "no SHA-256"),
        (broken("sources/a/splits/train/mtime", 1), "unknown part `mtime`"),
        (broken("tokenizers/t/files", None), "no object"),
        (broken("tokenizers/t/more", 1), "unknown part `more`"),
    ],
)
def test_what_is_no_lock_is_refused_in_words(content, words):
    """Every part is looked at; nothing is passed over."""
    with pytest.raises(LockTextError) as refused:
        parse(content)

    assert words in refused.value.words


def test_a_byte_order_mark_is_no_part_of_it():
    """Some editors put one there."""
    assert parse(b"\xef\xbb\xbf" + as_text(Lock()).encode()) == Lock()
