"""When an appointment is, by the standard: TQ1 before SCH-9 to -11 before the times of its resources.

Source: HL7 v2.4 §4.3 (TQ) and §10.6; v2.5 §4.5.4 (TQ1); the HL7 v2-to-FHIR guide's maps of TQ and TQ1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from canonical.hl7 import BadMessage, Value
from canonical.notes import Note, NoteKind
from mappings.pegasos import tables
from mappings.pegasos import times as wire_times
from mappings.pegasos.appointments import Group

_TQ_DURATION: Final = re.compile(r"([SMHD])([0-9]{1,6})")
_AMOUNT: Final = re.compile(r"[0-9]{1,6}(\.0+)?")
_Place = tuple[str, int, int]
"""Segment, field, component."""
_TQ1: Final[tuple[_Place, _Place]] = (("TQ1", 7, 1), ("TQ1", 8, 1))
_TQ: Final[tuple[_Place, _Place]] = (("SCH", 11, 4), ("SCH", 11, 5))
_RESOURCES: Final[tuple[_Place, ...]] = (("AIS", 4, 1), ("AIG", 8, 1), ("AIL", 6, 1), ("AIP", 6, 1))


@dataclass(frozen=True, slots=True)
class Span:
    """Start and end in UTC, and the minutes as they were said; None for what is not known."""

    start: datetime | None
    end: datetime | None
    minutes: int | None


def read(group: Group, notes: list[Note]) -> Span:
    """The span of an appointment. Raises `BadMessage` for what is no time, or an end before its start.

    An end that is written is the end, one that is not is the start and the duration; the two may disagree, and are both
    carried. On the night when an hour happens twice an end without an offset is the one that the duration tells.
    """
    timing = _TQ1 if any(group.value(*place[:2]) for place in _TQ1) else _TQ
    path, text = _start(group, (timing[0], *_RESOURCES), notes)
    start = wire_times.read_standard(text, group.value("ZPA", 2).text(), path, notes) if text else None
    duration = _duration(group, notes)
    end = _end(group, timing[1], start, duration, notes)
    if start is None or end is None:
        notes.append(Note(NoteKind.DEFAULTED, path if start is None else "SCH-11.5", "no such time; it is not known"))
    elif end <= start:
        raise BadMessage("SCH-11 or TQ1 ends before it starts")
    minutes, rest = divmod(int(duration.total_seconds()), 60) if duration else (0, 0)
    if rest:
        notes.append(Note(NoteKind.DROPPED, "SCH-9", "no whole minutes"))
    return Span(start, end, minutes if minutes and not rest else None)


def length(amount: Value, unit: Value, path: str, notes: list[Note]) -> timedelta | None:
    """A duration and its unit (NM, CE); None where there is none, with a note where it cannot be told."""
    if not amount.text():
        return None
    row = tables.row("duration-unit", unit.text().casefold())
    if row is None or not _AMOUNT.fullmatch(amount.text()):
        notes.append(Note(NoteKind.UNKNOWN_CODE, path, "a duration in a unit that is not known, or no number"))
        return None
    return timedelta(seconds=int(float(amount.text())) * int(row["seconds"])) or None


def _duration(group: Group, notes: list[Note]) -> timedelta | None:
    """How long it takes: SCH-9 in SCH-10, else TQ1-6 or TQ1-13, else SCH-11.3 (``M30``), else AIS-7 in AIS-8."""
    if found := length(group.sch[9], group.sch[10], "SCH-9", notes):
        return found
    for number in (6, 13):
        quantity = group.value("TQ1", number)
        if found := length(quantity, Value(quantity.text(2), quantity.rules), f"TQ1-{number}", notes):
            return found
    if coded := _TQ_DURATION.fullmatch(group.sch[11].text(3)):
        return (
            timedelta(seconds=int(coded[2]) * int(tables.table("duration-unit")[(coded[1].lower(),)]["seconds"]))
            or None
        )
    return length(group.value("AIS", 7), group.value("AIS", 8), "AIS-7", notes)


def _end(
    group: Group, place: _Place, start: datetime | None, duration: timedelta | None, notes: list[Note]
) -> datetime | None:
    path, text = _first(group, (place,))
    told = start + duration if start and duration else None
    if told and wire_times.write(told) == text.ljust(14, "0"):
        return told
    end = wire_times.read_standard(text, "", path, notes) if text else None
    if told and end and told != end:
        notes.append(Note(NoteKind.GUESSED, path, "ends elsewhere than the duration says; both are carried"))
    return end or told


def _start(group: Group, places: Sequence[_Place], notes: list[Note]) -> tuple[str, str]:
    """The first of some places that has a time; a day alone is passed over, with a note, where another has one."""
    for index, place in enumerate(places):
        path, text = _first(group, places[index:])
        if not wire_times.is_day(text):
            return path, text
        if not any(_first(group, (other,))[1] for other in places[index + 1 :]):
            return path, text
        if _first(group, (place,))[1]:
            notes.append(Note(NoteKind.DROPPED, path, "a date without a time of day"))
    return "SCH-11.4", ""


def _first(group: Group, places: Sequence[_Place]) -> tuple[str, str]:
    """The first of some places that has a value, and its path."""
    for name, number, component in places:
        if text := group.value(name, number).text(component):
            return f"{name}-{number}" + (f".{component}" if component > 1 else ""), text
    return "SCH-11.4", ""
