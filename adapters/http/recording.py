"""What is kept of an exchange: the request before it leaves, the reply when it came; the bytes, without the secrets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from adapters.call import Call
from adapters.errors import AnotherPatient, ForeignError, Misconfigured, OutcomeUnknown, Refused, Unavailable
from adapters.http.connections import HttpReply, HttpRequest
from canonical.notes import Note

_KEPT: Final = ("content-type", "date", "etag", "last-modified", "location", "retry-after", "www-authenticate")
_REASONS: Final = {int(status): status.phrase for status in HTTPStatus}
_WORDS: Final = (
    (AnotherPatient, "another-patient"),
    (OutcomeUnknown, "unknown"),
    (Unavailable, "unavailable"),
    (Refused, "refused"),
    (Misconfigured, "misconfigured"),
)


@dataclass(slots=True)
class Exchange:
    """One request and what came of it; ``outcome`` is ``done`` unless something else is said or raised."""

    raw: bytes = b""
    outcome: str = "done"
    notes: list[Note] = field(default_factory=list)

    def note(self, notes: Iterable[Note]) -> None:
        """Keep notes of the mapping, each once."""
        self.notes.extend(note for note in notes if note not in self.notes)


@asynccontextmanager
async def recorded(call: Call, operation: str, raw: bytes) -> AsyncIterator[Exchange]:
    """The exchange that begins with ``raw``, which is durable when the block is entered."""
    exchange, kept = Exchange(), await call.recorder.sending(call, operation, raw)
    try:
        yield exchange
    except ForeignError as err:
        exchange.outcome = next((word for kind, word in _WORDS if isinstance(err, kind)), "failed")
        raise
    except BaseException:
        exchange.outcome = "abandoned"
        raise
    finally:
        call.recorder.received(kept, exchange.raw, outcome=exchange.outcome, notes=tuple(exchange.notes))


def request_bytes(request: HttpRequest) -> bytes:
    """The request as it leaves, from its path on; it holds no secrets (they are headers added later)."""
    path = "/" + request.url.split("/", 3)[3]
    return _message(f"{request.method} {path} HTTP/1.1", request.headers.items(), request.body)


def reply_bytes(reply: HttpReply, *more: str) -> bytes:
    """The reply: its status line, the headers that mean something (``more``: to this system), its body as it came."""
    reason = _REASONS.get(reply.status, "")
    headers = [(name, reply.headers[name]) for name in (*_KEPT, *more) if name in reply.headers]
    return _message(f"HTTP/1.1 {reply.status} {reason}".rstrip(), headers, reply.body)


def body_of(message: bytes) -> bytes:
    """The body of what `reply_bytes` made; other bytes are a body already."""
    return message.partition(b"\r\n\r\n")[2] if message.startswith(b"HTTP/1.1 ") else message


def _message(first: str, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{first}\r\n{head}\r\n".encode() + body
