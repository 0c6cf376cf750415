"""The small record system inside the memory adapter: calendars, customers, appointments and its own rules.

It is the master: it alone decides. Everything here is synchronous and plain, so that each call is one indivisible step
and of two who want one time the first wins. Times are aware and kept in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

from canonical.model import Person

LIVE: Final = frozenset({"booked", "pending", "proposed"})
HELD_FOR: Final = timedelta(minutes=10)
"""How long a hold lasts."""


class Refusal(Exception):
    """The master says no; ``code`` is its word for why. Nothing has been done."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Rules:
    """How strict this release is. What is switched off is not there at all: no check, no field, no search."""

    cancels: bool = True
    moves: bool = True
    holds: bool = True
    proposes: bool = True
    """The desk proposes times, and clients answer."""
    registers: bool = True
    deduplicates: bool = True
    versions: bool = True
    """Appointments have versions, and a change that names another is refused."""
    starts: bool = True
    """A change that names another start is refused."""
    restrictions: bool = True
    comments: bool = True
    keeps: bool = True
    """What the desk cancels stays, as cancelled; otherwise it is deleted."""
    text_limit: int = 1000
    """Characters of a comment or a reason."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A place of care."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Service:
    """``code`` is local; ``national`` is of the national classification of services, where there is one, as is
    ``sector``. ``places`` is how many people one time holds."""

    id: str
    code: str
    name: str
    minutes: int
    national: str | None = None
    places: int = 1
    sector: str | None = None


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
    """``status`` is booked, pending (the desk decides), proposed (the customer decides), cancelled, fulfilled or
    noshow; ``version`` grows by one at each change."""

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
class Hold:
    """A place of a time, kept for a patient until ``until`` (UTC). ``placer_id`` is the caller's own id of it."""

    token: str
    patient: str
    time: str
    until: datetime
    placer_id: str = ""


