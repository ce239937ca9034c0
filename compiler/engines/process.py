"""What a process of our own sets before it works: workers, and the command line; no user's script.

In: nothing. Out: a driver that gives freed columns back to the system, and processes that pyarrow
does not make wait for pandas. Nothing depends on either but memory and time.
"""

import ctypes
import gc
import os
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.abc import MetaPathFinder

__all__ = ["prepare_driver", "prepare_to_work_alone", "prepare_worker", "spare_pandas"]

# glibc serves blocks of this size and more by pages of their own, which go back when they are
# freed. Left alone it raises the border to 32 MiB as it sees large blocks freed, and columns that
# were freed stay in its heap.
_MMAP_THRESHOLD_BYTES = 1 << 18
_KEPT_BYTES = 1 << 23
_HEAP_STEP_BYTES = 1 << 26
_SEARCHES = (700, 10, 10)  # for cycles; Python's own numbers
_prepared: set[str] = set()  # what this process was prepared for
_M_MMAP_THRESHOLD, _M_TOP_PAD, _M_TRIM_THRESHOLD = -3, -2, -1  # of mallopt(3)


def prepare_driver(*modules: str) -> None:
    """Prepares a process that holds columns of all rows; a second time changes nothing.

    Args:
        modules: What it is going to run. It is loaded here, after numpy's library is told and
            before cycles are looked for: there is none to be found among it.
    """
    # numpy's library of matrices starts a thread a core, for nothing that we do: 0.1 CPU s.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _set_mmap_threshold(_MMAP_THRESHOLD_BYTES)
    _prepared.add("driver")
    spare_pandas()
    for module in modules:
        import_module(module)
    _search_what_comes()


def prepare_to_work_alone() -> None:
    """Prepares a driver that does its workers' work.

    The heap grows in large steps and keeps as much at its end, for a page that goes back and comes
    again costs a fault, and all of them a twentieth of the time. Columns still go back. A process
    that `prepare_driver` never saw is somebody else's: it stays as it is.
    """
    mallopt = _mallopt()
    if _prepared and mallopt is not None:
        mallopt(_M_TOP_PAD, _HEAP_STEP_BYTES)


def prepare_worker() -> None:
    """Prepares a worker, forked from a driver or not.

    It holds no columns, and frees so many blocks that returning them would cost a tenth more time.
    """
    _set_mmap_threshold(_KEPT_BYTES)
    _search_what_comes()
    spare_pandas()


def _search_what_comes() -> None:
    """Looks for cycles as often as Python does, for stages leave some that hold rows.

    Not among what is there already: it stays, and after a fork it stays shared.
    """
    gc.set_threshold(*_SEARCHES)
    gc.freeze()


def _set_mmap_threshold(num_bytes: int) -> None:
    """Sets the border, and twice as much as what may be free at the heap's end, as glibc does."""
    mallopt = _mallopt()
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, num_bytes)
        mallopt(_M_TRIM_THRESHOLD, 2 * num_bytes)


def _mallopt() -> Callable[[int, int], int] | None:
    """glibc's; other C libraries give memory back by themselves."""
    found: Callable[[int, int], int] | None = getattr(ctypes.CDLL(None), "mallopt", None)
    return found


def spare_pandas() -> None:
    """Lets pyarrow find no pandas when it looks for it first, which would import it: 0.2 s.

    It looks when the first array is made, in case that is made of a series; ours never are. It
    looks again where pandas is asked for by name, as by `to_pandas`.
    """
    if "pandas" in sys.modules:
        return
    import pyarrow as pa

    absent = _PandasAbsent()
    sys.meta_path.insert(0, absent)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(absent)


class _PandasAbsent(MetaPathFinder):
    """Finds that there is no pandas."""

    def find_spec(self, fullname: str, *_: object) -> None:
        """Lets everything else be found by others."""
        if fullname == "pandas":
            raise ModuleNotFoundError(name=fullname)
