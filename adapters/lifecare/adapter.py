"""The port, spoken to one Lifecare installation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Final

import httpx

from adapters.base import Adapter, Capability, Done, Installation, RawMessage, span_contains
from adapters.call import Call
from adapters.errors import AnotherPatient, Misconfigured, OutcomeUnknown
from adapters.http.recording import body_of
from adapters.lifecare.directory import Directory
from adapters.lifecare.nights import Nights
from adapters.lifecare.options import Options
from adapters.lifecare.profile import LifecareRelease, profile
from adapters.lifecare.searches import resources, search
from adapters.lifecare.wire import Request, Wire
from adapters.lifecare.writes import Writes
from adapters.recording import Exchange
from adapters.trip import Trip
from canonical import codes, strict_json
from canonical.commands import Accept, Book, Cancel, Command, Hold, Move, Propose, RegisterPerson, Release
from canonical.fhir import Resource
from canonical.messages import UNREADABLE, BadMessage
from canonical.model import FreeQuery, FreeTime, LocalPatient, Record, TimeKey
from canonical.notes import Note, NoteKind
from mappings.lifecare import directory, patients
from mappings.lifecare.appointments import KIND as APPOINTMENT
from mappings.lifecare.appointments import appointment
from mappings.lifecare.carry import ID
from mappings.lifecare.clocks import Clock
from mappings.lifecare.slots import slot
from mappings.lifecare.vocabulary import vocabulary

_LONGEST_SPAN: Final = timedelta(days=60)
"""Asked for at once: the manual allows 62 days (§6), however it counts them in the weeks when the clock changes."""


class LifecareAdapter(Adapter):
    """Lifecare, releases MR2020 and V2015, interface for appointment booking."""

    def __init__(self, installation: Installation, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Raises `Misconfigured` with every problem of the options. ``transport`` replaces the network (tests)."""
        options = Options.of(installation)
        self.installation = replace(installation, options=options.shown())
        release = LifecareRelease.of(installation)
        self.profile = profile(options, release)
        self._words = vocabulary(installation.name, options.root, installation.sectors, release.clock())
        self._wire = Wire(options, transport, release.page)
        self._nights = Nights(self._wire, self._words.clock)
        self._directory = Directory(self._wire, self._words)
        deduplicates = Capability.DEDUPLICATES in self.profile.capabilities
        self._writes = Writes(self._wire, self._words, self._nights, deduplicates=deduplicates)

    async def probe(self, call: Call) -> str:
        """What answers, and whether it lets us in: the capability statement, then a search that counts only."""
        trip = Trip.begin(call)
        async with self._wire.ask(trip, "probe", Request.get("metadata")) as reply:
            statement = reply.json(200)
            if statement["resourceType"] != "CapabilityStatement":
                raise BadMessage("a CapabilityStatement expected")
            if statement["fhirVersion"] != "4.0.1":
                raise Misconfigured("what answers speaks another FHIR than 4.0.1")
            software = statement.get("software", {})
        async with self._wire.ask(trip, "probe", Request.get("Organization", [("_count", "0")])) as reply:
            count = reply.json(200).get("total")
        return f"{software.get('name', 'FHIR server')} {software.get('version', '')}".rstrip() + f", {count} units"

    async def directory(self, call: Call) -> Sequence[Record]:
        return await self._directory.records(Trip.begin(call))

    async def find_free(self, call: Call, query: FreeQuery) -> Sequence[FreeTime]:
        trip = Trip.begin(call)
        if () in (query.services, query.schedules):
            return []

        async def read(page: list[Resource], exchange: Exchange) -> list[FreeTime]:
            await self._nights.learn(trip, "Slot", page)
            free = [one for one in self._slots(page, exchange) if span_contains(query, one.time.start)]
            return await self._with_services(trip, free, exchange)

        found: list[FreeTime] = []
        for parameters in _free_searches(query, self._words.clock, self._wire.page):
            request = Request.get("Slot", parameters, quick=True)
            found += await search(self._wire, trip, "find", request, "Slot", read)
        return found

    async def free_time(self, call: Call, time: TimeKey) -> FreeTime | None:
        trip = Trip.begin(call)
        if not ID.fullmatch(time.key):
            return None
        async with self._wire.ask(trip, "free-time", Request.get(f"Slot/{time.key}")) as reply:
            if reply.absent:
                return None
            source = reply.json(200)
            await self._nights.learn(trip, "Slot", [source])
            free = self._slots([source], reply.exchange)
            found = await self._with_services(trip, free, reply.exchange)
        return found[0] if found and _same(found[0].time, time) else None

    async def find_person(self, call: Call, hetu: str) -> LocalPatient | None:
        source = await self._patient(Trip.begin(call), "person", hetu)
        return None if source is None else patients.patient(source, self._words)[0]

    async def appointments(self, call: Call, patient: LocalPatient) -> Sequence[Record]:
        criteria = [("patient", f"Patient/{patient.number}"), self._wire.page]
        found = await self._appointments(Trip.begin(call), "list", criteria, patient.number)
        return list({record.local_id: record for record in found}.values())

    async def appointment(self, call: Call, local_id: str) -> Record | None:
        return await self._appointment(Trip.begin(call), "read", local_id)

    async def perform(self, call: Call, command: Command) -> Done:
        self.profile.demand(command)
        trip = Trip.begin(call)
        match command:
            case RegisterPerson():
                return await self._writes.register(trip, command)
            case Book():
                return await self._writes.book(trip, command)
            case Move() | Cancel():
                return await self._writes.change(trip, command)
            case Hold():
                return await self._writes.hold(trip, command)
            case Release():
                return await self._writes.release(trip, command)
            case Accept() | Propose():
                raise AssertionError("a declared gap")

    async def look(self, call: Call, command: Command) -> Record | None:
        """By the HETU, by the hub's own mark, by the appointment's number: as the manual says (§10)."""
        trip = Trip.begin(call)
        match command:
            case RegisterPerson():
                source = await self._patient(trip, "look", command.person.hetu)
                return None if source is None else patients.record(source, self._words)
            case Book():
                return await self._booked(trip, command)
            case Cancel():
                found = await self._appointment(trip, "look", command.local_id, command.patient.number)
                return found if found is not None and found.resource["status"] == "cancelled" else None
            case Move() | Accept() | Propose():
                return await self._appointment(trip, "look", command.local_id, command.patient.number)
            case Hold() | Release():
                return None

    def decode(self, raw: RawMessage) -> Sequence[Record]:
        """Stored bytes (a whole reply or its body) of one resource or of a searchset; free times are no records."""
        try:
            message = strict_json.loads(body_of(raw.data))
            found = resources(message, None) if message["resourceType"] == "Bundle" else [message]
            return [self._decoded(one) for one in found]
        except BadMessage:
            raise
        except UNREADABLE as err:
            raise BadMessage(f"not a message of Lifecare's: {type(err).__name__}") from err

    async def close(self) -> None:
        await self._wire.close()

    def _decoded(self, source: Resource) -> Record:
        kind = source["resourceType"]
        if kind == APPOINTMENT:
            return appointment(source, self._words)
        if kind == "Patient":
            return patients.record(source, self._words)
        if kind in directory.KINDS:
            return directory.record(source, kind, self._words)
        raise BadMessage("a resource that is no record here")

    def _slots(self, sources: list[Resource], exchange: Exchange) -> list[FreeTime]:
        """Those that are free, without their services."""
        free = []
        for source in sources:
            time, notes = slot(source, self._words)
            exchange.note(notes)
            if source["status"] == "free":
                free.append(time)
        return free

    async def _with_services(self, trip: Trip, free: list[FreeTime], exchange: Exchange) -> list[FreeTime]:
        services = await self._directory.services(trip, {one.schedule for one in free})
        for stray in sorted({one.schedule for one in free} - services.keys()):
            exchange.note([Note(NoteKind.DROPPED, "Slot.schedule", f"{stray}: a calendar that the directory has not")])
        return [replace(one, service=services[one.schedule]) for one in free if one.schedule in services]

    async def _patient(self, trip: Trip, operation: str, hetu: str) -> Resource | None:
        request = Request.search("Patient", [("identifier", f"{codes.HETU}|{hetu}")])
        async with self._wire.ask(trip, operation, request) as reply:
            found = resources(reply.json(200), "Patient")
            if not found:
                return None
            patient, notes = patients.patient(found[0], self._words)
            reply.exchange.note(notes)
            if len(found) > 1:
                raise BadMessage("more than one patient of one HETU")
            if patient.hetu != hetu:
                raise AnotherPatient("the search for a person found another one", native=reply.native)
            return found[0]

    async def _booked(self, trip: Trip, command: Book) -> Record | None:
        criteria = [("identifier", f"{codes.PLACER}|{command.placer_id}")]
        number = command.patient.number if command.patient is not None else None
        found = await self._appointments(trip, "look", criteria, number)
        if len(found) > 1:
            raise OutcomeUnknown(f"{len(found)} appointments carry one mark of the hub's")
        return found[0] if found else None

    async def _appointments(
        self, trip: Trip, operation: str, criteria: list[tuple[str, str]], number: str | None
    ) -> list[Record]:
        """Appointments, all of patient ``number``."""

        async def read(page: list[Resource], exchange: Exchange) -> list[Record]:
            await self._nights.learn(trip, APPOINTMENT, page)
            records = [appointment(one, self._words) for one in page]
            for record in records:
                exchange.note(record.notes)
            if any(number not in (None, record.patient) for record in records):
                raise AnotherPatient("a search for one patient's appointments found another one's")
            return records

        return await search(self._wire, trip, operation, Request.search(APPOINTMENT, criteria), APPOINTMENT, read)

    async def _appointment(self, trip: Trip, operation: str, local_id: str, number: str | None = None) -> Record | None:
        """One appointment; if ``number`` is given, it must be that patient's."""
        if not ID.fullmatch(local_id):
            return None
        async with self._wire.ask(trip, operation, Request.get(f"Appointment/{local_id}")) as reply:
            if reply.absent:
                return None
            source = reply.json(200)
            await self._nights.learn(trip, APPOINTMENT, [source])
            record = appointment(source, self._words)
            reply.exchange.note(record.notes)
            if record.local_id != local_id:
                raise BadMessage("Appointment.id is another than was asked")
            if number not in (None, record.patient):
                raise AnotherPatient("GET Appointment was answered about another patient", native=reply.native)
            return record


def _same(one: TimeKey, other: TimeKey) -> bool:
    """Whether they are the same instants (``==`` of two aware times is not to be trusted when the clock goes back)."""
    ends = ((one.start, other.start), (one.end, other.end))
    return one.key == other.key and all(a.timestamp() == b.timestamp() for a, b in ends)


def _free_searches(query: FreeQuery, clock: Clock, page: tuple[str, str]) -> Iterator[list[tuple[str, str]]]:
    """The searches that together ask for the span."""
    narrowed = []
    if query.services is not None:
        narrowed.append(("schedule.actor", ",".join(f"HealthcareService/{one}" for one in query.services)))
    if query.schedules is not None:
        narrowed.append(("schedule", ",".join(f"Schedule/{one}" for one in query.schedules)))
    start, last = query.start.astimezone(UTC), query.end.astimezone(UTC)  # two clock faces do not compare as instants
    while start < last:
        end = min(last, start + _LONGEST_SPAN)
        first, last_of_it = clock.span(start, end)
        span = [("start", f"ge{first}"), ("start", f"lt{last_of_it}")]
        yield [("status", "free"), *span, *narrowed, page]
        start = end
