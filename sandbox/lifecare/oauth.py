"""Access tokens (OAuth 2.0 client credentials) and the request rate. INTERFACE.md §1.

Real time rules here, never the virtual clock. Tokens live in memory: a restart forgets them, as the manual warns.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

import orjson

from sandbox.http.answer import Answer
from sandbox.http.rate import Bucket
from sandbox.lifecare.outcome import Refusal

TOKEN_SECONDS: Final = 300
RATE: Final = 500.0
BURST: Final = 1_000.0

_FORM: Final = "application/x-www-form-urlencoded"
_HEADERS: Final = {"content-type": "application/json", "cache-control": "no-store", "pragma": "no-cache"}


class TokenDesk:
    """Issues and checks the tokens of one installation. `now` gives real seconds that never go back."""

    def __init__(self, client_id: str, client_secret: str, now: Callable[[], float]) -> None:
        self._client = (client_id, client_secret)
        self._now = now
        self._expiry: dict[str, float] = {}

    def answer(self, method: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a token request; errors are RFC 6749 JSON."""
        if method != "POST":
            return _error(405, "invalid_request", allow="POST")
        if headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
            return _error(415, "invalid_request")
        try:
            text = body.decode("utf-8")
            pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=20)
        except ValueError:  # UnicodeDecodeError is one too
            return _error(400, "invalid_request")
        form = dict(pairs)
        header = headers.get("authorization", "")
        basic = header if header.lower().startswith("basic ") else None
        if len(form) != len(pairs) or "grant_type" not in form or (basic is not None and "client_secret" in form):
            return _error(400, "invalid_request")
        given = _basic(basic) if basic is not None else (form.get("client_id", ""), form.get("client_secret", ""))
        if given is None or not self._is_client(*given):
            return _error(401, "invalid_client")
        if form["grant_type"] != "client_credentials":
            return _error(400, "unsupported_grant_type")
        return Answer(200, orjson.dumps(self._issue()), _HEADERS)

    def check(self, authorization: str | None) -> str:
        """Return the token of an Authorization header. Raises Refusal (401) if it is missing, unknown or expired."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise _login("TOKEN_MISSING", "")
        expiry = self._expiry.get(token.strip())
        if expiry is None:
            raise _login("TOKEN_INVALID", ', error="invalid_token"')
        if expiry <= self._now():
            raise _login("TOKEN_EXPIRED", ', error="invalid_token"')
        return token.strip()

    def _is_client(self, client_id: str, client_secret: str) -> bool:
        right_id = secrets.compare_digest(client_id.encode(), self._client[0].encode())
        return secrets.compare_digest(client_secret.encode(), self._client[1].encode()) and right_id

    def _issue(self) -> dict[str, object]:
        now = self._now()
        # Expired tokens are kept for a while, only to answer TOKEN_EXPIRED instead of TOKEN_INVALID.
        self._expiry = {token: expiry for token, expiry in self._expiry.items() if expiry > now - TOKEN_SECONDS}
        token = f"lc_{secrets.token_urlsafe(24)}"
        self._expiry[token] = now + TOKEN_SECONDS
        return {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS, "scope": "system/*.cruds"}


def bucket(now: Callable[[], float]) -> Bucket:
    """Return the request rate of one installation; beyond it 429 with Retry-After."""
    return Bucket(RATE, BURST, lambda: Refusal("TOO_MANY_REQUESTS", headers={"retry-after": "1"}), now)


def _basic(header: str) -> tuple[str, str] | None:
    _, _, value = header.partition(" ")
    try:
        client_id, colon, secret = base64.b64decode(value.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (unquote_plus(client_id), unquote_plus(secret)) if colon else None


def _error(status: int, code: str, **headers: str) -> Answer:
    if status == 401:
        headers["www-authenticate"] = 'Basic realm="lifecare"'
    return Answer(status, orjson.dumps({"error": code}), {**_HEADERS, **headers})


def _login(code: str, detail: str) -> Refusal:
    return Refusal(code, headers={"www-authenticate": f'Bearer realm="lifecare"{detail}'})
