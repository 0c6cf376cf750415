"""``asiakas`` -> whose number it is, and how the installation reaches them (manual §6).

Names, birth date, municipality and the non-disclosure order have another master, the population register; the HETU is
the key a person was found by and travels beside the resource, never in it.
"""

from __future__ import annotations

from typing import Final

from canonical import codes, fhir
from canonical.fhir import Resource
from canonical.model import LocalPatient, Record
from canonical.notes import Note, NoteKind
from mappings.proconsona.document import Part
from mappings.proconsona.site import Site, address, dropped, filled

_ANOTHER_MASTERS: Final = ("sukunimi", "etunimet", "syntymaaika", "kotikunta")
_PROTECTED: Final = {"true": True, "1": True, "false": False, "0": False}


def patients(root: Part) -> list[tuple[LocalPatient, tuple[Note, ...]]]:
    """The customers of an ``asiakas`` or of ``asiakkaat``, each with what is to be said. Raises `BadMessage`."""
    return [_patient(one) for one in ([root] if root.name == "asiakas" else root.all("asiakas"))]


def record(patient: LocalPatient, notes: tuple[Note, ...], site: Site) -> Record:
    """The Patient of one installation, without what the population register is the master of."""
    number = fhir.identifier(site.system("patient"), patient.number, type_code="PI")
    resource = {"resourceType": "Patient", "identifier": [number], **patient.contact}
    return Record("Patient", patient.number, resource, patient=patient.number, notes=notes)


def _patient(part: Part) -> tuple[LocalPatient, tuple[Note, ...]]:
    """Of somebody protected for their personal safety ProConsona still gives address, telephone and e-mail, which must
    not leave its client (manual §6.1). They are left here: what is not carried on cannot be shown to anybody."""
    notes = [
        Note(NoteKind.DROPPED, f"asiakas/{name}", "the population register is its master")
        for name in _ANOTHER_MASTERS
        if part.text(name)
    ]
    if any(part.all("palvelutehtava")):
        notes.append(Note(NoteKind.DROPPED, "asiakas/palvelutehtava", "every meeting says its own"))
    language = part.token("kieli")
    spoken = {"language": fhir.concept(fhir.coding(codes.LANGUAGE, language)), "preferred": True}
    contact: Resource = {} if _is_protected(part, notes) else _reached(part, notes)
    contact |= {"communication": [spoken]} if language else {}
    dropped(part, notes)
    # A HETU counts as written: white space around it would be another's key.
    return LocalPatient(part.id("tunnus"), part.text("henkilotunnus"), contact), tuple(notes)


def _is_protected(part: Part, notes: list[Note]) -> bool:
    protected = _PROTECTED.get(part.token("turvakielto"))
    if protected is None:
        notes.append(Note(NoteKind.DEFAULTED, "asiakas/turvakielto", "neither true nor false; taken for protected"))
    if protected is not False:
        notes.append(Note(NoteKind.DROPPED, "asiakas/osoite, puhelin, sahkoposti", "protected for personal safety"))
    return protected is not False


def _reached(part: Part, notes: list[Note]) -> Resource:
    where = address(part.one("osoite"), notes)
    points = [("phone", part.token("puhelin")), ("email", part.token("sahkoposti"))]
    telecom = [{"system": system, "value": value} for system, value in points if value]
    return filled({"telecom": telecom, "address": [where] if where else []})
