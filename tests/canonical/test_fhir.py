"""The few builders and readers of FHIR elements that all mappings share."""

from __future__ import annotations

import pytest

from canonical import codes, fhir

APPOINTMENT: fhir.Resource = {
    "resourceType": "Appointment",
    "extension": [{"url": "urn:a", "valueString": "1"}, {"url": "urn:a", "valueString": "2"}],
    "identifier": [
        {"system": "urn:x", "value": "7"},
        {"system": "urn:y"},
        {"value": "8"},
        {"system": "urn:x", "value": "9"},
    ],
    "slot": [{"reference": "Slot/3"}],
    "participant": [
        {"actor": {"reference": "Patient/1"}, "status": "accepted"},
        {"actor": {"reference": "Practitioner/2", "display": "P"}, "status": "accepted"},
        {"actor": {"display": "nobody"}, "status": "accepted"},
        {"type": [{"coding": [{"code": "ATND"}]}], "status": "accepted"},
        {"actor": {"reference": "PatientX/1"}, "status": "accepted"},
    ],
}


def test_nothing_empty_is_built() -> None:
    assert fhir.coding("s", "c") == {"system": "s", "code": "c"}
    assert fhir.coding("s", "c", "d") == {"system": "s", "code": "c", "display": "d"}
    assert fhir.concept() == {}
    assert fhir.concept(text="t") == {"text": "t"}
    assert fhir.concept(fhir.coding("s", "c")) == {"coding": [{"system": "s", "code": "c"}]}
    assert fhir.reference("Slot", "1") == {"reference": "Slot/1"}
    assert fhir.reference("Slot", "1", "d") == {"reference": "Slot/1", "display": "d"}


def test_identifier_has_its_type_where_one_is_given() -> None:
    assert fhir.identifier("s", "v") == {"system": "s", "value": "v"}
    typed = fhir.identifier(codes.PLACER, "v", type_code="PLAC")
    assert typed["type"]["coding"] == [{"system": codes.V2_0203, "code": "PLAC"}]
    assert fhir.identifier_value({"identifier": [typed]}, codes.PLACER) == "v"


@pytest.mark.parametrize(("system", "value"), [("urn:x", "7"), ("urn:y", None), ("urn:z", None), ("", None)])
def test_identifier_value_is_the_first_of_its_system(system: str, value: str | None) -> None:
    assert fhir.identifier_value(APPOINTMENT, system) == value


def test_identifier_value_of_none_is_none() -> None:
    assert fhir.identifier_value({}, "urn:x") is None


def test_codes_are_read_with_their_systems() -> None:
    concepts: list[fhir.Element] = [
        {"coding": [{"system": "s", "code": "018"}, {"code": "NO"}, {"display": "only"}]},
        {"text": "t"},
    ]
    assert list(fhir.codes(concepts)) == [("s", "018"), ("", "NO")]


def test_the_first_extension_of_a_url_is_found() -> None:
    assert fhir.extension(APPOINTMENT, "urn:a") == {"url": "urn:a", "valueString": "1"}
    assert fhir.extension(APPOINTMENT, "urn:b") is None
    assert fhir.extension({}, "urn:a") is None


def test_actors_are_of_exactly_their_kind() -> None:
    assert [p["actor"]["reference"] for p in fhir.actors(APPOINTMENT, "Patient")] == ["Patient/1"]
    assert [p["actor"]["reference"] for p in fhir.actors(APPOINTMENT, "Practitioner")] == ["Practitioner/2"]
    assert not list(fhir.actors({}, "Patient"))


def test_references_are_found_at_any_depth() -> None:
    found = [reference["reference"] for reference in fhir.references(APPOINTMENT)]
    assert found == ["Slot/3", "Patient/1", "Practitioner/2", "PatientX/1"]
    assert not list(fhir.references({"reference": 1, "text": "Patient/1"}))


def test_names_of_an_installation_are_its_own() -> None:
    assert codes.local("a", "service") != codes.local("b", "service")
    assert codes.local("a", "service") != codes.local("a", "schedule")
    assert codes.source("hub").rpartition("/")[2] == "hub"
