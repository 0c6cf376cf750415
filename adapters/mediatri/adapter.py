"""The port to one Mediatri installation: SOAP 1.1 over HTTP. Source: Mediatri's manual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import httpx

from adapters.base import Adapter, Done, Installation, RawMessage
from adapters.call import Call
from adapters.errors import Misconfigured, NotSupported, OutcomeUnknown, Unavailable
from adapters.http.recording import body_of
from adapters.mediatri.options import Options
from adapters.mediatri.profile import profile
from adapters.mediatri.reads import Reads, records
from adapters.mediatri.wire import Wire
from adapters.mediatri.writes import Writes
from adapters.trip import Trip
from canonical import soap
from canonical.commands import Book, Cancel, Command, Hold, RegisterPerson, Release
from canonical.model import FreeQuery, FreeTime, LocalPatient, Record, TimeKey
from mappings.mediatri import persons, requests
from mappings.mediatri.appointments import Found
from mappings.mediatri.markup import is_code
from mappings.mediatri.site import Site


class MediatriAdapter(Adapter):
    """Mediatri, appointment interface 1.0."""

    def __init__(self, installation: Installation, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Raises `Misconfigured` with every problem of the options. ``transport`` replaces the network (tests)."""
        options = Options.of(installation)
        self.installation = replace(installation, options=options.shown())
        self.profile = profile(options)
        self._site = Site(installation.name)
        self._wire = Wire(options, transport)
        self._reads = Reads(self._wire, self._site)
        self._writes = Writes(self._wire, self._site, self._reads)

    async def probe(self, call: Call) -> str:
        return f"Mediatri, ajanvarausrajapinta 1.0: {await self._reads.units(Trip.begin(call))} units"

    async def directory(self, call: Call) -> Sequence[Record]:
        return await self._reads.directory(Trip.begin(call))

    async def find_free(self, call: Call, query: FreeQuery) -> Sequence[FreeTime]:
        found = await self._reads.free_times(Trip.begin(call), query)
        return sorted(found, key=lambda one: (one.time.start, one.time.key))

    async def free_time(self, call: Call, time: TimeKey) -> FreeTime | None:
        if not is_code(time.key):
            return None
        query = FreeQuery(time.start, time.end, schedules=(time.key,))
        found = await self._reads.free_times(Trip.begin(call), query)
        return next((one for one in found if one.time == time), None)

    async def find_person(self, call: Call, hetu: str) -> LocalPatient | None:
        found = await self._reads.person(Trip.begin(call), hetu)
        return found[0] if found else None

    async def appointments(self, call: Call, patient: LocalPatient) -> Sequence[Record]:
        if not is_code(patient.number):
            raise Misconfigured("a patient number that is none of Mediatri's")
        found = await self._reads.bookings(Trip.begin(call), requests.bookings(patient=patient.number), patient)
        return [one.record for one in found]

    async def appointment(self, call: Call, local_id: str) -> Record | None:
        found = await self._numbered(Trip.begin(call), local_id)
        return found.record if found else None

    async def perform(self, call: Call, command: Command) -> Done:
        self.profile.demand(command)
        trip = Trip.begin(call)
        match command:
            case RegisterPerson():
                return await self._writes.register(trip, command)
            case Book():
                return await self._writes.book(trip, command)
            case Cancel():
                return await self._writes.cancel(trip, command)
            case Hold():
                return await self._writes.hold(trip, command)
            case Release():
                return await self._writes.release(trip, command)
            case _:
                raise NotSupported(f"{command.kind}: Mediatri has nothing of the kind", capability=command.kind)

    async def look(self, call: Call, command: Command) -> Record | None:
        """By the HETU, by our own reference, by the booking's number (manual §13)."""
        trip = Trip.begin(call)
        match command:
            case RegisterPerson():
                found = await self._reads.person(trip, command.person.hetu)
                return persons.patient_record(found[0], self._site, found[1]) if found else None
            case Book():
                return await self._booked(trip, command)
            case Cancel():
                booking = await self._numbered(trip, command.local_id, command.patient)
                return booking.record if booking and booking.record.resource.get("status") == "cancelled" else None
            case _:
                return None

    def decode(self, raw: RawMessage) -> Sequence[Record]:
        """Stored bytes (a whole reply or its body) of an answer about the directory, a person or bookings."""
        return records(soap.body(body_of(raw.data)), self._site)

    async def close(self) -> None:
        await self._wire.close()

    async def _numbered(self, trip: Trip, local_id: str, patient: LocalPatient | None = None) -> Found | None:
        if not is_code(local_id):
            return None
        found = await self._reads.bookings(trip, requests.bookings(number=local_id), patient)
        if any(one.record.local_id != local_id for one in found):
            raise Unavailable("HaeAjanvaraukset was answered about another booking than was asked for")
        return found[0] if found else None

    async def _booked(self, trip: Trip, command: Book) -> Record | None:
        """What was booked with the command's reference: a cancellation may carry the same one, and is none."""
        patient = command.patient or LocalPatient("", command.person.hetu)
        found = await self._reads.bookings(trip, requests.bookings(reference=command.placer_id), patient)
        booked = [one.record for one in found if one.reference == command.placer_id]
        if len(booked) > 1:
            raise OutcomeUnknown(f"{len(booked)} bookings carry one mark of the hub's")
        return booked[0] if booked else None
