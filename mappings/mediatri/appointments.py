"""``ajanvaraus`` and ``vapaaAika`` -> Appointments and free times. Source: Mediatri's manual §3, §7, §11 and §14."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from canonical import codes, fhir, times
from canonical.fhir import Element as FhirElement
from canonical.fhir import Resource
from canonical.model import FreeTime, LocalPatient, Record, TimeKey
from canonical.notes import Note, NoteKind
from mappings.mediatri import moments, tables
from mappings.mediatri.markup import BadMessage, Element, Fields
from mappings.mediatri.site import Site, drop, filled

_BOOKING: Final = (
    "varausnumero", "asiakasViite", "perumisViite", "tila", "potilasnumero", "yksikko", "palvelu", "ammattihenkilo",
    "alku", "kesto", "lisatiedot", "varaaja", "peruutussyy", "selite", "nayttorajoitus", "julkaisupaiva", "luotu",
)  # fmt: skip
_TIME: Final = ("kalenteri", "yksikko", "palvelu", "ammattihenkilo", "alku", "kesto", "paikkoja")

_CANCELLATION: Final = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
_NO_ROW: Final = {"fhir": "", "patient": "accepted", "others": "accepted", "lost": ""}
_UNIT: Final = "YKSIKKO"
"""`varaaja`: the unit made the booking, and its text is the unit's."""


@dataclass(frozen=True, slots=True)
class Found:
    """An Appointment, the HETU of whose it is, and the reference of the client's that it was made with."""

    record: Record
    hetu: str
    reference: str

    def is_about(self, patient: LocalPatient) -> bool:
        """Whether number and HETU are the patient's, as far as either side says them."""
        known = [(self.hetu, patient.hetu), (self.record.patient, patient.number)]
        said = [mine == theirs for mine, theirs in known if mine and theirs]
        return bool(said) and all(said)


def appointment(element: Element, site: Site) -> Found:
    """The Appointment of an ``ajanvaraus``; raises `BadMessage` where its number, patient or time is missing.

    Its placer id (``codes.PLACER``) is the ``asiakasViite`` it was booked with.
    """
    fields, notes = Fields(element), list[Note]()
    number, patient = fields.code("varausnumero"), fields.code("potilasnumero")
    status, part = _status(fields.word("tila"), site, notes)
    service, categories = site.service(fields.code("palvelu"), "ajanvaraus/palvelu", notes)
    resource = filled(
        {
            "resourceType": "Appointment",
            "extension": _extensions(fields, status, site, notes),
            "identifier": _identifiers(fields, number, site),
            **status,
            **_cancelation(fields, status, site, notes),
            "serviceCategory": categories,
            "serviceType": [service],
            **_period(fields, notes),
            "created": times.iso(moments.read(fields.fields("luotu"), notes)),
            **_text(fields, notes),
            "participant": _participants(fields, patient, part),
        }
    )
    record = Record("Appointment", number, resource, None, patient, tuple(notes))
    return Found(record, fields.text("henkilotunnus"), fields.word("asiakasViite"))


def free_time(element: Element, site: Site, notes: list[Note]) -> FreeTime | None:
    """The free time of a ``vapaaAika``. None, with a note, for one in the hour that summer time skips."""
    fields = Fields(element)
    begins, minutes = fields.fields("alku"), fields.number("kesto")
    schedule, service = fields.code("kalenteri"), fields.code("palvelu")
    if not minutes:
        raise BadMessage("a free time of no length")
    if moments.is_skipped(begins):
        notes.append(Note(NoteKind.DROPPED, "vapaaAika", f"calendar {schedule}: summer time skips its start"))
        return None
    start = moments.read(begins, notes)
    end = start + timedelta(minutes=minutes)
    drop(fields, tables.known("vapaaAika", *_TIME), notes)
    slot: Resource = {
        "resourceType": "Slot",
        "serviceType": [site.service(service, "vapaaAika/palvelu", notes)[0]],
        "schedule": fhir.reference("Schedule", schedule),
        "status": "free",
        "start": times.iso(start),
        "end": times.iso(end),
    }
    if places := site.places(service, fields.number("paikkoja")):
        slot = {"resourceType": "Slot", "extension": places, **slot}
    return FreeTime(TimeKey(schedule, start, end), service, schedule, slot)


