"""The R4 validator: what is valid passes, and each way of being wrong is found where it is."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import given
from hypothesis import strategies as st

from canonical import dictionary, invariants, narrative, primitives, strict_json
from canonical.validate import Finding, validate

TEXT = '<p class="x">Käynti <b>klo 9</b>&#160;&amp; <br/> <img src="x.png" alt=""/></p>'
DIV = f'<div xmlns="http://www.w3.org/1999/xhtml">{TEXT}</div>'


def appointment(**changes: Any) -> dict[str, Any]:
    """A rich, valid Appointment; a change to None takes the element out."""
    resource = {
        "resourceType": "Appointment",
        "id": "a-1.B",
        "meta": {
            "versionId": "1",
            "lastUpdated": "2027-03-22T08:00:00.123+02:00",
            "profile": ["https://hl7.fi/fhir/finnish-scheduling/StructureDefinition/x|1.0"],
        },
        "language": "fi",
        "text": {"status": "generated", "div": DIV},
        "contained": [{"resourceType": "Location", "id": "l", "name": "Aula"}],
        "extension": [
            {"url": "urn:x", "valueDecimal": Decimal("1.50")},
            {"url": "urn:y", "extension": [{"url": "z", "valueBoolean": True}]},
        ],
        "identifier": [{"system": "urn:oid:1.2.246.10", "value": "1", "period": {"start": "2027", "end": "2027-03"}}],
        "status": "booked",
        "_status": {"extension": [{"url": "urn:x", "valueCode": "y"}]},
        "serviceType": [{"coding": [{"system": "urn:oid:1.2.246.537.6.49", "code": "EE"}], "text": "Lääkäri"}],
        "priority": 0,
        "start": "2028-02-29T09:00:00+02:00",
        "end": "2028-02-29T09:30:00Z",
        "created": "2027-03-22",
        "slot": [{"reference": "https://elsewhere.example/fhir/Slot/1"}],
        "participant": [
            {"actor": {"reference": "Patient/1/_history/2", "type": "Patient"}, "status": "accepted"},
            {"actor": {"reference": "#l"}, "status": "accepted", "required": "required"},
            {"type": [{"text": "tulkki"}], "status": "needs-action"},
        ],
    }
    return {name: value for name, value in (resource | changes).items() if value is not None}


def test_a_rich_appointment_is_valid() -> None:
    assert validate(appointment()) == []
    assert validate(appointment(), "Appointment") == []


@pytest.mark.parametrize(
    ("change", "expression", "kind"),
    [
        ({"unheard": 1}, "Appointment.unheard", "structure"),
        ({"Status": "booked"}, "Appointment.Status", "structure"),
        ({"fhir_comments": "x"}, "Appointment", "structure"),
        ({"010594Y9021": "x"}, "Appointment", "structure"),
        ({"resourceType": "Slot"}, "Appointment.resourceType", "structure"),
        ({"id": ""}, "Appointment.id", "value"),
        ({"id": "a_b"}, "Appointment.id", "value"),
        ({"id": "a" * 65}, "Appointment.id", "value"),
        ({"id": 1}, "Appointment.id", "structure"),
        ({"language": " fi"}, "Appointment.language", "value"),
        ({"status": None, "_status": None}, "Appointment.status", "required"),
        ({"status": ["booked"]}, "Appointment.status", "structure"),
        ({"status": "Booked"}, "Appointment.status", "value"),
        ({"status": "no-show"}, "Appointment.status", "value"),
        ({"_status": {}}, "Appointment._status", "structure"),
        ({"_status": []}, "Appointment._status", "structure"),
        ({"_status": {"value": 1}}, "Appointment._status.value", "structure"),
        ({"_comment": {"id": "x"}}, "Appointment._comment", "invariant"),
        ({"_participant": {"id": "x"}}, "Appointment._participant", "structure"),
        ({"_unheard": {"id": "x"}}, "Appointment._unheard", "structure"),
        ({"start": "2027-02-29T09:00:00+02:00"}, "Appointment.start", "value"),
        ({"start": "2027-02-28T24:00:00+02:00"}, "Appointment.start", "value"),
        ({"start": "2027-02-28T09:00:00"}, "Appointment.start", "value"),
        ({"start": "2027-02-28T09:00+02:00"}, "Appointment.start", "value"),
        ({"start": "2027-02-28T09:00:00+0200"}, "Appointment.start", "value"),
        ({"start": "2027-02-28T09:00:00+15:00"}, "Appointment.start", "value"),
        ({"start": "0000-02-28T09:00:00Z"}, "Appointment.start", "value"),
        ({"start": "2027-02-28 09:00:00Z"}, "Appointment.start", "value"),
        ({"start": "2027-02-28"}, "Appointment.start", "value"),
        ({"start": 1}, "Appointment.start", "structure"),
        ({"created": "2027-02-29"}, "Appointment.created", "value"),
        ({"created": "2027-13"}, "Appointment.created", "value"),
        ({"created": "27-01-01"}, "Appointment.created", "value"),
        ({"created": "2027-01-01T09:00:00"}, "Appointment.created", "value"),
        ({"created": "20270101"}, "Appointment.created", "value"),
        ({"minutesDuration": "30"}, "Appointment.minutesDuration", "structure"),
        ({"minutesDuration": 30.0}, "Appointment.minutesDuration", "structure"),
        ({"minutesDuration": Decimal("30")}, "Appointment.minutesDuration", "structure"),
        ({"minutesDuration": True}, "Appointment.minutesDuration", "structure"),
        ({"minutesDuration": 0}, "Appointment.minutesDuration", "value"),
        ({"minutesDuration": 2**31}, "Appointment.minutesDuration", "value"),
        ({"priority": -1}, "Appointment.priority", "value"),
        ({"comment": ""}, "Appointment.comment", "value"),
        ({"comment": "a\x01"}, "Appointment.comment", "value"),
        ({"comment": []}, "Appointment.comment", "structure"),
        ({"participant": None}, "Appointment.participant", "required"),
        ({"participant": {}}, "Appointment.participant", "structure"),
        ({"participant": []}, "Appointment.participant", "structure"),
        ({"participant": [None]}, "Appointment.participant[0]", "structure"),
        ({"participant": [{}]}, "Appointment.participant[0]", "structure"),
        ({"participant": ["x"]}, "Appointment.participant[0]", "structure"),
        ({"participant": [{"status": "accepted"}], "contained": None}, "Appointment.participant[0]", "invariant"),
        ({"slot": [{"reference": "Patient/1"}]}, "Appointment.slot[0].reference", "value"),
        (
            {"slot": [{"reference": "https://elsewhere.example/fhir/Patient/1"}]},
            "Appointment.slot[0].reference",
            "value",
        ),
        ({"slot": [{"reference": "Slot/1", "type": "Patient"}]}, "Appointment.slot[0].reference", "value"),
        ({"slot": [{"reference": "Slot?identifier=1"}]}, "Appointment.slot[0].reference", "value"),
        ({"slot": [{"reference": "../Slot/1"}]}, "Appointment.slot[0].reference", "value"),
        ({"slot": [{"reference": "1"}]}, "Appointment.slot[0].reference", "value"),
        ({"slot": [{"reference": "#nothing"}]}, "Appointment.slot[0].reference", "invariant"),
        (
            {"supportingInformation": [{"reference": "Nonsense/1"}]},
            "Appointment.supportingInformation[0].reference",
            "value",
        ),
        ({"end": None}, "Appointment", "invariant"),
        ({"start": None, "end": None}, "Appointment", "invariant"),
        ({"cancelationReason": {"text": "x"}}, "Appointment.cancelationReason", "invariant"),
        (
            {"requestedPeriod": [{"start": "2027-03-02", "end": "2027-03-01"}]},
            "Appointment.requestedPeriod[0].end",
            "invariant",
        ),
        (
            {"requestedPeriod": [{"start": "2027-03-01T10:00:00+02:00", "end": "2027-03-01T08:59:00+01:00"}]},
            "Appointment.requestedPeriod[0].end",
            "invariant",
        ),
        ({"extension": [{"valueString": "x"}]}, "Appointment.extension[0].url", "required"),
        ({"extension": [{"url": "x"}]}, "Appointment.extension[0]", "invariant"),
        (
            {"extension": [{"url": "x", "valueString": "y", "extension": [{"url": "a", "valueCode": "b"}]}]},
            "Appointment.extension[0]",
            "invariant",
        ),
        (
            {"extension": [{"url": "x", "valueString": "y", "valueCode": "z"}]},
            "Appointment.extension[0].valueCode",
            "structure",
        ),
        (
            {"extension": [{"url": "x", "valueString": "y", "_valueCode": {"id": "z"}}]},
            "Appointment.extension[0]._valueCode",
            "structure",
        ),
        (
            {"extension": [{"url": "x", "valueCodeableReference": {}}]},
            "Appointment.extension[0].valueCodeableReference",
            "structure",
        ),
        (
            {"extension": [{"url": "x", "valueUuid": "urn:uuid:C757873D-EC9A-4326-A141-556F43239520"}]},
            "Appointment.extension[0].valueUuid",
            "value",
        ),
        ({"extension": [{"url": "x", "valueOid": "1.2.3"}]}, "Appointment.extension[0].valueOid", "value"),
        (
            {"extension": [{"url": "x", "valueBase64Binary": "abc"}]},
            "Appointment.extension[0].valueBase64Binary",
            "value",
        ),
        ({"extension": [{"url": "x", "valueTime": "9:00"}]}, "Appointment.extension[0].valueTime", "value"),
        (
            {"extension": [{"url": "x", "valueUrl": "javascript:alert(1)"}]},
            "Appointment.extension[0].valueUrl",
            "value",
        ),
        ({"extension": [{"url": "x", "valueUri": "urn:oid:3.2"}]}, "Appointment.extension[0].valueUri", "value"),
        (
            {"extension": [{"url": "x", "valueQuantity": {"code": "kg"}}]},
            "Appointment.extension[0].valueQuantity",
            "invariant",
        ),
        ({"extension": [{"url": "x", "valueBoolean": "true"}]}, "Appointment.extension[0].valueBoolean", "structure"),
        ({"identifier": [{"system": "a b"}]}, "Appointment.identifier[0].system", "value"),
        ({"identifier": [{"use": "own"}]}, "Appointment.identifier[0].use", "value"),
        ({"meta": {"profile": [None]}}, "Appointment.meta.profile[0]", "structure"),
        ({"contained": ["x"]}, "Appointment.contained[0]", "structure"),
        ({"contained": [{"id": "l"}]}, "Appointment.contained[0].resourceType", "structure"),
        (
            {"contained": [{"resourceType": "Identifier", "id": "l"}]},
            "Appointment.contained[0].resourceType",
            "structure",
        ),
        (
            {"contained": [{"resourceType": "Location", "id": "l", "status": "x"}]},
            "Appointment.contained[0].status",
            "value",
        ),
        (
            {"contained": [{"resourceType": "Location", "id": "l", "meta": {"versionId": "1"}}]},
            "Appointment.contained[0].meta",
            "invariant",
        ),
        (
            {"contained": [{"resourceType": "Location", "id": "l"}, {"resourceType": "Location", "id": "unused"}]},
            "Appointment.contained[1]",
            "invariant",
        ),
        ({"text": {"div": DIV}}, "Appointment.text.status", "required"),
        ({"text": {"status": "generated", "div": "<p>x</p>"}}, "Appointment.text.div", "value"),
    ],
    ids=str,
)
def test_each_way_of_being_wrong(change: dict[str, Any], expression: str, kind: str) -> None:
    findings = validate(appointment(**change), "Appointment")

    assert (expression, kind) in {(one.expression, one.kind) for one in findings}
    shown = repr(findings)
    assert "010594Y9021" not in shown
    assert "fhir_comments" not in shown


@pytest.mark.parametrize("value", [None, 1, "x", [], True])
def test_what_is_no_object(value: Any) -> None:
    assert [one.kind for one in validate(value)] == ["structure"]


@pytest.mark.parametrize(
    "resource",
    [
        {},
        {"resourceType": 1},
        {"resourceType": "Nope"},
        {"resourceType": "DomainResource"},
        {"resourceType": "SubscriptionStatus"},
    ],
)
def test_what_is_no_resource(resource: dict[str, Any]) -> None:
    assert validate(resource)[0].expression == "Resource.resourceType"


def test_nulls_keep_the_place_of_extensions() -> None:
    patient = {
        "resourceType": "Patient",
        "name": [{"given": ["Aino", None], "_given": [None, {"extension": [{"url": "u", "valueString": "v"}]}]}],
    }
    assert validate(patient) == []

    alone = copy.deepcopy(patient)
    del alone["name"][0]["_given"]  # type: ignore[attr-defined]
    assert validate(alone) == [Finding("Patient.name[0].given[1]", "structure", "null without an extension")]


def test_findings_end_somewhere() -> None:
    assert len(validate({"resourceType": "Appointment"} | {f"x{chr(97 + i % 26)}{i}": 1 for i in range(1000)})) == 50


@pytest.mark.parametrize(
    ("resource", "keys"),
    [
        ({"resourceType": "Bundle", "type": "batch", "total": 1}, {"bdl-1"}),
        (
            {
                "resourceType": "Bundle",
                "type": "collection",
                "entry": [{"search": {"mode": "match"}, "resource": {"resourceType": "Patient"}}],
            },
            {"bdl-2"},
        ),
        ({"resourceType": "Bundle", "type": "searchset", "entry": [{"fullUrl": "urn:x"}]}, {"bdl-5"}),
        ({"resourceType": "Bundle", "type": "batch", "entry": [{"resource": {"resourceType": "Patient"}}]}, {"bdl-3"}),
        (
            {
                "resourceType": "Bundle",
                "type": "collection",
                "entry": [{"fullUrl": "urn:x", "resource": {"resourceType": "Patient"}}] * 2,
            },
            {"bdl-7"},
        ),
        ({"resourceType": "Organization", "active": True}, {"org-1"}),
        (
            {
                "resourceType": "Organization",
                "name": "x",
                "telecom": [{"use": "home", "system": "phone", "value": "1"}],
            },
            {"org-3"},
        ),
        ({"resourceType": "Patient", "telecom": [{"value": "1"}]}, {"cpt-2"}),
        ({"resourceType": "Patient", "contact": [{"gender": "female"}]}, {"pat-1"}),
        (
            {
                "resourceType": "Task",
                "status": "draft",
                "intent": "order",
                "authoredOn": "2027-02-02",
                "lastModified": "2027-02-01",
            },
            {"inv-1"},
        ),
        (
            {
                "resourceType": "CapabilityStatement",
                "status": "active",
                "date": "2027",
                "kind": "instance",
                "fhirVersion": "4.0.1",
                "format": ["json"],
            },
            {"cpb-1", "cpb-2", "cpb-14"},
        ),
    ],
    ids=lambda v: str(sorted(v) if isinstance(v, set) else v)[:40],
)
def test_invariants(resource: dict[str, Any], keys: set[str]) -> None:
    found = {one.message.partition(":")[0] for one in validate(resource) if one.kind == "invariant"}

    assert keys <= found


def test_a_required_choice() -> None:
    task: dict[str, Any] = {
        "resourceType": "Task",
        "status": "draft",
        "intent": "order",
        "input": [{"type": {"text": "x"}}],
    }
    assert validate(task)[0].expression == "Task.input[0].value"
    task["input"][0]["valueString"] = "y"
    assert validate(task) == []


def test_decimals_and_numbers_as_they_were_written() -> None:
    location = b'{"resourceType":"Location","position":{"longitude":25.660,"latitude":60}}'
    assert validate(strict_json.loads(location)) == []


class TestDictionary:
    def test_it_knows_what_r4b_added(self) -> None:
        assert "valueRatioRange" not in dictionary.describe("Extension").elements
        assert not dictionary.is_resource("NutritionProduct")

    def test_value_sets_the_library_cuts_short_are_whole(self) -> None:
        assert len(dictionary.describe("Task").elements["status"].codes or ()) == 12
        assert "choice" in (dictionary.describe("QuestionnaireItem").elements["type"].codes or ())
        assert dictionary.describe("CapabilityStatement").elements["format"].codes is None

    @pytest.mark.parametrize("name", ["Nope", "", "patient", "../x", "Resource"])
    def test_what_is_no_resource(self, name: str) -> None:
        assert not dictionary.is_resource(name)

    def test_every_invariant_is_of_a_type(self) -> None:
        for name in invariants.BY_TYPE:
            assert dictionary.describe(name).elements

    @pytest.mark.parametrize(
        "name", ["Appointment", "Slot", "Patient", "HealthcareService", "Task", "Bundle", "Questionnaire"]
    )
    def test_every_element_is_understood(self, name: str) -> None:
        rule = dictionary.describe(name)
        model = get_fhir_model_class(name)
        elements = {f.alias for f in model.model_fields.values() if (f.json_schema_extra or {}).get("element_property")}

        assert set(rule.elements) == elements
        for element in rule.elements.values():
            assert not element.is_primitive or element.type in primitives.CHECKS


class TestNarrative:
    def test_plain_formatting_passes(self) -> None:
        assert narrative.problem(DIV) is None

    @pytest.mark.parametrize(
        "div",
        [
            "",
            " ",
            "text",
            DIV + "x",
            DIV * 2,
            DIV[:-1],
            DIV[:-6],
            "<!-- x -->" + DIV,
            DIV.replace("<p ", "<P "),
            DIV.replace("Käynti", "&nbsp;"),
            DIV.replace("Käynti", "a < b"),
        ],
    )
    def test_what_is_not_well_formed(self, div: str) -> None:
        assert narrative.problem(div) is not None

    @given(st.text(alphabet='<>/"= abdivpr&;!-', max_size=60))
    def test_any_text_is_judged(self, text: str) -> None:
        assert narrative.problem(text) is not None


@given(st.text(max_size=30))
def test_any_text_is_judged_by_every_primitive(text: str) -> None:
    for check in primitives.CHECKS.values():
        assert check(text) is None or isinstance(check(text), str)


@given(st.datetimes().map(lambda at: at.isoformat(timespec="milliseconds") + "+02:00"))
def test_every_instant_passes(text: str) -> None:
    assert primitives.CHECKS["instant"](text) is None
