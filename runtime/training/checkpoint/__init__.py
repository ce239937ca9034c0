"""A run's state on disk: parameters, optimizer, and a few integers; whole or not at all.

In: a stepper and the step it has come to. Out: OUT/checkpoint, replaced in one step, and back. What
is read at which step and which noise it meets are arithmetic, so no generator and no iterator is
saved: state.json holds the position, and what the run was taken with. Where a recipe keeps its
epochs, the states after the last two are kept besides, OUT/states/NN: the same files by another
name. Each rank writes what it holds, so that nothing is gathered; any number of ranks, sharded or
not, takes it up.

    __R_0.distcp    what rank R wrote: its parts of parameters and optimizer, float32
    .metadata       which part is where
    state.json      position, identity (content and settings, compared), circumstances (noted)

    states          where states are on disk: found, replaced, kept, gone back to
    parts           what a state holds: written and read by each rank, its own part
"""

from taskc.runtime.training.checkpoint.parts import restore, save, weights_of
from taskc.runtime.training.checkpoint.states import (
    Found,
    differences,
    discard,
    find,
    find_kept,
    forget,
    go_back,
    keep,
)

__all__ = [
    "Found",
    "differences",
    "discard",
    "find",
    "find_kept",
    "forget",
    "go_back",
    "keep",
    "restore",
    "save",
    "weights_of",
]
