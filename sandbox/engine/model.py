"""The records one installation keeps. Plain data; every time is aware and in Europe/Helsinki.

Two Helsinki times compare by their wall clock, so on the autumn night 03:30 and 03:30 an hour later are "equal" to
Python. Compare instants with `.timestamp()`, or in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum


class Status(StrEnum):
    """The state of an appointment. `pending`: received, holds its time, the desk has not decided.

    `proposed`: offered by the desk, holds its time, the resident has not answered - or has wished for another time,
    which it holds instead, and the desk has not decided.
    """

    BOOKED = "booked"
    CANCELLED = "cancelled"
    NOSHOW = "noshow"
    FULFILLED = "fulfilled"
    PENDING = "pending"
    PROPOSED = "proposed"


@dataclass(frozen=True, slots=True)
class Unit:
    """A service unit (palveluyksikkö)."""

    id: str
    oid: str
    name_fi: str
    name_sv: str
    municipality: str
    street: str
    postal_code: str
    city: str
    phone: str


@dataclass(frozen=True, slots=True)
class Service:
    """A bookable service. `code` is the vendor's local code; the national codes are None where there is none.

    `national_code` is of palvelunimikkeistö (1.2.246.537.6.49), `category` of the sote classification
    (1.2.246.537.6.50). `minutes` is the length of one time, `capacity` how many may book the same time.
    """

    code: str
    name_fi: str
    name_sv: str
    sector: str
    minutes: int
    national_code: str | None = None
    category: str | None = None
    capacity: int = 1


@dataclass(frozen=True, slots=True)
class Professional:
    """A professional. `register_number` is a fictitious Terhikki number; `languages` are ISO 639-1."""

    id: str
    register_number: str
    family: str
    given: str
    title_fi: str
    title_sv: str
    unit: str
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """The times of one professional, in one unit, for one service: on `weekdays` (Monday 0), from `opens` to `closes`.

    `opens` and `closes` are local wall-clock times: a night calendar is an hour shorter in spring, longer in autumn.
    """

    id: str
    professional: str
    unit: str
    service: str
    weekdays: tuple[int, ...]
    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class Patient:
    """A customer of the installation, as its own records know the person. `number` is the installation's own."""

    number: str
    hetu: str
    family: str
    given: str
    birth_date: date
    language: str
    municipality: str
    street: str
    postal_code: str
    city: str
    phone: str
    email: str | None
    non_disclosure: bool
    registered: datetime


@dataclass(frozen=True, slots=True)
class Appointment:
    """One booking. `patient` and `calendar` are ids; `updated` and `created` are virtual times.

    `placer_id` is the other side's own id, kept as given and not unique. `restriction_parent` (1-4) and `release_date`
    say what guardians and the patient may see. `extra` is opaque to the engine: what a face must give back unchanged.
    `version` starts from 1 and grows by 1 at every change. `by_resident`: the time of a proposed one is the resident's
    wish, not the desk's offer.
    """

    id: str
    patient: str
    calendar: str
    start: datetime
    end: datetime
    status: Status
    created: datetime
    updated: datetime
    version: int = 1
    placer_id: str | None = None
    text: str = ""
    reason: str = ""
    restriction_parent: int | None = None
    release_date: date | None = None
    booked_by: str = "desk"
    extra: str = ""
    by_resident: bool = False

    @property
    def holds_time(self) -> bool:
        """Whether the appointment takes a place at its time (everything but a cancelled one does)."""
        return self.status is not Status.CANCELLED


@dataclass(frozen=True, slots=True)
class FreeTime:
    """A time that may be booked; `left` places of the service's capacity are free."""

    calendar: str
    start: datetime
    end: datetime
    left: int


@dataclass(frozen=True, slots=True)
class BookedTime:
    """A time that is taken: by one appointment (its id), held for somebody, or else blocked by the desk."""

    calendar: str
    start: datetime
    end: datetime
    appointment: str | None
    held: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """A place kept for a patient for a while. `token` is a secret of the wire, random; `reference` the caller's own id.

    `expires_at` is virtual time. `appointment` and `used_at` say what it became, and when.
    """

    token: str
    patient: str
    calendar: str
    start: datetime
    end: datetime
    reference: str
    expires_at: datetime
    appointment: str | None = None
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the change log: record `id` of a `kind` ("appointment", "patient") became `version` at `at`.

    `number` counts from 1 without gaps; `at` is virtual time.
    """

    number: int
    kind: str
    id: str
    at: datetime
    version: int
