"""The commands as Lifecare takes them. Each is sent once; see `wire` for what its failures mean."""

from __future__ import annotations

import re
from typing import Final, Literal

from adapters.base import Done, HeldTime
from adapters.errors import (
    AnotherPatient,
    Misconfigured,
    NoSuchTime,
    NotCancellable,
    NotMovable,
    OutcomeUnknown,
    StaleVersion,
    TextNotCarried,
    UnknownAppointment,
    UnknownPatient,
)
from adapters.lifecare.nights import Nights
from adapters.lifecare.wire import Reply, Request, Wire
from adapters.trip import Trip
from canonical import codes, hetu, times
from canonical.commands import Book, Cancel, Hold, Move, RegisterPerson, Release
from canonical.fhir import Resource
from canonical.messages import BadMessage
from canonical.model import Record
from canonical.notes import Note
from mappings.lifecare import commands, patients
from mappings.lifecare.appointments import appointment, placer_id
from mappings.lifecare.carry import ID
from mappings.lifecare.vocabulary import Vocabulary

_MARK: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
"""A placer id as Lifecare takes it (manual §7.1)."""
_OVER: Final = frozenset({"cancelled", "fulfilled", "noshow"})


class Writes:
    """Registers, books, moves, cancels, holds and releases at one installation. ``deduplicates``: whether it looks at
    ``If-None-Exist``."""

    def __init__(self, wire: Wire, words: Vocabulary, nights: Nights, *, deduplicates: bool) -> None:
        self._wire, self._words, self._nights = wire, words, nights
        self._deduplicates = deduplicates

    async def register(self, trip: Trip, command: RegisterPerson) -> Done:
        """Make the person a customer; names and dates Lifecare takes from the population register."""
        request = Request.write("register", "POST", "Patient", commands.registration(command))
        async with self._wire.ask(trip, "register", request) as reply:
            source = reply.json(201)
            found, notes = patients.patient(source, self._words)
            if found.hetu != command.person.hetu:
                raise AnotherPatient("POST Patient was answered about another person", native=reply.native)
            reply.exchange.note(notes)
            return Done(patients.record(source, self._words), reply.native)

    async def book(self, trip: Trip, command: Book) -> Done:
        """Book; ``If-None-Exist`` with the hub's own mark, so that the same command never books twice (where the
        release looks at it).

        With 200 it is the booking made before, in whatever state it is by now: the caller judges it.
        """
        if command.patient is None:
            raise UnknownPatient("a booking without the installation's own patient number; nothing was sent")
        if not _MARK.fullmatch(command.placer_id) or hetu.appears_in(command.placer_id):
            raise Misconfigured("a placer id that Lifecare does not take")
        if unfit := commands.unfit(command):
            raise TextNotCarried(f"{unfit}; nothing was sent", native="text")
        if len(command.hold) > commands.TOKEN_LIMIT:
            raise Misconfigured("a token that Lifecare never gave")
        self._nights.told(command.time)
        body, notes = commands.booking(command, command.patient.number, self._words.clock)
        unless = {"if_none_exist": f"identifier={codes.PLACER}|{command.placer_id}"} if self._deduplicates else {}
        request = Request.write("book", "POST", "Appointment", body, **unless)
        async with self._wire.ask(trip, "book", request) as reply:
            reply.exchange.note(notes)
            record = self._record(reply, reply.json(201, 200))
            if record.patient != command.patient.number:
                raise AnotherPatient("POST Appointment was answered about another patient", native=reply.native)
            if placer_id(record.resource) != command.placer_id:
                raise OutcomeUnknown("POST Appointment was answered about another booking", native=reply.native)
            return Done(record, reply.native, notes)

    async def change(self, trip: Trip, command: Move | Cancel) -> Done:
        """Read, compare with what the caller believed, and send back whole under the version that was read: what
        changes in between, ``If-Match`` finds."""
        if isinstance(command, Move):
            if not ID.fullmatch(command.time.key):
                raise NoSuchTime("no slot of Lifecare's has such an id")
            self._nights.told(command.time)
        request, notes = await self._changed(trip, command)
        async with self._wire.ask(trip, command.kind, request) as reply:
            reply.exchange.note(notes)
            record = self._record(reply, reply.json(200))
            if record.local_id != command.local_id:
                raise BadMessage("Appointment.id is another than was asked")
            if record.patient != command.patient.number:
                raise AnotherPatient("PUT Appointment was answered about another patient", native=reply.native)
            return Done(record, reply.native, notes)

    async def hold(self, trip: Trip, command: Hold) -> Done:
        """Keep the time; under the hub's own mark, so that the same command never holds twice. The answer names no
        patient, only the slot."""
        if command.patient is None:
            raise UnknownPatient("a hold without the installation's own patient number; nothing was sent")
        if not _MARK.fullmatch(command.placer_id) or hetu.appears_in(command.placer_id):
            raise Misconfigured("a placer id that Lifecare does not take")
        body = commands.holding(command, command.patient.number)
        async with self._wire.ask(trip, "hold", _on_slot("hold", command, body)) as reply:
            slot = reply.json(200)
            if slot["resourceType"] != "Slot" or slot["id"] != command.time.key:
                raise OutcomeUnknown("$hold was answered about another slot", native=reply.native)
            held = HeldTime(*commands.held(slot))
            if times.instant(slot["start"]).timestamp() == command.time.start.timestamp():
                return Done(None, reply.native, hold=held)
        await self.release(trip, Release(command.placer_id, command.patient, command.time, held.token))
        raise NoSuchTime("the slot is of another time than was shown; it was given back", native=reply.native)

    async def release(self, trip: Trip, command: Release) -> Done:
        """Give the time back; 200 whether it was still held or not."""
        request = _on_slot("release", command, commands.releasing(command))
        async with self._wire.ask(trip, "release", request) as reply:
            if reply.json(200)["resourceType"] != "Slot":
                raise BadMessage("a Slot expected")
            return Done(None, reply.native)

    async def _changed(self, trip: Trip, command: Move | Cancel) -> tuple[Request, tuple[Note, ...]]:
        """The request that changes the appointment as it stands there now."""
        if not ID.fullmatch(command.local_id):
            raise UnknownAppointment("no id of Lifecare's has this form")
        path = f"Appointment/{command.local_id}"
        async with self._wire.ask(trip, "read", Request.get(path, marks=False)) as reply:
            if reply.absent:
                raise UnknownAppointment(f"HTTP {reply.native} to GET Appointment", native=reply.native)
            stored = reply.json(200)
            await self._nights.learn(trip, "Appointment", [stored])
            record = self._record(reply, stored)
            _refuse(record, command)
            if record.version is None:
                raise BadMessage("Appointment.meta.versionId is missing")
            if isinstance(command, Move):
                body, notes = commands.moving(stored, command, self._words.clock)
            else:
                body, notes = commands.cancellation(stored, command, self._words.root)
            return Request.write(command.kind, "PUT", path, body, if_match=f'W/"{record.version}"'), notes

    def _record(self, reply: Reply, source: Resource) -> Record:
        record = appointment(source, self._words)
        reply.exchange.note(record.notes)
        return record


def _on_slot(what: Literal["hold", "release"], command: Hold | Release, body: Resource) -> Request:
    if not ID.fullmatch(command.time.key):
        raise NoSuchTime("no slot of Lifecare's has such an id")
    return Request.write(what, "POST", f"Slot/{command.time.key}/${what}", body)


def _refuse(record: Record, command: Move | Cancel) -> None:
    """Raise what speaks against the change already before it is sent; in the master's own order."""
    if record.local_id != command.local_id:
        raise BadMessage("Appointment.id is another than was asked")
    if record.patient != command.patient.number:
        raise AnotherPatient("GET Appointment was answered about another patient; nothing was sent after it")
    if command.believed_version not in (None, record.version):
        raise StaleVersion(f"version {record.version} by now", native="200")
    if times.instant(record.resource["start"]).timestamp() != command.believed_start.timestamp():
        raise StaleVersion(f"another start in version {record.version}", native="200")
    if record.resource["status"] in _OVER:
        kind = NotMovable if isinstance(command, Move) else NotCancellable
        raise kind(f"it is {record.resource['status']}", native="200")
