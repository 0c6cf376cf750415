"""The directory (manual §4): read, search, pages."""

from __future__ import annotations

import pytest

from tests.sandbox.lifecare.lifecare_bench import Bench, entries, error

KINDS = ("Organization", "Location", "HealthcareService", "Practitioner", "PractitionerRole", "Schedule")


@pytest.mark.parametrize("kind", KINDS)
async def test_all_are_found_and_read_alike(bench: Bench, kind: str) -> None:
    answer = await bench.client.get(kind, params={"_count": "200"})
    found = entries(answer)
    assert len(found) == answer.json()["total"] > 3
    for entry in answer.json()["entry"][:3]:
        read = await bench.client.get(f"{kind}/{entry['resource']['id']}")
        assert read.headers["etag"] == f'W/"{read.json()["meta"]["versionId"]}"'
        assert str(read.url) == entry["fullUrl"]
        assert read.json() == entry["resource"]


@pytest.mark.parametrize("kind", KINDS)
async def test_post_search_finds_the_same(bench: Bench, kind: str) -> None:
    by_get = await bench.client.get(kind, params={"_count": "3"})
    by_post = await bench.client.post(f"{kind}/_search", data={"_count": "3"})
    assert by_get.json() == by_post.json()


FOUND = {
    "Organization?partof=COUNTY": ["U1", "U2", "U3", "U4"],
    "Organization?identifier=urn:ietf:rfc3986|urn:oid:2.999.638.10.2": ["U2"],
    "Organization?name=porvoon": ["U1", "U4"],
    "Organization?name=BORG%C3%85": ["U1", "U4"],
    "Organization?name=voon": [],
    "Location?organization=Organization/U3": ["U3"],
    "Location?_id=U1,U4": ["U1", "U4"],
    "HealthcareService?service-type=urn:oid:1.2.246.537.6.49|EE": ["PUHL", "YLE"],
    "HealthcareService?type=YLE,HAMT": ["HAMT", "YLE"],
    "HealthcareService?service-type=urn:oid:1.2.246.537.6.49|YLE": [],
    "HealthcareService?service-category=SOTE14.1": ["NEUV"],
    "HealthcareService?location=Location/U4": ["HAMT", "SUUH"],
    "HealthcareService?specialty=HAM&type=SUUH": ["SUUH"],
    "PractitionerRole?location=U3": ["D9-U3"],
    "PractitionerRole?service=HealthcareService/HAAVA-X": ["D5-U1"],
    "Schedule?actor=HealthcareService/NEUV": ["C22"],
    "Schedule?actor=Location/U2,Location/U3&active=true": ["C20", "C21", "C22"],
    "Schedule?actor=Location/U1&actor=HealthcareService/PAINO": ["C17"],
    "Schedule?active=false": [],
}


async def test_search(bench: Bench) -> None:
    answers = {question: await bench.client.get(question) for question in FOUND}
    assert {question: [one["id"] for one in entries(answer)] for question, answer in answers.items()} == FOUND
    assert {question: answer.json()["total"] for question, answer in answers.items()} == {
        question: len(ids) for question, ids in FOUND.items()
    }


async def test_a_schedule_names_one_professional_one_place_and_one_service(bench: Bench) -> None:
    for schedule in entries(await bench.client.get("Schedule?_count=200")):
        actors = [actor["reference"] for actor in schedule["actor"]]
        assert [actor.split("/")[0] for actor in actors] == ["Practitioner", "Location", "HealthcareService"]
        for actor in actors:
            assert (await bench.client.get(actor)).status_code == 200


async def test_a_local_service_without_a_national_code(bench: Bench) -> None:
    service = (await bench.client.get("HealthcareService/HAAVA-X")).json()
    assert [coding["system"] for coding in service["type"][0]["coding"]] == ["urn:oid:2.999.638.6.10"]
    assert "category" not in service


async def test_swedish_stands_beside_finnish(bench: Bench) -> None:
    place = (await bench.client.get("Location/U1")).json()
    parts = {part["url"]: part for part in place["_name"]["extension"][0]["extension"]}
    assert (place["name"], parts["lang"]["valueCode"]) == ("Porvoon terveysasema", "sv")
    assert parts["content"]["valueString"] == "Borgå hälsostation"


async def test_pages_hold_everything_once(bench: Bench) -> None:
    whole = [one["id"] for one in entries(await bench.client.get("Practitioner?_count=200"))]
    seen: list[str] = []
    url: str | None = "Practitioner?_count=5"
    while url is not None:
        answer = await bench.client.get(url)
        seen += [one["id"] for one in entries(answer)]
        assert answer.json()["total"] == len(whole)
        url = next((link["url"] for link in answer.json()["link"] if link["relation"] == "next"), None)
    assert seen == whole


async def test_count(bench: Bench) -> None:
    none = await bench.client.get("Schedule?_count=0")
    assert entries(none) == []
    assert none.json()["total"] > 0
    large = await bench.client.get("Schedule?_count=5000")
    assert large.json()["link"][0]["url"].endswith("_count=200")


REFUSED = {
    "Location/U9": (404, "not-found", "NOT_FOUND"),
    "Medication": (404, "not-supported", "UNKNOWN_TYPE"),
    "Location/U1/_history/1": (404, "not-supported", "UNKNOWN_TYPE"),
    "": (404, "not-supported", "UNKNOWN_TYPE"),
    "Location?nonsense=1": (400, "invalid", "BAD_PARAMETER"),
    "Location?name:exact=Porvoo": (400, "invalid", "BAD_PARAMETER"),
    "Location?_sort=name": (400, "invalid", "BAD_PARAMETER"),
    "Location?_count=-1": (400, "invalid", "BAD_PARAMETER"),
    "Location?_count=x": (400, "invalid", "BAD_PARAMETER"),
    "Location?name=": (400, "invalid", "BAD_PARAMETER"),
    "Location?organization=Practitioner/D1": (400, "invalid", "BAD_PARAMETER"),
    "Schedule?active=yes": (400, "invalid", "BAD_PARAMETER"),
    "Location?_page=AAAA": (400, "invalid", "BAD_PAGE"),
    "Location?_page=WyJTbG90IixbXSwyLFsxLCJ4Il1d": (400, "invalid", "BAD_PAGE"),
    "Location?_format=xml": (406, "not-supported", "NOT_ACCEPTABLE"),
    "Location/U1?_elements=name": (400, "invalid", "BAD_PARAMETER"),
}


async def test_refused(bench: Bench) -> None:
    found = {address: error(await bench.client.get(address)) for address in REFUSED}
    assert found == REFUSED


async def test_format_json_is_allowed(bench: Bench) -> None:
    for address in ("Location/U1?_format=json", "Location?_format=application/fhir%2Bjson"):
        assert (await bench.client.get(address)).status_code == 200


async def test_writes_are_refused(bench: Bench) -> None:
    for kind in KINDS:
        for method, address in (
            ("POST", kind),
            ("PUT", f"{kind}/U1"),
            ("DELETE", f"{kind}/U1"),
            ("PATCH", f"{kind}/U1"),
        ):
            answer = await bench.client.request(method, address, json={})
            assert error(answer) == (405, "not-supported", "NOT_SUPPORTED")
            assert answer.headers["allow"] == "GET"
