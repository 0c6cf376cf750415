"""A small made-up health centre for the memory adapter: the same people, ids and times on every machine.

The personal identity codes are made here: numbers 900-999 only, which are never anybody's own.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final

from adapters.memory.master import Calendar, Content, Professional, Service, Time, Unit
from canonical import times
from canonical.model import Person

TODAY: Final = datetime(2027, 3, 22, 6, 0, tzinfo=UTC)
"""Where the business clock stands unless told otherwise: Monday, eight in the morning in Helsinki."""

DAY: Final = timedelta(days=1)
WEEKS: Final = 6
_CHECKS: Final = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_FAMILIES: Final = (
    ("Muistinen", "fi"), ("Välimäki", "fi"), ("af Åkerlund", "sv"), ("Öljymäki", "fi"), ("Hyrkäs-Niemi", "fi"),
    ("von Däniken", "sv"),
)  # fmt: skip
_GIVEN: Final = (("Pirkko", "Liisa"), ("Jean-Åke",), ("Väinö", "Ä."), ("Ylva",), ("Örjan", "Karl"))


def hetu(born: date, sign: str, number: int) -> str:
    """The personal identity code of these parts, with its check character."""
    digits = f"{born:%d%m%y}{number:03}"
    return f"{digits[:6]}{sign}{digits[6:]}{_CHECKS[int(digits) % 31]}"


def person(index: int, born: date, sign: str, number: int) -> Person:
    """A made-up person; names go round."""
    family, language = _FAMILIES[index % len(_FAMILIES)]
    return Person(hetu(born, sign, number), family, _GIVEN[index % len(_GIVEN)], born, language, "638")


def _people(first: int, count: int) -> tuple[Person, ...]:
    return tuple(
        person(i, date(1931 + (i * 7) % 65, 1 + i % 12, 1 + i % 28), "-YXWVU"[i % 6], 900 + i)
        for i in range(first, first + count)
    )


CUSTOMERS: Final = (
    *_people(0, 12),
    person(12, date(1970, 5, 17), "-", 960),
    person(13, date(1970, 5, 17), "Y", 960),
)
"""People the master knows from the start; the last two differ in nothing but the sign of their codes."""

MINOR: Final = person(14, date(2013, 2, 3), "A", 961)
"""A customer of fourteen, with three visits to come."""

MINOR_CODES: Final = ("2", "4", None)
"""The RestrictionParent codes of those visits."""

NEWCOMERS: Final = _people(20, 60)
"""People who could be registered."""

STRANGER: Final = person(15, date(1955, 12, 24), "-", 999)
"""Somebody whom no register knows."""

UNITS: Final = (Unit("U1", "Muistolan terveysasema"), Unit("U2", "Muistola hälsovårdscentral, Åpromenaden"))
SERVICES: Final = (
    Service("V1", "LAAK", "Lääkärin vastaanotto", 20, "EE", sector="health"),
    Service("V2", "HOIT", "Sairaanhoitajan vastaanotto", 30, "EDC", sector="health"),
    Service("V3", "MUU", "Muistikerho", 60),
    Service("V4", "RYHM", "Painonhallintaryhmä", 60, None, 3, "social"),
)
GROUP: Final = "V4"
"""The service whose times hold three."""

PROFESSIONALS: Final = (
    Professional("P1", "Lääkärinen", "Åsa"), Professional("P2", "Hoitonen", "Kai"), Professional("P3", "Öhman", "Eva"),
)  # fmt: skip
CALENDARS: Final = (
    Calendar("K1", "U1", "V1", "P1"),
    Calendar("K2", "U1", "V2", "P2"),
    Calendar("K3", "U2", "V1", "P3"),
    Calendar("K4", "U2", "V3", "P3"),
    Calendar("K5", "U1", "V4", "P2"),
)


def content(today: datetime = TODAY, weeks: int = WEEKS) -> Content:
    """The health centre on the day of ``today``: its calendars are open Monday to Friday, 8 to 16, for ``weeks``."""
    return Content(
        units=UNITS,
        services=SERVICES,
        professionals=PROFESSIONALS,
        calendars=CALENDARS,
        times=_times(times.to_local(today).date(), weeks),
        population=[*CUSTOMERS, MINOR, *NEWCOMERS],
        customers=[p.hetu for p in (*CUSTOMERS, MINOR)],
    )


@cache
def _times(first: date, weeks: int) -> tuple[Time, ...]:
    """Every time of every calendar: one after another through each working day. They are made once and shared."""
    days = [first + timedelta(days=n) for n in range(weeks * 7)]
    opens = [
        datetime(d.year, d.month, d.day, 8, tzinfo=times.HELSINKI).astimezone(UTC) for d in days if d.weekday() < 5
    ]
    lengths = {service.id: timedelta(minutes=service.minutes) for service in SERVICES}
    return tuple(
        Time.of(calendar.id, start + n * lengths[calendar.service], start + (n + 1) * lengths[calendar.service])
        for calendar in CALENDARS
        for start in opens
        for n in range(timedelta(hours=8) // lengths[calendar.service])
    )
