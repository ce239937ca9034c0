"""Tables in files: row groups, hashed as they are written, and nothing missing in them."""

import hashlib

import pyarrow as pa
import pyarrow.parquet
import pytest

from taskc.compiler.writing.tables import table_of, write_row_groups
from taskc.dsl.errors import InternalError
from taskc.runtime.artifact import ContentDigest, evaluation_schema

SCHEMA = pa.schema({"name": pa.dictionary(pa.int32(), pa.string()), "number": pa.int64()})


def group(names, numbers):
    """A row group of the schema."""
    columns = {"name": pa.array(names).dictionary_encode(), "number": pa.array(numbers)}
    return table_of(columns, SCHEMA)


def test_a_file_holds_its_groups_and_knows_its_bytes(tmp_path):
    """Each group has names of its own; size and digest are those of the file."""
    groups = [group(["a", "b"], [1, 2]), group(["c", "b", "c"], [3, 4, 5])]
    told = []
    facts = write_row_groups(
        tmp_path / "deep" / "t.parquet", SCHEMA, groups, told.append, plain=["number"]
    )
    content = (tmp_path / "deep" / "t.parquet").read_bytes()
    file = pa.parquet.ParquetFile(pa.BufferReader(content))

    assert file.metadata.num_row_groups == 2
    assert file.read().to_pydict() == {"name": ["a", "b", "c", "b", "c"], "number": [1, 2, 3, 4, 5]}
    assert (facts.size_bytes, facts.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert told == groups


def test_a_table_of_nothing_has_a_digest(tmp_path):
    """Its columns are named in the manifest all the same."""
    digest = ContentDigest()
    write_row_groups(
        tmp_path / "t.parquet",
        evaluation_schema(),
        [],
        lambda table: digest.add_evaluation("dev", table),
    )

    assert pa.parquet.read_table(tmp_path / "t.parquet").schema == evaluation_schema()
    assert "eval/dev/input_ids" in digest.columns()


def test_a_column_too_few_or_a_null_is_our_own_bug():
    """A table is whole or not written; what its schema doesn't name is left out."""
    names, numbers = pa.array(["a"]).dictionary_encode(), pa.array([1])

    assert table_of({"name": names, "number": numbers, "more": numbers}, SCHEMA).num_columns == 2
    with pytest.raises(InternalError, match="number"):
        table_of({"name": names}, SCHEMA)
    with pytest.raises(InternalError, match="number"):
        table_of({"name": names, "number": pa.array([None], pa.int64())}, SCHEMA)
