"""Evaluation tables: what is given and what is asked for, group after group."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskc.compiler.store.objects import Store
from taskc.compiler.writing import evaluated
from taskc.compiler.writing.evaluated import evaluation_groups
from taskc.compiler.writing.scatter import opener

ids = st.lists(st.integers(0, 99), max_size=5)
examples = st.tuples(ids.filter(len), ids, st.lists(ids, max_size=3))


@settings(max_examples=50)
@given(st.lists(examples, max_size=12), st.integers(1, 20), st.integers(1, 5))
def test_groups_hold_the_split_in_order(made, rows, group_tokens, group_examples):
    """The last trained turn is the target; options are those of the example; nothing is lost."""
    columns = made.evaluation_of("dev", len(rows)).columns
    columns["input_ids"] = [given_ids for given_ids, _, _ in rows]
    columns["target_ids"] = [target for _, target, _ in rows]
    columns["option_ids"] = [options for _, _, options in rows]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluated, "GROUP_TOKENS", group_tokens)
        patch.setattr(evaluated, "GROUP_EXAMPLES", group_examples)
        store = Store.open(Path(folder) / "store")
        own = made.evaluation_set_of(store, made.Evaluation("dev", columns), 100)
        groups = list(
            evaluation_groups(
                own.stream, opener(store, own.stream.segments), Path(folder), vocab_size=100
            )
        )
        found = pa.concat_tables(groups).to_pydict()

    assert found == columns
    assert max(map(len, groups)) <= group_examples
    for group in groups:
        tokens = sum(map(len, group["input_ids"].to_pylist() + group["target_ids"].to_pylist()))
        assert tokens <= group_tokens or len(group) == 1


def test_only_the_last_trained_turn_is_asked_for(made, tmp_path):
    """Turns before it are given, trained or not; what comes after it is asked for as well."""
    store = Store.open(tmp_path / "store")
    example = made.Example([1, 2, 3, 4, 5, 6], [(1, 2), (4, 5)])
    own = made.evaluation_set_of(store, made.evaluation_of("dev", 1), 100).stream
    answers = {"option_ids": [[]], "correct": [[]], "references": [[]]}
    own.segments = [made.stored(store, [example], 100, **answers)]
    own.examples.tokens[:] = 6
    (group,) = evaluation_groups(own, opener(store, own.segments), tmp_path, vocab_size=100)

    assert group["input_ids"].to_pylist() == [[1, 2, 3, 4]]
    assert group["target_ids"].to_pylist() == [[5, 6]]
