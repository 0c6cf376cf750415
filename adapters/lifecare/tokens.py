"""Access tokens (manual §1.1): one for everybody, fetched by one, used until shortly before it ends."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from adapters.asking import NoReply, NotSent
from adapters.errors import Misconfigured, Unavailable
from adapters.http.connections import Http, HttpReply, HttpRequest
from adapters.http.recording import reply_bytes, request_bytes
from adapters.lifecare.options import Options
from adapters.recording import recorded
from adapters.trip import Trip
from canonical import strict_json

_MARGIN: Final = 10.0
"""Seconds before its end from which a token is no longer used (or half its life, if that is shorter)."""
_SHORTEST: Final = 60.0
"""Seconds a token is believed to live that does not say."""
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]{1,8000}=*")
_MASK: Final = b"********"


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    until: float


class Tokens:
    """The access token of one installation. Times are the event loop's."""

    def __init__(self, options: Options, http: Http) -> None:
        self._options, self._http = options, http
        self._token = _Token("", 0.0)
        self._lock = asyncio.Lock()

    async def current(self, trip: Trip) -> str:
        """A token to use now. Raises `Unavailable` or `Misconfigured`: nothing else has been sent yet."""
        if self._usable(trip):
            return self._token.text
        try:
            async with asyncio.timeout_at(trip.deadline), self._lock:
                if not self._usable(trip):
                    self._token = await self._fetch(trip)
        except TimeoutError:
            raise Unavailable("no access token within the limit") from None
        return self._token.text

    def forget(self, token: str) -> None:
        """The token was refused; unless another has come meanwhile, the next one to ask fetches it anew."""
        if self._token.text == token:
            self._token = _Token("", 0.0)

    def _usable(self, trip: Trip) -> bool:
        return trip.now() < self._token.until

    async def _fetch(self, trip: Trip) -> _Token:
        form = {"grant_type": "client_credentials", "client_id": self._options.client_id}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        hidden = urlencode(form).encode() + b"&client_secret=" + _MASK
        shown = HttpRequest("POST", self._options.token_url, headers, hidden)
        form["client_secret"] = self._options.client_secret.get_secret_value()
        request = replace(shown, body=urlencode(form).encode())
        async with recorded(trip.call, "token", request_bytes(shown)) as exchange:
            asked = trip.now()
            try:
                reply = await self._http.send(request, {}, deadline=trip.deadline, alone=False, reached=lambda _: None)
            except NotSent as err:
                raise (Misconfigured if err.ours else Unavailable)(f"access token: {err}") from err
            except NoReply as err:
                raise Unavailable(f"access token: {err}") from err
            if reply.status != 200:
                exchange.raw = reply_bytes(reply)
            token, answer = self._read(reply, asked)
            exchange.raw = reply_bytes(replace(reply, body=strict_json.dumps(answer)))
            return token

    def _read(self, reply: HttpReply, asked: float) -> tuple[_Token, dict[str, Any]]:
        """The token, and the answer without it."""
        if reply.status == 429 or reply.status >= 500:
            raise Unavailable(f"access token: HTTP {reply.status}", native=str(reply.status))
        if reply.status != 200 and reply.media_type == "application/json":
            raise Misconfigured(f"access token: HTTP {reply.status}", native=str(reply.status))
        try:
            answer = strict_json.loads(reply.body)
            text, lives = answer["access_token"], answer.get("expires_in", _SHORTEST)
            usable = reply.status == 200 and answer["token_type"].lower() == "bearer" and _TOKEN.fullmatch(text)
            life = float(lives)
        except (ValueError, LookupError, TypeError, AttributeError):
            raise Unavailable(f"access token: HTTP {reply.status}, not an answer of the token endpoint") from None
        if not usable or life <= 0:
            raise Unavailable("access token: an answer without a bearer token that lives")
        until = asked + life - min(_MARGIN, life / 2)
        return _Token(text, until), answer | {"access_token": _MASK.decode()}
