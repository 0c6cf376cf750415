"""The codec and the framing, without a network: what goes in comes out, however it is cut or written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.pegasos.er7 import Delimiters, components, encode, escape, fitting_set, read_segments, segment
from sandbox.pegasos.mllp import END, VT, BlockFinder, wrap
from sandbox.pegasos.refusals import Refusal

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
AWKWARD = st.text(st.sampled_from('|^~\\&\r\n\x0b\x1c\t äXF.br"0D'), max_size=40)
LATIN_1 = st.text(st.characters(max_codepoint=255), max_size=60)


@given(TEXTS | AWKWARD, TEXTS | AWKWARD)
@settings(max_examples=300)
def test_no_text_breaks_out_of_its_component(first: str, second: str) -> None:
    line = segment("NTE", [(3, components(first, second)), (5, "end")])
    (read,) = read_segments(line, Delimiters(codec="utf-8"))
    assert (read.text(3, 1), read.text(3, 2), read.text(5)) == (plain(first), plain(second), "end")


@given(TEXTS | AWKWARD)
def test_a_free_text_comes_back_whole(text: str) -> None:
    (read,) = read_segments(segment("NTE", [(3, escape(text))]), Delimiters())
    assert "\n".join(read.whole_texts(3)) == plain(text)


def plain(text: str) -> str:
    """An empty value and HL7's null are the same here: no value."""
    return "" if text == '""' else text


VALUES = AWKWARD.filter(lambda text: text != '""')


@given(
    st.lists(
        st.lists(st.lists(VALUES, min_size=1, max_size=3), min_size=1, max_size=3),
        min_size=1,
        max_size=3,
    )
)
def test_a_field_written_again_is_the_same_field(tree: list[list[list[str]]]) -> None:
    field = "~".join("^".join("&".join(map(escape, component)) for component in repetition) for repetition in tree)
    (read,) = read_segments(f"ZXX|{field}|end", Delimiters())
    assert read.standard_field(1) == field


@given(LATIN_1)
def test_what_a_set_can_express_is_said_in_it(text: str) -> None:
    line = escape(text)
    assert fitting_set([line], "") == ""
    assert encode([line], "").decode("iso-8859-1") == line + "\r"
    assert fitting_set(["€" + line], "") == "UNICODE UTF-8"


@given(st.lists(st.binary(max_size=30).filter(lambda b: b"\x1c" not in b), max_size=5), st.data())
def test_blocks_are_found_however_the_stream_is_cut(contents: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(b"\r\n" + wrap(content) for content in contents)
    finder, found = BlockFinder(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        finder.feed(stream[:size])
        stream = stream[size:]
        while (block := finder.next_block()) is not None:
            found.append(block)
    assert found == contents


def test_an_end_mark_in_two_pieces_is_seen() -> None:
    finder = BlockFinder()
    finder.feed(VT + b"x" + END[:1])
    assert finder.next_block() is None
    finder.feed(END[1:])
    assert finder.next_block() == b"x"


@pytest.mark.parametrize("line", ["", "msh", "AB", "ABCD|x", "1AB|x", "A B|x"])
def test_a_line_that_is_no_segment_is_refused(line: str) -> None:
    with pytest.raises(Refusal):
        read_segments(f"MSH|x\r{line}\rPID|1", Delimiters())
