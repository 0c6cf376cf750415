"""Visits: book, read, search, cancel, move (INTERFACE.md §7). Reading a change is in `changes.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final
from urllib.parse import unquote

import orjson

from sandbox.clock import HELSINKI
from sandbox.engine import errors
from sandbox.engine.model import Appointment, Status
from sandbox.engine.system import RecordSystem
from sandbox.http.answer import Answer
from sandbox.lifecare.outcome import FHIR_JSON, Json, Refusal
from sandbox.lifecare.reading import APPOINTMENT_ELEMENTS, Node, Placer, read_placer, take_hold_token
from sandbox.lifecare.resources import Resources, etag, read_extra, slot_id
from sandbox.lifecare.search import Key, Query, has_token, parse_period, take_page
from sandbox.lifecare.slots import Slots

SEARCH: Final = (
    "_id",
    "_lastUpdated",
    "date",
    "identifier",
    "location",
    "patient",
    "practitioner",
    "slot",
    "status",
)

_STORED: Final = (
    *("resourceType", "meta", "text"),
    *("status", "slot", "participant", "identifier", "start", "end", "comment"),
)
_STATUS_SYSTEM: Final = "http://hl7.org/fhir/appointmentstatus"
_SECOND: Final = timedelta(seconds=1)
_FAR: Final = 1e11
"""Seconds that are further off than any appointment."""


@dataclass(slots=True)
class Booking:
    """A booking as asked for. `times` are numbers of the release's times, where sent; `hold` a token, where sent.

    `pending` leaves the decision to the desk; `made` is the appointment's id when done.
    """

    patient: str
    slot: str
    comment: str
    placer: Placer | None
    condition: Placer | None
    times: tuple[float | None, float | None]
    hold: str | None = None
    pending: bool = False
    made: str | None = None


class Appointments:
    """The visits of one installation."""

    def __init__(self, system: RecordSystem, resources: Resources, slots: Slots, base: str) -> None:
        self._system = system
        self._resources = resources
        self._slots = slots
        self._base = base

    # ---- book

    def read_booking(self, resource: Node, if_none_exist: str | None) -> Booking:
        """Return what `POST Appointment` asks for. Raises Refusal for its form; the rules are `book`'s."""
        release = self._resources.release
        hold, resource = take_hold_token(resource) if release.holds else (None, resource)
        resource.only(_STORED, APPOINTMENT_ELEMENTS)
        if resource.text("status", limit=64) != "booked":
            raise Refusal("STATUS_NOT_ALLOWED", "Appointment.status")
        placer = _read_placer(resource)
        return Booking(
            patient=_read_patient(resource.single("participant")),
            slot=resource.single("slot").reference("Slot"),
            comment=resource.text("comment", limit=500, required=False),
            placer=placer,
            condition=_read_condition(if_none_exist, placer) if release.conditional else None,
            times=(self._read_time(resource, "start"), self._read_time(resource, "end")),
            hold=hold,
        )

    def book(self, booking: Booking) -> Answer:
        """Book, or answer the booking that the condition names. Raises Refusal (409, 412, 422)."""
        if booking.condition is not None:
            known = self._with_placer(booking.condition)
            if len(known) > 1:
                raise Refusal("MULTIPLE_MATCHES")
            if known:
                return self.answer(known[0], 200, located=True)
        calendar, start = self._bookable(booking)
        system = booking.placer[0] if booking.placer is not None else None
        try:
            made = self._system.book(
                patient=booking.patient,
                calendar=calendar,
                start=start,
                placer_id=booking.placer[1] if booking.placer is not None else None,
                text=booking.comment,
                extra="" if system is None else orjson.dumps({"system": system}).decode("utf-8"),
                pending=booking.pending,
                hold=booking.hold,
            )
        except errors.SlotTaken as err:
            code = "ALREADY_BOOKED" if err.held_by_same_patient else "SLOT_TAKEN"
            raise Refusal(code, "Appointment.slot[0]") from err
        except errors.NoSuchHold as err:
            raise Refusal("HOLD_NOT_VALID", "Appointment.extension") from err
        except errors.NoSuchTime as err:
            raise Refusal("UNKNOWN_SLOT", "Appointment.slot[0]") from err
        booking.made = made.id
        return self.answer(made, 201, located=True)

    def _read_time(self, resource: Node, name: str) -> float | None:
        text = resource.text(name, limit=40, required=False)
        if not text:
            return None
        at = self._resources.times.parse(text)
        if at is None:
            raise Refusal("BAD_VALUE", resource.at(name))
        return at

    def _bookable(self, booking: Booking) -> tuple[str, datetime]:
        """Return calendar and start of the slot asked for. Raises Refusal where the system's rules forbid it."""
        if self._system.patient(booking.patient) is None:
            raise Refusal("UNKNOWN_PATIENT", "Appointment.participant[0].actor")
        place = self._slots.place(booking.slot)
        if place is None:
            raise Refusal("UNKNOWN_SLOT", "Appointment.slot[0]")
        calendar, start, end = place
        for name, given, right in zip(("start", "end"), booking.times, (start, end), strict=True):
            if given is not None and given != self._resources.times.of(right):
                raise Refusal("TIME_MISMATCH", f"Appointment.{name}")
        if start.timestamp() <= self._system.clock.now().timestamp():
            raise Refusal("SLOT_PAST", "Appointment.slot[0]")
        own = self._system.appointments(patient=booking.patient, calendar=calendar.id, start=start, end=start + _SECOND)
        if any(one.holds_time for one in own):
            raise Refusal("ALREADY_BOOKED", "Appointment.slot[0]")
        return calendar.id, start

    def _with_placer(self, placer: Placer) -> list[Appointment]:
        system, value = placer
        found = self._system.appointments(placer_id=value)
        return [one for one in found if read_extra(one).get("system") == system]

    # ---- read and search

    def find(self, found: str) -> Appointment:
        """Return one visit. Raises Refusal (404; 410 where the release deletes)."""
        appointment = self._system.appointment(found)
        if appointment is None:
            raise Refusal("NOT_FOUND")
        if self._deleted(appointment):
            raise Refusal("GONE")
        return appointment

    def _deleted(self, one: Appointment) -> bool:
        """Whether the unit's own people cancelled the visit, in a release that deletes it then."""
        by_client = read_extra(one).keys() & {"code", "text"}
        return self._resources.release.deletes and one.status is Status.CANCELLED and not by_client

    def answer(self, one: Appointment, status: int, *, located: bool = False) -> Answer:
        """Return a visit as an answer, with its ETag."""
        headers = {"content-type": FHIR_JSON, "etag": etag(one.version)}
        if not self._resources.times.whole_seconds:  # an old release has no time it could honestly name here
            headers["last-modified"] = format_datetime(one.updated.astimezone(UTC), usegmt=True)
        if located:
            headers["location"] = f"{self._base}/Appointment/{one.id}/_history/{one.version}"
        return Answer(status, orjson.dumps(self._resources.appointment(one)), headers)

    def matches(self, query: Query) -> list[tuple[Key, Appointment]]:
        """Return every visit a search finds, in its order, with the key of each. Raises Refusal (400)."""
        tests = self._tests(query)
        times = self._resources.times
        time: Callable[[Appointment], float] = (
            (lambda one: times.changed(one.updated)) if query.all("_lastUpdated") else lambda one: one.start.timestamp()
        )
        tests.append(lambda one: not self._deleted(one))
        found = [((time(one), one.id), one) for one in self._candidates(query) if all(test(one) for test in tests)]
        found.sort(key=lambda pair: pair[0])
        return found

    def _tests(self, query: Query) -> list[Callable[[Appointment], bool]]:
        """Return what a visit must satisfy, one test for each value of a parameter."""
        times = self._resources.times
        date, updated = parse_period(query, "date"), parse_period(query, "_lastUpdated")
        calendar = self._system.calendars
        facts: dict[str, tuple[list[set[str]], Callable[[Appointment], str]]] = {
            "_id": ([set(choice) for choice in query.choices("_id")], lambda one: one.id),
            "patient": (query.references("patient", "Patient"), lambda one: one.patient),
            "practitioner": (
                query.references("practitioner", "Practitioner"),
                lambda one: calendar[one.calendar].professional,
            ),
            "location": (query.references("location", "Location"), lambda one: calendar[one.calendar].unit),
            "slot": (query.references("slot", "Slot"), lambda one: slot_id(one.calendar, one.start)),
        }
        tests: list[Callable[[Appointment], bool]] = []
        for choices, fact in facts.values():
            tests += [_is_among(choice, fact) for choice in choices]
        tests += [_has(choice, self._identifiers) for choice in query.tokens("identifier")]
        tests += [_has(choice, _status_coding) for choice in query.tokens("status")]
        if date.tests:
            tests.append(lambda one: date.holds(times.of(one.start)))
        if updated.tests:
            tests.append(lambda one: updated.holds(times.changed(one.updated)))
        return tests

    def page(self, query: Query, found: list[tuple[Key, Appointment]]) -> tuple[list[Json], Key | None]:
        """Return one page of what `matches` found and the key to go on after."""
        page, following = take_page(query, found)
        return [self._resources.appointment(one) for one in page], following

    def _candidates(self, query: Query) -> Iterable[Appointment]:
        """Return a superset of what a search finds, by the engine's own indexes where one fits."""
        tokens = query.tokens("identifier")
        if tokens and len(tokens[0]) == 1 and tokens[0][0][0] not in (None, self._resources.systems.appointment):
            return self._system.appointments(placer_id=tokens[0][0][1])
        patients = query.references("patient", "Patient")
        if patients:
            return [one for number in patients[0] for one in self._system.appointments(patient=number)]
        period = parse_period(query, "date")
        first = -_FAR if period.low is None else period.low
        first, last = self._resources.times.seconds(first, _FAR if period.high is None else period.high)
        limits = [at if abs(at) < _FAR / 2 else None for at in (first, last)]
        low, high = (None if at is None else datetime.fromtimestamp(at, HELSINKI) for at in limits)
        return self._system.appointments(start=low, end=high)

    def _identifiers(self, one: Appointment) -> list[Json]:
        own: Json = {"system": self._resources.systems.appointment, "value": one.id}
        if one.placer_id is None:
            return [own]
        return [own, {"system": read_extra(one).get("system", ""), "value": one.placer_id}]


