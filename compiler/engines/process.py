"""What a process of our own sets before it works: workers, and the command line; no user's script.

In: nothing. Out: a driver that gives freed columns back to the system, and processes that pyarrow
does not make wait for pandas. Nothing depends on either but memory and time.
"""

import ctypes
import gc
import os
import sys
from importlib import import_module
from importlib.abc import MetaPathFinder

__all__ = ["prepare_driver", "prepare_worker", "spare_pandas"]

# glibc serves blocks of this size and more by pages of their own, which go back when they are
# freed. Left alone it raises the border to 32 MiB as it sees large blocks freed, and columns that
# were freed stay in its heap.
_MMAP_THRESHOLD_BYTES = 1 << 18
_KEPT_BYTES = 1 << 23
_SEARCHES = (700, 10, 10)  # for cycles; Python's own numbers
_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1  # of mallopt(3)


def prepare_driver(*modules: str) -> None:
    """Prepares a process that holds columns of all rows; a second time changes nothing.

    Args:
        modules: What it is going to run. It is loaded here, after numpy's library is told and
            before cycles are looked for: there is none to be found among it.
    """
    # numpy's library of matrices starts a thread a core, for nothing that we do: 0.1 CPU s.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _set_mmap_threshold(_MMAP_THRESHOLD_BYTES)
    spare_pandas()
    for module in modules:
        import_module(module)
    _search_what_comes()


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
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # glibc; other C libraries give memory back by themselves
        mallopt(_M_MMAP_THRESHOLD, num_bytes)
        mallopt(_M_TRIM_THRESHOLD, 2 * num_bytes)


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
