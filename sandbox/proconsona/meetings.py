"""Meetings: book, read, search (INTERFACE.md §8). Changing them is in `changes`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from lxml import etree

from sandbox.clock import HELSINKI
from sandbox.engine import errors
from sandbox.engine.grid import Cell
from sandbox.engine.model import Appointment, Status
from sandbox.engine.system import RecordSystem
from sandbox.http.answer import Answer
from sandbox.proconsona.documents import add, answer, make, parse, path_of, token, value
from sandbox.proconsona.hetu import holds_hetu
from sandbox.proconsona.keys import Keys, first_state
from sandbox.proconsona.outcome import Place, Refusal, bad_parameter
from sandbox.proconsona.query import BASE, LONGEST, Key, Query, parse_time, take_page
from sandbox.proconsona.records import STATES, Records, state_of, write_extra
from sandbox.proconsona.times import Times

PARAMETERS: Final = ("asiakas", "ulkoinenTunniste", "yksikko", "kalenteri", "tila", "alkaen", "paattyen")

_SECOND: Final = timedelta(seconds=1)


@dataclass(slots=True)
class Booking:
    """A booking as asked for. `pending` leaves the decision to the desk; `made` is the meeting's id when done."""

    customer: str
    calendar: str
    start: datetime
    external_id: str | None
    text: str
    key: str | None
    body: bytes
    pending: bool = False
    made: str | None = None


def read_start(element: etree._Element) -> datetime:
    """Return the `alku` of an element that is valid by the schema. Raises Refusal for a time that cannot be."""
    at = parse_time(token(element, "alku"))
    if at is None:
        raise Refusal("SKEEMA", places=[Place(f"{path_of(element)}/pc:alku", "ARVO")])
    return at


def own_meeting(system: RecordSystem, patient: str, calendar: str, cell: Cell) -> Appointment | None:
    """Return the patient's meeting that holds this very time, if there is one."""
    until = (cell.start.astimezone(UTC) + _SECOND).astimezone(HELSINKI)
    found = system.appointments(patient=patient, calendar=calendar, start=cell.start, end=until)
    return next((one for one in found if one.holds_time), None)


class Meetings:
    """The meetings of one installation."""

    def __init__(self, system: RecordSystem, records: Records, times: Times, keys: Keys) -> None:
        self._system = system
        self._records = records
        self._times = times
        self._keys = keys

    # ---- book

    def read_booking(self, body: bytes, key: str | None) -> Booking:
        """Return what `POST /tapaamiset` asks for. Raises Refusal for its form; the rules are `book`'s."""
        root = parse(body, "uusiTapaaminen")
        external_id = value(root, "ulkoinenTunniste")
        if external_id is not None and holds_hetu(external_id):
            raise Refusal("SKEEMA", places=[Place("/pc:uusiTapaaminen/pc:ulkoinenTunniste", "ARVO")])
        return Booking(
            customer=token(root, "asiakas"),
            calendar=token(root, "kalenteri"),
            start=read_start(root),
            external_id=external_id,
            text=value(root, "lisatieto") or "",
            key=key,
            body=body,
        )

    def book(self, booking: Booking) -> Answer:
        """Book, or answer again what was booked with the key. Raises Refusal (409, 422)."""
        if booking.key is not None:
            first = self._keys.find(booking.key, booking.body)
            if first is not None:
                return self._created(first, idempotency_replayed="true")
        if self._records.customer(booking.customer) is None:
            raise Refusal("TUNTEMATON_ASIAKAS")
        cell = self._times.cell(booking.calendar, booking.start)
        if cell is None:
            raise Refusal("TUNTEMATON_AIKA")
        if cell.key <= self._system.clock.now().timestamp():
            raise Refusal("AIKA_MENNYT")
        own = own_meeting(self._system, booking.customer, booking.calendar, cell)
        if own is not None:
            raise Refusal("OMA_AIKA", record=self._records.meeting_element(own))
        made = self._make(booking, cell)
        booking.made = made.id
        if booking.key is not None:
            self._keys.used(booking.key, made.id)
        return self._created(made)

    def _make(self, booking: Booking, cell: Cell) -> Appointment:
        kept: dict[str, str] = {}
        if booking.key is not None:
            state = Status.PENDING if booking.pending else Status.BOOKED
            kept = first_state(booking.body, booking.key, booking.calendar, cell.start, cell.end, state)
        try:
            return self._system.book(
                patient=booking.customer,
                calendar=booking.calendar,
                start=cell.start,
                placer_id=booking.external_id,
                text=booking.text,
                extra=write_extra(kept),
                pending=booking.pending,
            )
        except errors.SlotTaken as err:
            raise Refusal("AIKA_VARATTU") from err
        except errors.NoSuchTime as err:
            raise Refusal("TUNTEMATON_AIKA") from err

    def _created(self, one: Appointment, **headers: str) -> Answer:
        return answer(self._records.meeting_element(one), 201, location=f"{BASE}/tapaamiset/{one.id}", **headers)

    # ---- read and search

    def find(self, found: str) -> Appointment:
        """Return one meeting. Raises Refusal (404)."""
        one = self._records.meeting(found)
        if one is None:
            raise Refusal("EI_LOYDY")
        return one

    def shown(self, one: Appointment) -> Answer:
        """Return a meeting as an answer."""
        return answer(self._records.meeting_element(one))

    def matches(self, query: Query) -> list[Appointment]:
        """Return the meetings a search finds, in order. Raises Refusal (400)."""
        state, unit = query.text("tila"), query.id("yksikko")
        if state is not None and state not in STATES:
            raise bad_parameter("tila")
        start, end = query.time("alkaen"), query.time("paattyen")
        patient, external_id = query.id("asiakas"), query.text("ulkoinenTunniste")
        wide = start is None or end is None or end - start > LONGEST
        if patient is None and external_id is None and wide:
            raise Refusal("HAKU_LIIAN_LAAJA")
        found = self._system.appointments(
            patient=patient, placer_id=external_id, calendar=query.id("kalenteri"), start=start, end=end
        )
        return [
            one
            for one in found
            if state in (None, state_of(one))
            and unit in (None, self._system.calendars[one.calendar].unit)
            and self._records.sees(one)
        ]

    def page(self, query: Query, found: list[Appointment]) -> Answer:
        """Answer the page asked for of what was found."""
        keyed: list[tuple[Key, Appointment]] = [((one.start.timestamp(), one.id), one) for one in found]
        page, following = take_page(query, keyed)
        root = make("tapaamiset")
        root.extend(self._records.meeting_element(one) for one in page)
        if following is not None:
            add(root, "seuraava", query.next_link(following))
        return answer(root)
