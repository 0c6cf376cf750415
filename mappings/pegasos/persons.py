"""Persons: PID and ZSU of an ADR^A19 <-> the installation's own patient, and PID-3 wherever else a person is named."""

from __future__ import annotations

import re
from dataclasses import dataclass

from canonical import codes, fhir
from canonical.fhir import Element, Resource
from canonical.hl7 import BadMessage, Component, Message, Segment, Value
from canonical.model import LocalPatient, Record
from canonical.notes import Note, NoteKind
from mappings.pegasos import tables
from mappings.pegasos.site import Site, plain

HETU_OID = "1.2.246.21"
HETU_AUTHORITY = ("VRK", HETU_OID, "ISO")
_USES = {"H": "home", "B": "work"}
_ISO_639 = re.compile(r"[a-z]{2,3}", re.IGNORECASE)
_PHONE_USES = {"WPN": "work", "CP": "mobile"}


@dataclass(frozen=True, slots=True)
class Ids:
    """Who a PID is about: ``""`` for what it does not say."""

    hetu: str
    number: str

    def is_about(self, patient: LocalPatient) -> bool:
        """Whether all that both say, and at least one thing, is the same."""
        both = [(self.hetu, patient.hetu), (self.number, patient.number)]
        said = [mine == theirs for mine, theirs in both if mine and theirs]
        return bool(said) and all(said)


def ids(pid: Segment) -> Ids:
    """The HETU and the patient number of PID-3 (CX: type in .5, authority in .4)."""
    hetu = number = ""
    for one in pid.each(3):
        if is_hetu(one):
            hetu = hetu or one.text(1)
        elif one.text(5) == "PI":
            number = number or one.text(1)
    return Ids(hetu, number)


def is_hetu(value: Value) -> bool:
    """Whether a CX says that it is a HETU. What only looks like one is none."""
    return value.text(5) == "NNFIN" or value.text(4, 2) == HETU_OID


def identifiers(site: Site, hetu: str, number: str = "") -> list[str | tuple[Component, ...]]:
    """PID-3 of a request: the HETU, and the patient number where it is known."""
    found: list[str | tuple[Component, ...]] = [(hetu, "", "", HETU_AUTHORITY, "NNFIN")]
    return [*found, (number, "", "", site.receiving_facility, "PI")] if number else found


def local_patient(message: Message) -> tuple[LocalPatient, list[Note]]:
    """The customer of an ADR^A19; raises `BadMessage` for one that names nobody.

    Of somebody protected for their personal safety (ZSU-2 other than ``N``) Pegasos still gives address and telephone,
    for the clinic's own use. They are left here: what is not carried on cannot be shown to anybody.
    """
    pid = message.first("PID")
    who = ids(pid) if pid else Ids("", "")
    if pid is None or not who.hetu or not who.number:
        raise BadMessage("no PID with a HETU and a patient number")
    notes: list[Note] = []
    return LocalPatient(who.number, who.hetu, contact(pid, message, notes)), notes


def contact(pid: Segment, message: Message, notes: list[Note]) -> Resource:
    """Telecom, address and language of a PID, as a fragment of a Patient."""
    found: Resource = {}
    if _is_protected(message, notes):
        notes.append(Note(NoteKind.DROPPED, "PID-11, PID-13", "protected for personal safety"))
    else:
        if telecom := [point for value in pid.each(13) for point in contact_points(value, "PID-13", notes)]:
            found["telecom"] = telecom
        if addresses := [address(value, "PID-11", notes) for value in pid.each(11)]:
            found["address"] = addresses
    if language := pid[15].text():
        found["communication"] = [{"language": _language(language, notes), "preferred": True}]
    return found


def _language(code: str, notes: list[Note]) -> Element:
    """A language of ISO 639 as BCP 47 writes it: in lower case, by two letters where ISO 639-1 has them. What is no
    code of it is a text."""
    if _ISO_639.fullmatch(code):
        row = tables.row("language", code.lower())
        return fhir.concept(fhir.coding(codes.LANGUAGE, row["bcp47"] if row else code.lower()))
    notes.append(Note(NoteKind.UNKNOWN_CODE, "PID-15", "no code of ISO 639; it is kept as a text"))
    return fhir.concept(text=plain(code, "PID-15", notes))


def _is_protected(message: Message, notes: list[Note]) -> bool:
    zsu = message.first("ZSU")
    protection = zsu[2].text() if zsu else ""
    if protection not in ("Y", "N"):
        notes.append(Note(NoteKind.DEFAULTED, "ZSU-2", "neither Y nor N; taken for protected"))
    return protection != "N"


def patient_record(patient: LocalPatient, site: Site, notes: list[Note]) -> Record:
    """The Patient of one installation, without what the population register is the master of."""
    number = fhir.identifier(site.system("patient"), patient.number, type_code="PI")
    resource = {"resourceType": "Patient", "identifier": [number], **patient.contact}
    return Record("Patient", patient.number, resource, patient=patient.number, notes=tuple(notes))


def address(value: Value, path: str, notes: list[Note]) -> Element:
    """The Address of an XAD: street (of its parts, if it has any) and other designation, city, state, postal code,
    country, use."""
    named = (("city", 3), ("state", 4), ("postalCode", 5), ("country", 6))
    parts = {name: plain(value.text(n), path, notes) for name, n in named}
    street = " ".join(part for sub in (1, 2, 3) if (part := value.text(1, sub)))
    lines = [plain(line, path, notes) for line in (street, value.text(2)) if line]
    use = _USES.get(value.text(7))
    return (
        ({"use": use} if use else {}) | ({"line": lines} if lines else {}) | {name: v for name, v in parts.items() if v}
    )


def contact_points(value: Value, path: str, notes: list[Note]) -> list[Element]:
    """The ContactPoints of an XTN: its telephone number (.9 as it is written, else .1), which can be another device's
    (.3), and e-mail address (.4)."""
    points: list[Element] = []
    use = _PHONE_USES.get(value.text(2)) or _PHONE_USES.get(value.text(3))
    if number := value.text(9) or value.text(1):
        device = tables.row("telecom-device", value.text(3))
        phone = {"system": device["fhir"] if device else "phone", "value": plain(number, path, notes)}
        points.append(phone | ({"use": use} if use else {}))
    if value.text(4):
        points.append({"system": "email", "value": plain(value.text(4), path, notes)})
    return points
