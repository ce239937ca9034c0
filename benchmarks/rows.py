"""Rows to measure with: made up with the statistics of real ones, or real ones told apart.

In: a number of bytes, and for real rows the instances and tasks of Natural Instructions. Out: JSON
lines with `definition`, `input` and `output`, the same bytes for the same arguments everywhere: the
only source of chance is a bit generator whose stream never changes. Made-up rows have about the
lengths of real ones (660 bytes in the mean, the longest 2,500), words whose frequencies fall as in
Zipf's law, 78 definitions that many rows share, and some text outside ASCII; as most of the words
are invented, a token of GPT-2's covers 3.0 bytes of them and 4.6 of real text. 0.05 s a megabyte.

    python benchmarks/rows.py rows.jsonl --megabytes 60
    python benchmarks/rows.py rows.jsonl --megabytes 60 --instances INSTANCES --tasks TASKS
"""

import argparse
import gzip
import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np

NUM_WORDS = 40_000
ZIPF_EXPONENT = 1.15
NUM_DEFINITIONS = 78
EMPTY_SHARE = 0.005  # rows without an output, which every pipeline leaves out
FOREIGN_SHARE = 0.04  # rows outside ASCII, as many as among real ones
CAPITAL_SHARE = 0.1
NUMBER_SHARE = 0.025
_BLOCK_ROWS = 1_000

_ONSETS = "b c d f g h l m n p r s t v w st tr pl ch th sh br gr qu"
_VOWELS = "a e i o u ea ai ou io"
_CODAS = ",,,n,r,s,t,l,ng,nd,ck,st"
_CYRILLIC = str.maketrans("abcdefghiklmnopqrstuvw", "абцдефгхиклмнопкрстувш")
_ACCENTS = str.maketrans("aeiou", "äéîøü")
_BREAKS = (" ", ", ", ". ", ".\n", ": ", ' "', '" ')
_BREAK_SHARES = (0.84, 0.06, 0.07, 0.01, 0.01, 0.005, 0.005)
# The most frequent words of English prose by rank; rarer ranks are made of syllables.
_FREQUENT = """
    the of and to a in is that it for was on are as with they be at this from have or by one had
    not but what all were when we there can an your which their said if do will each about how up
    out them then she many some so these would other into has more her two like him see time could
    no make than first been its who now people my made over did down only way find use may water
    long little very after words called just where most know get through back much before go good
    new write our used me man too any day same right look think also around another came come work
    three word must because does part even place well such here take why things help put years
    different away again off went old number great tell men say small every found still between
    name should home big give air line set own under read last never us left end along while might
    next sound below saw something thought both few those always looked show large often together
    asked house world going want school important until form food keep children feet land side
    without boy once animals life enough took sometimes four head above kind began almost live
    page got earth need far hand high year mother light parts country father let night following
    picture being study second eyes soon times story boys since white days ever paper hard near
    sentence better best across during today others however sure means knew try told young miles
    sun ways thing whole hear example heard several change answer room sea against top turned
    learn point city play toward five using himself usually
"""
_LABELS = ("Yes", "No", "True", "False", "entailment", "neutral", "positive", "negative", "A", "B")


class Chance:
    """Random numbers whose stream is fixed: raw bits of PCG64, never a library's distribution."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def uniform(self, size: int) -> np.ndarray:
        """Numbers in [0, 1), float64 [size]."""
        return (self._bits.random_raw(size) >> np.uint64(11)) * 2.0**-53

    def below(self, limit: int, size: int) -> np.ndarray:
        """Whole numbers in [0, limit), int64 [size]."""
        return (self.uniform(size) * limit).astype(np.int64)

    def picked(self, cumulative: np.ndarray, size: int) -> np.ndarray:
        """Indices into shares that are given as running sums, int64 [size]."""
        return np.searchsorted(cumulative, self.uniform(size) * cumulative[-1], side="right")


def _word(rank: int) -> str:
    """The digits of a rank, written in syllables: a frequent word is short."""
    onsets, vowels, codas = _ONSETS.split(), _VOWELS.split(), _CODAS.split(",")
    syllables = []
    while not syllables or rank:
        rank, onset = divmod(rank, len(onsets))
        rank, vowel = divmod(rank, len(vowels))
        syllables.append(onsets[onset] + vowels[vowel] + codas[(rank + onset) % len(codas)])
    return "".join(syllables)


class Text:
    """Running text: words by Zipf's law, some with a capital, some of them numbers."""

    def __init__(self, chance: Chance) -> None:
        self.chance = chance
        frequent = _FREQUENT.split()
        rare = [_word(rank) for rank in range(NUM_WORDS - len(frequent))]
        rare[::997] = [word.translate(_ACCENTS) for word in rare[::997]]
        words = frequent + rare
        numbers = [str(number * 7) for number in range(1_000)]
        self.words = np.array([*words, *(word.capitalize() for word in words), *numbers], object)
        self.zipf = np.cumsum((np.arange(NUM_WORDS) + 2.7) ** -ZIPF_EXPONENT)
        self.breaks = np.array(_BREAKS, object)
        self.break_shares = np.cumsum(_BREAK_SHARES)

    def block(self, lengths: np.ndarray) -> list[str]:
        """Texts of so many words each."""
        total = int(lengths.sum())
        picks = self.chance.picked(self.zipf, total)
        kind = self.chance.uniform(total)
        picks = np.where(kind < CAPITAL_SHARE, picks + NUM_WORDS, picks)
        picks = np.where(kind > 1 - NUMBER_SHARE, 2 * NUM_WORDS + picks % 1_000, picks)
        words = self.words[picks].tolist()
        breaks = self.breaks[self.chance.picked(self.break_shares, total)].tolist()
        pairs = list(chain.from_iterable(zip(words, breaks, strict=True)))
        ends = np.cumsum(lengths).tolist()
        return [
            "".join(pairs[2 * (end - length) : 2 * end - 1])
            for end, length in zip(ends, lengths.tolist(), strict=True)
        ]


