"""The three commands as Lifecare takes them. Each is sent once; see `wire` for what its failures mean."""

from __future__ import annotations

import re
from typing import Final

from adapters.base import Done
from adapters.errors import (
    AnotherPatient,
    Misconfigured,
    NotCancellable,
    OutcomeUnknown,
    StaleVersion,
    TextNotCarried,
    UnknownAppointment,
    UnknownPatient,
)
from adapters.lifecare.trip import Trip
from adapters.lifecare.wire import Reply, Request, Wire
from canonical import codes, hetu, times
from canonical.commands import Book, Cancel, RegisterPerson
from canonical.fhir import Resource
from canonical.model import Record
from canonical.notes import Note
from mappings.lifecare import BadMessage, commands, patients
from mappings.lifecare.appointments import appointment, placer_id
from mappings.lifecare.carry import ID
from mappings.lifecare.vocabulary import Vocabulary

_MARK: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
"""A placer id as Lifecare takes it (manual §7.1)."""
_OVER: Final = frozenset({"cancelled", "fulfilled", "noshow"})


class Writes:
    """Registers, books and cancels at one installation."""

    def __init__(self, wire: Wire, words: Vocabulary) -> None:
        self._wire, self._words = wire, words

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
        """Book; ``If-None-Exist`` with the hub's own mark, so that the same command never books twice.

        With 200 it is the booking made before, in whatever state it is by now: the caller judges it.
        """
        if command.patient is None:
            raise UnknownPatient("a booking without the installation's own patient number; nothing was sent")
        if not _MARK.fullmatch(command.placer_id) or hetu.appears_in(command.placer_id):
            raise Misconfigured("a placer id that Lifecare does not take")
        if unfit := commands.unfit(command):
            raise TextNotCarried(f"{unfit}; nothing was sent", native="text")
        body, notes = commands.booking(command, command.patient.number)
        unless = f"identifier={codes.PLACER}|{command.placer_id}"
        request = Request.write("book", "POST", "Appointment", body, if_none_exist=unless)
        async with self._wire.ask(trip, "book", request) as reply:
            reply.exchange.note(notes)
            record = self._record(reply, reply.json(201, 200))
            if record.patient != command.patient.number:
                raise AnotherPatient("POST Appointment was answered about another patient", native=reply.native)
            if placer_id(record.resource) != command.placer_id:
                raise OutcomeUnknown("POST Appointment was answered about another booking", native=reply.native)
            return Done(record, reply.native, notes)

    async def cancel(self, trip: Trip, command: Cancel) -> Done:
        """Read, compare with what the caller believed, and send back whole under the version that was read: what
        changes in between, ``If-Match`` finds."""
        request, notes = await self._cancellation(trip, command)
        async with self._wire.ask(trip, "cancel", request) as reply:
            reply.exchange.note(notes)
            record = self._record(reply, reply.json(200))
            if record.local_id != command.local_id:
                raise BadMessage("Appointment.id is another than was asked")
            if record.patient != command.patient.number:
                raise AnotherPatient("PUT Appointment was answered about another patient", native=reply.native)
            return Done(record, reply.native, notes)

    async def _cancellation(self, trip: Trip, command: Cancel) -> tuple[Request, tuple[Note, ...]]:
        """The request that cancels the appointment as it stands there now."""
        if not ID.fullmatch(command.local_id):
            raise UnknownAppointment("no id of Lifecare's has this form")
        path = f"Appointment/{command.local_id}"
        async with self._wire.ask(trip, "read", Request.get(path, marks=False)) as reply:
            if reply.absent:
                raise UnknownAppointment("HTTP 404 NOT_FOUND to GET Appointment", native="404 NOT_FOUND")
            stored = reply.json(200)
            record = self._record(reply, stored)
            _refuse(record, command)
            if record.version is None:
                raise BadMessage("Appointment.meta.versionId is missing")
            body, notes = commands.cancellation(stored, command, self._words.root)
            return Request.write("cancel", "PUT", path, body, if_match=f'W/"{record.version}"'), notes

    def _record(self, reply: Reply, source: Resource) -> Record:
        record = appointment(source, self._words)
        reply.exchange.note(record.notes)
        return record


def _refuse(record: Record, command: Cancel) -> None:
    """Raise what speaks against the cancellation already before it is sent; in the master's own order."""
    if record.local_id != command.local_id:
        raise BadMessage("Appointment.id is another than was asked")
    if record.patient != command.patient.number:
        raise AnotherPatient("GET Appointment was answered about another patient; nothing was sent after it")
    if command.believed_version not in (None, record.version):
        raise StaleVersion(f"version {record.version} by now", native="200")
    if times.instant(record.resource["start"]).timestamp() != command.believed_start.timestamp():
        raise StaleVersion(f"another start in version {record.version}", native="200")
    if record.resource["status"] in _OVER:
        raise NotCancellable(f"it is {record.resource['status']}", native="200")
