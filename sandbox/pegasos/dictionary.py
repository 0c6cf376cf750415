"""HL7 v2.4 as hl7apy's tables know it: message structures and required fields. The only module that knows hl7apy here.

hl7apy is the dictionary, not the parser: its parser takes tens of milliseconds for a message and drops Z segments.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from hl7apy import load_reference
from hl7apy.exceptions import ChildNotFound

from sandbox.pegasos.er7 import Segment
from sandbox.pegasos.refusals import bad_structure, missing

_VERSION = "2.4"


@dataclass(frozen=True, slots=True)
class Part:
    """A segment, or a group of parts (`parts` is not empty), of a message structure; `most` is None for any number."""

    name: str
    least: int
    most: int | None
    parts: tuple[Part, ...]

    def can_begin_with(self, segment: str) -> bool:
        """Whether the part can begin with this segment; every group of these structures begins with a required one."""
        return self.parts[0].can_begin_with(segment) if self.parts else self.name == segment


@cache
def structure(name: str) -> tuple[Part, ...]:
    """Return the parts of a message structure, such as `SRM_S01`. Raises hl7apy's ChildNotFound for an unknown one."""
    return _parts(load_reference(name, "Message", _VERSION))


@cache
def required_fields(segment: str) -> tuple[int, ...]:
    """Return the numbers of the fields that version 2.4 requires in a segment; none for a segment it does not know."""
    try:
        fields = load_reference(segment, "Segment", _VERSION)[1]
    except ChildNotFound:
        return ()
    return tuple(int(name.rsplit("_", 1)[1]) for name, _, cardinality, _ in fields if cardinality[0] > 0)


def check_structure(name: str, segments: Iterable[Segment]) -> None:
    """Raise Refusal unless the segments (Z segments are looked over) are in the order of the structure."""
    known = [segment for segment in segments if not segment.name.startswith("Z")]
    reached = _match_all(structure(name), known, 0)
    if reached < len(known):
        raise bad_structure(f"{known[reached].name} is not expected here", known[reached].place())


def check_required(segments: Iterable[Segment]) -> None:
    """Raise Refusal if a segment lacks a field that version 2.4 requires."""
    for segment in segments:
        for field in required_fields(segment.name):
            if not segment.has(field):
                raise missing(segment.name, field, segment.sequence)


def _parts(reference: Any) -> tuple[Part, ...]:
    return tuple(
        Part(name, least, None if most < 0 else most, _parts(inner) if kind == "GRP" else ())
        for name, inner, (least, most), kind in reference[1]
    )


def _match_all(parts: tuple[Part, ...], segments: list[Segment], at: int) -> int:
    for part in parts:
        at = _match(part, segments, at)
    return at


def _match(part: Part, segments: list[Segment], at: int) -> int:
    """Return the index after as many repetitions of the part as stand at `at`. Raises Refusal if too few do."""
    count = 0
    while (part.most is None or count < part.most) and at < len(segments) and part.can_begin_with(segments[at].name):
        at = _match_all(part.parts, segments, at) if part.parts else at + 1
        count += 1
    if count < part.least:
        # A required group is named by its first segment: that is what the sender must add.
        first = part
        while first.parts:
            first = first.parts[0]
        raise bad_structure(f"{first.name} is missing")
    return at
