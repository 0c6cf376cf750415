"""The port, spoken to one ProConsona installation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx

from adapters.base import Adapter, Done, Installation, RawMessage, span_contains
from adapters.call import Call
from adapters.errors import AnotherPatient, OutcomeUnknown
from adapters.http.recording import body_of
from adapters.proconsona.listing import pages
from adapters.proconsona.meetings import Meetings
from adapters.proconsona.options import Options
from adapters.proconsona.profile import profile
from adapters.proconsona.wire import Request, Wire
from adapters.proconsona.writes import MARK, Writes
from adapters.recording import Exchange
from adapters.trip import Trip
from canonical import hetu as hetus
from canonical.commands import Accept, Book, Cancel, Command, Move, Propose
from canonical.messages import UNREADABLE, BadMessage
from canonical.model import FreeQuery, FreeTime, LocalPatient, Record, TimeKey
from canonical.notes import Note
from mappings.proconsona import directory, keys, persons
from mappings.proconsona.appointments import appointments
from mappings.proconsona.commands import asiakashaku
from mappings.proconsona.document import ID, SERVICE, Part, document
from mappings.proconsona.site import Site
from mappings.proconsona.slots import free_times

_LONGEST_SPAN: Final = timedelta(days=60)
"""Asked for at once: the manual allows 62 days (§7)."""
_MAX_QUESTIONS: Final = 4
"""More services or calendars than this are not asked for one by one, but all at once."""
_MEETINGS: Final = ("tapaaminen", "tapaamiset")
_CUSTOMERS: Final = ("asiakas", "asiakkaat")
_DIRECTORY: Final = (*directory.LISTS.keys(), *directory.LISTS.values())


class ProConsonaAdapter(Adapter):
    """ProConsona release 3, interface for meetings."""

    def __init__(self, installation: Installation, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Raises `Misconfigured` with every problem of the options. ``transport`` replaces the network (tests)."""
        options = Options.of(installation)
        self.installation = replace(installation, options=options.shown())
        self.profile = profile(options)
        self._site = Site(installation.name)
        self._wire = Wire(options, transport)
        self._meetings = Meetings(self._wire, self._site)
        self._writes = Writes(self._wire, self._meetings)

    async def probe(self, call: Call) -> str:
        """Whether it lets us in: the units, counted."""
        async with self._wire.ask(Trip.begin(call), "probe", Request.get("yksikot")) as reply:
            count = sum(1 for _ in reply.document(200, "yksikot").all("yksikko"))
        return f"ProConsona, {count} units"

    async def directory(self, call: Call) -> Sequence[Record]:
        trip, found = Trip.begin(call), list[Record]()
        for name in directory.LISTS:
            async with self._wire.ask(trip, "directory", Request.get(name)) as reply:
                services = {one.local_id: one.resource for one in found if one.kind == "HealthcareService"}
                records = directory.records(reply.document(200, name), self._site, services)
                for record in records:
                    reply.exchange.note(record.notes)
                found += records
        return found

    async def find_free(self, call: Call, query: FreeQuery) -> Sequence[FreeTime]:
        trip, found = Trip.begin(call), list[FreeTime]()
        if () in (query.services, query.schedules):
            return []
        for parameters in _questions(query):
            found += await self._free(trip, "find", parameters, query)
        return sorted(found, key=lambda free: (free.time.start, free.schedule))

    async def free_time(self, call: Call, time: TimeKey) -> FreeTime | None:
        trip, calendar = Trip.begin(call), keys.unpack(time.key)
        if calendar is None:
            return None
        asked = FreeQuery(time.start, time.start + timedelta(seconds=1), None, (calendar,))
        parameters = [*_span(asked.start, asked.end), ("kalenteri", calendar)]
        found = await self._free(trip, "free-time", parameters, asked)
        return next((free for free in found if free.time == time), None)

    async def find_person(self, call: Call, hetu: str) -> LocalPatient | None:
        if not hetus.is_valid(hetu):
            return None
        request = Request("POST", "asiakkaat/haku", body=asiakashaku(hetu))
        async with self._wire.ask(Trip.begin(call), "person", request) as reply:
            found = persons.patients(reply.document(200, "asiakkaat"))
            for patient, notes in found:
                reply.exchange.note(notes)
                if patient.hetu != hetu:
                    raise AnotherPatient("the search for a person found another one", native=reply.native)
            if len(found) > 1:
                raise BadMessage("more than one customer of one HETU")
            return found[0][0] if found else None

    async def appointments(self, call: Call, patient: LocalPatient) -> Sequence[Record]:
        if not ID.fullmatch(patient.number):
            return []
        return await self._meetings.search(Trip.begin(call), "list", [("asiakas", patient.number)], patient.number)

    async def appointment(self, call: Call, local_id: str) -> Record | None:
        return await self._meetings.one(Trip.begin(call), "read", local_id)

    async def perform(self, call: Call, command: Command) -> Done:
        self.profile.demand(command)
        trip = Trip.begin(call)
        match command:
            case Book():
                return await self._writes.book(trip, command)
            case Cancel() | Move() | Accept() | Propose():
                return await self._writes.change(trip, command)
        raise AssertionError(f"{command.kind} is a declared gap")

    async def look(self, call: Call, command: Command) -> Record | None:
        """By the hub's own mark or by the meeting's id, as the manual says (§12)."""
        trip = Trip.begin(call)
        match command:
            case Book():
                return await self._booked(trip, command)
            case Cancel():
                found = await self._meetings.one(trip, "look", command.local_id, command.patient.number)
                return found if found is not None and found.resource.get("status") == "cancelled" else None
            case Move() | Accept() | Propose():
                return await self._meetings.one(trip, "look", command.local_id, command.patient.number)
        return None

    def decode(self, raw: RawMessage) -> Sequence[Record]:
        """Stored bytes (a whole reply or its body) of meetings, customers or the directory; free times are no records.

        Of a list of workers alone the calendars come without what their services are called.
        """
        try:
            root = document(body_of(raw.data), *_MEETINGS, *_CUSTOMERS, *_DIRECTORY)
            if root.name in _MEETINGS:
                return appointments(root, self._site)
            if root.name in _CUSTOMERS:
                return [persons.record(patient, notes, self._site) for patient, notes in persons.patients(root)]
            return directory.records(root, self._site)
        except UNREADABLE as err:
            raise BadMessage(f"not a message of ProConsona's: {type(err).__name__}") from err

    async def close(self) -> None:
        await self._wire.close()

    async def _free(
        self, trip: Trip, operation: str, parameters: Sequence[tuple[str, str]], query: FreeQuery
    ) -> list[FreeTime]:
        """The free times that these parameters find and ``query`` means."""

        def read(page: Part, exchange: Exchange) -> list[FreeTime]:
            notes: list[Note] = []
            found = free_times(page, self._site, notes)
            exchange.note(dict.fromkeys(notes))
            return [free for free in found if _is_meant(free, query)]

        return await pages(self._wire, trip, operation, "vapaat-ajat", parameters, "vapaatAjat", read)

    async def _booked(self, trip: Trip, command: Book) -> Record | None:
        if not MARK.fullmatch(command.placer_id):
            return None
        number = command.patient.number if command.patient is not None else None
        criteria = [("ulkoinenTunniste", command.placer_id)]
        found = await self._meetings.search(trip, "look", criteria, number)
        if len(found) > 1:
            raise OutcomeUnknown(f"{len(found)} meetings carry one mark of the hub's")
        return found[0] if found else None


