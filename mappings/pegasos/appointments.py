"""SCH groups of SRR and SQR -> Appointments and free times.

Source: Pegasos's manual §4, §6, §10.1 and §11; the HL7 v2-to-FHIR guide's map of SCH. A group is an SCH and what
follows it up to the next SCH or DSC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

from canonical import codes, fhir, times
from canonical.fhir import Element, Resource
from canonical.hl7 import BadMessage, Message, Segment, Value
from canonical.model import FreeTime, Record, TimeKey
from canonical.notes import Note, NoteKind
from mappings.engine.recorder import Recorder
from mappings.pegasos import keys, tables
from mappings.pegasos import times as wire_times
from mappings.pegasos.persons import Ids, ids
from mappings.pegasos.site import Site, plain, unread

READ: Final[Mapping[str, tuple[int, ...]]] = {
    "SCH": (1, 2, 7, 8, 9, 11, 25),
    "ZPA": (1, 2, 3, 4, 7, 9),
    "NTE": (2, 3),
    "PID": (3,),
    "RGS": (),
    "AIS": (3,),
    "AIL": (3,),
    "AIP": (3,),
}
"""Fields that become something here; fields left out on purpose are in ``ignored.csv``; all others are noted."""

ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
NO_ROW: Final = {"fhir": "", "patient": "accepted", "others": "accepted"}
CLIENTS_OWN: Final = 10
"""From ZPA-10 on a client's own values follow."""


