"""Keeps of a fuzzer's corpus the few small inputs that reach what the whole of it reaches.

In: a folder of inputs. Out: tests/fixtures/fuzz_corpus, written anew: smallest inputs first, one is
kept if it takes a branch of the front end that neither a seed nor one before it takes. O(inputs),
each run once.
"""

import argparse
import hashlib
import shutil
import warnings
from pathlib import Path

import coverage
from promises import check_promises
from seeds import KEPT, kept_inputs, seed_texts

MAX_KEPT_BYTES = 400_000

Arc = tuple[str, int, int]


def arcs_of(content: bytes) -> set[Arc]:
    """The branches that an input takes, by file."""
    watch = coverage.Coverage(branch=True, data_file=None, source_pkgs=["taskc.dsl"])
    with watch.collect():
        check_promises(content, slower=10.0)
    data = watch.get_data()
    return {(file, *arc) for file in data.measured_files() for arc in data.arcs(file) or ()}


def main() -> None:
    """Chooses and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    folder = parser.parse_args().corpus
    warnings.filterwarnings("ignore", category=coverage.exceptions.CoverageWarning)
    inputs = {path.read_bytes() for path in folder.iterdir() if path.is_file()}
    inputs |= set(kept_inputs())
    shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir()
    seeds = set(seed_texts())
    reached: set[Arc] = set().union(*(arcs_of(seed) for seed in seeds))
    num_kept = size_bytes = 0
    for content in sorted(inputs - seeds, key=lambda each: (len(each), each)):
        arcs = arcs_of(content)
        if arcs <= reached or size_bytes + len(content) > MAX_KEPT_BYTES:
            continue
        reached |= arcs
        (KEPT / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
        num_kept += 1
        size_bytes += len(content)
    print(f"kept {num_kept} of {len(inputs)} inputs, {size_bytes} bytes, {len(reached)} branches")


if __name__ == "__main__":
    main()
