"""The format `prompt_target`: [bos] input separator target end, the last two trained.

In: phrased examples with an input and a target, or an input alone. Out: their layout. Under
`seam: split` input and target are encoded apart, each as a turn of its own; under `seam: join` as
one text, and the mask begins at the first token that lies wholly in the target.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.turns.formats.frame import Frame
from taskc.compiler.turns.formats.layout import Layout, Pool, Texts, ids_at, overflow_of
from taskc.compiler.turns.formats.overflow import Cut, cut_prompts
from taskc.compiler.turns.formats.pieces import Pieces
from taskc.compiler.turns.phrase import Phrased, PhrasedColumns
from taskc.compiler.turns.tokenizer import Loaded

__all__ = ["laid_out"]

Int64s = npt.NDArray[np.int64]


class _Said(NamedTuple):
    """The texts of phrased examples; a target is "" where there is none."""

    inputs: list[str]
    targets: list[str]
    has_target: npt.NDArray[np.bool_]


class _Sides(NamedTuple):
    """Input and target of each phrased example as ranges of `texts`, and ids of options."""

    texts: npt.NDArray[np.uint32]
    input_start: Int64s
    input_length: Int64s
    target_start: Int64s
    target_length: Int64s
    seam_joined: npt.NDArray[np.bool_]
    option_ids: list[list[list[int]]]


def laid_out(
    examples: Sequence[Phrased],
    format_: plan.PromptTargetFormat,
    frame: Frame,
    loaded: Loaded,
    *,
    evaluation: bool,
) -> Layout:
    """Lays out a chunk.

    Args:
        examples: Each with the turns `input`, and `target` unless it is only generated from.
        format_: Limits, seam and overflow.
        frame: Ids around the texts.
        loaded: The tokenizer.
        evaluation: Whether to encode options, and to keep the answer out of the input.
    """
    said = _said(examples)
    has_target = said.has_target
    if format_.seam == "split":
        sides = _apart(said, [each.answers for each in examples] if evaluation else (), loaded)
    elif evaluation:
        sides = _joined_for_evaluation(examples, frame, loaded)
    else:
        sides = _joined(said, frame, loaded)
    cut = cut_prompts(
        sides.input_length,
        sides.target_length,
        np.where(has_target, len(frame.end), 0),
        max_input=format_.input,
        max_target=format_.target,
        overflow=overflow_of(format_.overflow, evaluation=evaluation),
    )
    pool = Pool(frame, sides.texts, loaded.vocab_size)
    return Layout(
        pool=pool,
        pieces=_pieces(pool, frame, sides, cut, has_target),
        phrased=cut.example,
        part=cut.part,
        trimmed_tokens=cut.trimmed_tokens,
        seam_joined=sides.seam_joined[cut.example],
        too_long=cut.too_long,
        option_ids=sides.option_ids,
    )


def _pieces(
    pool: Pool, frame: Frame, sides: _Sides, cut: Cut, has_target: npt.NDArray[np.bool_]
) -> Pieces:
    """Five pieces a part: bos, input, separator, target, end."""
    of = cut.example
    num_parts = len(of)
    start = np.empty((num_parts, 5), np.int64)
    start[:, 0], start[:, 2], start[:, 4] = pool.bos, pool.separator, pool.end
    start[:, 1] = pool.num_constants + sides.input_start[of] + cut.input_start
    start[:, 3] = pool.num_constants + sides.target_start[of] + cut.target_start
    length = np.empty_like(start)
    length[:, 0], length[:, 2] = len(frame.bos), len(frame.separator)
    length[:, 1], length[:, 3] = cut.input_length, cut.target_length
    length[:, 4] = np.where(cut.is_ended & has_target[of], len(frame.end), 0)
    is_trained = np.array([False, False, False, True, True])
    return Pieces(
        example=np.repeat(np.arange(num_parts), 5),
        start=start.reshape(-1),
        length=length.reshape(-1),
        is_trained=np.tile(is_trained, num_parts),
    )


# ---- seams -------------------------------------------------------------------------------------


def _apart(said: _Said, answers: Sequence[Sequence[str]], loaded: Loaded) -> _Sides:
    """`seam: split`: every text by itself, each different one once."""
    texts = Texts()
    inputs = texts.add_all(said.inputs)
    targets = texts.add_all(said.targets)
    options = [[texts.add(text) for text in each] for each in answers]
    encoded = loaded.encode(list(texts))
    starts, lengths = encoded.offsets[:-1], np.diff(encoded.offsets)
    return _Sides(
        texts=encoded.ids,
        input_start=starts[inputs],
        input_length=lengths[inputs],
        target_start=starts[targets],
        target_length=np.where(said.has_target, lengths[targets], 0),
        seam_joined=np.zeros(len(inputs), np.bool_),
        option_ids=[[ids_at(encoded, index) for index in indices] for indices in options],
    )


def _joined(said: _Said, frame: Frame, loaded: Loaded) -> _Sides:
    """`seam: join` in training: a token across the seam belongs to the input."""
    heads = [text + frame.joined for text in said.inputs]
    placed = loaded.encode_placed(
        [head + target for head, target in zip(heads, said.targets, strict=True)]
    )
    lengths = np.array([len(one.ids) for one in placed], np.int64)
    seams = np.array(
        [
            sum(start < len(head) for start in one.starts)
            for head, one in zip(heads, placed, strict=True)
        ],
        np.int64,
    )
    spanned = [
        seam > 0 and one.ends[seam - 1] > len(head)
        for head, one, seam in zip(heads, placed, seams.tolist(), strict=True)
    ]
    starts = np.cumsum(lengths) - lengths
    return _Sides(
        texts=_flat([one.ids for one in placed]),
        input_start=starts,
        input_length=seams,
        target_start=starts + seams,
        target_length=lengths - seams,
        seam_joined=np.array(spanned, np.bool_),
        option_ids=[],
    )


def _joined_for_evaluation(examples: Sequence[Phrased], frame: Frame, loaded: Loaded) -> _Sides:
    """`seam: join` in an evaluation: the input is what the joint ids of all answers have in common.

    So input and option together are the very ids that training would give, and no token of the
    input holds a character of the answer.
    """
    texts = Texts()
    joint: list[list[int]] = []  # of each example: the input alone, its target, its options
    for example in examples:
        head = example.texts[0] + frame.joined
        answers = [_target(example), *example.answers]
        joint.append([texts.add(head), *(texts.add(head + answer) for answer in answers)])
    encoded = loaded.encode(list(texts))
    sides = [[ids_at(encoded, index) for index in indices] for indices in joint]
    common = [_num_common(ids) for ids in sides]
    heads = [ids[0][:length] for ids, length in zip(sides, common, strict=True)]
    targets = [ids[1][length:] for ids, length in zip(sides, common, strict=True)]
    flat = _flat([ids for pair in zip(heads, targets, strict=True) for ids in pair])
    lengths = np.array([[len(a), len(b)] for a, b in zip(heads, targets, strict=True)], np.int64)
    lengths = lengths.reshape(len(examples), 2)
    ends = np.cumsum(lengths.reshape(-1)).reshape(len(examples), 2)
    return _Sides(
        texts=flat,
        input_start=ends[:, 0] - lengths[:, 0],
        input_length=lengths[:, 0],
        target_start=ends[:, 1] - lengths[:, 1],
        target_length=lengths[:, 1],
        seam_joined=np.array(
            [length < len(ids[0]) for ids, length in zip(sides, common, strict=True)], np.bool_
        ),
        option_ids=[
            [ids[length:] for ids in one[2:]] for one, length in zip(sides, common, strict=True)
        ],
    )


def _said(examples: Sequence[Phrased]) -> _Said:
    """The inputs and the targets of a chunk."""
    if isinstance(examples, PhrasedColumns):
        inputs, *targets = examples.turns
        has_target = np.full(len(examples), bool(targets))
        return _Said(inputs, targets[0] if targets else [""] * len(examples), has_target)
    return _Said(
        [example.texts[0] for example in examples],
        [_target(example) for example in examples],
        np.array([len(example.texts) > 1 for example in examples], np.bool_),
    )


def _target(example: Phrased) -> str:
    """The text of the target; "" where there is none."""
    return example.texts[1] if len(example.texts) > 1 else ""


def _num_common(columns: list[list[int]]) -> int:
    """How many ids all columns begin with."""
    first, last = min(columns), max(columns)  # the two that part first
    for position, (left, right) in enumerate(zip(first, last, strict=False)):
        if left != right:
            return position
    return min(len(first), len(last))


def _flat(columns: list[list[int]]) -> npt.NDArray[np.uint32]:
    if not columns:
        return np.zeros(0, np.uint32)
    return np.concatenate([np.array(column, np.uint32) for column in columns])
