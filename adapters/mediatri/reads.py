"""Questions: page after page until there is no ``jatko``, and whose every answer is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, timedelta
from typing import Final, TypeVar

from adapters.base import span_contains
from adapters.errors import AnotherPatient, Unavailable, UnknownPatient
from adapters.mediatri.wire import Reading, Wire
from adapters.trip import Trip
from canonical import times
from canonical.model import FreeQuery, FreeTime, LocalPatient, Record
from canonical.notes import Note
from mappings.mediatri import appointments, directory, persons, requests
from mappings.mediatri.appointments import Found
from mappings.mediatri.markup import BadMessage, Element, Fields, is_code
from mappings.mediatri.requests import Request
from mappings.mediatri.site import Site

T = TypeVar("T")

DIRECTORY: Final = ("HaeYksikot", "HaePalvelut", "HaeAmmattihenkilot", "HaeKalenterit")

_MOST_PAGES: Final = 200
_MOST_QUESTIONS: Final = 4
"""More services or calendars than this are not asked for one by one, but all at once."""


class Reads:
    """Reads one installation."""

    def __init__(self, wire: Wire, site: Site) -> None:
        self._wire, self._site = wire, site

    async def units(self, trip: Trip) -> int:
        """How many units there are."""
        return await self._wire.ask(trip, Request("HaeYksikot"), lambda answer: (len(answer.each("yksikko")), ()))

    async def directory(self, trip: Trip) -> list[Record]:
        """All of the directory."""
        answers = [await self._wire.ask(trip, Request(name), lambda answer: (answer, ())) for name in DIRECTORY]
        try:
            return directory.records([answer.element for answer in answers], self._site)
        except BadMessage as err:
            raise Unavailable(f"the directory cannot be used ({err})") from err

    async def free_times(self, trip: Trip, query: FreeQuery) -> list[FreeTime]:
        """Every free time of the query, in Mediatri's order as far as one question told it."""
        found: dict[tuple[str, float], FreeTime] = {}
        for question in _questions(query):
            for one in await self._pages(trip, question, self._times):
                if _is_asked_for(one, query):
                    found[one.time.key, one.time.start.timestamp()] = one
        return list(found.values())

    async def bookings(self, trip: Trip, question: Request, patient: LocalPatient | None = None) -> list[Found]:
        """Every booking that answers the question; all must be of ``patient``, if one is given."""

        def read(answer: Fields) -> Reading[list[Found]]:
            found = [appointments.appointment(one, self._site) for one in answer.each("ajanvaraus")]
            if patient is not None and not all(one.is_about(patient) for one in found):
                raise AnotherPatient("HaeAjanvaraukset was answered about another patient")
            return found, [note for one in found for note in one.record.notes]

        found = await self._pages(trip, question, read)
        return list({one.record.local_id: one for one in found}.values())

    async def person(self, trip: Trip, hetu: str) -> tuple[LocalPatient, list[Note]] | None:
        """The customer of this HETU, with the notes of reading it."""
        if not requests.is_hetu(hetu):
            return None

        def read(answer: Fields) -> Reading[tuple[LocalPatient, list[Note]]]:
            patient, notes = persons.local_patient(answer.fields("potilas").element)
            if patient.hetu != hetu:
                raise AnotherPatient("HaePotilas was answered about another person")
            return (patient, notes), notes

        try:
            return await self._wire.ask(trip, requests.person(hetu), read)
        except UnknownPatient:
            return None

    def _times(self, answer: Fields) -> Reading[list[FreeTime]]:
        notes: list[Note] = []
        found = [appointments.free_time(one, self._site, notes) for one in answer.each("vapaaAika")]
        return [time for time in found if time is not None], list(dict.fromkeys(notes))

    async def _pages(self, trip: Trip, question: Request, read: Callable[[Fields], Reading[list[T]]]) -> list[T]:
        def read_page(answer: Fields) -> Reading[tuple[list[T], str]]:
            items, notes = read(answer)
            return (items, answer.text("jatko")), notes

        found: list[T] = []
        asked = question
        for _ in range(_MOST_PAGES):
            items, pointer = await self._wire.ask(trip, asked, read_page)
            found += items
            if not pointer:
                return found
            asked = question.going_on(pointer)
        raise Unavailable(f"{question.operation}: no end after {_MOST_PAGES} answers")


def records(content: Element, site: Site) -> list[Record]:
    """The records in the content of an answer. Raises `BadMessage`, and ValueError for an answer that holds none."""
    answer = Fields(content)
    operation = answer.name.removesuffix("Vastaus")
    if operation in DIRECTORY:
        return directory.records([content], site)
    if operation in ("HaePotilas", "LuoPotilas"):
        patient, notes = persons.local_patient(answer.fields("potilas").element)
        return [persons.patient_record(patient, site, notes)]
    if operation in ("HaeAjanvaraukset", "VahvistaVaraus", "PeruAika"):
        return [appointments.appointment(one, site).record for one in answer.each("ajanvaraus")]
    raise ValueError("an answer that holds no records")


def _is_asked_for(one: FreeTime, query: FreeQuery) -> bool:
    return (
        span_contains(query, one.time.start)
        and (query.services is None or one.service in query.services)
        and (query.schedules is None or one.schedule in query.schedules)
    )


def _questions(query: FreeQuery) -> Iterable[Request]:
    """The query in Mediatri's terms: whole days, as many as it takes at once, and one calendar, one service or all."""
    start, end = query.start.astimezone(UTC), query.end.astimezone(UTC)
    if start >= end or () in (query.services, query.schedules):
        return
    day, last = times.to_local(start).date(), times.to_local(end - timedelta(microseconds=1)).date()
    while day <= last:
        until = min(last, day + timedelta(days=requests.DAYS - 1))
        yield from _narrowed(query, day, until)
        day = until + timedelta(days=1)


def _narrowed(query: FreeQuery, first: date, last: date) -> Iterable[Request]:
    if query.schedules is not None and len(query.schedules) <= _MOST_QUESTIONS:
        return [requests.free_times(first, last, calendar=name) for name in query.schedules if is_code(name)]
    if query.services is not None and len(query.services) <= _MOST_QUESTIONS:
        return [requests.free_times(first, last, service=name) for name in query.services if is_code(name)]
    return [requests.free_times(first, last)]
