"""The population register's JSON to a canonical person and the Patient that may be shown.

Source: the register's manual (sandbox/population_register/INTERFACE.md, an assumption) and the Finnish base profiles
(fi-base-patient: official HETU identifier of type NNFIN, municipality-code extension, TURVAKIELTO security label).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from canonical import codes
from canonical.fhir import Resource, coding, concept
from canonical.model import Person, RegisteredPerson


def decode(found: dict[str, Any]) -> RegisteredPerson:
    """Raises KeyError, TypeError or ValueError for an answer that is not as the manual says.

    Gender is not in the register's answer and is not derived from the HETU. With non-disclosure (turvakielto) neither
    address nor municipality enters the Patient, whatever the answer holds.
    """
    hidden = found["non_disclosure"]
    if not isinstance(hidden, bool):
        raise TypeError("non_disclosure is not a boolean")
    person = Person(
        hetu=found["hetu"],
        family=found["family"],
        given=tuple(found["given"].split()),
        birth_date=date.fromisoformat(found["birth_date"]),
        language=found["language"],
        municipality=found["municipality"],
    )
    return RegisteredPerson(person, hidden, tuple(found["guardians"]), _patient(person, hidden, found.get("address")))


def _patient(person: Person, hidden: bool, address: dict[str, str] | None) -> Resource:
    patient: Resource = {"resourceType": "Patient"}
    if hidden:
        label = coding(codes.SECURITY_LABELS, codes.TURVAKIELTO)
        patient["meta"] = {"security": [label]}
    else:
        where = coding(codes.MUNICIPALITY, person.municipality)
        patient["extension"] = [{"url": codes.MUNICIPALITY_EXTENSION, "valueCoding": where}]
    kind = concept(coding(codes.V2_0203, "NNFIN"))
    patient["identifier"] = [{"use": "official", "type": kind, "system": codes.HETU, "value": person.hetu}]
    patient["active"] = True
    name = {"use": "official", "family": person.family}
    patient["name"] = [name | ({"given": list(person.given)} if person.given else {})]
    patient["birthDate"] = person.birth_date.isoformat()
    if address and not hidden:
        lines = {"line": [address["street"]], "city": address["city"], "postalCode": address["postal_code"]}
        patient["address"] = [{"use": "home"} | lines | {"country": "FI"}]
    language = concept(coding(codes.LANGUAGE, person.language))
    patient["communication"] = [{"language": language, "preferred": True}]
    return patient
