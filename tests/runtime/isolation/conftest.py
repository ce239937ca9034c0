"""What tests of isolation share: a pack of three examples."""

import numpy as np
import pytest

from taskc.runtime.isolation.families import VOCAB_SIZE
from taskc.runtime.reader import open as open_artifact


@pytest.fixture
def sequence(made, tmp_path):
    """Three examples of 7, 5 and 4 tokens in one pack."""
    rng = np.random.default_rng(0)
    stream = [made.Example(rng.integers(0, VOCAB_SIZE, n).tolist(), [(1, n)]) for n in (7, 5, 4)]
    (packed,) = open_artifact(made.write_examples(tmp_path / "tiny", stream))["train"]
    return packed