def _status(code: str, site: Site, notes: list[Note]) -> tuple[Resource, Mapping[str, str]]:
    """Appointment.status of ``tila``. What has no counterpart keeps its own code; none is made up."""
    row = tables.row("state", code) or _NO_ROW
    if row["fhir"]:
        if row["lost"]:
            notes.append(Note(NoteKind.DROPPED, "ajanvaraus/tila", row["lost"]))
        return {"status": row["fhir"]}, row
    notes.append(
        Note(NoteKind.UNKNOWN_CODE, "ajanvaraus/tila", f"{code or 'no code'} has no FHIR status; none is given")
    )
    absent: list[FhirElement] = [{"url": codes.DATA_ABSENT, "valueCode": "unsupported" if code else "unknown"}]
    kept = [{"url": site.system("state"), "valueString": code}] if code else []
    return {"_status": {"extension": absent + kept}}, row


def _period(fields: Fields, notes: list[Note]) -> Resource:
    """Start, end and minutes; the end is the start and the minutes, which no change of the clock disturbs."""
    start, minutes = moments.read(fields.fields("alku"), notes), fields.number("kesto")
    if not minutes:
        raise BadMessage("a booking of no length")
    end = start + timedelta(minutes=minutes)
    return {"start": times.iso(start), "end": times.iso(end), "minutesDuration": minutes}


def _identifiers(fields: Fields, number: str, site: Site) -> list[FhirElement]:
    found = [fhir.identifier(site.system("appointment"), number, type_code="FILL")]
    if reference := fields.word("asiakasViite"):
        found.append(fhir.identifier(codes.PLACER, reference, type_code="PLAC"))
    return found


def _extensions(fields: Fields, status: Resource, site: Site, notes: list[Note]) -> list[FhirElement]:
    """RestrictionParent, the release date, whose cancellation it was, the unit's words, and what nobody knows."""
    found: list[FhirElement] = []
    if code := fields.word("nayttorajoitus"):
        row = tables.row("restriction-parent", code)
        if row is None:
            notes.append(
                Note(NoteKind.UNKNOWN_CODE, "ajanvaraus/nayttorajoitus", f"{code} is not of the classification")
            )
        coding = fhir.coding(codes.RESTRICTION_PARENT_CODES, code, row["display"] if row else None)
        found.append({"url": codes.RESTRICTION_PARENT, "valueCoding": coding})
    if day := fields.word("julkaisupaiva"):
        released = moments.read_date(day, "ajanvaraus/julkaisupaiva")
        found.append({"url": codes.RELEASE_DATE, "valueDate": released.isoformat()})
    if reference := fields.word("perumisViite"):
        found.append({"url": site.system("cancelled-by"), "valueString": reference})
    if status.get("status") != "cancelled" and (words := fields.text("selite")):
        notes.append(Note(NoteKind.KEPT, "ajanvaraus/selite", "the unit's words for its last change"))
        found.append({"url": site.system("change-note"), "valueString": words})
    return found + site.kept(fields, tables.known("ajanvaraus", *_BOOKING), notes)


def _cancelation(fields: Fields, status: Resource, site: Site, notes: list[Note]) -> Resource:
    """Why it was cancelled: the local code with HL7's beside it, and the words of whoever did it."""
    code, words = fields.word("peruutussyy"), fields.text("selite")
    if status.get("status") != "cancelled":
        if code:
            notes.append(Note(NoteKind.DROPPED, "ajanvaraus/peruutussyy", f"{code}, but it is not cancelled"))
        return {}
    row = tables.row("cancelation", code)
    codings = [fhir.coding(site.system("cancelation-reason"), code, row["display"] if row else None)] if code else []
    if row is not None:
        codings.append(fhir.coding(_CANCELLATION, row["hl7"]))
    elif code:
        notes.append(Note(NoteKind.UNKNOWN_CODE, "ajanvaraus/peruutussyy", f"{code} is not in the table; it is kept"))
    return {"cancelationReason": fhir.concept(*codings, text=words or None)}


def _text(fields: Fields, notes: list[Note]) -> Resource:
    """``lisatiedot`` is the patient's comment or, where the unit made the booking, the unit's description."""
    text, who = fields.text("lisatiedot"), fields.word("varaaja")
    if text and who not in ("VERKKO", _UNIT):
        notes.append(
            Note(NoteKind.UNKNOWN_CODE, "ajanvaraus/varaaja", "not known whose text it is; taken for the unit's")
        )
    return {"comment" if who == "VERKKO" else "description": text} if text else {}


def _participants(fields: Fields, patient: str, status: Mapping[str, str]) -> list[FhirElement]:
    actors = [
        fhir.reference("Patient", patient),
        fhir.reference("Practitioner", fields.code("ammattihenkilo")),
        fhir.reference("Location", fields.code("yksikko")),
        fhir.reference("HealthcareService", fields.code("palvelu")),
    ]
    return [{"actor": actor, "status": status["others"] if n else status["patient"]} for n, actor in enumerate(actors)]
