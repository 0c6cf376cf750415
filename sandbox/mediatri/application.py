"""The ASGI application: whole request, address, envelope, user, operation, then the job and its answer."""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
from collections.abc import Callable
from email.utils import formatdate
from typing import Final

from starlette.types import Receive, Scope, Send

from sandbox.mediatri import envelope
from sandbox.mediatri.envelope import TEXT_XML, Answer
from sandbox.mediatri.markup import local_name
from sandbox.mediatri.misbehaviour import Misbehaviour
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

_DRAINED: Final = 16 * BODY_LIMIT
"""How much of a body that is too large is read and thrown away, so that the client sees the answer."""

_log = logging.getLogger("sandbox.mediatri")


class Application:
    """One installation as ASGI. Every request needs its `Wire` in the scope (see `sandbox.wire.EXTENSION`).

    `rights` are the operations the user may call; None: all.
    """

    def __init__(
        self,
        operations: Operations,
        misbehaviour: Misbehaviour,
        gate: Gate,
        rate: Rate,
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
            body = await _read_body(headers, receive, wire)
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
        if answer is None:
            await _wait_until_gone(receive)
        else:
            await _send(answer, send)

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


class Rate:
    """A bucket that holds `burst` requests and fills by `rate` a second. `now`: real seconds that never go back."""

    def __init__(self, now: Callable[[], float], rate: float = RATE, burst: float = BURST) -> None:
        self._now = now
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._at = now()

    def take(self) -> None:
        """Count one request. Raises HttpRefusal (503 with Retry-After) when the bucket is empty."""
        now = self._now()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            raise HttpRefusal(503, retry_after="1")
        self._left -= 1


async def _read_body(headers: dict[str, str], receive: Receive, wire: Wire) -> bytes:
    """Return the whole body. Raises EnvelopeFault when it is too large, HttpRefusal (408) when it does not come."""
    body = bytearray()
    size = 0
    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > _DRAINED:
        raise EnvelopeFault("soap:Client", closing=True)
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
        raise HttpRefusal(408, connection="close") from err
    if size > BODY_LIMIT:
        raise EnvelopeFault("soap:Client", closing=True)
    return bytes(body)


def _check_media_type(headers: dict[str, str]) -> None:
    kind, _, parameters = headers.get("content-type", "").lower().partition(";")
    charset = re.search(r"""charset\s*=\s*["']?([^"';\s]+)""", parameters)
    encoded = headers.get("content-encoding", "identity").lower() != "identity"
    wrong_kind = kind.strip() not in ("text/xml", "application/soap+xml")
    if wrong_kind or encoded or (charset is not None and charset[1] not in ("utf-8", "utf8")):
        raise HttpRefusal(415)


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(answer: Answer, send: Send) -> None:
    headers = {**answer.headers, "content-length": str(len(answer.body)), "date": formatdate(usegmt=True)}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body})
