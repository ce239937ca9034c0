"""`decontaminate ... by ngrams(13)` on real rows: all that was planted is found, nothing else is.

The proof near_and_overlap does the same over more rows; here its own functions are run on fewer.
"""

import gzip
import importlib.util
import json
from itertools import islice
from pathlib import Path

PROOF = Path(__file__).parents[2] / "proofs" / "near_and_overlap.py"
NUM_ROWS = 4_000


def test_200_planted_overlaps_are_found_and_named(shared_data, tmp_path, capsys):
    """Whole or 13 words of it, as it was, in other case, in other spacing; 0 where none is."""
    spec = importlib.util.spec_from_file_location("near_and_overlap", PROOF)
    proof = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(proof)
    with gzip.open(shared_data / "ni/instances.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["input"] for line in islice(lines, NUM_ROWS)]
    holds = proof.with_planted(tmp_path, texts)
    printed = capsys.readouterr().out

    assert "rows reported where none shares a run: 0\n" in printed
    assert "planted: 200, found: 200, named: 200, other rows: 0\n" in printed
    assert holds
