"""Offsets of characters: who writes another one there changes that character and no other."""

from hypothesis import given
from hypothesis import strategies as st

from taskc.dsl.model.expressions import Piece, Text
from taskc.dsl.text.offsets import character_offsets
from taskc.dsl.text.parser import parse
from taskc.dsl.text.source_text import SourceText

HEAD = "language 1\ntemplate t for s {\n  prompt p: "
ESCAPED = {"\n": "\\n", '"': '\\"', "\\": "\\\\", "{": "{{", "}": "}}", "é": "\\u{E9}"}
CHARACTERS = st.sampled_from(list('ab \n"\\{}éü'))


def read(written: str) -> tuple[SourceText, Text]:
    """A text in its place in a file."""
    source = SourceText("a.task", f"{HEAD}{written}\n}}\n")
    file = parse(source)
    assert file.diagnostics == (), written
    return source, file.declarations[1].statements[0].input


def pieces(text: Text) -> list[tuple[int, Piece]]:
    """Pieces with their index among the parts."""
    return [(index, part) for index, part in enumerate(text.parts) if isinstance(part, Piece)]


def check(written: str) -> None:
    """Writes a `Q` for each character in turn, and reads again."""
    source, text = read(written)
    for part, piece in pieces(text):
        offsets = character_offsets(source, text, part)

        assert len(offsets) == len(piece.text)
        for index, character in enumerate(piece.text[:-1]):
            if character == "\n":
                continue
            begin = offsets[index] - len(HEAD)
            end = offsets[index + 1] - len(HEAD)
            _, changed = read(f"{written[:begin]}Q{written[end:]}")

            expected = f"{piece.text[:index]}Q{piece.text[index + 1 :]}"
            assert changed.parts[part].text == expected


def in_one_line(character: str) -> str:
    """A character between single quotes, escaped where it must be or may be."""
    return ESCAPED.get(character, character)


@given(st.lists(st.lists(CHARACTERS, min_size=1, max_size=6), min_size=1, max_size=3))
def test_characters_of_a_line(texts):
    """Escapes and doubled braces count as they are written."""
    check('"' + "{x}".join("".join(map(in_one_line, text)) for text in texts) + '"')


def in_block(character: str) -> str:
    """A character of a block, in which lines are lines."""
    return character if character in "\nü" else in_one_line(character)


@given(
    st.lists(st.lists(CHARACTERS, min_size=1, max_size=6), min_size=1, max_size=3),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "  ", "    "]),
)
def test_characters_of_a_block(texts, line_end, indent):
    """Indentation and carriage returns belong to no character."""
    content = "{x}".join("".join(map(in_block, text)) for text in texts)
    lines = [f"{indent}{line}" for line in [*content.split("\n")]]
    check('"""' + line_end + line_end.join(lines) + line_end + indent + '"""')


def test_a_blank_line_may_be_indented_less():
    """As the parser reads it."""
    check('"""\n    a\n\n  \n    b c\n    """')
