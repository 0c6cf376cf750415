"""Fifty portals and the clinic's desk want one time: one gets it, everyone else is told so, and of other times."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.journeys.conftest import INSTALLATIONS, Demo
from tests.journeys.installations import Times
from tests.journeys.portal import calendar_of

RACERS = ("aino", "kerttu", "onni", "helvi", "marja", "lilja", "axel")
PORTALS = 50
OF_EACH_SYSTEM = ("lifecare-askola", "pegasos-loviisa", "mediatri-sipoo", "proconsona-sipoo")


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


def rounds(demo: Demo, installation: str, count: int, *, skip: int = 0) -> None:
    """So many races, each for a time that holds one person and begins when none of the racers is busy there."""
    times = Times.of(demo, installation, "ge2027-03-31", 600 + 10 * (count + skip))
    for name in RACERS:
        times.make_customer(demo, installation, name)
        times.keep_clear(demo, installation, name)
    busy = {start for spans in times.taken.values() for start, _ in spans}
    alone = [slot for slot in exclusive(demo, installation, times) if slot["start"] not in busy]
    slots = list({slot["start"]: slot for slot in alone}.values())[skip : skip + count]
    assert len(slots) == count
    for number, slot in enumerate(slots):
        calendar = calendar_of(demo, slot)
        statuses = asyncio.run(race(demo, installation, slot, calendar, desk=number % 2 == 0))
        winners = [s for s in statuses if s in (200, 201)]
        assert set(statuses) <= {200, 201, 409}, statuses
        held = [b for b in demo.bookings(installation, start=slot["start"], end=slot["end"])
                if b["calendar"] == calendar and b["status"] == "booked" and b["start"] == slot["start"]]  # fmt: skip
        assert len(held) == 1, f"{len(held)} bookings of one time"
        assert len(winners) == 1 or (not winners and held[0]["person"] in taken_by_desk(demo, installation)), statuses
        late = next(n for n in RACERS if n != "kerttu" and demo.person(n)["hetu"] != held[0]["person"])
        is_told_of_other_times(demo, slot, late)


def is_told_of_other_times(demo: Demo, slot: dict[str, Any], name: str) -> None:
    with demo.client(name) as late:
        answer = demo.book(late, slot)
        assert answer.status_code == 409, answer.text
        issue = answer.json()["issue"][0]
        assert issue["details"]["coding"][0]["code"] == "slot-taken"
        others = [e["valueReference"]["reference"] for e in issue["extension"] if "valueReference" in e]
        assert 1 <= len(others) <= 3
        assert f"Slot/{slot['id']}" not in others


def exclusive(demo: Demo, installation: str, times: Times) -> list[dict[str, Any]]:
    """Those that hold one person, as the record system says."""
    span = {"start": min(s["start"] for s in times.slots), "end": max(s["end"] for s in times.slots)}
    with demo.control() as control:
        free = control.get(f"/installations/{installation}/free-times", params=span).raise_for_status().json()
    alone = {(one["calendar"], one["start"]) for one in free if one["left"] == 1}
    by_schedule = {slot["schedule"]["reference"]: slot for slot in times.slots}
    calendars = {schedule: calendar_of(demo, slot) for schedule, slot in by_schedule.items()}
    return [s for s in times.slots if (calendars[s["schedule"]["reference"]], s["start"]) in alone]


def taken_by_desk(demo: Demo, installation: str) -> set[str]:
    """Whose bookings are the desk's own: the race's, and what it takes before Kerttu's eyes."""
    return {demo.person("eero")["hetu"]} | {b["person"] for b in demo.bookings(installation) if not b["placer_id"]}


@pytest.mark.parametrize("installation", OF_EACH_SYSTEM)
def test_one_winner(demo: Demo, installation: str) -> None:
    rounds(demo, installation, 1)


@pytest.mark.long
@pytest.mark.parametrize("installation", INSTALLATIONS)
def test_one_winner_in_each_of_a_hundred_rounds(demo: Demo, installation: str) -> None:
    rounds(demo, installation, 100, skip=10)
