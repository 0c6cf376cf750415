"""Faults for any record system whose protocol is asked and answered over TCP: a relay between the adapter and it.

The record system needs no faults of its own, and need not be ours: the relay reads each request whole, hands it on, and
does to the answer what `Fault` says. A subject gives it three things that only its manual tells: which request is which
`Operation`, how the system says that it is in trouble, and how an answer about somebody else looks.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from typing import Final, Protocol

import pytest

from adapters.contract.subject import Fault, Operation, Subject
from canonical.model import TimeKey

WhichOperation = Callable[[bytes], Operation | None]
"""What a request is for, or None for one that no fault is meant for."""
Trouble = Callable[[bytes, bool], bytes | None]
"""The answer to a request by which the system says that it is in trouble: before it worked (True), or nobody knows.
None where it has no words for it."""
Another = Callable[[bytes], bytes]
"""An answer as it would be if it were about another patient."""

_MOST: Final = 1 << 24
_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CHUNKED: Final = re.compile(rb"(?i)\r\ntransfer-encoding: *chunked")


class Framing(Protocol):
    """Where a message begins and ends."""

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """The next message whole, with its frame; b"" at the end of the stream."""

    def changed(self, message: bytes, change: Callable[[bytes], bytes]) -> bytes:
        """The message with another content, framed anew."""


class HttpFraming:
    """HTTP/1.1: a head, and a body of the length that it says."""

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """See `Framing`."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""
        if length := _LENGTH.search(head):
            return head + await reader.readexactly(int(length[1]))
        if not _CHUNKED.search(head):
            unmeasured = head.startswith(b"HTTP/") and head[9:12] not in (b"204", b"304")
            return head + (await reader.read(_MOST) if unmeasured else b"")
        parts = [head]
        size = -1
        while size:
            parts.append(await reader.readuntil(b"\r\n"))
            size = int(parts[-1].split(b";")[0], 16)
            parts.append(await reader.readexactly(size + 2))
        return b"".join(parts)

    def changed(self, message: bytes, change: Callable[[bytes], bytes]) -> bytes:
        """See `Framing`. A chunked body keeps its chunks: a change of its length would be seen as a cut."""
        head, _, body = message.partition(b"\r\n\r\n")
        body = change(body)
        return _LENGTH.sub(b"\r\ncontent-length: %d" % len(body), head) + b"\r\n\r\n" + body


class MllpFraming:
    """HL7 over MLLP: from VT to FS CR."""

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """See `Framing`."""
        try:
            return await reader.readuntil(b"\x1c\r")
        except asyncio.IncompleteReadError:
            return b""

    def changed(self, message: bytes, change: Callable[[bytes], bytes]) -> bytes:
        """See `Framing`."""
        return b"\x0b" + change(message[1:-2]) + b"\x1c\r"


def http_trouble(_: bytes, before: bool) -> bytes:
    """503 with Retry-After before any work, 500 where nobody knows."""
    said = b"503 Service Unavailable\r\nRetry-After: 1" if before else b"500 Internal Server Error"
    return b"HTTP/1.1 " + said + b"\r\nContent-Length: 0\r\n\r\n"


def swapped(pairs: Mapping[str, str], charset: str = "utf-8") -> Another:
    """An `Another` that writes one text for another wherever it stands: identity codes, patient numbers."""
    wanted = {one.encode(charset): other.encode(charset) for one, other in pairs.items()}
    pattern = re.compile(b"|".join(map(re.escape, sorted(wanted, key=len, reverse=True))))
    return lambda content: pattern.sub(lambda found: wanted[found[0]], content)


