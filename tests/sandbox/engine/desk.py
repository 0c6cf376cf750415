"""What the engine's tests share: a person's number and free times of a record system."""

from __future__ import annotations

from datetime import timedelta

from sandbox.engine.model import FreeTime
from sandbox.engine.system import RecordSystem

AINO, MARJA, HELVI = "010594Y9021", "150668-910D", "311244-9068"


def number(system: RecordSystem, hetu: str) -> str:
    """The patient number of a customer."""
    patient = system.patient_by_hetu(hetu)
    assert patient is not None
    return patient.number


def free(system: RecordSystem, *, places: int = 1) -> list[FreeTime]:
    """The free times of the next three weeks with this many places left."""
    now = system.clock.now()
    return [one for one in system.free_times(now, now + timedelta(days=21)) if one.left == places]


def is_free(system: RecordSystem, time: FreeTime) -> bool:
    """Whether a time has a place left."""
    return any(
        (one.start, one.left) == (time.start, time.left)
        for one in system.free_times(time.start, time.start + timedelta(seconds=1), calendar=time.calendar)
    )
