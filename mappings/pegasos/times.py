"""Pegasos's times: local Helsinki time without offset; beside a start, in ZPA-2, the offset that tells double hours.

Instants are given in UTC: two Helsinki datetimes of the hour that happens twice compare equal in Python though they are
an hour apart; in UTC they do not.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

from canonical import times
from canonical.hl7 import BadMessage
from canonical.notes import Note, NoteKind

_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?", re.ASCII)
_STANDARD = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(\d\d(?:\.\d{1,4})?)?)?)?)?)?([+-](?:0\d|1[0-4])[0-5]\d)?", re.ASCII
)
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)", re.ASCII)


def read(text: str, offset: str, path: str, notes: list[Note]) -> datetime:
    """The instant (UTC) of a local time (``yyyyMMdd[HHmm[ss]]``) and its offset (``+hhmm`` or ``""``).

    A time that happens twice without an offset that decides is taken for the first, one that summer time skips is read
    with the offset given, else with winter time; both are noted as guessed. Raises `BadMessage` for what is no time.
    """
    naive = _naive(text, path)
    shift = _shift(offset)
    first, second = (naive.replace(tzinfo=times.HELSINKI, fold=fold).utcoffset() for fold in (0, 1))
    if first == second and first is not None and (not offset or shift == first):
        return (naive - first).replace(tzinfo=UTC)
    if not times.exists(naive):
        notes.append(Note(NoteKind.GUESSED, path, "summer time skips this local time"))
        winter = (naive - timedelta(hours=2)).replace(tzinfo=times.HELSINKI).utcoffset()
        return naive.replace(tzinfo=timezone(shift if shift is not None else winter or timedelta())).astimezone(UTC)
    if shift not in (first, second):
        why = "happens twice" if first != second else "does not have the offset that is given"
        notes.append(Note(NoteKind.GUESSED, path, f"this local time {why}; the first one was taken"))
        shift = None
    return times.from_local(naive, offset=shift).astimezone(UTC)


def read_standard(text: str, offset: str, path: str, notes: list[Note]) -> datetime | None:
    """As `read`, of any time that the standard can write (HL7 v2.4 §2.9.47): an offset of its own decides, where it has
    none the time is local. None, with a note, for a day or less: it has no time. Raises `BadMessage`."""
    found = _STANDARD.fullmatch(text)
    if found is None:
        raise BadMessage(f"{path} is not a time")
    year, month, day, hour, minute, second, own = found.groups()
    if hour is None:
        read_partial_date(text, path)
        notes.append(Note(NoteKind.DROPPED, path, "a date without a time of day"))
        return None
    whole, _, fraction = (second or "00").partition(".")
    naive = f"{year}{month}{day}{hour}{minute or '00'}{whole}"
    try:
        if own is None:
            instant = read(naive, offset, path, notes)
        else:
            instant = _naive(naive, path).replace(tzinfo=timezone(_shift(own) or timedelta())).astimezone(UTC)
    except OverflowError:
        raise BadMessage(f"{path} is not a time of this calendar") from None
    return instant.replace(microsecond=int(f"{fraction:0<6}"))


def is_day(text: str) -> bool:
    """Whether ``text`` is a day, a month or a year: a time of the standard's without a time of day."""
    found = _STANDARD.fullmatch(text)
    return found is not None and found[4] is None


def read_partial_date(text: str, path: str) -> str:
    """The FHIR date of ``yyyy[MM[dd]]``; a time behind it is not looked at. Raises `BadMessage`."""
    found = _STANDARD.fullmatch(text)
    if found is None:
        raise BadMessage(f"{path} is not a date")
    year, month, day = found.group(1, 2, 3)
    whole = _naive(year + (month or "01") + (day or "01"), path).date().isoformat()
    return whole[: 10 if day else 7 if month else 4]


def read_date(text: str, path: str) -> date:
    """A date (``yyyyMMdd``, a time behind it is not looked at). Raises `BadMessage`."""
    return _naive(text, path).date()


def is_skipped(text: str, path: str) -> bool:
    """Whether summer time skips this local time. Raises `BadMessage` for what is no time."""
    return not times.exists(_naive(text, path))


def write(instant: datetime) -> str:
    """The instant as ``yyyyMMddHHmmss`` on the Helsinki clock."""
    return f"{times.to_local(instant):%Y%m%d%H%M%S}"


def write_offset(instant: datetime) -> str:
    """The offset of the Helsinki clock at that instant, ``+hhmm``."""
    return f"{times.to_local(instant):%z}"


def _naive(text: str, path: str) -> datetime:
    found = _STAMP.fullmatch(text)
    if found is None:
        raise BadMessage(f"{path} is not a local time")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - local, by the manual
    except ValueError:
        raise BadMessage(f"{path} is not on the calendar or the clock") from None


def _shift(offset: str) -> timedelta | None:
    found = _OFFSET.fullmatch(offset)
    if found is None:
        return None
    shift = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return -shift if found[1] == "-" else shift
