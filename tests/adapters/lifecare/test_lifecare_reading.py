"""Reading: people, appointments and free times; what is asked for, and what of the answers is believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import httpx
import pytest

from adapters.errors import (
    AnotherPatient,
    Misconfigured,
    Unavailable,
    UnknownAppointment,
)
from canonical.model import FreeQuery
from canonical.notes import NoteKind
from canonical.times import instant, to_local
from tests.adapters.lifecare.lifecare_stub import (
    AINO,
    PATIENT,
    TIME,
    Lifecare,
    Recorder,
    adapter_for,
    booked,
    call,
    cancel,
    days,
    fhir,
    golden,
    of_patient,
    outcome,
    searchset,
)

BASE = "http://127.0.0.1:8083/fhir"


async def test_a_person_is_found_by_a_form_and_never_by_an_address() -> None:
    lifecare = Lifecare(lambda _: fhir(200, searchset(golden("patient"), total=1)))
    found = await adapter_for(lifecare).find_person(call(), AINO.hetu)
    assert found is not None
    assert (found.number, found.hetu) == ("100001", AINO.hetu)
    assert found.contact.keys() == {"telecom", "address", "communication"}
    assert lifecare.asked() == ["POST Patient/_search"]
    assert parse_qsl(lifecare.requests[0].content.decode()) == [("identifier", f"urn:oid:1.2.246.21|{AINO.hetu}")]


async def test_another_person_than_asked_for_is_not_handed_out() -> None:
    other = golden("patient")
    other["identifier"][0]["value"] = "010594-9021"  # the sign tells people apart
    with pytest.raises(AnotherPatient):
        await adapter_for(lambda _: fhir(200, searchset(other, total=1))).find_person(call(), AINO.hetu)


async def test_no_personal_identity_code_gets_into_an_address() -> None:
    lifecare = Lifecare(lambda _: fhir(200, searchset(total=0)))
    adapter = adapter_for(lifecare)
    with pytest.raises(Misconfigured):
        await adapter.appointment(call(), "131052-902Y")
    with pytest.raises(Misconfigured):
        await adapter.find_free(call(), FreeQuery(TIME.start, TIME.end, services=("010594Y9021",)))
    assert lifecare.requests == []


@pytest.mark.parametrize("local_id", ["../Patient/1", "", "A?x=1", "A 1", "Ä1", "A" * 65])
async def test_what_is_no_id_is_not_asked_for(local_id: str) -> None:
    lifecare = Lifecare(lambda _: fhir(200, booked()))
    adapter = adapter_for(lifecare)
    assert await adapter.appointment(call(), local_id) is None
    assert await adapter.free_time(call(), replace(TIME, key=local_id)) is None
    with pytest.raises(UnknownAppointment):
        await adapter.perform(call(), replace(cancel(), local_id=local_id))
    assert lifecare.requests == []


async def test_appointments_come_page_by_page_each_once() -> None:
    pages = {
        None: searchset(booked(id="A1"), booked(id="A2"), following=f"{BASE}/Appointment?_page=two%2B", total=3),
        "two+": searchset(booked(id="A2", meta={"versionId": "2"}), booked(id="A3"), total=3),
    }
    lifecare = Lifecare(lambda r: fhir(200, pages[r.url.params.get("_page")]))
    found = await adapter_for(lifecare).appointments(call(), PATIENT)
    assert [(r.local_id, r.version) for r in found] == [("A1", "1"), ("A2", "2"), ("A3", "1")]
    assert lifecare.asked() == ["POST Appointment/_search", "GET Appointment"]
    assert parse_qs(lifecare.requests[0].content.decode()) == {"patient": ["Patient/100001"], "_count": ["200"]}
    assert str(lifecare.requests[1].url) == f"{BASE}/Appointment?_page=two%2B"


async def test_fewer_appointments_than_there_are_is_no_answer() -> None:
    with pytest.raises(Unavailable, match="1 of 2"):
        await adapter_for(lambda _: fhir(200, searchset(booked(), total=2))).appointments(call(), PATIENT)


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/fhir/Appointment?_page=x",
        "http://127.0.0.1:8083/other",
        "http://127.0.0.1:8083/fhir/../x",
        "//elsewhere.example/fhir/Appointment",
        "http://127.0.0.1:8083/fhirx/Appointment",
    ],
)
async def test_the_token_follows_no_link_out_of_the_house(link: str) -> None:
    lifecare = Lifecare(lambda _: fhir(200, searchset(booked(), following=link)))
    with pytest.raises(Unavailable):
        await adapter_for(lifecare).appointments(call(), PATIENT)
    assert len(lifecare.requests) == 1


async def test_a_search_without_end_is_given_up() -> None:
    lifecare = Lifecare(lambda _: fhir(200, searchset(following=f"{BASE}/Appointment?_page=again")))
    with pytest.raises(Unavailable):
        await adapter_for(lifecare).appointments(call(limit=60), PATIENT)


async def test_one_strange_appointment_spoils_the_list() -> None:
    mixed = searchset(booked(), of_patient(booked(id="A2"), "100002"), total=2)
    with pytest.raises(AnotherPatient):
        await adapter_for(lambda _: fhir(200, mixed)).appointments(call(), PATIENT)
    broken = searchset(booked(), booked(id="A2", status="maybe"), total=2)
    with pytest.raises(Unavailable):
        await adapter_for(lambda _: fhir(200, broken)).appointments(call(), PATIENT)


# Free times


def calendars(request: httpx.Request, *slots: dict[str, Any]) -> httpx.Response:
    if request.url.path.endswith("/Schedule"):
        return fhir(200, searchset(golden("calendar"), total=1))
    return fhir(200, searchset(*slots))


async def test_free_times_name_the_service_of_their_calendar() -> None:
    lifecare = Lifecare(lambda r: calendars(r, golden("free-time")))
    adapter = adapter_for(lifecare)
    (found,) = await adapter.find_free(call(), days(7))
    assert (found.service, found.schedule, found.time) == ("YLE", "C11", TIME)
    await adapter.find_free(call(), days(7))
    assert lifecare.asked() == ["GET Slot", "GET Schedule", "GET Slot"]


async def test_free_times_are_asked_for_as_they_are_wanted() -> None:
    lifecare = Lifecare(calendars)
    query = days(7, services=("YLE", "TERV"), schedules=("C11", "C13"))
    assert await adapter_for(lifecare).find_free(call(), query) == []
    assert lifecare.requests[0].url.params.multi_items() == [
        ("status", "free"),
        ("start", "ge2027-03-22T00:00:00+02:00"),
        ("start", "lt2027-03-29T01:00:00+03:00"),
        ("schedule.actor", "HealthcareService/YLE,HealthcareService/TERV"),
        ("schedule", "Schedule/C11,Schedule/C13"),
        ("_count", "200"),
    ]


async def test_a_long_span_is_asked_for_in_parts_that_lifecare_allows() -> None:
    lifecare = Lifecare(calendars)
    await adapter_for(lifecare).find_free(call(), days(130))
    spans = [[instant(s[2:]) for s in r.url.params.get_list("start")] for r in lifecare.requests]
    assert len(spans) == 3
    assert all(end - start < timedelta(days=62) for start, end in spans)
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
    assert (spans[0][0], spans[-1][1]) == (days(130).start, days(130).end)


async def test_the_hour_that_comes_twice_is_asked_for_as_instants() -> None:
    lifecare = Lifecare(calendars)
    first = to_local(instant("2027-10-31T03:30:00+03:00"))
    second = to_local(instant("2027-10-31T03:00:00+02:00"))  # later, by an earlier clock face
    await adapter_for(lifecare).find_free(call(), FreeQuery(first, second))
    assert [r.url.params.get_list("start") for r in lifecare.requests] == [
        ["ge2027-10-31T03:30:00+03:00", "lt2027-10-31T03:00:00+02:00"]
    ]


async def test_what_is_not_free_or_not_of_the_span_is_left_out() -> None:
    busy = golden("free-time") | {"id": "C11-b", "status": "busy"}
    early = golden("free-time") | {"id": "C11-e", "start": "2027-03-21T09:00:00+02:00"}
    late = golden("free-time") | {
        "id": "C11-l",
        "start": "2027-03-29T01:00:00+03:00",
        "end": "2027-03-29T02:00:00+03:00",
    }
    adapter = adapter_for(lambda r: calendars(r, busy, early, golden("free-time"), late))
    assert [f.time.key for f in await adapter.find_free(call(), days(7))] == ["C11-hx2i0"]


async def test_a_calendar_that_the_directory_has_not_is_left_out_aloud(recorder: Recorder) -> None:
    stray = golden("free-time")
    stray["schedule"]["reference"] = "Schedule/C99"
    lifecare = Lifecare(lambda r: calendars(r, golden("free-time"), stray))
    adapter = adapter_for(lifecare)
    for _ in range(2):
        assert [f.schedule for f in await adapter.find_free(call(recorder), days(7))] == ["C11"]
    assert lifecare.asked() == ["GET Slot", "GET Schedule", "GET Slot"], "the directory is not asked again in vain"
    notes = [note for _, _, found in recorder.got.values() for note in found if note.path == "Slot.schedule"]
    assert [note.kind for note in notes] == [NoteKind.DROPPED] * 2


@pytest.mark.parametrize("changes", [{"status": "busy"}, {"start": "2027-03-23T07:40:00+02:00"}])
async def test_a_time_that_is_taken_or_another_is_not_that_time(changes: dict[str, Any]) -> None:
    adapter = adapter_for(
        lambda r: calendars(r) if r.url.path.endswith("Schedule") else fhir(200, golden("free-time") | changes)
    )
    assert await adapter.free_time(call(), TIME) is None


async def test_a_time_that_is_free_and_one_that_never_was() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("C11-hx2i0"):
            return fhir(200, golden("free-time"))
        return calendars(request) if request.url.path.endswith("Schedule") else outcome(404, "NOT_FOUND")

    adapter = adapter_for(handler)
    found = await adapter.free_time(call(), TIME)
    assert found is not None
    assert (found.time, found.service) == (TIME, "YLE")
    assert await adapter.free_time(call(), replace(TIME, key="C11-other")) is None
