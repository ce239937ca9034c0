"""Fixes: what is written, what never is, and that a file's line ends and mark stay."""

import codecs
import stat
from dataclasses import replace

import pytest

from taskc import checking, fixing
from taskc.dsl.diagnostics import Edit
from taskc.dsl.packages import Memory
from taskc.dsl.text.source_text import SourceText, Span


def edit(text: str, old: str, new: str) -> Edit:
    """Returns the edit that puts `new` where `old` first stands."""
    start = text.index(old)
    return Edit(Span("a.task", start, start + len(old)), new)


def mended(files: dict[str, str], *paths: str, policy=checking.mistakes) -> fixing.Mended:
    """Mends specs in memory."""
    memory = Memory({path: text.encode() for path, text in files.items()})
    return fixing.mend(paths or (".",), params={}, policy=policy, files=memory)


def changed(result: fixing.Mended) -> dict[str, str]:
    """Returns the new texts by path."""
    return {source.path: text for source, text in result.changed}


SPEC = """language 1

source weather {
  from   jsonl("w.jsonl")
  fields { report: text  sky: text }
}

template sky for weather {
  prompt one: "{reprot}" -> "{sky}"
  prompt two: "What is the sky?\\n{report}" -> "{skyy}"
}
"""


# ---- edits ---------------------------------------------------------------------------------------


def test_edits_are_made_in_any_order():
    """Offsets are those of the text before the first edit."""
    text = "one two three"
    edits = [edit(text, "three", "3"), edit(text, "one", "first"), edit(text, "two", "")]

    assert fixing.apply(SourceText("a.task", text), edits) == "first  3"


@pytest.mark.parametrize(("line_end"), ["\n", "\r\n"])
def test_replacements_get_the_line_ends_of_the_file(line_end):
    """A file of Windows stays one."""
    text = line_end.join(["a", "b", "c"])
    after = fixing.apply(SourceText("a.task", text), [edit(text, "b", "1\n2\r\n3")])

    assert after == line_end.join(["a", "1", "2", "3", "c"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\n  # gone\nb\n", "a\nb\n"),
        ("a\r\n  # gone\r\nb\r\n", "a\r\nb\r\n"),
        ("a   # gone\nb\n", "a\nb\n"),
        ("# gone", ""),
    ],
)
def test_a_comment_goes_with_its_blanks(before, after):
    """Neither an empty line nor a blank at a line's end is left."""
    assert fixing.apply(SourceText("a.task", before), [edit(before, "# gone", "")]) == after


# ---- files ---------------------------------------------------------------------------------------


def test_mark_permissions_and_links_stay(tmp_path):
    """Only the text changes."""
    path = tmp_path / "a.task"
    path.write_bytes(codecs.BOM_UTF8 + "é\r\n".encode())
    path.chmod(0o640)
    link = tmp_path / "link.task"
    link.symlink_to(path)
    fixing.write(SourceText(str(link), "é\r\n"), "ü\r\n")

    assert path.read_bytes() == codecs.BOM_UTF8 + "ü\r\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.task", "link.task"]


def test_what_somebody_else_wrote_is_not_written_over(tmp_path):
    """An editor may have saved the file between reading and writing."""
    path = tmp_path / "a.task"
    path.write_text("theirs", encoding="utf-8")

    with pytest.raises(OSError, match="changed since it was read"):
        fixing.write(SourceText(str(path), "ours"), "new")

    assert path.read_text(encoding="utf-8") == "theirs"


# ---- mending -------------------------------------------------------------------------------------


def test_safe_fixes_are_made_and_told():
    """Each with its code and where it stood; nothing is left."""
    result = mended({"a.task": SPEC})

    assert changed(result) == {
        "a.task": SPEC.replace("reprot", "report").replace("skyy", "sky"),
    }
    assert [(fixed.finding.code, fixed.line) for fixed in result.fixed] == [
        ("T0312", 9),
        ("T0312", 10),
    ]
    assert result.checked.diagnostics == ()


def test_mending_twice_changes_nothing():
    """A mended file is a sound one."""
    once = changed(mended({"a.task": SPEC}))

    assert mended(once).changed == ()
    assert mended(once).fixed == ()


def test_one_fix_makes_room_for_the_next():
    """A misspelt statement hid the field that it declares: two rounds."""
    result = mended({"a.task": SPEC.replace("prompt one", "promt one")})

    assert changed(result)["a.task"] == SPEC.replace("reprot", "report").replace("skyy", "sky")
    assert result.checked.diagnostics == ()


def test_what_has_no_safe_fix_is_left():
    """The mistake that the machine can't mend is reported, the others are mended."""
    result = mended({"a.task": SPEC.replace("{reprot}", "{zzz}")})

    assert [found.code for found in result.checked.diagnostics] == ["T0312"]
    assert "{zzz}" in changed(result)["a.task"]
    assert "{sky}" in changed(result)["a.task"]


def test_a_fix_that_brings_more_errors_is_not_made(monkeypatch):
    """It costs itself alone: the other fix of the round is made."""
    actual = checking.check

    def check(paths, *, params, policy, files):
        checked = actual(paths, params=params, policy=policy, files=files)
        if b"{skyy}" in files.read("a.task"):
            return checked
        worse = SPEC.replace("{report}", "{x} {y} {z}").encode()
        found = actual(paths, params=params, policy=policy, files=Memory({"a.task": worse}))
        return replace(checked, diagnostics=found.diagnostics)

    monkeypatch.setattr(fixing.checking, "check", check)
    result = mended({"a.task": SPEC})

    assert changed(result) == {"a.task": SPEC.replace("reprot", "report")}
    assert [fixed.line for fixed in result.fixed] == [9]
    assert [found.code for found in result.checked.diagnostics] == ["T0312"]


def test_imported_packages_are_not_changed():
    """Who mends one folder did not name the other."""
    library = SPEC.replace("{skyy}", "{sky}")
    own = 'language 1\n\nimport "../library"\n\ncluster all {\n  sources library.wether\n}\n'
    result = mended({"library/l.task": library, "own/o.task": own}, "own")

    assert changed(result) == {"own/o.task": own.replace("wether", "weather")}


def test_lint_mends_lints():
    """An allow that takes nothing away goes; a mistake that is a warning is not lint's."""
    spec = SPEC.replace("reprot", "report").replace("skyy", "sky")
    allowed = spec.replace("source weather {", "source weather {  # allow T0705: old")
    result = mended({"a.task": allowed}, policy=checking.lints)

    assert changed(result) == {"a.task": spec}
    assert mended({"a.task": allowed}).changed == ()
