"""How a release writes times: truly (MR2020), or as V2015 does, with a ``Z`` that is not true (manual §11.2).

Of V2015 ``2027-03-30T09:00:00Z`` is nine in the morning in Helsinki, in summer as in winter. So everything that is read
is set right before it is mapped, and everything that is written is set wrong again. Once a year that does not say
enough: on the night when the clock goes back the hour from 03:00 is written alike twice. Then the length of the time
tells (``minutesDuration``), or that it ends before it begins; or what was learned of its slot from the order of a
calendar (`hours`); else the first hour is taken, with a note.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from canonical import times
from canonical.fhir import Resource
from canonical.messages import BadMessage
from canonical.notes import Note, NoteKind

_WRITTEN: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z")

Notes = tuple[Note, ...]


class Clock(Protocol):
    """How times are read and written."""

    def read(self, source: Resource, kind: str) -> tuple[Resource, Notes]:
        """The resource with true times; raises `BadMessage`."""

    def write(self, instant: datetime) -> str:
        """An instant as the release writes it."""

    def span(self, start: datetime, end: datetime) -> tuple[str, str]:
        """The bounds of a search that finds everything in a half-open span of instants, and perhaps more."""


@dataclass(frozen=True, slots=True)
class TrueClock:
    """Local times with their offset."""

    def read(self, source: Resource, kind: str) -> tuple[Resource, Notes]:
        return source, ()

    def write(self, instant: datetime) -> str:
        return times.iso(instant)

    def span(self, start: datetime, end: datetime) -> tuple[str, str]:
        return times.iso(start), times.iso(end)


@dataclass(frozen=True, slots=True)
class FalseZ:
    """Local times with a ``Z``. ``hours``: by the id of a slot of the hour that comes twice, whether it begins in the
    first (0) or in the second (1); it grows as that is learned (`hours`)."""

    hours: dict[str, int] = field(default_factory=dict)

    def read(self, source: Resource, kind: str) -> tuple[Resource, Notes]:
        if not isinstance(source, dict):
            raise BadMessage(f"{kind} expected")
        if kind == "Schedule" and isinstance(horizon := source.get("planningHorizon"), dict):
            ends = {name: times.iso(_instants(value)[0]) for name, value in horizon.items() if name in ("start", "end")}
            return {**source, "planningHorizon": horizon | ends}, ()
        if kind not in ("Slot", "Appointment"):
            return source, ()
        spans = _spans(source, kind, self.hours)
        start, end = spans[0]
        true = {**source, "start": times.iso(start), "end": times.iso(end)}
        if "created" in source:
            true["created"] = times.iso(_instants(source["created"])[0])
        if _is_clear(spans):
            return true, ()
        said = "an hour that comes twice, and nothing tells which; the first one was taken"
        return true, (Note(NoteKind.GUESSED, f"{kind}.start", said),)

    def write(self, instant: datetime) -> str:
        return times.to_local(instant).strftime("%Y-%m-%dT%H:%M:%SZ")

    def span(self, start: datetime, end: datetime) -> tuple[str, str]:
        """A search compares what is written: a bound in the hour that comes twice has to let in both."""
        first, last = times.to_local(start), times.to_local(end + timedelta(microseconds=-end.microsecond % 1_000_000))
        if times.is_ambiguous(first.replace(tzinfo=None, fold=0)):
            first = first.replace(minute=0, second=0, fold=0)
        if times.is_ambiguous(last.replace(tzinfo=None, fold=0)):
            last = last.replace(minute=0, second=0, fold=0, tzinfo=None).replace(hour=last.hour + 1)
            return self.write(first), last.strftime("%Y-%m-%dT%H:%M:%SZ")
        return self.write(first), self.write(last)

    def unclear(self, source: Resource, kind: str) -> str | None:
        """The id of the slot of which it has to be learned in which hour it begins; None where it is clear."""
        if kind in ("Slot", "Appointment"):
            return None if _is_clear(_spans(source, kind, self.hours)) else _slot_id(source, kind)
        return None


TRUE: Final = TrueClock()


def hours(slots: Sequence[Resource]) -> Mapping[str, int]:
    """In which of the two hours slots of that hour begin, by their ids: ``slots`` are those of one calendar and that
    night, free or not, in the order of instants, as V2015 gives them (manual §11.2). What still cannot be told is
    missing."""
    written = [(slot["id"], _naive(slot["start"]), _naive(slot["end"])) for slot in slots]
    turned, told = False, {}
    for index, (name, start, end) in enumerate(written):
        turned = turned or (index > 0 and start <= written[index - 1][1])
        told[name] = (start, int(turned))
        turned = turned or end <= start
    if not turned:
        return {}
    return {name: fold for name, (start, fold) in told.items() if times.is_ambiguous(start)}


def _spans(source: Resource, kind: str, known: Mapping[str, int]) -> list[tuple[datetime, datetime]]:
    """What start and end may be, the likeliest first; one pair unless the hour comes twice."""
    starts, ends = _instants(source.get("start")), _instants(source.get("end"))
    minutes = source.get("minutesDuration")
    fold = known.get(_slot_id(source, kind) or "")
    if fold is not None and len(starts) > 1:
        starts = [starts[fold]]
    found = [(s, e) for s in starts for e in ends if s.timestamp() < e.timestamp()]
    if isinstance(minutes, int):
        found = [(s, e) for s, e in found if e.timestamp() - s.timestamp() == minutes * 60] or found
    if not found:
        raise BadMessage(f"{kind} ends before it starts")
    return sorted(found, key=lambda pair: (pair[1].timestamp() - pair[0].timestamp(), pair[0].timestamp()))


def _is_clear(spans: list[tuple[datetime, datetime]]) -> bool:
    """Whether there is one start only; two of one clock face are equal as datetimes, as instants they are not."""
    return len({start.timestamp() for start, _ in spans}) == 1


def _instants(value: Any) -> list[datetime]:
    """The instants that a written time may be: one, or two an hour apart."""
    naive = _naive(value)
    try:
        first = times.from_local(naive)
    except times.NoSuchLocalTime:
        raise BadMessage("a time in the hour that summer time skips") from None
    if not times.is_ambiguous(naive):
        return [first]
    return [first, first.replace(fold=1)]


def _naive(value: Any) -> datetime:
    if not isinstance(value, str) or not _WRITTEN.fullmatch(value):
        raise BadMessage("a time that is not written as V2015 writes it")
    try:
        return datetime.fromisoformat(value[:-1])
    except ValueError:
        raise BadMessage("a time that is none") from None


def _slot_id(source: Resource, kind: str) -> str | None:
    if kind == "Slot":
        return str(source.get("id", "")) or None
    slots = source.get("slot")
    if not isinstance(slots, list) or len(slots) != 1 or not isinstance(slots[0], dict):
        return None
    return str(slots[0].get("reference", "")).removeprefix("Slot/") or None
