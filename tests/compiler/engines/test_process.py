"""Processes of our own: what they free goes back, and pandas is not imported for nothing."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from taskc.compiler.engines import process

# Columns of 1 MiB that are freed, with small ones between them that stay.
FREES = """
import sys
import numpy as np
from taskc.compiler.engines.process import prepare_driver

def resident_mb():
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024

if sys.argv[1] == "prepared":
    prepare_driver()
    prepare_driver()
np.ones(20 << 20, np.uint8)  # freed at once: from here on glibc would keep what is smaller
kept, freed = [], []
for _ in range(200):
    freed.append(np.ones(1 << 20, np.uint8))
    kept.append(np.ones(1 << 14, np.uint8))
before = resident_mb()
freed.clear()
print(before - resident_mb())
"""
ARRAYS = """
import sys
from taskc.compiler.engines.process import spare_pandas

spare_pandas()
import pyarrow as pa
column = pa.array([1, 2])
column.to_numpy()
print("pandas" in sys.modules)
if sys.argv[1] == "True":
    print(len(pa.table({"column": column}).to_pandas()))
    import pandas
    print(len(pa.array(pandas.Series([1, 2, 3]))))
"""


def run(program: str, *words: str) -> list[str]:
    """What a program prints that runs in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for its memory")
def test_freed_columns_go_back():
    """A driver's memory is that of the columns that it holds; unprepared it would keep these."""
    assert int(run(FREES, "prepared")[0]) > 150
    assert int(run(FREES, "as it is")[0]) < 150


def test_pandas_is_not_imported_for_arrays():
    """It is there for who asks for it by name."""
    has_pandas = find_spec("pandas") is not None
    said = run(ARRAYS, str(has_pandas))

    assert said == (["False", "2", "3"] if has_pandas else ["False"])


def test_only_a_driver_keeps_its_heap(monkeypatch):
    """A process that nobody prepared is the user's: how it takes memory is not ours to say."""
    told = []
    monkeypatch.setattr(process, "_mallopt", lambda: lambda *words: told.append(words))
    monkeypatch.setattr(process, "_prepared", set())
    process.prepare_to_work_alone()

    assert not told
    process._prepared.add("driver")
    process.prepare_to_work_alone()
    assert 1 == len(told)
