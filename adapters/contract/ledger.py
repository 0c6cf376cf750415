"""Where the suite keeps the exchanges of an adapter, and a place that cannot keep any."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.call import Call
from canonical.notes import Note


@dataclass(slots=True)
class Exchange:
    """One request that left. ``replies`` has one entry for each `received`: the bytes and the outcome."""

    request_id: str
    operation: str
    sent: bytes
    replies: list[tuple[bytes, str]] = field(default_factory=list)


class Ledger:
    """A recorder that keeps everything, in order."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    async def sending(self, call: Call, operation: str, raw: bytes) -> str:
        """Keep it, after giving everybody else a turn, as a real store would."""
        await asyncio.sleep(0)
        self.exchanges.append(Exchange(call.request_id, operation, raw))
        return str(len(self.exchanges) - 1)

    def received(self, exchange: str, raw: bytes, *, outcome: str, notes: Sequence[Note] = ()) -> None:
        """Keep it with its request."""
        self.exchanges[int(exchange)].replies.append((raw, outcome))


class DiskFull(Exception):
    """What `FullDisk` raises."""


class FullDisk:
    """A recorder that finds out, after a moment, that it cannot keep anything."""

    async def sending(self, call: Call, operation: str, raw: bytes) -> str:
        """Raises `DiskFull`: nothing may leave."""
        await asyncio.sleep(0.05)
        raise DiskFull

    def received(self, exchange: str, raw: bytes, *, outcome: str, notes: Sequence[Note] = ()) -> None:
        """Nothing can come back of what never left."""
        raise AssertionError("received() without a sending()")
