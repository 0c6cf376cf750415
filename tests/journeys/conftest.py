"""A whole demo in processes of its own, on free ports: what a user starts, asked over real sockets."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest

from silta.state import State, Wanted, prepare
from silta.testing.ports import block
from tests.plain_http import PLAIN

INSTALLATIONS = (
    "lifecare-porvoo",
    "pegasos-loviisa",
    "lifecare-porvoo-sosiaali",
    "lifecare-askola",
    "mediatri-loviisa",
    "mediatri-sipoo",
    "proconsona-loviisa",
    "proconsona-sipoo",
    "proconsona-askola",
)
QUIET_WITHIN = 75.0
"""Seconds in which every unknown outcome must have been settled: the longest quiescence time and some looks."""


@dataclass
class Demo:
    """A running demo: the hub through its API, the record systems through the sandbox's control interface."""

    folder: Path
    told: dict[str, Any]
    output: Path

    @property
    def fhir(self) -> str:
        return str(self.told["fhir"])

    def person(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = next(p for p in self.told["persons"] if p["key"] == key)
        return found

    def client(self, token: str, *, timeout: float = 40.0) -> httpx.Client:
        """A portal with the token of that name."""
        headers = {"Authorization": f"Bearer {self.told['tokens'][token]}"}
        return httpx.Client(verify=PLAIN, base_url=self.fhir, headers=headers, timeout=timeout)

    def control(self) -> httpx.Client:
        return httpx.Client(verify=PLAIN, base_url=self.told["sandbox"], timeout=20.0)

    # The record system's own view

    def bookings(self, installation: str, **query: str) -> list[dict[str, Any]]:
        with self.control() as control:
            answer = control.get(f"/installations/{installation}/bookings", params=query)
            answer.raise_for_status()
            found: list[dict[str, Any]] = answer.json()
            return found

    def booking(self, installation: str, number: str) -> dict[str, Any]:
        with self.control() as control:
            found: dict[str, Any] = (
                control.get(f"/installations/{installation}/bookings/{number}").raise_for_status().json()
            )
            return found

    def holds(self, installation: str) -> list[dict[str, Any]]:
        with self.control() as control:
            found: list[dict[str, Any]] = control.get(f"/installations/{installation}/holds").raise_for_status().json()
            return found

    def fault(self, installation: str, kind: str, operation: str, **more: Any) -> None:
        with self.control() as control:
            body = {"kind": kind, "operation": operation, **more}
            answer = control.post(f"/installations/{installation}/faults", json=body)
            assert answer.is_success, f"{body}: {answer.text}"

    def clear_faults(self) -> None:
        with self.control() as control:
            for one in self.told["installations"]:
                control.delete(f"/installations/{one['name']}/faults").raise_for_status()

    # A portal's steps

    def slots(self, client: httpx.Client, installation: str, count: int = 100, **query: str) -> list[dict[str, Any]]:
        """Free times of one installation, in order."""
        found: list[dict[str, Any]] = []
        url: str | None = "/Slot"
        params: dict[str, str] | None = {"status": "free", "_count": "200", **query}
        while url and len(found) < count:
            answer = client.get(url, params=params)
            answer.raise_for_status()
            bundle = answer.json()
            found += [e["resource"] for e in bundle.get("entry", []) if e["search"]["mode"] == "match"
                      and e["resource"]["meta"]["source"].endswith("/" + installation)]  # fmt: skip
            url, params = next((x["url"] for x in bundle["link"] if x["relation"] == "next"), None), None
        return found[:count]

    def patient(self, client: httpx.Client) -> str:
        bundle = client.get("/Patient").raise_for_status().json()
        return str(bundle["entry"][0]["resource"]["id"])

    def book(self, client: httpx.Client, slot: dict[str, Any], key: str | None = None, **more: Any) -> httpx.Response:
        patient = {"actor": {"reference": f"Patient/{self.patient(client)}"}, "status": "accepted"}
        body = {
            "resourceType": "Appointment",
            "status": "booked",
            "slot": [{"reference": f"Slot/{slot['id']}"}],
            "participant": [patient],
            **more,
        }
        headers = {"Idempotency-Key": key} if key else {}
        return client.post("/Appointment", json=body, headers=headers)

    def cancel(self, client: httpx.Client, appointment: dict[str, Any], **headers: str) -> httpx.Response:
        body = {**appointment, "status": "cancelled", "cancelationReason": {"text": "En pääse."}}
        match = {"If-Match": f'W/"{appointment["meta"]["versionId"]}"', **headers}
        return client.put(f"/Appointment/{appointment['id']}", json=body, headers=match)

    def receipt(self, client: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
        """The final receipt of a 202, however long it takes until the outcome is known."""
        until = time.monotonic() + QUIET_WITHIN
        path = answer.headers["Content-Location"].split("/fhir", 1)[1]
        while True:
            with contextlib.suppress(httpx.TransportError):
                found = client.get(path)
                task: dict[str, Any] = found.json()
                if found.status_code == 200 and task["status"] in ("completed", "rejected", "on-hold"):
                    return task
            assert time.monotonic() < until, "the outcome was never found out"
            time.sleep(0.3)

    # What dies

    def kill(self, which: str) -> None:
        """``kill -9`` of the hub or the sandbox."""
        os.kill(int((self.folder / f"{which}.pid").read_text()), signal.SIGKILL)

    def wait_ready(self, within: float = 60.0) -> None:
        until = time.monotonic() + within
        url = self.fhir.removesuffix("/fhir") + "/readyz"
        while time.monotonic() < until:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(url, verify=PLAIN).status_code == 200:
                    return
            time.sleep(0.1)
        self._not_ready()

    def wait_for_all(self, within: float = 30.0) -> None:
        """Until every record system has answered the hub, which may have been up before them."""
        until = time.monotonic() + within
        url = self.fhir.removesuffix("/fhir") + "/readyz"
        while not all(one["up"] for one in httpx.get(url, verify=PLAIN).json()["installations"].values()):
            if time.monotonic() > until:
                self._not_ready()
            time.sleep(0.1)

    def _not_ready(self) -> NoReturn:
        said = [f"{log.name}: {log.read_text()[-2000:]}" for log in (*self.folder.glob("*.log"), self.output)]
        raise AssertionError("not ready:\n" + "\n".join(said))


Shorten = dict[str, dict[str, float]]
"""Other times than the usual: the hub's (``hub``), and those of an installation's options, by its name."""


def shortened(times: Shorten) -> Wanted:
    """What a state folder is to be made with."""
    return Wanted(hub=times.get("hub", {}), options={name: some for name, some in times.items() if name != "hub"})


@contextlib.contextmanager
def started(folder: Path, times: Shorten | None = None, more: Callable[[State], str] | None = None) -> Iterator[Demo]:
    """A demo from start to a clean stop. ``more`` is what its configuration says besides."""
    with block() as port:
        if times or more:
            state = prepare(folder, port, shortened(times or {}))
            said = more(state) if more else ""
            state.hub_toml.write_text(state.hub_toml.read_text("utf-8") + said, "utf-8")
        yield from _demo(folder, port)


def _demo(folder: Path, port: int) -> Iterator[Demo]:
    command = [sys.executable, "-m", "silta", "demo", "--port", str(port), "--state", str(folder)]
    output = folder.parent / f"{folder.name}.out"
    log = output.open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 60
        while not (folder / "demo.json").exists():
            assert process.poll() is None, "the demo did not start"
            assert time.monotonic() < until, "the demo did not start in time"
            time.sleep(0.05)
        demo = Demo(folder, json.loads((folder / "demo.json").read_text()), output)
        demo.wait_ready()
        demo.wait_for_all()
        yield demo
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
        log.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for all journeys of a test process; each journey takes its own times and persons."""
    with started(tmp_path_factory.mktemp("journeys") / "state") as running:
        yield running


QUIET_AFTER = {"lifecare": 7.0, "pegasos": 7.0, "mediatri": 10.0, "proconsona": 10.0}
"""Quiescence times of each system; the mocks are told to work late by less than that."""
SHORT: Shorten = {
    "hub": {"deadline": 3.0, "first_look": 0.5, "longest_wait": 2.0},
    **{name: {"limit": 5.0, "quiescence": QUIET_AFTER[name.partition("-")[0]]} for name in INSTALLATIONS},
}
"""Everything that is waited for, shorter."""


@pytest.fixture(scope="session")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo whose deadlines, limits and quiescence times are short: for everything that waits for them."""
    with started(tmp_path_factory.mktemp("impatient") / "state", SHORT) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_fault_is_left_on(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for name in {"demo", "impatient", "servers"} & set(request.fixturenames):
        request.getfixturevalue(name).clear_faults()


@pytest.fixture
def key() -> str:
    """A fresh Idempotency-Key."""
    return uuid.uuid4().hex