class Relay:
    """Between an adapter, which connects to ``port`` on 127.0.0.1, and the record system at ``host`` and ``its_port``.

    ``late`` (seconds) is when the work of a lost request is done, ``slow`` how long a slow answer takes: less than the
    profile's quiescence time, and more than the subject's ``fault_limit``.
    """

    def __init__(
        self,
        host: str,
        its_port: int,
        framing: Framing,
        operation: WhichOperation,
        another: Another,
        trouble: Trouble = http_trouble,
        *,
        late: float = 0.5,
        slow: float = 1.0,
    ) -> None:
        self._to, self._framing, self._operation = (host, its_port), framing, operation
        self._another, self._trouble = another, trouble
        self._late, self._slow = late, slow
        self._armed: tuple[Fault, Operation] | None = None
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._working = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.port = 0

    async def start(self) -> None:
        """Listen; ``port`` says where."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=_MOST)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more, and close what is connected."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def arm(self, fault: Fault, operation: Operation) -> None:
        """Let ``fault`` meet the next request of ``operation``."""
        self._armed = (fault, operation)
        if fault is Fault.REFUSE_CONNECTION:
            await self.close()

    async def disarm(self) -> None:
        """End every fault."""
        self._armed = None
        if self._server is None:
            await self.start()

    async def quiet(self) -> None:
        """Return when nothing that was sent waits to be worked on."""
        await self._idle.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with closing(writer), suppress(OSError, asyncio.IncompleteReadError):  # one of the two goes: so does the other
            upstream = await asyncio.open_connection(*self._to, limit=_MOST)
            with closing(upstream[1]):
                while request := await self._framing.read(reader):
                    if not await self._relayed(request, (reader, writer), upstream):
                        break
        self._open.discard(writer)

    async def _relayed(
        self,
        request: bytes,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> bool:
        """Whether the connection goes on."""
        reader, writer = client
        fault = self._fault(request)
        if fault is Fault.DROP_REQUEST:
            return False
        if fault is Fault.HALF_OPEN:
            await reader.read()
            return False
        if fault is Fault.ERROR_BEFORE_WORK:
            writer.write(self._trouble(request, True) or b"")
            await writer.drain()
            return True
        self._working += 1
        self._idle.clear()
        try:
            await asyncio.sleep(self._late if fault is Fault.WORK_LATE else 0)
            upstream[1].write(request)
            await upstream[1].drain()
            answer = await self._framing.read(upstream[0])
        finally:
            self._working -= 1
            if not self._working:
                self._idle.set()
        if fault is Fault.WORK_LATE:
            await reader.read()
        if not answer or fault in (Fault.WORK_LATE, Fault.DROP_ANSWER):
            return False
        if fault is Fault.SLOW:
            await asyncio.sleep(self._slow)
        writer.write(self._spoilt(answer, request, fault))
        await writer.drain()
        return fault not in (Fault.CUT_REPLY, Fault.GARBAGE)

    def _fault(self, request: bytes) -> Fault | None:
        """The fault that this request meets; it is then over."""
        if self._armed is None or self._operation(request) is not self._armed[1]:
            return None
        fault, self._armed = self._armed[0], None
        return fault

    def _spoilt(self, answer: bytes, request: bytes, fault: Fault | None) -> bytes:
        match fault:
            case Fault.CUT_REPLY:
                return answer[: len(answer) * 2 // 3]
            case Fault.GARBAGE:
                return random.Random(len(answer)).randbytes(400)  # noqa: S311 - noise, the same each time
            case Fault.WRONG_CHARSET:
                return self._framing.changed(answer, _recoded)
            case Fault.ERROR_AFTER_WORK:
                return self._trouble(request, False) or answer
            case Fault.DUPLICATE:
                return answer * 2
            case Fault.WRONG_PERSON:
                return self._framing.changed(answer, self._another)
            case _:
                return answer


def _recoded(content: bytes) -> bytes:
    """In ISO-8859-1 what is UTF-8, and the other way round."""
    try:
        return content.decode("utf-8").encode("iso-8859-1", "replace")
    except UnicodeDecodeError:
        return content.decode("iso-8859-1").encode("utf-8")


class RelayedSubject(Subject):
    """A subject whose adapter reaches its record system through ``relay``."""

    relay: Relay
    no_trouble: str | None = None
    """Why the system has no words for trouble, if it has none."""

    async def arm(self, fault: Fault, operation: Operation) -> None:
        """See `Subject`."""
        await self.relay.arm(fault, operation)

    async def disarm(self) -> None:
        """See `Subject`."""
        await self.relay.disarm()

    async def desk_move(self, local_id: str, time: TimeKey) -> None:
        """See `Subject`. Override it where somebody can."""
        pytest.skip("nobody in this test environment moves an appointment")

    async def quiet(self) -> None:
        """See `Subject`: the relay knows what is still under way."""
        await self.relay.quiet()

    def no_counterpart(self, fault: Fault, operation: Operation) -> str | None:
        """See `Subject`. Override it where the system keeps bookings for later, or answers without naming anybody."""
        if fault is Fault.PENDING_ANSWER:
            return "the system books at once, or not at all"
        return self.no_trouble if fault in (Fault.ERROR_BEFORE_WORK, Fault.ERROR_AFTER_WORK) else None
