"""A ProConsona that says what a test tells it to: on a mock transport, and, for what is below HTTP, on a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx

from adapters.base import Installation
from adapters.call import Call
from adapters.proconsona.adapter import ProConsonaAdapter
from canonical.commands import Accept, Book, Cancel, Move, Propose
from canonical.model import FreeQuery, LocalPatient, Person, TimeKey
from canonical.notes import Note
from canonical.times import instant

GOLDEN = Path(__file__).parents[2] / "golden" / "proconsona"
BASE = "/rajapinta/v3"
SECRET = "kesäyön-koe-2027"
AINO = Person("010594Y9021", "Testinen", ("Aino",), date(1994, 5, 1), "fi", "638")
PATIENT = LocalPatient("3dc9f6d9-6686-52d5-8a2a-1d81355f0557", AINO.hetu)
OTHER = "11111111-1111-4111-8111-111111111111"
MEETING = "107301d8-4ff2-5ae3-8d22-bda9899879ad"
CALENDAR = "58833468-ffbc-51cb-93a6-5bf97038b6f4"
KEY = "WIM0aP-8UcuTplv5cDi29A"
PLACER = "b-7d1c"
TIME = TimeKey(KEY, instant("2027-03-23T08:00:00+02:00"), instant("2027-03-23T08:45:00+02:00"))
LATER = TimeKey(KEY, TIME.start + timedelta(minutes=45), TIME.end + timedelta(minutes=45))

Handler = Callable[[httpx.Request], httpx.Response]


@dataclass
class Recorder:
    """An `adapters.call.Recorder` that keeps everything, by exchange."""

    sent: list[tuple[str, bytes]] = field(default_factory=list)
    got: dict[str, tuple[bytes, str, tuple[Note, ...]]] = field(default_factory=dict)

    async def sending(self, call: Call, operation: str, raw: bytes) -> str:
        self.sent.append((operation, raw))
        return str(len(self.sent) - 1)

    def received(self, exchange: str, raw: bytes, *, outcome: str, notes: Sequence[Note] = ()) -> None:
        self.got[exchange] = (raw, outcome, tuple(notes))

    def operations(self) -> list[str]:
        return [operation for operation, _ in self.sent]

    def outcomes(self, operation: str) -> list[str]:
        """The outcomes of the requests of ``operation``, in order."""
        return [self.got[str(i)][1] for i, (name, _) in enumerate(self.sent) if name == operation]


class ProConsona:
    """Answers by ``handler``; gives every request's id back; remembers what was asked."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.requests: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)  # as on a real wire, others get their turn meanwhile
        self.requests.append(request)
        response = self.handler(request)
        response.headers.setdefault("X-PC-Pyynto", request.headers["X-PC-Pyynto"])
        return response

    def asked(self) -> list[str]:
        return [f"{one.method} {one.url.path.removeprefix(BASE)}" for one in self.requests]


def installation(at: str = "http://127.0.0.1:8089", **more: Any) -> Installation:
    options = {"address": f"{at}{BASE}", "api_key": "silta", "secret": SECRET}
    return Installation("proconsona-loviisa", "proconsona", "3", ("434", "407"), ("social",), options | more)


def adapter_for(handler: Handler | ProConsona) -> ProConsonaAdapter:
    there = handler if isinstance(handler, ProConsona) else ProConsona(handler)
    return ProConsonaAdapter(installation(), transport=httpx.MockTransport(there))


def golden(case: str) -> bytes:
    return (GOLDEN / case / "source.xml").read_bytes()


def xml(status: int, body: bytes | str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body.encode() if isinstance(body, str) else body
    return httpx.Response(status, content=content, headers={"Content-Type": "application/xml; charset=utf-8"} | named)


def virhe(status: int, code: str, inside: str = "", **headers: str) -> httpx.Response:
    text = (
        f'<virhe xmlns="urn:proconsona:rajapinta:3"><koodi>{code}</koodi><teksti>010594Y9021</teksti>{inside}</virhe>'
    )
    return xml(status, text, **headers)


def listed(root: str, *inside: bytes | str, following: str | None = None) -> str:
    """A list of documents, without their declarations."""
    texts = [one if isinstance(one, str) else one.decode().partition("?>")[2] for one in inside]
    more = f"<seuraava>{following}</seuraava>" if following else ""
    return f'<{root} xmlns="urn:proconsona:rajapinta:3">{"".join(texts)}{more}</{root}>'


def meeting(**changes: str) -> bytes:
    """The meeting of the manual, booked by the hub under `PLACER`, with other texts in the elements named."""
    text = golden("meeting-booked").decode()
    for name, value in changes.items():
        before, _, rest = text.partition(f"<{name}>")
        assert rest, f"the meeting has no {name}"
        text = f"{before}<{name}>{value}{rest[rest.index('</') :]}"
    return text.encode()


def book() -> Book:
    return Book(PLACER, AINO, TIME, PATIENT, "Tarvitsen apua hakemuksen täyttämiseen & laskuihin")


def cancel(**changes: Any) -> Cancel:
    values: dict[str, Any] = {"believed_version": "1", **changes}
    return Cancel("c-1", PATIENT, MEETING, values.pop("believed_start", TIME.start), **values)


def move(**changes: Any) -> Move:
    values: dict[str, Any] = {"believed_version": "1", "time": LATER, **changes}
    return Move("m-1", AINO, PATIENT, MEETING, values.pop("believed_start", TIME.start), **values)


def accept() -> Accept:
    return Accept("a-1", PATIENT, MEETING, TIME.start, "1")


def propose(**changes: Any) -> Propose:
    values: dict[str, Any] = {"believed_version": "1", "time": LATER, **changes}
    return Propose("p-1", PATIENT, MEETING, TIME.start, **values)


def call(recorder: Recorder | None = None, limit: float = 5.0, **more: Any) -> Call:
    return Call("req-1", limit, recorder or Recorder(), **more)


def query(request: httpx.Request) -> dict[str, str]:
    """The parameters of a request's address."""
    return dict(parse_qsl(request.url.query.decode()))


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[str]:
    """A listener on the loopback interface; yields its address. Connections end with it."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(accept_one, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def days(count: int, **more: Any) -> FreeQuery:
    """That many times 24 hours from the Monday on which the sandbox begins."""
    start = instant("2027-03-22T00:00:00+02:00")
    return FreeQuery(start, start + timedelta(days=count), **more)
