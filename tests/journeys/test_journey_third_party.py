"""A third party's package, installed beside ours: a resident finds, books and cancels in a system that no file of ours
knows, configured as the guide says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.kit.making import Transport, make
from silta.state import State
from tests.journeys.conftest import Demo, started

pytestmark = pytest.mark.long
GUIDE = Path(__file__).parents[2] / "adapters" / "ADDING_A_SYSTEM.md"


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a made package, which is installed for every process that is started from here."""
    folder = tmp_path_factory.mktemp("third") / "sotesilta-acme"
    make("acme", Transport.REST, folder)
    site = folder.parent / "site"
    install = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(site), str(folder)]
    subprocess.run([sys.executable, "-m", *install], check=True, capture_output=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(site))
        yield folder


@pytest.fixture(scope="module")
def third_party(acme: Path) -> Iterator[tuple[Demo, httpx.Client]]:
    """A demo with one more installation, and the desk of that one's mock."""
    mocks: list[subprocess.Popen[bytes]] = []
    desks: list[int] = []

    def configured(state: State) -> str:
        aino = next(one["hetu"] for one in state.demo()["persons"] if one["key"] == "aino")
        command = [sys.executable, str(acme / "mock" / "server.py"), "--person", aino]
        mocks.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        assert mocks[0].stdout is not None
        listens = json.loads(mocks[0].stdout.readline())
        desks.append(listens["desk"])
        said = re.search(r"```toml\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
        assert said is not None
        return "\n" + said[1].replace("127.0.0.1:9100", f"127.0.0.1:{listens['port']}")

    try:
        with started(acme.parent / "state", more=configured) as demo, httpx.Client(trust_env=False) as desk:
            desk.base_url = f"http://127.0.0.1:{desks[0]}"
            yield demo, desk
    finally:
        for mock in mocks:
            mock.terminate()
            mock.wait(10)


def held(desk: httpx.Client, appointment: dict[str, Any]) -> dict[str, Any]:
    """What the system itself holds of a booking."""
    mark = next(one["value"] for one in appointment["identifier"] if one["system"].endswith("/fhir/placer"))
    found: list[dict[str, Any]] = desk.post("/bookings", json={"mark": mark}).raise_for_status().json()
    assert len(found) == 1
    return found[0]


def test_a_resident_finds_books_and_cancels(third_party: tuple[Demo, httpx.Client]) -> None:
    demo, desk = third_party
    with demo.client("aino") as aino:
        slot = demo.slots(aino, "acme-inkoo", 5, municipality="149")[-1]
        booked = demo.book(aino, slot, comment="Särkyä | öisin")
        assert booked.status_code == 201, booked.text
        appointment = booked.json()
        assert (appointment["start"], appointment["comment"]) == (slot["start"], "Särkyä | öisin")
        assert held(desk, appointment)["hetu"] == demo.person("aino")["hetu"]
        listed = aino.get("/Appointment").raise_for_status().json()
        assert appointment["id"] in [entry["resource"]["id"] for entry in listed["entry"]]
        cancelled = demo.cancel(aino, appointment)
        assert cancelled.status_code == 200, cancelled.text
        assert held(desk, appointment)["status"] == "cancelled"


def test_the_installation_is_checked_one_thing_at_a_time(third_party: tuple[Demo, httpx.Client]) -> None:
    demo, _ = third_party
    command = [sys.executable, "-m", "silta", "adapter", "check", "acme", "--state", str(demo.folder)]
    done = subprocess.run(
        [*command, "--day", "2027-03-22", "--json"], capture_output=True, text=True, check=False, env=os.environ
    )
    found = {one["name"]: one["level"] for one in json.loads(done.stdout)["acme-inkoo"]}
    assert done.returncode == 0, done.stdout
    names = ["options", "connect", "credentials", "directory", "clock", "characters", "free times", "time zone"]
    assert found == dict.fromkeys(names, "ok")
