"""The examiner: what the suite's tests do with a `Subject`, step by step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NoReturn
from uuid import uuid4

import pytest

from adapters.base import Adapter, Capability, Done
from adapters.call import Call, Recorder
from adapters.contract import checks
from adapters.contract.ledger import Ledger
from adapters.contract.subject import LIMIT, Booking, Fault, Operation, Subject
from adapters.errors import ForeignError, OutcomeUnknown
from canonical import codes, fhir, times
from canonical.commands import Accept, Book, Cancel, Command, Hold, Move, Propose, RegisterPerson, Release
from canonical.model import FreeQuery, FreeTime, LocalPatient, Person, Record, TimeKey

COMMENT: Final = "Polvi on kipeä, kännykkä äänettömällä"
"""A text that belongs to nobody but the resident and the unit."""

LISTENING: Final = frozenset({Fault.HALF_OPEN, Fault.SLOW, Fault.WORK_LATE})
"""Faults that keep the caller waiting until its limit."""

Outcome = Done | ForeignError


def needs(subject: Subject, *capabilities: Capability) -> None:
    """Skip a test of what the installation says it cannot do; that it truly cannot is a test of its own."""
    for capability in capabilities:
        if capability in subject.adapter.profile.gaps:
            pytest.skip(f"{capability}: {subject.adapter.profile.gaps[capability]}")


def record_of(outcome: Outcome) -> Record:
    """The record of what was done; fails for anything else."""
    if not isinstance(outcome, Done):
        unexpected(outcome)
    assert outcome.record is not None, "done, but nothing is said of what"
    return outcome.record


@dataclass(slots=True)
class Exam:
    """One test's way to its subject. Everything the adapter sends meanwhile is in ``ledger``."""

    subject: Subject
    ledger: Ledger = field(default_factory=Ledger)
    _placer_ids: dict[str, str] = field(default_factory=dict)
    _tried: list[str] = field(default_factory=list)
    _at_the_desk: list[str] = field(default_factory=list)
    _held: list[tuple[Hold, str]] = field(default_factory=list)

    @property
    def adapter(self) -> Adapter:
        """The adapter under examination."""
        return self.subject.adapter

    def call(self, limit: float = LIMIT, recorder: Recorder | None = None) -> Call:
        """The context of the next call."""
        return Call(f"req_{uuid4().hex[:20]}", limit, recorder or self.ledger)

    def limit(self, fault: Fault) -> float:
        """Seconds for a call under ``fault``: few where nothing is going to come."""
        return self.subject.fault_limit if fault in LISTENING else LIMIT

    def secrets(self) -> list[str]:
        """What no error and no log line may hold."""
        people = [*self.subject.known, self.subject.stranger]
        names = {name for person in people for name in (person.family, *person.given) if len(name) > 3}
        return [COMMENT, *names, *{person.hetu for person in people}]

    async def patient(self, person: Person) -> LocalPatient:
        """The person as the installation knows them."""
        found = await self.adapter.find_person(self.call(), person.hetu)
        assert found is not None, "a person said to be known is not"
        return found

    async def free(self, services: Sequence[str] | None = None) -> list[FreeTime]:
        """The free times of the subject's span whose times hold one person each."""
        query = self.query(self.subject.start, self.subject.end)
        if services is not None:
            query = replace(query, services=tuple(services))
        return list(await self.adapter.find_free(self.call(), query))

    def query(self, start: datetime, end: datetime) -> FreeQuery:
        """Free times of a span, of services whose times hold one person each."""
        return FreeQuery(start, end, self.subject.services)

    async def times_for(self, *persons: Person, count: int = 1, of: str | None = None) -> list[FreeTime]:
        """``count`` free times, apart from each other and from what the persons hold; ``of`` one service."""
        held: list[tuple[float, float]] = []
        for person in persons:
            for record in await self.adapter.appointments(self.call(), await self.patient(person)):
                if record.resource["status"] in ("booked", "pending"):
                    start, end = (times.instant(record.resource[x]).timestamp() for x in ("start", "end"))
                    held.append((start, end))
        found: list[FreeTime] = []
        for free in await self.free(None if of is None else (of,)):
            start, end = free.time.start.timestamp(), free.time.end.timestamp()
            if all(end <= s or e <= start for s, e in held):
                held.append((start, end))
                found.append(free)
            if len(found) == count:
                return found
        pytest.fail(f"the subject has not {count} free times for {len(persons)} persons")

    async def book(self, person: Person, *, comment: str = "", time: TimeKey | None = None) -> Book:
        """A book command ready to be sent."""
        wanted = time or (await self.times_for(person))[0].time
        command = Book(uuid4().hex, person, wanted, await self.patient(person), comment)
        self._tried.append(command.placer_id)
        return command

    async def desk_book(self, person: Person, time: TimeKey) -> str:
        """The desk books; the appointment's local id."""
        local_id = await self.subject.desk_book(person, time)
        self._at_the_desk.append(local_id)
        return local_id

    async def tidy(self) -> None:
        """Give back the times that the test took, so that a subject that outlives it does not fill up."""
        for hold, token in self._held:
            assert hold.patient is not None
            await self.adapter.perform(self.call(), Release(uuid4().hex, hold.patient, hold.time, token))
        left = [b for placer_id in self._tried for b in await self.subject.bookings(placer_id)]
        for booking in left:
            if booking.status in ("booked", "pending"):
                await self.subject.desk_cancel(booking.local_id)
        for local_id in self._at_the_desk:
            record = await self.adapter.appointment(self.call(), local_id)
            if record is not None and record.resource["status"] in ("booked", "pending"):
                await self.subject.desk_cancel(local_id)

    async def booked(self, person: Person, time: TimeKey | None = None) -> tuple[Book, Record]:
        """A booking that was made."""
        command = await self.book(person, time=time)
        record = record_of(await self.adapter.perform(self.call(), command))
        assert command.patient is not None
        checks.booked(record, command.patient, command.time, command.placer_id)
        self._placer_ids[record.local_id] = command.placer_id
        return command, record

    def cancel(self, book: Book, record: Record) -> Cancel:
        """The command that cancels what was booked, as it was seen last."""
        assert book.patient is not None
        start = times.instant(record.resource["start"])
        return Cancel(uuid4().hex, book.patient, record.local_id, start, record.version, "Este tuli")

    async def move(self, book: Book, record: Record, time: TimeKey | None = None) -> Move:
        """The command that moves what was booked, as it was seen last, to another time of its service."""
        assert book.patient is not None
        wanted = time or (await self.times_for(book.person, of=await self.service_of(record)))[0].time
        start = times.instant(record.resource["start"])
        command = Move(
            uuid4().hex, book.person, book.patient, record.local_id, start, wanted, record.version, "Este tuli"
        )
        self._tried.append(command.placer_id)
        return command

    def same_booking(self, first: Move, second: Move) -> None:
        """Two moves of one booking: the second may name a local id that the first has made."""
        self._placer_ids.setdefault(second.local_id, self._placer_ids[first.local_id])

    def at_the_desk(self, local_id: str) -> None:
        """What the desk cancels when the test is over."""
        self._at_the_desk.append(local_id)

    async def service_of(self, record: Record) -> str:
        """The service of an appointment, by one of the free times of its day: appointments name it in many ways."""
        named = {p["actor"]["reference"] for p in fhir.actors(record.resource, "HealthcareService")}
        for free in await self.free():
            if f"HealthcareService/{free.service}" in named:
                return free.service
        pytest.fail("no free time is of the service that the appointment names")

    async def hold(self, person: Person, time: TimeKey | None = None) -> Hold:
        """A command that holds a time for a known person."""
        wanted = time or (await self.times_for(person))[0].time
        return Hold(uuid4().hex, person, wanted, await self.patient(person))

    async def holding(self, person: Person, time: TimeKey | None = None) -> tuple[Hold, str]:
        """A time that is held, and the token."""
        command = await self.hold(person, time)
        outcome = await self.attempt(command)
        if not isinstance(outcome, Done):
            unexpected(outcome)
        await self.judge(command, outcome)
        assert outcome.hold is not None
        return command, outcome.hold.token

    async def proposal(self, person: Person) -> tuple[Accept, Record]:
        """A proposal of the desk's as it is read, and the command that accepts it."""
        time = (await self.times_for(person))[0].time
        local_id = await self.subject.desk_propose(person, time)
        self._at_the_desk.append(local_id)
        record = await self.adapter.appointment(self.call(), local_id)
        assert record is not None, "a proposal is not shown"
        patient = await self.patient(person)
        return Accept(uuid4().hex, patient, local_id, time.start, record.version), record

    async def propose(self, accept: Accept, record: Record) -> Propose:
        """The command that asks for another time of the service than a proposal has."""
        person = next(p for p in self.subject.known if p.hetu == accept.patient.hetu)
        time = (await self.times_for(person, of=await self.service_of(record)))[0].time
        start = accept.believed_start
        return Propose(uuid4().hex, accept.patient, accept.local_id, start, time, accept.believed_version)

    async def attempt(self, command: Command, limit: float = LIMIT) -> Outcome:
        """Perform it; only errors of `adapters.errors` may come, and they tell nothing of the person."""
        try:
            async with asyncio.timeout(limit + LIMIT):
                return await self.adapter.perform(self.call(limit), command)
        except ForeignError as err:
            self.tells_nothing(err)
            return err
        except TimeoutError:
            pytest.fail("the call went on after its limit")

    def tells_nothing(self, error: ForeignError) -> None:
        """Assert that an error says nothing of any person."""
        checks.no_personal_data(error, self.secrets())

    async def under(self, fault: Fault, operation: Operation, command: Command) -> Outcome:
        """Perform it while ``fault`` is on, and let the record system come to rest."""
        async with self.armed(fault, operation):
            outcome = await self.attempt(command, self.limit(fault))
        await self.subject.quiet()
        return outcome

    @asynccontextmanager
    async def armed(self, fault: Fault, operation: Operation) -> AsyncIterator[None]:
        """The fault is on inside the block. Skips where the wire has no such thing."""
        reason = self.subject.no_counterpart(fault, operation)
        if reason is not None:
            pytest.skip(f"{fault} in {operation}: {reason}")
        await self.subject.arm(fault, operation)
        try:
            if fault is Fault.REFUSE_CONNECTION:
                await self._meet_closed_door()
            yield
        finally:
            await self.subject.disarm()

    async def _meet_closed_door(self) -> None:
        """Let pooled connections find out that the other side has closed them: whether a request that meets one had
        left cannot be said, and is not what the test is about."""
        for _ in range(2):
            try:
                await self.adapter.probe(self.call())
            except ForeignError:
                continue
            pytest.fail("the record system answers although it refuses connections")

    async def effects(self, command: Command) -> int:
        """How many effects of a command the record system holds, by its own listing."""
        if isinstance(command, Book):
            return len(await self.subject.bookings(command.placer_id))
        if isinstance(command, RegisterPerson):
            return int(await self.subject.is_customer(command.person.hetu))
        if isinstance(command, Hold | Release):
            free = await self.adapter.free_time(self.call(), command.time) is not None
            return int(free is isinstance(command, Release))
        if isinstance(command, Accept | Propose):
            held = await self.subject.held(command.local_id)
            if isinstance(command, Accept):
                return int(held.status == "booked")
            return int(held.status == "pending" and checks.same_instant(held.start, command.time.start))
        placer_id = self._placer_ids[command.local_id]
        if isinstance(command, Cancel):
            return sum(b.status == "cancelled" for b in await self.subject.bookings(placer_id))
        return len(await self._moved(command))

    async def _moved(self, command: Move) -> list[Booking]:
        """What the record system has at the new time; whatever became of the move, the person has one booking."""
        marks = {self._placer_ids[command.local_id], command.placer_id}
        found = [booking for mark in marks for booking in await self.subject.bookings(mark)]
        live = {booking.local_id: booking for booking in found if booking.status == "booked"}
        assert len(live) == 1, f"{len(live)} bookings of one that was moved"
        return [b for b in live.values() if checks.same_instant(b.start, command.time.start)]

    async def judge(self, command: Command, outcome: Outcome) -> int:
        """Assert, when everything is quiet, that what was said is true; the number of effects there are."""
        effects = await self.effects(command)
        assert effects <= 1, f"{effects} effects of one command"
        if isinstance(outcome, Done):
            assert effects == 1, "said to be done, but nothing was done"
            await self._true(command, outcome)
        elif isinstance(outcome, OutcomeUnknown):
            await self._settled(command, effects)
        else:
            assert effects == 0, f"{type(outcome).__name__} says that nothing happened, but it did"
        return effects

    async def _true(self, command: Command, done: Done) -> None:
        if isinstance(command, Hold):
            assert done.hold is not None, "held, but no token was given"
            self._held.append((command, done.hold.token))
            checks.held(done.hold, await self.subject.now())
        if isinstance(command, Hold | Release):
            assert done.record is None, "a hold is shown to nobody"
            return
        assert done.hold is None, "a hold that nobody asked for"
        await self._true_record(command, record_of(done))

    async def _settled(self, command: Command, effects: int) -> None:
        found = await self.adapter.look(self.call(), command)
        if isinstance(command, Hold | Release):
            assert found is None, "look() found a hold"
            return
        if isinstance(command, Move | Accept | Propose):
            assert found is not None, "look() did not find the appointment"
            if not effects:
                checks.appointment(found, command.patient)
                assert checks.same_instant(times.instant(found.resource["start"]), command.believed_start)
                return
        assert (found is not None) == (effects == 1), "look() and the record system disagree"
        if found is not None:
            await self._true_record(command, found)

    async def _true_record(self, command: Command, record: Record) -> None:
        """Assert that a record is what the record system holds of the command."""
        match command:
            case RegisterPerson():
                self.registered(record, await self.patient(command.person))
            case Book():
                assert command.patient is not None
                held = (await self.subject.bookings(command.placer_id))[0]
                checks.booked(record, command.patient, command.time, command.placer_id, held.status)
                self.held(held, record, command)
            case Cancel():
                checks.appointment(record, command.patient)
                assert record.local_id == command.local_id, "another appointment"
                assert record.resource["status"] == "cancelled"
            case Move():
                checks.booked(record, command.patient, command.time, *self._mark(command, record))
                self.held((await self._moved(command))[0], record, command)
            case Accept():
                checks.answered(record, command.patient, command.local_id, "booked")
                assert checks.same_instant(times.instant(record.resource["start"]), command.believed_start)
            case Propose():
                checks.answered(record, command.patient, command.local_id, "pending")
                checks.at(record, command.time)

    def _mark(self, command: Move, record: Record) -> tuple[str]:
        """The mark that a moved appointment carries: the move's, or still the booking's."""
        carried = fhir.identifier_value(record.resource, codes.PLACER)
        return (command.placer_id if carried == command.placer_id else self._placer_ids[command.local_id],)

    def held(self, held: Booking, record: Record, command: Book | Move) -> None:
        """Assert that the record system's own row is the booking that was asked for."""
        assert held.local_id == record.local_id, "another booking"
        assert held.hetu == command.person.hetu, "booked for another person"
        assert checks.same_instant(held.start, command.time.start), "booked at another start"
        assert checks.same_instant(held.end, command.time.end), "booked with another end"

    def registered(self, record: Record, patient: LocalPatient) -> None:
        """Assert that a record is the registered customer."""
        checks.well_formed(record)
        assert record.kind == "Patient"
        assert record.local_id == record.patient == patient.number

    async def works(self) -> None:
        """Assert that nothing of a fault is left: the next answers are the right ones, to the right questions."""
        first, second, *_ = self.subject.known
        one, two = await self.patient(first), await self.patient(second)
        assert (one.hetu, two.hetu) == (first.hetu, second.hetu)
        assert await self.adapter.probe(self.call())
        for patient in (one, two):
            for record in await self.adapter.appointments(self.call(), patient):
                checks.appointment(record, patient)


def unexpected(outcome: Outcome) -> NoReturn:
    """Fail with what came."""
    name = "done" if isinstance(outcome, Done) else f"{type(outcome).__name__}: {outcome}"
    pytest.fail(f"unexpected: {name}")
