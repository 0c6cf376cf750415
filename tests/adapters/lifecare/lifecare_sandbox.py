"""The sandbox as a process of its own, and its Lifecare as a `Subject` of the contract suite.

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
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import httpx

from adapters.base import Installation, RawMessage
from adapters.call import Call
from adapters.contract import LIMIT, Booking, Fault, Minor, Operation, Subject
from adapters.lifecare.adapter import LifecareAdapter
from canonical.model import FreeQuery, Person, TimeKey
from canonical.times import instant
from sandbox.config import config_toml, new_config
from tests.plain_http import PLAIN

_NO_RECORDS: Final = frozenset({"token", "probe", "find", "free-time", "night", "hold", "release"})
_KINDS: Final = {
    Fault.ERROR_BEFORE_WORK: ("error", {"code": "503"}),
    Fault.CUT_REPLY: ("cut-reply", {"bytes": 300}),
    Fault.SLOW: ("slow", {"seconds": 3}),
    Fault.WORK_LATE: ("work-late", {"seconds": 1}),
    Fault.PENDING_ANSWER: ("pending-answer", {"decide": "booked", "after": 300}),
}


@dataclass(frozen=True, slots=True)
class Site:
    """What the exam needs to know of one installation of Lifecare. ``known`` are test persons without behaviours of
    their own; ``night`` is the service that is given at night, ``services`` the others that hold one person each."""

    name: str
    root: str
    services: tuple[str, ...]
    night: str
    known: tuple[str, ...]
    unknown_appointment: str
    minor: str | None = None


PORVOO: Final = Site(
    "lifecare-porvoo",
    "urn:oid:2.999.638",
    ("HAAVA-X", "HAMT", "NEUV", "PUHL", "SUUH", "TERV", "YLE"),
    "YOPU",
    ("aino", "marja", "helvi", "onni", "lilja"),
    "A999999999",
    "onni",
)
SOCIAL: Final = Site(
    "lifecare-porvoo-sosiaali",
    "urn:oid:2.999.638.2",
    ("AIK", "IKA", "LAV", "NEU-X", "PER", "TOI", "VAM"),
    "PAI",
    ("aino", "lilja"),
    "S999999999",
)
ASKOLA: Final = Site(
    "lifecare-askola",
    "urn:oid:2.999.18",
    ("10", "20", "25", "40", "45", "9A"),
    "90",
    ("aino", "onni", "lilja"),
    "V999999999",
    "onni",
)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox: the address of its control interface, and what it says of itself."""

    control: str
    described: dict[str, Any]

    def installation(self, site: Site = PORVOO) -> Installation:
        """Its Lifecare, as the configuration would name it."""
        found = next(one for one in self.described["installations"] if one["name"] == site.name)
        options = {"address": found["address"], "root": site.root, **found["credentials"]}
        places, sectors = tuple(found["municipalities"]), tuple(found["sectors"])
        return Installation(site.name, found["system"], found["release"], places, sectors, options)

    def persons(self) -> dict[str, Person]:
        """The test persons, by key (the birth dates are of no meaning here)."""
        return {one["key"]: _person(one["hetu"], one["name"]) for one in self.described["persons"]}


@contextmanager
def running(state: Path, site: Site = PORVOO) -> Iterator[Sandbox]:
    """A sandbox of its own on free ports, ready to answer: the site, and Pegasos, where others are customers."""
    command = [sys.executable, "-m", "sandbox"]
    config = new_config(_free_port(), installations=(site.name, "pegasos-loviisa"))
    state.mkdir(exist_ok=True)
    (state / "sandbox.toml").write_text(config_toml(config), encoding="utf-8")
    told = subprocess.run([*command, "describe", "--state", str(state), "--json"], check=True, capture_output=True)
    described = json.loads(told.stdout)
    with (state / "log").open("wb") as log:
        process = subprocess.Popen([*command, "serve", "--state", str(state)], stdout=log, stderr=log)
    try:
        _wait(f"{described['control']}/readyz", process, state / "log")
        yield Sandbox(described["control"], described)
    finally:
        process.terminate()
        process.wait(20)


