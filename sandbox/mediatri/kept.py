"""What the face keeps with a cancelled booking, and the index of the references of cancellations."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import orjson

from sandbox.engine.model import Appointment
from sandbox.engine.system import RecordSystem


@dataclass(frozen=True, slots=True)
class Kept:
    """The reference and the cause of the PeruAika that cancelled a booking; empty if none did."""

    cancelled_by: str = ""
    cause: str = ""

    @classmethod
    def of(cls, one: Appointment) -> Kept:
        """Return what is kept with a booking."""
        return cls(**orjson.loads(one.extra)) if one.extra else cls()

    def dump(self) -> str:
        """Return it in the form that the engine keeps."""
        return orjson.dumps(self).decode("utf-8")


class References:
    """The bookings by the client's references, of booking and of cancelling."""

    def __init__(self, system: RecordSystem) -> None:
        self._system = system
        self._cancelled: defaultdict[str, list[str]] | None = None

    def add(self, cancelled: Appointment) -> None:
        """Take note of a booking that was cancelled just now."""
        if self._cancelled is not None:
            self._cancelled[Kept.of(cancelled).cancelled_by].append(cancelled.id)

    def find(self, reference: str) -> list[Appointment]:
        """Return every appointment made or cancelled with a reference, by start and then id."""
        found = {one.id: one for one in self._system.appointments(placer_id=reference)}
        for appointment_id in self._index().get(reference, ()):
            one = self._system.appointment(appointment_id)
            assert one is not None
            found[one.id] = one
        return sorted(found.values(), key=lambda one: (one.start.timestamp(), one.id))

    def _index(self) -> defaultdict[str, list[str]]:
        if self._cancelled is None:
            self._cancelled = defaultdict(list)
            for one in self._system.appointments():
                if one.extra:
                    self._cancelled[Kept.of(one).cancelled_by].append(one.id)
        return self._cancelled
