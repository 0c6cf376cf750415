"""A time is held, booked with the hold, given back, or left until it ends by the clock: each looked up in the record
system's own listing of what it keeps."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.journeys.conftest import INSTALLATIONS, Demo
from tests.journeys.installations import HOLDING
from tests.journeys.portal import calendar_of, code_of, live, operation

OVER = 601
"""Seconds of business time after which no hold of any system stands."""
OF_EACH_SYSTEM = ("lifecare-porvoo", "mediatri-sipoo")


def free(demo: Demo, client: httpx.Client, installation: str) -> dict[str, Any]:
    """A free time that holds one person, late in the third week."""
    slots = demo.slots(client, installation, 400, start="ge2027-04-06")
    with demo.control() as control:
        span = {"start": slots[0]["start"], "end": slots[-1]["end"]}
        times = control.get(f"/installations/{installation}/free-times", params=span).raise_for_status().json()
    alone = {(one["calendar"], one["start"]) for one in times if one["left"] == 1}
    return next(slot for slot in slots if (calendar_of(demo, slot), slot["start"]) in alone)


def kept(demo: Demo, installation: str, slot: dict[str, Any]) -> list[str]:
    """For whom the record system keeps the time, as long as no booking has become of it."""
    calendar = calendar_of(demo, slot)
    found = [one for one in demo.holds(installation) if (one["calendar"], one["start"]) == (calendar, slot["start"])]
    return [one["person"] for one in found if one["booking"] is None]


def offered(client: httpx.Client, slot: dict[str, Any]) -> bool:
    """Whether the time is found by `$find` (ITI-115)."""
    code = slot["serviceType"][0]["coding"][0]["code"]
    query = {"start": slot["start"], "end": slot["end"], "visit-type": code, "_count": "200"}
    bundle = client.get("/Appointment/$find", params=query).raise_for_status().json()
    return slot["id"] in [entry["resource"]["id"] for entry in bundle.get("entry", ())]


@pytest.mark.parametrize("installation", HOLDING)
def test_held_given_back_held_again_and_booked(demo: Demo, installation: str) -> None:
    hetu = demo.person("aino")["hetu"]
    with demo.client("aino") as aino, demo.client("marja") as marja:
        slot = free(demo, aino, installation)
        assert offered(aino, slot)
        held = operation(aino, "hold", slot)
        assert held.status_code == 200, held.text
        assert held.json()["entry"][0]["resource"]["status"] == "pending"
        assert kept(demo, installation, slot) == [hetu]
        assert not offered(marja, slot)
        refused = operation(marja, "book", slot)
        assert (refused.status_code, code_of(refused)) == (409, "slot-taken")

        released = operation(aino, "release", slot)
        assert (released.status_code, code_of(released)) == (200, "done")
        assert kept(demo, installation, slot) == []
        assert offered(marja, slot)

        assert operation(aino, "hold", slot).status_code == 200
        booked = operation(aino, "book", slot)
        assert booked.status_code == 201, booked.text
        appointment = booked.json()["entry"][0]["resource"]
        assert (appointment["status"], appointment["start"]) == ("booked", slot["start"])
        there = [one for one in live(demo, installation, "aino") if one["start"] == slot["start"]]
        assert [one["status"] for one in there] == ["booked"]
        assert kept(demo, installation, slot) == [], "the hold is used up"
        assert demo.cancel(aino, appointment).status_code == 200
        assert offered(marja, slot)


def test_a_hold_ends_by_the_clock(demo: Demo) -> None:
    with demo.client("aino") as aino, demo.client("marja") as marja:
        slots = {name: free(demo, aino, name) for name in OF_EACH_SYSTEM}
        for slot in slots.values():
            assert operation(aino, "hold", slot).status_code == 200
        with demo.control() as control:
            control.post("/clock/advance", json={"seconds": OVER}).raise_for_status()
        for installation, slot in slots.items():
            assert kept(demo, installation, slot) == []
            assert operation(aino, "release", slot).status_code == 200, "what is not held any more is done"
            booked = operation(marja, "book", slot)
            assert booked.status_code == 201, booked.text
            late = operation(aino, "book", slot)
            assert (late.status_code, code_of(late)) == (409, "slot-taken")
            assert demo.cancel(marja, booked.json()["entry"][0]["resource"]).status_code == 200


@pytest.mark.parametrize("installation", [name for name in INSTALLATIONS if name not in HOLDING])
def test_where_no_times_are_kept_it_is_said(demo: Demo, installation: str) -> None:
    with demo.client("aino") as aino:
        slot = demo.slots(aino, installation, 40)[-1]
        refused = operation(aino, "hold", slot)
        assert (refused.status_code, code_of(refused)) == (422, "not-supported")
        assert demo.holds(installation) == []
