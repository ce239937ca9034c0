"""What tests of training share: blocks, tiny models, and processes that are ranks of one run."""

import multiprocessing
import traceback

import pytest

from taskc.runtime.artifact import RunBlock

MODEL = {"call": "tiny_llama", "arguments": {"layers": 2, "width": 32, "heads": 2}}


@pytest.fixture
def block_of():
    """Makes a lowered `train` block from a recipe's name and arguments."""

    def make(recipe, batch, *, model=MODEL, seed=1, **arguments):
        rule = {"call": batch[0], "arguments": {"0": batch[1]}}
        settings = {
            "data": "tiny",
            "model": model,
            "recipe": {"call": recipe, "arguments": {"batch": rule, **arguments}},
            "seed": seed,
        }
        return RunBlock(kind="train", name="go", settings=settings)

    return make


@pytest.fixture
def in_ranks(tmp_path):
    """Runs a function in so many processes that are ranks of one group; returns their results.

    The processes are forked: torch is loaded once, and the function may be any.
    """
    counter = iter(range(100))

    def run(world_size, function):
        context = multiprocessing.get_context("fork")
        results = context.Queue()
        place = tmp_path / f"meeting-{next(counter)}"

        def child(rank):
            import torch

            torch.set_num_threads(1)
            try:
                torch.distributed.init_process_group(
                    "gloo", init_method=f"file://{place}", rank=rank, world_size=world_size
                )
                results.put((rank, function(rank), None))
                torch.distributed.barrier()
                torch.distributed.destroy_process_group()
            except BaseException:
                results.put((rank, None, traceback.format_exc()))
                raise

        children = [context.Process(target=child, args=(rank,)) for rank in range(world_size)]
        for each in children:
            each.start()
        found = {}
        for _ in children:
            rank, result, error = results.get(timeout=120)
            assert error is None, error
            found[rank] = result
        for each in children:
            each.join()
        return [found[rank] for rank in range(world_size)]

    return run
