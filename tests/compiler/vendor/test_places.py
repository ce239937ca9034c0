"""Places in a vendored folder: no name leads out of it, and every name means what it meant."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.vendor.places import below, pattern_below, root_for

names = st.builds(
    lambda climbs, parts: posixpath.join(*[".."] * climbs, *parts),
    st.integers(0, 4),
    st.lists(st.sampled_from(["a", "b.jsonl", "c d"]), min_size=1, max_size=3),
)


@given(st.lists(names, min_size=1, max_size=5))
def test_every_file_stays_in_the_folder(some):
    """However high a name climbs; and from its new root each has the name that it had."""
    root = root_for("package/input", some)
    for name in some:
        place = posixpath.normpath(posixpath.join(root, name))

        assert place.startswith("package/input/")
        assert below(place, root) == posixpath.normpath(name)


@pytest.mark.parametrize(
    ("path", "root", "name"),
    [
        ("/mnt/data/a/b.jsonl", "/mnt/data", "a/b.jsonl"),
        ("specs/../data/b.jsonl", "specs", "../data/b.jsonl"),
        ("s3://bucket/data/a/b.jsonl", "s3://bucket/data", "a/b.jsonl"),
        ("memory://b.jsonl", "memory://b.jsonl", ""),
    ],
)
def test_names_are_below_the_root(path, root, name):
    """Local paths and URLs."""
    assert below(path, root) == name


def test_signs_of_globs_in_the_folder_stand_for_themselves(tmp_path):
    """Somebody may vendor into `inputs[2024]`."""
    assert pattern_below("in[1]/p", "*.jsonl") == "in[[]1]/p/*.jsonl"
    assert pattern_below("in[1]/p", "a.jsonl") == "in[1]/p/a.jsonl"