class Group:
    """One appointment, or one free time, of an answer: its segments, the first of which is SCH."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = segments
        self.sch = segments[0]
        self._first = {segment.name: segment for segment in reversed(segments)}

    def first(self, name: str) -> Segment | None:
        """The first segment called ``name``, or None."""
        return self._first.get(name)

    def value(self, name: str, number: int) -> Value:
        """A field of the first segment called ``name``; an empty one where there is no such segment."""
        segment = self._first.get(name)
        return segment[number] if segment else Value("", self.sch[0].rules)


@dataclass(frozen=True, slots=True)
class Found:
    """An Appointment, and who its PID says it is of."""

    record: Record
    who: Ids


def groups(message: Message) -> Iterator[Group]:
    """The SCH groups of an SRR or SQR, in order."""
    current: list[Segment] = []
    for segment in message.segments:
        if segment.name in ("SCH", "DSC"):
            if current:
                yield Group(current)
            current = []
        if segment.name == "SCH" or current:
            current.append(segment)
    if current:
        yield Group(current)


def appointment(group: Group, site: Site, recorder: Recorder | None = None) -> Found:
    """The Appointment of a group; raises `BadMessage` where its number, patient or time is missing."""
    notes: list[Note] = []
    carry = (recorder or Recorder(site)).carry
    pid, number = group.first("PID"), group.sch[2].text()
    who = ids(pid) if pid else Ids("", "")
    if not number or not who.number:
        raise BadMessage("an appointment without SCH-2 or a patient number in PID-3")
    status, participation = carry("Appointment.status", status_of, group.sch[25], site, notes)
    parts: Resource = {
        "resourceType": "Appointment",
        "extension": carry("Appointment.extension", extensions, group, site, notes),
        "identifier": carry("Appointment.identifier", identifiers, group, site, notes),
        **status,
        **carry("Appointment.cancelationReason", cancelation, group.sch[6], status, site, notes),
        "serviceType": carry("Appointment.serviceType", _services, group, site, notes),
        "appointmentType": carry("Appointment.appointmentType", concept, group.sch[8], "SCH-8", site, notes),
        "reasonCode": [found]
        if (found := carry("Appointment.reasonCode", concept, group.sch[7], "SCH-7", site, notes))
        else [],
        **carry("Appointment.start, end, minutesDuration", _period, group, notes),
        "created": carry("Appointment.created", made, group, notes),
        **carry("Appointment.comment, description", texts, group, notes),
        "participant": carry("Appointment.participant", _participants, group, who.number, participation, notes),
    }
    notes += _remarks(group)
    resource = {name: value for name, value in parts.items() if value not in (None, "", [], {})}
    version = group.value("ZPA", 7).text() or None
    return Found(Record("Appointment", number, resource, version, who.number, tuple(notes)), who)


def free_time(group: Group, site: Site, notes: list[Note], recorder: Recorder | None = None) -> FreeTime | None:
    """The free time of a group. None, with a note, for one that cannot be offered: it is not free, or in the hour that
    summer time skips, or of a calendar whose name does not fit a key."""
    schedule, ais = group.sch[5].text(), group.value("AIS", 3)
    if not schedule or not ais.text():
        raise BadMessage("a free time without SCH-5 or AIS-3")
    key = keys.pack(schedule, ais.text())
    status = group.sch[25].text()
    if key is None or status != "Free" or wire_times.is_skipped(group.sch[11].text(4), "SCH-11.4"):
        notes.append(Note(NoteKind.DROPPED, "SCH", f"calendar {schedule}, {status}: cannot be offered as a free time"))
        return None
    carry = (recorder or Recorder(site)).carry
    start, end, _ = carry("Slot.start, end", span, group, notes)
    slot: Resource = {
        "resourceType": "Slot",
        "serviceType": [carry("Slot.serviceType", service_type, ais, site, notes)],
        "schedule": fhir.reference("Schedule", schedule),
        "status": "free",
        "start": times.iso(start),
        "end": times.iso(end),
    }
    if places := carry("Slot.extension", _places, group, site):
        slot = {"resourceType": "Slot", "extension": [places], **slot}
    return FreeTime(TimeKey(key, start, end), ais.text(), schedule, slot)


def service_type(value: Value, site: Site, notes: list[Note], path: str = "AIS-3") -> Element:
    """A service (CE) as a concept: the local code, and the national one that the message or else the table names."""
    local = fhir.coding(site.system("service"), value.text(1), plain(value.text(2), path, notes))
    if national := site.coding(value, path, notes, first=4):
        return fhir.concept(local, national)
    row = tables.table("service", keys=2).get((site.installation, value.text(1)))
    if row is None:
        notes.append(Note(NoteKind.UNKNOWN_CODE, path, f"{value.text(1)} has no national code; the local one is kept"))
        return fhir.concept(local)
    return fhir.concept(local, fhir.coding(codes.SERVICE, row["national"]))


def status_of(value: Value, site: Site, notes: list[Note]) -> tuple[Resource, Mapping[str, str]]:
    """Appointment.status of SCH-25 (table 0278). What has no counterpart keeps its own code; none is made up."""
    code = value.text()
    row = tables.row("appointment-status", code) or NO_ROW
    if row["fhir"]:
        return {"status": row["fhir"]}, row
    notes.append(Note(NoteKind.UNKNOWN_CODE, "SCH-25", f"{code or 'no code'} has no FHIR status; none is given"))
    absent = [{"url": ABSENT, "valueCode": "unsupported" if code else "unknown"}]
    kept = {"url": site.system("status"), "valueString": code}
    return {"_status": {"extension": [*absent, kept] if code else absent}}, row


def span(group: Group, notes: list[Note]) -> tuple[datetime, datetime, int | None]:
    """Start, end and minutes of SCH-11 (TQ .4, .5), SCH-9 and the offset in ZPA-2.

    The end is the start and the minutes, which no change of the clock disturbs; SCH-11.5 where there are no minutes.
    """
    timing, offset = group.sch[11], group.value("ZPA", 2).text()
    start = wire_times.read(timing.text(4), offset, "SCH-11.4", notes)
    minutes = group.sch[9].text()
    if minutes.isdecimal() and int(minutes) and group.sch[10].text() == "min":
        end = start + timedelta(minutes=int(minutes))
        if wire_times.write(end) != timing.text(5).ljust(14, "0"):
            notes.append(Note(NoteKind.GUESSED, "SCH-11.5", "ends elsewhere than the duration says, which was taken"))
        return start, end, int(minutes)
    notes.append(Note(NoteKind.DEFAULTED, "SCH-9", "no duration in minutes; the end of SCH-11.5 was taken"))
    end = wire_times.read(timing.text(5), "", "SCH-11.5", notes)
    if end <= start:
        raise BadMessage("SCH-11 ends before it starts")
    return start, end, None


def _services(group: Group, site: Site, notes: list[Note]) -> list[Element]:
    return [service_type(ais[3], site, notes) for ais in group.segments if ais.name == "AIS" and ais[3].text()]


def _period(group: Group, notes: list[Note]) -> Resource:
    start, end, minutes = span(group, notes)
    return {"start": times.iso(start), "end": times.iso(end), "minutesDuration": minutes}


def identifiers(group: Group, site: Site, notes: list[Note]) -> list[Element]:
    """SCH-2, Pegasos's own number, and SCH-1, the placer's: the hub's, or somebody else's."""
    placer, filler = group.sch[1], group.sch[2]
    found = [fhir.identifier(site.system("appointment"), filler.text(), type_code="FILL")]
    if placer.text():
        ours = placer.text(2) == site.sending_application
        system = codes.PLACER if ours else site.system("placer")
        found.append(fhir.identifier(system, plain(placer.text(), "SCH-1", notes), type_code="PLAC"))
    return found


def extensions(group: Group, site: Site, notes: list[Note]) -> list[Element]:
    """RestrictionParent, the release date, and the Z segments that are carried along."""
    found: list[Element] = []
    if code := group.value("ZPA", 3).text():
        row = tables.row("restriction-parent", code)
        if row is None:
            notes.append(Note(NoteKind.UNKNOWN_CODE, "ZPA-3", f"{code} is not of the classification"))
        coding = fhir.coding(codes.RESTRICTION_PARENT_CODES, code, row["display"] if row else None)
        found.append({"url": codes.RESTRICTION_PARENT, "valueCoding": coding})
    if release := group.value("ZPA", 4).text():
        found.append({"url": codes.RELEASE_DATE, "valueDate": wire_times.read_date(release, "ZPA-4").isoformat()})
    for segment in group.segments:
        if segment.name == "ZPA" and segment is group.first("ZPA"):
            if any(number >= CLIENTS_OWN for number in segment.filled()):
                found.append(site.kept(segment, notes))
        elif segment.name.startswith("Z"):
            found.append(site.kept(segment, notes))
    return found


def cancelation(value: Value, status: Resource, site: Site, notes: list[Note]) -> Resource:
    """SCH-6 is why the last event came: the reason of a cancellation, if that was one."""
    if status.get("status") != "cancelled" or not value:
        return {}
    return {"cancelationReason": concept(value, "SCH-6", site, notes)}


def concept(value: Value, path: str, site: Site, notes: list[Note]) -> Element | None:
    """A CE as a concept; its text may be somebody's own words, so it is the concept's text, not a display."""
    text = plain(value.verbatim(2), path, notes)
    code = site.coding(value, path, notes)
    if code is not None:
        code.pop("display", None)
    elif not text:
        text = plain(value.text(), path, notes)
    return fhir.concept(*([code] if code else []), text=text or None) or None


def texts(group: Group, notes: list[Note]) -> Resource:
    """The NTEs before the resources: the desk's text (NTE-2 ``L``) is the description, the patient's the comment.
    Several are joined by line breaks."""
    lines: dict[str, list[str]] = {"description": [], "comment": []}
    for segment in takewhile(lambda segment: segment.name != "RGS", group.segments):
        if segment.name == "NTE":
            element = "description" if segment[2].text() == "L" else "comment"
            lines[element] += [value.verbatim() for value in segment.repetitions(3)]
    return {element: plain("\n".join(texts), "NTE-3", notes) for element, texts in lines.items()}


def made(group: Group, notes: list[Note]) -> str:
    """Appointment.created of ZPA-9, or ``""``."""
    text = group.value("ZPA", 9).text()
    return times.iso(wire_times.read(text, "", "ZPA-9", notes)) if text else ""


def _participants(group: Group, patient: str, status: Mapping[str, str], notes: list[Note]) -> list[Element]:
    actors = [fhir.reference("Patient", patient)]
    if (aip := group.value("AIP", 3)).text():
        name = " ".join(part for part in (aip.text(3), aip.text(2)) if part)
        actors.append(fhir.reference("Practitioner", aip.text(), plain(name, "AIP-3", notes)))
    if (ail := group.value("AIL", 3)).text():
        actors.append(fhir.reference("Location", ail.text(), plain(ail.text(9), "AIL-3", notes)))
    if (ais := group.value("AIS", 3)).text():
        actors.append(fhir.reference("HealthcareService", ais.text(), plain(ais.text(2), "AIS-3", notes)))
    return [{"actor": actor, "status": status["others"] if n else status["patient"]} for n, actor in enumerate(actors)]


def _places(group: Group, site: Site) -> Element | None:
    """The places of a group time: how many there are and how many are left."""
    capacity, left = group.value("ZPA", 6).text(), group.value("ZPA", 5).text()
    if not (capacity.isdecimal() and left.isdecimal()) or int(capacity) < 2:
        return None
    inner = [{"url": "capacity", "valuePositiveInt": int(capacity)}, {"url": "left", "valueUnsignedInt": int(left)}]
    return {"url": site.system("places"), "extension": inner}


def _remarks(group: Group) -> list[Note]:
    """What of the group nothing above reads: unknown segments, repeated ones, unknown fields."""
    notes: list[Note] = []
    seen: set[str] = set()
    resources = False
    for segment in group.segments:
        resources = resources or segment.name == "RGS"
        repeated = segment.name in seen and segment.name not in ("NTE", "AIS")
        if segment.name not in READ:
            if not segment.name.startswith("Z"):
                notes.append(Note(NoteKind.DROPPED, segment.name, "nothing here carries this segment"))
        elif (repeated and segment.name != "ZPA") or (segment.name == "NTE" and resources):
            notes.append(Note(NoteKind.DROPPED, segment.name, "only the first, before RGS, is read"))
        else:
            own = range(CLIENTS_OWN, max(segment.filled(), default=0) + 1) if segment.name == "ZPA" else ()
            notes += unread(segment, (*READ[segment.name], *own))
        seen.add(segment.name)
    return notes
