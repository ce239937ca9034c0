"""What the fuzzer starts from: the wrong and the right specs of the tests, and the kept corpus.

In: tests/fixtures. Out: inputs, as fuzz/promises.py reads them.
"""

from pathlib import Path

__all__ = ["KEPT", "kept_inputs", "seed_texts"]

FIXTURES = Path(__file__).parents[1] / "tests" / "fixtures"
KEPT = FIXTURES / "fuzz_corpus"
_PATTERNS = ("diagnostics/*.txt", "*/*.task")


def seed_texts() -> list[bytes]:
    """The specs of the tests, without the reports that are expected of them."""
    paths = sorted(path for pattern in _PATTERNS for path in FIXTURES.glob(pattern))
    return [path.read_bytes().partition(b"=== expected\n")[0] for path in paths]


def kept_inputs() -> list[bytes]:
    """What earlier runs found."""
    return [path.read_bytes() for path in sorted(KEPT.glob("*"))]
