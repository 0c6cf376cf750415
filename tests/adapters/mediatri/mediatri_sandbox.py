"""The sandbox as a process of its own, and its Mediatri as a `Subject` of the contract suite.

Everything goes over a wire: the vendor's (the adapter) and the control interface (the desk, the bookings, the faults).
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from adapters.base import Installation, RawMessage
from adapters.contract import Booking, Fault, Minor, Operation, Subject
from adapters.mediatri.adapter import MediatriAdapter
from canonical import times
from canonical.model import Person, TimeKey
from tests.plain_http import PLAIN

NAME: Final = "mediatri-sipoo"
OTHER: Final = "pegasos-loviisa"
"""There, too, to have residents who are no customers of Mediatri's."""
TODAY: Final = "2027-10-25T08:00:00+03:00"
"""A Monday; the clock goes back on the Sunday."""
FIRST: Final = times.instant("2027-10-26T00:00:00+03:00")
NIGHT_SPAN: Final = {"start": "2027-10-31T03:00:00+03:00", "end": "2027-10-31T04:00:00+02:00"}
SERVICES: Final = ("HYGI", "JALK-X", "LAAK", "LAPU", "NEUV", "SAIR", "SUUN", "TERV")
"""Services whose times hold one person."""
STRANGER: Final = Person("020503F9037", "Olematon", ("Oiva",), date(2003, 5, 2), "fi", "753")
ROOT: Final = Path(__file__).parents[3]

_NO_RECORDS: Final = frozenset({"HaeVapaatAjat", "VaraaAika"})
_KINDS: Final = {
    Fault.ERROR_BEFORE_WORK: ("error", {"code": ""}),
    Fault.ERROR_AFTER_WORK: ("error-after-work", {"code": ""}),
    Fault.CUT_REPLY: ("cut-reply", {"bytes": 400}),
    Fault.SLOW: ("slow", {"seconds": 1}),
    Fault.WORK_LATE: ("work-late", {"seconds": 0.7}),
}


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox: what it says of itself, and its control interface."""

    described: dict[str, Any]
    control: httpx.Client

    def installation(self) -> Installation:
        """Its Mediatri, as the configuration would name it."""
        found = next(one for one in self.described["installations"] if one["name"] == NAME)
        places, sectors = tuple(found["municipalities"]), tuple(found["sectors"])
        return Installation(NAME, found["system"], found["release"], places, sectors, found["options"])

    def persons(self) -> dict[str, Person]:
        """The test persons, by key (birth dates and towns are of no meaning here)."""
        return {one["key"]: _person(one["hetu"], one["name"]) for one in self.described["persons"]}

    def residents(self, installation: str) -> list[str]:
        """HETUs of people with bookings there, without the test persons."""
        special = {person["hetu"] for person in self.described["persons"]}
        bookings = self.control.get(f"/installations/{installation}/bookings").raise_for_status().json()
        return [hetu for hetu in dict.fromkeys(booking["person"] for booking in bookings) if hetu not in special]

    def clear_the_night(self) -> None:
        """Have the desk cancel what is booked in the hour that happens twice, so that the exam can book all of it."""
        for booking in self.control.get(f"/installations/{NAME}/bookings", params=NIGHT_SPAN).raise_for_status().json():
            if booking["status"] == "booked":
                self.control.post(f"/installations/{NAME}/desk/cancel", json={"id": booking["id"]}).raise_for_status()

    def reset_clock(self) -> None:
        """Today is `TODAY` again."""
        self.control.put("/clock", json={"now": TODAY}).raise_for_status()


@contextmanager
def running(state: Path) -> Iterator[Sandbox]:
    """A sandbox of its own on free ports, ready to answer, on `TODAY`."""
    command = [sys.executable, "-m", "sandbox"]
    which = ["--installation", NAME, "--installation", OTHER]
    init = [*command, "init", "--state", str(state), "--port-base", str(_free_port()), *which]
    subprocess.run(init, check=True, capture_output=True, cwd=ROOT)
    described = json.loads(subprocess.check_output([*command, "describe", "--state", str(state), "--json"], cwd=ROOT))
    with (state / "log").open("wb") as log:
        process = subprocess.Popen([*command, "serve", "--state", str(state)], stdout=log, stderr=log, cwd=ROOT)
    try:
        with httpx.Client(verify=PLAIN, base_url=described["control"], timeout=30, trust_env=False) as control:
            _wait(control, process, state / "log")
            found = Sandbox(described, control)
            found.reset_clock()
            found.clear_the_night()
            yield found
    finally:
        process.terminate()
        process.wait(20)


def _free_port() -> int:
    """Where the sandbox begins to look for its ports: it passes over what is busy."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return min(int(found.getsockname()[1]), 60_000)


