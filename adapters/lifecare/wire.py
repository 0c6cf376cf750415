"""One request to Lifecare and the truth about what became of it: nothing, something, or nobody knows.

Nothing here is sent twice but for two reasons, both of which mean that nothing was done: a 401 (a restart of Lifecare
ends every token), and a read that got the answer to another request.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx
import orjson

from adapters.asking import lost, sent
from adapters.call import Call
from adapters.errors import Misconfigured
from adapters.http.connections import Http, HttpReply, HttpRequest, NotOurs, new_request_id, trust
from adapters.http.recording import reply_bytes, request_bytes
from adapters.lifecare import answers
from adapters.lifecare.answers import RequestKind
from adapters.lifecare.options import Options
from adapters.lifecare.tokens import Tokens
from adapters.recording import Exchange, recorded
from adapters.trip import Trip
from canonical import hetu, strict_json
from canonical.fhir import Resource
from canonical.messages import UNREADABLE, BadMessage

REQUEST_ID: Final = "X-Request-Id"
_JSON: Final = frozenset({"application/fhir+json", "application/json"})
_ABSENT: Final = frozenset({(404, "NOT_FOUND"), (410, "GONE")})
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Request:
    """``path`` is below the FHIR base, or an absolute address there (a ``next`` link). ``kind`` is what it changes.

    ``quick``: the answer may be big and is read with the fast reader (see `Reply.json`). ``marks``: the call's
    ``sent`` and ``replied`` are this request's.
    """

    method: str
    path: str
    kind: RequestKind = "read"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    quick: bool = False
    marks: bool = True

    @classmethod
    def get(
        cls, path: str, parameters: Sequence[tuple[str, str]] = (), *, quick: bool = False, marks: bool = True
    ) -> Request:
        query = f"?{urlencode(parameters, quote_via=quote, safe='/:,')}" if parameters else ""
        return cls("GET", path + query, quick=quick, marks=marks)

    @classmethod
    def search(cls, kind: str, parameters: list[tuple[str, str]]) -> Request:
        """By POST: what it is about does not stand in an address."""
        return cls("POST", f"{kind}/_search", body=urlencode(parameters).encode(), headers={"Content-Type": _FORM})

    @classmethod
    def write(cls, kind: RequestKind, method: str, path: str, resource: Resource, **headers: str) -> Request:
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        body = strict_json.dumps(resource)
        return cls(method, path, kind, body, {"Content-Type": "application/fhir+json"} | named)

    @property
    def writes(self) -> bool:
        return self.kind != "read"

    @property
    def what(self) -> str:
        """For error texts: method and type of resource, no ids."""
        return f"{self.method} {re.split(r'[?/]', self.path)[0] if '://' not in self.path else 'next page'}"


@dataclass(frozen=True, slots=True)
class Reply:
    """Lifecare's answer to ``request``; ``exchange`` takes the notes of reading it."""

    request: Request
    http: HttpReply
    exchange: Exchange

    @property
    def native(self) -> str:
        return str(self.http.status)

    @property
    def absent(self) -> bool:
        """Whether Lifecare says that there is no such resource (any more)."""
        return (self.http.status, answers.error_code(self.http)) in _ABSENT

    def json(self, *statuses: int) -> Any:
        """The body of an answer of one of ``statuses``; any other raises what it means.

        The strict reader takes 0.05 ms for an appointment and 12 ms for 200 free times, while nothing else runs;
        orjson 1 ms. So free times (``quick``) are read by orjson, which refuses all that the strict one does except a
        name given twice and NUL; they hold no decimals, whose digits it would lose, and only the master's word at
        booking counts.
        """
        if self.http.status not in statuses:
            raise answers.failure(self.http, self.request.kind, self.request.what)
        if self.http.media_type not in _JSON or self.http.charset not in ("", "utf-8"):
            raise BadMessage("an answer that is not FHIR JSON in UTF-8")
        if not self.request.quick:
            return strict_json.loads(self.http.body)
        if b"\\u0000" in self.http.body:
            raise BadMessage("a NUL character")
        return orjson.loads(self.http.body)


class Wire:
    """The FHIR interface of one installation. ``page`` is how many resources a search asks for at once."""

    def __init__(self, options: Options, transport: httpx.AsyncBaseTransport | None, page: int = 200) -> None:
        self.base = options.address
        self.page = ("_count", str(page))
        self._http = Http(
            trust(options.ca_file),
            connect_limit=options.connect_limit,
            connections=options.connections,
            request_id=REQUEST_ID,
            transport=transport,
        )
        self._tokens = Tokens(options, self._http)

    @asynccontextmanager
    async def ask(self, trip: Trip, operation: str, request: Request) -> AsyncIterator[Reply]:
        """The answer to ``request``. What goes wrong in reading it inside the block is translated, too.

        Raises `Unavailable` and `Misconfigured` (nothing was done), and `OutcomeUnknown` for writes.
        """
        may_renew, may_reread = True, not request.writes
        while True:
            token = await self._tokens.current(trip)
            out = self._request(trip.call, request)
            async with recorded(trip.call, operation, request_bytes(out)) as exchange:
                with sent(request.what, writes=request.writes):
                    try:
                        reply = await self._send(trip, request, out, token)
                    except NotOurs:
                        if not may_reread:
                            raise
                        exchange.outcome, may_reread = "misplaced", False
                        continue
                exchange.raw = reply_bytes(reply, REQUEST_ID.lower())
                if reply.status == 401 and may_renew:
                    exchange.outcome, may_renew = "unauthorized", False
                    self._tokens.forget(token)
                    continue
                with _translated(request):
                    yield Reply(request, reply, exchange)
                return

    async def close(self) -> None:
        await self._http.close()

    def _request(self, call: Call, request: Request) -> HttpRequest:
        url = request.path if "://" in request.path else f"{self.base}/{request.path}"
        if hetu.appears_in(url):
            raise Misconfigured(f"a personal identity code does not travel in an address ({request.what})")
        headers = {"Accept": "application/fhir+json", REQUEST_ID: new_request_id(call)}
        return HttpRequest(request.method, url, {**request.headers, **headers}, request.body)

    async def _send(self, trip: Trip, request: Request, out: HttpRequest, token: str) -> HttpReply:
        reached: Callable[[str], None] = trip.call.reached if request.marks else lambda _: None
        secret = {"Authorization": f"Bearer {token}"}
        return await self._http.send(out, secret, deadline=trip.deadline, alone=request.writes, reached=reached)


@contextmanager
def _translated(request: Request) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as err:
        what = str(err) if isinstance(err, BadMessage | strict_json.BadJson) else type(err).__name__
        raise lost(f"an unusable answer to {request.what}: {what}", writes=request.writes) from err
