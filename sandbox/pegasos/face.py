"""The face of Pegasos: the TCP listener, its connections and their deadlines. The manual is INTERFACE.md."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from sandbox.engine.system import RecordSystem
from sandbox.face import InstallationConfig
from sandbox.faults import FaultBook
from sandbox.journal import Journal
from sandbox.pegasos.exchange import FAULT_KINDS, Exchange
from sandbox.pegasos.messages import Names, is_readable
from sandbox.pegasos.mllp import BlockFinder, TooLarge

MESSAGE_SECONDS: Final = 30.0
"""A block must be whole this many real seconds after its first byte; so must an answer be taken."""

_READ_BYTES: Final = 65_536
_BACKLOG: Final = 512
_LINGER_SECONDS: Final = 2.0


class PegasosFace:
    """Serves HL7 v2.4 over MLLP for one installation; see sandbox.face.Face for what the calls promise."""

    def __init__(
        self,
        config: InstallationConfig,
        system: RecordSystem,
        faults: FaultBook,
        journal: Journal,
        *,
        message_seconds: float = MESSAGE_SECONDS,
    ) -> None:
        names = Names(
            sending_application=config.credentials["sending_application"],
            sending_facility=config.credentials["sending_facility"],
            receiving_application=config.credentials["receiving_application"],
            receiving_facility=config.credentials["receiving_facility"],
            enhanced=config.options.get("acknowledgement") == "enhanced",
        )
        self._host, self._port = config.host, config.port
        self._journal = journal
        self._message_seconds = message_seconds
        self._exchange = Exchange(system, names, faults, journal)
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def fault_kinds(self) -> frozenset[str]:
        """The kinds of fault that can be shown on this wire."""
        return FAULT_KINDS

    @property
    def port(self) -> int:
        """The port listened on; the configured one until started."""
        return self._port

    async def start(self) -> None:
        """Listen. Raises OSError if the port cannot be had."""
        await self.resume_listening()

    async def stop(self) -> None:
        """Close the listener and every connection; what was to be done late is not done any more."""
        await self.pause_listening()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def pause_listening(self) -> None:
        """Close the listener and drop the connections; work that has begun goes on."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            connection.close()

    async def resume_listening(self) -> None:
        """Listen on the same port as before."""
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, self._host, self._port, backlog=_BACKLOG)
            self._port = self._server.sockets[0].getsockname()[1]

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own and not of the server's: it outlives its connection while there is work to finish.
        task = asyncio.get_running_loop().create_task(self._serve(Connection(reader, writer, self._message_seconds)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: Connection) -> None:
        self._connections.add(connection)
        try:
            await self._serve_blocks(connection)
        finally:
            self._connections.discard(connection)
            connection.close()

    async def _serve_blocks(self, connection: Connection) -> None:
        while not connection.closed:
            try:
                block = await connection.next_block()
            except TooLarge as err:
                await self._refuse_too_large(connection, err.start)
                return
            except TimeoutError:
                self._journal.record("received", connection.partial(), note="not whole in time: connection closed")
                return
            self._note_stray(connection)
            if block is None:
                self._note_cut_off(connection)
                return
            if not is_readable(block):
                self._journal.record("received", block, note="no MSH: connection closed")
                return
            await self._exchange.serve(block, connection)

    async def _refuse_too_large(self, connection: Connection, start: bytes) -> None:
        self._journal.record("received", start, note="over 1 MiB: refused, connection closed")
        if is_readable(start):
            answer = self._exchange.refuse_too_large(start)
            self._journal.record("sent", answer)
            await connection.send_last(answer)

    def _note_stray(self, connection: Connection) -> None:
        stray = connection.take_stray()
        if stray.strip(b"\r\n"):
            self._journal.record("received", stray, note="outside a block: thrown away")

    def _note_cut_off(self, connection: Connection) -> None:
        if connection.partial():
            self._journal.record("received", connection.partial(), note="connection ended within a block")


class Connection:
    """One TCP connection: blocks in, bytes out, each with its deadline."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
        self._reader = reader
        self._writer = writer
        self._seconds = seconds
        self._blocks = BlockFinder()
        self._ended = asyncio.Event()

    @property
    def closed(self) -> bool:
        """Whether this side has closed the connection."""
        return self._ended.is_set()

    async def next_block(self) -> bytes | None:
        """Return the next block, None when the other side is gone.

        Waits for the beginning of a block for ever, and for its end as long as a message may take. Raises TimeoutError
        or TooLarge.
        """
        found = self._blocks.next_block()
        while found is None and not self._blocks.inside:
            if not await self._read():
                return None
            found = self._blocks.next_block()
        if found is not None:
            return found
        async with asyncio.timeout(self._seconds):
            while found is None:
                if not await self._read():
                    return None
                found = self._blocks.next_block()
        return found

    async def send(self, data: bytes) -> None:
        """Send bytes. A side that is gone, or does not take them in time, is left without."""
        if self._writer.is_closing():
            return
        try:
            self._writer.write(data)
            async with asyncio.timeout(self._seconds):
                await self._writer.drain()
        except (OSError, TimeoutError):
            self.close()

    async def send_last(self, data: bytes) -> None:
        """Send bytes to a side that is still sending, and let it finish: closing at once would take them from it."""
        await self.send(data)
        if not self._writer.is_closing():
            self._writer.write_eof()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LINGER_SECONDS):
                    await self._drain_unread()
        self.close()

    def close(self) -> None:
        """Close the connection at once; bytes already sent still go out."""
        self._ended.set()
        self._writer.close()

    async def hang(self) -> None:
        """Keep the connection open and unread until one of the sides closes it."""
        ended = asyncio.ensure_future(self._ended.wait())
        gone = asyncio.ensure_future(self._drain_unread())
        try:
            await asyncio.wait({ended, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            gone.cancel()
        self.close()

    def partial(self) -> bytes:
        """Return what has come of an unfinished block."""
        return self._blocks.partial()

    def take_stray(self) -> bytes:
        """Return and forget what came outside blocks."""
        return self._blocks.take_stray()

    async def _drain_unread(self) -> None:
        with contextlib.suppress(OSError):
            while await self._reader.read(_READ_BYTES):
                continue

    async def _read(self) -> bool:
        """Read a piece; return whether there was one."""
        try:
            data = await self._reader.read(_READ_BYTES)
        except OSError:
            return False
        self._blocks.feed(data)
        return bool(data)


def make_face(config: InstallationConfig, system: RecordSystem, faults: FaultBook, journal: Journal) -> PegasosFace:
    """Return the face of one Pegasos installation, not started. Raises KeyError if a credential is missing."""
    return PegasosFace(config, system, faults, journal)
