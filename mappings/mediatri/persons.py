"""``potilas`` -> the installation's own patient. Source: Mediatri's manual §6."""

from __future__ import annotations

from typing import Final

from canonical import codes, fhir
from canonical.fhir import Resource
from canonical.model import LocalPatient, Record
from canonical.notes import Note, NoteKind
from mappings.mediatri.markup import BadMessage, Element, Fields
from mappings.mediatri.site import Site, drop, filled, known

_READ: Final = (
    "potilasnumero", "henkilotunnus", "asiointikieli", "lahiosoite", "postinumero", "postitoimipaikka", "puhelin",
    "sahkoposti", "turvakielto",
)  # fmt: skip


def local_patient(element: Element) -> tuple[LocalPatient, list[Note]]:
    """The customer; raises `BadMessage` for one without number or HETU.

    Of somebody protected for their personal safety (``turvakielto`` other than ``E``) Mediatri still gives address,
    telephone and e-mail, for the clinic's own use. They are left here: what is not carried on cannot be shown.
    """
    fields, notes = Fields(element), list[Note]()
    number, hetu = fields.code("potilasnumero"), fields.text("henkilotunnus")
    if not hetu:
        raise BadMessage("potilas without henkilotunnus")
    contact: Resource = {}
    if _is_protected(fields, notes):
        notes.append(Note(NoteKind.DROPPED, "potilas/lahiosoite, puhelin, sahkoposti", "protected for personal safety"))
    else:
        contact = filled({"telecom": _telecom(fields), "address": [found] if (found := address(fields)) else []})
    if language := fields.word("asiointikieli"):
        spoken = fhir.concept(fhir.coding(codes.LANGUAGE, language))
        contact["communication"] = [{"language": spoken, "preferred": True}]
    drop(fields, known("potilas", *_READ), notes)
    return LocalPatient(number, hetu, contact), notes


def patient_record(patient: LocalPatient, site: Site, notes: list[Note]) -> Record:
    """The Patient of one installation, without what the population register is the master of."""
    number = fhir.identifier(site.system("patient"), patient.number, type_code="PI")
    resource = {"resourceType": "Patient", "identifier": [number], **patient.contact}
    return Record("Patient", patient.number, resource, patient=patient.number, notes=tuple(notes))


def address(fields: Fields) -> Resource:
    """The Address of ``lahiosoite``, ``postinumero`` and ``postitoimipaikka``; empty where there is none."""
    line = fields.text("lahiosoite")
    return filled(
        {
            "line": [line] if line else [],
            "city": fields.text("postitoimipaikka"),
            "postalCode": fields.text("postinumero"),
        }
    )


def _telecom(fields: Fields) -> list[Resource]:
    points = (("phone", fields.text("puhelin")), ("email", fields.text("sahkoposti")))
    return [{"system": system, "value": value} for system, value in points if value]


def _is_protected(fields: Fields, notes: list[Note]) -> bool:
    protection = fields.word("turvakielto")
    if protection not in ("K", "E"):
        notes.append(Note(NoteKind.DEFAULTED, "potilas/turvakielto", "neither K nor E; taken for protected"))
    return protection != "E"
