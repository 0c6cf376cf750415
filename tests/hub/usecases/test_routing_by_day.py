"""The day of the service decides, in searching and in booking."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

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
