"""`taskc info`: which versions are at work, and which extras and connectors are there.

In: nothing. Out: versions of taskc, Python and the libraries that decide a result, for each extra
whether it is installed and how to install it, and the connectors that packages offer. Nothing heavy
is imported: all is read from the installed distributions' own records.
"""

import argparse

from taskc.cli import console

__all__ = ["SUMMARY", "add_arguments", "run", "taskc_version"]

SUMMARY = "Show versions, and which extras and connectors are installed"

DISTRIBUTION = "taskc-lang"
_BASE = ("numpy", "pyarrow", "pydantic", "tokenizers", "lark", "google-re2")
_EXTRAS = {
    "fast": ("fastokens",),
    "hf": ("datasets",),
    "lora": ("peft",),
    "ray": ("ray",),
    "s3": ("s3fs",),
    "tensorboard": ("tensorboardX",),
    "train": ("torch", "transformers"),
    "wandb": ("wandb",),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc info`."""
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def taskc_version() -> str:
    """Returns the version of the installed taskc."""
    return _version(DISTRIBUTION) or "unknown"


def run(options: argparse.Namespace) -> int:
    """Prints the versions; always 0."""
    import platform
    from importlib.metadata import entry_points

    libraries = {name: _version(name) for name in _BASE}
    connectors = {each.name: each.value for each in entry_points(group="taskc.connectors")}
    extras = {extra: {name: _version(name) for name in names} for extra, names in _EXTRAS.items()}
    if options.json:
        console.emit_json(
            {
                "version": 1,
                "taskc": taskc_version(),
                "python": platform.python_version(),
                "libraries": libraries,
                "extras": extras,
                "connectors": connectors,
            }
        )
        return 0
    rows = [["taskc", taskc_version()], ["python", platform.python_version()]]
    rows += [[name, found or "missing"] for name, found in libraries.items()]
    console.emit(console.table(rows, num_left=2, indent=""))
    for extra, found in extras.items():
        console.emit(f"\nextra `{extra}`: {_state(extra, found)}")
    for name, place in connectors.items():
        console.emit(f"\nconnector `{name}`: {place}")
    return 0


def _state(extra: str, found: dict[str, str | None]) -> str:
    """Says of one extra what is there, or how to get it."""
    if all(found.values()):
        return ", ".join(f"{name} {number}" for name, number in found.items())
    missing = ", ".join(name for name, number in found.items() if not number)
    return f"{missing} missing; install with: pip install '{DISTRIBUTION}[{extra}]'"


def _version(distribution: str) -> str | None:
    """Returns the installed version of a distribution, or None."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
