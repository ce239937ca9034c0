"""Which findings are said: mistakes and lints are shown apart, and neither hides the other."""

import taskc
from taskc import checking

UNUSED = (
    '\nsource idle "Mixed by nothing" {\n  from   jsonl("idle.jsonl")\n  fields { a: text }\n}\n'
)


def severities(checked) -> list[str]:
    """Returns the severity of every finding."""
    return [str(found.severity) for found in checked.diagnostics]


def change(hello, *, old="", new="") -> None:
    """Replaces words of the first spec; with no `old`, adds words at its end."""
    spec = hello / "hello.task"
    text = spec.read_text(encoding="utf-8")
    spec.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")


def test_lints_are_no_mistakes(hello):
    """An unused source is lint's to say, not check's, and not the API's."""
    change(hello, new=UNUSED)

    assert severities(checking.check([str(hello)])) == []
    assert severities(checking.check([str(hello)], policy=checking.lints)) == ["lint"]
    assert taskc.check(hello) == []


def test_warnings_are_mistakes_and_no_lints(hello):
    """What builds something other than it seems is said by check alone."""
    change(hello, old="{report}\\n\\nName", new="{report}n\\n\\nName")

    assert severities(checking.check([str(hello)])) == ["warning"]
    assert severities(checking.check([str(hello)], policy=checking.lints)) == []


def test_lint_says_errors_where_there_are_any(hello):
    """What a broken declaration used is not called unused."""
    change(hello, new=UNUSED)
    change(hello, old="{report}\\n\\nName", new="{reprot}\\n\\nName")

    assert severities(checking.check([str(hello)], policy=checking.lints)) == ["error"]
    assert severities(checking.check([str(hello)], policy=checking.errors)) == ["error"]


def test_the_example_has_no_lint(repository):
    """What newcomers copy is clean."""
    found = checking.check([str(repository / "examples/quickstart")], policy=checking.lints)

    assert severities(found) == []
