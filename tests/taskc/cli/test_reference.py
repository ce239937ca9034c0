"""docs/cli.md says of every verb what `--help` says, and of every status what it means."""

import re

import pytest

from taskc.cli import entry

VERBS = re.findall(r"^    (\w+)  ", entry.parser().format_help(), re.MULTILINE)


def test_every_verb_has_a_section(repository):
    """No verb is added without a word about it, and none is described that is gone."""
    reference = (repository / "docs/cli.md").read_text(encoding="utf-8")

    assert re.findall(r"^## taskc (\w+)$", reference, re.MULTILINE) == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_help_stands_in_the_reference(verb, repository, taskc, tmp_path):
    """Each option is documented in the words that `--help` prints."""
    reference = (repository / "docs/cli.md").read_text(encoding="utf-8")
    done = taskc(verb, "--help", cwd=tmp_path, COLUMNS="80")

    assert f"```text\n{done.stdout}```" in reference


@pytest.mark.parametrize("status", list(entry.Exit))
def test_every_exit_status_is_documented(status, repository):
    """A script's author finds each number in the table."""
    reference = (repository / "docs/cli.md").read_text(encoding="utf-8")

    assert f"| {status.value} | " in reference
