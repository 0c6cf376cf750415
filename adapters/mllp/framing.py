"""MLLP framing without I/O, in the manner of h11: bytes in, events out.

A message travels between VT (0x0B) and FS CR (0x1C 0x0D). Source: HL7 v2 "Minimal Lower Layer Protocol", and Pegasos's
manual §1: a VT or FS inside a block does not divide it; the block goes on to FS CR, and is then no readable message.

```
OUTSIDE --VT--> INSIDE --FS CR--> OUTSIDE        a Block
OUTSIDE --other byte--> OUTSIDE                  a Stray
any     --end of stream--> CLOSED                an End
INSIDE  --too long--> BROKEN                     FramingError, for good
```
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

_START: Final = b"\x0b"
_END: Final = b"\x1c\r"


class FramingError(Exception):
    """The stream cannot be framed any more; the connection must be closed."""


@dataclass(frozen=True, slots=True)
class Block:
    """One whole message, without its frame."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Stray:
    """Bytes between blocks, where there should be none."""

    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The peer sends no more. ``partial`` is what came of a block that never ended."""

    partial: bytes


class NeedData(Enum):
    """Nothing to say before more bytes come."""

    NEED_DATA = auto()


NEED_DATA: Final = NeedData.NEED_DATA
Event = Block | Stray | End | NeedData


class _State(Enum):
    OUTSIDE = auto()
    INSIDE = auto()
    CLOSED = auto()
    BROKEN = auto()


def frame(message: bytes) -> bytes:
    """The block of ``message``; raises ValueError if it holds a VT or FS, which would be read as a frame."""
    if b"\x0b" in message or b"\x1c" in message:
        raise ValueError("a message with a framing character inside")
    return _START + message + _END


class Receiver:
    """The receiving side of one connection. ``max_block`` is in bytes, between VT and FS."""

    def __init__(self, max_block: int) -> None:
        self._max_block = max_block
        self._buffer = bytearray()
        self._searched = 0
        self._ended = False
        self._state = _State.OUTSIDE

    @property
    def pending(self) -> bytes:
        """Received and not yet part of an event."""
        return bytes(self._buffer)

    def receive(self, data: bytes) -> None:
        """Take bytes as they came, in whatever pieces; ``b""`` is the end of the stream."""
        if not data:
            self._ended = True
        self._buffer += data

    def next_event(self) -> Event:
        """What can be said of the bytes so far; ask again until `NEED_DATA` or an `End`. Raises `FramingError`."""
        if self._state is _State.BROKEN:
            raise FramingError("the stream broke earlier")
        if self._state is _State.OUTSIDE and self._buffer:
            if self._buffer[:1] != _START:
                return self._stray()
            self._state, self._searched = _State.INSIDE, 1
        if self._state is _State.INSIDE and (block := self._block()):
            return block
        if self._ended:
            self._state = _State.CLOSED
            return End(self._take(len(self._buffer)))
        return NEED_DATA

    def _stray(self) -> Stray:
        start = self._buffer.find(_START)
        return Stray(self._take(start if start >= 0 else len(self._buffer)))

    def _block(self) -> Block | None:
        end = self._buffer.find(_END, self._searched)
        if (end if end >= 0 else len(self._buffer) - 1) - 1 > self._max_block:
            self._state = _State.BROKEN
            raise FramingError(f"a block of more than {self._max_block} bytes")
        if end < 0:
            self._searched = max(1, len(self._buffer) - 1)  # an FS may be waiting for its CR
            return None
        self._state = _State.OUTSIDE
        return Block(self._take(end + len(_END))[1:-2])

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken
