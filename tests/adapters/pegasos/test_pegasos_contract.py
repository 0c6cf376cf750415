"""Pegasos sits the exam of all adapters, against the sandbox in a process of its own: by wire and control interface."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from adapters.base import Installation
from adapters.contract import AdapterContract, Booking, Fault, Minor, Operation, Subject
from adapters.pegasos import PegasosAdapter
from canonical import times
from canonical.model import Person, TimeKey
from mappings.pegasos import keys
from tests.plain_http import PLAIN

NAME: Final = "pegasos-loviisa"
TODAY: Final = "2027-10-25T08:00:00+03:00"
"""A Monday; the clock goes back on the Sunday."""
FIRST: Final = times.instant("2027-10-26T00:00:00+03:00")
NIGHT_SPAN: Final = {"start": "2027-10-31T03:00:00+03:00", "end": "2027-10-31T04:00:00+02:00"}
NIGHT_SERVICE: Final = "1090"
"""Advice by telephone, at night too."""
SERVICES: Final = ("1010", "1020", "199X")
"""Services whose times hold one person."""
STRANGER: Final = Person("020503F9037", "Olematon", ("Oiva",), date(2003, 5, 2), "fi", "434")
KINDS: Final = {Fault.ERROR_BEFORE_WORK: "error"}


@dataclass(slots=True)
class Sandbox:
    """A running sandbox: what `describe` says of it, its control interface, and people to examine with."""

    described: dict[str, Any]
    control: httpx.Client
    mode: str
    known: list[Person] = field(default_factory=list)
    newcomers: list[Person] = field(default_factory=list)

    @property
    def installation(self) -> dict[str, Any]:
        return next(one for one in self.described["installations"] if one["name"] == NAME)

    def meet_people(self) -> None:
        """Residents whom Pegasos knows, and some that only Lifecare does, as far as their visits tell."""
        special = {person["hetu"] for person in self.described["persons"]}
        here = self._residents(NAME)
        others = self._residents("lifecare-porvoo")
        self.known = self._persons([hetu for hetu in here if hetu not in special][:10])
        self.newcomers = self._persons([hetu for hetu in others if hetu not in {*special, *here}][:60])

    def clear_the_night(self) -> None:
        """Have the desk cancel what is booked in the hour that happens twice, so that the exam can book all of it."""
        for booking in self.control.get(f"/installations/{NAME}/bookings", params=NIGHT_SPAN).raise_for_status().json():
            self.control.post(f"/installations/{NAME}/desk/cancel", json={"id": booking["id"]}).raise_for_status()

    def _residents(self, installation: str) -> list[str]:
        bookings = self.control.get(f"/installations/{installation}/bookings").raise_for_status().json()
        return list(dict.fromkeys(booking["person"] for booking in bookings))

    def _persons(self, hetus: list[str]) -> list[Person]:
        register = self.described["register"]
        with httpx.Client(
            verify=PLAIN, base_url=register["address"], headers={"X-API-Key": register["api_key"]}
        ) as client:
            answers = [client.post("/persons/search", json={"hetu": hetu}).raise_for_status().json() for hetu in hetus]
        return [_person(found) for found in answers]


def _person(found: dict[str, Any]) -> Person:
    born, given = date.fromisoformat(found["birth_date"]), tuple(found["given"].split())
    return Person(found["hetu"], found["family"], given, born, found["language"], found["municipality"])


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A sandbox of its own, its Pegasos in the acknowledgement mode that the module names."""
    mode = getattr(request.module, "MODE", "original")
    state = tmp_path_factory.mktemp("sandbox")
    command = [sys.executable, "-m", "sandbox"]
    subprocess.run([*command, "init", "--state", state, "--port-base", str(_free_port())], check=True, cwd=ROOT)
    with (state / "sandbox.toml").open("a") as config:
        config.write(f'\n[installations.{NAME}.options]\nacknowledgement = "{mode}"\n')
    described = json.loads(subprocess.check_output([*command, "describe", "--state", state, "--json"], cwd=ROOT))
    with (state / "log").open("wb") as log:
        process = subprocess.Popen([*command, "serve", "--state", state], cwd=ROOT, stderr=log, stdout=log)
    try:
        with httpx.Client(verify=PLAIN, base_url=described["control"], timeout=30) as control:
            _wait_until_ready(control, process, state / "log")
            control.put("/clock", json={"now": TODAY}).raise_for_status()
            running = Sandbox(described, control, mode)
            running.meet_people()
            running.clear_the_night()
            yield running
    finally:
        process.terminate()
        process.wait(20)


ROOT: Final = Path(__file__).parents[3]


