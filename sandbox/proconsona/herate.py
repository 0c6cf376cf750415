"""The wake-up call: "look at the feed", with nothing in it (INTERFACE.md §10). Real time rules here."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import httpx

from sandbox.engine.system import RecordSystem
from sandbox.http.answer import Answer
from sandbox.journal import Journal
from sandbox.proconsona.documents import add, answer, make, parse, token
from sandbox.proconsona.feed import Feed
from sandbox.proconsona.outcome import Refusal
from sandbox.proconsona.signature import DIGEST, KEY, SIGNATURE, TIME, digest, sign, written

PERIOD_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 5.0
NOT_SENT_EVERY: Final = 10
LONGEST: Final = 500

_LOOPBACK: Final = re.compile(r"127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost")

log = logging.getLogger("sandbox.proconsona")


class Herate:
    """Keeps the client's address, in memory, and calls it when the feed has something new for the client."""

    def __init__(
        self,
        system: RecordSystem,
        feed: Feed,
        journal: Journal,
        credentials: tuple[str, str],
        now: Callable[[], datetime],
        *,
        period: float = PERIOD_SECONDS,
    ) -> None:
        self._system = system
        self._feed = feed
        self._journal = journal
        self._api_key, self._secret = credentials
        self._now = now
        self._period = period
        self._address: str | None = None
        self._seen = 0
        self._count = 0
        self._task: asyncio.Task[None] | None = None

    def put(self, body: bytes) -> str:
        """Return the address a body asks for. Raises Refusal (400, 422)."""
        address = token(parse(body, "herate"), "osoite")
        if not _is_callable(address):
            raise Refusal("OSOITE_EI_KAY")
        return address

    def set(self, address: str) -> Answer:
        """Call this address from now on."""
        if self._address is None:
            self._seen = self._system.last_change()
        self._address = address
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return self.shown()

    def shown(self) -> Answer:
        """Answer the address. Raises Refusal (404) when there is none."""
        if self._address is None:
            raise Refusal("EI_LOYDY")
        root = make("herate")
        add(root, "osoite", self._address)
        return answer(root)

    def delete(self) -> Answer:
        """Forget the address."""
        self._address = None
        return Answer(204)

    async def stop(self) -> None:
        """End the calls. Safe to call when there are none."""
        self._address = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _run(self) -> None:
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:
            while True:
                await asyncio.sleep(self._period)
                address, seen, self._seen = self._address, self._seen, self._system.last_change()
                if address is not None and self._feed.news_after(seen):
                    await self._call(client, address)

    async def _call(self, client: httpx.AsyncClient, address: str) -> None:
        self._count += 1
        if self._count % NOT_SENT_EVERY == 0:
            self._journal.record("sent", b"", operation="herate", note="wake-up call not sent, as now and then")
            return
        request = client.build_request("POST", address, headers=self._headers(address), content=b"")
        lines = [b"POST " + request.url.raw_path + b" HTTP/1.1", *(b": ".join(pair) for pair in request.headers.raw)]
        raw = b"\r\n".join(lines) + b"\r\n\r\n"
        try:
            reply = await client.send(request)
            note = f"answered {reply.status_code}"
        except httpx.HTTPError as err:
            note = f"not answered: {type(err).__name__}"
        self._journal.record("sent", raw, operation="herate", note=note)

    def _headers(self, address: str) -> dict[str, str]:
        path, _, query = httpx.URL(address).raw_path.decode("ascii").partition("?")
        at, nothing = written(self._now()), digest(b"")
        return {
            "X-PC-Asennus": self._system.name,
            KEY: self._api_key,
            TIME: at,
            DIGEST: nothing,
            SIGNATURE: sign(self._secret, "POST", path, query, at, nothing),
        }


def _is_callable(address: str) -> bool:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    plain = address.isascii() and len(address) <= LONGEST and not parts.fragment and "@" not in parts.netloc
    return plain and parts.scheme in ("http", "https") and port != 0 and bool(_LOOPBACK.fullmatch(parts.hostname or ""))
