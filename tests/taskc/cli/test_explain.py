"""`taskc explain`: a page for every code."""

import pytest

from taskc.dsl.codes import CODES


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_has_a_page(code, capsys):
    """What stands in the brackets of a report can be looked up, in any case."""
    from taskc.cli.entry import main

    status = main(["explain", code.lower()])
    page = capsys.readouterr().out

    assert status == 0
    assert code in page
    assert len(page.splitlines()) > 3


def test_an_unknown_code_is_an_error_with_the_nearest(taskc, tmp_path):
    """A slip of the finger gets a suggestion."""
    done = taskc("explain", "T0O11", cwd=tmp_path)

    assert done.returncode == 1
    assert "there is no code `T0O11`" in done.stderr
    assert "`T0011`" in done.stderr
