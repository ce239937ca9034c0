"""Components of a build: what changes them, what does not, and where they point."""

from taskc.compiler.components import build_key, changes, components


def parts(plan, **given):
    """The components of a plan over inputs, a tokenizer and code that stay the same."""
    known = {"inputs": {"small": {"train": "aa"}}, "tokenizer": "bb", "code": {"encode": "cc"}}
    return components(plan, **known | given)


def digests(found):
    """What an artefact keeps of its components."""
    return {name: component.digest for name, component in found.items()}


def test_nothing_changed_is_no_change(project, tmp_path):
    """A comment at a line's end, another spacing and another folder change no component."""
    spec = project().spec
    spaced = spec.replace("  seed", "    seed")
    before = parts(project().plan())
    moved = parts(project(spec=spaced, folder=tmp_path / "elsewhere").plan())

    assert changes(digests(before), moved) == []
    assert build_key(before) == build_key(moved)


def test_one_prompt_is_one_change_at_its_place(project):
    """The change names the prompt and the line it stands on."""
    before = parts(project().plan())
    now = parts(project(spec=project().spec.replace("What is", "How much is")).plan())
    (change,) = changes(digests(before), now)

    assert change.name.startswith("template ")
    assert ": prompt " in change.name
    line = project().spec[: project().spec.index("What is")].count("\n") + 1
    assert change.at.line == line
    assert build_key(before) != build_key(now)


def test_lines_that_moved_are_said_to_have_moved(project):
    """A comment on a line of its own moves prompts, which provenance records, and nothing else."""
    before = parts(project().plan())
    spec = project().spec.replace("\nmixture", "\n# a comment\n\nmixture")
    now = parts(project(spec=spec).plan())

    assert [change.name for change in changes(digests(before), now)] == ["lines"]


def test_inputs_tokenizer_and_code_are_components(project):
    """Each of what no spec says is named as well; what is gone and what is new is told apart."""
    plan = project().plan()
    before = digests(parts(plan))

    (files,) = changes(before, parts(plan, inputs={"small": {"train": "dd"}}))
    (tokenizer,) = changes(before, parts(plan, tokenizer="dd"))
    gone, new = sorted(
        changes(before, parts(plan, code={"phrase": "cc"})), key=lambda change: change.what
    )

    assert str(files).startswith("files of source small, train changed (")
    assert str(tokenizer).startswith("files of tokenizer ")
    assert (gone.name, gone.what) == ("encode", "gone")
    assert (new.name, new.what, str(new)) == ("phrase", "new", "phrase is new")
