"""A Lifecare that says what a test tells it to: on a mock transport, and, for what happens below HTTP, on a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx

from adapters.base import Installation
from adapters.call import Call
from adapters.lifecare.adapter import LifecareAdapter
from canonical.commands import Book, Cancel, RegisterPerson
from canonical.model import FreeQuery, LocalPatient, Person, TimeKey
from canonical.notes import Note
from canonical.times import instant

GOLDEN = Path(__file__).parents[2] / "golden" / "lifecare"
AINO = Person("010594Y9021", "Testinen", ("Aino",), date(1994, 5, 1), "fi", "638")
PATIENT = LocalPatient("100001", AINO.hetu)
PLACER = "0d6b6f4e-3f0f-4a55-9d0c-2f6c3c0f1a77"
TIME = TimeKey("C11-hx2i0", instant("2027-03-23T08:00:00+02:00"), instant("2027-03-23T08:20:00+02:00"))

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

    def everything(self) -> bytes:
        return b"".join(raw for _, raw in self.sent) + b"".join(raw for raw, _, _ in self.got.values())


class Lifecare:
    """Answers by ``handler``, except for tokens; gives every request's id back; remembers what was asked."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.requests: list[httpx.Request] = []
        self.tokens = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)  # as on a real wire, others get their turn meanwhile
        if request.url.path == "/oauth2/token":
            self.tokens += 1
            answer = {"access_token": f"lc_{self.tokens}", "token_type": "Bearer", "expires_in": 300}
            return httpx.Response(200, json=answer)
        self.requests.append(request)
        response = self.handler(request)
        response.headers.setdefault("X-Request-Id", request.headers["X-Request-Id"])
        return response

    def asked(self) -> list[str]:
        return [f"{one.method} {one.url.path.removeprefix('/fhir/')}" for one in self.requests]


def installation(at: str = "http://127.0.0.1:8083", **more: Any) -> Installation:
    options = {
        "address": f"{at}/fhir",
        "token_url": f"{at}/oauth2/token",
        "client_id": "silta",
        "client_secret": "s3cr3t/+ä",
        "root": "urn:oid:2.999.638",
    }
    return Installation("lifecare-porvoo", "lifecare", "MR2020", ("638",), ("health", "oral"), options | more)


def adapter_for(handler: Handler | Lifecare) -> LifecareAdapter:
    lifecare = handler if isinstance(handler, Lifecare) else Lifecare(handler)
    return LifecareAdapter(installation(), transport=httpx.MockTransport(lifecare))


def golden(case: str, name: str = "source") -> dict[str, Any]:
    value: dict[str, Any] = json.loads((GOLDEN / case / f"{name}.json").read_bytes())
    return value


def fhir(status: int, resource: Any, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = json.dumps(resource, ensure_ascii=False).encode()
    return httpx.Response(
        status, content=content, headers={"Content-Type": "application/fhir+json; charset=utf-8"} | named
    )


def outcome(status: int, code: str = "", **headers: str) -> httpx.Response:
    coding = [{"system": "https://lifecare.example/fhir/CodeSystem/error", "code": code}] if code else []
    issue = {"severity": "error", "code": "processing", "details": {"coding": coding, "text": "Teksti 010594Y9021"}}
    return fhir(status, {"resourceType": "OperationOutcome", "issue": [issue]}, **headers)


def searchset(*resources: Any, following: str | None = None, total: int | None = None) -> dict[str, Any]:
    links = [{"relation": "self", "url": "http://127.0.0.1:8083/fhir/x"}]
    links += [{"relation": "next", "url": following}] if following else []
    entries = [{"resource": one, "search": {"mode": "match"}} for one in resources]
    bundle = {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries}
    return bundle | ({} if total is None else {"total": total})


def booked(**changes: Any) -> dict[str, Any]:
    """The appointment of the manual, booked by the hub under `PLACER`."""
    resource = golden("appointment-booked")
    resource["identifier"][1].update(system="https://sotesilta.example/fhir/placer", value=PLACER)
    return resource | changes


def of_patient(resource: dict[str, Any], number: str) -> dict[str, Any]:
    resource["participant"][0]["actor"]["reference"] = f"Patient/{number}"
    return resource


def book() -> Book:
    return Book(PLACER, AINO, TIME, PATIENT, "Kuume ei ole laskenut")


def cancel(**changes: Any) -> Cancel:
    values: dict[str, Any] = {"believed_version": "1", **changes}
    return Cancel(PLACER, PATIENT, "A20001", values.pop("believed_start", TIME.start), **values)


def register() -> RegisterPerson:
    return RegisterPerson(PLACER, AINO)


def call(recorder: Recorder | None = None, limit: float = 5.0, **more: Any) -> Call:
    return Call("req-1", limit, recorder or Recorder(), **more)


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[str]:
    """A listener on the loopback interface; yields its address. Connections end with it."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
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
