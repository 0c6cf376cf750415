"""The times of a calendar on one day: pure computation, correct on both summer-time nights."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from sandbox.clock import HELSINKI
from sandbox.engine.model import Calendar

_KEPT_DAYS = 50_000


@dataclass(frozen=True, slots=True)
class Cell:
    """One time of a calendar. `key` is its start in seconds since 1970: the only safe way to compare instants."""

    key: int
    start: datetime
    end: datetime


@lru_cache(maxsize=_KEPT_DAYS)
def cells(calendar: Calendar, minutes: int, day: date) -> tuple[Cell, ...]:
    """Return the calendar's times of the local day `day`, each `minutes` long, in order.

    The working time is cut up in UTC: on the spring night the hour that does not exist has no times, on the autumn
    night the hour that comes twice has them twice.
    """
    if day.weekday() not in calendar.weekdays:
        return ()
    opens = datetime.combine(day, calendar.opens, HELSINKI).astimezone(UTC)
    closes = datetime.combine(day, calendar.closes, HELSINKI).astimezone(UTC)
    step = timedelta(minutes=minutes)
    found: list[Cell] = []
    while opens + step <= closes:
        start, end = opens.astimezone(HELSINKI), (opens + step).astimezone(HELSINKI)
        found.append(Cell(int(opens.timestamp()), start, end))
        opens += step
    return tuple(found)
