"""Searching visits (manual §7.4, §8), and what restricted ones carry."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.lifecare.lifecare_bench import PLACER, Bench, entries, error

RESTRICTION = "https://hl7.fi/fhir/finnish-base-profiles/StructureDefinition/RestrictionParent"


async def found(bench: Bench, **parameters: Any) -> list[str]:
    """Ids in the order of the answer; GET and POST must agree."""
    by_get = await bench.client.get("Appointment", params=parameters)
    by_post = await bench.client.post("Appointment/_search", data=parameters)
    assert by_get.status_code == 200, by_get.text
    assert entries(by_get) == entries(by_post)
    return [one["id"] for one in entries(by_get)]


async def test_restricted_visits_are_all_shown_with_their_extension(bench: Bench) -> None:
    answer = await bench.client.get("Appointment", params={"patient": f"Patient/{bench.number('onni')}"})
    codes = [
        next((one["valueCoding"]["code"] for one in visit["extension"] if one["url"] == RESTRICTION), None)
        for visit in entries(answer)
    ]
    assert sorted(codes, key=str) == ["2", "4", None]


async def test_by_identifier(bench: Bench) -> None:
    slot = (await bench.free())[0]["id"]
    visit = (await bench.book("aino", slot, placer="b-1")).json()
    assert await found(bench, identifier=f"{PLACER}|b-1") == [visit["id"]]
    assert await found(bench, identifier="b-1") == [visit["id"]]
    assert await found(bench, identifier=f"{PLACER}|b-2,{PLACER}|b-1") == [visit["id"]]
    assert await found(bench, identifier=f"urn:oid:2.999.638.30|{visit['id']}") == [visit["id"]]
    assert await found(bench, identifier="urn:other|b-1") == []
    assert await found(bench, identifier="|b-1") == []


async def test_by_patient_date_status_and_people(bench: Bench) -> None:
    aino = bench.number("aino")
    past = await found(bench, patient=aino, status="fulfilled")
    coming = await found(bench, patient=f"Patient/{aino}", date="ge2027-03-22")
    assert (len(past), len(coming)) == (2, 1)
    assert await found(bench, patient=aino) == [*past, *coming]
    visit = (await bench.client.get(f"Appointment/{coming[0]}")).json()
    actors = {one["actor"]["reference"].split("/")[0]: one["actor"]["reference"] for one in visit["participant"]}
    assert coming == await found(bench, slot=visit["slot"][0]["reference"])
    assert coming == await found(bench, patient=aino, practitioner=actors["Practitioner"], date=visit["start"])
    assert coming == await found(bench, patient=aino, location=actors["Location"], date=visit["start"][:10])
    assert await found(bench, patient=aino, date=f"gt{visit['start'][:10]}") == []
    assert coming == await found(bench, patient=aino, date=[f"ge{visit['start']}", f"le{visit['start']}"])
    assert await found(bench, patient=aino, date=[f"ge{visit['start']}", f"lt{visit['start']}"]) == []
    assert coming == await found(bench, _id=coming[0], status="booked,cancelled")
    assert await found(bench, _id=coming[0], status="cancelled") == []
    assert await found(bench, patient="999999") == []
    assert set(await found(bench, patient=f"{aino},{bench.number('marja')}", _count="100")) > set(past)


async def test_by_last_updated(bench: Bench) -> None:
    before = bench.system.clock.now()
    booked = (await bench.booked()).json()
    bench.system.clock.advance(timedelta(seconds=5))
    cancelled = (await bench.cancel(await bench.client.get(f"Appointment/{booked['id']}"))).json()
    at = cancelled["meta"]["lastUpdated"]
    assert booked["meta"]["lastUpdated"] < at
    assert await found(bench, _lastUpdated=f"gt{before.isoformat()}") == [booked["id"]]
    assert await found(bench, _lastUpdated=f"ge{at}") == [booked["id"]]
    assert await found(bench, _lastUpdated=at) == [booked["id"]]
    assert await found(bench, _lastUpdated=f"gt{at}") == []


async def test_pages_partition_the_whole_list(bench: Bench) -> None:
    answer = await bench.client.get("Appointment?_count=200&date=ge2027-04-01&date=lt2027-04-10")
    total = answer.json()["total"]
    seen = [one["id"] for one in entries(answer)]
    slots = await bench.free(start="ge2027-04-01", **{"service-type": "YLE"})
    assert (await bench.book("aino", slots[0]["id"])).status_code == 201  # before the next page
    while following := [link["url"] for link in answer.json()["link"] if link["relation"] == "next"]:
        answer = await bench.client.get(following[0])
        seen += [one["id"] for one in entries(answer)]
    assert len(seen) == len(set(seen)) == total > 200


async def test_pages_by_last_updated_too(bench: Bench) -> None:
    whole = await found(bench, _lastUpdated="ge2020-01-01", patient=f"{bench.number('aino')},{bench.number('marja')}")
    seen: list[str] = []
    url: str | None = (
        f"Appointment?_count=2&_lastUpdated=ge2020-01-01&patient={bench.number('aino')},{bench.number('marja')}"
    )
    while url is not None:
        answer = await bench.client.get(url)
        seen += [one["id"] for one in entries(answer)]
        url = next((link["url"] for link in answer.json()["link"] if link["relation"] == "next"), None)
    assert seen == whole


async def test_post_search_goes_on_by_get(bench: Bench) -> None:
    answer = await bench.client.post("Appointment/_search", data={"_count": "1", "patient": bench.number("aino")})
    following = next(link["url"] for link in answer.json()["link"] if link["relation"] == "next")
    assert len(entries(await bench.client.get(following))) == 1


@pytest.mark.parametrize(
    "parameters",
    [
        {"patient": "Practitioner/D1"},
        {"patient": ""},
        {"patient": "a/b/c"},
        {"patient:Patient": "1"},
        {"date": "2027"},
        {"date": "ge2027-13-01"},
        {"date": "2027-03-22T25:00:00Z"},
        {"_lastUpdated": "gt2027-03-22T08:00:00"},
        {"identifier": "urn:x|"},
        {"status": "booked,"},
        {"_sort": "date"},
        {"_include": "Appointment:slot"},
        {"patient.identifier": "x"},
    ],
)
async def test_refused(bench: Bench, parameters: dict[str, str]) -> None:
    assert error(await bench.client.get("Appointment", params=parameters)) == (400, "invalid", "BAD_PARAMETER")
    assert error(await bench.client.post("Appointment/_search", data=parameters)) == (400, "invalid", "BAD_PARAMETER")


async def test_no_hetu_in_a_form_either_but_for_patients(bench: Bench) -> None:
    form = {"identifier": "urn:oid:1.2.246.21|010594Y9021"}
    assert error(await bench.client.post("Appointment/_search", data=form)) == (400, "invalid", "HETU_IN_URL")
