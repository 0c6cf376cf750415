"""One person everywhere, and bookings put into a state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from sandbox.config import new_config
from sandbox.serve import Running, running
from tests.plain_http import PLAIN

AINO = "010594Y9021"
INSTALLATIONS = ("lifecare-porvoo", "mediatri-loviisa", "proconsona-loviisa")


@pytest_asyncio.fixture
async def mixed(tmp_path: Path) -> AsyncIterator[Running]:
    config = new_config(0, installations=INSTALLATIONS).model_copy(update={"residents": 300})
    async with running(config, tmp_path) as started:
        yield started


@pytest_asyncio.fixture
async def control(mixed: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(verify=PLAIN, base_url=f"http://127.0.0.1:{mixed.control.port}", timeout=10) as client:
        yield client


async def test_a_person_is_shown_with_links_and_visits_everywhere(control: httpx.AsyncClient) -> None:
    aino: dict[str, Any] = (await control.get("/persons/aino")).json()
    assert [one["installation"] for one in aino["links"]] == list(INSTALLATIONS)
    for name in INSTALLATIONS:
        listed = (await control.get(f"/installations/{name}/bookings", params={"person": "aino"})).json()
        shown = [one for one in aino["visits"] if one["installation"] == name]
        assert [{k: v for k, v in one.items() if k != "installation"} for one in shown] == listed
        assert listed
    assert (await control.post("/persons/search", json={"person": AINO})).json() == aino


async def test_anybody_is_found_by_hetu_in_the_body_only(control: httpx.AsyncClient, mixed: Running) -> None:
    resident = next(one for one in mixed.world.population if one.key is None)
    found = (await control.post("/persons/search", json={"person": resident.hetu})).json()
    assert (found["hetu"], found["key"], found["behaviour"]) == (resident.hetu, None, "")
    in_url = await control.get(f"/persons/{AINO}")
    assert (in_url.status_code, in_url.json()["error"]) == (404, "unknown-key")
    assert AINO not in in_url.text


@pytest.mark.parametrize("status", ["cancelled", "noshow", "fulfilled", "pending", "booked"])
async def test_a_booking_goes_to_any_state_and_back(control: httpx.AsyncClient, status: str) -> None:
    path = "/installations/lifecare-porvoo/bookings"
    booked = (await control.get(path, params={"person": "aino", "status": "booked"})).json()[0]
    put = (await control.post(f"{path}/{booked['id']}/goto", json={"status": status})).json()
    assert (put["status"], put["start"]) == (status, booked["start"])
    assert put["version"] == booked["version"] + (status != "booked")
    back = (await control.post(f"{path}/{booked['id']}/goto", json={"status": "booked"})).json()
    assert back["status"] == "booked"
    assert back["version"] == booked["version"] + 2 * (status != "booked")
    assert (await control.get(f"{path}/{booked['id']}")).json() == back


async def test_a_past_visit_comes_back_and_every_change_is_told(control: httpx.AsyncClient, mixed: Running) -> None:
    path = "/installations/mediatri-loviisa/bookings"
    past = (await control.get(path, params={"person": "aino", "status": "fulfilled"})).json()[0]
    system = mixed.world.installations["mediatri-loviisa"].system
    last = system.last_change()
    await control.post(f"{path}/{past['id']}/goto", json={"status": "noshow"})
    assert [(one.id, one.version) for one in system.changes(last, 10)] == [(past["id"], past["version"] + 1)]


async def test_a_place_that_somebody_has_is_not_given_twice(control: httpx.AsyncClient, mixed: Running) -> None:
    path = "/installations/lifecare-porvoo"
    mine = (await control.get(f"{path}/bookings", params={"person": "aino", "status": "booked"})).json()[0]
    await control.post(f"{path}/bookings/{mine['id']}/goto", json={"status": "cancelled"})
    body = {"person": "eero", "start": mine["start"], "calendar": mine["calendar"]}
    assert (await control.post(f"{path}/desk/book", json=body)).status_code == 201
    back = await control.post(f"{path}/bookings/{mine['id']}/goto", json={"status": "booked"})
    assert (back.status_code, back.json()["error"]) == (409, "slot-taken")
    assert (await control.get(f"{path}/bookings/{mine['id']}")).json()["status"] == "cancelled"


async def test_a_proposal_is_there_only_where_the_vendor_knows_them(control: httpx.AsyncClient) -> None:
    for name, expected in (("lifecare-porvoo", 409), ("proconsona-loviisa", 200)):
        path = f"/installations/{name}/bookings"
        booked = (await control.get(path, params={"person": "aino", "status": "booked"})).json()[0]
        answer = await control.post(f"{path}/{booked['id']}/goto", json={"status": "proposed"})
        assert answer.status_code == expected
    unknown = await control.post("/installations/lifecare-porvoo/bookings/nothing/goto", json={"status": "booked"})
    assert (unknown.status_code, unknown.json()["error"]) == (404, "unknown-appointment")