def _status_coding(one: Appointment) -> list[Json]:
    return [{"system": _STATUS_SYSTEM, "code": one.status.value}]


def _is_among(choice: set[str], fact: Callable[[Appointment], str]) -> Callable[[Appointment], bool]:
    return lambda one: fact(one) in choice


def _has(
    choice: list[tuple[str | None, str]], codings: Callable[[Appointment], list[Json]]
) -> Callable[[Appointment], bool]:
    return lambda one: has_token(codings(one), choice)


def _read_patient(participant: Node) -> str:
    participant.only(("actor", "status", "required"), ("id", "extension", "modifierExtension", "type", "period"))
    if participant.text("status", limit=64) != "accepted":
        raise Refusal("STATUS_NOT_ALLOWED", participant.at("status"))
    if participant.data.get("required", "required") != "required":
        raise Refusal("BAD_VALUE", participant.at("required"))
    return participant.child("actor").reference("Patient")


def _read_placer(resource: Node) -> Placer | None:
    return read_placer(resource.single("identifier")) if "identifier" in resource.data else None


def _read_condition(header: str | None, placer: Placer | None) -> Placer | None:
    """Return what If-None-Exist names, which must be the identifier of the body."""
    if header is None:
        return None
    name, equals, token = header.removeprefix("?").partition("=")
    system, bar, value = unquote(token).rpartition("|")
    if name != "identifier" or not equals or not bar or (system, value) != placer:
        raise Refusal("BAD_CONDITION")
    return system, value
