"""A service over MLLP, asked one thing at a time: for record systems that answer each message with one message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from adapters.asking import NoReply, NotSent, asked
from adapters.mllp.framing import FramingError
from adapters.mllp.link import Closed, Link
from adapters.recording import Exchange
from adapters.trip import Trip
from canonical.notes import Note

T = TypeVar("T")

Reading = tuple[T, Sequence[Note]]
"""What was read of an answer, and what reading it had to say."""


@dataclass(frozen=True, slots=True)
class Request:
    """``operation`` names the exchange in one word, and nobody (``SRM^S01``); ``message`` is without its frame.
    ``answered_by`` says whether a message is the answer to this one (MSA-2 is MSH-10): others are thrown away; it may
    raise what reading them raises. ``writes``: it changes something. ``notes`` are of writing it."""

    operation: str
    message: bytes
    answered_by: Callable[[bytes], bool]
    writes: bool = False
    notes: tuple[Note, ...] = ()
    marks: bool = True


class Service:
    """At most ``connections`` at a time; ``max_reply`` is in bytes."""

    def __init__(self, host: str, port: int, *, connections: int, max_reply: int) -> None:
        self._link = Link(host, port, size=connections, max_reply=max_reply)

    async def ask(self, trip: Trip, request: Request, read: Callable[[bytes], Reading[T]]) -> T:
        """What ``read`` makes of the answer. It may raise any `ForeignError`, and for an answer that is not what was
        promised `BadMessage` or whatever else reading it raises. Only `ForeignError` comes out, and what the recorder
        raises."""
        async with asked(trip.call, request.operation, request.message, writes=request.writes) as exchange:
            exchange.note(request.notes)
            await self._exchanged(trip, request, exchange)
            found, notes = read(exchange.raw)
            exchange.note(notes)
            return found

    async def _exchanged(self, trip: Trip, request: Request, exchange: Exchange) -> None:
        """Send it and wait for its answer; the connection is used again only if that came, and nothing else."""
        reached = trip.call.reached if request.marks else lambda _: None
        left = False
        try:
            async with asyncio.timeout_at(trip.deadline), self._link.connection() as connection:
                left = True
                await connection.send(request.message)
                reached("sent")
                while not request.answered_by(block := await connection.receive()):
                    continue
                exchange.raw = block
                reached("replied")
                connection.settle()
        except TimeoutError:
            raise (NoReply if left else NotSent)("no complete answer within the limit") from None
        except Closed as err:
            exchange.raw = err.partial
            raise (NoReply if left else NotSent)("the connection was closed without an answer") from None
        except FramingError as err:
            raise NoReply(str(err)) from err
        except OSError as err:
            raise (NoReply if left else NotSent)(type(err).__name__) from err

    async def close(self) -> None:
        """Close what is idle; nothing can be sent any more."""
        self._link.close()
