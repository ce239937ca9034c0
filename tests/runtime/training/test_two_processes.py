"""Both whole recipes over two processes, sharded, and gone on with by one: the run is the same."""

import json

import pytest

from taskc.runtime.reader import open as open_artifact
from taskc.runtime.train import train
from taskc.runtime.training.machine import Machine

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

LORA = {"call": "lora", "arguments": {"rank": 4, "alpha": 8, "dropout": 0.2}}
RAMP = {"call": "ramp", "arguments": {"0": 0.0, "1": 0.3}}
FLAN = ("flan", ("tokens", 64), {"steps": 4, "lr": 0.01})
LIMA = ("lima", ("examples", 10), {"epochs": 1, "lr": 0.01, "last_lr": 0.001, "dropout": RAMP})


@pytest.fixture(params=["all", "lora"])
def adapter(request):
    """What a recipe is given besides, so that all parameters are trained or adapters."""
    if request.param == "all":
        return {}
    pytest.importorskip("peft")
    return {"adapter": LORA}


@pytest.fixture(params=[FLAN, LIMA], ids=["flan", "lima"])
def block(request, block_of, adapter):
    """A run of four steps; noise on the residual branches of LIMA's."""
    name, batch, arguments = request.param
    return block_of(name, batch, **arguments, **adapter)


def test_two_processes_then_one(folder, block, in_ranks, tmp_path):
    """Sharded Adafactor and AdamW, whole and LoRA: two steps by two, a state, the rest by one."""
    artifact = open_artifact(folder)
    whole = [step.loss for step in train(artifact, block, tmp_path / "whole", machine=merging())]
    out = tmp_path / "out"

    def first_two(_rank):
        losses = []
        machine = merging(checkpoint_every=2, shard=True)
        for step in train(artifact, block, out, machine=machine):
            losses.append(step.loss)
            if step.step == 2:
                return losses
        raise AssertionError

    losses = in_ranks(2, first_two)
    assert losses[0] == losses[1]
    rest = [step.loss for step in train(artifact, block, out, machine=merging(), resume="same")]
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    note = next(line for line in log if "resumed_at" in line)

    assert [*losses[0], *rest] == pytest.approx(whole, abs=1e-5)
    assert note["changed"]["world_size"] == {"before": 2, "now": 1}
    for path in ("model", *(["epochs/01"] if "lima" in str(block) else [])):
        weights = [
            transformers.AutoModelForCausalLM.from_pretrained(place / path).state_dict()
            for place in (tmp_path / "whole", out)
        ]
        for key, value in weights[0].items():
            assert torch.allclose(value, weights[1][key], atol=1e-4), key


def merging(**more):
    """A machine that writes whole models."""
    return Machine(merge=True, **more)
