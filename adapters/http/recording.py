"""A request and a reply as they are kept: the bytes, without the secrets."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from adapters.http.connections import HttpReply, HttpRequest

_KEPT: Final = ("content-type", "date", "etag", "last-modified", "location", "retry-after", "www-authenticate")
_REASONS: Final = {int(status): status.phrase for status in HTTPStatus}


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
