"""A `Subject` written out: the reference adapter's. Yours does the same to your record system by other means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from adapters.contract.subject import Booking, Fault, Minor, Operation, Subject
from adapters.memory import HELD_FOR, Appointment, MemoryAdapter, Request, Rules, open_memory, town
from adapters.memory import Fault as WireFault
from canonical.model import Person, TimeKey

_NIGHTS: Final = (
    datetime(2027, 3, 28, 0, 30, tzinfo=UTC),
    datetime(2027, 3, 28, 1, 0, tzinfo=UTC),
    datetime(2027, 10, 31, 0, 30, tzinfo=UTC),
    datetime(2027, 10, 31, 1, 30, tzinfo=UTC),
)
"""02:30 and, the next half hour but one on the clock, 04:00 in spring; both 03:30s in autumn."""


class MemorySubject(Subject):
    """A fresh master of some rules, and an adapter of ``kind`` to it."""

    services = tuple(service.id for service in town.SERVICES if service.places == 1)
    known = town.CUSTOMERS
    stranger = town.STRANGER
    minor = Minor(town.MINOR, town.MINOR_CODES)
    start = town.TODAY
    end = town.TODAY + timedelta(days=3)
    fault_limit = 0.05

    def __init__(
        self, rules: Rules | None = None, charset: str = "utf-8", kind: type[MemoryAdapter] = MemoryAdapter
    ) -> None:
        self._now = town.TODAY
        made = open_memory(rules=rules, charset=charset, now=lambda: self._now)
        self._wire, self._master = made.wire, made.master
        self.adapter = kind(made.installation, made.wire, quiescence=0.05)
        self._newcomers: Iterator[Person] = iter(town.NEWCOMERS)

    async def newcomer(self) -> Person:
        return next(self._newcomers)

    async def desk_book(self, person: Person, time: TimeKey) -> str:
        patient = self._master.patient_of(person.hetu)
        assert patient is not None, "the desk books for customers"
        return self._master.book(Request(patient.number, time.key, time.start)).id

    async def desk_move(self, local_id: str, time: TimeKey) -> None:
        self._master.move(local_id, time.key, time.start)

    async def desk_cancel(self, local_id: str) -> None:
        self._master.decide(local_id, "cancelled")

    async def desk_propose(self, person: Person, time: TimeKey) -> str:
        patient = self._master.patient_of(person.hetu)
        assert patient is not None, "the desk proposes to customers"
        return self._master.propose(patient.number, time.key, time.start).id

    async def let_holds_expire(self) -> None:
        self._now += HELD_FOR

    async def now(self) -> datetime:
        return self._now

    async def held(self, local_id: str) -> Booking:
        found = self._master.appointment(local_id)
        assert found is not None
        return self._booking(found)

    async def bookings(self, placer_id: str) -> Sequence[Booking]:
        return [self._booking(one) for one in self._master.appointments(placer_id=placer_id)]

    async def is_customer(self, hetu: str) -> bool:
        return self._master.patient_of(hetu) is not None

    async def arm(self, fault: Fault, operation: Operation) -> None:
        seconds = 0.02 if fault is Fault.WORK_LATE else 60.0
        self._wire.arm(WireFault(str(fault), str(operation), seconds=seconds))

    async def disarm(self) -> None:
        self._wire.disarm()

    async def night_times(self) -> Sequence[TimeKey]:
        opened = [self._master.open("K1", start, start + timedelta(minutes=20)) for start in _NIGHTS]
        return [TimeKey(time.key, time.start, time.end) for time in opened]

    def _booking(self, found: Appointment) -> Booking:
        return Booking(found.id, found.placer_id, self._hetu(found.patient), found.start, found.end, found.status)

    def _hetu(self, number: str) -> str:
        patient = self._master.patient(number)
        assert patient is not None, "appointments are customers'"
        return patient.hetu
