"""MLLP framing without I/O: bytes in, blocks out (HL7 minimal lower layer protocol; manual section 1)."""

from __future__ import annotations

VT = b"\x0b"
END = b"\x1c\r"
LARGEST = 1024 * 1024
"""The most bytes a message may have between VT and FS."""


class TooLarge(Exception):
    """A block has grown past LARGEST; `start` is its beginning, enough to read the MSH from."""

    def __init__(self, start: bytes) -> None:
        super().__init__("The block is larger than 1 MiB.")
        self.start = start


def wrap(message: bytes) -> bytes:
    """Return a message as a block."""
    return VT + message + END


class BlockFinder:
    """Finds blocks in a stream that comes in pieces of any size.

    A block goes from VT to the first FS CR. A VT or FS inside it is content, which the reader of the message refuses:
    two messages that have run together are never taken for one. Bytes outside a block are collected in `stray`.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self.inside = False
        self.stray = bytearray()

    def feed(self, data: bytes) -> None:
        """Take the next piece of the stream."""
        self._buffer += data

    def next_block(self) -> bytes | None:
        """Return the content of the next whole block, or None if more bytes are needed. Raises TooLarge."""
        if not self.inside and not self._enter():
            return None
        end = self._buffer.find(END, self._searched)
        if end > LARGEST or (end < 0 and len(self._buffer) > LARGEST + 1):
            raise TooLarge(bytes(self._buffer[:4096]))
        if end < 0:
            # The last byte may be the first half of the end mark.
            self._searched = max(0, len(self._buffer) - 1)
            return None
        block = bytes(self._buffer[:end])
        del self._buffer[: end + len(END)]
        self._searched, self.inside = 0, False
        return block

    def take_stray(self) -> bytes:
        """Return and forget the bytes seen outside blocks (at most the last 4096 of them)."""
        stray, self.stray = bytes(self.stray), bytearray()
        return stray

    def partial(self) -> bytes:
        """Return what has come of an unfinished block."""
        return bytes(self._buffer) if self.inside else b""

    def _enter(self) -> bool:
        start = self._buffer.find(VT)
        outside = len(self._buffer) if start < 0 else start
        self.stray += self._buffer[:outside]
        del self.stray[:-4096]
        del self._buffer[: outside + (start >= 0)]
        self.inside = start >= 0
        return self.inside
