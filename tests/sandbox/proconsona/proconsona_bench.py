"""A ProConsona installation over real sockets, and a client that signs as the manual says and checks every answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from lxml import etree

import sandbox.proconsona
from sandbox.engine.model import Appointment
from tests.sandbox.http.http_bench import HttpBench

KEY, SECRET = "silta", "kesäyön-koe-2027"
CREDENTIALS = {"api_key": KEY, "secret": SECRET, "service_tasks": "1 2 4 5 6 7"}
NAMESPACE = "urn:proconsona:rajapinta:3"
NS = {"pc": NAMESPACE, "a": "http://www.w3.org/2005/Atom", "fh": "http://purl.org/syndication/history/1.0"}
BASE = "/rajapinta/v3"
SCHEMA = etree.XMLSchema(etree.parse(str(Path(sandbox.proconsona.__file__).with_name("proconsona.xsd"))))


class RealClock:
    """The real time, which a test can move: signatures go by it."""

    def __init__(self) -> None:
        self.off = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.off


def signed(
    method: str, target: str, body: bytes = b"", *, at: str | None = None, key: str = KEY, secret: str = SECRET
) -> dict[str, str]:
    """The four headers of a request, made from the manual alone."""
    path, _, query = target.partition("?")
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at is None else at
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    text = "\n".join([method, path, query, at, digest])
    signature = base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()
    return {"X-PC-Avain": key, "X-PC-Aika": at, "X-PC-Tiiviste": digest, "X-PC-Allekirjoitus": signature}


class Reply(NamedTuple):
    """An answer that was valid by the schema."""

    status: int
    headers: httpx.Headers
    content: bytes
    root: Any

    def text(self, path: str) -> str | None:
        """The text of an element, by names with slashes."""
        found = self.root.find("/".join(f"pc:{name}" for name in path.split("/")), NS)
        return None if found is None else (found.text or "")

    def all(self, name: str) -> list[Any]:
        """Every element of that name."""
        return list(self.root.iter(f"{{{NAMESPACE}}}{name}"))

    @property
    def error(self) -> tuple[int, str | None]:
        """Status and code of an error."""
        return self.status, self.text("koodi")

    @property
    def places(self) -> list[tuple[str, str]]:
        """Path and code of every place of an error."""
        found = self.root.findall("pc:kohta", NS)
        return [(one.findtext("pc:polku", None, NS), one.findtext("pc:koodi", None, NS)) for one in found]


@dataclass
class Bench(HttpBench):
    """One running installation and its client."""

    async def send(
        self,
        method: str,
        target: str,
        body: str | bytes = b"",
        *,
        signing: Mapping[str, str] | None = None,
        **more: str,
    ) -> httpx.Response:
        """Send a signed request below the base; extra headers with _ for -."""
        raw = body.encode() if isinstance(body, str) else body
        full = target if target.startswith(BASE) else f"{BASE}{target}"
        headers = dict(signed(method, full, raw) if signing is None else signing)
        if raw:
            headers["Content-Type"] = "application/xml"
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        return await self.client.request(method, full, content=raw, headers=headers)

    async def ask(self, method: str, target: str, body: str | bytes = b"", **more: Any) -> Reply:
        """Send, and check that the answer is XML, valid by the schema (or Atom)."""
        answer = await self.send(method, target, body, **more)
        root = etree.fromstring(answer.content) if answer.content else None
        if root is not None and answer.headers["content-type"] == "application/xml; charset=utf-8":
            SCHEMA.assertValid(root)
        return Reply(answer.status_code, answer.headers, answer.content, root)

    async def free(self, query: str = "palvelu=TSO", count: int = 10) -> list[tuple[str, str]]:
        """Calendar and start of free times."""
        answer = await self.ask("GET", f"/vapaat-ajat?{query}&koko={count}")
        assert answer.status == 200, answer.content
        return [
            (one.findtext("pc:kalenteri", None, NS), one.findtext("pc:alku", None, NS))
            for one in answer.all("vapaaAika")
        ]

    async def book(
        self, key: str, time: tuple[str, str], *, external: str | None = None, text: str = "", **more: str
    ) -> Reply:
        return await self.ask("POST", "/tapaamiset", booking(self.number(key), time, external, text), **more)

    async def booked(self, key: str = "aino", **more: Any) -> Reply:
        """A new booking of the first free time."""
        answer = await self.book(key, (await self.free())[0], **more)
        assert answer.status == 201, answer.content
        return answer

    async def change(self, meeting: str | None, version: int | str | None, wish: str) -> Reply:
        return await self.ask("PUT", f"/tapaamiset/{meeting}", change(version, wish))

    def proposed(self, key: str, service: str = "TSO") -> Appointment:
        """A new proposal of the desk at the first free time."""
        now = self.system.clock.now()
        time = self.system.free_times(now, now + timedelta(days=20), service=service)[0]
        return self.system.propose(self.number(key), time.calendar, time.start, text="Ehdotus")

    def proposals(self, key: str) -> list[Appointment]:
        """The open proposals of a test person."""
        return [one for one in self.system.appointments(patient=self.number(key)) if one.status == "proposed"]


def booking(customer: str, time: tuple[str, str], external: str | None = None, text: str = "") -> str:
    """The body of a booking."""
    parts = [f"<asiakas>{customer}</asiakas><kalenteri>{time[0]}</kalenteri><alku>{time[1]}</alku>"]
    parts += [] if external is None else [f"<ulkoinenTunniste>{external}</ulkoinenTunniste>"]
    parts += [f"<lisatieto>{escape(text, quote=False)}</lisatieto>"] if text else []
    return f'<uusiTapaaminen xmlns="{NAMESPACE}">{"".join(parts)}</uusiTapaaminen>'


def change(version: int | str | None, wish: str) -> str:
    """The body of a change."""
    return f'<tapaamisenMuutos xmlns="{NAMESPACE}"><versio>{version}</versio>{wish}</tapaamisenMuutos>'


def at(name: str, time: tuple[str, str]) -> str:
    """A wish for a time: `siirra` or `ehdotaUutta`."""
    return f"<{name}><kalenteri>{time[0]}</kalenteri><alku>{time[1]}</alku></{name}>"


def cancel(cause: str = "ASIAKAS", text: str | None = None) -> str:
    """A wish to cancel."""
    return f"<peru><syy>{cause}</syy>{'' if text is None else f'<selite>{escape(text, quote=False)}</selite>'}</peru>"
