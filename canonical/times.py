"""Time as the record systems write it: local Helsinki time, often without an offset.

Everything inside is an aware ``datetime``. Twice a year that is not enough: on the night the clock goes back an hour
happens twice, and on the night it goes forward an hour does not exist. Both are said, never smoothed over.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

HELSINKI: Final = ZoneInfo("Europe/Helsinki")


class NoSuchLocalTime(ValueError):
    """The wall-clock time does not exist: it lies in the hour that summer time skips."""


def is_ambiguous(naive: datetime) -> bool:
    """Whether this Helsinki wall-clock time happens twice."""
    first, second = naive.replace(tzinfo=HELSINKI, fold=0), naive.replace(tzinfo=HELSINKI, fold=1)
    return first.utcoffset() != second.utcoffset() and exists(naive)


def exists(naive: datetime) -> bool:
    """Whether this Helsinki wall-clock time happens at all."""
    aware = naive.replace(tzinfo=HELSINKI)
    return aware.astimezone(UTC).astimezone(HELSINKI).replace(tzinfo=None) == naive.replace(fold=0)


def from_local(naive: datetime, *, offset: timedelta | None = None) -> datetime:
    """The instant of a Helsinki wall-clock time.

    ``offset`` (from UTC), where the other side names it, decides an hour that happens twice; without it the first is
    taken (the caller notes the guess: see `is_ambiguous`). Raises `NoSuchLocalTime` for an hour that is skipped, and
    ValueError for an offset that Helsinki does not have at that time.
    """
    if not exists(naive):
        raise NoSuchLocalTime(naive.isoformat())
    first = naive.replace(tzinfo=HELSINKI, fold=0)
    if offset is None or first.utcoffset() == offset:
        return first
    second = naive.replace(tzinfo=HELSINKI, fold=1)
    if second.utcoffset() != offset:
        raise ValueError("Helsinki does not have that offset then")
    return second


def to_local(instant: datetime) -> datetime:
    """The instant on the Helsinki clock (aware)."""
    return instant.astimezone(HELSINKI)


def instant(text: str) -> datetime:
    """An aware datetime from an ISO 8601 text with offset; raises ValueError without one."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("a time without an offset")
    return value


def iso(value: datetime) -> str:
    """A FHIR dateTime/instant on the Helsinki clock, with offset, to the second (milliseconds if there are any)."""
    spec = "milliseconds" if value.microsecond else "seconds"
    return to_local(value).isoformat(timespec=spec)
