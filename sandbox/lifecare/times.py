"""How a release writes and reads times (INTERFACE.md §2, §11.2).

Times are compared as numbers, so that a search works as the release's own clock face says.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time
from typing import Final, Protocol

from sandbox.engine.system import day_start

_WITH_OFFSET: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})", re.ASCII)
_FALSE_UTC: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?Z", re.ASCII)
_HOUR: Final = 3_600.0


class Times(Protocol):
    """Writes an engine's times (Helsinki times) and reads a client's; a number grows as the written times do."""

    whole_seconds: bool
    """Whether `_lastUpdated` is asked for by whole seconds, both ends included, with gt and lt alone."""

    def instant(self, at: datetime) -> str:
        """Return when a record changed, as it is written."""
        ...

    def local(self, at: datetime) -> str:
        """Return a time of the calendar, as it is written."""
        ...

    def of(self, at: datetime) -> float:
        """Return the number of a time of the calendar."""
        ...

    def changed(self, at: datetime) -> float:
        """Return the number of when a record changed, as exactly as it is written."""
        ...

    def parse(self, text: str) -> float | None:
        """Return the number of a time in a request, or None if it is not one. Raises OverflowError far off."""
        ...

    def day(self, day: date) -> float:
        """Return the number of the beginning of a day. Raises OverflowError at the ends of the calendar."""
        ...

    def seconds(self, low: float, high: float) -> tuple[float, float]:
        """Return seconds since 1970 between which every time from `low` to `high` is."""
        ...


class WithOffset:
    """Local times with their offset: numbers are seconds since 1970."""

    whole_seconds = False

    def instant(self, at: datetime) -> str:
        """Return the time with milliseconds."""
        return at.isoformat(timespec="milliseconds")

    def local(self, at: datetime) -> str:
        """Return the time with seconds."""
        return at.isoformat(timespec="seconds")

    def of(self, at: datetime) -> float:
        """Return the instant."""
        return at.timestamp()

    def changed(self, at: datetime) -> float:
        """Return the instant, to the millisecond."""
        return math.floor(at.timestamp() * 1000) / 1000

    def parse(self, text: str) -> float | None:
        """Read a time with offset or a true Z."""
        found = _read(_WITH_OFFSET, text)
        return None if found is None else found.timestamp()

    def day(self, day: date) -> float:
        """Return the instant a day begins in Helsinki."""
        return day_start(day).timestamp()

    def seconds(self, low: float, high: float) -> tuple[float, float]:
        """Return the two as they are."""
        return low, high


class FalseUtc:
    """The Helsinki wall clock with a Z that is not true: numbers are what that would be if it were.

    On the autumn night the same text stands for two instants, and numbers go back an hour.
    """

    whole_seconds = True

    def instant(self, at: datetime) -> str:
        """Return the wall clock's second."""
        return f"{at:%Y-%m-%dT%H:%M:%S}Z"

    def local(self, at: datetime) -> str:
        """Return the wall clock's second."""
        return self.instant(at)

    def of(self, at: datetime) -> float:
        """Return the wall clock as if it were UTC."""
        return at.replace(tzinfo=UTC).timestamp()

    def changed(self, at: datetime) -> float:
        """Return the wall clock's second as if it were UTC."""
        return math.floor(self.of(at))

    def parse(self, text: str) -> float | None:
        """Read a wall-clock time; another offset than Z, or a fraction, is none."""
        found = _read(_FALSE_UTC, text)
        return None if found is None else found.timestamp()

    def day(self, day: date) -> float:
        """Return midnight of the wall clock as if it were UTC."""
        return datetime.combine(day, time(0), UTC).timestamp()

    def seconds(self, low: float, high: float) -> tuple[float, float]:
        """Return a little more than the two: the wall clock is from one to three hours ahead of UTC."""
        return low - 3 * _HOUR, high - _HOUR


def _read(form: re.Pattern[str], text: str) -> datetime | None:
    if not form.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
