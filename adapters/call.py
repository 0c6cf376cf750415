"""One foreign call: whose request it is part of, how long it may take, and what is kept of it.

Every request that leaves and every reply that comes is recorded through the `Recorder` port: the raw bytes out are
durable *before* they leave, the raw bytes in as soon as they came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from canonical.notes import Note


class Recorder(Protocol):
    """Where exchanges go (the hub's store; a list in tests)."""

    async def sending(self, call: Call, operation: str, raw: bytes) -> str:
        """Keep the bytes about to leave; returns the exchange's id. Durable when it returns."""

    def received(self, exchange: str, raw: bytes, *, outcome: str, notes: Sequence[Note] = ()) -> None:
        """Keep what came back (``b""`` for nothing) and the outcome in one word; written soon, never waited for."""


class NoRecorder:
    """Keeps nothing: for probes by hand and benchmarks of the wire."""

    async def sending(self, call: Call, operation: str, raw: bytes) -> str:
        return ""

    def received(self, exchange: str, raw: bytes, *, outcome: str, notes: Sequence[Note] = ()) -> None:
        return None


def _nothing(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Call:
    """The context of one foreign call.

    ``limit`` is in seconds of real time, for the whole of it: connecting, sending, listening. ``reached`` is told the
    name of each point that is passed (``sent``: the last byte left; ``replied``: the reply is complete); tests make a
    process die there.
    """

    request_id: str
    limit: float
    recorder: Recorder = field(default_factory=NoRecorder)
    command_id: str | None = None
    reached: Callable[[str], None] = _nothing
