"""The reference adapter: the port as it is meant, to a small record system in memory."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final, TypeVar

from adapters.base import Adapter, Capability, Done, Installation, Profile, RawMessage
from adapters.call import Call
from adapters.errors import (
    AlreadyRegistered,
    AnotherPatient,
    ForeignError,
    HoldExpired,
    Misconfigured,
    NoProposal,
    NoSuchTime,
    NotCancellable,
    NotMovable,
    OutcomeUnknown,
    Refused,
    SlotTaken,
    StaleVersion,
    Unavailable,
    UnknownAppointment,
    UnknownPatient,
)
from adapters.memory import mapping
from adapters.memory.face import DONE, NOT_UNDERSTOOD
from adapters.memory.mapping import Row
from adapters.memory.master import Master, Rules
from adapters.memory.wire import Cut, Wire, pack, unpack
from canonical.commands import Accept, Book, Cancel, Command, Hold, Move, Propose, RegisterPerson, Release
from canonical.model import FreeQuery, FreeTime, LocalPatient, Record, TimeKey
from canonical.times import iso

T = TypeVar("T")

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_WRITES: Final = frozenset({"register", "book", "move", "cancel", "hold", "release", "accept", "propose"})
_REFUSALS: Final[dict[str, type[Refused]]] = {
    "time-taken": SlotTaken,
    "no-such-time": NoSuchTime,
    "unknown-patient": UnknownPatient,
    "unknown-person": UnknownPatient,
    "already-customer": AlreadyRegistered,
    "changed": StaleVersion,
    "not-cancellable": NotCancellable,
    "not-movable": NotMovable,
    "hold-over": HoldExpired,
    "no-proposal": NoProposal,
    "unknown-appointment": UnknownAppointment,
    "text-too-long": Refused,
}
_GAPS: Final[dict[Capability, str]] = {
    Capability.CANCEL: "this release cancels at the desk only",
    Capability.MOVE: "this release moves at the desk only",
    Capability.HOLD: "this release keeps no times",
    Capability.ANSWER_PROPOSALS: "this release proposes nothing",
    Capability.REGISTER_PERSON: "this release registers people at the desk only",
    Capability.DEDUPLICATES: "this release does not compare placer ids",
    Capability.CHECKS_VERSION: "this release has no versions",
    Capability.CHECKS_START: "this release does not look at the start",
    Capability.RESTRICTION_PARENT: "this release does not keep the code",
    Capability.KEEPS_CANCELLED: "this release deletes what the desk cancels",
    Capability.COMMENT: "this release has no field for it",
}


def profile(rules: Rules, *, quiescence: float, limit: float) -> Profile:
    """What a master of these rules can and cannot do."""
    able = {
        Capability.BOOK: True,
        Capability.CANCEL: rules.cancels,
        Capability.MOVE: rules.moves,
        Capability.HOLD: rules.holds,
        Capability.ANSWER_PROPOSALS: rules.proposes,
        Capability.REGISTER_PERSON: rules.registers,
        Capability.DEDUPLICATES: rules.deduplicates,
        Capability.CHECKS_VERSION: rules.versions,
        Capability.CHECKS_START: rules.starts,
        Capability.RESTRICTION_PARENT: rules.restrictions,
        Capability.KEEPS_CANCELLED: rules.keeps,
        Capability.COMMENT: rules.comments,
    }
    gaps = {capability: _GAPS[capability] for capability, yes in able.items() if not yes}
    return Profile(frozenset(able) - gaps.keys(), gaps, quiescence, limit, rules.text_limit)


class MemoryAdapter(Adapter):
    """The port to the `Master` behind ``wire``; `master` and `wire` are there for tests: to act as the desk, to arm
    faults. ``quiescence`` and ``limit`` (seconds) are the profile's; work that a fault delays must be done within the
    former."""

    def __init__(self, installation: Installation, wire: Wire, *, quiescence: float = 0.2, limit: float = 10.0) -> None:
        self.installation = installation
        self.wire = wire
        self.profile = profile(wire.face.master.rules, quiescence=quiescence, limit=limit)
        self._numbers = count(1)

    @property
    def master(self) -> Master:
        """The record system itself."""
        return self.wire.face.master

    async def probe(self, call: Call) -> str:
        await self._ask(call, {"operation": "probe"})
        return f"memory: {len(self.master.calendars)} calendars"

    async def directory(self, call: Call) -> Sequence[Record]:
        return self._records(await self._ask(call, {"operation": "directory"}))

    async def find_free(self, call: Call, query: FreeQuery) -> Sequence[FreeTime]:
        asked = {
            "operation": "find",
            "start": iso(query.start),
            "end": iso(query.end),
            "services": query.services,
            "calendars": query.schedules,
        }
        return self._understood(mapping.free_time, await self._ask(call, asked))

    async def free_time(self, call: Call, time: TimeKey) -> FreeTime | None:
        rows = await self._ask(call, {"operation": "time", "key": time.key, "start": iso(time.start)})
        return next(iter(self._understood(mapping.free_time, rows)), None)

    async def find_person(self, call: Call, hetu: str) -> LocalPatient | None:
        rows = await self._ask(call, {"operation": "person", "hetu": hetu})
        if rows and rows[0].get("hetu") != hetu:
            raise AnotherPatient("person: the answer is about another person")
        return next(iter(self._understood(mapping.local_patient, rows)), None)

    async def appointments(self, call: Call, patient: LocalPatient) -> Sequence[Record]:
        records = self._records(await self._ask(call, {"operation": "list", "patient": patient.number}))
        for record in records:
            _of(patient, record)
        return records

    async def appointment(self, call: Call, local_id: str) -> Record | None:
        records = self._records(await self._ask(call, {"operation": "read", "id": local_id}))
        return records[0] if records else None

    async def perform(self, call: Call, command: Command) -> Done:
        self._check(command)
        rows = await self._ask(call, mapping.request(command))
        if isinstance(command, Release):
            return Done(None, DONE)
        if not rows:
            raise OutcomeUnknown(f"{command.kind}: done, but nothing is said of what")
        if isinstance(command, RegisterPerson) and rows[0].get("hetu") != command.person.hetu:
            raise AnotherPatient("register: the answer is about another person")
        try:
            if isinstance(command, Hold):
                return self._held(command, rows[0])
            record = mapping.records(self.installation.name, rows[0])[0]
        except ValueError as err:
            raise OutcomeUnknown(f"{command.kind}: the reply cannot be read") from err
        if not isinstance(command, RegisterPerson):
            _of(command.patient, record)
        return Done(record, DONE, (*record.notes, *mapping.lost(command)))

    async def look(self, call: Call, command: Command) -> Record | None:
        match command:
            case Hold() | Release():
                return None
            case RegisterPerson():
                rows = await self._ask(call, {"operation": "person", "hetu": command.person.hetu})
                if rows and rows[0].get("hetu") != command.person.hetu:
                    raise AnotherPatient("look: the answer is about another person")
            case Book():
                rows = await self._ask(call, {"operation": "look", "placer": command.placer_id})
            case Move() | Cancel() | Accept() | Propose():
                rows = await self._ask(call, {"operation": "read", "id": command.local_id})
        if isinstance(command, Cancel):
            rows = [row for row in rows if row.get("status") == "cancelled"]
        records = self._records(rows)
        if not records:
            return None
        if not isinstance(command, RegisterPerson):
            _of(command.patient, records[0])
        return records[0]

    def decode(self, raw: RawMessage) -> Sequence[Record]:
        name = self.installation.name
        return [record for row in _rows(unpack(raw.data)) for record in mapping.records(name, row)]

    def _check(self, command: Command) -> None:
        """Raise what can be said before anything is sent."""
        self.profile.demand(command)
        texts = _texts(command)
        if max(map(len, texts)) > self.profile.text_limit:
            raise Refused(f"{command.kind}: more than {self.profile.text_limit} characters", native="text-too-long")
        if any(map(_CONTROL.search, texts)):
            raise Refused(f"{command.kind}: a control character that FHIR does not carry", native="character-set")
        if isinstance(command, Propose) and command.comment and Capability.COMMENT in self.profile.gaps:
            raise Refused(f"{command.kind}: {self.profile.gaps[Capability.COMMENT]}", native="text")

    def _held(self, command: Hold, row: Row) -> Done:
        number, held = mapping.held(self.installation.name, row)
        if command.patient is None or number != command.patient.number:
            raise AnotherPatient("hold: the answer is about another patient")
        return Done(None, DONE, hold=held)

    async def _ask(self, call: Call, asked: Row) -> list[Row]:
        """Send one request and take its rows; every way it can end is an error of `adapters.errors`."""
        operation = str(asked["operation"])
        number = next(self._numbers)
        try:
            raw = pack({"number": number, **asked}, self.wire.charset)
        except UnicodeEncodeError:
            # Not chained: the error holds the text.
            raise Refused(f"{operation}: characters that {self.wire.charset} lacks", native="character-set") from None
        reply = await self._exchange(call, operation, raw)
        try:
            message = unpack(reply)
            rows, word = _rows(message), str(message.get("word"))
        except ValueError:
            raise _lost(operation, "the reply cannot be read") from None
        if message.get("answers") != number:
            raise _lost(operation, "the reply is to another request")
        if word != DONE:
            raise _refusal(operation, word)
        return rows

    async def _exchange(self, call: Call, operation: str, raw: bytes) -> bytes:
        """The bytes of the reply; the exchange is recorded, however it ends."""
        exchange = await call.recorder.sending(call, operation, raw)
        part, outcome = b"", "cancelled"
        try:
            async with asyncio.timeout(call.limit):
                connection = self.wire.connect()
                await connection.send(raw)
                call.reached("sent")
                part = await connection.receive()
            call.reached("replied")
            outcome = "answered"
        except ConnectionRefusedError as err:
            outcome = "refused-connection"
            raise Unavailable(f"{operation}: nobody listens") from err
        except Cut as err:
            part, outcome = err.part, "cut"
            raise _lost(operation, f"the connection ended after {len(part)} bytes") from err
        except TimeoutError as err:
            outcome = "timeout"
            raise _lost(operation, f"no answer within {call.limit:g} s") from err
        finally:
            call.recorder.received(exchange, part, outcome=outcome)
        return part

    def _records(self, rows: list[Row]) -> list[Record]:
        return [record for found in self._understood(mapping.records, rows) for record in found]

    def _understood(self, build: Callable[[str, Row], T], rows: list[Row]) -> list[T]:
        """What a read's rows say; rows that say nothing are no answer."""
        try:
            return [build(self.installation.name, row) for row in rows]
        except ValueError:
            raise Unavailable("the reply cannot be read") from None


