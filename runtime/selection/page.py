"""Answers side by side as one file of HTML: nothing is fetched, nothing runs.

In: prompts with the answers of several epochs. Out: text. Whatever a model wrote is escaped, so
none of it can become a part of the page. No loss and no score is shown.
"""

from collections.abc import Sequence
from html import escape

from taskc.runtime.selection.answers import Answer, Reading

__all__ = ["page"]

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff; }
section { margin: 2.5rem 0; }
.prompt { white-space: pre-wrap; border-left: 4px solid #888; padding: .2rem .8rem; }
.answers { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(19rem, 1fr);
  gap: 1rem; overflow-x: auto; margin-top: .8rem; }
.answer { border: 1px solid #ccc; border-radius: 6px; padding: .6rem .8rem; }
.answer h3 { margin: 0 0 .4rem; font-size: 1rem; }
.answer p { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
.cut { color: #a40000; font-weight: normal; }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818; } }
"""


def page(title: str, readings: Sequence[Reading]) -> str:
    """Returns the page.

    Args:
        title: Says which run it is.
        readings: A section each, with a column for every epoch.
    """
    sections = "\n".join(_section(number, each) for number, each in enumerate(readings, start=1))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n"
        "<p>What the models of several epochs answer to the same prompts, by the likeliest token "
        "each time. Read them, choose an epoch, and say why: "
        "<code>taskc select RUN --epoch N --because &quot;...&quot;</code></p>\n"
        f"{sections}\n</body>\n</html>\n"
    )


def _section(number: int, reading: Reading) -> str:
    answers = "\n".join(_answer(epoch, each) for epoch, each in sorted(reading.answers.items()))
    return (
        f"<section>\n<h2>{number}. {escape(reading.source)}</h2>\n"
        f'<div class="prompt">{escape(reading.prompt)}</div>\n'
        f'<div class="answers">\n{answers}\n</div>\n</section>'
    )


def _answer(epoch: int, answer: Answer) -> str:
    cut = "" if answer.has_ended else ' <span class="cut">not ended, cut here</span>'
    return f'<div class="answer"><h3>epoch {epoch}{cut}</h3><p>{escape(answer.text)}</p></div>'
