"""The framing: the same events whatever pieces the bytes come in."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mllp.framing import NEED_DATA, Block, End, Event, FramingError, Receiver, Stray, frame

CONTENT = st.binary(max_size=40).filter(lambda data: b"\x1c\r" not in data)
PLAIN = st.binary(max_size=40).filter(lambda data: not {0x0B, 0x1C} & set(data))
BETWEEN = st.binary(max_size=5).filter(lambda data: b"\x0b" not in data)


def events(receiver: Receiver) -> list[Event]:
    found: list[Event] = []
    while (event := receiver.next_event()) is not NEED_DATA:
        found.append(event)
        if isinstance(event, End):
            break
    return found


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(places)]


@given(st.lists(st.tuples(BETWEEN, CONTENT)), st.lists(st.integers(0, 10_000)))
def test_blocks_come_whole_whatever_the_pieces(parts: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    stream = b"".join(between + b"\x0b" + content + b"\x1c\r" for between, content in parts)
    receiver = Receiver(1000)
    found: list[Event] = []
    for piece in pieces(stream, cuts):
        receiver.receive(piece)
        found += events(receiver)
    receiver.receive(b"")
    found += events(receiver)
    assert [event.data for event in found if isinstance(event, Block)] == [content for _, content in parts]
    strays = b"".join(event.data for event in found if isinstance(event, Stray))
    assert strays == b"".join(between for between, _ in parts)
    assert found[-1] == End(b"")


@given(PLAIN)
def test_frame_is_undone_by_the_receiver(content: bytes) -> None:
    receiver = Receiver(100)
    receiver.receive(frame(content))
    assert events(receiver) == [Block(content)]
    assert receiver.pending == b""


@pytest.mark.parametrize("content", [b"a\x0bb", b"a\x1cb"])
def test_frame_refuses_framing_characters(content: bytes) -> None:
    with pytest.raises(ValueError, match="framing character"):
        frame(content)


@pytest.mark.parametrize("inside", [b"a\x0bMSH", b"a\x1cb", b"a\x1c\x1c", b"\r\x1c\n"])
def test_framing_characters_inside_do_not_divide_a_block(inside: bytes) -> None:
    receiver = Receiver(100)
    receiver.receive(b"\x0b" + inside + b"\x1c\r")
    assert events(receiver) == [Block(inside)]


def test_end_tells_what_came_of_a_cut_block() -> None:
    receiver = Receiver(100)
    receiver.receive(b"\x0bone\x1c\r\x0btwo\x1c")
    receiver.receive(b"")
    assert events(receiver) == [Block(b"one"), End(b"\x0btwo\x1c")]


@pytest.mark.parametrize("size", [10, 11])
def test_a_block_may_be_as_long_as_the_limit(size: int) -> None:
    receiver = Receiver(10)
    receiver.receive(frame(b"x" * size))
    if size == 10:
        assert events(receiver) == [Block(b"x" * 10)]
    else:
        with pytest.raises(FramingError):
            receiver.next_event()


def test_a_block_without_end_breaks_the_stream_for_good() -> None:
    receiver = Receiver(10)
    receiver.receive(b"\x0b" + b"x" * 10)
    assert receiver.next_event() is NEED_DATA
    receiver.receive(b"xx")
    for _ in range(2):
        with pytest.raises(FramingError):
            receiver.next_event()
    assert len(receiver.pending) < 20


@given(st.binary(max_size=300))
def test_any_bytes_are_framed_or_refused_within_the_limit(data: bytes) -> None:
    receiver = Receiver(50)
    try:
        for n in range(len(data)):
            receiver.receive(data[n : n + 1])
            for event in events(receiver):
                assert not isinstance(event, Block) or len(event.data) <= 50
    except FramingError:
        return
    assert len(receiver.pending) <= 53
