"""The doors of the API, in pure ASGI: what comes in is bounded in size and time, leaks nothing, gets an id, is kept as
an exchange, and is always answered by a problem of the contract, whatever breaks inside.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import unquote_plus

from canonical import hetu
from hub.api import auth, negotiate, outcomes
from hub.api.message import ReadBody, Reply, Request, new_id
from hub.api.routes import ROOT, Fhir
from hub.api.settings import ApiSettings
from hub.usecases.ports import ApiExchange, Failed, Ledger

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]

_log = logging.getLogger(__name__)
_SECRET_HEADERS: Final = frozenset({b"authorization", b"cookie", b"proxy-authorization"})
ALWAYS: Final[RawHeaders] = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"),
]
"""Headers of every answer."""


class Doors:
    """The ASGI application: `Fhir` under /fhir, ``pages`` for everything else."""

    def __init__(self, fhir: Fhir, pages: App, ledger: Ledger, settings: ApiSettings) -> None:
        self._fhir = fhir
        self._pages = pages
        self._ledger = ledger
        self._settings = settings
        secure = [(b"strict-transport-security", b"max-age=31536000")]
        self._always = ALWAYS + (secure if settings.public_url.startswith("https:") else [])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return
        raw_headers: RawHeaders = scope["headers"]
        request = _request(scope, raw_headers, self._settings)
        if request.path == ROOT or request.path.startswith(f"{ROOT}/"):
            await self._api(request, raw_headers, receive, send)
        else:
            await self._page(request, raw_headers, scope, receive, send)

    async def _api(self, request: Request, raw_headers: RawHeaders, receive: Receive, send: Send) -> None:
        reply = await self._reply(request, raw_headers, self._body_reader(request, receive))
        headers = self._headers(request, reply)
        try:
            await send({"type": "http.response.start", "status": reply.status, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else reply.body})
        finally:
            self._ledger.exchanged(self._exchange(request, reply, raw_headers, headers))

    async def _reply(self, request: Request, raw_headers: RawHeaders, read_body: ReadBody) -> Reply:
        try:
            refuse_leaks(request, raw_headers, self._settings)
            return await self._fhir.answer(request, read_body)
        except Failed as problem:
            return outcomes.reply(problem, request, self._settings.help)
        except Exception as err:  # noqa: BLE001 - the last door: whatever broke, the caller gets an honest answer
            _log.error("request %s failed: %s", request.id, _where(err))
            code = "internal" if request.method in ("GET", "HEAD") else "internal-unknown"
            return outcomes.reply(Failed(code), request, self._settings.help)

    async def _page(
        self, request: Request, raw_headers: RawHeaders, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Everything but FHIR: pages and documents, with the same care for what comes in and goes out."""
        started = False

        async def send_page(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                given = {name for name, _ in message["headers"]}
                always = [one for one in self._always if one[0] not in given]
                message["headers"] = [*message["headers"], *always, (b"x-request-id", request.id.encode())]
            await send(message)

        try:
            refuse_leaks(request, raw_headers, self._settings)
            await self._pages(scope, receive, send_page)
            return
        except Failed as problem:
            reply = outcomes.reply(problem, request, self._settings.help)
        except Exception as err:  # noqa: BLE001 - the last door, as above
            _log.error("request %s failed: %s", request.id, _where(err))
            reply = outcomes.reply(Failed("internal"), request, self._settings.help)
        if not started:
            await send(
                {"type": "http.response.start", "status": reply.status, "headers": self._headers(request, reply)}
            )
            await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else reply.body})

    def _headers(self, request: Request, reply: Reply) -> RawHeaders:
        headers = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in reply.headers]
        headers += self._always
        headers.append((b"x-request-id", request.id.encode()))
        if reply.body:
            headers.append((b"content-type", f"{request.media}; charset=utf-8".encode()))
        if reply.status != 304:
            headers.append((b"content-length", b"%d" % len(reply.body)))
        return headers

    def _body_reader(self, request: Request, receive: Receive) -> ReadBody:
        limit, seconds = self._settings.body_limit, self._settings.body_deadline

        async def read_body() -> bytes:
            said = request.headers.get("content-length", "0")
            if said.isascii() and said.isdigit() and int(said[:20]) > limit:
                raise Failed("too-large", f"{limit} bytes at most")
            try:
                async with asyncio.timeout(seconds):
                    return await _whole(receive, limit)
            except TimeoutError:
                raise Failed("too-slow", f"{seconds:g} seconds") from None

        return read_body

    def _exchange(self, request: Request, reply: Reply, raw_headers: RawHeaders, headers: RawHeaders) -> ApiExchange:
        routed = request.access is not None
        target = f"{request.path}?{request.query}" if request.query else request.path
        return ApiExchange(
            request_id=request.id,
            started=request.started,
            ended=self._settings.clock(),
            access=request.access,
            method=request.method,
            route=request.route,
            target=hetu.mask(target) if routed else request.route,
            status=reply.status,
            headers=tuple(one for one in raw_headers if one[0] not in _SECRET_HEADERS) if routed else (),
            body=request.body,
            answer_headers=tuple(headers),
            answer=reply.body,
        )


def refuse_leaks(request: Request, raw_headers: RawHeaders, settings: ApiSettings) -> None:
    """Raises `headers-too-large`, `hetu-in-url`, `token-in-url`: what others on the way would keep in their logs."""
    size = len(request.path) + len(request.query)
    for name, value in raw_headers:
        size += len(name) + len(value) + 4
    if size > settings.header_limit:
        raise Failed("headers-too-large", f"{settings.header_limit} bytes")
    if auth.token_in_url(request.path, request.query):
        raise Failed("token-in-url")
    words = [request.path, *(value for name, value in request.headers.items() if name != "authorization")]
    if request.query:
        words += [request.query, unquote_plus(request.query)]
    if hetu.appears_in("\n".join(words).upper()):
        raise Failed("hetu-in-url", expression=_holding_a_hetu(request))


def _holding_a_hetu(request: Request) -> list[str]:
    """The headers that hold one; none of them: the URL does."""
    return [outcomes.parameter(name) for name, value in request.headers.items() if hetu.appears_in(value.upper())]


async def _whole(receive: Receive, limit: int) -> bytes:
    """The whole body. A client that goes away before its end gets no answer and did nothing."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Failed("too-slow", "one connection")
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise Failed("too-large", f"{limit} bytes at most")
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _request(scope: Scope, raw_headers: RawHeaders, settings: ApiSettings) -> Request:
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw_headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Request(
        id=new_id(),
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        started=settings.clock(),
        language=negotiate.language(headers.get("accept-language", "")),
    )


def _where(err: BaseException) -> str:
    """Kind and places of an error, without its text: that may hold anything."""
    places = [
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in traceback.extract_tb(err.__traceback__)
    ]
    return f"{type(err).__name__} at {' > '.join(places[-8:])}"
