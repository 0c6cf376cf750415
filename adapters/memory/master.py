"""The small record system inside the memory adapter: calendars, customers, appointments and its own rules.

It is the master: it alone decides. Everything here is synchronous and plain, so that each call is one indivisible step
and of two who want one time the first wins. Times are aware and kept in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from canonical.model import Person

LIVE: Final = frozenset({"booked", "pending"})


class Refusal(Exception):
    """The master says no; ``code`` is its word for why. Nothing has been done."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Rules:
    """How strict this release is. What is switched off is not there at all: no check, no field, no search."""

    cancels: bool = True
    registers: bool = True
    deduplicates: bool = True
    versions: bool = True
    """Appointments have versions, and a cancel that names another is refused."""
    starts: bool = True
    """A cancel that names another start is refused."""
    restrictions: bool = True
    comments: bool = True
    text_limit: int = 1000
    """Characters of a comment or a reason."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A place of care."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Service:
    """``code`` is local; ``national`` is of the national classification of services, where there is one. ``places`` is
    how many people one time holds."""

    id: str
    code: str
    name: str
    minutes: int
    national: str | None = None
    places: int = 1


@dataclass(frozen=True, slots=True)
class Professional:
    """Who gives the care."""

    id: str
    family: str
    given: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """One professional's times for one service in one unit."""

    id: str
    unit: str
    service: str
    professional: str


@dataclass(frozen=True, slots=True)
class Time:
    """A time of a calendar, free or not."""

    key: str
    calendar: str
    start: datetime
    end: datetime

    @classmethod
    def of(cls, calendar: str, start: datetime, end: datetime) -> Time:
        """A time with its key: the calendar and the minute of the start."""
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        return cls(f"{calendar}-{int(start.timestamp()) // 60}", calendar, start, end)


@dataclass(frozen=True, slots=True)
class Patient:
    """A customer: the master's own number, and what it keeps of how to reach them."""

    number: str
    hetu: str
    phone: str
    language: str
    placer_id: str | None = None


@dataclass(frozen=True, slots=True)
class Appointment:
    """``status`` is booked, pending, cancelled, fulfilled or noshow; ``version`` grows by one at each change."""

    id: str
    patient: str
    time: str
    calendar: str
    start: datetime
    end: datetime
    status: str
    placer_id: str | None = None
    comment: str = ""
    reason: str = ""
    cancel_reason: str = ""
    restriction: str | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody wants booked: of whom, which time by its key and start, under which id of their own."""

    patient: str
    key: str
    start: datetime
    placer_id: str | None = None
    comment: str = ""
    reason: str = ""
    restriction: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What the master starts with. ``population`` is everybody who could become a customer."""

    units: Sequence[Unit]
    services: Sequence[Service]
    professionals: Sequence[Professional]
    calendars: Sequence[Calendar]
    times: Sequence[Time]
    population: Sequence[Person]
    customers: Sequence[str] = ()
    """HETUs of the customers, out of the population."""