def _is_meant(free: FreeTime, query: FreeQuery) -> bool:
    named = query.services is None or free.service in query.services
    return (
        named
        and (query.schedules is None or free.schedule in query.schedules)
        and span_contains(query, free.time.start)
    )


def _questions(query: FreeQuery) -> Iterator[list[tuple[str, str]]]:
    """The searches that together ask for the span: an address takes one service and one calendar."""
    narrowed: list[list[tuple[str, str]]] = [[]]
    for name, form, asked in (("kalenteri", ID, query.schedules), ("palvelu", SERVICE, query.services)):
        if asked is not None and len(asked) <= _MAX_QUESTIONS:
            # What has not the form of a code of ProConsona's is nothing there, and finds nothing.
            narrowed = [[(name, one)] for one in dict.fromkeys(asked) if form.fullmatch(one)]
            break
    start, last = query.start.astimezone(UTC), query.end.astimezone(UTC)  # two clock faces do not compare as instants
    while start < last:
        end = min(last, start + _LONGEST_SPAN)
        for one in narrowed:
            yield [*_span(start, end), *one]
        start = end


def _span(start: datetime, end: datetime) -> list[tuple[str, str]]:
    """The range, in UTC: exact, and without a ``+`` to be written ``%2B``."""
    return [("alkaen", _utc(start)), ("paattyen", _utc(end))]


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
