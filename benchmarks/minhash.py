"""What MinHash signatures cost: ours, rensa's and datasketch's, over the same shingles.

In: nothing; sets of 64-bit numbers are drawn with a fixed seed, one in ten a near copy of another
one. Out: a line for each library and size of sets, from a process of its own: CPU microseconds a
row to sign, to hand the signature out as numbers (a survey keeps them in the store), and to find
who shares a band; the peak of memory beyond the sets; and the share of the pairs alike by 0.8 or
more that share one. All use 96 minima in 16 bands of 6. datasketch signs a row at a time and is
given a tenth of the rows. Needs the extra `bench`.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from taskc.compiler.resemblance.greedy import sharing
from taskc.compiler.resemblance.minhash import bands, bands_for
from taskc.compiler.resemblance.shingles import Shingles, offsets_of

NUM_ROWS = 200_000
CHUNK_ROWS = 2_000  # signed at a time, as a survey does
NEAR = 0.8
NUM_BANDS, BAND_LENGTH = 16, 6
NUM_MINIMA = NUM_BANDS * BAND_LENGTH

Pairs = list[tuple[int, int]]


def drawn(num_rows: int, size: int) -> tuple[Shingles, Pairs]:
    """Sets of `size` numbers, and the pairs of rows that are alike by 0.8 or more."""
    draw = np.random.Generator(np.random.PCG64(size))
    sets = draw.integers(0, 2**64, (num_rows, size), np.uint64)
    num_copies = num_rows // 11
    pairs = []
    for copy in range(num_copies):
        original, row = copy, num_rows - num_copies + copy
        num_changed = int(draw.integers(0, max(size // 8, 2)))
        sets[row] = sets[original]
        sets[row, :num_changed] = draw.integers(0, 2**64, num_changed, np.uint64)
        if (size - num_changed) / (size + num_changed) >= NEAR:
            pairs.append((original, row))
    return Shingles(sets.reshape(-1), offsets_of(np.full(num_rows, size))), pairs


class Clock:
    """CPU seconds since the last look."""

    def __init__(self) -> None:
        self.last = time.process_time()

    def look(self) -> float:
        """The seconds since."""
        now = time.process_time()
        self.last, seconds = now, now - self.last
        return seconds


def chunks(rows: Shingles) -> list[Shingles]:
    """The rows as they come from a file."""
    every = np.arange(len(rows))
    return [rows.pick(every[at : at + CHUNK_ROWS]) for at in range(0, len(rows), CHUNK_ROWS)]


# Seconds to sign, to hand out and to find; and whether two rows share a band.
Timed = tuple[float, float, float, Callable[[int, int], bool]]


def ours(rows: Shingles) -> Timed:
    """This repository's."""
    pieces, clock = chunks(rows), Clock()
    cut = bands_for(NEAR)
    assert (cut.count, cut.length) == (NUM_BANDS, BAND_LENGTH)
    numbers = np.concatenate([bands(piece, cut) for piece in pieces])
    signed = clock.look()
    sharing(numbers)
    return signed, 0.0, clock.look(), lambda a, b: bool((numbers[a] == numbers[b]).any())


def rensa(rows: Shingles) -> Timed:
    """Rensa's R-MinHash, the whole sets."""
    from rensa import RMinHash, RMinHashLSH

    pieces, clock = chunks(rows), Clock()
    matrices = [
        RMinHash.digest_matrix_from_flat_token_hashes(
            piece.hashes, piece.offsets.astype(np.uint64), NUM_MINIMA, 42
        )
        for piece in pieces
    ]
    signed = clock.look()
    minima = np.concatenate([np.array(matrix.to_rows(), np.uint32) for matrix in matrices])
    handed = clock.look()
    index = RMinHashLSH(threshold=NEAR, num_perm=NUM_MINIMA, num_bands=NUM_BANDS)
    for at, matrix in enumerate(matrices):
        index.insert_matrix(matrix, at * CHUNK_ROWS)
    for matrix in matrices:
        index.query_duplicate_flags_matrix(matrix)
    found = clock.look()
    cut = minima.reshape(len(minima), NUM_BANDS, BAND_LENGTH)
    return signed, handed, found, lambda a, b: bool((cut[a] == cut[b]).all(axis=1).any())


def datasketch(rows: Shingles) -> Timed:
    """Datasketch's MinHash and MinHashLSH."""
    from datasketch import MinHash, MinHashLSH

    halves = (rows.hashes >> np.uint64(32)).tolist()
    clock = Clock()
    signatures = []
    for row in range(len(rows)):
        made = MinHash(num_perm=NUM_MINIMA, hashfunc=lambda number: number)
        made.update_batch(halves[int(rows.offsets[row]) : int(rows.offsets[row + 1])])
        signatures.append(made)
    signed = clock.look()
    index = MinHashLSH(num_perm=NUM_MINIMA, params=(NUM_BANDS, BAND_LENGTH))
    for row, made in enumerate(signatures):
        index.insert(row, made)
    near = [set(index.query(made)) for made in signatures]
    return signed, 0.0, clock.look(), lambda a, b: b in near[a]


WAYS = {"ours": ours, "rensa": rensa, "datasketch": datasketch}


def measured(name: str, size: int) -> dict[str, Any]:
    """What one way costs on sets of one size."""
    rows, pairs = drawn(NUM_ROWS // (10 if name == "datasketch" else 1), size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signed, handed, found, shares = WAYS[name](rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "sign_us": signed / len(rows) * 1e6,
        "hand_us": handed / len(rows) * 1e6,
        "find_us": found / len(rows) * 1e6,
        "bytes_per_row": peak * 1024 / len(rows),
        "recall": sum(shares(*pair) for pair in pairs) / len(pairs),
    }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", nargs=2)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measured(options.measure[0], int(options.measure[1]))))
        return
    print(f"{'us a row':24}{'sign':>9}{'hand out':>10}{'find':>9}{'bytes a row':>13}{'recall':>9}")
    for size in (20, 100):
        for name in WAYS:
            command = [sys.executable, __file__, "--measure", name, str(size)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout)
            print(
                f"{name + f', {size} shingles':24}{found['sign_us']:9.2f}{found['hand_us']:10.2f}"
                f"{found['find_us']:9.2f}{found['bytes_per_row']:13,.0f}{found['recall']:9.2%}"
            )


if __name__ == "__main__":
    main()
