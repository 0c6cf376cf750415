"""One installation's record system: patients, calendars, appointments and their rules.

Single-threaded: call it from the event loop only. Every mutating call has committed its change to the disk when it
returns, and has changed nothing when it raises. Two callers racing for one place get one winner.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from sandbox.engine import errors
from sandbox.engine.decisions import Decision
from sandbox.engine.model import Appointment, Hold, Patient, Status
from sandbox.engine.proposals import Proposals
from sandbox.engine.records import OPEN_AHEAD, By, day_start
from sandbox.engine.store import dump_patient

__all__ = ["OPEN_AHEAD", "By", "RecordSystem", "day_start"]


class RecordSystem(Proposals):
    """The records of one installation and everything that can be done to them."""

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
        change = ("patient", patient.number, 1, patient.registered)
        self._store.save_all(self.name, [("patient", patient.number, dump_patient(patient)), self._log.row(*change)])
        self._patients_made += 1
        self._put_patient(patient)
        self._log.enter(*change)
        return patient

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
        hold: str | None = None,
    ) -> Appointment:
        """Book a place at a calendar's time for a patient number; `pending` leaves the decision to the desk.

        Does not de-duplicate: a second call books a second place if there is one. Raises UnknownPatient,
        UnknownCalendar, NoSuchTime (not a time of the calendar, past, or not open yet) or SlotTaken.

        With the token of a `hold` the held place is booked; raises NoSuchHold unless it keeps this place for this
        patient. A token that was used returns what it became, for 24 hours of virtual time.
        """
        if patient not in self._patients:
            raise errors.UnknownPatient("No such patient.")
        held = self._hold(hold, patient, calendar, start)
        known = None if held is None or held.appointment is None else self._diary.get(held.appointment)
        if known is not None:
            return known
        cell = self._bookable(calendar, start, patient, held)
        made = self._new(
            patient,
            calendar,
            cell,
            status=Status.PENDING if pending else Status.BOOKED,
            placer_id=placer_id,
            text=text,
            reason=reason,
            booked_by=by,
            extra=extra,
        )
        return self._save_new(made, held)

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
        """Cancel a booked, pending or proposed appointment; its place is free again.

        `extra` replaces what the face keeps. Raises NotFound, StaleVersion (another version or start than expected)
        or NotCancellable: it is cancelled, done or a no-show already, or - for the interface, not the desk - it has
        begun.
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
        extra: str | None = None,
        hold: str | None = None,
    ) -> Appointment:
        """Move an appointment to another free time, of the same calendar unless one is named; it keeps its id.

        `hold`: the token of a hold that keeps the new time for the patient; it is used up. A proposed appointment the
        desk moves is the desk's offer again. Raises what `cancel` and `book` raise; nothing is changed then.
        """
        found = self._changeable(appointment_id, by, expected_version, expected_start)
        target = found.calendar if calendar is None else calendar
        held = self._hold(hold, found.patient, target, start)
        if held is not None and held.appointment is not None:
            raise errors.NoSuchHold("The hold was used already.")
        cell = self._bookable(target, start, found.patient, held)
        moved = self._changed(
            found,
            calendar=target,
            start=cell.start,
            end=cell.end,
            reason=reason,
            extra=found.extra if extra is None else extra,
            by_resident=found.by_resident and by == "interface",
        )
        return self._save(moved, held)

    def no_show(self, appointment_id: str) -> Appointment:
        """Mark that the patient did not come (the desk does this). Raises NotFound or NotCancellable."""
        found = self._changeable(appointment_id, "desk", None, None)
        return self._save(self._changed(found, status=Status.NOSHOW))

    def decide(self, appointment_id: str, decision: Decision) -> Appointment:
        """The desk decides a pending appointment, or one with a time the resident wished for (`counter`).

        Booked, or refused (cancelled, its place free again). Raises NotFound, or NotCancellable if it does not wait
        for the desk.
        """
        found = self._changeable(appointment_id, "desk", None, None)
        if found.status is not Status.PENDING and not (found.status is Status.PROPOSED and found.by_resident):
            raise errors.NotCancellable(status=found.status, past=False)
        if decision == "booked":
            return self._save(self._changed(found, status=Status.BOOKED))
        return self._save(self._changed(found, status=Status.CANCELLED, reason="refused"))

    def jump(self, appointment_id: str, status: Status) -> Appointment:
        """Put an appointment into a state, whatever its state and time: for tests, there is no such work at any desk.

        Raises NotFound; SlotTaken for a cancelled one whose place somebody has by now.
        """
        self._open_days()
        found = self._diary.get(appointment_id)
        if found is None:
            raise errors.NotFound("No such appointment.")
        if found.status is status and not found.by_resident:
            return found
        calendar = self.calendars[found.calendar]
        cell = self._timetable.cell_at(calendar, found.start)
        if not found.holds_time and (cell is None or self._left(calendar, cell) <= 0):
            raise errors.SlotTaken(held_by_same_patient=False)
        return self._save(self._changed(found, status=status, by_resident=False))

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

    def hold(self, patient: str, calendar: str, start: datetime, *, seconds: float, reference: str = "") -> Hold:
        """Keep a place for a patient for some seconds of virtual time; taken for everybody else meanwhile.

        Does not de-duplicate, by `reference` (the caller's own id) or otherwise. Raises what `book` raises.
        """
        if patient not in self._patients:
            raise errors.UnknownPatient("No such patient.")
        cell = self._bookable(calendar, start, patient)
        return self._holds.make(patient, calendar, cell, seconds=seconds, reference=reference)

    def release(self, token: str) -> None:
        """Free a held place. No error if there is nothing to free; a hold that became an appointment stays that."""
        self._holds.release(token)

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
