"""A person of the register becomes a valid Patient that shows no more than it may."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.patient import Patient

from canonical import codes
from mappings.population_register import decode

LILJA: dict[str, Any] = {
    "hetu": "290224B904N",
    "family": "von Karkaus",
    "given": "Lilja Åsa",
    "birth_date": "2024-02-29",
    "municipality": "018",
    "language": "fi",
    "non_disclosure": False,
    "guardians": ["010594Y9021"],
    "dependants": [],
    "address": {"street": "Testikatu 4", "postal_code": "06100", "city": "Porvoo"},
}


GOLDEN = Path(__file__).parents[2] / "golden" / "population_register"


@pytest.mark.parametrize("case", sorted(folder.name for folder in GOLDEN.iterdir()))
def test_golden(case: str) -> None:
    source, patient = (
        json.loads((GOLDEN / case / f"{name}.json").read_text("utf-8")) for name in ("source", "patient")
    )
    assert decode(source).patient == patient


def test_a_person_becomes_a_valid_patient() -> None:
    found = decode(LILJA)
    Patient.model_validate(found.patient)
    assert found.person.municipality == "018", "leading zeros are part of the code"
    assert found.patient["identifier"][0]["value"] == "290224B904N"
    assert found.patient["name"] == [{"use": "official", "family": "von Karkaus", "given": ["Lilja", "Åsa"]}]
    assert found.patient["birthDate"] == "2024-02-29"
    assert found.patient["extension"][0]["valueCoding"] == {"system": codes.MUNICIPALITY, "code": "018"}
    assert found.guardians == ("010594Y9021",)
    assert "gender" not in found.patient


def test_non_disclosure_hides_where_the_person_is_even_if_the_answer_tells() -> None:
    found = decode(LILJA | {"non_disclosure": True})
    Patient.model_validate(found.patient)
    text = json.dumps(found.patient)
    assert found.non_disclosure
    assert found.patient["meta"]["security"][0]["code"] == "TURVAKIELTO"
    for hidden in ("Testikatu", "06100", "Porvoo", "018", "address", "telecom"):
        assert hidden not in text
    assert found.person.municipality == "018", "routing still needs it"


@pytest.mark.parametrize("missing", ["hetu", "family", "birth_date", "municipality", "non_disclosure", "guardians"])
def test_an_answer_that_lacks_something_is_no_person(missing: str) -> None:
    with pytest.raises((KeyError, TypeError)):
        decode({name: value for name, value in LILJA.items() if name != missing})
