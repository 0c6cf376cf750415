"""Every installation of the sandbox: find, book, move, list and cancel through the hub, and each time a look at the
record system itself. How a system moves a booking is its own matter; that there is one booking afterwards is ours."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.journeys.conftest import INSTALLATIONS, Demo
from tests.journeys.portal import live, move
from tests.journeys.test_journey_booking import in_master


def two_times_of_a_service(demo: Demo, client: httpx.Client, installation: str) -> list[dict[str, Any]]:
    """Two free times of one service that do not overlap, of the second week."""
    by_service: dict[str, list[dict[str, Any]]] = {}
    for slot in demo.slots(client, installation, 150, start="ge2027-03-30"):
        service = str(slot["serviceType"])
        found = by_service.setdefault(service, [])
        if not found or slot["start"] >= found[-1]["end"]:
            found.append(slot)
        if len(found) > 3:
            return [found[1], found[3]]
    raise AssertionError(f"{installation} has no service with times enough")


def live_of_aino(demo: Demo, installation: str, *starts: str) -> list[str]:
    """The starts, of those, at which she has a live booking there."""
    return sorted(one["start"] for one in live(demo, installation, "aino") if one["start"] in starts)


def test_all_of_them_are_here(demo: Demo) -> None:
    assert [one["name"] for one in demo.told["installations"]] == list(INSTALLATIONS)


@pytest.mark.parametrize("installation", INSTALLATIONS)
def test_find_book_move_list_cancel(demo: Demo, installation: str) -> None:
    with demo.client("aino") as aino:
        first, second = two_times_of_a_service(demo, aino, installation)
        booked = demo.book(aino, first)
        assert booked.status_code == 201, booked.text
        appointment = booked.json()
        there = in_master(demo, installation, appointment)
        assert (there["status"], there["start"], there["end"]) == ("booked", first["start"], first["end"])
        assert there["person"] == demo.person("aino")["hetu"]

        moved = move(aino, appointment, second)
        assert moved.status_code == 200, moved.text
        now = moved.json()
        assert (now["id"], now["status"], now["start"]) == (appointment["id"], "booked", second["start"])
        assert live_of_aino(demo, installation, first["start"], second["start"]) == [second["start"]]

        listed = aino.get("/Appointment?_count=200").raise_for_status().json()
        starts = {
            e["resource"]["id"]: e["resource"]["start"] for e in listed["entry"] if e["search"]["mode"] == "match"
        }
        assert starts[appointment["id"]] == second["start"]

        cancelled = demo.cancel(aino, aino.get(f"/Appointment/{appointment['id']}").json())
        assert cancelled.status_code == 200, cancelled.text
        assert live_of_aino(demo, installation, first["start"], second["start"]) == []


@pytest.mark.parametrize("installation", INSTALLATIONS)
def test_a_move_to_a_taken_time_changes_nothing(demo: Demo, installation: str) -> None:
    with demo.client("aino") as aino, demo.client("mikael") as other:
        first, second = two_times_of_a_service(demo, aino, installation)
        appointment = demo.book(aino, first).raise_for_status().json()
        taken = demo.book(other, second)
        assert taken.status_code in (201, 202), taken.text
        refused = move(aino, appointment, second)
        assert refused.status_code == 409, refused.text
        assert live_of_aino(demo, installation, first["start"], second["start"]) == [first["start"]]
        now = aino.get(f"/Appointment/{appointment['id']}", headers={"Cache-Control": "no-cache"}).json()
        assert (now["status"], now["start"]) == ("booked", first["start"])
        assert demo.cancel(aino, now).status_code == 200
