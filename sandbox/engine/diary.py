"""The appointments of one installation in memory, found by id, patient, placer id and time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from sandbox.engine.model import Appointment
from sandbox.engine.timetable import Place


def place_of(appointment: Appointment) -> Place:
    """Return the time an appointment takes."""
    return appointment.calendar, int(appointment.start.timestamp())


class Diary:
    """An index over appointments. Not durable: the record system commits first and puts here after."""

    def __init__(self) -> None:
        self._all: dict[str, Appointment] = {}
        self._by_patient: defaultdict[str, set[str]] = defaultdict(set)
        self._by_placer: defaultdict[str, set[str]] = defaultdict(set)
        self._holders: defaultdict[Place, list[str]] = defaultdict(list)

    def put(self, appointment: Appointment) -> None:
        """Add an appointment, or replace the one of the same id."""
        old = self._all.get(appointment.id)
        if old is not None and old.holds_time:
            self._holders[place_of(old)].remove(old.id)
        self._all[appointment.id] = appointment
        self._by_patient[appointment.patient].add(appointment.id)
        if appointment.placer_id is not None:
            self._by_placer[appointment.placer_id].add(appointment.id)
        if appointment.holds_time:
            self._holders[place_of(appointment)].append(appointment.id)

    def get(self, appointment_id: str) -> Appointment | None:
        """Return one appointment, or None."""
        return self._all.get(appointment_id)

    def holders(self, place: Place) -> list[Appointment]:
        """Return the appointments that take this time, in the order they were made."""
        return [self._all[i] for i in self._holders.get(place, ())]

    def held(self, place: Place) -> int:
        """Return how many appointments take this time."""
        return len(self._holders.get(place, ()))

    def candidates(self, patient: str | None, placer_id: str | None) -> Iterator[Appointment]:
        """Yield the appointments of a patient and/or placer id; with neither, all of them."""
        ids: Iterable[str] = self._all
        if placer_id is not None:
            ids = self._by_placer.get(placer_id, ())
        elif patient is not None:
            ids = self._by_patient.get(patient, ())
        for appointment_id in ids:
            found = self._all[appointment_id]
            if (patient is None or found.patient == patient) and (placer_id is None or found.placer_id == placer_id):
                yield found
