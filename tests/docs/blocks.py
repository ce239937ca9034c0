"""The fenced blocks of a page, and what it takes to check the `task` ones without a disk.

In: Markdown. Out: blocks with their language, the words after it, their text and line. The words
say how a block is tested:

- `task`: a whole file, checked, nothing found;
- `task fragment`: declarations; names that they need and don't declare come from prelude.task;
- `task in KIND`: statements of a block of that kind;
- `task same`: parameters that all have the same value;
- `task values`: expressions with their values as JSON, or `error`;
- `task wrong CODE`: a whole file with this mistake; the `text` block after it is the report.

With TASKC_UPDATE_DOCS=1 the tests write the output that is shown again; read what changed.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from taskc.dsl.checker import Checked, check
from taskc.dsl.diagnostics import Severity
from taskc.dsl.packages import Memory

__all__ = ["HEADS", "Block", "blocks", "checked_fragment", "findings", "is_shown", "update"]

_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEAD = re.compile(
    r"^(param|schema|source|cluster|template|test|mixture|tokenizer|build|train|evaluate) (\w+)",
    re.MULTILINE,
)

# What stands around statements that a page shows alone; `anything` has columns of unknown type.
HEADS = {
    "source": 'source shown {\n  from jsonl("shown.jsonl")\n',
    "template": "template shown for anything {\n",
}


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: The first word after the fence.
        words: The words after it.
        line: Where its first line stands in the page.
    """

    language: str
    words: tuple[str, ...]
    text: str
    line: int

    @property
    def kind(self) -> str:
        """The first of its words, or ""."""
        return self.words[0] if self.words else ""

    def __str__(self) -> str:
        return f"line {self.line}: {' '.join([self.language, *self.words])}"


def blocks(page: Path) -> list[Block]:
    """Returns the blocks of a page in their order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            found[1],
            tuple(found[2].split()),
            found[3],
            text.count("\n", 0, found.start()) + 2,
        )
        for found in _FENCE.finditer(text)
    ]


def checked_fragment(fragment: str) -> Checked:
    """Checks declarations beside those of the prelude that they don't declare themselves."""
    prelude = (Path(__file__).parent / "prelude.task").read_text(encoding="utf-8")
    own = set(_HEAD.findall(fragment))
    starts = [*(found.start() for found in _HEAD.finditer(prelude)), len(prelude)]
    declarations = [prelude[start:end] for start, end in pairwise(starts)]
    kept = [text for text in declarations if _HEAD.match(text).groups() not in own]
    files = {
        "specs/shown.task": f"language 1\n{fragment}",
        "specs/prelude.task": "".join(["language 1\n", *kept]),
        "common/common.task": "language 1\nparam most: int = 3\n",
        "2021-data/old.task": "language 1\n",
    }
    return check(["specs"], files=Memory({path: text.encode() for path, text in files.items()}))


def findings(checked: Checked, *but: str) -> list[str]:
    """Errors and warnings as lines, without the codes in `but`."""
    return [
        f"{found.code}: {found.message}"
        for found in checked.diagnostics
        if found.severity is not Severity.LINT and found.code not in but
    ]


def is_shown(shown: str, output: str) -> bool:
    """Whether a page shows what came out: all of it, a part, or its beginning before `...`."""
    beginning = shown.removesuffix("...\n") if shown.endswith("\n...\n") else shown
    return beginning in output


def update(page: Path, outputs: Mapping[Block, str]) -> None:
    """Writes blocks of output again if TASKC_UPDATE_DOCS is set.

    A block that ends in `...` keeps its number of lines, and one that does not show the first line
    of the output still begins with the line that it begins with.
    """
    if not os.environ.get("TASKC_UPDATE_DOCS"):
        return
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    for block, output in sorted(outputs.items(), key=lambda each: -each[0].line):
        if is_shown(block.text, output) and block.text != "?\n":
            continue
        old = block.text.splitlines(keepends=True)
        new = output.splitlines(keepends=True)
        start = next((i for i, line in enumerate(new) if line[:9] == old[0][:9]), 0)
        new = new[start:]
        if old[-1] == "...\n":
            new = [*new[: len(old) - 1], "...\n"]
        lines[block.line - 1 : block.line - 1 + len(old)] = new
    page.write_text("".join(lines), encoding="utf-8")
