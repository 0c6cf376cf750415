"""Holds and proposals in the control interface, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from sandbox.config import new_config
from sandbox.control.app import control_app
from sandbox.serve import Running
from sandbox.upkeep import Upkeep
from sandbox.world import World
from tests.plain_http import PLAIN

AINO = "010594Y9021"


@pytest_asyncio.fixture
async def control(sandbox: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        verify=PLAIN, base_url=f"http://127.0.0.1:{sandbox.control.port}", timeout=10
    ) as client:
        yield client


async def test_holds_are_shown_without_their_secret(sandbox: Running, control: httpx.AsyncClient) -> None:
    system = sandbox.world.installations["lifecare-porvoo"].system
    time = (await control.get("/installations/lifecare-porvoo/free-times")).json()[5]
    patient = system.patient_by_hetu(AINO)
    assert patient is not None
    start = datetime.fromisoformat(time["start"])
    hold = system.hold(patient.number, time["calendar"], start, seconds=600, reference="h-1")
    answer = await control.get("/installations/lifecare-porvoo/holds")
    assert hold.token not in answer.text
    (shown,) = answer.json()
    assert (shown["person"], shown["reference"], shown["booking"]) == (AINO, "h-1", None)
    assert {shown[key] == time[key] for key in ("calendar", "unit", "service", "start", "end")} == {True}
    made = system.book(patient=patient.number, calendar=time["calendar"], start=start, hold=hold.token)
    (shown,) = (await control.get("/installations/lifecare-porvoo/holds")).json()
    assert shown["booking"] == made.id


async def test_the_desk_decides_a_wish_and_sees_it(sandbox: Running, control: httpx.AsyncClient) -> None:
    system = sandbox.world.installations["lifecare-porvoo"].system
    patient = system.patient_by_hetu(AINO)
    assert patient is not None
    first, second = system.free_times(system.clock.now(), datetime.fromisoformat("2027-04-01T00:00:00+03:00"))[5:7]
    made = system.propose(patient.number, first.calendar, first.start)
    waiting = {"id": made.id, "decision": "booked"}
    assert (await control.post("/installations/lifecare-porvoo/desk/decide", json=waiting)).status_code == 409
    system.counter(made.id, second.start, calendar=second.calendar)
    listed = await control.get("/installations/lifecare-porvoo/bookings", params={"status": "proposed"})
    assert [(one["id"], one["by_resident"]) for one in listed.json()] == [(made.id, True)]
    decided = await control.post("/installations/lifecare-porvoo/desk/decide", json=waiting)
    assert (decided.json()["status"], decided.json()["start"]) == ("booked", second.start.isoformat())


async def test_the_desk_proposes_only_where_the_vendor_knows_proposals(control: httpx.AsyncClient) -> None:
    time = (await control.get("/installations/lifecare-porvoo/free-times")).json()[0]
    offer = {"person": "aino", "calendar": time["calendar"], "start": time["start"]}
    answer = await control.post("/installations/lifecare-porvoo/desk/propose", json=offer)
    assert (answer.status_code, answer.json()["error"]) == (409, "no-proposals")


@pytest.fixture
def proconsona(tmp_path: Path) -> Iterator[World]:
    config = new_config(0, installations=("proconsona-loviisa",)).model_copy(update={"residents": 100})
    world = World(config, tmp_path)
    yield world
    world.close()


async def test_the_desk_proposes_a_time_and_it_is_held(proconsona: World) -> None:
    transport = httpx.ASGITransport(control_app(proconsona, Upkeep(proconsona)))
    root = "http://control/installations/proconsona-loviisa"
    async with httpx.AsyncClient(transport=transport, base_url=root) as client:
        time = (await client.get("/free-times")).json()[0]
        offer = {"person": "aino", "calendar": time["calendar"], "start": time["start"], "text": "Tavataan"}
        made = await client.post("/desk/propose", json=offer)
        assert (made.status_code, made.json()["status"], made.json()["by_resident"]) == (201, "proposed", False)
        assert (made.json()["booked_by"], made.json()["text"]) == ("desk", "Tavataan")
        again = await client.post("/desk/propose", json=offer)
        assert (again.status_code, again.json()["error"]) == (409, "slot-taken")
