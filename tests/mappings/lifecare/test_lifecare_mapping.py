"""What holds of the mapping beyond single messages: valid R4, no personal identity code, nonsense refused."""

from __future__ import annotations

import copy
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given, settings
from hypothesis import strategies as st

from canonical import codes, fhir, strict_json, validate
from canonical.messages import UNREADABLE, BadMessage
from mappings.lifecare import directory, patients, slots
from mappings.lifecare.appointments import appointment, placer_id
from mappings.lifecare.clocks import FalseZ
from mappings.lifecare.vocabulary import elements, rows, vocabulary

GOLDEN = Path(__file__).parents[2] / "golden" / "lifecare"
WORDS = vocabulary("lifecare-porvoo", "urn:oid:2.999.638", ("health", "oral"))
V2015 = vocabulary("lifecare-askola", "urn:oid:2.999.18", ("health", "oral"), FalseZ())
SOURCES = {folder.parent.name: folder for folder in GOLDEN.glob("*/source.json")}


def source(case: str) -> dict[str, Any]:
    value: dict[str, Any] = strict_json.loads(SOURCES[case].read_bytes())
    return value


def mapped(resource: dict[str, Any]) -> dict[str, Any]:
    kind = resource["resourceType"]
    words = V2015 if str(resource.get("start", "")).endswith("Z") else WORDS
    if kind == "Appointment":
        return appointment(resource, words).resource
    if kind == "Slot":
        return slots.slot(resource, words)[0].slot
    if kind == "Patient":
        return patients.record(resource, WORDS).resource
    return directory.record(resource, kind, WORDS).resource


@pytest.mark.parametrize("case", sorted(SOURCES))
def test_what_is_read_is_valid_r4_once_the_hub_has_swapped_references(case: str) -> None:
    resource = json.loads(strict_json.dumps(mapped(source(case)) | {"id": "hub-1"}))
    for reference in fhir.references(resource):
        reference["reference"] = "Location/hub-2"
    model = importlib.import_module(f"fhir.resources.R4B.{resource['resourceType'].lower()}")
    getattr(model, resource["resourceType"]).model_validate(resource)


@pytest.mark.parametrize("case", sorted(SOURCES))
def test_what_is_read_is_valid_r4_by_the_hubs_own_dictionary(case: str) -> None:
    assert validate.validate(mapped(source(case))) == []


@pytest.mark.parametrize("case", sorted(SOURCES))
def test_no_personal_identity_code_stays_as_an_identifier(case: str) -> None:
    assert codes.HETU not in _systems(strict_json.dumps(mapped(source(case))).decode())


@pytest.mark.parametrize("case", sorted(SOURCES))
def test_nothing_of_the_vendors_systems_stays_but_what_the_notes_name(case: str) -> None:
    text = strict_json.dumps(mapped(source(case))).decode()
    assert [s for s in _systems(text) if s.startswith(WORDS.root)] in ([], ["urn:oid:2.999.638.6.77"])


def _systems(text: str) -> Iterator[str]:
    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.extend(value for name, value in pairs if name == "system")
        return dict(pairs)

    found: list[str] = []
    json.loads(text, object_pairs_hook=collect)
    yield from found


