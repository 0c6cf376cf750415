"""What one installation's record system knows, and how it is kept: reading, loading, the rules of places and versions.

The commands are in `system`, which is what faces and the desk use.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Literal

from sandbox.clock import HELSINKI, VirtualClock
from sandbox.engine import errors
from sandbox.engine.changelog import ChangeLog, Opening
from sandbox.engine.content import Content
from sandbox.engine.decisions import PendingDecisions
from sandbox.engine.diary import Diary
from sandbox.engine.grid import Cell
from sandbox.engine.holds import Holds, is_for
from sandbox.engine.model import (
    Appointment,
    BookedTime,
    Calendar,
    Change,
    FreeTime,
    Hold,
    Patient,
    Professional,
    Service,
    Status,
    Unit,
)
from sandbox.engine.store import OverlayStore, Row, dump_appointment, load_appointment, load_patient
from sandbox.engine.timetable import Place, Timetable

By = Literal["interface", "desk"]

OPEN_AHEAD = timedelta(weeks=6)
"""How far ahead of the clock's day calendars are open."""

_CHANGEABLE = (Status.BOOKED, Status.PENDING, Status.PROPOSED)


class Records:
    """The records of one installation: seeded content with the overlay of what changed since."""

    def __init__(self, content: Content, clock: VirtualClock, store: OverlayStore) -> None:
        self.name: str = content.name
        self.clock = clock
        self._store = store
        self._load(content)

    def restart(self, content: Content) -> None:
        """Take other seeded content, and what the store holds by now: nothing of before is left."""
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

    # ---- holds and changes

    def hold_of(self, token: str) -> Hold | None:
        """Return the live hold of a token, or one that became an appointment in the last 24 h of virtual time."""
        return self._holds.get(token)

    def find_hold(self, reference: str) -> Hold | None:
        """Return what `hold_of` would, by the caller's own id; of several the one that is live and ends last."""
        return self._holds.find(reference)

    def holds_on(self, calendar: str, start: datetime) -> list[Hold]:
        """Return the live holds of a time, in the order they were made."""
        return self._holds.live((calendar, int(start.timestamp())))

    def holds(self) -> list[Hold]:
        """Return every hold that `hold_of` knows, by start."""
        return self._holds.all()

    def changes(self, after: int, limit: int, *, kind: str | None = None) -> list[Change]:
        """Return at most `limit` changes with a higher number than `after`, oldest first; of one `kind` if named.

        Every appointment is in it: those of the first day, those a calendar's new day opens with, and every change.
        Of patients only those registered after the first day.
        """
        self._open_days()
        return self._log.after(after, limit, kind)

    def last_change(self) -> int:
        """Return the number of the newest change; 0 when nothing has happened and there are no appointments."""
        self._open_days()
        return self._log.last

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
        self._holds = Holds(self.name, self.clock, self._store)
        self._log = ChangeLog(self.name, self._store)
        opened = [*content.visits, *self._timetable.open(content.first_day + OPEN_AHEAD)]
        for visit in opened:
            self._diary.put(visit)
        self._log.enter_all(opened)
        self._replay()

    def _replay(self) -> None:
        """Open the days that were open, and lay the overlay over the seeded content."""
        for entry in self._log.kept():
            if isinstance(entry, Opening):
                self._open(entry)
            else:
                self._log.enter(entry.kind, entry.id, entry.version, entry.at)
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
            opening = Opening(target, self.clock.now())
            self._store.save_all(self.name, [self._log.opening_row(opening)])
            self._open(opening)

    def _open(self, opening: Opening) -> None:
        opened = list(self._timetable.open(opening.until))
        for appointment in opened:
            self._diary.put(appointment)
        self._log.enter_all(opened, opening.at)

    def _chosen(self, service: str | None, calendar: str | None, unit: str | None) -> list[Calendar]:
        return [
            one
            for one in self.calendars.values()
            if calendar in (None, one.id) and service in (None, one.service) and unit in (None, one.unit)
        ]

    def _left(self, calendar: Calendar, cell: Cell) -> int:
        """Return how many places of a time are left; none of a blocked one. A live hold counts as taken."""
        place: Place = (calendar.id, cell.key)
        if place in self._timetable.blocked:
            return 0
        return self.services[calendar.service].capacity - self._diary.held(place) - self._holds.count(place)

    def _show(self, calendar: Calendar, cell: Cell, now: float) -> list[FreeTime | BookedTime]:
        """Return what a time of a calendar looks like: who took it, and what is left of it at the instant `now`."""
        place: Place = (calendar.id, cell.key)
        holders = [one.id for one in self._diary.holders(place)]
        blocked = [None] if place in self._timetable.blocked else []
        shown: list[FreeTime | BookedTime] = [
            BookedTime(calendar.id, cell.start, cell.end, taker) for taker in (*holders, *blocked)
        ]
        shown += [BookedTime(calendar.id, cell.start, cell.end, None, held=True)] * self._holds.count(place)
        left = self._left(calendar, cell)
        if left > 0 and cell.key > now:
            shown.append(FreeTime(calendar.id, cell.start, cell.end, left))
        return shown

    def _bookable(self, calendar: str, start: datetime, patient: str, hold: Hold | None = None) -> Cell:
        """Return the time that begins at `start` if it has a place left, or the hold keeps one; raises as `book`."""
        found = self.calendars.get(calendar)
        if found is None:
            raise errors.UnknownCalendar("No such calendar.")
        self._open_days()
        cell = self._timetable.cell_at(found, start)
        if cell is None or cell.key <= self.clock.now().timestamp():
            raise errors.NoSuchTime("There is no such time.")
        if hold is None and self._left(found, cell) <= 0:
            mine = any(holder.patient == patient for holder in self._diary.holders((calendar, cell.key)))
            raise errors.SlotTaken(held_by_same_patient=mine)
        return cell

    def _hold(self, token: str | None, patient: str, calendar: str, start: datetime) -> Hold | None:
        """Return the hold of a token. Raises NoSuchHold if it is not one that keeps this place for this patient."""
        if token is None:
            return None
        hold = self._holds.get(token)
        if hold is None or not is_for(hold, patient, calendar, start):
            raise errors.NoSuchHold("No such hold.")
        return hold

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
        if found.status not in _CHANGEABLE or (past and by == "interface"):
            raise errors.NotCancellable(status=found.status, past=past)
        return found

    def _changed(self, found: Appointment, **changes: object) -> Appointment:
        return replace(found, version=found.version + 1, updated=self.clock.now(), **changes)  # type: ignore[arg-type]

    def _save(self, appointment: Appointment, hold: Hold | None = None) -> Appointment:
        """Keep a new state of an appointment, with its entry in the log, and with what becomes of the hold it used."""
        change = ("appointment", appointment.id, appointment.version, appointment.updated)
        rows: list[Row] = [("appointment", appointment.id, dump_appointment(appointment)), self._log.row(*change)]
        used: Hold | None = None
        if hold is not None:
            used, row = self._holds.used(hold, appointment.id)
            rows.append(row)
        self._store.save_all(self.name, rows)
        self._diary.put(appointment)
        self._log.enter(*change)
        if used is not None:
            self._holds.put(used)
        return appointment

    def _put_patient(self, patient: Patient) -> None:
        self._patients[patient.number] = patient
        self._by_hetu[patient.hetu] = patient


def day_start(day: date) -> datetime:
    """Return the first instant of a local day, in Europe/Helsinki."""
    return datetime.combine(day, time(0), HELSINKI)
