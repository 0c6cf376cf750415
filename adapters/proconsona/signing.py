"""Signatures (manual §2): HMAC-SHA256 over method, path, query, time and the digest of the body."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from datetime import UTC, datetime
from typing import Final

import httpx

CLIENT: Final = "X-PC-Avain"
TIME: Final = "X-PC-Aika"
DIGEST: Final = "X-PC-Tiiviste"
SIGNATURE: Final = "X-PC-Allekirjoitus"


def digest(body: bytes) -> str:
    """SHA-256 of the body, Base64."""
    return b64encode(hashlib.sha256(body).digest()).decode()


def time(now: datetime) -> str:
    """The time of signing, as its header has it: UTC, whole seconds. Real time, never the sandbox's."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(at: str) -> datetime:
    """The time that `time` wrote."""
    return datetime.fromisoformat(at)


def signature(method: str, url: str, at: str, body_digest: str, secret: str) -> str:
    """The signature of a request: ``at`` and ``body_digest`` are the values of their headers.

    Path and query are taken as httpx writes them into the request line.
    """
    path, _, query = httpx.URL(url).raw_path.decode("ascii").partition("?")
    signed = "\n".join((method, path, query, at, body_digest))
    return b64encode(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256)).decode()
