"""One request to Mediatri and the truth about what became of it: nothing, something, or nobody knows.

Nothing is sent twice, and every request has a connection of its own: nothing in an answer says to which request it
belongs, and the bytes of one that came twice would be read as the next one's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import httpx

from adapters.asking import NoReply, NotSent
from adapters.errors import Misconfigured, Unavailable
from adapters.http.connections import Http, HttpReply, HttpRequest, trust
from adapters.http.recording import reply_bytes, request_bytes
from adapters.mediatri import faults
from adapters.mediatri.options import Options
from adapters.mediatri.soap import contract
from adapters.recording import recorded
from adapters.soap.contract import Credentials
from adapters.trip import Trip
from canonical import soap
from canonical.notes import Note
from mappings.mediatri import answers
from mappings.mediatri.markup import BadMessage, Fields
from mappings.mediatri.requests import Request

T = TypeVar("T")

Reading = tuple[T, Sequence[Note]]
"""What a mapping returns."""

_XML: Final = "text/xml; charset=utf-8"
_NO_ID: Final = "X-Request-Id"
"""Mediatri gives no request's id back, and is told none."""


class Wire:
    """The service of one installation. ``transport`` replaces the network (tests)."""

    def __init__(self, options: Options, transport: httpx.AsyncBaseTransport | None) -> None:
        self._address = options.address
        self._who = Credentials(options.username, options.password.get_secret_value())
        self._contract = contract()
        self._http = Http(
            trust(options.ca_file),
            connect_limit=options.connect_limit,
            connections=1,
            request_id=_NO_ID,
            transport=transport,
        )

    async def ask(
        self,
        trip: Trip,
        request: Request,
        read: Callable[[Fields], Reading[T]],
        *,
        notes: Iterable[Note] = (),
        marks: bool = True,
    ) -> T:
        """What ``read`` makes of the answer to ``request``, sent once.

        ``read`` may raise `BadMessage` for an answer that is not what was asked for, and any `ForeignError`. ``notes``
        are of writing the request. ``marks``: the call's ``sent`` and ``replied`` are this request's. Raises only
        `ForeignError`, and what the recorder raises.
        """
        envelope = self._contract.envelope(request.operation, request.content, self._who)
        headers = {"Content-Type": _XML, "SOAPAction": f'"{envelope.action}"'}
        out = HttpRequest("POST", self._address, headers, envelope.body)
        kept = HttpRequest("POST", self._address, headers, envelope.kept)
        async with recorded(trip.call, request.operation, request_bytes(kept)) as exchange:
            exchange.note(notes)
            reply = await self._send(trip, request, out, marks)
            exchange.raw = reply_bytes(reply)
            try:
                found, said = read(_answer(reply, request))
            except BadMessage as err:
                raise faults.lost(request.effect, f"an unusable answer to {request.operation}: {err}") from err
            exchange.note(said)
            return found

    async def close(self) -> None:
        """Let go of every connection."""
        await self._http.close()

    async def _send(self, trip: Trip, request: Request, out: HttpRequest, marks: bool) -> HttpReply:
        reached: Callable[[str], None] = trip.call.reached if marks else lambda _: None
        try:
            return await self._http.send(out, {}, deadline=trip.deadline, alone=True, reached=reached)
        except NotSent as err:
            raise (Misconfigured if err.ours else Unavailable)(f"{request.operation} was not sent: {err}") from err
        except NoReply as err:
            raise faults.lost(request.effect, f"{request.operation}: {err}") from err


def _answer(reply: HttpReply, request: Request) -> Fields:
    """The content of an answer to ``request``. Raises what a fault or a status means, and `BadMessage`."""
    if reply.status not in (200, 500) or reply.media_type != "text/xml":
        if reply.status == 200:
            raise BadMessage("HTTP 200 and no text/xml")
        raise faults.of_status(reply, request)
    if reply.charset not in ("", "utf-8"):
        raise BadMessage("another character set than UTF-8")
    content = soap.body(reply.body)
    if (fault := answers.fault(content)) is not None:
        raise faults.of_fault(fault, request)
    if reply.status != 200:
        raise BadMessage("HTTP 500 and no fault")
    answer = answers.expect(content, request.operation)
    if request.reference and answer.text("asiakasViite") != request.reference:
        raise BadMessage("the answer has another asiakasViite than the request")
    return answer
