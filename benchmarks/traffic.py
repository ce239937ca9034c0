"""What a build asks of an object store: requests and bytes, by what they are for.

In: how many megabytes of rows; they are made up (rows.py). Out: a line for each verb and kind of
object, with the requests and the bytes, and both for each range of the input; the build is cold, or
comes once more with one setting changed, so that all examples are found. The object store is
fsspec's memory, in which every call that would be a request is counted; inputs lie on this machine,
since what is read of them is a range at a time, as they lie.

    python benchmarks/traffic.py --megabytes 60
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import rows as row_files
from fsspec.implementations.memory import MemoryFileSystem
from project import Project

import taskc

ROOT = Path(__file__).parents[1]
TOKENIZER = ROOT / "examples/quickstart/tokenizer/tokenizer.json"
VERBS = {"cat_file": "GET", "pipe_file": "PUT", "ls": "LIST", "info": "HEAD", "put_file": "PUT"}


class Traffic:
    """Requests and bytes by verb and kind."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        self.bytes: Counter[tuple[str, str]] = Counter()
        self._depth = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Counts what the memory is asked meanwhile; calls within a call are the same request."""
        kept = {name: getattr(MemoryFileSystem, name) for name in VERBS}
        for name, call in kept.items():
            setattr(MemoryFileSystem, name, self._counting(name, call))
        try:
            yield
        finally:
            for name, call in kept.items():
                setattr(MemoryFileSystem, name, call)

    def _counting(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(system: MemoryFileSystem, path: str, *arguments: Any, **named: Any) -> Any:
            kind = (VERBS[name], _kind(arguments[0] if name == "put_file" else path))
            self.requests[kind] += not self._depth
            self._depth += 1
            try:
                result = call(system, path, *arguments, **named)
            finally:
                self._depth -= 1
            if not self._depth:
                self.bytes[kind] += _size(name, path, arguments, result)
            return result

        return counting

    def show(self, num_ranges: int) -> None:
        """Prints a line for each verb and kind."""
        print(f"{'':24}{'requests':>10}{'a range':>10}{'bytes':>16}{'a range':>14}")
        for kind, num_requests in sorted(self.requests.items(), key=lambda item: item[0][::-1]):
            size = self.bytes[kind]
            print(
                f"{' '.join(kind):24}{num_requests:10,}{num_requests / num_ranges:10.2f}"
                f"{size:16,}{size / num_ranges:14,.0f}"
            )


def _kind(path: str) -> str:
    """What a path is for: a kind of object of the store, or the artefact."""
    parts = path.removeprefix("memory://").strip("/").split("/")
    return parts[2] if parts[0] == "store" and len(parts) > 2 else parts[0]  # noqa: PLR2004


def _size(name: str, path: str, arguments: tuple[Any, ...], result: Any) -> int:
    match name:
        case "cat_file":
            return len(result)
        case "pipe_file":
            return len(arguments[0])
        case "put_file":
            return Path(path).stat().st_size
        case _:
            return 0


def main() -> None:
    """Builds cold and once more, and prints the traffic of both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=60)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        project = Project(folder=Path(folder) / "p", tokenizer=TOKENIZER, eos="<|endoftext|>")
        project.write()
        num_bytes = int(options.megabytes * 1e6)
        num_rows = row_files.write_rows(project.rows(), row_files.made_up_rows(), num_bytes)
        for name, length in (("cold", 2_048), ("all examples known", 4_096)):
            traffic = Traffic()
            with traffic.counted():
                artifact = taskc.build(
                    project.folder,
                    params={"length": length},
                    out="memory://out",
                    store="memory://store",
                    jobs=1,
                )
            num_ranges = traffic.requests["GET", "survey"]
            print(f"{name}: {num_rows:,} rows, {num_ranges} ranges, {artifact}")
            traffic.show(num_ranges)


if __name__ == "__main__":
    main()
