"""Each rank writes its part and reads it again; what is damaged or another's is refused."""

import multiprocessing
import os
import pickle
import signal

import numpy as np
import pytest

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.reader import open as open_artifact
from taskc.runtime.schedule import sequences
from taskc.runtime.train import train
from taskc.runtime.training.machine import Machine

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from torch.distributed.checkpoint import FileSystemWriter  # noqa: E402 (needs torch)
from torch.distributed.tensor import DTensor  # noqa: E402

from taskc.runtime.recipes.flan import Flan  # noqa: E402
from taskc.runtime.recipes.sft import Sft  # noqa: E402
from taskc.runtime.training import checkpoint  # noqa: E402
from taskc.runtime.training.ranks import Ranks  # noqa: E402
from taskc.runtime.training.step import Stepper  # noqa: E402

RAMP = {"call": "ramp", "arguments": {"0": 0.1, "1": 0.3}}
RUNS = {
    "flan": (("tokens", 64), {"steps": 4}),
    "lima": (("examples", 10), {"epochs": 1, "dropout": RAMP}),
}
RECIPES = {
    "adafactor": Flan(steps=3, batch=sequences(4)),
    "adamw": Sft(lr=0.01, steps=3, batch=sequences(4)),
}


@pytest.fixture(params=RECIPES)
def recipe(request):
    """One for each optimizer."""
    return RECIPES[request.param]


def stepped(recipe, ranks, *, sharded=False, seed=0, vocab_size=101):
    """A small Llama after a step with gradients of its own, the same over all ranks."""
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=vocab_size, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    stepper = Stepper(model, recipe, [], ranks=ranks, sharded=sharded)
    for parameter in model.parameters():
        parameter.grad = parameter.detach() * (seed + 1)
    stepper.optimizer.step()
    return stepper


def held(stepper):
    """All that a state is of, whole, by name."""
    found = {}
    for name, parameter in stepper.model.named_parameters():
        found[name] = parameter.detach()
        for key, value in stepper.optimizer.state[parameter].items():
            found[f"{name}: {key}"] = torch.as_tensor(value)
    whole = {
        name: value.full_tensor() if isinstance(value, DTensor) else value
        for name, value in found.items()
    }
    return {name: value.numpy().copy() for name, value in whole.items()}


def taken_up(recipe, out, ranks, *, sharded=False):
    """Another model after another step, and then the state that was saved."""
    stepper = stepped(recipe, ranks, sharded=sharded, seed=1)
    checkpoint.restore(stepper, checkpoint.find(out))
    return stepper


def are_equal(one, other):
    """Whether they hold the same to the bit."""
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)


# ---- over ranks --------------------------------------------------------------------------------


@pytest.mark.parametrize("sharded", [False, True])
def test_two_ranks_write_half_each_and_one_takes_it_up(tmp_path, in_ranks, recipe, sharded):
    """And the other way round; to the bit, and to write and read no tensor is gathered."""

    def two(rank):
        ranks = Ranks(rank, 2)
        with pytest.MonkeyPatch.context() as patch:
            stepper = stepped(recipe, ranks, sharded=sharded)
            patch.setattr(DTensor, "full_tensor", None)
            checkpoint.save(stepper, tmp_path / "two", 1, {}, {})
            again = taken_up(recipe, tmp_path / "two", ranks, sharded=sharded)
            from_one = taken_up(recipe, tmp_path / "one", ranks, sharded=sharded)
        return {name: held(each) for name, each in (
            ("saved", stepper), ("again", again), ("from one", from_one)
        )}  # fmt: skip

    alone = stepped(recipe, Ranks())
    checkpoint.save(alone, tmp_path / "one", 1, {}, {})
    for found in in_ranks(2, two):
        assert are_equal(found["saved"], found["again"])
        assert are_equal(found["from one"], held(alone))
        saved = found["saved"]
    sizes = [file.stat().st_size for file in (tmp_path / "two" / "checkpoint").glob("*.distcp")]

    assert len(sizes) == 2
    assert max(sizes) < 2 * min(sizes)
    assert are_equal(saved, held(taken_up(recipe, tmp_path / "two", Ranks())))


@pytest.mark.parametrize("name", ["flan", "lima"])
def test_sharded_it_goes_on_to_the_bit(folder, tmp_path, block_of, in_ranks, name):
    """On the same number of ranks: log and model, with what Adafactor keeps of rows and columns."""
    batch, more = RUNS[name]
    artifact, block = open_artifact(folder), block_of(name, batch, lr=0.01, **more)

    def some(out, last):
        machine = Machine(checkpoint_every=2, shard=True)
        for step in train(artifact, block, out, machine=machine, resume="same"):
            if step.step == last:
                break

    def both(_rank):
        some(tmp_path / "whole", 0)
        some(tmp_path / "out", 3)  # the state is that after two
        some(tmp_path / "out", 0)

    in_ranks(2, both)
    logs = [(tmp_path / out / "log.jsonl").read_text() for out in ("whole", "out")]
    models = [tmp_path / out / "model" / "model.safetensors" for out in ("whole", "out")]

    assert logs[0] == logs[1]
    assert models[0].read_bytes() == models[1].read_bytes()


