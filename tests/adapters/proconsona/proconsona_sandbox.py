"""The sandbox as a process of its own, and its ProConsona as a `Subject` of the contract suite.

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
from adapters.proconsona.adapter import ProConsonaAdapter
from canonical.model import FreeQuery, Person, TimeKey
from canonical.times import instant
from sandbox.config import config_toml, new_config
from sandbox.installations import INSTALLATIONS
from tests.plain_http import PLAIN

NAME: Final = "proconsona-loviisa"
OTHERS: Final = ("proconsona-sipoo", "proconsona-askola")
_NO_RECORDS: Final = frozenset({"probe", "find", "free-time"})
_KINDS: Final[dict[Fault, tuple[str, dict[str, Any]]]] = {
    Fault.ERROR_BEFORE_WORK: ("error", {"code": "503"}),
    Fault.CUT_REPLY: ("cut-reply", {"bytes": 700}),
    Fault.SLOW: ("slow", {"seconds": 3}),
    Fault.WORK_LATE: ("work-late", {"seconds": 1}),
    Fault.PENDING_ANSWER: ("pending-answer", {"decide": "booked", "after": 300}),
}


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox: the address of its control interface, and what it says of itself."""

    control: str
    described: dict[str, Any]

    def installation(self, name: str = NAME) -> Installation:
        """One of its ProConsonas, as the configuration would name it."""
        found = next(one for one in self.described["installations"] if one["name"] == name)
        options = {"address": found["address"], **{key: found["credentials"][key] for key in ("api_key", "secret")}}
        places, sectors = tuple(found["municipalities"]), tuple(found["sectors"])
        return Installation(name, found["system"], found["release"], places, sectors, options)

    def persons(self) -> dict[str, Person]:
        """The test persons, by key (the birth dates are of no meaning here)."""
        return {one["key"]: _person(one["hetu"], one["name"]) for one in self.described["persons"]}


@contextmanager
def running(state: Path) -> Iterator[Sandbox]:
    """A sandbox of its own on free ports, ready to answer."""
    everything = tuple(dict.fromkeys((*INSTALLATIONS, NAME, *OTHERS)))
    state.mkdir(exist_ok=True)
    (state / "sandbox.toml").write_text(
        config_toml(new_config(_free_port(), installations=everything)), encoding="utf-8"
    )
    command = [sys.executable, "-m", "sandbox"]
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


class ProConsonaSubject(Subject):
    """`proconsona-loviisa`, for one test. What it knows of its persons' bookings it asks the control interface."""

    services = ("IKA", "PER", "TSO", "TST", "VAM")
    start = instant("2027-03-23T00:00:00+02:00")
    end = instant("2027-03-25T00:00:00+02:00")
    fault_limit = 0.7
    unknown_appointment = "00000000-0000-4000-8000-000000000000"

    def __init__(self, sandbox: Sandbox) -> None:
        self.adapter = ProConsonaAdapter(sandbox.installation())
        self.moved_the_clock = False
        self._control = httpx.AsyncClient(verify=PLAIN, base_url=sandbox.control, trust_env=False, timeout=30)
        self._late = False
        persons = sandbox.persons()
        self._nobody = persons["marja"]
        self.known = [persons[key] for key in ("aino", "helvi", "axel")]
        self.stranger = _person("010101A999X", "Outi Outolintu")
        self.minor = Minor(persons["lilja"], ("2", "4", None))

    async def close(self) -> None:
        """Leave the sandbox as the next test wants to find it."""
        await self.disarm()
        if self.moved_the_clock:
            await self._ask("POST", "/reset")
        await self._control.aclose()
        await self.adapter.close()

    async def newcomer(self) -> Person:
        """The same at each call: nobody becomes a customer through this interface."""
        return self._nobody

    async def desk_book(self, person: Person, time: TimeKey) -> str:
        return str((await self._desk("book", await self._wanted(person, time)))["id"])

    async def desk_propose(self, person: Person, time: TimeKey) -> str:
        return str((await self._desk("propose", await self._wanted(person, time)))["id"])

    async def desk_move(self, local_id: str, time: TimeKey) -> None:
        wanted = {"id": local_id, "start": time.start.isoformat(), "calendar": await self._calendar(time)}
        await self._desk("move", wanted)

    async def desk_cancel(self, local_id: str) -> None:
        await self._desk("cancel", {"id": local_id})

    async def held(self, local_id: str) -> Booking:
        return _booking(await self._ask("GET", f"/installations/{NAME}/bookings/{local_id}"))

    async def bookings(self, placer_id: str) -> Sequence[Booking]:
        return [_booking(b) for b in await self._ask("GET", f"/installations/{NAME}/bookings?placer_id={placer_id}")]

    async def arm(self, fault: Fault, operation: Operation) -> None:
        kind, params = _KINDS.get(fault, (str(fault), {}))
        await self.arm_native(kind, "*" if fault is Fault.REFUSE_CONNECTION else str(operation), params)
        self._late = fault is Fault.WORK_LATE

    async def arm_native(self, kind: str, operation: str, params: dict[str, Any] | None = None) -> None:
        """Arm a fault by the manual's own name for it (A.2)."""
        wanted = {"kind": kind, "operation": operation, "params": params or {}}
        await self._ask("POST", f"/installations/{NAME}/faults", wanted)

    async def disarm(self) -> None:
        await self._ask("DELETE", f"/installations/{NAME}/faults")

    async def quiet(self) -> None:
        """Only `work-late` works on, for as long as it was told to; a whole quiescence time would be an idle wait."""
        await asyncio.sleep(2.0 if self._late else 0.1)

    async def now(self) -> datetime | None:
        return instant((await self._ask("GET", "/clock"))["now"])

    async def night_times(self) -> Sequence[TimeKey]:
        """The autumn night: the sandbox's clock goes to the days before it."""
        self.moved_the_clock = True
        await self._ask("PUT", "/clock", {"now": "2027-10-28T08:00:00+03:00"})
        night = FreeQuery(instant("2027-10-31T02:30:00+03:00"), instant("2027-10-31T04:30:00+02:00"), ("SPY",))
        return [free.time for free in await self.adapter.find_free(Call("contract", LIMIT), night)]

    def raw_message(self, operation: str, reply: bytes) -> RawMessage | None:
        return None if operation in _NO_RECORDS else RawMessage(operation, reply)

    async def _wanted(self, person: Person, time: TimeKey) -> dict[str, Any]:
        return {"person": person.hetu, "start": time.start.isoformat(), "calendar": await self._calendar(time)}

    async def _calendar(self, time: TimeKey) -> str:
        free = await self.adapter.free_time(Call("contract", LIMIT), time)
        assert free is not None, "the desk takes free times"
        return free.schedule

    async def _desk(self, what: str, body: dict[str, Any]) -> Any:
        return await self._ask("POST", f"/installations/{NAME}/desk/{what}", body)

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = await self._control.request(method, path, json=body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()


def _booking(b: dict[str, Any]) -> Booking:
    """What the desk has proposed is `proposed`; what the resident wishes for instead is `pending`."""
    status = "pending" if b["status"] == "proposed" and b["by_resident"] else b["status"]
    return Booking(b["id"], b["placer_id"], b["person"], instant(b["start"]), instant(b["end"]), status)


def _person(hetu: str, name: str) -> Person:
    given, _, family = name.partition(" ")
    return Person(hetu, family, (given,), date(2000, 1, 1), "fi", "434")
