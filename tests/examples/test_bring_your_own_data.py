"""examples/bring_your_own_data: its README is followed from the first block to the last.

`sh` blocks are run as they stand, `sh fails` ends with a mistake, `diff wrong PATH CODE VERB` is a
change that is tried and taken back. A `text` block is what the block before it prints: in part, and
where its last line is `...`, with more after it. With TASKC_UPDATE_DOCS=1 blocks of `?` are filled
in; read what came.
"""

import os
import re
import shlex
import shutil
import subprocess

import pytest
from tokenizers import Tokenizer

import taskc
from taskc.cli import entry
from taskc.dsl.checker import check
from taskc.dsl.report import render
from taskc.dsl.text.format import format_text
from taskc.dsl.text.source_text import SourceText

FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FOLDER = "examples/bring_your_own_data"
SHOWN_AT_MOST = 14  # lines of an output that a block with `...` shows


@pytest.fixture
def top(repository, tmp_path, monkeypatch):
    """A folder with the example and the quickstart in it, as a fresh checkout has them."""
    for name in ("bring_your_own_data", "quickstart"):
        ignored = shutil.ignore_patterns(".taskc", "artifacts", "runs", "taskc.lock")
        shutil.copytree(
            repository / "examples" / name, tmp_path / "examples" / name, ignore=ignored
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("TASKC_STORE", raising=False)
    return tmp_path


class Reader:
    """Somebody who does what the page says."""

    def __init__(self, top, capfd):
        self.top = top
        self.capfd = capfd

    def follow(self, language, words, text):
        """Does what a block says; returns what is printed."""
        match language, words:
            case "sh", words:
                return "".join(self.run(line, fails="fails" in words) for line in text.splitlines())
            case "diff", ("wrong", path, code, verb):
                return self.try_out(self.top / path, text, code, verb)
            case _:
                raise AssertionError(f"what is to be done with {language} {words}?")

    def run(self, line, *, fails=False):
        """Returns what a command prints; of one that fails the findings too."""
        command, *arguments = shlex.split(line)
        if command != "taskc":
            return subprocess.run(
                [command, *arguments], capture_output=True, text=True, check=True
            ).stdout
        self.capfd.readouterr()
        status = entry.main(arguments)
        printed = self.capfd.readouterr()

        assert (status != 0) == fails, f"{line}\n{printed.out}\n{printed.err}"
        return printed.out + reports(printed.err) if fails else printed.out

    def try_out(self, file, diff, code, verb):
        """Returns the report that a change gets, and takes it back."""
        before = file.read_text(encoding="utf-8")
        old = "".join(line[1:] for line in diff.splitlines(keepends=True) if line[0] == "-")
        new = "".join(line[1:] for line in diff.splitlines(keepends=True) if line[0] == "+")
        assert before.count(old) == 1, diff
        file.write_text(before.replace(old, new), encoding="utf-8")
        printed = self.run(f"taskc {verb} {FOLDER}", fails=True)
        file.write_text(before, encoding="utf-8")

        assert f"error[{code}]" in printed, printed
        return printed


def reports(printed):
    """What stderr says from the first report on; progress comes before it."""
    return printed[printed.index("error[") :] if "error[" in printed else ""


def is_shown(shown, output):
    """Whether a page shows what came out: its beginning before `...`, or a part of it."""
    if shown.endswith("\n...\n"):
        return output.startswith(shown.removesuffix("...\n"))
    return shown in output


def filled(shown, output):
    """What a block of `?` is to hold."""
    if shown == "?\n":
        return output
    return "".join([*output.splitlines(keepends=True)[:SHOWN_AT_MOST], "...\n"])


def test_the_walk_works_and_prints_what_it_shows(repository, top, capfd):
    """What a newcomer copies works, and every output on the page is what comes out."""
    page = repository / FOLDER / "README.md"
    text = page.read_text(encoding="utf-8")
    reader = Reader(top, capfd)
    printed = None
    for found in list(FENCE.finditer(text)):
        language, words, block = found[1], tuple(found[2].split()), found[3]
        if language != "text":
            printed = re.sub(r"\(\d+\.\d s\)", "(0.8 s)", reader.follow(language, words, block))
            continue
        if os.environ.get("TASKC_UPDATE_DOCS") and block.startswith("?\n"):
            text = text.replace(found[0], f"```text\n{filled(block, printed)}```", 1)
            page.write_text(text, encoding="utf-8")
            continue

        assert is_shown(block, printed), f"{block}:\n{printed}"


def test_it_is_clean(repository, monkeypatch):
    """No error, no warning, no lint, and nothing for `taskc fmt` to change."""
    monkeypatch.chdir(repository)
    found = check([FOLDER])
    text = (repository / FOLDER / "support.task").read_text(encoding="utf-8")

    assert render(found.diagnostics, found.program.texts) == ""
    assert format_text(SourceText("support.task", text)).text == text


def test_what_is_delivered_is_clean(top):
    """No mark-up, no escapes, no empty answer, nothing twice."""
    artifact = taskc.build(top / FOLDER, out=top / "artifacts", jobs=1)
    decode = Tokenizer.from_file(str(artifact.tokenizer / "tokenizer.json")).decode
    text = "\n".join(
        decode(ids)
        for batch in artifact["train"].record_batches()
        for ids in batch["input_ids"].to_pylist()
    )

    assert artifact.ledger.imbalances() == []
    assert "hold air & hisses" in text
    assert text.count("I was home.") == 1
    assert [each for each in ("<p>", "&amp;", "asdf", "??") if each in text] == []