@pytest.mark.parametrize("kind", sorted(elements()))
def test_the_table_of_elements_is_that_of_r4(kind: str) -> None:
    model = getattr(importlib.import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
    everywhere = {"id", "implicitRules", "language", "meta", "contained", "extension", "modifierExtension", "text"}
    names = {f.alias or name for name, f in model.model_fields.items()}
    known = {n for n in names if not n.startswith("_")} - everywhere - {"resourceType", "fhir_comments"}
    expected = {"telecom", "address", "communication"} if kind == "Patient" else known
    assert sorted(elements()[kind]) == sorted(expected)


def test_the_tables_name_no_code_twice() -> None:
    services = [(row["root"], row["code"]) for row in rows("services")]
    assert len(services) == len(set(services))
    assert {row["sector"] for row in rows("services")} <= {"health", "oral", "social", ""}
    assert len(WORDS.systems) == len(set(WORDS.systems.values()))


def test_the_national_code_of_the_message_is_never_overruled() -> None:
    resource = source("service")
    resource["type"][0]["coding"][1]["code"] = "EDC"
    assert list(fhir.codes(mapped(resource)["type"]))[1:] == [(codes.SERVICE, "EDC")]


def test_an_only_sector_is_that_of_services_not_in_the_table() -> None:
    oral = vocabulary("lifecare-hammas", "urn:oid:2.999.638", ("oral",))
    record = directory.record(source("service-not-in-the-table"), "HealthcareService", oral)
    assert (codes.SECTOR, "oral") in fhir.codes(record.resource["category"])
    known = directory.record(source("service"), "HealthcareService", oral)
    assert (codes.SECTOR, "health") in fhir.codes(known.resource["category"])


def test_another_installations_codes_are_not_read_by_this_ones_table() -> None:
    other = vocabulary("lifecare-askola", "urn:oid:2.999.18", ("health", "oral"))
    resource = source("service-without-its-national-code")
    resource["type"][0]["coding"][0]["system"] = "urn:oid:2.999.18.6.10"
    record = directory.record(resource, "HealthcareService", other)
    assert list(fhir.codes(record.resource["type"])) == [(codes.local("lifecare-askola", "service"), "YLE")]
    assert "YLE has no national code" in [note.text for note in record.notes]


def test_the_hubs_mark_is_found_beside_other_clients() -> None:
    assert placer_id(mapped(source("appointment-pending-autumn-night"))) == "0d6b6f4e-3f0f-4a55-9d0c-2f6c3c0f1a77"
    assert placer_id(mapped(source("appointment-booked"))) is None


BAD: list[tuple[str, str, dict[str, Any]]] = [
    ("another kind", "appointment-booked", {"resourceType": "Slot"}),
    ("no id", "appointment-booked", {"id": None}),
    ("an id that is none", "appointment-booked", {"id": "../Patient/1"}),
    ("a status of nobody's", "appointment-booked", {"status": "maybe"}),
    ("no start", "appointment-booked", {"start": None}),
    ("a start without an offset", "appointment-booked", {"start": "2027-03-23T09:00:00"}),
    ("an end before the start", "appointment-booked", {"end": "2027-03-23T07:59:00+02:00"}),
    ("no participants", "appointment-booked", {"participant": []}),
    ("two patients", "appointment-booked", {"participant": [{"actor": {"reference": f"Patient/{n}"}} for n in (1, 2)]}),
    ("a foreign reference", "appointment-booked", {"slot": [{"reference": "https://other.example/fhir/Slot/1"}]}),
    ("a contained reference", "appointment-booked", {"slot": [{"reference": "#s"}]}),
    (
        "a modifier",
        "appointment-booked",
        {"modifierExtension": [{"url": "https://x.example/not", "valueBoolean": True}]},
    ),
    (
        "an inner modifier",
        "appointment-booked",
        {"serviceType": [{"modifierExtension": [{"url": "https://x.example"}]}]},
    ),
    ("an extension without url", "appointment-booked", {"extension": [{"valueString": "x"}]}),
    ("a version that is none", "appointment-booked", {"meta": {"versionId": 'W/"1"'}}),
    ("a slot without a calendar", "free-time", {"schedule": {"display": "Calendar"}}),
    ("a slot of no length", "free-time", {"end": "2027-03-23T08:00:00+02:00"}),
    ("a key too long", "free-time", {"id": "C" * 26}),
    ("a person without a HETU", "patient", {"identifier": [{"system": "urn:oid:2.999.638.24", "value": "100001"}]}),
]


@pytest.mark.parametrize(("case", "changes"), [(c, d) for _, c, d in BAD], ids=[name for name, _, _ in BAD])
def test_a_message_that_is_not_as_promised_is_no_record(case: str, changes: dict[str, Any]) -> None:
    resource = source(case) | changes
    with pytest.raises(BadMessage):
        appointment(resource, WORDS) if case == "appointment-booked" else mapped(resource)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("010594Y9021"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["system", "code", "url"]), inner),
    max_leaves=5,
)


@given(case=st.sampled_from(sorted(SOURCES)), data=st.data())
@settings(max_examples=400, deadline=None)
def test_whatever_stands_where_it_is_read_or_refused_never_anything_else(case: str, data: st.DataObject) -> None:
    resource = source(case)
    holder, key = data.draw(st.sampled_from(list(_places(resource))))
    holder[key] = data.draw(JSON)
    before = copy.deepcopy(resource)
    try:
        result = mapped(resource)
    except UNREADABLE:
        return
    assert resource == before
    assert codes.HETU not in _systems(strict_json.dumps(result).decode())


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def test_a_whole_searchset_of_them_is_valid_too() -> None:
    entries = [{"resource": json.loads(strict_json.dumps(mapped(source(case))))} for case in sorted(SOURCES)]
    Bundle.model_validate({"resourceType": "Bundle", "type": "searchset", "entry": entries})
