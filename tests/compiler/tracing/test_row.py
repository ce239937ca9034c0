"""One row by its place: what `survey` says of the whole file it says of each row alone."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler import plan
from taskc.compiler.lower import lower
from taskc.compiler.rows.connect.files import InputFile
from taskc.compiler.rows.survey import SurveyTask, survey
from taskc.compiler.tracing.row import look, whole
from taskc.dsl.checker import check

SPEC = """language 1

source s {{
  from   {connector}
  splits train
  fields {{ word: text  n: int }}
  let    twice = n + n
  where  twice != 6
  where  word != "c"
  dedup  by word
}}

template t for s {{
  prompt p: "{{word}} {{twice}}" -> "{{n}}"
}}

mixture m {{
  from s
}}

tokenizer letters {{
  from file("tokenizer.json")
  eos  "<eos>"
}}

build b {{
  mixture   m
  tokenizer letters
  format    prompt_target(input: 40, target: 20, separator: eos, end: eos)
  pack      best_fit(length: 64)
  splits    train
}}
"""

LINES = st.lists(
    st.one_of(
        st.fixed_dictionaries({"word": st.sampled_from("abc"), "n": st.integers(1, 4)}).map(
            json.dumps
        ),
        st.sampled_from(["", "  ", "{", "[1]", '{"word": 1, "n": 1}', '{"n": 1}']),
    ),
    max_size=8,
)


@pytest.fixture(scope="session")
def looked(tmp_path_factory):
    """Writes a file; returns its source and the file."""
    folder = tmp_path_factory.mktemp("p")

    def write(content: bytes, name: str = "s.jsonl") -> tuple[plan.Source, InputFile]:
        kind = "csv" if ".csv" in name else "jsonl"
        spec = SPEC.format(connector=f'{kind}("{name}")')
        (folder / "p.task").write_text(spec, encoding="utf-8")
        (folder / name).write_bytes(content)
        build = lower(check([str(folder)]).program).builds[0]
        return build.sources[0], InputFile(str(folder / name), name)

    return write


@given(lines=LINES)
def test_rows_alone_are_the_rows_of_the_file(looked, lines):
    """Ids, refusals and mistakes of all lines, one by one, are those of the survey of them all."""
    source, file = looked("\n".join(lines).encode())
    together = survey(SurveyTask(source=source, file=file, range=whole(0)))
    alone = [look(source, file, whole(0), number) for number in range(1, len(lines) + 1)]
    found = [each for each in alone if each is not None]
    kept = [each for each in found if each.is_kept]

    assert [each.number - 1 for each in kept] == together.lines.tolist()
    assert b"".join(each.row_id for each in kept) == together.ids.tobytes()
    assert b"".join(each.dedup_key for each in kept) == together.dedup_keys.tobytes()
    assert together.num_read == len(found)
    assert together.num_failed == sum(bool(each.diagnostics) for each in found)
    assert together.refused == [
        sum(each.refused == where for each in found) for where in source.wheres
    ]


def test_a_mistake_is_the_one_that_a_build_reports(looked):
    """With the values that were made before it."""
    source, file = looked(b'{"word": "a", "n": 1}\n{"word": "b", "n": "x"}\n')
    found = look(source, file, whole(0), 2)

    assert (
        found.diagnostics
        == survey(SurveyTask(source=source, file=file, range=whole(0))).findings.diagnostics()
    )
    assert found.raw == {"word": "b", "n": "x"}
    assert not found.is_kept


def test_lets_are_among_the_values_and_the_raw_row_stays(looked):
    """What is shown of a row is what it was and what became of it."""
    source, file = looked(b'{"word": "a", "n": 2}')
    found = look(source, file, whole(0), 1)

    assert found.raw == {"word": "a", "n": 2}
    assert found.shaped == {"word": "a", "n": 2, "twice": 4}
    assert found.rows("s", "train", 3).ordinals == [3]


@pytest.mark.parametrize("name", ["s.csv", "s.csv.gz"])
def test_a_record_over_two_lines_has_the_number_of_its_first(looked, name):
    """No row starts on the line within it."""
    content = b'word,n\n"a\nb",1\nd,2\n'
    source, file = looked(gzip.compress(content) if name.endswith("gz") else content, name)
    found = [look(source, file, whole(0), number) for number in range(1, 6)]

    assert [each and each.shaped["word"] for each in found] == [None, "a\nb", None, "d", None]