def made_up_rows(seed: int = 1) -> Iterator[dict[str, str]]:
    """Yields rows without end."""
    chance = Chance(seed)
    text = Text(chance)
    definitions = text.block(20 + chance.below(80, NUM_DEFINITIONS))
    while True:
        # Products of three uniform numbers have about the skew that lengths of real inputs have.
        skewed = np.prod(chance.uniform(3 * _BLOCK_ROWS).reshape(3, -1), axis=0)
        inputs = text.block(4 + (340 * skewed).astype(np.int64))
        outputs = text.block(1 + chance.below(14, _BLOCK_ROWS))
        tasks = chance.below(NUM_DEFINITIONS, _BLOCK_ROWS).tolist()
        fate = chance.uniform(_BLOCK_ROWS).tolist()
        for task, value, output, share in zip(tasks, inputs, outputs, fate, strict=True):
            row = {"definition": definitions[task], "input": value, "output": output}
            if task % 2:
                row["output"] = _LABELS[(task + len(value)) % len(_LABELS)]
            if share < EMPTY_SHARE:
                row["output"] = ""
            elif share > 1 - FOREIGN_SHARE:
                row["input"] = value.translate(_CYRILLIC)
            yield row


def real_rows(instances: Path, tasks: Path) -> Iterator[dict[str, str]]:
    """Yields real rows, then without end rows put together from the sentences of one task's rows.

    Args:
        instances: JSON lines with `task`, `input` and `outputs`, or the same packed with gzip.
        tasks: JSON lines with `task` and `definition`.
    """
    definitions = {task["task"]: task["definition"] for task in _json_lines(tasks)}
    rows = list(_json_lines(instances))
    sentences: dict[str, list[str]] = {}
    for row in rows:
        yield _real_row(definitions, row, row["input"])
        sentences.setdefault(row["task"], []).extend(_sentences(row["input"]))
    chance = Chance(1)
    while True:
        for row in rows:
            known = sentences[row["task"]]
            picks = chance.below(len(known), len(_sentences(row["input"]))).tolist()
            yield _real_row(definitions, row, " ".join(known[pick] for pick in picks))


def _real_row(definitions: dict[str, str], row: dict, value: str) -> dict[str, str]:
    return {
        "definition": definitions[row["task"]],
        "input": value,
        "output": row["outputs"][0],
    }


def _sentences(text: str) -> list[str]:
    """Pieces of a text that end where a sentence may end."""
    pieces = text.split(". ")
    return [f"{piece}." for piece in pieces[:-1]] + pieces[-1:]


def _json_lines(path: Path) -> Iterator[dict]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def write_rows(path: Path, rows: Iterable[dict[str, str]], num_bytes: int) -> int:
    """Writes rows until the file has `num_bytes` or they run out; returns how many there are."""
    written = count = 0
    with path.open("wb") as file:
        for row in rows:
            written += file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            count += 1
            if written >= num_bytes:
                break
    return count


def cut_rows(source: Path, path: Path, num_bytes: int) -> int:
    """Copies the first lines of `source` until there are `num_bytes`; returns how many there are.

    Raises:
        ValueError: If the file is smaller than that.
    """
    size = source.stat().st_size
    if size < num_bytes:
        raise ValueError(f"{source} has {size:,} bytes, {num_bytes:,} are asked for")
    written = count = 0
    with source.open("rb") as lines, path.open("wb") as file:
        for line in lines:
            written += file.write(line)
            count += 1
            if written >= num_bytes:
                break
    return count


def main() -> None:
    """Writes one file of rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--megabytes", type=float, default=60, help="10^6 bytes each (default: 60)")
    parser.add_argument("--seed", type=int, default=1, help="of made-up rows (default: 1)")
    parser.add_argument("--instances", type=Path, help="real rows: task, input and outputs a line")
    parser.add_argument("--tasks", type=Path, help="their tasks: task and definition a line")
    options = parser.parse_args()
    if (options.instances is None) != (options.tasks is None):
        parser.error("--instances and --tasks go together")
    rows = made_up_rows(options.seed)
    if options.instances:
        rows = real_rows(options.instances, options.tasks)
    count = write_rows(options.out, rows, int(options.megabytes * 1e6))
    print(f"{options.out}: {count:,} rows, {options.out.stat().st_size / count:.0f} bytes a row")


if __name__ == "__main__":
    main()
