"""Free and busy times (manual §6)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.sandbox.lifecare.lifecare_bench import Bench, entries, error

LOCAL = "urn:oid:2.999.638.6.10"


async def all_slots(bench: Bench, **parameters: str) -> list[dict[str, object]]:
    answer = await bench.client.get("Slot", params=parameters)
    found = entries(answer)
    while following := [link["url"] for link in answer.json()["link"] if link["relation"] == "next"]:
        answer = await bench.client.get(following[0])
        found += entries(answer)
    return found


async def test_every_free_time_of_a_period_in_one_question(bench: Bench) -> None:
    period = {"start": "ge2027-03-23T00:00:00+02:00"}
    found = await all_slots(bench, status="free", _count="200", **period)
    start = datetime.fromisoformat("2027-03-23T00:00:00+02:00")
    truth = bench.system.free_times(start, start + timedelta(days=14))
    assert [(one["schedule"], one["start"]) for one in found] == [
        ({"reference": f"Schedule/{one.calendar}"}, one.start.isoformat()) for one in truth
    ]
    assert len({one["id"] for one in found}) == len(found) > 500
    assert all(len(str(one["id"])) <= 24 for one in found)


async def test_the_usual_period_is_fourteen_days_from_now(bench: Bench) -> None:
    found = await all_slots(bench, status="free", _count="200")
    now = bench.system.clock.now().timestamp()
    days = [(datetime.fromisoformat(str(one["start"])).timestamp() - now) / 86_400 for one in found]
    assert 0 < min(days) < 1
    assert 13 < max(days) <= 14


@pytest.mark.parametrize(
    ("parameters", "services"),
    [
        ({"service-type": f"{LOCAL}|YLE"}, {"YLE"}),
        ({"service-type": "urn:oid:1.2.246.537.6.49|EE"}, {"YLE", "PUHL"}),
        ({"service-type": f"{LOCAL}|HAMT,SUUH"}, {"HAMT", "SUUH"}),
        ({"service-category": "SOTE14.1"}, {"NEUV"}),
        ({"specialty": "HAM"}, {"HAMT", "SUUH"}),
        ({"schedule": "Schedule/C17"}, {"PAINO"}),
        ({"schedule": "C17,C22"}, {"PAINO", "NEUV"}),
        ({"schedule.actor": "Location/U4"}, {"HAMT", "SUUH"}),
        ({"schedule.actor": "HealthcareService/TERV"}, {"TERV"}),
        ({"schedule": "Schedule/C999"}, set()),
        ({"service-type": "urn:oid:9.9|YLE"}, set()),
    ],
)
async def test_filters(bench: Bench, parameters: dict[str, str], services: set[str]) -> None:
    found = await all_slots(bench, status="free", _count="200", **parameters)
    codings = [coding for one in found for coding in one["serviceType"][0]["coding"]]  # type: ignore[index]
    assert {coding["code"] for coding in codings if coding["system"] == LOCAL} == services


async def test_actors_can_be_joined(bench: Bench) -> None:
    answer = await bench.client.get(
        "Slot?status=free&schedule.actor=Location/U1&schedule.actor=Practitioner/D2&_count=200"
    )
    assert {one["schedule"]["reference"] for one in entries(answer)} == {"Schedule/C12", "Schedule/C13"}


async def test_pages_go_on_where_they_were_although_a_time_is_taken(bench: Bench) -> None:
    first = await bench.client.get("Slot?status=free&_count=4")
    shown = [one["id"] for one in entries(first)]
    following = next(link["url"] for link in first.json()["link"] if link["relation"] == "next")
    before = [one["id"] for one in entries(await bench.client.get(following))]
    assert not set(shown) & set(before)
    assert (await bench.book("aino", shown[-1])).status_code == 201
    assert [one["id"] for one in entries(await bench.client.get(following))] == before
    assert "total" not in first.json()


async def test_free_until_booked_then_busy_then_free_again(bench: Bench) -> None:
    slot = (await bench.free())[0]
    assert (await bench.client.get(f"Slot/{slot['id']}")).json()["status"] == "free"
    booked = await bench.book("aino", slot["id"])
    assert (await bench.client.get(f"Slot/{slot['id']}")).json()["status"] == "busy"
    assert slot["id"] not in [one["id"] for one in await bench.free()]
    busy = await bench.client.get("Slot", params={"status": "busy", "_id": slot["id"], "start": slot["start"]})
    assert [one["id"] for one in entries(busy)] == [slot["id"]]
    assert (await bench.cancel(booked)).status_code == 200
    assert (await bench.client.get(f"Slot/{slot['id']}")).json()["status"] == "free"


async def test_group_stays_free_until_full(bench: Bench) -> None:
    places = "https://lifecare.example/fhir/StructureDefinition/places"
    slots = await bench.free(**{"service-type": "PAINO"})

    def left(slot: dict[str, Any]) -> int:
        extension = next(one for one in slot["extension"] if one["url"] == places)
        return int(next(part["valueUnsignedInt"] for part in extension["extension"] if part["url"] == "left"))

    slot = next(one for one in slots if left(one) >= 2)
    for key in ("aino", "onni", "marja")[: left(slot)]:
        assert (await bench.client.get(f"Slot/{slot['id']}")).json()["status"] == "free"
        assert (await bench.book(key, slot["id"])).status_code == 201
    full = (await bench.client.get(f"Slot/{slot['id']}")).json()
    assert (full["status"], left(full)) == ("busy", 0)
    assert error(await bench.book("lilja", slot["id"])) == (409, "conflict", "SLOT_TAKEN")


async def test_a_person_has_one_place_of_a_group(bench: Bench) -> None:
    slot = (await bench.free(**{"service-type": "PAINO"}))[0]
    assert (await bench.book("aino", slot["id"])).status_code == 201
    assert error(await bench.book("aino", slot["id"])) == (409, "duplicate", "ALREADY_BOOKED")


async def test_past_times_are_busy(bench: Bench) -> None:
    slot = (await bench.free())[0]
    bench.system.clock.set(datetime.fromisoformat(slot["start"]))
    assert (await bench.client.get(f"Slot/{slot['id']}")).json()["status"] == "busy"
    assert slot["id"] not in [one["id"] for one in await bench.free()]
    assert error(await bench.book("aino", slot["id"])) == (422, "business-rule", "SLOT_PAST")


async def test_both_hours_of_the_autumn_night_are_told_apart(bench: Bench) -> None:
    bench.system.clock.set(datetime.fromisoformat("2027-10-25T08:00:00+03:00"))
    question = {"status": "free,busy", "start": ["ge2027-10-31T03:00:00+03:00", "lt2027-10-31T04:00:00+02:00"]}
    found = entries(await bench.client.get("Slot", params=question))
    by_hour = [one["start"] for one in found if one["start"].startswith("2027-10-31T03:30")]
    assert by_hour == ["2027-10-31T03:30:00+03:00", "2027-10-31T03:30:00+02:00"]
    assert len({one["id"] for one in found}) == len(found) == 4


async def test_the_spring_night_has_no_missing_hour(bench: Bench) -> None:
    found = entries(await bench.client.get("Slot?start=2027-03-28&schedule.actor=HealthcareService/YOPU"))
    starts = [one["start"][11:] for one in found]
    assert not [start for start in starts if start.startswith("03:")]
    assert any(start.endswith("+02:00") for start in starts)
    assert any(start.endswith("+03:00") for start in starts)


REFUSED = {
    "Slot/C12-hx5u1": (404, "not-found", "NOT_FOUND"),
    "Slot/C99-hx5u0": (404, "not-found", "NOT_FOUND"),
    "Slot/C12": (404, "not-found", "NOT_FOUND"),
    "Slot/C12-0hx5u0": (404, "not-found", "NOT_FOUND"),
    "Slot/C12-zzzzzz": (404, "not-found", "NOT_FOUND"),
    "Slot?start=tomorrow": (400, "invalid", "BAD_PARAMETER"),
    "Slot?start=ge2027-03-23T08:00:00": (400, "invalid", "BAD_PARAMETER"),
    "Slot?start=ge2027-03-23T08:00:00+02:00": (400, "invalid", "BAD_PARAMETER"),
    "Slot?start=ge2027-02-30": (400, "invalid", "BAD_PARAMETER"),
    "Slot?start=sa2027-03-23": (400, "invalid", "BAD_PARAMETER"),
    "Slot?schedule.actor=D1": (400, "invalid", "BAD_PARAMETER"),
    "Slot?start=ge2027-03-01&start=lt2027-06-01": (400, "too-costly", "PERIOD_TOO_LONG"),
    "Slot?start=lt9999-12-30": (400, "too-costly", "PERIOD_TOO_LONG"),
}


async def test_refused(bench: Bench) -> None:
    found = {address: error(await bench.client.get(address)) for address in REFUSED}
    assert found == REFUSED


@pytest.mark.parametrize("start", ["ge0001-01-01", "ge9998-01-01", "lt0002-01-01", "eq1970-01-01", "gt2031-01-01"])
async def test_times_far_away_are_none(bench: Bench, start: str) -> None:
    assert entries(await bench.client.get("Slot", params={"start": start})) == []
