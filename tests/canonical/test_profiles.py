"""A resource claims a Finnish profile when it is true of it, and never otherwise."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from canonical import codes, fhir, profiles

GOLDEN = Path(__file__).parents[1] / "golden"
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "meta": {"security": [{"system": codes.SECURITY_LABELS, "code": codes.TURVAKIELTO}]},
    "extension": [
        {"url": codes.MUNICIPALITY_EXTENSION, "valueCoding": {"system": codes.MUNICIPALITY, "code": "018"}},
    ],
    "identifier": [
        {
            "use": "official",
            "type": {"coding": [{"system": codes.V2_0203, "code": "NNFIN"}]},
            "system": codes.HETU,
            "value": "010594Y9021",
        },
        {"system": "urn:x", "value": "7"},
    ],
    "name": [{"family": "Testinen"}],
}
RESTRICTION = {"system": codes.RESTRICTION_PARENT_CODES, "code": "2", "display": "Päätöskykyinen alaikäinen"}
APPOINTMENT: dict[str, Any] = {
    "resourceType": "Appointment",
    "extension": [
        {"url": codes.RESTRICTION_PARENT, "valueCoding": RESTRICTION},
        {"url": codes.RELEASE_DATE, "valueDate": "2027-03-01"},
        {"url": "https://vendor.example/whatever", "valueString": "x"},
    ],
}


def golden() -> list[Any]:
    """Every Patient of the register and every Appointment that the golden files of the mappings hold."""
    found = []
    for path in sorted(GOLDEN.glob("*/*/*.json")):
        document = json.loads(path.read_bytes())
        if path.name == "patient.json":
            found.append((path, document.get("patient", document)))
        elif path.name in ("canonical.json", "expected.json"):
            items = document.get("items") or document.get("records") or [document]
            found += [(path, item["resource"]) for item in items if item.get("kind") == "Appointment"]
    return [
        pytest.param(one, id=f"{path.parent.parent.name}-{path.parent.name}-{n}") for n, (path, one) in enumerate(found)
    ]


@pytest.mark.parametrize("resource", golden())
def test_what_the_mappings_make_satisfies_what_it_claims(resource: dict[str, Any]) -> None:
    """But for restrictions that are not of the classification: these are kept, and hide; the profile is not claimed."""
    restriction = fhir.extension(resource, codes.RESTRICTION_PARENT) or {}
    is_known = restriction.get("valueCoding", {}).get("code", "1") in "1234"
    assert profiles.claimed(resource) == [profiles.CLAIMS[resource["resourceType"]]] * is_known


def test_there_is_something_to_satisfy() -> None:
    assert len(golden()) >= 40


@pytest.mark.parametrize("resource", [PATIENT, APPOINTMENT], ids=["Patient", "Appointment"])
def test_whole_resource_claims(resource: dict[str, Any]) -> None:
    assert profiles.claimed(resource) == [profiles.CLAIMS[resource["resourceType"]]]
    assert profiles.claimed({**resource, "resourceType": "Location"}) == []


def set_in(resource: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(resource)
    element: Any = changed
    for step in path[:-1]:
        element = element[step]
    element[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("identifier",), []),
        (("identifier", 1), {"system": "urn:x"}),
        (("identifier", 1, "use"), "official"),
        (("identifier", 0, "system"), "urn:oid:1.2.246.21.9"),
        (("identifier", 0, "type", "coding", 0, "code"), "SS"),
        (("name",), []),
        (("name",), [{"use": "official"}]),
        (("meta", "security"), PATIENT["meta"]["security"] * 2),
        (("extension",), PATIENT["extension"] * 2),
        (("extension", 0, "valueCoding", "system"), "urn:oid:1.2.246.537.6.21.2003"),
        (("extension", 0, "url"), codes.RELEASE_DATE),
    ],
)
def test_patient_that_breaks_the_profile_does_not_claim_it(path: tuple[Any, ...], value: Any) -> None:
    changed = set_in(PATIENT, path, value)
    assert profiles.claimed(changed) == []
    assert profiles.breaches(changed, profiles.PATIENT)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("extension", 0, "valueCoding", "code"), "9"),
        (("extension", 0, "valueCoding", "version"), "201901"),
        (("extension", 0, "valueCoding", "system"), "urn:oid:1.2.246.537.5.40202"),
        (("extension", 0, "valueCoding"), {"system": codes.RESTRICTION_PARENT_CODES, "code": "2"}),
        (("extension", 0, "id"), "a"),
        (("extension", 1), {"url": codes.RELEASE_DATE, "valueDateTime": "2027-03-01"}),
        (("extension", 1), APPOINTMENT["extension"][0]),
        (("extension", 1, "url"), codes.MUNICIPALITY_EXTENSION),
    ],
)
def test_appointment_that_breaks_an_extension_does_not_claim(path: tuple[Any, ...], value: Any) -> None:
    assert profiles.claimed(set_in(APPOINTMENT, path, value)) == []
