"""Snapshots: everything as it was, whatever happened since."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from sandbox.config import new_config
from sandbox.engine.store import OverlayStore, StoreError
from sandbox.serve import Running, running
from sandbox.snapshots import Snapshots
from sandbox.world import World
from tests.plain_http import PLAIN

NAME = "proconsona-loviisa"
INSTALLATIONS = ("pegasos-loviisa", NAME)


@pytest_asyncio.fixture
async def mixed(tmp_path: Path) -> AsyncIterator[Running]:
    config = new_config(0, installations=INSTALLATIONS).model_copy(update={"residents": 300})
    async with running(config, tmp_path) as started:
        yield started


@pytest_asyncio.fixture
async def control(mixed: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(verify=PLAIN, base_url=f"http://127.0.0.1:{mixed.control.port}", timeout=10) as client:
        await client.post("/clock/freeze", json={"at": "2027-03-22T08:00:00+02:00"})
        yield client


async def everything(control: httpx.AsyncClient) -> list[Any]:
    """What anybody could see: bookings, holds and free times of each installation, and the clock."""
    paths = [f"/installations/{n}/{what}" for n in INSTALLATIONS for what in ("bookings", "holds", "free-times")]
    return [(await control.get(path)).json() for path in (*paths, "/persons/aino")] + [
        (await control.get("/clock")).json()["now"]
    ]


async def change(control: httpx.AsyncClient, mixed: Running, name: str) -> None:
    """A newcomer books, another place is held, and two days go by: new days open."""
    first, second = (await control.get(f"/installations/{name}/free-times")).json()[:2]
    body = {"person": "lilja", "start": first["start"], "calendar": first["calendar"]}
    assert (await control.post(f"/installations/{name}/desk/book", json=body)).status_code == 201
    system = mixed.world.installations[name].system
    start = next(t.start for t in system.free_times(mixed.world.clock.now(), mixed.world.clock.now().replace(year=2028))
                 if t.calendar == second["calendar"])  # fmt: skip
    system.hold(system.patients()[0].number, second["calendar"], start, seconds=10 * 86_400)
    await control.post("/clock/advance", json={"seconds": 2 * 86_400})


async def test_a_snapshot_brings_everything_back(control: httpx.AsyncClient, mixed: Running) -> None:
    await change(control, mixed, "pegasos-loviisa")
    before = await everything(control)
    saved = await control.put("/snapshots/one")
    assert saved.json() == {"snapshots": ["one"], "current": "one"}
    await change(control, mixed, NAME)
    await control.post("/installations/pegasos-loviisa/faults", json={"kind": "refuse-connection", "seconds": 600})
    await control.post("/clock/run")
    assert await everything(control) != before
    assert (await control.post("/reset", json={"seed": 7})).json()["snapshot"] is None
    loaded = await control.post("/snapshots/one/load")
    assert (loaded.status_code, loaded.json()["current"]) == (200, "one")
    ready = (await control.get("/readyz")).json()
    assert (ready["seed"], ready["frozen"], ready["faults"], ready["ready"]) == (42, True, 0, True)
    assert await everything(control) == before
    # The world goes on from there: ids are not given twice.
    await change(control, mixed, "pegasos-loviisa")
    ids = [one["id"] for one in (await control.get("/installations/pegasos-loviisa/bookings")).json()]
    assert len(ids) == len(set(ids))


async def test_a_loaded_snapshot_survives_a_restart(tmp_path: Path) -> None:
    config = new_config(0).model_copy(update={"residents": 300})
    first = World(config, tmp_path)
    first.clock.freeze(first.first_instant)
    first.save_snapshot("clean")
    system = first.installations["pegasos-loviisa"].system
    time = system.free_times(first.clock.now(), first.clock.now().replace(month=4))[0]
    system.book(patient=system.patients()[0].number, calendar=time.calendar, start=time.start)
    first.load_snapshot("clean")
    kept = system.appointments()
    first.close()
    again = World(config, tmp_path)
    assert again.installations["pegasos-loviisa"].system.appointments() == kept
    assert again.snapshot == "clean"
    again.close()


async def test_what_is_not_there_or_damaged_changes_nothing(
    control: httpx.AsyncClient, mixed: Running, tmp_path: Path
) -> None:
    before = await everything(control)
    unknown = await control.post("/snapshots/none/load")
    assert (unknown.status_code, unknown.json()["error"]) == (404, "unknown-snapshot")
    await control.put("/snapshots/bad")
    (tmp_path / "snapshots" / "bad.sqlite").write_bytes(b"not a database" * 100)
    damaged = await control.post("/snapshots/bad/load")
    assert (damaged.status_code, damaged.json()["error"]) == (422, "bad-snapshot")
    assert await everything(control) == before
    assert (await control.get("/readyz")).json()["ready"] is True
    assert (await control.delete("/snapshots/bad")).json()["snapshots"] == []
    assert (await control.delete("/snapshots/bad")).status_code == 404
    for name in ("Up", "..%2Fx", "a" * 41, "-a"):
        assert (await control.put(f"/snapshots/{name}")).status_code in (404, 422)


def test_a_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="letters"):
        Snapshots(tmp_path).new("../x")


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    store = OverlayStore(tmp_path / "a.sqlite")
    store.save("x", "kind", "id", b"kept")
    (tmp_path / "empty.sqlite").touch()
    with pytest.raises(StoreError):
        store.take_from(tmp_path / "empty.sqlite")
    assert store.read("x", "kind", "id") == b"kept"
    store.close()
