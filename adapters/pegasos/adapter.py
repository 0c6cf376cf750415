"""The port to one Pegasos installation: HL7 v2.4 over MLLP. Source: Pegasos's interface manual."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, timedelta
from functools import partial
from typing import Final, TypeVar

from adapters.base import Adapter, Capability, Done, Installation, Profile, RawMessage, span_contains
from adapters.call import Call
from adapters.errors import (
    AnotherPatient,
    Misconfigured,
    NoSuchTime,
    OutcomeUnknown,
    Unavailable,
    UnknownPatient,
)
from adapters.mllp.link import Link
from adapters.pegasos.conversation import Conversation, Reading, stamp
from adapters.pegasos.options import Options
from canonical import hl7
from canonical.commands import Book, Cancel, Command, Hold, Move, RegisterPerson, Release
from canonical.model import FreeQuery, FreeTime, LocalPatient, Record, TimeKey
from canonical.notes import Note, NoteKind
from mappings.pegasos import answers, appointments, directory, keys, messages, persons, requests
from mappings.pegasos.appointments import Found
from mappings.pegasos.requests import Bookings, FreeTimes, Span, Stamp

T = TypeVar("T")

_FILES: Final[Sequence[requests.MasterFile]] = ("LOC", "PRA", "CDM", "ZKA")
_MAX_DAYS: Final = 90
"""Pegasos takes 93 days at once; on the local clock a span may be an hour longer than it is."""
_MAX_PAGES: Final = 200
_UNSHOWN: Final = Note(NoteKind.DROPPED, "Move.reason", "the unit reads it; an Appointment has no element for it")
_MAX_QUESTIONS: Final = 4
"""More services or calendars than this are not asked for one by one, but all at once."""
_GAPS: Final = {
    Capability.HOLD: "Pegasos keeps no time that is not booked (manual §4, §6)",
    Capability.ANSWER_PROPOSALS: "Pegasos proposes no times (manual §4, §6)",
    Capability.DEDUPLICATES: "Pegasos recognises no repeated message, neither by MSH-10 nor by ARQ-1 (manual §12)",
    Capability.CHECKS_VERSION: "SRM^S04 names the start the caller believes in, no version (manual §5)",
}


def profile(options: Options) -> Profile:
    """What Pegasos can and cannot do."""
    able = frozenset(Capability) - _GAPS.keys()
    return Profile(able, _GAPS, options.quiescence, options.limit, requests.TEXT_LIMIT)


class PegasosAdapter(Adapter):
    """One installation. Raises `Misconfigured` with every problem of the options; connects when first asked.

    ``stamps`` gives every message its control id and time; tests fix them.
    """

    def __init__(self, installation: Installation, *, stamps: Callable[[], Stamp] = stamp) -> None:
        options = Options.of(installation)
        self.installation = installation
        self.profile = profile(options)
        self._page = options.page
        self._site = options.site(installation.name)
        self._link = Link(options.host, options.port, size=options.pool, max_reply=options.max_reply)
        self._conversation = Conversation(self._link, self._site, stamps)

    async def probe(self, call: Call) -> str:
        units = await self._master_file(call, _deadline(call), "LOC")
        header = units.header
        names = f"{header[3].text()} {header[4].text()}"
        return f"{names}, HL7 {header[12].text()}: {sum(1 for _ in units.all('MFE'))} units"

    async def directory(self, call: Call) -> Sequence[Record]:
        deadline = _deadline(call)
        messages = [await self._master_file(call, deadline, name) for name in _FILES]
        try:
            return directory.records(directory.master_files(messages), self._site)
        except hl7.BadMessage as err:
            raise Unavailable(f"MFQ^M01: the answer cannot be used ({err})") from err

    async def find_free(self, call: Call, query: FreeQuery) -> Sequence[FreeTime]:
        deadline = _deadline(call)
        found: dict[tuple[str, float], FreeTime] = {}
        for question in _questions(query):
            for time in await self._free_times(call, deadline, question):
                found[time.time.key, time.time.start.timestamp()] = time
        asked = (time for time in found.values() if _is_asked_for(time, query))
        return sorted(asked, key=lambda time: (time.time.start, time.time.key))

    async def free_time(self, call: Call, time: TimeKey) -> FreeTime | None:
        names = keys.unpack(time.key)
        if names is None:
            return None
        question = FreeTimes(Span(time.start, time.end), schedule=names[0])
        found = await self._free_times(call, _deadline(call), question)
        at = time.start.timestamp()
        return next((one for one in found if one.time.key == time.key and one.time.start.timestamp() == at), None)

    async def find_person(self, call: Call, hetu: str) -> LocalPatient | None:
        try:
            return await self._person(call, _deadline(call), hetu)
        except UnknownPatient:
            return None

    async def appointments(self, call: Call, patient: LocalPatient) -> Sequence[Record]:
        found = await self._bookings(call, Bookings(patient=patient), patient)
        return [one.record for one in found]

    async def appointment(self, call: Call, local_id: str) -> Record | None:
        found = await self._bookings(call, Bookings(filler=local_id))
        return next((one.record for one in found if one.record.local_id == local_id), None)

    async def perform(self, call: Call, command: Command) -> Done:
        self.profile.demand(command)
        deadline = _deadline(call)
        if isinstance(command, RegisterPerson):
            return await self._register(call, deadline, command)
        if isinstance(command, Cancel):
            build = partial(requests.cancel, command, self._site)
        else:
            assert isinstance(command, Book | Move), "everything else is a declared gap"
            names = keys.unpack(command.time.key)
            if names is None:
                raise NoSuchTime("the key of the time is none of this installation's")
            if isinstance(command, Move):
                build = partial(requests.move, command, *names, self._site)
            else:
                build = partial(requests.book, command, *names, self._site)
        return await self._conversation.ask(call, deadline, build, partial(self._done, command))

    async def look(self, call: Call, command: Command) -> Record | None:
        if isinstance(command, RegisterPerson):
            patient = await self.find_person(call, command.person.hetu)
            return persons.patient_record(patient, self._site, []) if patient else None
        if isinstance(command, Hold | Release):
            return None
        if not isinstance(command, Book):
            found = await self._bookings(call, Bookings(filler=command.local_id), command.patient)
            records = [one.record for one in found if one.record.local_id == command.local_id]
            if isinstance(command, Cancel):
                records = [one for one in records if one.resource.get("status") == "cancelled"]
            return records[0] if records else None
        found = await self._bookings(call, Bookings(placer=command.placer_id), _patient(command))
        return next((one.record for one in sorted(found, key=_liveness)), None)

    def decode(self, raw: RawMessage) -> Sequence[Record]:
        return messages.decode(raw.data, self._site)

    async def close(self) -> None:
        self._link.close()

    async def _free_times(self, call: Call, deadline: float, question: FreeTimes) -> list[FreeTime]:
        """Every page of one question; a service or a calendar that is not there (any more) has no free times."""

        def read(message: hl7.Message) -> Reading[list[FreeTime]]:
            notes: list[Note] = []
            found = (appointments.free_time(group, self._site, notes) for group in appointments.groups(message))
            return [time for time in found if time is not None], notes

        try:
            return await self._pages(call, deadline, question, read)
        except NoSuchTime:
            return []

    async def _bookings(self, call: Call, question: Bookings, patient: LocalPatient | None = None) -> list[Found]:
        """Every page of one question; all of it must be about ``patient``, if one is given."""

        def read(message: hl7.Message) -> Reading[list[Found]]:
            found = [appointments.appointment(group, self._site) for group in appointments.groups(message)]
            for one in found:
                _is_about(one, patient)
            return found, [note for one in found for note in one.record.notes]

        return await self._pages(call, _deadline(call), question, read)

    async def _pages(
        self,
        call: Call,
        deadline: float,
        question: FreeTimes | Bookings,
        read: Callable[[hl7.Message], Reading[list[T]]],
    ) -> list[T]:
        """A query's answer goes on from DSC-1 to DSC-1 until there is none."""

        def read_page(message: hl7.Message) -> Reading[tuple[list[T], str]]:
            items, notes = read(message)
            return (items, answers.continuation(message)), notes

        found: list[T] = []
        pointer = ""
        for _ in range(_MAX_PAGES):
            build = partial(question.request, self._site, page=self._page, pointer=pointer)
            items, pointer = await self._conversation.ask(call, deadline, build, read_page)
            found += items
            if not pointer:
                return found
        raise Unavailable(f"SQM^S25: no end after {_MAX_PAGES} pages")

    async def _person(self, call: Call, deadline: float, hetu: str) -> LocalPatient:
        def read(message: hl7.Message) -> Reading[LocalPatient]:
            patient, notes = persons.local_patient(message)
            if patient.hetu != hetu:
                raise AnotherPatient("ADR^A19 is about another person than was asked for")
            return patient, notes

        return await self._conversation.ask(call, deadline, partial(requests.person, hetu), read)

    async def _master_file(self, call: Call, deadline: float, name: requests.MasterFile) -> hl7.Message:
        def read(message: hl7.Message) -> Reading[hl7.Message]:
            mfi = message.first("MFI")
            if mfi is None or mfi[1].text() != name:
                raise hl7.BadMessage(f"MFI-1 is not {name}")
            return message, ()

        return await self._conversation.ask(call, deadline, partial(requests.master_file, name), read)

    async def _register(self, call: Call, deadline: float, command: RegisterPerson) -> Done:
        """ADT^A28 answers without the new patient number, which QRY^A19 then tells. If it does not, the person is
        registered all the same: whoever looks will find it."""
        hetu = command.person.hetu
        await self._conversation.ask(
            call, deadline, lambda stamped: requests.register(hetu, self._site, stamped), lambda _: (None, ())
        )
        try:
            patient = await self._person(call, deadline, hetu)
        except (Unavailable, UnknownPatient, Misconfigured) as err:
            raise OutcomeUnknown("AA to ADT^A28, but the new patient number was not learned") from err
        return Done(persons.patient_record(patient, self._site, []), "AA")

    def _done(self, command: Book | Move | Cancel, message: hl7.Message) -> Reading[Done]:
        """What an SRR says was done; raises `hl7.BadMessage` where it is not about this command."""
        groups = list(appointments.groups(message))
        if len(groups) != 1:
            raise hl7.BadMessage(f"{len(groups)} SCH")
        found = appointments.appointment(groups[0], self._site)
        _is_about(found, _patient(command))
        if isinstance(command, Book) and groups[0].sch[1].text() != command.placer_id:
            raise hl7.BadMessage("SCH-1 is not ARQ-1 of the request")
        if isinstance(command, Move | Cancel) and found.record.local_id != command.local_id:
            raise hl7.BadMessage("SCH-2 is not ARQ-2 of the request")
        lost = (_UNSHOWN,) if isinstance(command, Move) and command.reason else ()
        return Done(found.record, "AA", (*found.record.notes, *lost)), (*found.record.notes, *lost)


