"""What a request becomes before it is carried out: who it is about, and the work, so that faults can come between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sandbox.engine.model import Patient
from sandbox.engine.system import RecordSystem
from sandbox.pegasos.messages import Request
from sandbox.pegasos.persons import PersonIds


@dataclass(frozen=True, slots=True)
class Conduct:
    """How the work is to go wrong, for the faults that are not of the wire alone.

    `pending`: leave the booking to the desk. `desk_first`: the desk takes the time before. `stranger`: answer about
    another patient.
    """

    pending: bool = False
    desk_first: bool = False
    stranger: bool = False


HONEST = Conduct()


@dataclass(frozen=True, slots=True)
class Done:
    """The data segments of the answer (after MSA), and the appointment that was booked, if one was."""

    segments: Sequence[str] = field(repr=False)
    booked: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A request ready to be carried out. `person` is a HETU, None where there is none. `run` raises Refusal."""

    operation: str
    person: str | None = field(repr=False)
    run: Callable[[Conduct], Done] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Office:
    """What every kind of work needs: the record system and the facility's name (assigning authority of its numbers)."""

    system: RecordSystem
    facility: str

    def shown(self, patient: Patient, conduct: Conduct) -> Patient:
        """Return the patient that the answer is about: the right one, or under `stranger` another."""
        if not conduct.stranger:
            return patient
        return next((one for one in self.system.patients() if one.number != patient.number), patient)

    def hetu_of(self, ids: PersonIds) -> str | None:
        """Return the HETU that a request's person has, as far as it is known."""
        if ids.hetu:
            return ids.hetu
        patient = self.system.patient(ids.number)
        return None if patient is None else patient.hetu


Prepare = Callable[[Office, Request], Job]
"""Reads what a request is about, nothing more. Raises Refusal."""
