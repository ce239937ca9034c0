"""Tokens of a conversation that a chat template rendered: which texts they cover.

In: one example, laid out again under `template: tokenizer`. Out: for each of its tokens whether the
template wrote it, or which characters of which turns it covers. The conversation is rendered and
proved once more, and encoded with the characters of each token.
"""

from collections.abc import Iterator
from itertools import islice

from taskc.compiler import plan
from taskc.compiler.tracing.phrasing import Laid
from taskc.compiler.tracing.spans import Cover, TokenPlace
from taskc.compiler.turns.formats.answers import evaluated_turns, trained_turns
from taskc.compiler.turns.formats.templated import Written, written
from taskc.compiler.turns.rendering.proof import Content, Proved, Stretch

__all__ = ["template_places"]


def template_places(
    laid: Laid, format_: plan.ChatFormat, *, evaluation: bool
) -> tuple[list[int], list[TokenPlace]]:
    """Returns the ids of an example and where each comes from.

    Args:
        laid: The example.
        format_: With `template: tokenizer`.
        evaluation: Whether it is of an evaluation split.
    """
    rendering = laid.frame.rendering
    assert rendering is not None, "the format has a template"
    phrased = laid.phrased
    voices = evaluated_turns(phrased.voices) if evaluation else phrased.voices
    texts = phrased.texts[: len(voices)]
    trained = trained_turns(voices, format_.loss, evaluation=evaluation)
    proved = rendering.proved(voices, texts, trained)
    ids: list[int] = []
    places: list[TokenPlace] = []
    for stretch in proved.stretches[: 2 if evaluation else None]:
        each = written(rendering, proved, stretch)
        placed = laid.loaded.encode_named_placed(each.text, continues=each.continues)
        ids += placed.ids[each.num_led :]
        borders = _borders(laid, proved, stretch, each)
        for start, stop in islice(zip(placed.starts, placed.ends, strict=True), each.num_led, None):
            places.append(_place(proved, texts, stretch, (borders[start], borders[stop])))
    num_kept = int(laid.layout.pieces.length.sum())  # overflow may have cut the tail
    return ids[:num_kept], places[:num_kept]


def _borders(laid: Laid, proved: Proved, stretch: Stretch, each: Written) -> list[int]:
    """For each border between characters of a written stretch, the one of the rendering."""
    rendering = laid.frame.rendering
    assert rendering is not None
    tokens = [token for token in proved.tokens if token.stop <= stretch.stop]
    tokens = tokens[len(tokens) - each.num_special :]
    at = tokens[0].start if each.num_led else stretch.start
    borders: list[int] = []
    for token in tokens:
        borders += range(at, token.start)
        borders += [token.start] * len(rendering.marker.name(token.text))
        at = token.stop
    return [*borders, *range(at, stretch.stop + 1)]


def _place(
    proved: Proved, texts: list[str], stretch: Stretch, covered: tuple[int, int]
) -> TokenPlace:
    start, stop = covered
    covers = tuple(_covers(proved.contents, texts, start, stop))
    if covers:
        return TokenPlace("text", covers[0].turn, covers)
    following = [each.message for each in proved.contents if each.stop > start]
    turn = following[0] if following else len(texts) - 1
    if stretch.is_trained and stop == stretch.stop:
        ended = [each.message for each in proved.contents if each.stop <= start]
        return TokenPlace("end", ended[-1] if ended else turn)
    return TokenPlace("template", turn)


def _covers(contents: list[Content], texts: list[str], start: int, stop: int) -> Iterator[Cover]:
    for content in contents:
        first, last = max(start, content.start), min(stop, content.stop)
        if first < last:
            # A text stands without the white space around it, and may have lost its beginning.
            own_stop = len(texts[content.message].rstrip())
            before = own_stop - (content.stop - content.start) - content.start
            yield Cover(content.message, first + before, last + before)
