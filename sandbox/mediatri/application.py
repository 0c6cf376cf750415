"""The ASGI application: whole request, address, envelope, user, operation, then the job and its answer."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Callable
from typing import Final

from starlette.types import Receive, Scope, Send

from sandbox.http.answer import Answer
from sandbox.http.exchange import Body, finish
from sandbox.http.misbehaviour import Misbehaviour
from sandbox.http.rate import Bucket
from sandbox.mediatri import envelope
from sandbox.mediatri.envelope import TEXT_XML
from sandbox.mediatri.markup import local_name
from sandbox.mediatri.operations import Job, Operations
from sandbox.mediatri.refusals import EnvelopeFault, HttpRefusal, Refusal, invalid
from sandbox.mediatri.request import Request
from sandbox.mediatri.schema import Schema, action_of, wsdl, xsd
from sandbox.mediatri.security import Gate
from sandbox.wire import EXTENSION, Wire

PATH: Final = "/ws/Ajanvaraus"
BODY_LIMIT: Final = 1024 * 1024
RATE: Final = 500.0
BURST: Final = 1_000.0

_BODY: Final = Body(
    BODY_LIMIT, lambda: EnvelopeFault("soap:Client", closing=True), lambda: HttpRefusal(408, connection="close")
)
_log = logging.getLogger("sandbox.mediatri")


class Application:
    """One installation as ASGI. Every request needs its `Wire` in the scope (see `sandbox.wire.EXTENSION`).

    `rights` are the operations the user may call; None: all.
    """

    def __init__(
        self,
        operations: Operations,
        misbehaviour: Misbehaviour[Job],
        gate: Gate,
        rate: Bucket,
        address: str,
        rights: frozenset[str] | None,
    ) -> None:
        self._operations = operations
        self._misbehaviour = misbehaviour
        self._gate = gate
        self._rate = rate
        self._documents = {b"wsdl": wsdl(address), b"xsd=1": xsd()}
        self._rights = operations.names if rights is None else rights
        self._schema = Schema()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, or leave it unanswered when a fault says so."""
        wire: Wire = scope["extensions"][EXTENSION]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        answer: Answer | None
        try:
            body = await _BODY.read(scope, receive, wire)
            document = self._document(scope)
            if document is None:
                answer = await self._misbehaviour.do(self._job(headers, body, wire), wire)
            else:
                answer = Answer(200, document, {"content-type": TEXT_XML})
        except (Refusal, EnvelopeFault, HttpRefusal) as refusal:
            answer = envelope.fault(refusal)
        except sqlite3.Error:
            _log.exception("the sandbox's store failed")
            answer = envelope.fault(Refusal("JARJESTELMAVIRHE"))
        await finish(answer, receive, send, {})

    def _document(self, scope: Scope) -> bytes | None:
        """Return what a GET asks for, None for a POST. Raises HttpRefusal."""
        if scope["path"] != PATH:
            raise HttpRefusal(404)
        if scope["method"] == "POST":
            return None
        document = self._documents.get(scope["query_string"].lower())
        if scope["method"] != "GET" or document is None:
            raise HttpRefusal(405, allow="POST")
        return document

    def _job(self, headers: dict[str, str], body: bytes, wire: Wire) -> Job:
        """Return the job that a POST asks for. Raises a refusal of its form, its user or its values."""
        _check_media_type(headers)
        self._rate.take()
        message = envelope.read(body)
        self._gate.check(message.security)
        operation = local_name(message.operation)
        if operation not in self._operations.names:
            raise invalid()
        if headers.get("soapaction", "none").strip().strip('"') not in ("", action_of(operation)):
            raise invalid()
        if operation not in self._rights:
            raise Refusal("EI_OIKEUTTA")
        job = self._operations.plan(Request(self._schema.check(message.operation)))
        wire.operation = job.operation
        return job


def bucket(now: Callable[[], float]) -> Bucket:
    """Return the request rate of one installation; beyond it 503 with Retry-After."""
    return Bucket(RATE, BURST, lambda: HttpRefusal(503, retry_after="1"), now)


def _check_media_type(headers: dict[str, str]) -> None:
    kind, _, parameters = headers.get("content-type", "").lower().partition(";")
    charset = re.search(r"""charset\s*=\s*["']?([^"';\s]+)""", parameters)
    encoded = headers.get("content-encoding", "identity").lower() != "identity"
    wrong_kind = kind.strip() not in ("text/xml", "application/soap+xml")
    if wrong_kind or encoded or (charset is not None and charset[1] not in ("utf-8", "utf8")):
        raise HttpRefusal(415)