class Master:
    """One record system. ``now`` is its business clock; raises `Refusal` where it says so."""

    def __init__(self, content: Content, rules: Rules, now: Callable[[], datetime]) -> None:
        self.rules = rules
        self.units = {u.id: u for u in content.units}
        self.services = {s.id: s for s in content.services}
        self.professionals = {p.id: p for p in content.professionals}
        self.calendars = {c.id: c for c in content.calendars}
        self._now = now
        self._population = {p.hetu: p for p in content.population}
        self._patients: dict[str, Patient] = {}
        self._appointments: dict[str, Appointment] = {}
        self._times = {time.key: time for time in content.times}
        for hetu in content.customers:
            self._admit(hetu, None)

    def open(self, calendar: str, start: datetime, end: datetime) -> Time:
        """Open one more time in a calendar."""
        time = Time.of(calendar, start, end)
        self._times[time.key] = time
        return time

    def free(
        self, start: datetime, end: datetime, services: Iterable[str] | None, calendars: Iterable[str] | None
    ) -> list[Time]:
        """The free times whose start lies in the half-open span, by start; None is every service or calendar."""
        wanted_services = None if services is None else frozenset(services)
        wanted_calendars = None if calendars is None else frozenset(calendars)
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        holders = self._holders()
        found = (
            time
            for time in self._times.values()
            if start <= time.start < end
            and (wanted_calendars is None or time.calendar in wanted_calendars)
            and (wanted_services is None or self.calendars[time.calendar].service in wanted_services)
            and time.start > self._now()
            and len(holders.get(time.key, ())) < self._places(time)
        )
        return sorted(found, key=lambda time: (time.start, time.key))

    def free_time(self, key: str, start: datetime) -> Time | None:
        """That time, if it is free now."""
        time = self._time(key, start)
        return time if time is not None and self._is_free(time) else None

    def patient_of(self, hetu: str) -> Patient | None:
        """The customer with exactly this HETU, sign and all."""
        return next((p for p in self._patients.values() if p.hetu == hetu), None)

    def patient(self, number: str) -> Patient | None:
        """The customer with this number."""
        return self._patients.get(number)

    def patients(self) -> Iterator[Patient]:
        """Every customer, in the order they came."""
        return iter(self._patients.values())

    def register(self, hetu: str, placer_id: str) -> Patient:
        """Refuses with ``not-registering``, ``already-customer``, ``unknown-person``."""
        if not self.rules.registers:
            raise Refusal("not-registering")
        known = self.patient_of(hetu)
        if known is not None:
            if self.rules.deduplicates and known.placer_id == placer_id:
                return known
            raise Refusal("already-customer")
        if hetu not in self._population:
            raise Refusal("unknown-person")
        return self._admit(hetu, placer_id)

    def book(self, request: Request, *, status: str = "booked") -> Appointment:
        """Refuses with ``unknown-patient``, ``text-too-long``, ``no-such-time``, ``time-taken``."""
        if self.rules.deduplicates and request.placer_id is not None:
            known = self.appointments(placer_id=request.placer_id)
            if known:
                return known[0]
        if request.patient not in self._patients:
            raise Refusal("unknown-patient")
        if max(len(request.comment), len(request.reason)) > self.rules.text_limit:
            raise Refusal("text-too-long")
        time = self._time(request.key, request.start)
        if time is None or time.start <= self._now():
            raise Refusal("no-such-time")
        if not self._is_free(time) or request.patient in self._holders().get(time.key, ()):
            raise Refusal("time-taken")
        made = Appointment(
            id=str(len(self._appointments) + 1),
            patient=request.patient,
            time=time.key,
            calendar=time.calendar,
            start=time.start,
            end=time.end,
            status=status,
            placer_id=request.placer_id,
            comment=request.comment if self.rules.comments else "",
            reason=request.reason,
            restriction=request.restriction if self.rules.restrictions else None,
        )
        self._appointments[made.id] = made
        return made

    def cancel(
        self,
        local_id: str,
        *,
        patient: str | None = None,
        start: datetime | None = None,
        version: str | None = None,
        reason: str = "",
    ) -> Appointment:
        """Refuses with ``not-cancelling``, ``unknown-appointment`` (of this patient), ``text-too-long``, ``changed``
        (it does not start then, or has another version), ``not-cancellable`` (ended, cancelled or begun)."""
        if not self.rules.cancels:
            raise Refusal("not-cancelling")
        found = self._appointments.get(local_id)
        if found is None or patient not in (None, found.patient):
            raise Refusal("unknown-appointment")
        if len(reason) > self.rules.text_limit:
            raise Refusal("text-too-long")
        other_start = self.rules.starts and start is not None and start.astimezone(UTC) != found.start
        other_version = self.rules.versions and version not in (None, str(found.version))
        if other_start or other_version:
            raise Refusal("changed")
        if found.status not in LIVE or found.start <= self._now():
            raise Refusal("not-cancellable")
        return self._put(replace(found, status="cancelled", cancel_reason=reason))

    def move(self, local_id: str, key: str, start: datetime) -> Appointment:
        """The desk moves an appointment to another free time; refuses as `book` and `cancel` do."""
        found = self._appointments.get(local_id)
        if found is None:
            raise Refusal("unknown-appointment")
        time = self.free_time(key, start)
        if time is None:
            raise Refusal("time-taken")
        moved = replace(found, time=time.key, calendar=time.calendar, start=time.start, end=time.end)
        return self._put(moved)

    def decide(self, local_id: str, status: str) -> Appointment:
        """The desk gives an appointment another status: booked or cancelled for a pending one, fulfilled, noshow."""
        return self._put(replace(self._appointments[local_id], status=status))

    def appointment(self, local_id: str) -> Appointment | None:
        """One appointment as it is now."""
        return self._appointments.get(local_id)

    def appointments(self, *, patient: str | None = None, placer_id: str | None = None) -> list[Appointment]:
        """Appointments whatever their status, by start; of a patient, under a placer id, or all."""
        found = (
            a for a in self._appointments.values() if patient in (None, a.patient) and placer_id in (None, a.placer_id)
        )
        return sorted(found, key=lambda a: (a.start, a.id))

    def _admit(self, hetu: str, placer_id: str | None) -> Patient:
        number = str(1001 + len(self._patients))
        language = self._population[hetu].language
        patient = Patient(number, hetu, f"+358 50 000 {number}", language, placer_id)
        self._patients[number] = patient
        return patient

    def _time(self, key: str, start: datetime) -> Time | None:
        time = self._times.get(key)
        return time if time is not None and time.start == start.astimezone(UTC) else None

    def _holders(self) -> dict[str, list[str]]:
        """Who holds each time, by its key."""
        holders: dict[str, list[str]] = {}
        for held in self._appointments.values():
            if held.status in LIVE:
                holders.setdefault(held.time, []).append(held.patient)
        return holders

    def _places(self, time: Time) -> int:
        return self.services[self.calendars[time.calendar].service].places

    def _is_free(self, time: Time) -> bool:
        return time.start > self._now() and len(self._holders().get(time.key, ())) < self._places(time)

    def _put(self, changed: Appointment) -> Appointment:
        kept = replace(changed, version=changed.version + 1)
        self._appointments[kept.id] = kept
        return kept
