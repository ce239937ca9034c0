"""The benchmark of what stands behind the tokenizer runs anywhere, in its smallest size."""

import json
import subprocess
import sys


def test_every_stage_is_measured(repository, tmp_path):
    """Stages in their order, and sizes that the format explains."""
    numbers = tmp_path / "numbers.json"
    script = repository / "benchmarks/writing.py"
    command = [sys.executable, script, "--examples", "8000", "--tokens", "100", "--json", numbers]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(numbers.read_text()) if done.returncode == 0 else {}

    assert done.returncode == 0, done.stderr
    assert list(found["stages"]) == ["rank", "mix", "stream", "pack", "write"]
    assert found["examples"] == 8_000
    # Two bytes an id; 18 an example for lengths, ids, sources and one span; 20 a sequence.
    assert 2.17 < found["shard_bytes_a_token"] < 2.21
    assert found["bytes_a_token"] < 2.6
