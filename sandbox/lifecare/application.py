"""The ASGI application: whole request, address, token, rate, then the job and its answer (INTERFACE.md §1, §2)."""

from __future__ import annotations

import logging
import re
import sqlite3
import uuid
from typing import Final
from urllib.parse import unquote, unquote_plus

from starlette.types import Receive, Scope, Send

from sandbox.http.answer import Answer
from sandbox.http.exchange import Body, finish
from sandbox.http.misbehaviour import Misbehaviour
from sandbox.http.rate import Bucket
from sandbox.lifecare.misbehaviour import Job
from sandbox.lifecare.oauth import TokenDesk
from sandbox.lifecare.outcome import Refusal
from sandbox.lifecare.reading import holds_hetu
from sandbox.lifecare.routes import Request, Routes
from sandbox.wire import EXTENSION, Wire

BODY_LIMIT: Final = 1024 * 1024
_CLOSING: Final = {"connection": "close"}
_BODY: Final = Body(
    BODY_LIMIT, lambda: Refusal("TOO_LONG", headers=_CLOSING), lambda: Refusal("REQUEST_TOO_SLOW", headers=_CLOSING)
)
_ACCEPTED: Final = ("application/fhir+json", "application/json", "application/*", "*/*")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_OAUTH_PATH: Final = "/oauth2/token"
_BASE_PATH: Final = "/fhir/"

_log = logging.getLogger("sandbox.lifecare")


class Application:
    """One installation as ASGI. Every request needs its `Wire` in the scope (see `wire.EXTENSION`)."""

    def __init__(self, routes: Routes, misbehaviour: Misbehaviour[Job], tokens: TokenDesk, rate: Bucket) -> None:
        self._routes = routes
        self._misbehaviour = misbehaviour
        self._tokens = tokens
        self._rate = rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, or leave it unanswered when a fault says so."""
        wire: Wire = scope["extensions"][EXTENSION]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        answer: Answer | None
        try:
            body = await _BODY.read(scope, receive, wire)
            request = Request(scope["method"], scope["path"], scope["query_string"], headers, body)
            answer = await self._answer(request, wire)
        except Refusal as refusal:
            answer = refusal.answer()
        except sqlite3.Error:
            _log.exception("the sandbox's store failed")
            answer = Refusal("INTERNAL").answer()
        await finish(answer, receive, send, {"x-request-id": _request_id(headers)})

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
        return await self._misbehaviour.do(job, wire)


def _check_accept(accept: str) -> None:
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    if not any(kind in _ACCEPTED for kind in kinds):
        raise Refusal("NOT_ACCEPTABLE")


def _request_id(headers: dict[str, str]) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
