"""Reading: people, meetings and free times; what is asked for, and what of the answers is believed."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from adapters.base import RawMessage
from adapters.errors import AnotherPatient, Misconfigured, OutcomeUnknown, Unavailable, UnknownAppointment
from canonical import codes, fhir
from canonical.model import FreeQuery
from canonical.times import to_local
from tests.adapters.proconsona.proconsona_stub import (
    AINO,
    BASE,
    CALENDAR,
    MEETING,
    OTHER,
    PATIENT,
    PLACER,
    TIME,
    ProConsona,
    Recorder,
    adapter_for,
    book,
    call,
    cancel,
    days,
    golden,
    listed,
    meeting,
    query,
    virhe,
    xml,
)

FREE = re.findall(r"<vapaaAika>.*?</vapaaAika>", golden("free-times").decode(), re.DOTALL)


def free(*times: str, following: str | None = None) -> httpx.Response:
    return xml(200, listed("vapaatAjat", *times, following=following))


# People


async def test_a_person_is_found_by_a_body_and_never_by_an_address() -> None:
    there = ProConsona(lambda _: xml(200, golden("customers-found")))
    found = await adapter_for(there).find_person(call(), AINO.hetu)
    assert found is not None
    assert (found.number, found.hetu) == (PATIENT.number, AINO.hetu)
    assert found.contact.keys() == {"telecom", "address", "communication"}
    assert there.asked() == ["POST /asiakkaat/haku"]


async def test_nobody_found_is_nobody() -> None:
    assert await adapter_for(lambda _: xml(200, listed("asiakkaat"))).find_person(call(), AINO.hetu) is None


async def test_another_person_than_asked_for_is_not_handed_out(recorder: Recorder) -> None:
    other = golden("customers-found").replace(b"010594Y9021", b"010594-9021")  # the sign tells people apart
    with pytest.raises(AnotherPatient):
        await adapter_for(lambda _: xml(200, other)).find_person(call(recorder), AINO.hetu)
    assert recorder.outcomes("person") == ["another-patient"]


async def test_two_customers_of_one_hetu_are_no_answer() -> None:
    one = golden("customers-found").decode().partition("<asiakas>")[2].partition("</asiakas>")[0]
    both = listed("asiakkaat", f"<asiakas>{one}</asiakas>" * 2)
    with pytest.raises(Unavailable):
        await adapter_for(lambda _: xml(200, both)).find_person(call(), AINO.hetu)


async def test_no_personal_identity_code_gets_into_an_address() -> None:
    there = ProConsona(lambda _: free())
    adapter = adapter_for(there)
    assert await adapter.appointment(call(), "131052-902Y") is None
    with pytest.raises(Misconfigured):
        await adapter.find_free(call(), FreeQuery(TIME.start, TIME.end, services=("131052-902Y",)))
    with pytest.raises(Misconfigured):
        await adapter.look(call(), replace(book(), placer_id="131052-902Y"))
    assert there.requests == []


# Meetings


@pytest.mark.parametrize("local_id", ["../asiakkaat/1", "", "A?x=1", "107301D8-4FF2-5AE3-8D22-BDA9899879AD", "A" * 36])
async def test_what_is_no_id_is_not_asked_for(local_id: str) -> None:
    there = ProConsona(lambda _: xml(200, meeting()))
    adapter = adapter_for(there)
    assert await adapter.appointment(call(), local_id) is None
    assert await adapter.free_time(call(), replace(TIME, key=local_id)) is None
    with pytest.raises(UnknownAppointment):
        await adapter.perform(call(), replace(cancel(), local_id=local_id))
    assert there.requests == []


async def test_meetings_come_page_by_page_each_once_as_they_were_last_seen() -> None:
    a, b, c = (f"00000000-0000-4000-8000-00000000000{n}" for n in "abc")
    following = f"{BASE}/tapaamiset?jatko=WyJ0-_%2B"
    pages = {
        None: listed("tapaamiset", meeting(tunnus=a), meeting(tunnus=b), following=following),
        "WyJ0-_+": listed("tapaamiset", meeting(tunnus=b, versio="2"), meeting(tunnus=c)),
    }
    there = ProConsona(lambda r: xml(200, pages[query(r).get("jatko")]))
    found = await adapter_for(there).appointments(call(), PATIENT)
    assert [(r.local_id, r.version) for r in found] == [(a, "1"), (b, "2"), (c, "1")]
    assert query(there.requests[0]) == {"asiakas": PATIENT.number, "koko": "200"}
    assert there.requests[1].url.raw_path.decode() == following


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/rajapinta/v3/tapaamiset?jatko=x",
        "//elsewhere.example/rajapinta/v3/tapaamiset?jatko=x",
        "/muualla?jatko=x",
        f"{BASE}/asiakkaat?jatko=x",
        f"{BASE}/tapaamiset",
        f"{BASE}/tapaamiset/../herate?x=1",
        "tapaamiset?jatko=x",
    ],
)
async def test_what_is_signed_follows_no_link_out_of_the_list(link: str) -> None:
    there = ProConsona(lambda _: xml(200, listed("tapaamiset", meeting(), following=link)))
    with pytest.raises(Unavailable):
        await adapter_for(there).appointments(call(), PATIENT)
    assert len(there.requests) == 1


async def test_a_list_without_end_is_given_up() -> None:
    following = f"{BASE}/tapaamiset?jatko=again"
    with pytest.raises(Unavailable):
        await adapter_for(lambda _: xml(200, listed("tapaamiset", following=following))).appointments(
            call(limit=60), PATIENT
        )


@pytest.mark.parametrize(
    ("strange", "error"), [(meeting(asiakas=OTHER), AnotherPatient), (meeting(versio="x"), Unavailable)]
)
async def test_one_strange_meeting_spoils_the_list(strange: bytes, error: type[Exception]) -> None:
    mixed = listed("tapaamiset", meeting(), strange)
    with pytest.raises(error):
        await adapter_for(lambda _: xml(200, mixed)).appointments(call(), PATIENT)


async def test_another_meeting_than_asked_for_is_no_answer() -> None:
    with pytest.raises(Unavailable):
        await adapter_for(lambda _: xml(200, meeting(tunnus=OTHER))).appointment(call(), MEETING)


# Looking for what became of a command


async def test_a_booking_is_looked_for_by_the_hubs_own_mark() -> None:
    there = ProConsona(lambda _: xml(200, listed("tapaamiset", meeting())))
    found = await adapter_for(there).look(call(), book())
    assert found is not None
    assert found.local_id == MEETING
    assert query(there.requests[0]) == {"ulkoinenTunniste": PLACER, "koko": "200"}


async def test_nothing_found_is_nothing() -> None:
    assert await adapter_for(lambda _: xml(200, listed("tapaamiset"))).look(call(), book()) is None


async def test_two_meetings_under_one_mark_are_a_matter_for_a_person() -> None:
    both = listed("tapaamiset", meeting(), meeting(tunnus=OTHER))
    with pytest.raises(OutcomeUnknown):
        await adapter_for(lambda _: xml(200, both)).look(call(), book())


@pytest.mark.parametrize(("tila", "there"), [("VARATTU", False), ("EHDOTETTU", False), ("PERUTTU", True), ("?", False)])
async def test_a_cancel_is_there_when_the_meeting_is_cancelled(tila: str, there: bool) -> None:
    found = await adapter_for(lambda _: xml(200, meeting(tila=tila))).look(call(), cancel())
    assert (found is not None) == there


async def test_looking_never_finds_another_customers_effect() -> None:
    other = meeting(asiakas=OTHER, tila="PERUTTU")
    whole = ProConsona(lambda r: xml(200, other if MEETING in r.url.path else listed("tapaamiset", other)))
    for command in (book(), cancel()):
        with pytest.raises(AnotherPatient):
            await adapter_for(whole).look(call(), command)


# Free times


async def test_free_times_are_asked_for_as_they_are_wanted() -> None:
    there = ProConsona(lambda _: free(*FREE))
    (one, two) = await adapter_for(there).find_free(call(), days(7, services=("TSO",)))
    assert (one.service, one.schedule, one.time) == ("TSO", CALENDAR, TIME)
    assert two.schedule != one.schedule
    assert list(fhir.codes(one.slot["serviceCategory"])) == [(codes.TASK, "6")]
    assert query(there.requests[0]) == {
        "alkaen": "2027-03-21T22:00:00Z",
        "paattyen": "2027-03-28T22:00:00Z",
        "palvelu": "TSO",
        "koko": "200",
    }


async def test_a_span_in_local_time_is_asked_for_at_its_instants() -> None:
    there = ProConsona(lambda _: free())
    first = TIME.start.replace(month=10, day=31, hour=0, minute=30)
    await adapter_for(there).find_free(call(), FreeQuery(to_local(first), to_local(first + timedelta(hours=1))))
    asked = query(there.requests[0])
    assert (asked["alkaen"], asked["paattyen"]) == ("2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z")


async def test_a_long_span_is_asked_for_in_parts() -> None:
    there = ProConsona(lambda _: free())
    await adapter_for(there).find_free(call(), days(130))
    spans = [query(request) for request in there.requests]
    assert len(spans) == 3
    assert [one["paattyen"] for one in spans[:-1]] == [one["alkaen"] for one in spans[1:]]


@pytest.mark.parametrize(
    ("asked", "questions"),
    [
        ({}, [{}]),
        ({"services": ("TSO", "VAM", "TSO")}, [{"palvelu": "TSO"}, {"palvelu": "VAM"}]),
        ({"services": ("A", "B", "C", "D", "E")}, [{}]),
        ({"services": ("TSO",), "schedules": (CALENDAR,)}, [{"kalenteri": CALENDAR}]),
        (
            {"services": ("TSO",), "schedules": (CALENDAR, *(f"{CALENDAR[:-1]}{n}" for n in "abcd"))},
            [{"palvelu": "TSO"}],
        ),
        ({"services": ("tso",)}, []),
        ({"schedules": ("C11",)}, []),
        ({"schedules": ()}, []),
        ({"services": ()}, []),
    ],
)
async def test_what_an_address_takes_one_of_is_asked_for_one_by_one(
    asked: dict[str, tuple[str, ...]], questions: list[dict[str, str]]
) -> None:
    there = ProConsona(lambda _: free())
    await adapter_for(there).find_free(call(), days(7, **asked))
    found = [query(request) for request in there.requests]
    assert [{k: v for k, v in one.items() if k in ("palvelu", "kalenteri")} for one in found] == questions


async def test_what_was_not_asked_for_is_left_out() -> None:
    adapter = adapter_for(lambda _: free(*FREE))
    assert [f.schedule for f in await adapter.find_free(call(), days(7, schedules=(CALENDAR,)))] == [CALENDAR]
    assert not await adapter.find_free(call(), days(7, services=("VAM",)))
    assert not await adapter.find_free(call(), FreeQuery(TIME.start - timedelta(days=1), TIME.start))
    assert len(await adapter.find_free(call(), FreeQuery(TIME.start, TIME.start + timedelta(minutes=1)))) == 2


async def test_times_of_several_questions_come_in_one_order() -> None:
    later = FREE[1].replace("2027-03-23T08:", "2027-03-23T07:")
    adapter = adapter_for(lambda r: free(FREE[0]) if query(r)["kalenteri"] == CALENDAR else free(later))
    found = await adapter.find_free(call(), days(7, schedules=(CALENDAR, "b2106d51-4c8b-557d-b5df-4b074cf8fc86")))
    assert [f.time.start for f in found] == sorted(f.time.start for f in found)
    assert len(found) == 2


async def test_one_time_is_asked_for_by_its_calendar_and_start() -> None:
    there = ProConsona(lambda _: free(FREE[0]))
    adapter = adapter_for(there)
    found = await adapter.free_time(call(), TIME)
    assert found is not None
    assert found.time == TIME
    assert query(there.requests[0]) == {
        "alkaen": "2027-03-23T06:00:00Z",
        "paattyen": "2027-03-23T06:00:01Z",
        "kalenteri": CALENDAR,
        "koko": "200",
    }
    assert await adapter.free_time(call(), replace(TIME, end=TIME.end + timedelta(minutes=1))) is None
    assert await adapter_for(lambda _: free()).free_time(call(), TIME) is None


# Directory, probe, decoding


def directory(request: httpx.Request) -> httpx.Response:
    name = request.url.path.rsplit("/", 1)[1]
    return xml(200, listed(name, golden({"yksikot": "unit", "palvelut": "service", "tyontekijat": "worker"}[name])))


async def test_the_directory_comes_whole_and_calendars_know_their_service() -> None:
    there = ProConsona(directory)
    records = await adapter_for(there).directory(call())
    assert there.asked() == ["GET /yksikot", "GET /palvelut", "GET /tyontekijat"]
    kinds = [
        "Organization",
        "Location",
        "HealthcareService",
        "Practitioner",
        "PractitionerRole",
        "Schedule",
        "Schedule",
    ]
    assert [record.kind for record in records] == kinds
    known, unknown = (record.resource for record in records if record.kind == "Schedule")
    assert known["serviceType"][0]["coding"][0]["display"] == "Sosiaalityöntekijän vastaanotto"
    assert "serviceCategory" not in unknown


async def test_a_probe_says_that_it_lets_us_in() -> None:
    assert await adapter_for(directory).probe(call()) == "ProConsona, 1 units"


async def test_kept_replies_are_decoded_to_the_same_records(recorder: Recorder) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return xml(200, golden("customers-found"))
        return xml(200, meeting() if MEETING in request.url.path else listed("tapaamiset", meeting()))

    adapter = adapter_for(handler)
    listed_ones = await adapter.appointments(call(recorder), PATIENT)
    one = await adapter.appointment(call(recorder), MEETING)
    await adapter.find_person(call(recorder), AINO.hetu)
    kept = [recorder.got[str(i)][0] for i in range(3)]
    assert adapter.decode(RawMessage("list", kept[0])) == listed_ones
    assert adapter.decode(RawMessage("read", kept[1])) == adapter.decode(RawMessage("", meeting())) == [one]
    assert [record.kind for record in adapter.decode(RawMessage("person", kept[2]))] == ["Patient"]
    assert len(adapter.decode(RawMessage("", golden("worker")))) == 4


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"<html/>",
        meeting()[:200],
        golden("free-times"),
        virhe(409, "VERSIO").content,
        b"HTTP/1.1 500 Internal Server Error\r\n\r\n<x/>",
    ],
)
def test_other_bytes_are_not_decoded(data: bytes) -> None:
    with pytest.raises(ValueError):
        adapter_for(lambda _: free()).decode(RawMessage("Appointment", data))
