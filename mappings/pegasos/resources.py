"""AIS, AIG, AIL and AIP of an SIU -> services and participants, all of them, in whichever RGS they stand.

Source: HL7 v2.4 §10.6.4 to §10.6.7; the HL7 v2-to-FHIR guide's maps of these segments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from canonical import fhir, times
from canonical.fhir import Element
from canonical.hl7 import Segment, Value
from canonical.notes import Note, NoteKind
from mappings.pegasos import appointments, spans
from mappings.pegasos import times as wire_times
from mappings.pegasos.appointments import Group
from mappings.pegasos.site import Site, plain, unread


@dataclass(frozen=True, slots=True)
class Shape:
    """Where a segment has its start, its duration (the unit follows) and its status."""

    start: int
    duration: int
    status: int


SHAPES: Final[Mapping[str, Shape]] = {
    "AIP": Shape(6, 9, 12),
    "AIL": Shape(6, 9, 12),
    "AIS": Shape(4, 7, 10),
    "AIG": Shape(8, 11, 14),
}
"""In the order of participants: people, places, services, whatever else."""

_TAKEN_OFF: Final = "D"
_OWN_SERVICE: Final = ("", "99PEGPAL", "L")
_OWN_ROLE: Final = "99PEGROO"
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def present(group: Group, *, final: bool, notes: list[Note]) -> list[Segment]:
    """The resource segments of an appointment as it now is: one that was taken off it (action code D) is not there any
    more. Of one that is over (``final``: cancelled, deleted …) all are let go, and are told all the same."""
    found = [segment for segment in group.segments if segment.name in SHAPES]
    if final:
        return found
    for segment in found:
        if segment[2].text() == _TAKEN_OFF:
            notes.append(Note(NoteKind.DROPPED, segment.name, "was taken off the appointment"))
    return [segment for segment in found if segment[2].text() != _TAKEN_OFF]


def services(segments: Sequence[Segment], site: Site, notes: list[Note]) -> list[Element]:
    """Appointment.serviceType: every AIS. A code of somebody else's system is that system's, not a service here."""
    found = []
    for value in (ais[3] for ais in segments if ais.name == "AIS" and ais[3]):
        if value.text() and value.text(3) in _OWN_SERVICE:
            found.append(appointments.service_type(value, site, notes))
        else:
            codings = (site.coding(value, "AIS-3", notes, first=first) for first in (1, 4))
            text = plain(value.text(2), "AIS-3", notes)
            found.append(fhir.concept(*(coding for coding in codings if coding), text=text or None))
    return [concept for concept in found if concept]


def participants(segments: Sequence[Segment], status: str, site: Site, notes: list[Note]) -> list[Element]:
    """The participants of all resource segments that name somebody or something, or what it has to be."""
    found = []
    for segment in sorted(segments, key=lambda segment: [*SHAPES].index(segment.name)):
        role, actor = _role(segment, site, notes), _actor(segment, site, notes)
        if role or actor:
            named = {"actor": actor} if actor else {}
            found.append({**role, **named, "status": status, **_when(segment, notes)})
    return found


def remarks(segment: Segment, status: str, *, manual: bool) -> list[Note]:
    """Notes on the fields of a resource segment that nothing reads. A status that is the appointment's is read."""
    shape = SHAPES[segment.name]
    read = [1, 2, 3, shape.start, shape.duration, shape.duration + 1]
    if segment.name in ("AIP", "AIG"):
        read.append(4)
    if segment[shape.status].text() in ("", status):
        read.append(shape.status)
    return unread(segment, tuple(read), manual=manual)


def _actor(segment: Segment, site: Site, notes: list[Note]) -> Element | None:
    value = segment[3]
    if segment.name == "AIP":
        return _reference(
            "Practitioner", value.text(), _person(value, notes), site.authority(value, 9, own="practitioner"), site
        )
    if segment.name == "AIL":
        return _place(value, site, notes)
    display = plain(value.text(2), f"{segment.name}-3", notes)
    if segment.name == "AIG":
        return _named(None, site.system("resource"), value.text(), display)
    if value.text(3) in _OWN_SERVICE:
        return _reference("HealthcareService", value.text(), display, site.system("service"), site)
    return None


def _reference(kind: str, number: str, display: str, system: str, site: Site) -> Element | None:
    """A literal reference to a resource of the installation's own, a logical one to somebody else's."""
    own = site.system(kind.lower() if kind == "Practitioner" else "service")
    if number and system == own and _ID.fullmatch(number):
        return fhir.reference(kind, number, display or None)
    return _named(kind, system, number, display)


def _place(value: Value, site: Site, notes: list[Note]) -> Element | None:
    """A PL. The unit alone is a Location of the installation's; one with a room, bed, building or floor is named by all
    of these together, because the unit is not the place."""
    unit, room, bed, facility, building, floor = (plain(value.text(n), "AIL-3", notes) for n in (1, 2, 3, 4, 7, 8))
    described = plain(value.text(9), "AIL-3", notes)
    if unit and _ID.fullmatch(unit) and not (room or bed or building or floor):
        return fhir.reference("Location", unit, described or None)
    names = [part for part in (facility, building, floor, unit, room, bed) if part]
    key = "^".join((unit, room, bed, facility, "", "", building, floor)).rstrip("^")
    return _named("Location", site.system("location"), key, described or ", ".join(names))


def _named(kind: str | None, system: str, number: str, display: str) -> Element | None:
    """A logical reference, by identifier, or by name where there is no number; None where there is neither."""
    found: Element = {"type": kind} if kind else {}
    if number:
        found["identifier"] = fhir.identifier(system, number)
    if display:
        found["display"] = display
    return found if number or display else None


def _person(value: Value, notes: list[Note]) -> str:
    return " ".join(part for part in (plain(value.text(n), "AIP-3", notes) for n in (3, 2)) if part)


def _role(segment: Segment, site: Site, notes: list[Note]) -> Element:
    """Participant.type of AIP-4 and AIG-4. Pegasos's own roles are left out: the PractitionerRole has them."""
    value = segment[4]
    if segment.name not in ("AIP", "AIG") or not value or value.text(3) == _OWN_ROLE:
        return {}
    return {"type": [concept]} if (concept := appointments.concept(value, f"{segment.name}-4", site, notes)) else {}


def _when(segment: Segment, notes: list[Note]) -> Element:
    """Participant.period, where the resource has a time of its own; a service has none, it is the appointment's."""
    shape, path = SHAPES[segment.name], f"{segment.name}-{SHAPES[segment.name].start}"
    text = segment[shape.start].text()
    if segment.name == "AIS" or not text or (start := wire_times.read_standard(text, "", path, notes)) is None:
        return {}
    length = spans.length(
        segment[shape.duration], segment[shape.duration + 1], f"{segment.name}-{shape.duration}", notes
    )
    return {"period": {"start": times.iso(start)} | ({"end": times.iso(start + length)} if length else {})}
