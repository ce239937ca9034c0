"""What a command costs: time of all that it starts, memory of all that is alive at once."""

import json
import subprocess
import sys

import pytest

# Measured in a process of its own: it adopts orphans and waits for every child that it has.
MEASURE = """
import json, sys
from processes import run
done = run([sys.executable, "-c", sys.argv[1]])
print(json.dumps([done.cpu_s, done.wall_s, done.resident_bytes, done.anonymous_bytes, done.stdout]))
"""
BURN = """
import os, time
def burn(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until: pass
"""


@pytest.fixture
def measured(repository):
    """Measures a program of Python; returns what `run` says of it."""

    def measure(program):
        command = [sys.executable, "-c", MEASURE, program]
        done = subprocess.run(
            command, cwd=repository / "benchmarks", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return measure


def test_children_that_outlive_the_command_are_counted(measured):
    """A server of workers that nobody waits for ends after its parent; its time is the build's."""
    orphan = f"{BURN}\nif os.fork() == 0:\n    os.setsid(); burn(0.4)\nelse:\n    print('left')"

    cpu_s, wall_s, *_, stdout = measured(orphan)

    assert stdout == "left\n"
    assert cpu_s > 0.4
    assert wall_s < cpu_s


def test_memory_is_the_sum_of_processes_alive_at_once(measured):
    """Two processes of 40 MB each are 80 MB, whatever the kernel says of each."""
    program = (
        f"{BURN}\nimport sys\npid = os.fork()\nheld = b'x' * 40_000_000\ntime.sleep(0.4)\n"
        "if pid: os.waitpid(pid, 0)"
    )

    *_, resident_bytes, anonymous_bytes, _ = measured(program)

    assert 80e6 < anonymous_bytes < 160e6
    assert anonymous_bytes <= resident_bytes < 240e6


def test_a_command_that_fails_ends_the_benchmark(repository):
    """A figure about a failed run would be worse than none; what the command said is shown."""
    command = [sys.executable, "-c", MEASURE, "raise SystemExit('out of paper')"]
    done = subprocess.run(
        command, cwd=repository / "benchmarks", capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "ended with exit status 1:\nout of paper" in done.stderr
