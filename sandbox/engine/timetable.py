"""The calendars of one installation as they open day by day, with the times the desk blocked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from sandbox.clock import HELSINKI
from sandbox.engine.content import Content
from sandbox.engine.grid import Cell, cells
from sandbox.engine.model import Appointment, Calendar

Place = tuple[str, int]
"""A time of a calendar: calendar id and start in epoch seconds."""

ONE_DAY = timedelta(days=1)
NOON = time(12)


class Timetable:
    """Which times there are. Opening a day brings the seed's appointments of that day, once."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._first_day = content.first_day
        self.open_until = self._first_day - ONE_DAY
        self.blocked: set[Place] = set()

    def open(self, until: date) -> Iterator[Appointment]:
        """Open every day up to `until` that is not open yet; yield the appointments these days begin with."""
        while self.open_until < until:
            self.open_until += ONE_DAY
            for calendar in self._content.calendars.values():
                content = self._content.day(calendar, self.open_until)
                self.blocked.update((calendar.id, key) for key in content.blocked)
                yield from content.appointments

    def cell_at(self, calendar: Calendar, start: datetime) -> Cell | None:
        """Return the time of an open day that begins at the instant `start`, or None."""
        key = start.timestamp()
        day = self._day_of(key)
        return next((cell for cell in self._day(calendar, day) if cell.key == key), None)

    def between(self, calendar: Calendar, start: datetime, end: datetime) -> Iterator[Cell]:
        """Yield the times of open days with start <= time.start < end, in order."""
        first, last = start.timestamp(), end.timestamp()
        day, final = self._day_of(first), self._day_of(last)
        while day <= final:
            yield from (cell for cell in self._day(calendar, day) if first <= cell.key < last)
            day += ONE_DAY

    def _day_of(self, seconds: float) -> date:
        """Return the local day of an instant, or the nearest open one: periods may begin in the year 1."""
        low, high = (datetime.combine(day, NOON, HELSINKI).timestamp() for day in (self._first_day, self.open_until))
        return datetime.fromtimestamp(min(max(seconds, low), high), HELSINKI).date()

    def _day(self, calendar: Calendar, day: date) -> tuple[Cell, ...]:
        return cells(calendar, self._content.services[calendar.service].minutes, day)
