"""Who asks: API key, signature and the clock (INTERFACE.md §2), and how often. Real time rules here."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from sandbox.http.rate import Bucket
from sandbox.proconsona.outcome import Refusal

SKEW_SECONDS: Final = 300
RATE: Final = 300.0
BURST: Final = 600.0

KEY, TIME, DIGEST, SIGNATURE = "x-pc-avain", "x-pc-aika", "x-pc-tiiviste", "x-pc-allekirjoitus"
_FORM: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)

Headers = Mapping[str, Sequence[str]]
"""The headers of a request: names in lower case, every value that was given."""


def digest(body: bytes) -> str:
    """Return the digest of a body as it is written in its header."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")


def sign(secret: str, method: str, path: str, query: str, at: str, body_digest: str) -> str:
    """Return the signature of a request; path and query as they stand in the request line."""
    text = "\n".join((method, path, query, at, body_digest))
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode("ascii")


def written(at: datetime) -> str:
    """Return an instant as it is written in the time header."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Gate:
    """Lets the one client of an installation in. `now` gives the real time."""

    def __init__(self, api_key: str, secret: str, now: Callable[[], datetime]) -> None:
        self._api_key = api_key
        self._secret = secret
        self._now = now

    def check(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> None:
        """Raise Refusal (401), the manual's first that applies, unless the client signed this very request."""
        values = [headers.get(name, ()) for name in (KEY, TIME, DIGEST, SIGNATURE)]
        if any(len(value) != 1 for value in values):
            raise _login("TUNNISTUS_PUUTTUU")
        key, at, given_digest, signature = (value[0].strip() for value in values)
        if not _equal(key, self._api_key):
            raise _login("AVAIN_TUNTEMATON")
        if not self._is_now(at):
            raise _login("AIKA_POIKKEAA")
        if not _equal(given_digest, digest(body)):
            raise _login("TIIVISTE_VAARA")
        if not _equal(signature, sign(self._secret, method, path, query, at, given_digest)):
            raise _login("ALLEKIRJOITUS_VAARA")

    def _is_now(self, at: str) -> bool:
        if not _FORM.fullmatch(at):
            return False
        try:
            signed = datetime.fromisoformat(at)
        except ValueError:
            return False
        return abs((signed - self._now()).total_seconds()) <= SKEW_SECONDS


def bucket(now: Callable[[], float]) -> Bucket:
    """Return the request rate of one installation; beyond it 429 with Retry-After."""
    return Bucket(RATE, BURST, lambda: Refusal("LIIKAA_PYYNTOJA", headers={"retry-after": "1"}), now)


def _equal(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8"), right.encode("utf-8"))


def _login(code: str) -> Refusal:
    return Refusal(code, headers={"www-authenticate": "PC-HMAC-SHA256"})
