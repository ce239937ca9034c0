"""The page: whole in itself, every answer in its column, nothing of a model's a part of it."""

import html.parser
import re

from hypothesis import given
from hypothesis import strategies as st

from taskc.runtime.selection.answers import Answer, Reading
from taskc.runtime.selection.page import page

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=40)


class Reader(html.parser.HTMLParser):
    """Collects the tags, and the text of the page as a reader sees it."""

    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, _attrs):
        """Keeps the tag."""
        self.tags.append(tag)

    def handle_data(self, data):
        """Keeps the text."""
        self.text += data


def read(text):
    """Returns what a browser makes of a page."""
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


@given(TEXTS, TEXTS, TEXTS)
def test_what_a_model_writes_stays_text(source, prompt, text):
    """Whatever it is, the page has the same tags, and a reader sees the text as it is."""
    found = read(page("run", [Reading(source, prompt, {5: Answer(text, has_ended=True)})]))
    plain = read(page("run", [Reading("a", "b", {5: Answer("c", has_ended=True)})]))

    assert found.tags == plain.tags
    assert all(each in found.text for each in (source, prompt, text))


def test_a_script_is_shown_and_not_run():
    """The classic, in prompt and answer."""
    made = page(
        "<run>", [Reading("a", "<script>1</script>", {5: Answer("</p><img>", has_ended=True)})]
    )

    assert "<script" not in made
    assert "&lt;script&gt;" in made
    assert "<img" not in made


def test_epochs_stand_side_by_side_in_order():
    """A column each; one that was cut says so; nothing is loaded, no loss is told."""
    answers = {10: Answer("ten", has_ended=True), 5: Answer("five", has_ended=False)}
    made = page("run", [Reading("a", "b", answers), Reading("a", "c", answers)])

    assert re.findall(r"<h3>(epoch \d+)", made) == ["epoch 5", "epoch 10"] * 2
    assert made.count("not ended, cut here") == 2
    assert not re.search(r"https?:|src=|href=|@import|url\(", made)
    assert "loss" not in made