def _free_port() -> int:
    """Somewhere to begin looking for free ports, as the sandbox then does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return min(int(probe.getsockname()[1]), 60_000)


def _wait_until_ready(control: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            if control.get("/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail("the sandbox is not ready after 30 s")


class PegasosSubject(Subject):
    """The installation ``pegasos-loviisa`` of a running sandbox."""

    start = FIRST
    end = FIRST + timedelta(days=1)
    services = SERVICES
    stranger = STRANGER
    fault_limit = 0.25

    def __init__(self, sandbox: Sandbox) -> None:
        self._late = False
        one = sandbox.installation
        options = {"address": one["address"], **one["credentials"], "limit": 5.0, "quiescence": 0.8}
        options["acknowledgement"] = sandbox.mode
        self.adapter = PegasosAdapter(
            Installation(
                NAME, one["system"], one["release"], tuple(one["municipalities"]), tuple(one["sectors"]), options
            )
        )
        self.known = sandbox.known
        onni = next(person for person in sandbox.described["persons"] if person["key"] == "onni")
        self.minor = Minor(
            Person(onni["hetu"], "Alaikäinen", ("Onni",), date(2012, 7, 5), "fi", "638"), ("2", "4", None)
        )
        self._sandbox = sandbox
        self._control = httpx.AsyncClient(verify=PLAIN, base_url=sandbox.described["control"], timeout=30)

    async def close(self) -> None:
        await self.adapter.close()
        await self._control.aclose()

    async def _ask(self, method: str, path: str, **parts: Any) -> Any:
        answer = await self._control.request(method, f"/installations/{NAME}/{path}", **parts)
        assert answer.is_success, answer.text
        return answer.json()

    async def newcomer(self) -> Person:
        return self._sandbox.newcomers.pop()

    async def desk_book(self, person: Person, time: TimeKey) -> str:
        names = keys.unpack(time.key)
        assert names is not None
        body = {"person": person.hetu, "calendar": names[0], "start": times.iso(time.start)}
        return str((await self._ask("POST", "desk/book", json=body))["id"])

    async def desk_move(self, local_id: str, time: TimeKey) -> None:
        names = keys.unpack(time.key)
        assert names is not None
        body = {"id": local_id, "calendar": names[0], "start": times.iso(time.start)}
        await self._ask("POST", "desk/move", json=body)

    async def desk_cancel(self, local_id: str) -> None:
        await self._ask("POST", "desk/cancel", json={"id": local_id})

    async def bookings(self, placer_id: str) -> Sequence[Booking]:
        found = await self._ask("GET", "bookings", params={"placer_id": placer_id})
        return [
            Booking(
                local_id=one["id"],
                placer_id=one["placer_id"],
                hetu=one["person"],
                start=times.instant(one["start"]),
                end=times.instant(one["end"]),
                status=one["status"],
            )
            for one in found
        ]

    async def arm(self, fault: Fault, operation: Operation) -> None:
        params: dict[str, Any] = {}
        if fault in (Fault.SLOW, Fault.WORK_LATE):
            params = {"seconds": 0.5}
        elif fault is Fault.PENDING_ANSWER:
            params = {"after": 20.0}
        armed: dict[str, Any] = {"kind": KINDS.get(fault, str(fault)), "operation": str(operation), "params": params}
        if fault is Fault.REFUSE_CONNECTION:
            armed = {"kind": str(fault), "seconds": 60}
        await self._ask("POST", "faults", json=armed)

        self._late = fault in (Fault.SLOW, Fault.WORK_LATE)

    async def quiet(self) -> None:
        """Nothing works on after an answer or the limit but what was told to, for half a second."""
        if self._late:
            await asyncio.sleep(self.adapter.profile.quiescence)

    async def disarm(self) -> None:
        await self._ask("DELETE", "faults")

    def no_counterpart(self, fault: Fault, operation: Operation) -> str | None:
        if fault is Fault.WRONG_PERSON and operation is Operation.REGISTER:
            return "ACK^A28 names nobody"
        return None

    async def night_times(self) -> Sequence[TimeKey]:
        found = await self._ask("GET", "free-times", params={**NIGHT_SPAN, "service": NIGHT_SERVICE})
        return [
            TimeKey(f"{one['calendar']}/{one['service']}", times.instant(one["start"]), times.instant(one["end"]))
            for one in found
        ]


class TestPegasos(AdapterContract):
    @pytest.fixture
    async def subject(self, sandbox: Sandbox) -> AsyncIterator[PegasosSubject]:
        subject = PegasosSubject(sandbox)
        yield subject
        await subject.close()


def test_night_times_are_there(sandbox: Sandbox) -> None:
    """Both half past threes of the autumn night are free in the sandbox: the exam meets the hour that happens twice."""
    span = {**NIGHT_SPAN, "service": NIGHT_SERVICE}
    found = sandbox.control.get(f"/installations/{NAME}/free-times", params=span).raise_for_status().json()
    starts = {datetime.fromisoformat(one["start"]).isoformat() for one in found}
    assert {"2027-10-31T03:30:00+03:00", "2027-10-31T03:30:00+02:00"} <= starts