def _free_port() -> int:
    """Where the sandbox begins to look for its ports: it passes over what is busy."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return min(int(found.getsockname()[1]), 60_000)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            if httpx.get(url, trust_env=False, verify=PLAIN).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the sandbox did not start: {log.read_text()[-2000:]}")


class LifecareSubject(Subject):
    """One site, for one test. What it knows of its persons' bookings it asks the control interface."""

    start = instant("2027-03-23T00:00:00+02:00")
    end = instant("2027-03-24T00:00:00+02:00")
    fault_limit = 0.7

    def __init__(self, sandbox: Sandbox, newcomers: Iterator[str], site: Site = PORVOO) -> None:
        self.adapter = LifecareAdapter(sandbox.installation(site))
        self.services = site.services
        self.unknown_appointment = site.unknown_appointment  # type: ignore[misc]
        self.sandbox = sandbox
        self._site, self._at = site, f"/installations/{site.name}"
        self.moved_the_clock = False
        self._control = httpx.AsyncClient(verify=PLAIN, base_url=sandbox.control, trust_env=False, timeout=30)
        self._newcomers = newcomers
        self._late = False
        persons = sandbox.persons()
        self.known = [persons[key] for key in site.known]
        self.stranger = _person("010101A999X", "Outi Outolintu")
        self.minor = Minor(persons[site.minor], ("2", "4", None)) if site.minor else None

    async def close(self) -> None:
        """Leave the sandbox as the next test wants to find it."""
        await self.disarm()
        if self.moved_the_clock:
            await self._ask("POST", "/reset")
        await self._control.aclose()
        await self.adapter.close()

    async def newcomer(self) -> Person:
        for hetu in self._newcomers:
            if not await self.is_customer(hetu):
                return _person(hetu, "Uusi Asiakas")
        raise AssertionError("no resident is left who is not a customer")

    async def desk_book(self, person: Person, time: TimeKey) -> str:
        wanted = {"person": person.hetu, "start": time.start.isoformat(), "calendar": await self._calendar(time)}
        return str((await self._desk("book", wanted))["id"])

    async def desk_move(self, local_id: str, time: TimeKey) -> None:
        wanted = {"id": local_id, "start": time.start.isoformat(), "calendar": await self._calendar(time)}
        await self._desk("move", wanted)

    async def desk_cancel(self, local_id: str) -> None:
        await self._desk("cancel", {"id": local_id})

    async def let_holds_expire(self) -> None:
        self.moved_the_clock = True
        await self._ask("POST", "/clock/advance", {"seconds": 601})

    async def now(self) -> datetime:
        return instant((await self._ask("GET", "/clock"))["now"])

    async def bookings(self, placer_id: str) -> Sequence[Booking]:
        found = await self._ask("GET", f"{self._at}/bookings?placer_id={placer_id}")
        return [
            Booking(b["id"], b["placer_id"], b["person"], instant(b["start"]), instant(b["end"]), b["status"])
            for b in found
        ]

    async def arm(self, fault: Fault, operation: Operation) -> None:
        kind, params = _KINDS.get(fault, (str(fault), {}))
        everything = fault is Fault.REFUSE_CONNECTION
        wanted = {"kind": kind, "operation": "*" if everything else str(operation), "params": params}
        await self._ask("POST", f"{self._at}/faults", wanted)
        self._late = fault is Fault.WORK_LATE

    async def disarm(self) -> None:
        await self._ask("DELETE", f"{self._at}/faults")

    async def quiet(self) -> None:
        """Only `work-late` works on, for as long as it was told to; a whole quiescence time would be an idle wait."""
        await asyncio.sleep(2.0 if self._late else 0.1)

    async def night_times(self) -> Sequence[TimeKey]:
        """The autumn night: the sandbox's clock goes to the days before it."""
        self.moved_the_clock = True
        await self._ask("PUT", "/clock", {"now": "2027-10-28T08:00:00+03:00"})
        night = FreeQuery(
            instant("2027-10-31T02:30:00+03:00"), instant("2027-10-31T04:30:00+02:00"), (self._site.night,)
        )
        return [free.time for free in await self.adapter.find_free(Call("contract", LIMIT), night)]

    def raw_message(self, operation: str, reply: bytes) -> RawMessage | None:
        return None if operation in _NO_RECORDS else RawMessage(operation, reply)

    async def _calendar(self, time: TimeKey) -> str:
        free = await self.adapter.free_time(Call("contract", LIMIT), time)
        assert free is not None, "the desk takes free times"
        return free.schedule

    async def _desk(self, what: str, body: dict[str, Any]) -> Any:
        return await self._ask("POST", f"{self._at}/desk/{what}", body)

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = await self._control.request(method, path, json=body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()


def newcomers(sandbox: Sandbox) -> Iterator[str]:
    """Residents who book elsewhere, and may not be customers of Lifecare yet."""
    found = httpx.get(
        f"{sandbox.control}/installations/pegasos-loviisa/bookings", trust_env=False, timeout=30, verify=PLAIN
    ).json()
    known = {person["hetu"] for person in sandbox.described["persons"]}
    yield from sorted({booking["person"] for booking in found} - known)


def _person(hetu: str, name: str) -> Person:
    given, _, family = name.partition(" ")
    return Person(hetu, family, (given,), date(2000, 1, 1), "fi", "638")
