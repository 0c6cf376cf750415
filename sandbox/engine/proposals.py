"""Appointments that begin as an offer of the desk: the resident accepts, wishes for another time, or declines."""

from __future__ import annotations

from datetime import datetime

from sandbox.engine import errors
from sandbox.engine.grid import Cell
from sandbox.engine.model import Appointment, Hold, Status
from sandbox.engine.records import By, Records


class Proposals(Records):
    """The records with what can be done to a proposal. It holds its time from the offer on."""

    def propose(
        self,
        patient: str,
        calendar: str,
        start: datetime,
        *,
        placer_id: str | None = None,
        text: str = "",
        reason: str = "",
        extra: str = "",
    ) -> Appointment:
        """The desk offers a time to a patient: `proposed`, until the resident answers. Raises what `book` raises."""
        if patient not in self._patients:
            raise errors.UnknownPatient("No such patient.")
        cell = self._bookable(calendar, start, patient)
        made = self._new(
            patient,
            calendar,
            cell,
            status=Status.PROPOSED,
            placer_id=placer_id,
            text=text,
            reason=reason,
            extra=extra,
        )
        return self._save_new(made)

    def accept(
        self, appointment_id: str, *, expected_version: int | None = None, extra: str | None = None
    ) -> Appointment:
        """The resident takes the offered time: `booked`. `extra` replaces what the face keeps.

        Raises NotFound, StaleVersion, NotProposed (no proposal, or it is the resident's own wish), or NotCancellable:
        it is over already, or has begun.
        """
        found = self._proposed(appointment_id, "interface", expected_version)
        if found.by_resident:
            raise errors.NotProposed(status=found.status)
        kept = found.extra if extra is None else extra
        return self._save(self._changed(found, status=Status.BOOKED, extra=kept))

    def counter(
        self,
        appointment_id: str,
        start: datetime,
        *,
        calendar: str | None = None,
        reason: str = "",
        expected_version: int | None = None,
        extra: str | None = None,
    ) -> Appointment:
        """The resident wishes for another free time: the proposal holds that one instead, and the desk decides.

        Of the same calendar unless one is named; may be done again. Raises what `accept` raises (but for a wish), and
        UnknownCalendar, NoSuchTime or SlotTaken for the time.
        """
        found = self._proposed(appointment_id, "interface", expected_version)
        target = found.calendar if calendar is None else calendar
        cell = self._bookable(target, start, found.patient)
        wish = self._changed(
            found,
            calendar=target,
            start=cell.start,
            end=cell.end,
            reason=reason,
            extra=found.extra if extra is None else extra,
            by_resident=True,
        )
        return self._save(wish)

    def decline(
        self,
        appointment_id: str,
        *,
        by: By = "interface",
        reason: str = "",
        expected_version: int | None = None,
        extra: str | None = None,
    ) -> Appointment:
        """The resident will not have it, or the desk takes it back: `cancelled`, its place free again.

        Raises NotFound, StaleVersion, NotProposed or NotCancellable.
        """
        found = self._proposed(appointment_id, by, expected_version)
        kept = found.extra if extra is None else extra
        return self._save(self._changed(found, status=Status.CANCELLED, reason=reason, extra=kept))

    # ---- inside

    def _proposed(self, appointment_id: str, by: By, expected_version: int | None) -> Appointment:
        found = self._changeable(appointment_id, by, expected_version, None)
        if found.status is not Status.PROPOSED:
            raise errors.NotProposed(status=found.status)
        return found

    def _new(
        self,
        patient: str,
        calendar: str,
        cell: Cell,
        *,
        status: Status,
        placer_id: str | None,
        text: str,
        reason: str,
        extra: str,
        booked_by: By = "desk",
    ) -> Appointment:
        now = self.clock.now()
        return Appointment(
            id=self._content.appointment_id(self._appointments_made + 1),
            patient=patient,
            calendar=calendar,
            start=cell.start,
            end=cell.end,
            status=status,
            created=now,
            updated=now,
            placer_id=placer_id,
            text=text,
            reason=reason,
            booked_by=booked_by,
            extra=extra,
        )

    def _save_new(self, made: Appointment, hold: Hold | None = None) -> Appointment:
        self._save(made, hold)
        self._appointments_made += 1
        return made
