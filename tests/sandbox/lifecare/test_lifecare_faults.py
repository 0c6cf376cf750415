"""Every fault of appendix A.2, truly on the wire; and the test persons' behaviours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest

from sandbox.engine.model import Status
from tests.sandbox.http.http_bench import until
from tests.sandbox.http.http_faults import HttpFaults, arm
from tests.sandbox.lifecare.lifecare_bench import PLACER, REASON, Bench, booking, entries, error


class Case:
    """A booking of Aino to be sent as raw bytes, and what became of it."""

    def __init__(self, bench: Bench, slot: str) -> None:
        self.bench = bench
        self.slot = slot

    def request(self, *, close: bool = False) -> bytes:
        body = orjson.dumps(booking(self.bench.number("aino"), self.slot, "b-1"))
        head = [
            "POST /fhir/Appointment HTTP/1.1",
            "Host: x",
            f"Authorization: {self.bench.client.headers['authorization']}",
            "Content-Type: application/fhir+json",
            f"If-None-Exist: identifier={PLACER}|b-1",
            f"Content-Length: {len(body)}",
            *(["Connection: close"] if close else []),
        ]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body

    def done(self) -> int:
        return len(self.bench.system.appointments(placer_id="b-1"))


@pytest.fixture
async def case(bench: Bench) -> Case:
    return Case(bench, (await bench.free())[0]["id"])


class TestHttpFaults(HttpFaults):
    booked = b"HTTP/1.1 201 Created"


@pytest.mark.parametrize(
    ("kind", "code", "status", "retry_after", "done"),
    [
        ("error", "", 503, True, 0),
        ("error", "500", 500, False, 0),
        ("error", "429", 429, True, 0),
        ("error", "401", 401, False, 0),
        ("error", "418", 418, False, 0),
        ("error", "AE", 503, True, 0),
        ("error-after-work", "", 500, False, 1),
        ("error-after-work", "503", 503, False, 1),
        ("error-after-work", "404", 500, False, 1),
    ],
)
async def test_errors(case: Case, kind: str, code: str, status: int, retry_after: bool, done: int) -> None:
    arm(case.bench, kind, code=code)
    answer = await case.bench.book("aino", case.slot, placer="b-1")
    assert answer.status_code == status
    assert ("retry-after" in answer.headers) == retry_after
    assert case.done() == done


async def test_wrong_charset(bench: Bench) -> None:
    bench.faults.arm("wrong-charset")
    answer = await bench.raw(_get(bench, "/fhir/Location/U1"))
    assert b"content-type: application/fhir+json; charset=utf-8" in answer
    assert "Borgå".encode("iso-8859-1") in answer


async def test_wrong_person(case: Case) -> None:
    bench = case.bench
    aino = bench.number("aino")
    arm(bench, "wrong-person")
    booked = (await bench.book("aino", case.slot, placer="b-1")).json()
    assert booked["participant"][0]["actor"]["reference"] not in (f"Patient/{aino}", None)
    assert bench.kept(booked["id"]).patient == aino
    arm(bench, "wrong-person", "person")
    form = {"identifier": "urn:oid:1.2.246.21|010594Y9021"}
    (person,) = entries(await bench.client.post("Patient/_search", data=form))
    assert person["identifier"][0]["value"] != "010594Y9021"
    arm(bench, "wrong-person", "list")
    visits = entries(await bench.client.get("Appointment", params={"patient": aino}))
    assert visits
    assert all(one["participant"][0]["actor"]["reference"] != f"Patient/{aino}" for one in visits)


@pytest.mark.parametrize(("decide", "status"), [("booked", "booked"), ("refused", "cancelled")])
async def test_pending_answer(case: Case, decide: str, status: str) -> None:
    bench = case.bench
    arm(bench, "pending-answer", decide=decide, after=0)
    answer = await bench.book("aino", case.slot, placer="b-1")
    visit = answer.json()
    assert (answer.status_code, visit["status"]) == (201, "pending")
    assert visit["participant"][0]["status"] == "needs-action"
    assert (await bench.client.get(f"Slot/{case.slot}")).json()["status"] == "busy"
    bench.system.decide_due()
    read = await bench.client.get(f"Appointment/{visit['id']}")
    assert (read.json()["status"], read.headers["etag"]) == (status, 'W/"2"')


async def test_a_pending_visit_can_be_cancelled_not_moved(case: Case) -> None:
    bench = case.bench
    arm(bench, "pending-answer", after=600)
    answer = await bench.book("aino", case.slot)
    other = (await bench.free())[3]["id"]
    moved = await bench.put(answer.json(), 'W/"1"', slot=[{"reference": f"Slot/{other}"}])
    assert error(moved) == (422, "business-rule", "NOT_CHANGEABLE")
    assert (await bench.cancel(answer)).json()["status"] == "cancelled"


OPERATIONS: dict[str, Callable[[Bench, str, dict[str, Any]], Any]] = {
    "book": lambda bench, slot, visit: bench.book("aino", slot),
    "cancel": lambda bench, slot, visit: bench.put(visit, 'W/"1"', status="cancelled", cancelationReason=REASON),
    "find": lambda bench, slot, visit: bench.client.get("Slot?status=free"),
    "list": lambda bench, slot, visit: bench.client.get("Appointment?patient=100001"),
    "read": lambda bench, slot, visit: bench.client.get(f"Appointment/{visit['id']}"),
    "register": lambda bench, slot, visit: bench.client.post(
        "Patient",
        json={"resourceType": "Patient", "identifier": [{"system": "urn:oid:1.2.246.21", "value": "010100A907P"}]},
    ),
    "person": lambda bench, slot, visit: bench.client.post("Patient/_search", data={"_id": "100001"}),
}


async def test_a_fault_meets_its_own_operation_only(bench: Bench) -> None:
    slots = await bench.free()
    visit = (await bench.book("aino", slots[0]["id"])).json()
    for operation in OPERATIONS:
        bench.faults.clear()
        bench.faults.arm("error", operation=operation, seconds=60)
        statuses = {}
        for name, call in OPERATIONS.items():
            if name == operation or name in ("find", "list", "read", "person"):  # what can be done again and again
                statuses[name] = (await call(bench, slots[1]["id"], visit)).status_code
        assert {name for name, status in statuses.items() if status == 503} == {operation}
        assert (await bench.client.get("Location/U1")).status_code == 200


async def test_a_fault_of_one_person_spares_others(bench: Bench) -> None:
    slots = await bench.free()
    bench.faults.arm("error", operation="book", person="010594Y9021", count=5)
    assert (await bench.book("onni", slots[0]["id"])).status_code == 201
    assert (await bench.book("aino", slots[1]["id"])).status_code == 503


async def test_a_late_cancel_is_done_for_the_version_that_was_asked(bench: Bench) -> None:
    booked = await bench.booked()
    arm(bench, "work-late", "cancel", seconds=0.1)
    with pytest.raises(httpx.RemoteProtocolError):
        await bench.cancel(booked)
    visit = booked.json()["id"]
    await until(lambda: bench.kept(visit).status is Status.CANCELLED)
    assert bench.kept(visit).version == 2


async def test_mikael_books_and_cancels_without_an_answer(bench: Bench) -> None:
    slot = (await bench.free())[0]["id"]
    with pytest.raises(httpx.RemoteProtocolError):
        await bench.book("mikael", slot, placer="b-1", once=True)
    (visit,) = entries(await bench.client.get("Appointment", params={"identifier": f"{PLACER}|b-1"}))
    assert visit["status"] == "booked"
    with pytest.raises(httpx.RemoteProtocolError):
        await bench.put(visit, 'W/"1"', status="cancelled", cancelationReason=REASON)
    assert (await bench.client.get(f"Appointment/{visit['id']}")).json()["status"] == "cancelled"


async def test_eero_is_slow_where_the_manual_says(bench: Bench) -> None:
    hetu, number = "020594X903P", bench.number("eero")
    slow = {fault.operation for fault in bench.faults.standing() if fault.person == hetu}
    assert slow == {"book", "move", "cancel", "accept", "list", "read"}
    form = {"identifier": f"urn:oid:1.2.246.21|{hetu}"}
    assert len(entries(await bench.client.post("Patient/_search", data=form))) == 1
    slot = (await bench.free())[0]["id"]
    with pytest.raises(httpx.ReadTimeout):
        await bench.client.post("Appointment", json=booking(number, slot, "b-1"), timeout=0.3)
    (visit,) = bench.system.appointments(placer_id="b-1")
    for question in (
        f"Appointment/{visit.id}",
        f"Appointment?patient={number}",
        f"Appointment?identifier={PLACER}|b-1",
    ):
        with pytest.raises(httpx.ReadTimeout):
            await bench.client.get(question, timeout=0.3)


async def test_the_journal_keeps_the_beginning_of_long_messages(bench: Bench) -> None:
    answer = await bench.client.get("Slot?_count=200")
    sent = bench.journal.entries()[-1]
    assert len(sent.raw) == 32 * 1024 < len(answer.content)
    assert sent.note.startswith("the first 32768 of ")


def _get(bench: Bench, path: str) -> bytes:
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    return f"{head}Authorization: {bench.client.headers['authorization']}\r\n\r\n".encode()
