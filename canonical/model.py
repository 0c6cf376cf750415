"""What passes through the port between the hub and an adapter, in canonical terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from canonical.fhir import Resource
from canonical.notes import Note


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the population register, the master of demographics, knows them."""

    hetu: str
    family: str
    given: tuple[str, ...]
    birth_date: date
    language: str
    municipality: str


@dataclass(frozen=True, slots=True)
class RegisteredPerson:
    """What the population register says of a person. ``patient`` is the FHIR Patient to show, without ``id`` and
    ``meta.source``; where ``non_disclosure`` (turvakielto) holds it carries no address, telecom or municipality, and
    the municipality in ``person`` is for routing only."""

    person: Person
    non_disclosure: bool
    guardians: tuple[str, ...]
    patient: Resource


@dataclass(frozen=True, slots=True)
class LocalPatient:
    """A person as one installation knows them: its own patient ``number``, and the HETU it was found by.

    ``contact`` is a FHIR Patient fragment (telecom, address, communication), which stays that installation's.
    """

    number: str
    hetu: str
    contact: Resource = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TimeKey:
    """Enough to book one free time: the installation's own ``key`` (at most 25 bytes of UTF-8), start and end in UTC.

    In UTC, because of one autumn night: times of the hour that happens twice are never equal between two zones.
    """

    key: str
    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class FreeQuery:
    """Which free times are asked for: a half-open span of instants, and the installation's own ids of services and
    schedules (None: all of them)."""

    start: datetime
    end: datetime
    services: tuple[str, ...] | None = None
    schedules: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class FreeTime:
    """One free time. ``slot`` is a FHIR Slot with local references, without id and meta."""

    time: TimeKey
    service: str
    schedule: str
    slot: Resource


@dataclass(frozen=True, slots=True)
class Record:
    """One resource of a record system: local references, without ``id``/``meta`` of the hub's.

    ``version`` is the master's own (an ETag's text), or None where it has none. ``patient`` is the local patient number
    of whose it is, None for directory data. ``notes`` are the mapping's.
    """

    kind: str
    local_id: str
    resource: Resource
    version: str | None = None
    patient: str | None = None
    notes: tuple[Note, ...] = ()
