"""Local dates and times as the interface writes them (INTERFACE.md §3.2, §3.3)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Final

from sandbox.clock import HELSINKI
from sandbox.mediatri.markup import Fields
from sandbox.mediatri.refusals import invalid

_YEARS: Final = range(1900, 2200)
_SUMMER: Final = timedelta(hours=3)


def write_day(day: date) -> str:
    """Return a day as dd.MM.yyyy."""
    return f"{day.day:02}.{day.month:02}.{day.year:04}"


def write_moment(at: datetime) -> Fields:
    """Return the content of a Hetki; `kesaaika` has a value only in the hour that comes twice."""
    local = at.astimezone(HELSINKI)
    twice = _offset(local, fold=0) > _offset(local, fold=1)
    summer = "" if not twice else "K" if local.utcoffset() == _SUMMER else "E"
    return [("paiva", write_day(local)), ("klo", f"{local.hour:02}.{local.minute:02}"), ("kesaaika", summer)]


def read_day(text: str, where: str) -> date:
    """Return a day of the form dd.MM.yyyy. Raises Refusal if there is no such day, or none of these centuries."""
    day, month, year = text.split(".")
    try:
        found = date(int(year), int(month), int(day))
    except ValueError as err:
        raise invalid(where) from err
    if found.year not in _YEARS:
        raise invalid(where)
    return found


def read_moment(day: str, clock: str, summer: str, where: str) -> datetime:
    """Return the instant that a Hetki names, in Europe/Helsinki; of an hour that comes twice the first, if not told.

    Raises Refusal for a time that does not exist, or cannot be summer (`K`) or winter (`E`) time as it says.
    """
    hour, minute = clock.split(".")
    if int(hour) > 23:
        raise invalid(f"{where}/klo")
    local = datetime.combine(read_day(day, f"{where}/paiva"), time(int(hour), int(minute)), HELSINKI)
    first, second = _offset(local, fold=0), _offset(local, fold=1)
    if first < second:
        raise invalid(f"{where}/klo")
    for fold, offset in enumerate((first, second)):
        if summer in ("", "K" if offset == _SUMMER else "E"):
            return local.replace(fold=fold)
    raise invalid(f"{where}/kesaaika")


def _offset(local: datetime, *, fold: int) -> timedelta:
    offset = local.replace(fold=fold).utcoffset()
    assert offset is not None
    return offset
