"""The benchmark of training: its figures add up, and it runs on a CPU from data to table."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


@pytest.fixture
def script(repository, monkeypatch):
    """The benchmark as a module."""
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    import train_gpu

    return train_gpu


@pytest.mark.parametrize(("name", "billions"), [("8b", 8.03), ("1b", 1.24)])
def test_shapes_are_the_models_they_name(script, name, billions):
    """Parameters as published, and those that multiply every token are all but norms and tables."""
    shape = script.SHAPES[name]
    with torch.device("meta"):
        model = script.model_of(shape, "meta", 64)
    numbers = {name: each.numel() for name, each in model.named_parameters() if each.dim() > 1}
    tables = [numbers.pop(each, 0) for each in ("model.embed_tokens.weight", "lm_head.weight")]

    assert sum(each.numel() for each in model.parameters()) == pytest.approx(
        1e9 * billions, rel=0.01
    )
    assert shape.num_inner == sum(numbers.values())
    assert shape.num_head == max(tables)


def test_operations_are_those_of_a_counted_step(script):
    """As torch counts matrix products of one example, forwards and backwards; half of attention."""
    from torch.utils.flop_counter import FlopCounterMode

    shape = script.SHAPES["tiny"]
    model = script.model_of(shape, "cpu", 64)
    model.set_attn_implementation("eager")
    ids = torch.zeros(1, 64, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids, use_cache=False).logits.sum().backward()
    whole = shape.flops(64, 64, 2 * 64 * 64)  # eager attention computes what it hides as well

    assert counter.get_total_flops() == pytest.approx(whole, rel=0.01)
    assert shape.flops(64, 16, 0) == 6 * (64 * shape.num_inner + 16 * shape.num_head)


def test_figures_leave_out_the_first_steps(script):
    """Sums over the others; utilisation is of the peak that is given."""
    slow = {"wall_s": 100.0, "data_s": 50.0, "tokens": 1, "trained_tokens": 1, "squares": 1}
    fast = {"wall_s": 2.0, "data_s": 0.5, "tokens": 1000, "trained_tokens": 250, "squares": 9000}
    options = SimpleNamespace(shape="1b", warmup=1, peak=1.0, device="cpu", pipeline="taskc")
    taken = [script.Taken(**slow), script.Taken(**fast), script.Taken(**fast)]
    result = script.summed(options, "sdpa", taken)

    assert (result.tokens_per_s, result.trained_per_s, result.data_share) == (500, 125, 0.25)
    assert result.step_s == 2.0
    assert result.mfu == script.SHAPES["1b"].flops(2000, 2000, 18_000) / 4e12
    assert result.done < result.mfu


def test_squares_are_of_examples_and_not_of_padding(script):
    """Two examples of 3 and 2 tokens, and padding."""
    piece = SimpleNamespace(example_BT=np.array([[7, 7, 7, 9, 9, -1, -1, -1]]))

    assert script._squares(piece) == 9 + 4


@pytest.fixture
def artifact(script, tmp_path, capsys):
    """Where twenty thousand random words were built."""
    options = SimpleNamespace(out=tmp_path / "data", shape="tiny", length=1024, tokens=20_000)
    assert script.write_data(options) == 0
    return Path(capsys.readouterr().out.strip())


def test_steps_are_measured_on_a_cpu(script, artifact):
    """The trainer's own and synthetic ones: every figure is there, over the same work."""
    results = {}
    for pipeline in ("taskc", "synthetic"):
        options = SimpleNamespace(
            artifact=artifact, pipeline=pipeline, shape="tiny", device="cpu", steps=2, warmup=1,
            batch_tokens=2048, max_tokens=1024, recompute=True, compile=False, peak=989.0,
        )  # fmt: skip
        results[pipeline] = script.taskc_steps(options)
    shares = {each.trained_per_s / each.tokens_per_s for each in results.values()}

    assert {each.attention for each in results.values()} == {"sdpa"}
    assert max(shares) == pytest.approx(min(shares))
    for each in results.values():
        assert each.tokens_per_s > each.trained_per_s > 0
        assert 0 < each.done < each.mfu
        assert 0 <= each.data_share < 1


@pytest.mark.slow
def test_a_table_is_printed_and_kept(repository, artifact, tmp_path):
    """Each pipeline in a process of its own."""
    kept = tmp_path / "kept.json"
    command = [sys.executable, str(repository / "benchmarks" / "train_gpu.py"), "run"]
    small = ["--shape", "tiny", "--device", "cpu", "--steps", "1", "--warmup", "1"]
    done = subprocess.run(
        [*command, "--artifact", str(artifact), *small, "--json", str(kept)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    results = [each["pipeline"] for each in json.loads(kept.read_text())["results"]]

    assert done.returncode == 0, done.stderr
    assert "taskc / synthetic: " in done.stdout
    assert results[:2] == ["taskc", "synthetic"]
