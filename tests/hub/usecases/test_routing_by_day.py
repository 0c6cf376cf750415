"""The day of the service decides, and its sector, in searching, in booking and in moving."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from canonical.times import to_local
from hub.routing import Route, Routing

if TYPE_CHECKING:
    from tests.hub.usecases.conftest import Portal


def serves(portal: Portal, first: date | None, last: date | None) -> None:
    """The record system serves the resident's municipality on these days."""
    routing = Routing([Route("638", "health", "memory", first, last)], open_county=False)
    object.__setattr__(portal.hub.world, "routing", routing)


def day_of(slot: dict[str, str]) -> date:
    return to_local(datetime.fromisoformat(slot["start"])).date()


async def all_slots(portal: Portal) -> list[dict[str, str]]:
    return await portal.slots(_count="200")


@pytest.mark.parametrize("ends", [False, True], ids=["from-a-day-on", "until-a-day"])
async def test_free_times_are_shown_for_the_days_that_are_served(portal: Portal, ends: bool) -> None:
    every = await all_slots(portal)
    change = sorted({day_of(slot) for slot in every})[1]
    serves(portal, None if ends else change, change if ends else None)
    days = {day_of(slot) for slot in await all_slots(portal)}
    assert change in days
    assert (max(days) if ends else min(days)) == change


async def test_a_time_of_a_day_that_is_not_served_is_not_booked(portal: Portal) -> None:
    every = await all_slots(portal)
    change = sorted({day_of(slot) for slot in every})[1]
    serves(portal, change, None)
    early, on_the_day = every[0], next(slot for slot in every if day_of(slot) == change)
    refused = await portal.book(early)
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["details"]["coding"][0]["code"] == "not-bookable"
    assert (await portal.book(on_the_day)).status_code == 201


GROUP, DOCTOR, CLUB = "RYHM", "LAAK", "MUU"


def closed(portal: Portal, *mine: str) -> None:
    """The record system serves the resident's municipality in ``mine`` only, and another one in everything."""
    routes = [Route("638", sector, "memory") for sector in mine]
    routes += [Route("018", sector, "memory") for sector in ("health", "social")]
    object.__setattr__(portal.hub.world, "routing", Routing(routes, open_county=False))


def service_of(slot: dict[str, Any]) -> str:
    """The record system's own code of its service."""
    return str(slot["serviceType"][0]["coding"][0]["code"])


async def test_a_sector_that_is_not_served_is_neither_shown_nor_booked(portal: Portal) -> None:
    every = await all_slots(portal)
    group = next(slot for slot in every if service_of(slot) == GROUP)
    closed(portal, "health")
    shown = {service_of(slot) for slot in await all_slots(portal)}
    assert GROUP not in shown
    assert {DOCTOR, CLUB} <= shown, "a service that names no sector is not judged"
    portal.hub.hub.free._offered.clear()  # another process has shown it
    refused = await portal.book(group)
    assert refused.json()["issue"][0]["details"]["coding"][0]["code"] == "not-bookable"
    closed(portal, "social")
    assert {service_of(slot) for slot in await all_slots(portal)} == {GROUP, CLUB}
    assert (await portal.book(group)).status_code == 201


async def test_an_appointment_is_not_moved_to_a_day_that_is_not_served(portal: Portal) -> None:
    every = [slot for slot in await all_slots(portal) if service_of(slot) == DOCTOR]
    booked = await portal.book(every[0])
    later = next(slot for slot in every if day_of(slot) > day_of(every[0]))
    serves(portal, None, day_of(every[0]))
    body = booked.json() | {"slot": [{"reference": f"Slot/{later['id']}"}]}
    for name in ("start", "end", "minutesDuration"):
        body.pop(name, None)
    url, version = f"/fhir/Appointment/{body['id']}", {"if-match": booked.headers["etag"]}
    refused = await portal.client.put(url, json=body, headers=version)
    assert refused.json()["issue"][0]["details"]["coding"][0]["code"] == "not-bookable"
    serves(portal, None, None)
    assert (await portal.client.put(url, json=body, headers=version)).status_code == 200
