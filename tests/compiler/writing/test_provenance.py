"""Provenance against lists: each example's own row, prompt and file, in any stretch."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.demand.columns import Examples
from taskc.compiler.sequences.stream import Origin, PromptName, Stream
from taskc.compiler.writing.provenance import Provenance

PROMPTS = (
    [PromptName("t", "ask", "a.task:1"), PromptName("t", "tell", "a.task:2")],
    [PromptName("u", "ask", "a.task:9")],
)


def stream_of(world, picks):
    """A stream of (origin, row, prompt, ordinal) over two sources of six rows in three ranges."""
    ordinals = [0, 1, 0, 2, 0, 0]
    origins = [
        Origin(name, "all" if i else "", f"metric {i}", rows, PROMPTS[i])
        for i, (name, rows) in enumerate(
            (name, world.rows_of(name, 6, [2, 3], ordinals=own))
            for name, own in (("ants", None), ("bees", ordinals))
        )
    ]
    numbers = np.arange(len(picks), dtype=np.uint32)
    zeros = np.zeros(len(picks), np.uint32)
    examples = Examples(
        row=np.array([row for _, row, _ in picks], np.uint32),
        repetition=numbers,
        prompt=np.array([prompt % len(PROMPTS[own]) for own, _, prompt in picks], np.uint16),
        part=zeros.astype(np.uint16),
        pointer=zeros.astype(np.uint64),
        tokens=zeros,
        trained=zeros,
        trimmed=2 * numbers,
    )
    return Stream(origins, [], np.array([own for own, _, _ in picks], np.uint16), examples)


picks_of_examples = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(0, 1)), max_size=20
)


@given(picks_of_examples, st.data())
def test_an_example_s_columns_are_those_of_its_row_and_prompt(world, picks, data):
    """Names, file and number of the row, and what was counted along the way."""
    begin = data.draw(st.integers(0, len(picks)))
    end = data.draw(st.integers(begin, len(picks)))
    stream = stream_of(world, picks)
    found = {n: c.to_pylist() for n, c in Provenance(stream).columns(begin, end).items()}
    expected = []
    for number, (own, row, prompt) in list(enumerate(picks))[begin:end]:
        origin = stream.origins[own]
        file, line = origin.rows.place(row)
        name = PROMPTS[own][prompt % len(PROMPTS[own])]
        expected.append(
            {
                "source": ("ants", "bees")[own],
                "cluster": ("", "all")[own],
                "metric": f"metric {own}",
                "template": name.template,
                "label": name.label,
                "at": name.at,
                "file": file,
                "row": line,
                "row_id": bytes(origin.rows.ids[row]),
                "ordinal": [0, 1, 0, 2, 0, 0][row] if own else 0,
                "repetition": number,
                "part": 0,
                "trimmed_tokens": 2 * number,
                "exemplars": [],
                "shots": 0,
            }
        )

    assert [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)] == (
        expected
    )


def test_names_stand_once_in_a_stretch(world):
    """A dictionary holds what its stretch uses, however many files the stream has."""
    stream = stream_of(world, [(0, 0, 0)] * 3 + [(1, 5, 0)] * 3)
    provenance = Provenance(stream)

    assert provenance.columns(0, 3)["file"].dictionary.to_pylist() == ["ants/a.jsonl"]
    assert provenance.columns(0, 6)["label"].dictionary.to_pylist() == ["ask"]
