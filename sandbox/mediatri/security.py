"""WS-Security: UsernameToken with PasswordDigest (INTERFACE.md §2). Real time rules here, never the virtual clock."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sandbox.mediatri.markup import Element
from sandbox.mediatri.refusals import EnvelopeFault

_OASIS: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE: Final = f"{_OASIS}wssecurity-secext-1.0.xsd"
WSU: Final = f"{_OASIS}wssecurity-utility-1.0.xsd"
DIGEST: Final = f"{_OASIS}username-token-profile-1.0#PasswordDigest"
BASE64: Final = f"{_OASIS}soap-message-security-1.0#Base64Binary"

WINDOW: Final = timedelta(minutes=5)
_NONCE_BYTES: Final = range(8, 65)
_CREATED: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_SWEEP: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class _Token:
    username: str
    digest: str
    nonce: bytes
    created_text: str
    created: datetime


class Gate:
    """Lets in the one user of an installation. `now` gives the real time, aware.

    Nonces live in memory: a restart forgets them, and with them at most ten minutes of protection against replays.
    """

    def __init__(self, username: str, password: str, now: Callable[[], datetime]) -> None:
        self._username = username.encode("utf-8")
        self._password = password.encode("utf-8")
        self._now = now
        self._used: dict[bytes, datetime] = {}
        self._next_sweep = now()

    def check(self, header: Element | None) -> None:
        """Let a request in by its wsse:Security block, None if it has none. Raises EnvelopeFault."""
        if header is None:
            raise EnvelopeFault("wsse:InvalidSecurity")
        token = _read(header)
        digest = hashlib.sha1(token.nonce + token.created_text.encode("utf-8") + self._password).digest()  # noqa: S324
        right = secrets.compare_digest(base64.b64encode(digest), token.digest.encode("utf-8"))
        known = secrets.compare_digest(token.username.encode("utf-8"), self._username)
        if not (right and known):
            raise EnvelopeFault("wsse:FailedAuthentication")
        now = self._now()
        if abs(now - token.created) > WINDOW:
            raise EnvelopeFault("wsse:MessageExpired")
        self._sweep(now)
        if token.nonce in self._used:
            raise EnvelopeFault("wsse:FailedAuthentication")
        self._used[token.nonce] = token.created + WINDOW

    def _sweep(self, now: datetime) -> None:
        """Forget the nonces of messages that would be too old by now, every now and then."""
        if now >= self._next_sweep:
            self._used = {nonce: until for nonce, until in self._used.items() if until >= now}
            self._next_sweep = now + _SWEEP


def _read(header: Element) -> _Token:
    tokens = [child for child in header if child.tag != f"{{{WSU}}}Timestamp"]
    if any(child.tag != f"{{{WSSE}}}UsernameToken" for child in tokens):
        raise EnvelopeFault("wsse:UnsupportedSecurityToken")
    if len(tokens) != 1:
        raise EnvelopeFault("wsse:InvalidSecurity")
    password, nonce = _the(tokens[0], WSSE, "Password"), _the(tokens[0], WSSE, "Nonce")
    if password.get("Type") != DIGEST:
        raise EnvelopeFault("wsse:UnsupportedSecurityToken")
    if nonce.get("EncodingType", BASE64) != BASE64:
        raise EnvelopeFault("wsse:InvalidSecurity")
    created = _text(_the(tokens[0], WSU, "Created"))
    return _Token(
        username=_text(_the(tokens[0], WSSE, "Username")),
        digest=_text(password).strip(),
        nonce=_nonce(_text(nonce)),
        created_text=created,
        created=_instant(created),
    )


def _the(token: Element, namespace: str, name: str) -> Element:
    found = token.findall(f"{{{namespace}}}{name}")
    if len(found) != 1 or len(found[0]):
        raise EnvelopeFault("wsse:InvalidSecurity")
    return found[0]


def _text(element: Element) -> str:
    return str(element.text or "")


def _nonce(text: str) -> bytes:
    try:
        nonce = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as err:
        raise EnvelopeFault("wsse:InvalidSecurity") from err
    if len(nonce) not in _NONCE_BYTES:
        raise EnvelopeFault("wsse:InvalidSecurity")
    return nonce


def _instant(text: str) -> datetime:
    match = _CREATED.fullmatch(text.strip())
    if match is None:
        raise EnvelopeFault("wsse:InvalidSecurity")
    fraction = (match[1] or "")[:7]  # datetime knows microseconds
    try:
        return datetime.fromisoformat(f"{text.strip()[:19]}{fraction}{match[2].replace('Z', '+00:00')}")
    except ValueError as err:
        raise EnvelopeFault("wsse:InvalidSecurity") from err
