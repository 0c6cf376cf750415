"""The port: what is asked of Lifecare, what becomes of its answers, and what is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from adapters.base import RawMessage
from adapters.errors import (
    AnotherPatient,
    Misconfigured,
    NotCancellable,
    OutcomeUnknown,
    Refused,
    StaleVersion,
    Unavailable,
    UnknownAppointment,
    UnknownPatient,
)
from canonical import hetu
from canonical.model import LocalPatient
from canonical.notes import NoteKind
from canonical.times import instant
from tests.adapters.lifecare.lifecare_stub import (
    AINO,
    PATIENT,
    PLACER,
    TIME,
    Lifecare,
    Recorder,
    adapter_for,
    book,
    booked,
    call,
    cancel,
    days,
    fhir,
    golden,
    of_patient,
    outcome,
    register,
    searchset,
)


def body(request: httpx.Request) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(request.content)
    return value


# Writing


async def test_a_booking_is_one_request_that_never_books_twice(recorder: Recorder) -> None:
    lifecare = Lifecare(lambda _: fhir(201, booked()))
    done = await adapter_for(lifecare).perform(call(recorder), book())
    assert lifecare.asked() == ["POST Appointment"]
    request = lifecare.requests[0]
    assert request.headers["If-None-Exist"] == f"identifier=https://sotesilta.example/fhir/placer|{PLACER}"
    assert body(request) == golden("book", "expected")["body"]
    assert (done.native, done.record.local_id, done.record.version, done.record.patient) == (
        "201",
        "A20001",
        "1",
        "100001",
    )


async def test_a_booking_made_before_is_answered_with_what_it_is_by_now() -> None:
    done = await adapter_for(lambda _: fhir(200, booked(status="cancelled"))).perform(call(), book())
    assert (done.native, done.record.resource["status"]) == ("200", "cancelled")


async def test_pending_is_passed_on_as_it_is() -> None:
    done = await adapter_for(lambda _: fhir(201, booked(status="pending"))).perform(call(), book())
    assert done.record.resource["status"] == "pending"


@pytest.mark.parametrize("write", [book, cancel])
async def test_an_answer_about_another_patient_is_said_so(write: Callable[[], Any], recorder: Recorder) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return fhir(200, booked())
        return fhir(201 if request.method == "POST" else 200, of_patient(booked(), "100002"))

    with pytest.raises(AnotherPatient):
        await adapter_for(handler).perform(call(recorder), write())
    assert recorder.outcomes("book" if write is book else "cancel") == ["another-patient"]


async def test_a_registration_answered_about_another_person_is_said_so() -> None:
    other = golden("patient")
    other["identifier"][0]["value"] = "150668-910D"
    with pytest.raises(AnotherPatient):
        await adapter_for(lambda _: fhir(201, other)).perform(call(), register())


async def test_an_answer_about_another_booking_leaves_the_outcome_unknown() -> None:
    other = booked()
    other["identifier"][1]["value"] = "somebody-elses"
    with pytest.raises(OutcomeUnknown):
        await adapter_for(lambda _: fhir(201, other)).perform(call(), book())


async def test_a_registration_names_the_person_in_the_body_only(recorder: Recorder) -> None:
    lifecare = Lifecare(lambda _: fhir(201, golden("patient")))
    done = await adapter_for(lifecare).perform(call(recorder), register())
    assert (done.record.kind, done.record.local_id, done.record.patient) == ("Patient", "100001", "100001")
    assert not hetu.appears_in(json.dumps(done.record.resource))
    assert AINO.hetu in lifecare.requests[0].content.decode()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"patient": None}, UnknownPatient),
        ({"comment": "x" * 501}, Refused),
        ({"comment": "a\tb"}, Refused),
        ({"comment": "a\ud800"}, Refused),
        ({"reason": "a\rb"}, Refused),
        ({"placer_id": "a b"}, Misconfigured),
        ({"placer_id": "a\r\nX: y"}, Misconfigured),
    ],
)
async def test_what_lifecare_would_not_take_is_not_sent(
    changes: dict[str, Any], error: type[Exception], recorder: Recorder
) -> None:
    with pytest.raises(error):
        await adapter_for(lambda _: fhir(201, booked())).perform(call(recorder), replace(book(), **changes))
    assert recorder.sent == []


async def test_a_cancel_sends_the_whole_appointment_back_as_it_was_read() -> None:
    stored = booked(meta={"versionId": "4", "lastUpdated": "2027-03-22T08:09:40.017+02:00"})

    def handler(request: httpx.Request) -> httpx.Response:
        return fhir(200, stored if request.method == "GET" else stored | {"status": "cancelled"})

    lifecare = Lifecare(handler)
    done = await adapter_for(lifecare).perform(call(), cancel(believed_version="4", reason="Este tuli"))
    assert lifecare.asked() == ["GET Appointment/A20001", "PUT Appointment/A20001"]
    assert lifecare.requests[1].headers["If-Match"] == 'W/"4"'
    sent = body(lifecare.requests[1])
    assert sent.pop("cancelationReason") == {
        "coding": [{"system": "urn:oid:2.999.638.6.30", "code": "ASIAKAS"}],
        "text": "Este tuli",
    }
    assert sent == stored | {"status": "cancelled"}
    assert done.record.resource["status"] == "cancelled"


@pytest.mark.parametrize(
    ("changes", "stored", "error"),
    [
        ({"believed_version": "2"}, {}, StaleVersion),
        ({"believed_version": None, "believed_start": TIME.start + timedelta(hours=1)}, {}, StaleVersion),
        ({}, {"status": "cancelled"}, NotCancellable),
        ({}, {"status": "fulfilled"}, NotCancellable),
        ({}, {"status": "noshow"}, NotCancellable),
        ({}, {"id": "A20002"}, Unavailable),
        ({}, {"meta": {}}, StaleVersion),
        ({"believed_version": None}, {"meta": {}}, Unavailable),
    ],
)
async def test_what_speaks_against_a_cancel_is_seen_before_it_is_sent(
    changes: dict[str, Any], stored: dict[str, Any], error: type[Exception]
) -> None:
    lifecare = Lifecare(lambda _: fhir(200, booked(**stored)))
    with pytest.raises(error):
        await adapter_for(lifecare).perform(call(), cancel(**changes))
    assert lifecare.asked() == ["GET Appointment/A20001"]


async def test_a_believed_start_is_compared_as_an_instant() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        return fhir(200, booked() if request.method == "GET" else booked(status="cancelled"))

    same = instant("2027-03-23T06:00:00+00:00")
    assert (await adapter_for(handler).perform(call(), cancel(believed_start=same))).native == "200"


async def test_somebody_elses_appointment_is_not_cancelled() -> None:
    lifecare = Lifecare(lambda _: fhir(200, of_patient(booked(), "100002")))
    with pytest.raises(AnotherPatient):
        await adapter_for(lifecare).perform(call(), cancel())
    assert lifecare.asked() == ["GET Appointment/A20001"]


async def test_an_appointment_that_is_not_there_cannot_be_cancelled() -> None:
    with pytest.raises(UnknownAppointment):
        await adapter_for(lambda _: outcome(404, "NOT_FOUND")).perform(call(), cancel())


async def test_failing_to_read_before_a_cancel_means_nothing_was_done() -> None:
    with pytest.raises(Unavailable):
        await adapter_for(lambda _: outcome(500, "INTERNAL")).perform(call(), cancel())


# Looking for what became of a command


async def test_a_booking_is_looked_for_by_the_hubs_own_mark() -> None:
    lifecare = Lifecare(lambda _: fhir(200, searchset(booked(), total=1)))
    found = await adapter_for(lifecare).look(call(), book())
    assert found is not None
    assert found.local_id == "A20001"
    assert lifecare.asked() == ["POST Appointment/_search"]
    assert parse_qs(lifecare.requests[0].content.decode()) == {
        "identifier": [f"https://sotesilta.example/fhir/placer|{PLACER}"]
    }


async def test_nothing_found_is_nothing() -> None:
    adapter = adapter_for(lambda r: fhir(200, searchset(total=0)) if r.method == "POST" else outcome(404, "NOT_FOUND"))
    for command in (book(), cancel(), register()):
        assert await adapter.look(call(), command) is None


async def test_two_bookings_under_one_mark_are_a_matter_for_a_person() -> None:
    found = searchset(booked(), booked(id="A2"), total=2)
    with pytest.raises(OutcomeUnknown):
        await adapter_for(lambda _: fhir(200, found)).look(call(), book())


@pytest.mark.parametrize(("status", "there"), [("booked", False), ("pending", False), ("cancelled", True)])
async def test_a_cancel_is_there_when_the_appointment_is_cancelled(status: str, there: bool) -> None:
    found = await adapter_for(lambda _: fhir(200, booked(status=status))).look(call(), cancel())
    assert (found is not None) == there


async def test_looking_never_finds_another_patients_effect() -> None:
    other = of_patient(booked(status="cancelled"), "100002")
    adapter = adapter_for(lambda r: fhir(200, searchset(other, total=1) if r.method == "POST" else other))
    for command in (book(), cancel()):
        with pytest.raises(AnotherPatient):
            await adapter.look(call(), command)


# Directory, probe, records, decoding


async def test_the_directory_comes_whole_and_teaches_the_calendars() -> None:
    of_kind = {"Organization": "unit", "Location": "place", "HealthcareService": "service", "Schedule": "calendar"}
    of_kind |= {"Practitioner": "professional", "PractitionerRole": "role"}

    def handler(request: httpx.Request) -> httpx.Response:
        kind = request.url.path.rsplit("/", 1)[1]
        resource = golden("free-time" if kind == "Slot" else of_kind[kind])
        return fhir(200, searchset(resource, total=None if kind == "Slot" else 1))

    lifecare = Lifecare(handler)
    adapter = adapter_for(lifecare)
    records = await adapter.directory(call())
    assert [r.kind for r in records] == list(dict.fromkeys(r.kind for r in records))
    assert {r.kind for r in records} == of_kind.keys()
    assert len(await adapter.find_free(call(), days(7))) == 1
    assert lifecare.asked()[6:] == ["GET Slot"]


async def test_a_probe_says_what_answered_and_that_it_lets_us_in() -> None:
    statement = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "software": {"name": "Lifecare"}}
    statement["software"]["version"] = "MR2020"  # type: ignore[index]
    lifecare = Lifecare(lambda r: fhir(200, statement if "metadata" in str(r.url) else searchset(total=5)))
    assert await adapter_for(lifecare).probe(call()) == "Lifecare MR2020, 5 units"
    assert lifecare.asked() == ["GET metadata", "GET Organization"]


async def test_another_fhir_is_our_mistake() -> None:
    statement = {"resourceType": "CapabilityStatement", "fhirVersion": "5.0.0"}
    with pytest.raises(Misconfigured):
        await adapter_for(lambda _: fhir(200, statement)).probe(call())


async def test_bytes_are_kept_before_they_leave_and_after_they_came(recorder: Recorder) -> None:
    lifecare = Lifecare(lambda _: fhir(201, booked(), ETag='W/"1"'))
    await adapter_for(lifecare).perform(call(recorder), book())
    assert recorder.operations() == ["token", "book"]
    sent = recorder.sent[1][1]
    assert sent.startswith(b"POST /fhir/Appointment HTTP/1.1\r\n")
    assert sent.endswith(b"\r\n\r\n" + lifecare.requests[0].content)
    assert b"if-none-exist: identifier=" in sent.lower()
    raw, word, notes = recorder.got["1"]
    assert raw.startswith(b"HTTP/1.1 201 Created\r\n")
    assert b'\r\netag: W/"1"\r\n' in raw
    assert word == "done"
    assert {note.kind for note in notes} == {NoteKind.KEPT}


class DiskFull(Exception):
    pass


async def test_nothing_leaves_that_was_not_kept() -> None:
    class Full(Recorder):
        async def sending(self, *_: Any) -> str:
            raise DiskFull

    lifecare = Lifecare(lambda _: fhir(201, booked()))
    with pytest.raises(DiskFull):
        await adapter_for(lifecare).perform(call(Full()), book())
    assert (lifecare.tokens, lifecare.requests) == (0, [])


async def test_kept_replies_are_decoded_to_the_same_records(recorder: Recorder) -> None:
    pages = {"POST": searchset(booked(), total=1), "GET": booked()}
    adapter = adapter_for(lambda r: fhir(200, pages[r.method]))
    listed = await adapter.appointments(call(recorder), PATIENT)
    one = await adapter.appointment(call(recorder), "A20001")
    kept = [recorder.got[str(i)][0] for i, (name, _) in enumerate(recorder.sent) if name != "token"]
    assert [adapter.decode(RawMessage("list", raw)) for raw in kept] == [listed, [one]]
    assert adapter.decode(RawMessage("Appointment", json.dumps(booked()).encode())) == [one]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"1",
        b"{}",
        b'{"resourceType":"Slot"}',
        b'{"resourceType":"Bundle","type":"history"}',
        b'{"resourceType":"Bundle","type":"searchset","entry":[1]}',
        b'{"resourceType":"Appointment","id":"A1"}',
        b"HTTP/1.1 500 Internal Server Error\r\n\r\n{}",
    ],
)
def test_other_bytes_are_not_decoded(data: bytes) -> None:
    with pytest.raises(ValueError):
        adapter_for(lambda _: fhir(200, {})).decode(RawMessage("Appointment", data))


async def test_every_request_has_an_id_of_its_own_that_begins_with_the_calls() -> None:
    lifecare = Lifecare(lambda _: fhir(200, searchset(total=0)))
    adapter = adapter_for(lifecare)
    odd = replace(call(), request_id="req é" + "x" * 100)
    for one in (call(), call(), odd):
        await adapter.appointments(one, LocalPatient("1", AINO.hetu))
    numbers = [request.headers["X-Request-Id"] for request in lifecare.requests]
    assert len(set(numbers)) == 3
    assert numbers[0].startswith("req-1-")
    assert all(len(n) <= 64 and n.isascii() for n in numbers)
