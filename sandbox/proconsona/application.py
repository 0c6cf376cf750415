"""The ASGI application: whole request, signature, rate, then the job and its answer (INTERFACE.md §2, §3)."""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
import uuid
from email.utils import formatdate
from typing import Final
from urllib.parse import unquote_plus

from starlette.types import Receive, Scope, Send

from sandbox.faults import FaultBook
from sandbox.proconsona.documents import refused
from sandbox.proconsona.feed import FEED
from sandbox.proconsona.hetu import holds_hetu
from sandbox.proconsona.keys import HEADER
from sandbox.proconsona.misbehaviour import Misbehaviour
from sandbox.proconsona.outcome import Answer, Refusal
from sandbox.proconsona.routes import Request, Routes
from sandbox.proconsona.signature import Bucket, Gate
from sandbox.wire import EXTENSION, Wire

BODY_LIMIT: Final = 256 * 1024
_DRAINED: Final = 16 * BODY_LIMIT
"""How much of a body that is too large is read and thrown away, so that the client sees the answer."""

_ACCEPTED: Final = ("application/xml", "text/xml", "application/*", "*/*")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

_log = logging.getLogger("sandbox.proconsona")


class Application:
    """One installation as ASGI. Every request needs its `Wire` in the scope (see `wire.EXTENSION`)."""

    def __init__(
        self, routes: Routes, misbehaviour: Misbehaviour, faults: FaultBook, gate: Gate, bucket: Bucket
    ) -> None:
        self._routes = routes
        self._misbehaviour = misbehaviour
        self._faults = faults
        self._gate = gate
        self._bucket = bucket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, or leave it unanswered when a fault says so."""
        wire: Wire = scope["extensions"][EXTENSION]
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        answer: Answer | None
        try:
            body = await _read_body(headers, receive, wire)
            path = scope["raw_path"].decode("latin-1")
            answer = await self._answer(Request(scope["method"], path, scope["query_string"], headers, body), wire)
        except Refusal as refusal:
            answer = refused(refusal)
        except sqlite3.Error:
            _log.exception("the sandbox's store failed")
            answer = refused(Refusal("VIRHE"))
        if answer is None:
            await _wait_until_gone(receive)
        else:
            await _send(answer, headers, send)

    async def _answer(self, request: Request, wire: Wire) -> Answer | None:
        query = request.query.decode("latin-1")
        shown = (f"{request.path}?{query}", *request.headers.get(HEADER, ()))
        if any(holds_hetu(unquote_plus(one)) or holds_hetu(one) for one in shown):
            raise Refusal("HETU_OSOITTEESSA")
        self._gate.check(request.method, request.path, query, request.headers, request.body)
        self._bucket.take()
        _check_accept(request)
        job = self._routes.plan(request)
        wire.operation = job.operation
        return await self._misbehaviour.do(job, self._faults.take(job.operation, job.person), wire)


async def _read_body(headers: dict[str, list[str]], receive: Receive, wire: Wire) -> bytes:
    """Return the whole body. Raises Refusal: 413 when it is too large, 408 when it does not come in time."""
    closing = {"connection": "close"}
    body = bytearray()
    size = 0
    declared = headers.get("content-length", ["0"])[0]
    if declared.isdigit() and int(declared) > _DRAINED:
        raise Refusal("LIIAN_SUURI", headers=closing)
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
        raise Refusal("HIDAS", headers=closing) from err
    if size > BODY_LIMIT:
        raise Refusal("LIIAN_SUURI", headers=closing)
    return bytes(body)


def _check_accept(request: Request) -> None:
    given = request.headers.get("accept", ["*/*"])
    kinds = [part.partition(";")[0].strip().lower() for part in ",".join(given).split(",")]
    feed = request.path == FEED or request.path.startswith(f"{FEED}/")
    accepted = ("application/atom+xml", *_ACCEPTED) if feed else _ACCEPTED
    if not any(kind in accepted for kind in kinds):
        raise Refusal("EI_HYVAKSYTTAVA")


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(answer: Answer, request_headers: dict[str, list[str]], send: Send) -> None:
    given = request_headers.get("x-pc-pyynto", [""])[0]
    request_id = given if _REQUEST_ID.fullmatch(given) and not holds_hetu(given) else uuid.uuid4().hex
    headers = {"date": formatdate(usegmt=True), "x-pc-pyynto": request_id, **answer.headers}
    if answer.status not in (204, 304):
        headers["content-length"] = str(len(answer.body))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body})
