"""The HTTP face over a small, honest hub in memory: real answers, no mocks of ours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fhir.resources.R4B import get_fhir_model_class

from adapters.base import Capability, Profile
from canonical import codes
from canonical.times import HELSINKI, iso
from canonical.validate import validate
from hub.access import Access
from hub.api.app import make_app
from hub.api.doors import Doors
from hub.api.settings import ApiSettings
from hub.criteria import Criterion, Reference, Span, Text, Token
from hub.usecases.ports import (
    AcceptRequest,
    Answer,
    ApiExchange,
    BookRequest,
    CancelRequest,
    ChangeRequest,
    Created,
    Disclosure,
    Existing,
    Failed,
    Found,
    Held,
    HoldRequest,
    InstallationState,
    Item,
    Kept,
    Link,
    Missing,
    MoveRequest,
    PageRequest,
    Readiness,
    RequestContext,
    Results,
    SlotQuery,
    Unknown,
    Updated,
)

AINO, EERO = "aino", "eero"
NOW = 1_806_300_000.0
FIRST = datetime(2027, 3, 23, 9, 0, tzinfo=HELSINKI)
TOKENS = {
    "sbx_aino": Access("portal", AINO, None, "PATRQT"),
    "sbx_eero": Access("portal", EERO, None, "PATRQT"),
    "sbx_portal": Access("portal", None, None, "PATRQT"),
}
BASE = "http://hub.test/fhir"
SENT = {"accept": "application/fhir+json", "content-type": "application/fhir+json"}


def patient(identity: str, family: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": identity, "name": [{"family": family}], "birthDate": "1994-05-01"}


def slot(identity: str, start: datetime, status: str = "free") -> dict[str, Any]:
    return {
        "resourceType": "Slot",
        "id": identity,
        "meta": {"source": codes.source("pegasos-loviisa")},
        "schedule": {"reference": "Schedule/cal1"},
        "status": status,
        "start": iso(start),
        "end": iso(start + timedelta(minutes=30)),
    }


@dataclass
class MemoryHub:
    """`UseCases` and `Ledger` in memory. A booking ends as its Slot is named: ``taken``, ``lost``, ``down``."""

    stored: dict[tuple[str, str], list[bytes]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    slots: dict[str, datetime] = field(default_factory=dict)
    keys: dict[tuple[str, str], str] = field(default_factory=dict)
    kept: dict[tuple[str, str], Kept] = field(default_factory=dict)
    disclosures: list[Disclosure] = field(default_factory=list)
    exchanges: list[ApiExchange] = field(default_factory=list)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    missing: Sequence[Missing] = ()
    store_up: bool = True
    audit_down_after: int | None = None
    stale: bool = False
    fails: Failed | None = None
    breaks: Exception | None = None

    def __post_init__(self) -> None:
        self.put(patient(AINO, "Testinen"), AINO)
        self.put(patient(EERO, "Hidas"), EERO)
        self.put({"resourceType": "Location", "id": "loc1", "name": "Loviisan terveysasema"}, None)
        self.put({"resourceType": "Schedule", "id": "cal1", "actor": [{"reference": "Location/loc1"}]}, None)
        for i, name in enumerate(("free1", "free2", "free3", "taken", "lost", "down", "other-time")):
            self.slots[name] = FIRST + timedelta(minutes=30 * i)

    # What the tests arrange

    def put(self, resource: dict[str, Any], owner: str | None) -> Found:
        key = (resource["resourceType"], resource["id"])
        versions = self.stored.setdefault(key, [])
        number = len(versions) + 1
        meta = {"versionId": str(number), "lastUpdated": "2027-03-22T08:00:00+02:00"} | resource.get("meta", {})
        versions.append(json.dumps(resource | {"meta": meta | {"versionId": str(number)}}, ensure_ascii=False).encode())
        if owner:
            self.owners[resource["id"]] = owner
        return self._found(*key)

    def _found(self, kind: str, identity: str, version: int | None = None) -> Found:
        versions = self.stored[kind, identity]
        number = version or len(versions)
        return Found(kind, identity, versions[number - 1], number, NOW - 60, NOW - 2, self.stale)

    def _visible(self, access: Access, kind: str, identity: str) -> bool:
        owner = self.owners.get(identity)
        return (kind, identity) in self.stored and (owner is None or owner == access.subject)

    # UseCases

    async def whoami(self, token: str) -> Access | None:
        return TOKENS.get(token)

    def read_now(self, access: Access, kind: str, hub_id: str) -> Found | None:
        if self.breaks:
            raise self.breaks
        known = kind not in ("Slot", "Task") and not self.stale and self._visible(access, kind, hub_id)
        return self._found(kind, hub_id) if known else None

    async def read(
        self, access: Access, kind: str, hub_id: str, *, fresh: bool, context: RequestContext
    ) -> Found | None:
        self.asked.append(("read", fresh))
        if self.fails:
            raise self.fails
        if kind == "Slot" and hub_id in self.slots:
            body = slot(hub_id, self.slots[hub_id], "busy" if hub_id == "taken" else "free")
            return Found(kind, hub_id, json.dumps(body).encode(), None, None, NOW)
        return self._found(kind, hub_id) if self._visible(access, kind, hub_id) else None

    async def version(
        self, access: Access, kind: str, hub_id: str, version: int, context: RequestContext
    ) -> Found | None:
        if not self._visible(access, kind, hub_id) or version > len(self.stored[kind, hub_id]):
            return None
        return self._found(kind, hub_id, version)

    async def history(self, access: Access, kind: str, hub_id: str, context: RequestContext) -> Sequence[Found]:
        if not self._visible(access, kind, hub_id):
            return []
        return [self._found(kind, hub_id, n) for n in range(len(self.stored[kind, hub_id]), 0, -1)]

    async def search(
        self, access: Access, kind: str, criteria: Sequence[Criterion], page: PageRequest, context: RequestContext
    ) -> Results:
        self.asked.append(("search", (kind, criteria, page)))
        if self.fails:
            raise self.fails
        ids = sorted(i for k, i in self.stored if k == kind and self._visible(access, kind, i))
        ids = [i for i in ids if all(self._matches(kind, i, one) for one in criteria)]
        return self._page([self._item(kind, i) for i in ids], page)

    def _item(self, kind: str, identity: str) -> Item:
        return Item(kind, identity, self.stored[kind, identity][-1])

    def _page(self, items: list[Item], page: PageRequest) -> Results:
        start = 0
        if page.cursor is not None:
            if not page.cursor.startswith("after-") or not page.cursor[6:].isdigit():
                raise Failed("bad-cursor")
            start = int(page.cursor[6:])
        shown = items[start : start + page.count]
        more = page.count > 0 and start + page.count < len(items)
        cursor = f"after-{start + page.count}" if more else None
        return Results(shown, cursor, len(items), self.missing)

    def _matches(self, kind: str, identity: str, criterion: Criterion) -> bool:
        resource = json.loads(self.stored[kind, identity][-1])
        return any(self._has(resource, criterion.name, value) for value in criterion.values)

    def _has(self, resource: dict[str, Any], name: str, value: Token | Span | Reference | Text) -> bool:
        match value:
            case Token(code=code) if name == "_id":
                return resource["id"] == code
            case Token(system, code) if name == "identifier":
                held = [(i.get("system", ""), i["value"]) for i in resource.get("identifier", ())]
                return any(v == code and system in (None, s) for s, v in held)
            case Token(code=code):
                return resource.get("status") == code
            case Span(start, end) if "start" in resource:
                at = datetime.fromisoformat(resource["start"])
                return (start is None or start <= at) and (end is None or at < end)
            case Reference(id=identity):
                return any(p["actor"]["reference"].endswith(f"/{identity}") for p in resource.get("participant", ()))
            case Text(text) if name == "installation":
                return str(resource["meta"].get("source", "")).endswith(f"/{text}")
            case Text(text):
                return str(resource.get("name", "")).lower().startswith(text.lower())
            case _:
                return False

    async def free_times(self, access: Access, query: SlotQuery, page: PageRequest, context: RequestContext) -> Results:
        self.asked.append(("free", query))
        if self.fails:
            raise self.fails
        items = [
            Item("Slot", name, json.dumps(slot(name, at)).encode())
            for name, at in sorted(self.slots.items(), key=lambda one: one[1])
            if (query.start is None or query.start <= at) and (query.end is None or at < query.end)
        ]
        return replace(self._page(items, page), total=None)

    async def book(self, access: Access, request: BookRequest, context: RequestContext) -> Answer:
        self.asked.append(("book", request))
        if self.fails:
            raise self.fails
        if request.key is not None:
            scope, print_ = (request.patient, request.key), hashlib.sha256(request.raw).hexdigest()
            if self.keys.setdefault(scope, print_) != print_:
                raise Failed("key-reused")
            if scope in self.kept:
                return self.kept[scope]
        if request.if_none_exist:
            existing = await self.search(access, "Appointment", request.if_none_exist, PageRequest(2), context)
            if len(existing.items) > 1:
                raise Failed("multiple-matches")
            if existing.items:
                return Existing(self._found("Appointment", existing.items[0].id))
        return self._book(request)

    def _book(self, request: BookRequest) -> Answer:
        start = self.slots.get(request.slot_id)
        if start is None:
            raise Failed("unknown-slot", expression=["Appointment.slot[0]"])
        if request.start not in (None, start) or request.minutes not in (None, 30):
            raise Failed("slot-mismatch", expression=["Appointment.start"])
        match request.slot_id:
            case "taken":
                links = [Link(f"Slot/free{i}", f"Time {i}") for i in (1, 2, 3, 1)]
                detail = "Pegasos answered AE 206 to SRM^S01 after 412 ms"
                raise Failed("slot-taken", detail, expression=["Appointment.slot[0]"], alternatives=links)
            case "lost":
                return Unknown("task1", "pending1", retry_after=3.2)
            case "down":
                raise Failed("record-system-failed", "connection refused", retry_after=12.5)
        name = f"app-{request.slot_id}"
        if ("Appointment", name) in self.stored:
            raise Failed("duplicate", see=Link(f"Appointment/{name}"))
        found = self.put(self._appointment(name, start, request), request.patient)
        return Created(found, "other-time" if request.slot_id == "other-time" else None)

    def _appointment(self, name: str, start: datetime, request: BookRequest) -> dict[str, Any]:
        actors = [f"Patient/{request.patient}", "Location/loc1"]
        resource: dict[str, Any] = {
            "resourceType": "Appointment",
            "id": name,
            "meta": {
                "source": codes.source("pegasos-loviisa"),
                "tag": [{"system": codes.SYNC_STATE, "code": "confirmed"}],
            },
            "status": "booked",
            "start": iso(start),
            "end": iso(start + timedelta(minutes=30)),
            "slot": [{"reference": f"Slot/{request.slot_id}"}],
            "participant": [{"actor": {"reference": one}, "status": "accepted"} for one in actors],
        }
        identifiers = [{"system": i.system, "value": i.value} for i in request.identifiers]
        return (
            resource
            | ({"comment": request.comment} if request.comment else {})
            | ({"identifier": identifiers} if identifiers else {})
        )

    async def cancel(self, access: Access, request: CancelRequest, context: RequestContext) -> Answer:
        self.asked.append(("cancel", request))
        if self.fails:
            raise self.fails
        versions = self.stored["Appointment", request.appointment_id]
        if len(versions) != request.expected_version:
            raise Failed("stale-version")
        current = json.loads(versions[-1])
        if current["status"] == "cancelled":
            raise Failed("not-cancellable")
        return Updated(self.put(current | {"status": "cancelled"}, access.subject))

    async def move(self, access: Access, request: MoveRequest, context: RequestContext) -> Answer:
        """To a free Slot of that name; a proposal stays pending."""
        self.asked.append(("move", request))
        if self.fails:
            raise self.fails
        current = json.loads(self.stored["Appointment", request.appointment_id][-1])
        match request.slot_id:
            case "taken":
                raise Failed("slot-taken", alternatives=[Link("Slot/free2"), Link("Slot/free3")])
            case "lost":
                return Unknown("task1", request.appointment_id)
            case "down":
                raise Failed("record-system-failed")
        start = self.slots[request.slot_id]
        changed = {"start": iso(start), "end": iso(start + timedelta(minutes=30))}
        return Updated(self.put(current | changed, access.subject))

    async def accept(self, access: Access, request: AcceptRequest, context: RequestContext) -> Answer:
        self.asked.append(("accept", request))
        current = json.loads(self.stored["Appointment", request.appointment_id][-1])
        taking_part = [one | {"status": "accepted"} for one in current["participant"]]
        return Updated(self.put(current | {"status": "booked", "participant": taking_part}, access.subject))

    async def remember(self, access: Access, request: BookRequest | ChangeRequest, answer: Kept) -> None:
        if isinstance(request, BookRequest) and request.key is not None:
            self.kept[request.patient, request.key] = answer

    async def hold(self, access: Access, request: HoldRequest, context: RequestContext) -> Held | Unknown:
        self.asked.append(("hold", request))
        if self.fails:
            raise self.fails
        if request.slot_id == "lost":
            return Unknown("task1", None)
        if request.slot_id not in self.slots:
            raise Failed("unknown-slot")
        until = datetime(2027, 3, 22, 9, 10, tzinfo=UTC)
        body = slot(request.slot_id, self.slots[request.slot_id], "busy")
        return Held(request.slot_id, json.dumps(body).encode(), until)

    async def release(self, access: Access, request: HoldRequest, context: RequestContext) -> Unknown | None:
        self.asked.append(("release", request))
        if self.fails:
            raise self.fails
        return Unknown("task1", None) if request.slot_id == "lost" else None

    async def installations(self) -> Sequence[InstallationState]:
        can = frozenset({Capability.BOOK, Capability.CANCEL})
        gaps = {Capability.DEDUPLICATES: "the interface has no key"}
        profile = Profile(can, gaps, quiescence=5, limit=10, text_limit=1000)
        return [
            InstallationState("pegasos-loviisa", "pegasos", "7.2", ("434",), ("health",), profile, True, NOW, NOW),
            InstallationState(
                "lifecare-porvoo", "lifecare", "MR2020", ("638",), ("health",), profile, False, NOW, None
            ),
        ]

    async def readiness(self) -> Readiness:
        return Readiness(self.store_up, self.store_up, await self.installations())

    # Ledger

    async def released(self, entry: Disclosure) -> None:
        if not self.store_up or (self.audit_down_after is not None and len(self.disclosures) >= self.audit_down_after):
            raise Failed("no-store")
        self.disclosures.append(entry)

    def exchanged(self, entry: ApiExchange) -> None:
        self.exchanges.append(entry)


def assert_valid(body: bytes) -> None:
    """Valid for our own validator and for fhir.resources."""
    resource = json.loads(body)
    assert validate(resource) == []
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)


async def _check(response: httpx.Response) -> None:
    """Whatever is answered under /fhir is valid R4, carries a request id, and is never cached or sniffed."""
    assert response.headers["x-request-id"].startswith("req_")
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    if response.request.url.path.startswith("/fhir") and response.request.method != "HEAD":
        body = await response.aread()
        if body:
            assert_valid(body)


@pytest.fixture
def memory() -> MemoryHub:
    return MemoryHub()


@pytest.fixture
def settings() -> ApiSettings:
    return ApiSettings(
        "http://hub.test", "0.1.0", clock=lambda: NOW, examples={"aino": "sbx_aino", "portal": "sbx_portal"}
    )


@pytest.fixture
def app(memory: MemoryHub, settings: ApiSettings) -> Doors:
    return make_app(memory, memory, settings)


@pytest.fixture
async def anybody(app: Doors) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token; every FHIR answer is checked to be valid R4."""
    transport = httpx.ASGITransport(app)
    hooks = {"response": [_check]}
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.test", event_hooks=hooks) as client:
        yield client


@pytest.fixture
async def aino(anybody: httpx.AsyncClient) -> httpx.AsyncClient:
    anybody.headers["authorization"] = "Bearer sbx_aino"
    return anybody


@pytest.fixture
async def portal(anybody: httpx.AsyncClient) -> httpx.AsyncClient:
    anybody.headers["authorization"] = "Bearer sbx_portal"
    return anybody


def booking(slot_id: str = "free1", who: str = AINO, **changes: Any) -> dict[str, Any]:
    """A minimal booking; a change to None takes the element out."""
    resource = {
        "resourceType": "Appointment",
        "status": "booked",
        "slot": [{"reference": f"Slot/{slot_id}"}],
        "participant": [{"actor": {"reference": f"Patient/{who}"}, "status": "accepted"}],
        **changes,
    }
    return {name: value for name, value in resource.items() if value is not None}


def code_of(response: httpx.Response) -> str:
    """The problem's code of an answer."""
    issue = response.json()["issue"][0]
    coding = {one["system"]: one["code"] for one in issue["details"]["coding"]}
    return coding[codes.ERRORS]
