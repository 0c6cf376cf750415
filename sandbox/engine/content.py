"""What an installation holds by its seed: the shape the engine is given. `population.seeding` makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from sandbox.engine.model import Appointment, Calendar, Patient, Professional, Service, Unit


@dataclass(frozen=True, slots=True)
class DayContent:
    """What one calendar holds on a day when it opens. `blocked` are times the desk blocked: starts in epoch seconds."""

    appointments: tuple[Appointment, ...]
    blocked: tuple[int, ...]


class Content(Protocol):
    """The seeded content of one installation. The same seed gives equal content on any machine, in any time zone."""

    @property
    def name(self) -> str: ...

    @property
    def first_day(self) -> date: ...

    @property
    def units(self) -> Mapping[str, Unit]: ...

    @property
    def services(self) -> Mapping[str, Service]: ...

    @property
    def professionals(self) -> Mapping[str, Professional]: ...

    @property
    def calendars(self) -> Mapping[str, Calendar]: ...

    @property
    def patients(self) -> tuple[Patient, ...]:
        """The customers of the first day."""
        ...

    @property
    def visits(self) -> tuple[Appointment, ...]:
        """The appointments of the test persons, past and future, present from the first day."""
        ...

    def day(self, calendar: Calendar, day: date) -> DayContent:
        """Return what `calendar` holds on `day` when the day opens: a function of the seed alone."""
        ...

    def patient_of(self, hetu: str, number: str) -> Patient | None:
        """Return a new customer with this number, or None for a HETU that is not in the population."""
        ...

    def patient_number(self, count: int) -> str:
        """Return the number of the `count`th customer registered after the first day (from 1)."""
        ...

    def appointment_id(self, count: int) -> str:
        """Return the id of the `count`th appointment made after the first day (from 1)."""
        ...
