"""Fuzzes the front end of the language, guided by coverage: `fuzz_check.py SECONDS`.

In: the kept corpus and the fixtures of the tests as seeds. Out: new inputs in `--corpus`, inputs
that break a promise in `--findings`, a line for each, and the fuzzer's own statistics. One finding
a kind of exception and place is kept, so that a run goes on to its end. Needs the extra `fuzz`
(atheris); nothing in the package does.
"""

import argparse
import hashlib
import sys
import traceback
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "fuzz"))

with atheris.instrument_imports(include=["taskc.dsl"]):
    from promises import BrokenPromiseError, check_promises

from alarm import HangError, stopped_after  # noqa: E402 (not instrumented)
from mutation import mutate  # noqa: E402 (not instrumented)
from seeds import kept_inputs, seed_texts  # noqa: E402 (not instrumented)

_SLOWER_WHEN_WATCHED = 5.0
_HANGS_AFTER_S = 15.0
_STARVED_AFTER_S = 1_200  # wall seconds: the machine's business, not the input's
_MAX_INPUT_BYTES = 8_192


def _place(error: Exception) -> str:
    """What tells one kind of finding from another."""
    if isinstance(error, HangError):
        return "hang"  # where it was stopped is chance
    frame = traceback.extract_tb(error.__traceback__)[-1]
    words = str(error)[:12] if isinstance(error, BrokenPromiseError) else ""
    return f"{type(error).__name__} {Path(frame.filename).name}:{frame.lineno} {words}"


class Watch:
    """Runs one input, and keeps the first of each kind that breaks a promise."""

    def __init__(self, findings: Path) -> None:
        self.findings = findings
        self.known: set[str] = set()

    def __call__(self, data: bytes) -> None:
        """Called by the fuzzer for each input."""
        try:
            with stopped_after(_HANGS_AFTER_S):
                check_promises(data, slower=_SLOWER_WHEN_WATCHED)
        except Exception as error:  # noqa: BLE001 (whatever is raised is what is looked for)
            place = _place(error)
            if place not in self.known:
                self.known.add(place)
                name = hashlib.sha256(place.encode()).hexdigest()[:12]
                (self.findings / name).write_bytes(data)
                print(f"finding {name}: {place}: {error}", flush=True)


def _mutator(data: bytes, max_size: int, seed: int) -> bytes:
    """Half of the changes are the fuzzer's own, half are of whole words."""
    if seed % 2:
        return atheris.Mutate(data, max_size)
    return mutate(data, max_size, seed)


def main() -> None:
    """Starts the fuzzer; it ends the process when its time is over."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seconds", type=int)
    parser.add_argument("--corpus", type=Path, default=ROOT / "build" / "fuzz" / "corpus")
    parser.add_argument("--findings", type=Path, default=ROOT / "build" / "fuzz" / "findings")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for folder in (given.corpus, given.findings):
        folder.mkdir(parents=True, exist_ok=True)
    for text in (*seed_texts(), *kept_inputs()):
        (given.corpus / hashlib.sha256(text).hexdigest()[:16]).write_bytes(text)
    options = [
        *(f"-max_total_time={given.seconds}", f"-max_len={_MAX_INPUT_BYTES}"),
        *(
            f"-seed={given.seed}",
            f"-timeout={_STARVED_AFTER_S}",
            "-rss_limit_mb=4096",
            "-print_final_stats=1",
        ),
        "-verbosity=1",
        f"-artifact_prefix={given.findings}/",
        str(given.corpus),
    ]
    atheris.Setup([sys.argv[0], *options], Watch(given.findings), custom_mutator=_mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
