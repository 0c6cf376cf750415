"""One installation's record system: patients, calendars, appointments and their rules.

Single-threaded: call it from the event loop only. Every mutating call has committed its change to the disk when it
returns, and has changed nothing when it raises. Two callers racing for one place get one winner.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Literal

from sandbox.clock import HELSINKI, VirtualClock
from sandbox.engine import errors
from sandbox.engine.content import Content
from sandbox.engine.decisions import Decision, PendingDecisions
from sandbox.engine.diary import Diary
from sandbox.engine.grid import Cell
from sandbox.engine.model import (
    Appointment,
    BookedTime,
    Calendar,
    FreeTime,
    Patient,
    Professional,
    Service,
    Status,
    Unit,
)
from sandbox.engine.store import OverlayStore, dump_appointment, dump_patient, load_appointment, load_patient
from sandbox.engine.timetable import Place, Timetable

By = Literal["interface", "desk"]

OPEN_AHEAD = timedelta(weeks=6)
"""How far ahead of the clock's day calendars are open."""


class RecordSystem:
    """The records of one installation: seeded content with the overlay of what changed since."""

    def __init__(self, content: Content, clock: VirtualClock, store: OverlayStore) -> None:
        self.name: str = content.name
        self.clock = clock
        self._store = store
        self._load(content)

    def restart(self, content: Content) -> None:
        """Take other seeded content, after the store was cleared: back to the first day of a seed."""
        self._load(content)

    # ---- people

    def patient_by_hetu(self, hetu: str) -> Patient | None:
        """Return the customer with this HETU, or None. The HETU is compared as given, sign and all."""
        return self._by_hetu.get(hetu)

    def patient(self, number: str) -> Patient | None:
        """Return the customer with this patient number, or None."""
        return self._patients.get(number)

    def patients(self) -> list[Patient]:
        """Return every customer, in order of registration."""
        return list(self._patients.values())

    def register_patient(self, hetu: str) -> Patient:
        """Make a person of the population a customer; names and address come from the population register.

        Raises AlreadyCustomer, or UnknownPerson for a HETU that is not in the population.
        """
        known = self._by_hetu.get(hetu)
        if known is not None:
            raise errors.AlreadyCustomer(known.number)
        patient = self._content.patient_of(hetu, self._content.patient_number(self._patients_made + 1))
        if patient is None:
            raise errors.UnknownPerson("No such person in the population.")
        patient = replace(patient, registered=self.clock.now())
        self._store.save(self.name, "patient", patient.number, dump_patient(patient))
        self._patients_made += 1
        self._put_patient(patient)
        return patient

    # ---- times

    def free_times(
        self,
        start: datetime,
        end: datetime,
        *,
        service: str | None = None,
        calendar: str | None = None,
        unit: str | None = None,
    ) -> list[FreeTime]:
        """Return the times that may be booked now, with start <= time.start < end, by start and then calendar id.

        A filter that names nothing known finds nothing.
        """
        self._open_days()
        now = self.clock.now().timestamp()
        found = [
            (cell, one.id, left)
            for one in self._chosen(service, calendar, unit)
            for cell in self._timetable.between(one, start, end)
            if cell.key > now and (left := self._left(one, cell)) > 0
        ]
        found.sort(key=lambda entry: (entry[0].key, entry[1]))
        return [FreeTime(name, cell.start, cell.end, left) for cell, name, left in found]

    def times(
        self,
        start: datetime,
        end: datetime,
        *,
        service: str | None = None,
        calendar: str | None = None,
        unit: str | None = None,
    ) -> list[FreeTime | BookedTime]:
        """Return free and taken times with start <= time.start < end, by start and then calendar id.

        A group time that is partly booked gives its bookings and one free time with what is left. Past times that
        nobody took are not there.
        """
        self._open_days()
        now = self.clock.now().timestamp()
        found: list[tuple[int, str, FreeTime | BookedTime]] = []
        for one in self._chosen(service, calendar, unit):
            for cell in self._timetable.between(one, start, end):
                found.extend((cell.key, one.id, time) for time in self._show(one, cell, now))
        found.sort(key=lambda entry: entry[:2])
        return [time for _, _, time in found]

    def calendar_for(
        self, start: datetime, *, calendar: str | None = None, service: str | None = None, unit: str | None = None
    ) -> str:
        """Return the first calendar (by id) with a free place at `start` among those the filters allow.

        Raises UnknownCalendar or UnknownService for filters that name nothing, SlotTaken when every such time is
        taken, NoSuchTime when there is none.
        """
        if calendar is not None and calendar not in self.calendars:
            raise errors.UnknownCalendar("No such calendar.")
        if service is not None and service not in self.services:
            raise errors.UnknownService("No such service.")
        self._open_days()
        now = self.clock.now().timestamp()
        taken = False
        for one in self._chosen(service, calendar, unit):
            cell = self._timetable.cell_at(one, start)
            shown = [] if cell is None else self._show(one, cell, now)
            if any(isinstance(time, FreeTime) for time in shown):
                return one.id
            taken = taken or bool(shown)
        if taken:
            raise errors.SlotTaken(held_by_same_patient=False)
        raise errors.NoSuchTime("There is no such time.")

    # ---- appointments

    def appointment(self, appointment_id: str) -> Appointment | None:
        """Return one appointment, whatever its status, or None."""
        self._open_days()
        return self._diary.get(appointment_id)

    def appointments(
        self,
        *,
        patient: str | None = None,
        placer_id: str | None = None,
        calendar: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        updated_since: datetime | None = None,
    ) -> list[Appointment]:
        """Return the appointments of every status that fit all filters, by start and then id.

        `start` <= appointment.start < `end`; `updated_since` is inclusive (virtual time).
        """
        self._open_days()
        first = None if start is None else start.timestamp()
        last = None if end is None else end.timestamp()
        since = None if updated_since is None else updated_since.timestamp()
        found = [
            one
            for one in self._diary.candidates(patient, placer_id)
            if (calendar is None or one.calendar == calendar)
            and (first is None or one.start.timestamp() >= first)
            and (last is None or one.start.timestamp() < last)
            and (since is None or one.updated.timestamp() >= since)
        ]
        found.sort(key=lambda one: (one.start.timestamp(), one.id))
        return found

    def book(
        self,
        *,
        patient: str,
        calendar: str,
        start: datetime,
        placer_id: str | None = None,
        text: str = "",
        by: By = "interface",
        reason: str = "",
        extra: str = "",
        pending: bool = False,
    ) -> Appointment:
        """Book a place at a calendar's time for a patient number; `pending` leaves the decision to the desk.

        Does not de-duplicate: a second call books a second place if there is one. Raises UnknownPatient,
        UnknownCalendar, NoSuchTime (not a time of the calendar, past, or not open yet) or SlotTaken.
        """
        if patient not in self._patients:
            raise errors.UnknownPatient("No such patient.")
        cell = self._bookable(calendar, start, patient)
        now = self.clock.now()
        appointment = Appointment(
            id=self._content.appointment_id(self._appointments_made + 1),
            patient=patient,
            calendar=calendar,
            start=cell.start,
            end=cell.end,
            status=Status.PENDING if pending else Status.BOOKED,
            created=now,
            updated=now,
            placer_id=placer_id,
            text=text,
            reason=reason,
            booked_by=by,
            extra=extra,
        )
        self._save(appointment)
        self._appointments_made += 1
        return appointment

    def cancel(
        self,
        appointment_id: str,
        *,
        by: By,
        reason: str = "",
        expected_version: int | None = None,
        expected_start: datetime | None = None,
        extra: str | None = None,
    ) -> Appointment:
        """Cancel a booked or pending appointment; its place is free again. `extra` replaces what the face keeps.

        Raises NotFound, StaleVersion (another version or start than expected) or NotCancellable: it is cancelled, done
        or a no-show already, or - for the interface, not the desk - it has begun.
        """
        found = self._changeable(appointment_id, by, expected_version, expected_start)
        kept = found.extra if extra is None else extra
        return self._save(self._changed(found, status=Status.CANCELLED, reason=reason, extra=kept))

    def move(
        self,
        appointment_id: str,
        *,
        start: datetime,
        calendar: str | None = None,
        by: By,
        reason: str = "",
        expected_version: int | None = None,
        expected_start: datetime | None = None,
    ) -> Appointment:
        """Move an appointment to another free time, of the same calendar unless one is named; it keeps its id.

        Raises what `cancel` and `book` raise; nothing is changed then.
        """
        found = self._changeable(appointment_id, by, expected_version, expected_start)
        target = found.calendar if calendar is None else calendar
        cell = self._bookable(target, start, found.patient)
        return self._save(self._changed(found, calendar=target, start=cell.start, end=cell.end, reason=reason))

    def no_show(self, appointment_id: str) -> Appointment:
        """Mark that the patient did not come (the desk does this). Raises NotFound or NotCancellable."""
        found = self._changeable(appointment_id, "desk", None, None)
        return self._save(self._changed(found, status=Status.NOSHOW))

    def decide(self, appointment_id: str, decision: Decision) -> Appointment:
        """The desk decides a pending appointment: booked, or refused (cancelled, its place free again).

        Raises NotFound, or NotCancellable if it is not pending any more.
        """
        found = self._changeable(appointment_id, "desk", None, None)
        if found.status is not Status.PENDING:
            raise errors.NotCancellable(status=found.status, past=False)
        if decision == "booked":
            return self._save(self._changed(found, status=Status.BOOKED))
        return self._save(self._changed(found, status=Status.CANCELLED, reason="refused"))

    def decide_later(self, appointment_id: str, decision: Decision, seconds: float) -> None:
        """Let the desk decide a pending appointment after some seconds of real time; a restart does not forget it."""
        self._decisions.add(appointment_id, decision, seconds)

    def decide_due(self) -> None:
        """Carry out the desk's decisions that are due; called often. One that was overtaken by the desk is dropped."""
        for appointment_id, decision in self._decisions.due():
            # Decided already, or cancelled meanwhile: then nobody waits for this decision.
            with suppress(errors.NotFound, errors.NotCancellable):
                self.decide(appointment_id, decision)
            self._decisions.remove(appointment_id)

    def take_time(self, calendar: str, start: datetime, *, besides: str) -> list[Appointment]:
        """The desk books every place left at a time, for other customers than the patient number `besides`.

        Returns the bookings made; empty if there was no place. Raises UnknownCalendar or NoSuchTime.
        """
        made: list[Appointment] = []
        for number in self._patients:
            try:
                if number != besides:
                    made.append(self.book(patient=number, calendar=calendar, start=start, by="desk"))
            except errors.SlotTaken:
                break
        return made

    # ---- inside

    def _load(self, content: Content) -> None:
        self._content = content
        self.units: dict[str, Unit] = dict(content.units)
        self.services: dict[str, Service] = dict(content.services)
        self.professionals: dict[str, Professional] = dict(content.professionals)
        self.calendars: dict[str, Calendar] = dict(sorted(content.calendars.items()))
        self._timetable = Timetable(content)
        self._diary = Diary()
        self._patients: dict[str, Patient] = {}
        self._by_hetu: dict[str, Patient] = {}
        for patient in content.patients:
            self._put_patient(patient)
        for visit in content.visits:
            self._diary.put(visit)
        self._replay()

    def _replay(self) -> None:
        """Open the days that were open, and lay the overlay over the seeded content."""
        opened = self._store.read(self.name, "meta", "open-until")
        if opened is not None:
            self._open_until(date.fromisoformat(opened.decode("ascii")))
        self._open_days()
        made = [load_patient(body) for _, body in self._store.records(self.name, "patient")]
        for patient in sorted(made, key=lambda one: (one.registered.timestamp(), one.number)):
            self._put_patient(patient)
        self._patients_made = len(made)
        rows = [load_appointment(body) for _, body in self._store.records(self.name, "appointment")]
        self._appointments_made = sum(1 for row in rows if self._diary.get(row.id) is None)
        for appointment in rows:
            self._diary.put(appointment)
        self._decisions = PendingDecisions(self.name, self.clock, self._store)

    def _open_days(self) -> None:
        """Open the calendars of every day up to six weeks from the clock's day."""
        target = self.clock.now().date() + OPEN_AHEAD
        if target > self._timetable.open_until:
            # Remembered, because a day that was opened once keeps its bookings even if the clock goes back.
            self._store.save(self.name, "meta", "open-until", target.isoformat().encode("ascii"))
            self._open_until(target)

    def _open_until(self, day: date) -> None:
        for appointment in self._timetable.open(day):
            self._diary.put(appointment)

    def _chosen(self, service: str | None, calendar: str | None, unit: str | None) -> list[Calendar]:
        return [
            one
            for one in self.calendars.values()
            if calendar in (None, one.id) and service in (None, one.service) and unit in (None, one.unit)
        ]

    def _left(self, calendar: Calendar, cell: Cell) -> int:
        """Return how many places of a time are left; none of a blocked one."""
        place: Place = (calendar.id, cell.key)
        if place in self._timetable.blocked:
            return 0
        return self.services[calendar.service].capacity - self._diary.held(place)

    def _show(self, calendar: Calendar, cell: Cell, now: float) -> list[FreeTime | BookedTime]:
        """Return what a time of a calendar looks like: who took it, and what is left of it at the instant `now`."""
        place: Place = (calendar.id, cell.key)
        holders = [one.id for one in self._diary.holders(place)]
        blocked = [None] if place in self._timetable.blocked else []
        shown: list[FreeTime | BookedTime] = [
            BookedTime(calendar.id, cell.start, cell.end, taker) for taker in (*holders, *blocked)
        ]
        left = self._left(calendar, cell)
        if left > 0 and cell.key > now:
            shown.append(FreeTime(calendar.id, cell.start, cell.end, left))
        return shown

    def _bookable(self, calendar: str, start: datetime, patient: str) -> Cell:
        """Return the time that begins at `start` if it has a place left; see `book` for what is raised."""
        found = self.calendars.get(calendar)
        if found is None:
            raise errors.UnknownCalendar("No such calendar.")
        self._open_days()
        cell = self._timetable.cell_at(found, start)
        if cell is None or cell.key <= self.clock.now().timestamp():
            raise errors.NoSuchTime("There is no such time.")
        if self._left(found, cell) <= 0:
            mine = any(holder.patient == patient for holder in self._diary.holders((calendar, cell.key)))
            raise errors.SlotTaken(held_by_same_patient=mine)
        return cell

    def _changeable(
        self, appointment_id: str, by: By, expected_version: int | None, expected_start: datetime | None
    ) -> Appointment:
        self._open_days()
        found = self._diary.get(appointment_id)
        if found is None:
            raise errors.NotFound("No such appointment.")
        other_start = expected_start is not None and expected_start.timestamp() != found.start.timestamp()
        if other_start or expected_version not in (None, found.version):
            raise errors.StaleVersion(version=found.version, start=found.start)
        past = found.start.timestamp() <= self.clock.now().timestamp()
        if found.status not in (Status.BOOKED, Status.PENDING) or (past and by == "interface"):
            raise errors.NotCancellable(status=found.status, past=past)
        return found

    def _changed(self, found: Appointment, **changes: object) -> Appointment:
        return replace(found, version=found.version + 1, updated=self.clock.now(), **changes)  # type: ignore[arg-type]

    def _save(self, appointment: Appointment) -> Appointment:
        self._store.save(self.name, "appointment", appointment.id, dump_appointment(appointment))
        self._diary.put(appointment)
        return appointment

    def _put_patient(self, patient: Patient) -> None:
        self._patients[patient.number] = patient
        self._by_hetu[patient.hetu] = patient


def day_start(day: date) -> datetime:
    """Return the first instant of a local day, in Europe/Helsinki."""
    return datetime.combine(day, time(0), HELSINKI)
