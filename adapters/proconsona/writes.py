"""The commands as ProConsona takes them. Each is sent once; see `wire` for what its failures mean."""

from __future__ import annotations

import re
from typing import Final

from adapters.base import Done
from adapters.errors import (
    Misconfigured,
    NoSuchTime,
    OutcomeUnknown,
    StaleVersion,
    TextNotCarried,
    Unavailable,
    UnknownAppointment,
    UnknownPatient,
)
from adapters.proconsona.meetings import PATH, Meetings
from adapters.proconsona.wire import Request, Wire
from adapters.trip import Trip
from canonical import hetu, times
from canonical.commands import Book, Move, Propose
from canonical.model import Record
from mappings.proconsona import commands, keys
from mappings.proconsona.appointments import placer_id
from mappings.proconsona.commands import Change
from mappings.proconsona.document import ID

MARK: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""A placer id as ProConsona takes it, both as ``ulkoinenTunniste`` and as ``Idempotency-Key`` (manual §8.2)."""


class Writes:
    """Books and changes meetings at one installation."""

    def __init__(self, wire: Wire, meetings: Meetings) -> None:
        self._wire, self._meetings = wire, meetings

    async def book(self, trip: Trip, command: Book) -> Done:
        """Book, under an ``Idempotency-Key`` that is the hub's own mark: the same command never books twice.

        Sent again, it is answered with the first answer, byte for byte (manual §8.2): then the meeting is read, for
        whatever state it is in by now.
        """
        number, calendar = _addressee(command)
        body, notes = commands.booking(command, number, calendar)
        headers = {"Idempotency-Key": command.placer_id}
        async with self._wire.ask(trip, "book", Request("POST", PATH, "book", body, headers)) as reply:
            reply.exchange.note(notes)
            record = self._meetings.answered(reply, 201, None, number)
            if placer_id(record.resource) != command.placer_id:
                raise OutcomeUnknown("POST tapaamiset was answered about another booking", native=reply.native)
        if reply.replayed:
            record = await self._by_now(trip, record)
        return Done(record, reply.native, notes)

    async def change(self, trip: Trip, command: Change) -> Done:
        """Read, compare with what the caller believed, and ask for the change of the version that was read: what
        changes in between, ``versio`` finds. Whether the state allows it is the master's to say."""
        if isinstance(command, Propose) and (unfit := commands.unfit(command)):
            raise TextNotCarried(f"{unfit}; nothing was sent", native="text")
        if isinstance(command, Propose | Move) and keys.unpack(command.time.key) is None:
            raise NoSuchTime("no key of ProConsona's has this form; nothing was sent")
        number = command.patient.number
        now = await self._meetings.one(trip, "read", command.local_id, number, marks=False)
        if now is None:
            raise UnknownAppointment("there is no such meeting, or none that is ours to see; nothing was sent")
        _refuse_stale(now, command)
        body, notes = commands.change(command, now.version or "")
        request = Request("PUT", f"{PATH}/{command.local_id}", command.kind, body)
        async with self._wire.ask(trip, command.kind, request) as reply:
            reply.exchange.note(notes)
            return Done(self._meetings.answered(reply, 200, command.local_id, number), reply.native, notes)

    async def _by_now(self, trip: Trip, record: Record) -> Record:
        try:
            found = await self._meetings.one(trip, "read", record.local_id, record.patient, marks=False)
        except Unavailable as err:
            raise OutcomeUnknown("booked before; what became of it since could not be read") from err
        if found is None:
            raise OutcomeUnknown("booked before, and not there any more")
        return found


def _addressee(command: Book) -> tuple[str, str]:
    """Whose booking in which calendar; raises what keeps it from being sent."""
    if command.patient is None or not ID.fullmatch(command.patient.number):
        raise UnknownPatient("a booking without a customer's id as the installation gives it; nothing was sent")
    if not MARK.fullmatch(command.placer_id) or hetu.appears_in(command.placer_id):
        raise Misconfigured("a placer id that ProConsona does not take")
    if unfit := commands.unfit(command):
        raise TextNotCarried(f"{unfit}; nothing was sent", native="text")
    calendar = keys.unpack(command.time.key)
    if calendar is None:
        raise NoSuchTime("no key of ProConsona's has this form; nothing was sent")
    return command.patient.number, calendar


def _refuse_stale(now: Record, command: Change) -> None:
    if command.believed_version not in (None, now.version):
        raise StaleVersion(f"version {now.version} by now", native="200")
    if times.instant(now.resource["start"]).timestamp() != command.believed_start.timestamp():
        raise StaleVersion(f"another start in version {now.version}", native="200")
