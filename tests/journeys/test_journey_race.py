"""Fifty portals and the clinic's desk want one time: one gets it, everyone else is told so."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.journeys.conftest import Demo

SYSTEMS = ("lifecare-porvoo", "pegasos-loviisa")
RACERS = ("aino", "kerttu", "onni", "helvi", "marja", "lilja", "axel")
PORTALS = 50


async def race(demo: Demo, installation: str, slot: dict[str, Any], calendar: str, *, desk: bool) -> list[int]:
    """The statuses of all portals."""
    hetu = demo.person("eero")["hetu"]

    async def portal(client: httpx.AsyncClient, number: int) -> int:
        name = RACERS[number % len(RACERS)]
        token = demo.told["tokens"][name]
        body = {
            "resourceType": "Appointment",
            "status": "booked",
            "slot": [{"reference": f"Slot/{slot['id']}"}],
            "participant": [{"actor": {"reference": f"Patient/{patients[name]}"}, "status": "accepted"}],
        }
        headers = {"Authorization": f"Bearer {token}"}
        answer = await client.post(f"{demo.fhir}/Appointment", json=body, headers=headers)
        return answer.status_code

    async def clinic(client: httpx.AsyncClient) -> int:
        body = {"person": hetu, "calendar": calendar, "start": slot["start"]}
        answer = await client.post(f"{demo.told['sandbox']}/installations/{installation}/desk/book", json=body)
        return answer.status_code

    patients = {}
    for name in RACERS:
        with demo.client(name) as one:
            patients[name] = demo.patient(one)
    async with httpx.AsyncClient(timeout=60.0, limits=httpx.Limits(max_connections=80)) as client:
        runners = [portal(client, number) for number in range(PORTALS)]
        if desk:
            runners.insert(PORTALS // 2, clinic(client))
        return list(await asyncio.gather(*runners))


def rounds(demo: Demo, installation: str, count: int, skip: int) -> None:
    with demo.client("portal") as portal:
        municipality = "638" if installation == "lifecare-porvoo" else "434"
        times = demo.slots(portal, installation, 2000, municipality=municipality, start="ge2027-03-31")
    exclusive = [slot for slot in times if not is_group(demo, installation, slot)]
    slots = list({slot["start"]: slot for slot in exclusive}.values())[skip : skip + count]
    assert len(slots) == count
    for number, slot in enumerate(slots):
        calendar = calendar_of(demo, slot)
        statuses = asyncio.run(race(demo, installation, slot, calendar, desk=number % 2 == 0))
        winners = [s for s in statuses if s in (200, 201)]
        assert set(statuses) <= {200, 201, 409}, statuses
        held = [b for b in demo.bookings(installation, start=slot["start"], end=slot["end"])
                if b["calendar"] == calendar and b["status"] == "booked" and b["start"] == slot["start"]]  # fmt: skip
        assert len(held) == 1, f"{len(held)} bookings of one time"
        assert len(winners) == 1 or (not winners and held[0]["person"] in taken_by_desk(demo)), statuses


def taken_by_desk(demo: Demo) -> set[str]:
    """Whose bookings are the desk's own: the race's, and what it takes before Kerttu's eyes."""
    return {demo.person("eero")["hetu"]} | {b["person"] for one in demo.told["installations"]
                                            for b in demo.bookings(one["name"]) if not b["placer_id"]}  # fmt: skip


def calendar_of(demo: Demo, slot: dict[str, Any]) -> str:
    """The record system's own id of the calendar, as the directory publishes it."""
    with demo.client("portal") as portal:
        schedule = portal.get(f"/{slot['schedule']['reference']}").raise_for_status().json()
    return str(next(i["value"] for i in schedule["identifier"] if i["system"].endswith("/schedule")))


def is_group(demo: Demo, installation: str, slot: dict[str, Any]) -> bool:
    codes = {c["code"] for concept in slot["serviceType"] for c in concept["coding"]}
    return bool(codes & GROUPS[installation])


GROUPS = {"lifecare-porvoo": {"PAINO"}, "pegasos-loviisa": {"1040"}}


@pytest.mark.parametrize("installation", SYSTEMS)
def test_one_winner(demo: Demo, installation: str) -> None:
    rounds(demo, installation, 3, skip=0)


@pytest.mark.long
@pytest.mark.parametrize("installation", SYSTEMS)
def test_one_winner_in_each_of_a_hundred_rounds(demo: Demo, installation: str) -> None:
    rounds(demo, installation, 100, skip=10)
