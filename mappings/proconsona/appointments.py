"""``tapaaminen`` -> Appointment (manual §8.1).

A meeting keeps its ``tunnus`` and its ``ulkoinenTunniste`` for ever: after a move it is the same record, and it carries
the placer id of the booking it began with, never that of the move.
"""

from __future__ import annotations

from collections.abc import Iterator

from canonical import codes, fhir, times
from canonical.fhir import Element, Resource
from canonical.model import Record
from canonical.notes import Note, NoteKind
from mappings.proconsona.document import Part
from mappings.proconsona.site import Site, dropped, each_once, filled, said, task
from mappings.proconsona.tables import Row, table

_NO_ROW = {"fhir": "", "patient": "tentative", "others": "tentative"}


def appointments(root: Part, site: Site) -> list[Record]:
    """The meetings of a ``tapaaminen`` or of ``tapaamiset``, in their order. Raises `BadMessage`."""
    return [appointment(one, site) for one in ([root] if root.name == "tapaaminen" else root.all("tapaaminen"))]


def appointment(part: Part, site: Site) -> Record:
    """The record of one meeting. Raises `BadMessage`.

    ``Record.patient`` is of whom it says it is; whether that is who was asked for is the caller's to check.
    """
    notes: list[Note] = []
    local_id, patient = part.id("tunnus"), part.id("asiakas")
    status, row = _status(part, site, notes)
    start, end = part.span()
    parts: Resource = {
        "resourceType": "Appointment",
        "extension": _extensions(part, site, notes),
        "identifier": _identifiers(part, local_id, site),
        **status,
        "cancelationReason": _cancelation(part, status, site, notes),
        "serviceCategory": task(part.one("palvelutehtava"), "tapaaminen/palvelutehtava", notes),
        "serviceType": [site.service(part.service())],
        "start": times.iso(start),
        "end": times.iso(end),
        "created": times.iso(part.time("luotu")),
        "comment": _words(part.text("lisatieto")),
        "participant": _participants(part, patient, row),
    }
    return Record("Appointment", local_id, filled(parts), str(part.number("versio")), patient, each_once(notes))


def placer_id(resource: Resource) -> str | None:
    """The hub's own mark on the appointment, where it has one."""
    return fhir.identifier_value(resource, codes.PLACER)


def _status(part: Part, site: Site, notes: list[Note]) -> tuple[Resource, Row]:
    """Appointment.status of ``tila`` and ``ehdottaja``. What has no counterpart keeps its own code; none is made up."""
    code, proposer = part.need("tila"), part.token("ehdottaja")
    rows = table("status", keys=2)
    row = rows.get((code, proposer))
    if row is None and (code, "") in rows:
        row = rows[code, ""]
        notes.append(Note(NoteKind.UNKNOWN_CODE, "tapaaminen/ehdottaja", "one that has no meaning in that tila"))
    elif row is not None and row["patient"] == "tentative":
        notes.append(Note(NoteKind.DEFAULTED, "tapaaminen/ehdottaja", "missing; nobody is said to have agreed"))
    if row is not None:
        return {"status": row["fhir"]}, row
    notes.append(Note(NoteKind.UNKNOWN_CODE, "tapaaminen/tila", f"{said(code)} has no FHIR status; none is given"))
    absent = {"url": codes.DATA_ABSENT, "valueCode": "unsupported"}
    return {"_status": {"extension": [absent, {"url": site.system("status"), "valueString": code}]}}, _NO_ROW


def _identifiers(part: Part, local_id: str, site: Site) -> list[Element]:
    found = [fhir.identifier(site.system("appointment"), local_id, type_code="FILL")]
    mark = part.token("ulkoinenTunniste")
    return [*found, fhir.identifier(codes.PLACER, mark, type_code="PLAC")] if mark else found


def _cancelation(part: Part, status: Resource, site: Site, notes: list[Note]) -> Element:
    """``peruutus``: the local code of why, and somebody's own words as the concept's text. FHIR has it of what is
    cancelled only."""
    found = part.one("peruutus")
    if found is None:
        return {}
    if status.get("status") != "cancelled":
        notes.append(Note(NoteKind.DROPPED, "tapaaminen/peruutus", "of a meeting that is not cancelled"))
        return {}
    code = found.need("syy")
    row = table("cancelation-reason").get((code,))
    if row is None:
        notes.append(Note(NoteKind.UNKNOWN_CODE, "tapaaminen/peruutus/syy", f"{said(code)} is no code of the manual's"))
    dropped(found, notes)
    coding = fhir.coding(site.system("cancelation-reason"), code, row["display"] if row else None)
    return fhir.concept(coding, text=_words(found.text("selite")) or None)


def _words(text: str) -> str:
    """A text as it was written, but white space alone says nothing."""
    return text if text.strip() else ""


def _extensions(part: Part, site: Site, notes: list[Note]) -> list[Element]:
    """RestrictionParent, the release date, and whatever is carried along."""
    found: list[Element] = []
    if code := part.token("huoltajarajaus"):
        row = table("restriction-parent").get((code,))
        if row is None:
            notes.append(
                Note(NoteKind.UNKNOWN_CODE, "tapaaminen/huoltajarajaus", f"{said(code)} is not of the classification")
            )
        coding = fhir.coding(codes.RESTRICTION_PARENT_CODES, code, row["display"] if row else None)
        found.append({"url": codes.RESTRICTION_PARENT, "valueCoding": coding})
    if release := part.day("nakyyAlkaen"):
        found.append({"url": codes.RELEASE_DATE, "valueDate": release.isoformat()})
    if additions := part.one("laajennus"):
        found += site.kept(additions.element, "tapaaminen/laajennus", notes)
    return found + site.kept(part.unread(), "tapaaminen", notes)


def _participants(part: Part, patient: str, row: Row) -> list[Element]:
    def actors() -> Iterator[Element]:
        yield fhir.reference("Patient", patient)
        yield fhir.reference("Practitioner", part.id("tyontekija"))
        yield fhir.reference("Location", part.id("yksikko"))
        yield fhir.reference("HealthcareService", part.service())

    return [{"actor": actor, "status": row["others" if n else "patient"]} for n, actor in enumerate(actors())]
