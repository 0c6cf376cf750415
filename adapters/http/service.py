"""A service over HTTP, asked one thing at a time: for record systems that ask nothing unusual of the wire.

Every request has a connection of its own: where an answer does not say to which request it belongs, the bytes of one
that came twice would be read as the next one's. Nothing is sent twice, no redirect is followed.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import httpx

from adapters.asking import asked
from adapters.http.connections import Http, HttpReply, HttpRequest
from adapters.http.recording import reply_bytes, request_bytes
from adapters.trip import Trip
from canonical.notes import Note

T = TypeVar("T")

Reading = tuple[T, Sequence[Note]]
"""What was read of an answer, and what reading it had to say."""

_NO_ID: Final = "X-Request-Id"
"""No answer is compared with its request's id: each has its connection to itself."""


@dataclass(frozen=True, slots=True)
class Request:
    """``operation`` names the exchange in one word, and nobody; ``path`` stands below the service's address, with its
    query. ``writes``: it changes something. ``kept`` is the body as it may be kept, where ``body`` holds a secret.
    ``notes`` are of writing it. ``marks``: the call's ``sent`` and ``replied`` are this request's."""

    operation: str
    method: str = "GET"
    path: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    writes: bool = False
    kept: bytes | None = None
    notes: tuple[Note, ...] = ()
    marks: bool = True


class Service:
    """``secrets`` are headers that go with every request and are never kept; ``connect_limit`` is in seconds.
    ``transport`` replaces the network (tests)."""

    def __init__(
        self,
        address: str,
        secrets: Mapping[str, str],
        trusted: ssl.SSLContext,
        *,
        connect_limit: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._address, self._secrets = address, secrets
        self._http = Http(trusted, connect_limit=connect_limit, connections=1, request_id=_NO_ID, transport=transport)

    async def ask(self, trip: Trip, request: Request, read: Callable[[HttpReply], Reading[T]]) -> T:
        """What ``read`` makes of the answer. It may raise any `ForeignError`, and for an answer that is not what was
        promised `BadMessage` or whatever else reading it raises. Only `ForeignError` comes out, and what the recorder
        raises."""
        out = HttpRequest(request.method, self._address + request.path, request.headers, request.body)
        kept = out if request.kept is None else replace(out, body=request.kept)
        reached = trip.call.reached if request.marks else lambda _: None
        async with asked(trip.call, request.operation, request_bytes(kept), writes=request.writes) as exchange:
            exchange.note(request.notes)
            reply = await self._http.send(out, self._secrets, deadline=trip.deadline, alone=True, reached=reached)
            exchange.raw = reply_bytes(reply)
            found, notes = read(reply)
            exchange.note(notes)
            return found

    async def close(self) -> None:
        """Let go of every connection."""
        await self._http.close()
