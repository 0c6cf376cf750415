"""Release V2015 as the manual's chapter 11 says: the false Z, the inclusive second, small pages, no way to register."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from sandbox.clock import HELSINKI
from tests.sandbox.lifecare.lifecare_bench import PLACER, Bench, booking, entries, error

REASON = {"coding": [{"system": "urn:oid:2.999.18.6.30", "code": "ASIAKAS"}]}


def wall(text: str) -> datetime:
    """What a false Z means."""
    assert text.endswith("Z")
    return datetime.fromisoformat(text[:-1]).replace(tzinfo=HELSINKI)


async def cancel(old: Bench, visit: dict[str, Any]) -> dict[str, Any]:
    etag = f'W/"{visit["meta"]["versionId"]}"'
    answer = await old.put(visit, etag, status="cancelled", cancelationReason=REASON)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_every_time_is_the_wall_clock_with_a_z(old: Bench) -> None:
    old.system.clock.freeze(datetime.fromisoformat("2027-03-22T08:04:12.987+02:00"))
    slot = (await old.free(start="ge2027-03-30T00:00:00Z"))[0]
    answer = await old.book("aino", slot["id"], start=slot["start"], end=slot["end"])
    assert answer.status_code == 201
    assert "last-modified" not in answer.headers
    visit = answer.json()
    kept = old.kept(visit["id"])
    assert (wall(visit["start"]), wall(visit["end"])) == (kept.start, kept.end)
    assert visit["start"] == kept.start.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (visit["meta"]["lastUpdated"], visit["created"]) == ("2027-03-22T08:04:12Z",) * 2
    horizon = (await old.client.get("Schedule/K101")).json()["planningHorizon"]
    assert horizon["start"] == "2027-03-22T00:00:00Z"
    assert all(text.endswith("Z") for text in (slot["start"], slot["end"], slot["meta"]["lastUpdated"]))


@pytest.mark.parametrize("value", ["2027-03-30T09:00:00%2B03:00", "2027-03-30T09:00:00.5Z", "2027-03-30T09:00:00"])
async def test_other_times_are_not_understood(old: Bench, value: str) -> None:
    answer = await old.client.get(f"Slot?start=ge{value}")
    assert error(answer) == (400, "invalid", "BAD_PARAMETER")
    slot = (await old.free())[0]
    body = booking(old.number("aino"), slot["id"], start=value.replace("%2B", "+"))
    assert error(await old.client.post("Appointment", json=body)) == (400, "value", "BAD_VALUE")


async def test_a_period_is_of_the_wall_clock(old: Bench) -> None:
    found = await old.free(**{"start": "ge2027-03-30T09:00:00Z", "service-type": "10"})
    assert wall(found[0]["start"]) >= datetime(2027, 3, 30, 9, tzinfo=HELSINKI)
    day = await old.client.get("Slot?start=ge2027-03-30T08:00:00Z&start=lt2027-03-30T09:00:00Z&service-type=10")
    starts = {one["start"][11:16] for one in entries(day)}
    assert starts <= {"08:00", "08:20", "08:40"}
    assert len(starts) == 3


async def test_pages_hold_twenty_at_most(old: Bench) -> None:
    answer = await old.client.get("Appointment", params={"_count": "200"})
    total, seen = answer.json()["total"], entries(answer)
    assert len(seen) == 20
    assert len(entries(await old.client.get("Appointment"))) == 20
    while following := [link["url"] for link in answer.json()["link"] if link["relation"] == "next"]:
        answer = await old.client.get(following[0])
        assert len(entries(answer)) <= 20
        seen += entries(answer)
    assert len({one["id"] for one in seen}) == len(seen) == total
    assert len(entries(await old.client.get("Slot", params={"_count": "50"}))) == 20


async def test_changes_are_asked_for_by_the_second_and_the_second_is_included(old: Bench) -> None:
    at = datetime.fromisoformat("2027-03-22T09:30:15.200+02:00")
    old.system.clock.freeze(at)
    slots = [one["id"] for one in await old.free(start="ge2027-03-24")][:3]
    first = (await old.book("aino", slots[0])).json()
    old.system.clock.freeze(at + timedelta(milliseconds=700))
    second = (await old.book("onni", slots[1])).json()
    old.system.clock.freeze(at + timedelta(seconds=1))
    third = (await old.book("aino", slots[2])).json()
    seen = entries(await old.client.get("Appointment?_lastUpdated=gt2027-03-22T09:30:15Z"))
    assert [one["id"] for one in seen] == [first["id"], second["id"], third["id"]]
    assert {one["meta"]["lastUpdated"] for one in seen[:2]} == {"2027-03-22T09:30:15Z"}
    seen = entries(await old.client.get("Appointment?_lastUpdated=gt2027-03-22T09:30:16Z"))
    assert [one["id"] for one in seen] == [third["id"]]
    window = "_lastUpdated=gt2027-03-22T09:30:15Z&_lastUpdated=lt2027-03-22T09:30:15Z"
    assert len(entries(await old.client.get(f"Appointment?{window}"))) == 2


@pytest.mark.parametrize("value", ["ge2027-03-22T09:30:15Z", "2027-03-22T09:30:15Z", "gt2027-03-22T09:30:15.000Z"])
async def test_no_other_window_can_be_asked_for(old: Bench, value: str) -> None:
    assert error(await old.client.get(f"Appointment?_lastUpdated={value}"))[2] == "BAD_PARAMETER"


async def test_if_none_exist_is_not_heeded(old: Bench) -> None:
    slots = [one["id"] for one in await old.free()][:2]
    first = await old.book("aino", slots[0], placer="b-1", once=True)
    again = await old.book("aino", slots[1], placer="b-1", once=True)
    assert (first.status_code, again.status_code) == (201, 201)
    assert error(await old.book("aino", slots[0], placer="b-1", once=True)) == (409, "duplicate", "ALREADY_BOOKED")
    found = await old.client.get("Appointment", params={"identifier": f"{PLACER}|b-1"})
    assert {one["id"] for one in entries(found)} == {first.json()["id"], again.json()["id"]}


async def test_what_the_unit_cancels_is_deleted(old: Bench) -> None:
    answer = await old.booked()
    visit = answer.json()
    before = (await old.client.get("Appointment?_count=0")).json()["total"]
    old.system.cancel(visit["id"], by="desk", reason="lääkäri sairaana")
    assert error(await old.client.get(f"Appointment/{visit['id']}")) == (410, "deleted", "GONE")
    assert error(await old.cancel(answer)) == (410, "deleted", "GONE")
    assert (await old.client.get("Appointment?_count=0")).json()["total"] == before - 1
    for query in (
        f"_id={visit['id']}",
        "status=cancelled",
        f"patient={old.number('aino')}",
        "_lastUpdated=gt2027-03-22",
    ):
        found = entries(await old.client.get(f"Appointment?{query}"))
        assert visit["id"] not in [one["id"] for one in found]


async def test_what_the_client_cancels_stays_to_be_seen(old: Bench) -> None:
    visit = (await old.booked()).json()
    gone = await cancel(old, visit)
    read = await old.client.get(f"Appointment/{visit['id']}")
    assert (read.status_code, read.json()) == (200, gone)
    assert (read.json()["status"], read.headers["etag"]) == ("cancelled", 'W/"2"')
    assert entries(await old.client.get(f"Appointment?_id={visit['id']}")) == [gone]


async def test_move_needs_the_version_and_is_atomic(old: Bench) -> None:
    made = await old.booked(**{"service-type": "10"})
    visit, free = made.json(), await old.free(**{"service-type": "10"})
    target = {"slot": [{"reference": f"Slot/{free[2]['id']}"}], "start": None, "end": None, "minutesDuration": None}
    assert error(await old.put(visit, None, **target))[2] == "IF_MATCH_MISSING"
    assert error(await old.put(visit, 'W/"7"', **target)) == (412, "conflict", "STALE_VERSION")
    moved = await old.put(visit, made.headers["etag"], **target)
    assert (moved.status_code, moved.json()["start"]) == (200, free[2]["start"])
    taken = await old.put((await old.booked("onni", **{"service-type": "10"})).json(), 'W/"1"', **target)
    assert error(taken) == (409, "conflict", "SLOT_TAKEN")


async def test_nothing_that_a_later_release_can(old: Bench) -> None:
    slot = (await old.free())[0]["id"]
    hold = {"resourceType": "Parameters", "parameter": []}
    assert error(await old.client.post(f"Slot/{slot}/$hold", json=hold)) == (404, "not-supported", "UNKNOWN_TYPE")
    token = [{"url": "https://lifecare.example/fhir/StructureDefinition/hold-token", "valueString": "x"}]
    assert error(await old.book("aino", slot, extension=token))[2] == "NOT_STORED"
    person = {"resourceType": "Patient", "identifier": [{"system": "urn:oid:1.2.246.21", "value": "010100A907P"}]}
    answer = await old.client.post("Patient", json=person)
    assert (error(answer), answer.headers["allow"]) == ((405, "not-supported", "NOT_SUPPORTED"), "GET")
    assert error(await old.client.post("Subscription", json={}))[0] == 404
    statement = (await old.client.get("metadata")).json()
    assert statement["software"]["version"] == "V2015"
    resources = {one["type"]: one for one in statement["rest"][0]["resource"]}
    assert [one["code"] for one in resources["Patient"]["interaction"]] == ["read", "search-type"]
    assert resources["Appointment"]["conditionalCreate"] is False
    assert "operation" not in resources["Slot"]


async def test_a_time_is_free_or_busy_only(old: Bench) -> None:
    slot = (await old.free())[0]
    place = old.system.calendars[slot["schedule"]["reference"].removeprefix("Schedule/")]
    old.system.hold(old.number("aino"), place.id, wall(slot["start"]), seconds=60)
    assert (await old.client.get(f"Slot/{slot['id']}")).json()["status"] == "busy"
    assert entries(await old.client.get("Slot?status=busy-tentative")) == []


async def test_the_autumn_hour_cannot_be_told_apart(old: Bench) -> None:
    old.system.clock.freeze(datetime.fromisoformat("2027-10-20T08:00:00+03:00"))
    period = "service-type=90&start=ge2027-10-31T03:00:00Z&start=lt2027-10-31T04:00:00Z"
    found = entries(await old.client.get(f"Slot?{period}"))
    assert len({one["id"] for one in found}) == len(found) == 4
    assert sorted(one["start"][11:19] for one in found) == ["03:00:00", "03:00:00", "03:30:00", "03:30:00"]
    night = entries(await old.client.get("Slot?service-type=90&start=2027-10-31"))
    assert len(night) == 14


async def test_the_spring_hour_is_not_there(old: Bench) -> None:
    found = entries(await old.client.get("Slot?service-type=90&start=2027-03-28"))
    assert [one["start"][11:16] for one in found if one["start"][11:13] == "03"] == []
    assert len(found) == 10


async def test_last_updated_goes_back_with_the_clock(old: Bench) -> None:
    old.system.clock.freeze(datetime.fromisoformat("2027-10-31T03:50:00+03:00"))
    first = (await old.booked()).json()
    old.system.clock.advance(timedelta(minutes=20))
    second = (await old.booked()).json()
    assert (first["meta"]["lastUpdated"], second["meta"]["lastUpdated"]) == (
        "2027-10-31T03:50:00Z",
        "2027-10-31T03:10:00Z",
    )
    late = entries(await old.client.get("Appointment?_lastUpdated=gt2027-10-31T03:50:00Z"))
    assert [one["id"] for one in late] == [first["id"]]
    asked_early = entries(await old.client.get("Appointment?_lastUpdated=gt2027-10-31T03:00:00Z"))
    assert {one["id"] for one in asked_early} >= {first["id"], second["id"]}
