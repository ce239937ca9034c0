"""Overlap: what is trained on and evaluated is said; options that no row picks are said too."""

import pytest


def codes(built):
    """Codes of a build's findings."""
    return [finding.code for finding in built.diagnostics]


def test_a_row_of_another_source_is_found(project):
    """Ids tell rows, not files: the same question in two sources is one row."""
    whole = project()
    whole.files["small.dev.jsonl"].append(whole.files["large.jsonl"][5])
    built = project(files=whole.files).build()
    finding = built.diagnostics[0]

    assert codes(built) == ["T0854"]
    assert built.path is not None
    assert (finding.row.file, finding.row.row) == ("small.dev.jsonl", 6)
    assert "`train` of `large`" in finding.notes[0]


def test_a_carved_split_never_overlaps(project):
    """Equal rows are carved out together."""
    whole = project()
    whole.files["large.jsonl"] *= 2

    assert codes(project(files=whole.files).build()) == []


@pytest.mark.parametrize(("sample", "expected"), [(None, ["T0853"]), (3, [])])
def test_an_option_without_rows_is_said(project, sample, expected):
    """Every value of the choice should occur; a sample proves nothing."""
    spec = project().spec.replace("question: text", "question: text\n  kind: choice(sum, product)")
    spec = spec.replace(
        "template calculate for sum {",
        'template calculate for sum {\n  options kind { sum: "S"  product: "P" }',
    )
    files = {
        name: [{**row, "kind": "sum"} for row in rows] for name, rows in project().files.items()
    }
    made = project(spec=spec, files=files)
    built = made.build() if sample is None else made.build(sample=sample)

    assert codes(built) == expected