def _wait(control: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            if control.get("/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the sandbox did not start: {log.read_text()[-2000:]}")


class MediatriSubject(Subject):
    """`mediatri-sipoo` of a running sandbox, for one test. ``newcomers`` are HETUs, each given to one test only."""

    start = FIRST
    end = FIRST + timedelta(days=1)
    services = SERVICES
    stranger = STRANGER
    fault_limit = 0.4

    def __init__(self, sandbox: Sandbox, known: Sequence[Person], newcomers: Iterator[str]) -> None:
        self.adapter = MediatriAdapter(sandbox.installation())
        self.known = known
        self.minor = Minor(sandbox.persons()["onni"], ("2", "4", None))
        self._sandbox = sandbox
        self._control = httpx.AsyncClient(
            verify=PLAIN, base_url=sandbox.described["control"], trust_env=False, timeout=30
        )
        self._newcomers = newcomers
        self._late = self._moved_the_clock = False

    async def close(self) -> None:
        """Leave the sandbox as the next test wants to find it."""
        await self.disarm()
        if self._moved_the_clock:
            self._sandbox.reset_clock()
        await self._control.aclose()
        await self.adapter.close()

    async def newcomer(self) -> Person:
        for hetu in self._newcomers:
            if not await self.is_customer(hetu):
                return _person(hetu, "Uusi Asiakas")
        raise AssertionError("no resident is left who is not a customer")

    async def desk_book(self, person: Person, time: TimeKey) -> str:
        wanted = {"person": person.hetu, "start": times.iso(time.start), "calendar": time.key}
        return str((await self._ask("POST", "desk/book", json=wanted))["id"])

    async def desk_move(self, local_id: str, time: TimeKey) -> None:
        wanted = {"id": local_id, "start": times.iso(time.start), "calendar": time.key}
        await self._ask("POST", "desk/move", json=wanted)

    async def desk_cancel(self, local_id: str) -> None:
        await self._ask("POST", "desk/cancel", json={"id": local_id})

    async def bookings(self, placer_id: str) -> Sequence[Booking]:
        found = await self._ask("GET", "bookings", params={"placer_id": placer_id})
        return [
            Booking(
                b["id"],
                b["placer_id"],
                b["person"],
                times.instant(b["start"]),
                times.instant(b["end"]),
                b["status"],
            )
            for b in found
        ]

    async def arm(self, fault: Fault, operation: Operation) -> None:
        kind, params = _KINDS.get(fault, (str(fault), {}))
        armed: dict[str, Any] = {"kind": kind, "operation": str(operation), "params": params}
        if fault is Fault.REFUSE_CONNECTION:
            armed = {"kind": kind, "seconds": 60}
        await self._ask("POST", "faults", json=armed)
        self._late = fault is Fault.WORK_LATE

    async def disarm(self) -> None:
        await self._ask("DELETE", "faults")

    def no_counterpart(self, fault: Fault, operation: Operation) -> str | None:
        return "Mediatri books at once, or not at all" if fault is Fault.PENDING_ANSWER else None

    async def let_holds_expire(self) -> None:
        self._moved_the_clock = True
        answer = await self._control.post("/clock/advance", json={"seconds": 301})
        assert answer.is_success, answer.text

    async def now(self) -> datetime:
        return times.instant((await self._control.get("/clock")).json()["now"])

    async def quiet(self) -> None:
        """Only `work-late` works on, for as long as it was told to; a whole quiescence time would be an idle wait."""
        await asyncio.sleep(1.5 if self._late else 0.1)

    async def night_times(self) -> Sequence[TimeKey]:
        found = await self._ask("GET", "free-times", params={**NIGHT_SPAN, "service": "YOPU"})
        return [TimeKey(one["calendar"], times.instant(one["start"]), times.instant(one["end"])) for one in found]

    def raw_message(self, operation: str, reply: bytes) -> RawMessage | None:
        return None if operation in _NO_RECORDS else RawMessage(operation, reply)

    async def _ask(self, method: str, path: str, **parts: Any) -> Any:
        answer = await self._control.request(method, f"/installations/{NAME}/{path}", **parts)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()


def known_persons(sandbox: Sandbox) -> list[Person]:
    """Residents whom Mediatri knows, with the names the population register has."""
    register = sandbox.described["register"]
    hetus = sandbox.residents(NAME)[:10]
    with httpx.Client(verify=PLAIN, base_url=register["address"], headers={"X-API-Key": register["api_key"]}) as client:
        found = [client.post("/persons/search", json={"hetu": hetu}).raise_for_status().json() for hetu in hetus]
    return [_person(one["hetu"], f"{one['given']} {one['family']}") for one in found]


def newcomers(sandbox: Sandbox) -> Iterator[str]:
    """Residents who book elsewhere, and may not be customers of Mediatri yet."""
    yield from sorted(sandbox.residents(OTHER))


def _person(hetu: str, name: str) -> Person:
    given, _, family = name.rpartition(" ")
    return Person(hetu, family, tuple(given.split()), date(2000, 1, 1), "fi", "753")
