"""HL7 time stamps as Pegasos writes them: Europe/Helsinki wall-clock time without offset (manual section 2.4)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from sandbox.clock import HELSINKI
from sandbox.pegasos.er7 import Segment
from sandbox.pegasos.refusals import bad_value, missing

_STAMP = re.compile(r"((?:19|20|21)\d\d)(\d\d)(\d\d)(?:(\d\d)(\d\d)(?:(\d\d))?)?")
_OFFSET = re.compile(r"([+-])(\d\d)([0-5]\d)")


def stamp(at: datetime) -> str:
    """Return an aware time as `yyyyMMddHHmmss`, local."""
    local = at.astimezone(HELSINKI)
    return f"{local.year:04d}{local.month:02d}{local.day:02d}{local.hour:02d}{local.minute:02d}{local.second:02d}"


def offset(at: datetime) -> str:
    """Return the UTC offset of a Helsinki time as `+hhmm`: what tells the two hours of the autumn night apart."""
    minutes = int((at.astimezone(HELSINKI).utcoffset() or timedelta(0)).total_seconds()) // 60
    return f"+{minutes // 60:02d}{minutes % 60:02d}"


def read_time(
    segment: Segment,
    field: int,
    *,
    named_offset: str = "",
    offset_field: int = 2,
    later: bool = False,
    date_alone: bool = False,
) -> datetime:
    """Return the time in a field, aware, in Europe/Helsinki.

    An ambiguous time is the one of `named_offset` (from that field of ZPA), else the first, or the second with `later`.
    Raises Refusal: empty, not a time stamp, with an offset, a local time that does not exist, or one that never has the
    offset named.
    """
    text = segment.text(field)
    if not text:
        raise missing(segment.name, field, segment.sequence)
    found = _STAMP.fullmatch(text)
    if found is None or (found[4] is None and not date_alone):
        raise bad_value(segment.name, field, "is not yyyyMMddHHmm[ss], local time", segment.sequence)
    year, month, day, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    try:
        first = datetime(year, month, day, hours, minutes, seconds, tzinfo=HELSINKI)
    except ValueError as err:
        raise bad_value(segment.name, field, "is not a date and time", segment.sequence) from err
    second = first.replace(fold=1)
    if first.astimezone(UTC).astimezone(HELSINKI).replace(tzinfo=None) != first.replace(tzinfo=None):
        raise bad_value(segment.name, field, "does not exist: the clock goes forward", segment.sequence)
    if not named_offset:
        return second if later else first
    wanted = _read_offset(named_offset, offset_field)
    for candidate in (first, second):
        if candidate.utcoffset() == wanted:
            return candidate
    raise bad_value("ZPA", offset_field, "is not the offset of that local time")


def _read_offset(text: str, field: int) -> timedelta:
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise bad_value("ZPA", field, "is not an offset such as +0200")
    size = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return -size if found[1] == "-" else size
