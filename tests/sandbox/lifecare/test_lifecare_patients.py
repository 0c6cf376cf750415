"""Patients (manual §5): find by HETU, read, register."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.http.http_bench import HETU
from tests.sandbox.lifecare.lifecare_bench import Bench, entries, error

HETU_SYSTEM = "urn:oid:1.2.246.21"


async def find(bench: Bench, hetu: str) -> list[dict[str, Any]]:
    answer = await bench.client.post("Patient/_search", data={"identifier": f"{HETU_SYSTEM}|{hetu}"})
    assert answer.status_code == 200, answer.text
    return entries(answer)


def registration(hetu: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": HETU_SYSTEM, "value": hetu}], **elements}


async def test_find_by_hetu(bench: Bench) -> None:
    (patient,) = await find(bench, HETU["aino"])
    assert patient["id"] == bench.number("aino")
    assert patient["identifier"][0]["value"] == HETU["aino"]
    assert patient["name"] == [{"use": "official", "family": "Testinen", "given": ["Aino"]}]
    assert patient["communication"][0]["language"]["coding"][0]["code"] == "fi"
    assert {one["system"] for one in patient["telecom"]} == {"phone", "email"}
    assert "gender" not in patient
    assert (await bench.client.get(f"Patient/{patient['id']}")).json() == patient


async def test_the_separator_distinguishes_people(bench: Bench) -> None:
    assert await find(bench, HETU["aino"].replace("Y", "-")) == []


async def test_unknown_person_is_an_empty_answer(bench: Bench) -> None:
    assert await find(bench, HETU["axel"]) == []
    assert await find(bench, "010594Y9032") == []


async def test_no_hetu_comes_back_in_links(bench: Bench) -> None:
    answer = await bench.client.post("Patient/_search", data={"identifier": f"{HETU_SYSTEM}|{HETU['aino']}"})
    assert HETU["aino"] not in str(answer.json()["link"])


async def test_non_disclosure_is_labelled_and_details_are_there(bench: Bench) -> None:
    (patient,) = await find(bench, HETU["helvi"])
    assert patient["meta"]["security"][0]["code"] == "TURVAKIELTO"
    assert patient["address"]
    assert patient["telecom"]


async def test_search_by_number(bench: Bench) -> None:
    number = bench.number("aino")
    for form in ({"_id": number}, {"identifier": f"urn:oid:2.999.638.24|{number}"}):
        assert [one["id"] for one in entries(await bench.client.post("Patient/_search", data=form))] == [number]


@pytest.mark.parametrize(
    "form",
    [
        {"identifier": "010594Y9021"},
        {"identifier": f"{HETU_SYSTEM}|"},
        {"identifier": f"{HETU_SYSTEM}|010594Y9021,020594X903P"},
        {"identifier": f"{HETU_SYSTEM}|131052 902Y"},
        {"identifier": f"{HETU_SYSTEM}|010594Y902X"},
        {"identifier": f"{HETU_SYSTEM}|010594Y9021", "_id": "100001"},
        {"name": "Aino"},
    ],
)
async def test_search_needs_exactly_one_identifier(bench: Bench, form: dict[str, str]) -> None:
    answer = await bench.client.post("Patient/_search", data=form)
    assert error(answer) == (400, "invalid", "BAD_PARAMETER")
    assert "0594" not in answer.text


async def test_never_by_get(bench: Bench) -> None:
    by_get = await bench.client.get("Patient?_id=100001")
    assert error(by_get) == (400, "invalid", "PATIENT_SEARCH_BY_GET")
    for question in (
        f"Patient?identifier={HETU_SYSTEM}|{HETU['aino']}",
        f"Appointment?identifier={HETU['kerttu']}",
        f"Appointment/{HETU['aino']}",
        "Appointment?patient=290224%429" + "04N",
    ):
        answer = await bench.client.get(question)
        assert error(answer) == (400, "invalid", "HETU_IN_URL")
        assert "9021" not in answer.text


async def test_register_once(bench: Bench) -> None:
    answer = await bench.client.post("Patient", json=registration(HETU["axel"]))
    assert answer.status_code == 201
    patient = answer.json()
    assert answer.headers["location"].endswith(f"/Patient/{patient['id']}/_history/1")
    assert patient["name"][0] == {"use": "official", "family": "Svensk", "given": ["Axel"]}
    assert patient["communication"][0]["language"]["coding"][0]["code"] == "sv"
    assert [one["system"] for one in patient["telecom"]] == ["phone"]
    assert await find(bench, HETU["axel"]) == [patient]
    again = await bench.client.post("Patient", json=registration(HETU["axel"]))
    assert error(again) == (409, "duplicate", "ALREADY_REGISTERED")
    booked = await bench.book("axel", (await bench.free())[0]["id"])
    assert booked.status_code == 201


async def test_only_the_population_can_be_registered(bench: Bench) -> None:
    answer = await bench.client.post("Patient", json=registration("010594Y9032"))
    assert error(answer) == (422, "business-rule", "UNKNOWN_PERSON")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"resourceType": "Patient"}, (400, "required", "MISSING_ELEMENT")),
        ({"resourceType": "Person"}, (400, "structure", "WRONG_TYPE")),
        (registration("010594Y9022"), (400, "value", "BAD_VALUE")),
        (registration("310294Y902X"), (400, "value", "BAD_VALUE")),
        (registration(""), (400, "value", "BAD_VALUE")),
        (registration(HETU["axel"], identifier=[]), (400, "structure", "BAD_ELEMENT")),
        (registration(HETU["axel"], identifier={}), (400, "structure", "BAD_ELEMENT")),
        (registration(HETU["axel"], identifier=[{"system": "urn:x", "value": "1"}]), (400, "value", "BAD_VALUE")),
        (registration(HETU["axel"], name=[{"family": "X"}]), (422, "not-supported", "NOT_STORED")),
        (registration(HETU["axel"], colour="red"), (400, "structure", "UNKNOWN_ELEMENT")),
        (registration(HETU["axel"], active=False), (400, "value", "BAD_VALUE")),
    ],
)
async def test_registration_refused(bench: Bench, body: dict[str, Any], expected: tuple[int, str, str]) -> None:
    answer = await bench.client.post("Patient", json=body)
    assert error(answer) == expected
    assert "9022" not in answer.text
    assert bench.system.patient_by_hetu(HETU["axel"]) is None


async def test_a_hetu_does_not_travel_in_a_header(bench: Bench) -> None:
    for condition, code in ((f"identifier={HETU_SYSTEM}|{HETU['axel']}", "HETU_IN_URL"), ("_id=1", "BAD_CONDITION")):
        answer = await bench.client.post(
            "Patient", json=registration(HETU["axel"]), headers={"If-None-Exist": condition}
        )
        assert error(answer) == (400, "invalid", code)
