"""HTTP, held tight: one request, one whole reply, and the truth about what left when there is none.

No redirects, no retries, no compression, a cap on the reply, a deadline on the whole of it. Requests that change
something get a connection of their own (`one_use`). Both kinds go straight to httpx's transports: its client adds
redirects, cookies and defaults, none of which belongs here.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx

from adapters.asking import NoReply, NotSent
from adapters.call import Call
from adapters.errors import Misconfigured
from adapters.http.one_use import OneUse

MAX_REPLY: Final = 8 * 1024 * 1024
_ALWAYS: Final = {"accept-encoding": "identity", "user-agent": "Sotesilta"}
_ODD: Final = re.compile(r"[^A-Za-z0-9._-]")
_KEEP_IDLE: Final = 30.0
"""Seconds an idle connection is kept: half of what the record systems keep it, so that the two never meet."""


class NotOurs(NoReply):
    """The reply is to another request (its connection has been closed)."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """``url`` is absolute; ``headers`` hold no secrets, which are given to `Http.send` apart."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A complete reply."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def media_type(self) -> str:
        """Without its parameters, in small letters."""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    @property
    def charset(self) -> str:
        """As the reply says it, in small letters; "" where it does not."""
        for parameter in str(self.headers.get("content-type", "")).split(";")[1:]:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "charset":
                return value.strip().strip('"').lower()
        return ""


def new_request_id(call: Call) -> str:
    """An id for one request of a call: it begins as the call's own, as far as a header may hold that."""
    return f"{_ODD.sub('-', call.request_id)[:47]}-{secrets.token_hex(8)}"


@cache
def trust(ca_file: Path | None, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """Whose certificates are trusted (the machine's own authorities for None), and the certificate shown in return,
    if any; one for all installations that have the same (it takes 20 ms to make). Raises `Misconfigured`."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as err:
        raise Misconfigured(f"options.ca_file holds no certificates: {type(err).__name__}") from err
    if certificate is not None:
        try:
            context.load_cert_chain(certificate, key)
        except OSError as err:
            raise Misconfigured(f"options.certificate and its key are none: {type(err).__name__}") from err
    return context


class Http:
    """The connections to one installation. One slow answer blocks no other.

    ``connect_limit`` is in seconds; ``request_id`` is the header in which the system gives a request's own id back. An
    injected ``transport`` (tests) serves both kinds of request; unless it is httpx's own, it cannot say what left, and
    everything handed to it counts as sent.
    """

    def __init__(
        self,
        trusted: ssl.SSLContext,
        *,
        connect_limit: float,
        connections: int,
        request_id: str,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._connect, self._request_id = connect_limit, request_id
        self._traced = transport is None or isinstance(transport, httpx.AsyncHTTPTransport)
        self._pooled = transport or _pool(trusted, connections)
        self._single = transport or OneUse(trusted, connect_limit)

    async def send(
        self,
        request: HttpRequest,
        secrets: Mapping[str, str],
        *,
        deadline: float,
        alone: bool,
        reached: Callable[[str], None],
    ) -> HttpReply:
        """Send it and read the whole reply, until ``deadline`` (of the event loop's clock).

        ``alone``: on a connection of its own. ``reached`` is told ``sent`` and ``replied``. Raises `NotSent`, `NoReply`
        and, of the latter, `NotOurs` where the reply does not give the request's id back.
        """
        if asyncio.get_running_loop().time() >= deadline:
            raise NotSent("no time left")
        departure = _Departure(self._traced, reached)
        transport = self._single if alone else self._pooled
        built = httpx.Request(
            request.method,
            request.url,
            headers={**_ALWAYS, **request.headers, **secrets},
            content=request.body if request.body else None,
            extensions={"trace": departure.trace, "timeout": {"connect": self._connect, "pool": self._connect}},
        )
        try:
            async with asyncio.timeout_at(deadline):
                response = await transport.handle_async_request(built)
                departure.sent()
                try:
                    self._see_whose(response, request)
                    body = await _body(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise departure.failure("no complete answer within the limit") from None
        except httpx.TransportError as err:
            raise departure.failure(type(err).__name__, err) from err
        reached("replied")
        return HttpReply(response.status_code, response.headers, body)

    async def close(self) -> None:
        """Let go of every connection."""
        await self._pooled.aclose()
        await self._single.aclose()

    def _see_whose(self, response: httpx.Response, request: HttpRequest) -> None:
        """Every request gets its own id back; errors may come from what stands before the system, and say none.

        httpx reads the bytes that one answer left in a connection as the next one's: a system that sends an answer
        twice would answer the next resident with it. An answer left unread closes its connection.
        """
        asked, said = request.headers.get(self._request_id), response.headers.get(self._request_id)
        if asked is not None and said != asked and (said is not None or response.status_code < 300):
            raise NotOurs("the answer is to another request")


class _Departure:
    """How far a request got. httpcore tells it as trace events; unless they say otherwise, it may have left."""

    def __init__(self, traced: bool, reached: Callable[[str], None]) -> None:
        self._may_have_left = not traced
        self._reached = reached
        self._sent = False

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            self._may_have_left = True
        elif event.endswith("send_request_body.complete"):
            self.sent()

    def sent(self) -> None:
        """The last byte is gone (an answer proves it, too)."""
        if not self._sent:
            self._sent = self._may_have_left = True
            self._reached("sent")

    def failure(self, detail: str, err: httpx.TransportError | None = None) -> NotSent | NoReply:
        never = isinstance(err, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        if self._may_have_left and not never:
            return NoReply(detail)
        if err is not None and _bad_certificate(err):
            return NotSent("the certificate is not trusted", ours=True)
        return NotSent(detail)


def _bad_certificate(err: BaseException) -> bool:
    at: BaseException | None = err
    while at is not None:
        if isinstance(at, ssl.SSLCertVerificationError):
            return True
        at = at.__cause__ or at.__context__
    return False


async def _body(response: httpx.Response) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise NoReply("a compressed answer, which was not asked for")
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > MAX_REPLY:
            raise NoReply(f"an answer of more than {MAX_REPLY} bytes")
        parts.append(part)
    return b"".join(parts)


def _pool(trusted: ssl.SSLContext, connections: int) -> httpx.AsyncHTTPTransport:
    limits = httpx.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=_KEEP_IDLE
    )
    return httpx.AsyncHTTPTransport(verify=trusted, trust_env=False, limits=limits)