def _texts(command: Command) -> tuple[str, ...]:
    """The resident's own words in a command."""
    match command:
        case Book():
            return command.comment, command.reason
        case Cancel():
            return (command.reason,)
        case Propose():
            return (command.comment,)
        case _:
            return ("",)


def _rows(message: Row) -> list[Row]:
    rows = message.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("no rows")
    return rows


def _lost(operation: str, why: str) -> ForeignError:
    """An answer that is of no use: to a write it leaves everything open, to a read nothing has happened."""
    kind = OutcomeUnknown if operation in _WRITES else Unavailable
    return kind(f"{operation}: {why}")


def _refusal(operation: str, word: str) -> ForeignError:
    """The error of a word that is not `DONE`."""
    if word in _REFUSALS:
        return _REFUSALS[word](f"{operation}: {word}", native=word)
    if word == "busy":
        return Unavailable(f"{operation}: {word}", native=word, retry_after=1.0)
    if word in (NOT_UNDERSTOOD, "forbidden"):
        return Misconfigured(f"{operation}: {word}", native=word)
    # A word we do not know says nothing of what was done.
    lost = _lost(operation, "a word that says nothing of what was done")
    lost.native = word
    return lost


def _of(patient: LocalPatient | None, record: Record) -> None:
    """Raise `AnotherPatient` unless the record is about the patient asked of."""
    if patient is None or record.patient != patient.number:
        raise AnotherPatient("the answer is about another patient")
