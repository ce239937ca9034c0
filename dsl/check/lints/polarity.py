"""Words for two values that are swapped: yes for no, positive for negative.

In: templates with options over a choice. Out: lints where one template calls a value what another
calls its opposite (`yes: "Yes"  no: "No"` here, `yes: "No"  no: "Yes"` there), in the same words or
in words of the opposite polarity, and where a template's words deny the values' own names. A
question may be asked the other way round, so it is a lint; a copied block with two lines exchanged
looks the same.
"""

from taskc.dsl.check.units import Unit
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Piece, Text

__all__ = ["OPPOSITES", "check_polarity"]

Words = dict[str, str]

# What affirms and what denies. Published in the page of T0706; words that are not here have no
# polarity, and are compared as they are written.
OPPOSITES = (
    ("yes", "no"),
    ("true", "false"),
    ("right", "wrong"),
    ("correct", "incorrect"),
    ("positive", "negative"),
    ("good", "bad"),
    ("acceptable", "unacceptable"),
    ("valid", "invalid"),
    ("likely", "unlikely"),
    ("entailment", "contradiction"),
    ("agree", "disagree"),
    ("same", "different"),
)
_POLARITY = {word: is_yes for pair in OPPOSITES for word, is_yes in zip(pair, (1, -1), strict=True)}


def check_polarity(unit: Unit, report: Reporter) -> None:
    """Compares the options of templates that serve the same sources."""
    groups: dict[tuple[object, ...], list[tuple[program.Template, Words]]] = {}
    whole: list[tuple[program.Template, Words]] = []
    for home in unit.reachable():
        for template in home.templates.values():
            options = template.options
            if not isinstance(options, program.ChoiceOptions):
                continue
            words = _words(options)
            whole.append((template, words))
            values = tuple(sorted(words))
            for served in _types(template):
                groups.setdefault((options.field, values, served), []).append((template, words))
    seen: set[tuple[str, str]] = set()
    for group in groups.values():
        # One that goes against its values' own names is the one to doubt, wherever it stands.
        group.sort(key=lambda each: _against_names(each[1]) is not None)
        _compare(group, seen, report)
    reported = {name for _, name in seen}
    for template, words in whole:
        if template.name not in reported:
            _check_names(template, words, report)


def _types(template: program.Template) -> set[str]:
    """What tells one choice from another: the schema, or the source that declares it."""
    return {
        source.name if source.schema is None else source.schema.name for source in template.serves
    }


def _words(options: program.ChoiceOptions) -> Words:
    """Value -> its words, for surfaces that are written out."""
    found = {}
    for value, text in options.surfaces:
        plain = _plain(text)
        if plain is not None:
            found[value] = plain
    return found


def _plain(text: Text) -> str | None:
    if any(not isinstance(part, Piece) for part in text.parts):
        return None
    written = "".join(part.text for part in text.parts if isinstance(part, Piece))
    return written.strip().rstrip(".!").casefold()


def _polarity(words: str) -> int:
    """1 for words that affirm, -1 for words that deny, 0 for all others."""
    start, _, rest = words.replace("_", " ").partition(",")[0].partition(" ")
    if start == "not" and rest:
        return -_POLARITY.get(rest, 0)
    return _POLARITY.get(start, 0) if not rest else 0


# ---- two templates -------------------------------------------------------------------------------


def _compare(
    group: list[tuple[program.Template, Words]], seen: set[tuple[str, str]], report: Reporter
) -> None:
    """Reports each template that swaps what an earlier one says; O(templates x values)."""
    first: dict[tuple[str, ...], program.Template] = {}
    for template, words in group:
        for value, said in words.items():
            for other, other_said in words.items():
                if value >= other:
                    continue
                signs = _polarity(said), _polarity(other_said)
                for pair in ((said, other_said), *_opposed(signs)):
                    before = first.get((value, other, *reversed(pair)))
                    if before is not None and before is not template:
                        _report(template, before, (value, other), seen, report)
                    first.setdefault((value, other, *pair), template)


def _opposed(signs: tuple[int, int]) -> tuple[tuple[str, str], ...]:
    """One word affirms and the other denies: what they say, whatever the words."""
    return ((f"{signs[0]:+}", f"{signs[1]:+}"),) if signs[0] * signs[1] < 0 else ()


def _report(
    template: program.Template,
    before: program.Template,
    values: tuple[str, str],
    seen: set[tuple[str, str]],
    report: Reporter,
) -> None:
    if (before.name, template.name) in seen:
        return
    seen.add((before.name, template.name))
    options, other = template.options, before.options
    assert options is not None
    assert other is not None
    report.report(
        "T0706",
        options.span,
        f"`{values[0]}` and `{values[1]}` have their words swapped",
        label=f"the other way round than in `{before.name}`",
        secondary=((other.span, "here they are"),),
        helps=(_ALLOW,),
    )


_ALLOW = "if the question is asked the other way round, allow it: `# allow T0706: reason`"


# ---- one template --------------------------------------------------------------------------------


def _against_names(words: Words) -> tuple[str, str] | None:
    """A value whose name affirms and whose words deny, and one the other way round."""
    signs = {value: _polarity(value.casefold()) for value in words}
    denied = [value for value, said in words.items() if signs[value] * _polarity(said) < 0]
    affirming = next((value for value in denied if signs[value] > 0), None)
    denying = next((value for value in denied if signs[value] < 0), None)
    return None if affirming is None or denying is None else (affirming, denying)


def _check_names(template: program.Template, words: Words, report: Reporter) -> None:
    values = _against_names(words)
    if values is None:
        return
    affirming, denying = values
    options = template.options
    assert options is not None
    report.report(
        "T0706",
        options.span,
        f"`{affirming}` and `{denying}` have their words swapped",
        label="the other way round than the values' own names",
        notes=(f'`{affirming}` is "{words[affirming]}", `{denying}` is "{words[denying]}"',),
        helps=(_ALLOW,),
    )
