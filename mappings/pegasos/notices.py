"""SIU^S12 to S26 -> Appointment and Patient: what a scheduling system tells of its own accord.

Source: HL7 v2.4 chapter 10, and of later versions TQ1 (v2.5); the HL7 v2-to-FHIR guide's maps of SCH, TQ, AIS, AIG, AIL
and AIP. Read by the standard, wider than Pegasos's manual, so that messages of other systems keep their meaning; what
Pegasos itself writes comes out as its answers do. A message from somebody else than Pegasos has a note for every field
that nothing reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from canonical import codes, fhir, times
from canonical.fhir import Element, Resource
from canonical.hl7 import BadMessage, Message, Segment, Value
from canonical.model import Record
from canonical.notes import Note, NoteKind
from mappings.engine.recorder import Recorder
from mappings.pegasos import appointments, patients, resources, spans, tables
from mappings.pegasos.appointments import ABSENT, Group
from mappings.pegasos.site import Site, plain, unread

_READ: Final[Mapping[str, tuple[int, ...]]] = {
    "SCH": (1, 2, 7, 8, 9, 10, 11, 25, 26, 27),
    "TQ1": (1, 6, 7, 8, 13),
    "ZPA": (1, 2, 3, 4, 7, 9),
    "NTE": (1, 2, 3),
    "RGS": (1, 2),
}
_ORDERS: Final = {26: "PLAC", 27: "FILL"}
_SOURCES_OF_NOTES: Final = ("", "L", "P", "O")
"""NTE-2, HL7 table 0105: filler, placer, other."""


def records(message: Message, site: Site, recorder: Recorder | None = None) -> list[Record]:
    """The Appointment of an SIU, and the Patient it is of, where that one has a number; of Pegasos's own only the
    Appointment, because there PID only names the patient (manual §4). Raises `BadMessage` for one that holds no
    appointment, or one of several patients."""
    event = message.header[9].text(2)
    groups = list(appointments.groups(message))
    if len(groups) != 1 or event not in {name for (name,) in tables.table("event")}:
        raise BadMessage("an SIU without one appointment")
    group, manual = groups[0], is_pegasos(message, site)
    pids = [segment for segment in group.segments if segment.name == "PID"]
    if len(pids) > 1:
        raise BadMessage("an appointment of several patients")
    recorder = recorder or Recorder(site)
    patient = patients.record(pids[0], message, site, manual=manual, recorder=recorder) if pids else None
    appointment = _appointment(group, event, pids, patient, recorder, site, manual=manual)
    return [appointment] if manual or patient is None else [appointment, patient]


def is_pegasos(message: Message, site: Site) -> bool:
    """Whether MSH-3 says that this Pegasos wrote it."""
    return message.header[3].text() == site.receiving_application


def _appointment(
    group: Group,
    event: str,
    pids: list[Segment],
    patient: Record | None,
    recorder: Recorder,
    site: Site,
    *,
    manual: bool,
) -> Record:
    notes: list[Note] = []
    carry = recorder.carry
    status, participation = carry("Appointment.status", _status, group.sch[25], event, site, notes)
    period = carry("Appointment.start, end, minutesDuration", _period, group, notes, manual)
    segments = resources.present(group, final=bool(tables.table("event")[(event,)]["final"]), notes=notes)
    taking_part = [{"actor": patients.actor(pid, patient, notes), "status": participation["patient"]} for pid in pids]
    taking_part += carry(
        "Appointment.participant", resources.participants, segments, participation["others"], site, notes
    )
    if not taking_part:
        raise BadMessage("an appointment that nobody takes part in")
    parts: Resource = {
        "resourceType": "Appointment",
        "extension": carry("Appointment.extension", appointments.extensions, group, site, notes),
        "identifier": carry(
            "Appointment.identifier", appointments.identifiers if manual else _identifiers, group, site, notes
        ),
        **status,
        **carry("Appointment.cancelationReason", appointments.cancelation, group.sch[6], status, site, notes),
        "serviceType": carry("Appointment.serviceType", resources.services, segments, site, notes),
        **carry("Appointment.appointmentType, reasonCode", _reason_and_type, group, site, notes),
        **period,
        "created": carry("Appointment.created", appointments.made, group, notes),
        **carry("Appointment.comment, description", appointments.texts, group, notes),
        "basedOn": carry("Appointment.basedOn", _orders, group, site),
        "participant": taking_part,
    }
    notes += _remarks(group, status, manual=manual)
    resource = {name: value for name, value in parts.items() if value not in (None, "", [], {})}
    version = group.value("ZPA", 7).text() or None
    of = patient.local_id if patient else None
    return Record("Appointment", _local_id(group, notes), resource, version, of, tuple(notes))


def _local_id(group: Group, notes: list[Note]) -> str:
    """SCH-2, the filler's number; where it is missing the placer's, in a space of its own."""
    if filler := group.sch[2].text():
        return filler
    if placer := group.sch[1].text():
        notes.append(Note(NoteKind.DEFAULTED, "SCH-2", "no number of the filler; the placer's was taken"))
        return f"placer-{placer}"
    raise BadMessage("an appointment without a number")


def _status(value: Value, event: str, site: Site, notes: list[Note]) -> tuple[Resource, Mapping[str, str]]:
    """Appointment.status: SCH-25 (table 0278); where that is empty, or against an event that is the last word on an
    appointment, what the event (MSH-9.2) says. A code without a counterpart is kept, none is made up."""
    said, code = tables.table("event")[(event,)], value.text()
    if not code:
        found = _row_of(said["fhir"])
        notes.append(
            Note(NoteKind.DEFAULTED, "SCH-25", f"empty; {event} says {said['fhir'] or 'nothing of it either'}")
        )
    else:
        found = _row(code, notes)
        if said["final"] and said["fhir"] and (found is None or found["fhir"] != said["fhir"]):
            notes.append(Note(NoteKind.GUESSED, "SCH-25", f"does not say what {event} says, which was taken"))
            return {"status": said["fhir"], "_status": _kept(code, site)}, _row_of(said["fhir"]) or appointments.NO_ROW
    if found is not None and found["fhir"]:
        return {"status": found["fhir"]}, found
    return appointments.status_of(value, site, notes)


def _row(code: str, notes: list[Note]) -> tables.Row | None:
    """The row of a status; of one that is only written otherwise (``BOOKED``) too, with a note."""
    if row := tables.row("appointment-status", code):
        return row
    for row in tables.table("appointment-status").values():
        if row["code"].casefold() == code.casefold():
            notes.append(Note(NoteKind.DEFAULTED, "SCH-25", f"taken for {row['code']}, which is written otherwise"))
            return row
    return None


def _row_of(status: str) -> tables.Row | None:
    rows = tables.table("appointment-status").values()
    return next((row for row in rows if status and row["fhir"] == status), None)


def _kept(code: str, site: Site) -> Element:
    return {"extension": [{"url": site.system("status"), "valueString": code}]}


def _identifiers(group: Group, site: Site, notes: list[Note]) -> list[Element]:
    """SCH-2 and SCH-1. The hub's own placer numbers have the hub's system, others that of whoever gave them."""
    found = []
    for number, kind, own in ((2, "FILL", "appointment"), (1, "PLAC", "placer")):
        value = group.sch[number]
        if not value.text():
            continue
        if kind == "PLAC" and value.text(2) == site.sending_application:
            system = codes.PLACER
        else:
            system = site.namespace(value.text(2), value.text(3), own=own)
        found.append(fhir.identifier(system, plain(value.text(), f"SCH-{number}", notes), type_code=kind))
    return found


def _orders(group: Group, site: Site) -> list[Element]:
    """SCH-26 and SCH-27: the orders that the appointment is for, by number."""
    return [
        {
            "type": "ServiceRequest",
            "identifier": fhir.identifier(
                site.namespace(value.text(2), value.text(3), own="order"), value.text(), type_code=kind
            ),
        }
        for number, kind in _ORDERS.items()
        for value in group.sch.each(number)
        if value.text()
    ]


def _reason_and_type(group: Group, site: Site, notes: list[Note]) -> Resource:
    """SCH-7 is the reason, SCH-8 the type. A code of table 0276 in SCH-7 is both: FHIR binds the type to that table,
    the guide gives it to the reason."""
    reason = appointments.concept(group.sch[7], "SCH-7", site, notes)
    kind = appointments.concept(group.sch[8], "SCH-8", site, notes)
    style = [one for one in (reason or {}).get("coding", ()) if one["system"].endswith("/v2-0276")]
    if style:
        if kind:
            notes.append(Note(NoteKind.DROPPED, "SCH-8", "the appointment's type is the one of SCH-7"))
        kind = fhir.concept(*style)
    return {"appointmentType": kind, "reasonCode": [reason] if reason else []}


def _period(group: Group, notes: list[Note], manual: bool) -> Resource:
    """Start, end and minutes. A time that is not known says so: few appointments may have none (R4, app-3)."""
    span = spans.Span(*appointments.span(group, notes)) if manual else spans.read(group, notes)
    absent = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
    found: Resource = {"minutesDuration": span.minutes}
    for element, instant in (("start", span.start), ("end", span.end)):
        found |= {element: times.iso(instant)} if instant else {f"_{element}": absent}
    return found


def _remarks(group: Group, status: Resource, *, manual: bool) -> list[Note]:
    """What of the group nothing above reads: unknown segments, texts of single resources, unknown fields."""
    notes: list[Note] = []
    resource = False
    for segment in group.segments:
        resource = resource or segment.name == "RGS"
        if segment.name == "NTE" and resource:
            notes.append(Note(NoteKind.DROPPED, "NTE", "only the first, before RGS, is read"))
        elif segment.name in resources.SHAPES:
            notes += resources.remarks(segment, group.sch[25].text(), manual=manual)
        elif segment.name in _READ:
            read = [*_READ[segment.name]]
            if segment.name == "ZPA":
                read += range(appointments.CLIENTS_OWN, max(segment.filled(), default=0) + 1)
            if segment.name == "SCH" and status.get("status") == "cancelled":
                read.append(6)
            notes += unread(segment, tuple(read), manual=manual)
        elif segment.name != "PID" and not segment.name.startswith("Z"):
            notes.append(Note(NoteKind.DROPPED, segment.name, "nothing here carries this segment"))
        if segment.name == "NTE" and segment[2].text() not in _SOURCES_OF_NOTES:
            notes.append(Note(NoteKind.DROPPED, "NTE-2", "not a source of a comment"))
    if group.sch[11].text(6):
        notes.append(Note(NoteKind.DROPPED, "SCH-11.6", "a priority; nothing here carries it"))
    return notes