def test_killed_while_two_ranks_write_the_state_before_is_there(tmp_path):
    """One part is written and the other half there when the processes are gone."""
    write, context = FileSystemWriter.write_data, multiprocessing.get_context("fork")

    def killed(self, plan, planner):
        done = write(self, plan, planner)
        if not self.rank:
            signal.pause()
        os.truncate(next(self.path.glob("__1_*")), 1000)
        os.kill(os.getpid(), signal.SIGKILL)
        return done

    def work(rank):
        torch.set_num_threads(1)
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{tmp_path / 'meeting'}", rank=rank, world_size=2
        )
        stepper = stepped(RECIPES["adamw"], Ranks(rank, 2), sharded=True)
        checkpoint.save(stepper, tmp_path, 1, {}, {})
        FileSystemWriter.write_data = killed
        checkpoint.save(stepper, tmp_path, 2, {}, {})

    children = [context.Process(target=work, args=(rank,)) for rank in range(2)]
    for each in children:
        each.start()
    children[1].join(timeout=60)
    children[0].kill()
    children[0].join()

    assert [each.exitcode for each in children] == [-signal.SIGKILL] * 2
    assert (tmp_path / ".checkpoint.new").is_dir()
    assert checkpoint.find(tmp_path).position == 1
    found = taken_up(RECIPES["adamw"], tmp_path, Ranks())
    assert are_equal(held(found), held(stepped(RECIPES["adamw"], Ranks())))


def test_where_one_rank_can_t_write_all_are_told(tmp_path, in_ranks):
    """With the rank and what went wrong; the state before stays."""

    def two(rank):
        stepper = stepped(RECIPES["adamw"], Ranks(rank, 2))
        checkpoint.save(stepper, tmp_path, 1, {}, {})

        def full(*_):
            raise OSError("No space left on device")

        if rank:
            FileSystemWriter.write_data = full
        with pytest.raises(ArtifactError, match="found on rank 1: No space left on device"):
            checkpoint.save(stepper, tmp_path, 2, {}, {})

    in_ranks(2, two)
    assert checkpoint.find(tmp_path).position == 1


def test_asked_to_stop_while_it_writes_it_stops(tmp_path, monkeypatch):
    """An interrupt is not told as a fault of the disk."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(FileSystemWriter, "write_data", interrupted)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(stepped(RECIPES["adamw"], Ranks()), tmp_path, 1, {}, {})
    assert checkpoint.find(tmp_path) is None


# ---- what is refused ---------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    """The folder of a state."""
    checkpoint.save(stepped(RECIPES["adamw"], Ranks()), tmp_path, 1, {}, {})
    return tmp_path / "checkpoint"


def cut_short(folder):
    """Half of what a rank wrote is gone."""
    (parts,) = folder.glob("*.distcp")
    os.truncate(parts, parts.stat().st_size // 2)


def overwritten(folder):
    """Its first block is zeros."""
    (parts,) = folder.glob("*.distcp")
    with parts.open("r+b") as file:
        file.write(bytes(4_096))


def without_a_part(folder):
    """What a rank wrote is gone."""
    (parts,) = folder.glob("*.distcp")
    parts.unlink()


@pytest.mark.parametrize("damage", [cut_short, overwritten, without_a_part])
def test_damaged_parts_are_said(saved, damage):
    """With the folder, and not as a fault of the program."""
    damage(saved)
    with pytest.raises(ArtifactError, match="parameters and optimizer of this run") as caught:
        taken_up(RECIPES["adamw"], saved.parent, Ranks())
    assert caught.value.file == str(saved)


@pytest.mark.parametrize("content", [b"", b"PK damaged", pickle.dumps({"a": 1}), b"\x80\x04."])
def test_a_damaged_index_is_said(saved, content, caplog):
    """And nothing is logged besides."""
    (saved / ".metadata").write_bytes(content)
    with pytest.raises(ArtifactError, match="no index of parts"):
        taken_up(RECIPES["adamw"], saved.parent, Ranks())
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]


def test_a_damaged_record_is_said(saved):
    """The file that says where the run stands."""
    (saved / "state.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"state\.json: state"):
        checkpoint.find(saved.parent)


def test_a_state_of_another_form_is_refused(saved):
    """One without an index: it was whole in two files once."""
    for file in saved.iterdir():
        if file.name != "state.json":
            file.unlink()
    (saved / "weights.pt").write_bytes(b"")
    with pytest.raises(ArtifactError, match="as this version of taskc writes it, found none"):
        checkpoint.find(saved.parent)


def test_another_optimizer_s_or_model_s_is_refused(saved):
    """By what there is more or less, or by its sizes."""
    with pytest.raises(ArtifactError, match=r"more or less .*weight\.columns"):
        taken_up(RECIPES["adafactor"], saved.parent, Ranks())
    smaller = stepped(RECIPES["adamw"], Ranks(), vocab_size=100)
    with pytest.raises(ArtifactError, match=r"[Ss]ize"):
        checkpoint.restore(smaller, checkpoint.find(saved.parent))