def _deadline(call: Call) -> float:
    """When the whole call must have ended, on the loop's clock."""
    return asyncio.get_running_loop().time() + call.limit


def _patient(command: Book | Move | Cancel) -> LocalPatient:
    """Whose the command is; before the installation was asked, only the HETU is known."""
    if isinstance(command, Book):
        return command.patient or LocalPatient("", command.person.hetu)
    return command.patient


def _is_about(found: Found, patient: LocalPatient | None) -> None:
    if patient is not None and not found.who.is_about(patient):
        raise AnotherPatient("the answer is about another patient than was asked for")


def _liveness(found: Found) -> tuple[bool, int, str]:
    """Sorts what is booked or pending first, then by age: numbers grow."""
    number = found.record.local_id
    return found.record.resource.get("status") not in ("booked", "pending"), len(number), number


def _is_asked_for(time: FreeTime, query: FreeQuery) -> bool:
    return (
        span_contains(query, time.time.start)
        and (query.services is None or time.service in query.services)
        and (query.schedules is None or time.schedule in query.schedules)
    )


def _questions(query: FreeQuery) -> Iterable[FreeTimes]:
    """The query in Pegasos's terms: spans it takes at once, and one calendar, one service or all."""
    start, end = query.start.astimezone(UTC), query.end.astimezone(UTC)
    end += timedelta(microseconds=-end.microsecond % 1_000_000)  # times are asked for by whole seconds
    while start < end:
        span = Span(start, min(end, start + timedelta(days=_MAX_DAYS)))
        if query.schedules is not None and len(query.schedules) <= _MAX_QUESTIONS:
            yield from (FreeTimes(span, schedule=name) for name in query.schedules)
        elif query.services is not None and len(query.services) <= _MAX_QUESTIONS:
            yield from (FreeTimes(span, service=name) for name in query.services)
        else:
            yield FreeTimes(span)
        start = span.end