@dataclass(frozen=True, slots=True)
class Belief:
    """What a client says of the appointment it wants changed; what is None is not compared."""

    patient: str | None = None
    start: datetime | None = None
    version: str | None = None


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
    hold: str = ""


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
        self._holds: dict[str, Hold] = {}
        self._tokens = count(1)
        self._ids = count(1)
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
        """Refuses with ``unknown-patient``, ``text-too-long``, ``no-such-time``, ``hold-over``, ``time-taken``; a hold
        of the request's is used up by it."""
        if self.rules.deduplicates and request.placer_id is not None:
            known = self.appointments(placer_id=request.placer_id)
            if known:
                return known[0]
        if request.patient not in self._patients:
            raise Refusal("unknown-patient")
        self._fits(request.comment, request.reason)
        time = self._open_time(request.key, request.start)
        if request.hold:
            hold = self._live_holds().get(request.hold)
            if hold is None or (hold.patient, hold.time) != (request.patient, time.key):
                raise Refusal("hold-over")
            del self._holds[request.hold]
        self._take(time, request.patient)
        made = Appointment(
            id=str(next(self._ids)),
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

    def cancel(self, local_id: str, belief: Belief, *, reason: str = "") -> Appointment:
        """Refuses with ``not-cancelling``, ``unknown-appointment`` (of this patient), ``text-too-long``, ``changed``
        (it does not start then, or has another version), ``not-cancellable`` (ended, cancelled or begun)."""
        if not self.rules.cancels:
            raise Refusal("not-cancelling")
        found = self._believed(local_id, belief, reason)
        if found.status not in LIVE or found.start <= self._now():
            raise Refusal("not-cancellable")
        return self._put(replace(found, status="cancelled", cancel_reason=reason))

    def change(self, local_id: str, belief: Belief, key: str, start: datetime) -> Appointment:
        """A client moves an appointment to another free time of the same service. Refuses with ``not-moving``, as
        `cancel` does, with ``not-movable`` (not booked, begun, of another service, there already), ``no-such-time`` and
        ``time-taken``; then nothing has changed."""
        if not self.rules.moves:
            raise Refusal("not-moving")
        found = self._believed(local_id, belief)
        if found.status != "booked" or found.start <= self._now():
            raise Refusal("not-movable")
        time = self._another(found, key, start, "not-movable")
        return self._put(_at(found, time))

    def move(self, local_id: str, key: str, start: datetime) -> Appointment:
        """The desk moves an appointment to another free time; refuses as `book` and `cancel` do."""
        found = self._appointments.get(local_id)
        if found is None:
            raise Refusal("unknown-appointment")
        time = self.free_time(key, start)
        if time is None:
            raise Refusal("time-taken")
        return self._put(_at(found, time))

    def hold(self, patient: str, key: str, start: datetime, placer_id: str = "") -> Hold:
        """Keep a time for `HELD_FOR`; refuses with ``not-holding`` and as `book` does. While a hold of that id is live
        the same request is answered with it."""
        if not self.rules.holds:
            raise Refusal("not-holding")
        if patient not in self._patients:
            raise Refusal("unknown-patient")
        time = self._open_time(key, start)
        known = (one for one in self._live_holds().values() if placer_id and one.placer_id == placer_id)
        if (held := next(known, None)) is not None and (held.patient, held.time) == (patient, time.key):
            return held
        self._take(time, patient)
        made = Hold(f"h{next(self._tokens)}", patient, time.key, self._now() + HELD_FOR, placer_id)
        self._holds[made.token] = made
        return made

    def release(self, patient: str, token: str) -> None:
        """Give back what the patient holds; what is not held (any more) is as good as given back."""
        if not self.rules.holds:
            raise Refusal("not-holding")
        hold = self._holds.get(token)
        if hold is not None and hold.patient == patient:
            del self._holds[token]

    def expire(self) -> None:
        """Every hold is over, as if its time had passed."""
        self._holds.clear()

    def propose(self, patient: str, key: str, start: datetime) -> Appointment:
        """The desk proposes a time, and keeps it; refuses as `book` does."""
        return self.book(Request(patient, key, start), status="proposed")

    def accept(self, local_id: str, belief: Belief) -> Appointment:
        """A client accepts what was proposed. Refuses with ``not-proposing``, ``unknown-appointment``, ``changed`` and
        ``no-proposal``."""
        return self._put(replace(self._proposal(local_id, belief), status="booked"))

    def ask_for(self, local_id: str, belief: Belief, key: str, start: datetime, *, comment: str = "") -> Appointment:
        """A client asks for another time of the service instead: it is kept, the desk decides. Refuses as `accept` and
        `change` do."""
        found = self._proposal(local_id, belief, comment)
        time = self._another(found, key, start, "no-such-time")
        kept = comment if self.rules.comments else ""
        return self._put(replace(_at(found, time), status="pending", comment=kept))

    def decide(self, local_id: str, status: str) -> Appointment:
        """The desk gives an appointment another status: booked or cancelled for a pending one, fulfilled, noshow."""
        decided = self._put(replace(self._appointments[local_id], status=status))
        if status == "cancelled" and not self.rules.keeps:
            del self._appointments[local_id]
        return decided

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

    def _fits(self, *texts: str) -> None:
        if max(map(len, texts)) > self.rules.text_limit:
            raise Refusal("text-too-long")

    def _believed(self, local_id: str, belief: Belief, text: str = "") -> Appointment:
        """The appointment, if it is what the client believes."""
        found = self._appointments.get(local_id)
        if found is None or belief.patient not in (None, found.patient):
            raise Refusal("unknown-appointment")
        self._fits(text)
        other_start = self.rules.starts and belief.start is not None and belief.start.astimezone(UTC) != found.start
        other_version = self.rules.versions and belief.version not in (None, str(found.version))
        if other_start or other_version:
            raise Refusal("changed")
        return found

    def _proposal(self, local_id: str, belief: Belief, text: str = "") -> Appointment:
        if not self.rules.proposes:
            raise Refusal("not-proposing")
        found = self._believed(local_id, belief, text)
        if found.status != "proposed" or found.start <= self._now():
            raise Refusal("no-proposal")
        return found

    def _another(self, found: Appointment, key: str, start: datetime, otherwise: str) -> Time:
        """Another time than it has, of its service, that is free for its patient."""
        time = self._open_time(key, start)
        if time.key == found.time or self.calendars[time.calendar].service != self.calendars[found.calendar].service:
            raise Refusal(otherwise)
        self._take(time, found.patient)
        return time

    def _open_time(self, key: str, start: datetime) -> Time:
        time = self._time(key, start)
        if time is None or time.start <= self._now():
            raise Refusal("no-such-time")
        return time

    def _take(self, time: Time, patient: str) -> None:
        """Refuse a time without a place left, and to each patient a second one."""
        if not self._is_free(time) or patient in self._holders().get(time.key, ()):
            raise Refusal("time-taken")

    def _live_holds(self) -> dict[str, Hold]:
        now = self._now()
        return {token: hold for token, hold in self._holds.items() if now < hold.until}

    def _time(self, key: str, start: datetime) -> Time | None:
        time = self._times.get(key)
        return time if time is not None and time.start == start.astimezone(UTC) else None

    def _holders(self) -> dict[str, list[str]]:
        """Who has or holds each time, by its key."""
        holders: dict[str, list[str]] = {}
        for hold in self._live_holds().values():
            holders.setdefault(hold.time, []).append(hold.patient)
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


def _at(found: Appointment, time: Time) -> Appointment:
    return replace(found, time=time.key, calendar=time.calendar, start=time.start, end=time.end)
