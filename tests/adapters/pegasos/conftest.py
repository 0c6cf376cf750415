"""A Pegasos that does exactly what a test says, byte by byte, and a recorder that keeps what passed."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from adapters.base import Installation
from adapters.call import Call
from adapters.pegasos import PegasosAdapter
from canonical.notes import Note


@dataclass(slots=True)
class Turn:
    """One request the scripted server has read, and the connection it came on."""

    message: bytes
    connection: int
    writer: asyncio.StreamWriter

    @property
    def control_id(self) -> str:
        return self.message.split(b"|")[9].decode("ascii")

    @property
    def operation(self) -> str:
        return self.message.split(b"|")[8].decode("ascii")[:7]

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def close(self) -> None:
        self.writer.close()

    async def reset(self) -> None:
        """Close with RST instead of FIN."""
        sock: Any = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Turn], Awaitable[None]]


@dataclass(slots=True)
class ScriptedPegasos:
    """Reads blocks and gives each to the next script; the last script stays. ``turns`` is what came."""

    scripts: list[Script] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    most_open: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    server: asyncio.Server | None = None
    port: int = 0

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and close every connection; returns when that is done."""
        if self.server is not None:
            self.server.close()
            self.server = None
        for writer in self.writers:
            writer.transport.abort()
        await self.until(lambda: self.open == 0)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so; a test that waits in vain runs into its limit."""
        while not true():
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        number = self.connections
        self.writers.add(writer)
        try:
            while True:
                block = await reader.readuntil(b"\x1c\r")
                turn = Turn(block[1:-2], number, writer)
                self.turns.append(turn)
                self.changed.set()
                script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                await script(turn)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            self.writers.discard(writer)
            self.changed.set()
            writer.close()


@dataclass(slots=True)
class Kept:
    """A recorder that keeps everything, and may look at the world when something is about to leave."""

    before: Callable[[], None] = lambda: None
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    came: list[tuple[str, bytes, str, tuple[Note, ...]]] = field(default_factory=list)

    async def sending(self, call: Call, operation: str, raw: bytes) -> str:
        await asyncio.sleep(0)
        self.before()
        self.sent.append((operation, raw))
        return str(len(self.sent) - 1)

    def received(self, exchange: str, raw: bytes, *, outcome: str, notes: Sequence[Note] = ()) -> None:
        self.came.append((exchange, raw, outcome, tuple(notes)))


NAMES = {
    "sending_application": "SOTESILTA",
    "sending_facility": "ITAUUSIMAA",
    "receiving_application": "PEGASOS",
    "receiving_facility": "LOVIISA",
}


def adapter_to(port: int, **options: Any) -> PegasosAdapter:
    address = {"address": f"mllp://127.0.0.1:{port}", "limit": 1.0, "quiescence": 1.5}
    return PegasosAdapter(
        Installation("pegasos-loviisa", "pegasos", "2.4", ("434",), ("health",), {**address, **NAMES, **options})
    )


@dataclass(slots=True)
class Bench:
    """A scripted Pegasos, an adapter to it, and what was recorded."""

    pegasos: ScriptedPegasos
    adapter: PegasosAdapter
    kept: Kept

    def call(self, limit: float = 5.0, **parts: Any) -> Call:
        return Call("req_test", limit, self.kept, **parts)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    pegasos = ScriptedPegasos()
    await pegasos.start()
    adapter = adapter_to(pegasos.port)
    yield Bench(pegasos, adapter, Kept())
    await adapter.close()
    await pegasos.stop()
