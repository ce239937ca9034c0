"""Line numbers of clauses, for the places that provenance and ledger show.

In: the text of a spec. Out: "file.task:line". The only part of the oracle that opens a spec, and it
looks for nothing but the line on which a known clause begins.
"""

from functools import cache
from pathlib import Path


@cache
def place(package: Path, block: str, clause: str = "", nth: int = 0) -> str:
    """Where a clause stands.

    Args:
        package: The folder of the specs.
        block: How the declaration begins, such as "source snli".
        clause: How the line inside it begins; "" for the declaration itself.
        nth: Which such line, from 0.
    """
    for path in sorted(package.glob("*.task")):
        inside = False
        left = nth
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            words = " ".join(line.split())
            if line and not line.startswith((" ", "}")):
                inside = words == block or words.startswith((f"{block} ", f"{block}:"))
                if inside and not clause:
                    return f"{path.name}:{number}"
            elif inside and (words == clause or words.startswith((f"{clause} ", f"{clause}:"))):
                if left == 0:
                    return f"{path.name}:{number}"
                left -= 1
    raise LookupError(f"{package.name} has no `{clause}` number {nth} in `{block}`")
