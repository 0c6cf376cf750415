"""One request to ProConsona and the truth about what became of it: nothing, something, or nobody knows.

Nothing here is sent twice but a read that got the answer to another request.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

import httpx

from adapters.asking import lost, sent
from adapters.errors import Misconfigured
from adapters.http.connections import Http, HttpReply, HttpRequest, NotOurs, new_request_id, trust
from adapters.http.recording import reply_bytes, request_bytes
from adapters.proconsona import answers, signing
from adapters.proconsona.answers import XML, RequestKind
from adapters.proconsona.options import Options
from adapters.recording import Exchange, recorded
from adapters.trip import Trip
from canonical import hetu
from canonical.messages import UNREADABLE, BadMessage
from canonical.xml import BadXml
from mappings.proconsona.document import Part, document

REQUEST_ID: Final = "X-PC-Pyynto"
REPLAYED: Final = "Idempotency-Replayed"


@dataclass(frozen=True, slots=True)
class Request:
    """``target`` is below the base, or a path from the root of the server (``seuraava``). ``kind`` is what it changes.

    ``marks``: the call's ``sent`` and ``replied`` are this request's.
    """

    method: str
    target: str
    kind: RequestKind = "read"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    marks: bool = True

    @classmethod
    def get(cls, path: str, parameters: Sequence[tuple[str, str]] = (), *, marks: bool = True) -> Request:
        query = f"?{urlencode(parameters, quote_via=quote, safe=':')}" if parameters else ""
        return cls("GET", path + query, marks=marks)

    @property
    def writes(self) -> bool:
        return self.kind != "read"

    @property
    def what(self) -> str:
        """For error texts: method and kind of thing, no ids."""
        path = "next page" if self.target.startswith("/") else re.split(r"[?/]", self.target)[0]
        return f"{self.method} {path}"


@dataclass(frozen=True, slots=True)
class Reply:
    """ProConsona's answer to ``request``; ``exchange`` takes the notes of reading it."""

    request: Request
    http: HttpReply
    exchange: Exchange
    asked_at: str

    @property
    def native(self) -> str:
        return str(self.http.status)

    @property
    def absent(self) -> bool:
        """Whether ProConsona says that there is no such thing, or none that is ours to see: it tells no more."""
        said = answers.virhe(self.http) if self.http.status == 404 else None
        return said is not None and said.code == "EI_LOYDY"

    @property
    def replayed(self) -> bool:
        """Whether it is an answer given before: what it says may be so no more."""
        return str(self.http.headers.get(REPLAYED, "")).strip().lower() == "true"

    def document(self, status: int, *roots: str) -> Part:
        """The body of an answer of this status, one of ``roots``; any other raises what it means.

        HTML with status 200 is a proxy's word, never ProConsona's (manual §12).
        """
        if self.http.status >= 300 or self.http.status < 200:
            raise answers.failure(self.http, self.request.kind, self.request.what, self.asked_at)
        if self.http.status != status:
            raise BadMessage(f"status {self.http.status} is none of the manual's")
        if self.http.media_type not in XML or self.http.charset not in ("", "utf-8"):
            raise BadMessage("an answer that is not XML in UTF-8")
        return document(self.http.body, *roots)


class Wire:
    """The interface of one installation."""

    def __init__(self, options: Options, transport: httpx.AsyncBaseTransport | None) -> None:
        parts = urlsplit(options.address)
        self._origin, self.base = f"{parts.scheme}://{parts.netloc}", parts.path
        self._key, self._secret = options.api_key, options.secret
        self._http = Http(
            trust(options.ca_file, options.certificate, options.certificate_key),
            connect_limit=options.connect_limit,
            connections=options.connections,
            request_id=REQUEST_ID,
            transport=transport,
        )

    @asynccontextmanager
    async def ask(self, trip: Trip, operation: str, request: Request) -> AsyncIterator[Reply]:
        """The answer to ``request``. What goes wrong in reading it inside the block is translated, too.

        Raises `Unavailable` and `Misconfigured` (nothing was done), and `OutcomeUnknown` for writes.
        """
        may_reread = not request.writes
        while True:
            out = self._request(trip, request)
            async with recorded(trip.call, operation, request_bytes(out)) as exchange:
                with sent(request.what, writes=request.writes):
                    try:
                        reply = await self._send(trip, request, out)
                    except NotOurs:
                        if not may_reread:
                            raise
                        exchange.outcome, may_reread = "misplaced", False
                        continue
                exchange.raw = reply_bytes(reply, REQUEST_ID.lower(), REPLAYED.lower())
                with _translated(request):
                    yield Reply(request, reply, exchange, out.headers[signing.TIME])
                return

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.close()

    def _request(self, trip: Trip, request: Request) -> HttpRequest:
        target = request.target if request.target.startswith("/") else f"{self.base}/{request.target}"
        if hetu.appears_in(target):
            raise Misconfigured(f"a personal identity code does not travel in an address ({request.what})")
        headers = {
            **request.headers,
            **({"Content-Type": "application/xml"} if request.body else {}),
            "Accept": "application/xml",
            REQUEST_ID: new_request_id(trip.call),
            signing.CLIENT: self._key,
            signing.TIME: signing.time(datetime.now(UTC)),
            signing.DIGEST: signing.digest(request.body),
        }
        return HttpRequest(request.method, self._origin + target, headers, request.body)

    async def _send(self, trip: Trip, request: Request, out: HttpRequest) -> HttpReply:
        reached: Callable[[str], None] = trip.call.reached if request.marks else lambda _: None
        at, body_digest = out.headers[signing.TIME], out.headers[signing.DIGEST]
        signed = signing.signature(out.method, out.url, at, body_digest, self._secret.get_secret_value())
        secret = {signing.SIGNATURE: signed}
        return await self._http.send(out, secret, deadline=trip.deadline, alone=request.writes, reached=reached)


@contextmanager
def _translated(request: Request) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as err:
        what = str(err) if isinstance(err, BadMessage | BadXml) else type(err).__name__
        raise lost(f"an unusable answer to {request.what}: {what}", writes=request.writes) from err
