"""Which tokenizer a spec names, and which of its tokens end an example or a turn.

In: a tokenizer.json or a folder with one; without either, the small one of `taskc init`. Out: the
block of the spec. A folder's configuration says what its end of text is called; of a file it is one
of the names in use, and where there is none of these, a token is added.
"""

import os
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Final

from taskc.compiler import plan
from taskc.compiler.turns import tokenizer as tokenizers
from taskc.dsl.diagnostics import Diagnostic
from taskc.dsl.words import quoted

__all__ = ["Choice", "choose"]

_NOWHERE = plan.Place(path="", start=0, end=0, line=0, column=0)
_OWN: Final = "tokenizer.json"
# Ends of texts as tokenizers call them, the commonest first.
_ENDS: Final = ("<|endoftext|>", "</s>", "<|end_of_text|>", "<eos>", "<|end|>", "[EOS]")
_TURN_END: Final = "<|end_of_turn|>"
_TEXT_END: Final = "<|end_of_text|>"


class Choice:
    """A tokenizer that was looked at.

    Attributes:
        from_: The form that names it in the spec.
        eos: A statement for the end of text; "" where the folder's configuration has it.
        has_eos: Whether there is one.
        known: The special tokens that it has.
        content: The file that goes beside the spec; b"" where the user's own is named.
    """

    def __init__(self, loaded: tokenizers.Loaded, from_: str, content: bytes) -> None:
        self.from_ = from_
        self.content = content
        self.known = loaded.special_texts
        own = next((text for text in _ENDS if text in self.known), "")
        is_configured = "eos" in loaded.special
        self.eos = f"eos {quoted(own)}" if own and not is_configured else ""
        self.has_eos = is_configured or bool(own)

    def block(self, *, is_chat: bool) -> str:
        """The block of the spec; what ends a turn, or an example, is `end_of(...)`."""
        added = ""
        if is_chat:
            added = f"add turn_end {quoted(self._new(_TURN_END))}  # ends every turn\n"
        elif not self.has_eos:
            added = f"add text_end {quoted(self._new(_TEXT_END))}  # ends every example\n"
        return f"tokenizer own {{\nfrom {self.from_}\n{self.eos}\n{added}}}\n"

    def end_of(self, *, is_chat: bool) -> str:
        """The name of the token that ends a turn or an example."""
        if is_chat:
            return "turn_end"
        return "eos" if self.has_eos else "text_end"

    def _new(self, text: str) -> str:
        while text in self.known:
            text = f"{text[:-2]}_|>"
        return text


def choose(path: Path | None, folder: Path) -> tuple[Choice | None, list[Diagnostic]]:
    """Looks at a tokenizer.

    Args:
        path: A file or a folder; None: the small one that `taskc init` writes.
        folder: The folder of the spec.

    Returns:
        The tokenizer, or None with at least one error.
    """
    if path is None:
        own = files("taskc.cli") / "init" / _OWN
        loaded, findings = _loaded(Path(str(own)))
        content, from_ = own.read_bytes(), f"file({quoted(_OWN)})"
    else:
        loaded, findings = _loaded(path)
        kind = "folder" if path.is_dir() else "file"
        content, from_ = b"", f"{kind}({quoted(Path(os.path.relpath(path, folder)).as_posix())})"
    if loaded is None:
        return None, [replace(found, primary=None) for found in findings]
    return Choice(loaded, from_, content), []


def _loaded(path: Path) -> tuple[tokenizers.Loaded | None, list[Diagnostic]]:
    return tokenizers.load(
        plan.Tokenizer(
            name="own",
            kind="folder" if path.is_dir() else "file",
            path=str(path),
            eos="",
            bos="",
            pad="",
            added={},
            places={},
            at=_NOWHERE,
        )
    )
