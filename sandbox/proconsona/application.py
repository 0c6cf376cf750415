"""The ASGI application: whole request, signature, rate, then the job and its answer (INTERFACE.md §2, §3)."""

from __future__ import annotations

import logging
import re
import sqlite3
import uuid
from typing import Final
from urllib.parse import unquote_plus

from starlette.types import Receive, Scope, Send

from sandbox.http.answer import Answer
from sandbox.http.exchange import Body, finish
from sandbox.http.misbehaviour import Misbehaviour
from sandbox.http.rate import Bucket
from sandbox.proconsona.documents import refused
from sandbox.proconsona.feed import FEED
from sandbox.proconsona.hetu import holds_hetu
from sandbox.proconsona.keys import HEADER
from sandbox.proconsona.misbehaviour import Job
from sandbox.proconsona.outcome import Refusal
from sandbox.proconsona.routes import Request, Routes
from sandbox.proconsona.signature import Gate
from sandbox.wire import EXTENSION, Wire

BODY_LIMIT: Final = 256 * 1024
_CLOSING: Final = {"connection": "close"}
_BODY: Final = Body(
    BODY_LIMIT, lambda: Refusal("LIIAN_SUURI", headers=_CLOSING), lambda: Refusal("HIDAS", headers=_CLOSING)
)
_ACCEPTED: Final = ("application/xml", "text/xml", "application/*", "*/*")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

_log = logging.getLogger("sandbox.proconsona")


class Application:
    """One installation as ASGI. Every request needs its `Wire` in the scope (see `wire.EXTENSION`)."""

    def __init__(self, routes: Routes, misbehaviour: Misbehaviour[Job], gate: Gate, bucket: Bucket) -> None:
        self._routes = routes
        self._misbehaviour = misbehaviour
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
            body = await _BODY.read(scope, receive, wire)
            path = scope["raw_path"].decode("latin-1")
            answer = await self._answer(Request(scope["method"], path, scope["query_string"], headers, body), wire)
        except Refusal as refusal:
            answer = refused(refusal)
        except sqlite3.Error:
            _log.exception("the sandbox's store failed")
            answer = refused(Refusal("VIRHE"))
        await finish(answer, receive, send, {"x-pc-pyynto": _request_id(headers)})

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
        return await self._misbehaviour.do(job, wire)


def _check_accept(request: Request) -> None:
    given = request.headers.get("accept", ["*/*"])
    kinds = [part.partition(";")[0].strip().lower() for part in ",".join(given).split(",")]
    feed = request.path == FEED or request.path.startswith(f"{FEED}/")
    accepted = ("application/atom+xml", *_ACCEPTED) if feed else _ACCEPTED
    if not any(kind in accepted for kind in kinds):
        raise Refusal("EI_HYVAKSYTTAVA")


def _request_id(headers: dict[str, list[str]]) -> str:
    given = headers.get("x-pc-pyynto", [""])[0]
    return given if _REQUEST_ID.fullmatch(given) and not holds_hetu(given) else uuid.uuid4().hex
