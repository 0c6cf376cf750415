"""Persons on this wire: how a request names one, and the PID and ZSU segments of answers (manual 2.5, 7, 10.2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sandbox.engine.model import Patient
from sandbox.engine.system import RecordSystem
from sandbox.pegasos.er7 import Segment, components, escape, segment
from sandbox.pegasos.localtime import stamp
from sandbox.pegasos.refusals import Place, Refusal, missing

HETU_OID: Final = "1.2.246.21"
HETU_AUTHORITY: Final = f"VRK&{HETU_OID}&ISO"
MUNICIPALITY_OID: Final = "1.2.246.537.6.21"


@dataclass(frozen=True, slots=True)
class PersonIds:
    """The identifiers given for a person, "" where there is none, and the field they stood in."""

    hetu: str
    number: str
    place: Place


def read_pid(pid: Segment) -> PersonIds:
    """Return the identifiers in PID-3 (CX). Raises Refusal if neither of the two kinds is there."""
    return _read(pid, 3, authority=3, type_code=4)


def read_who(qrd: Segment) -> PersonIds:
    """Return the identifiers in QRD-8 (XCN). Raises Refusal if neither of the two kinds is there."""
    return _read(qrd, 8, authority=8, type_code=12)


def find_patient(system: RecordSystem, ids: PersonIds) -> Patient:
    """Return the customer that the identifiers name. Raises Refusal: none, or two different ones."""
    found = [system.patient_by_hetu(ids.hetu)] if ids.hetu else []
    found += [system.patient(ids.number)] if ids.number else []
    if found[0] is None or found[-1] is None:
        raise Refusal("P01", ids.place)
    if found[0].number != found[-1].number:
        raise Refusal("P03", ids.place)
    return found[0]


def pid_segment(patient: Patient, facility: str) -> str:
    """Return the PID of an appointment: identifiers, name, birth date."""
    return segment("PID", _identity(patient, facility))


def full_pid_segment(patient: Patient, facility: str) -> str:
    """Return the PID of a look-up: also address, telephone, e-mail and language."""
    address = components(patient.street, "", patient.city, "", patient.postal_code, "FIN", "H")
    phone = telephone(patient.phone, "PRN", "CP")
    email = components("", "NET", "Internet", patient.email) if patient.email else ""
    contacts = "~".join(contact for contact in (phone, email) if contact)
    language = components(patient.language, "", "ISO639")
    return segment("PID", [*_identity(patient, facility), (11, address), (13, contacts), (15, language)])


def protection_segment(patient: Patient) -> str:
    """Return the ZSU: home municipality, non-disclosure, customer since."""
    municipality = components(patient.municipality, "", MUNICIPALITY_OID)
    non_disclosure = "Y" if patient.non_disclosure else "N"
    return segment("ZSU", [(1, municipality), (2, non_disclosure), (3, stamp(patient.registered))])


def telephone(number: str, use: str, equipment: str) -> str:
    """Return a telephone number as XTN, as it is written, in component 9: 1 takes North American ones only."""
    return components("", use, equipment, "", "", "", "", "", number) if number else ""


def _identity(patient: Patient, facility: str) -> Iterable[tuple[int, str]]:
    hetu = f"{escape(patient.hetu)}^^^{HETU_AUTHORITY}^NNFIN"
    number = components(patient.number, "", "", facility, "PI")
    name = components(patient.family, patient.given, "", "", "", "", "L")
    return [(1, "1"), (3, f"{hetu}~{number}"), (5, name), (7, f"{patient.birth_date:%Y%m%d}")]


def _read(segment: Segment, field: int, *, authority: int, type_code: int) -> PersonIds:
    hetu = number = ""
    for repetition in segment.repetitions(field):
        parts = [*repetition, *[("",)] * (type_code + 1 - len(repetition))]
        value, kind, issuer = parts[0][0], parts[type_code][0], parts[authority]
        if kind == "NNFIN" or HETU_OID in issuer[1:2]:
            hetu = hetu or value
        elif kind == "PI":
            number = number or value
    if not hetu and not number:
        raise missing(segment.name, field, segment.sequence)
    return PersonIds(hetu, number, segment.place(field))
