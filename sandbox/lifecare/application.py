"""The ASGI application: whole request, address, token, rate, then the job and its answer (INTERFACE.md §1, §2)."""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
import uuid
from email.utils import formatdate
from typing import Final
from urllib.parse import unquote, unquote_plus

from starlette.types import Receive, Scope, Send

from sandbox.faults import FaultBook
from sandbox.lifecare.misbehaviour import Misbehaviour
from sandbox.lifecare.oauth import RateLimit, TokenDesk
from sandbox.lifecare.outcome import Answer, Refusal
from sandbox.lifecare.reading import holds_hetu
from sandbox.lifecare.routes import Request, Routes
from sandbox.wire import EXTENSION, Wire

BODY_LIMIT: Final = 1024 * 1024
_DRAINED: Final = 16 * BODY_LIMIT
"""How much of a body that is too large is read and thrown away, so that the client sees the answer."""

_ACCEPTED: Final = ("application/fhir+json", "application/json", "application/*", "*/*")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_OAUTH_PATH: Final = "/oauth2/token"
_BASE_PATH: Final = "/fhir/"

_log = logging.getLogger("sandbox.lifecare")


class Application:
    """One installation as ASGI. Every request needs its `Wire` in the scope (see `wire.EXTENSION`)."""

    def __init__(
        self, routes: Routes, misbehaviour: Misbehaviour, faults: FaultBook, tokens: TokenDesk, rate: RateLimit
    ) -> None:
        self._routes = routes
        self._misbehaviour = misbehaviour
        self._faults = faults
        self._tokens = tokens
        self._rate = rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, or leave it unanswered when a fault says so."""
        wire: Wire = scope["extensions"][EXTENSION]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        answer: Answer | None
        try:
            body = await _read_body(headers, receive, wire)
            request = Request(scope["method"], scope["path"], scope["query_string"], headers, body)
            answer = await self._answer(request, wire)
        except Refusal as refusal:
            answer = refusal.answer()
        except sqlite3.Error:
            _log.exception("the sandbox's store failed")
            answer = Refusal("INTERNAL").answer()
        if answer is None:
            await _wait_until_gone(receive)
        else:
            await _send(answer, headers, send)

    async def _answer(self, request: Request, wire: Wire) -> Answer | None:
        if request.path == _OAUTH_PATH:
            wire.operation = "token"
            return self._tokens.answer(request.method, request.headers, request.body)
        if not request.path.startswith(_BASE_PATH):
            raise Refusal("UNKNOWN_TYPE")
        shown = f"{request.path}?{unquote_plus(request.query.decode('latin-1'))}"
        if holds_hetu(shown) or holds_hetu(unquote(request.headers.get("if-none-exist", ""))):
            raise Refusal("HETU_IN_URL")
        inner = Request(request.method, request.path[len(_BASE_PATH) :], request.query, request.headers, request.body)
        if inner.path == "metadata":
            return self._routes.metadata(inner)
        self._tokens.check(request.headers.get("authorization"))
        self._rate.take()
        _check_accept(request.headers.get("accept", "*/*"))
        job = self._routes.plan(inner)
        wire.operation = job.operation
        return await self._misbehaviour.do(job, self._faults.take(job.operation, job.person), wire)


async def _read_body(headers: dict[str, str], receive: Receive, wire: Wire) -> bytes:
    """Return the whole body. Raises Refusal: 413 when it is too large, 408 when it does not come in time."""
    closing = {"connection": "close"}
    body = bytearray()
    size = 0
    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > _DRAINED:
        raise Refusal("TOO_LONG", headers=closing)
    try:
        async with asyncio.timeout_at(wire.due):
            more = True
            while more and size <= _DRAINED:
                message = await receive()
                chunk = message.get("body", b"")
                size += len(chunk)
                if size <= BODY_LIMIT:
                    body += chunk
                more = bool(message.get("more_body", False))
    except TimeoutError as err:
        raise Refusal("REQUEST_TOO_SLOW", headers=closing) from err
    if size > BODY_LIMIT:
        raise Refusal("TOO_LONG", headers=closing)
    return bytes(body)


def _check_accept(accept: str) -> None:
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    if not any(kind in _ACCEPTED for kind in kinds):
        raise Refusal("NOT_ACCEPTABLE")


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(answer: Answer, request_headers: dict[str, str], send: Send) -> None:
    given = request_headers.get("x-request-id", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    headers = {
        "date": formatdate(usegmt=True),
        "x-request-id": request_id,
        **answer.headers,
        "content-length": str(len(answer.body)),
    }
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body})
