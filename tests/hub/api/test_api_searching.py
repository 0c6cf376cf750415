"""Searches: pages, totals, what is missing, and POST _search."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import httpx
import pytest

from hub.criteria import Token
from hub.usecases.ports import Missing, SlotQuery

from .conftest import AINO, BASE, EERO, NOW, MemoryHub, booking, code_of

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def many(memory: MemoryHub) -> MemoryHub:
    """Seven appointments of Aino's, one of Eero's."""
    times = {"start": "2027-03-23T09:00:00+02:00", "end": "2027-03-23T09:30:00+02:00"}
    for i in range(7):
        memory.put(booking(**times) | {"id": f"a{i}"}, AINO)
    memory.put(booking(who=EERO, **times) | {"id": "e1"}, EERO)
    return memory


def ids(bundle: dict[str, Any]) -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", [])]


def link(bundle: dict[str, Any], relation: str) -> str | None:
    return next((one["url"] for one in bundle["link"] if one["relation"] == relation), None)


async def test_the_patient_of_the_token(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    response = await aino.get("/fhir/Patient")

    bundle = response.json()
    assert (bundle["type"], bundle["total"], ids(bundle)) == ("searchset", 1, [AINO])
    assert bundle["entry"][0]["fullUrl"] == f"{BASE}/Patient/aino"
    assert bundle["entry"][0]["search"] == {"mode": "match"}
    assert memory.disclosures[-1].released == ("Patient/aino",)


async def test_pages_partition_the_set(aino: httpx.AsyncClient, many: MemoryHub) -> None:
    seen: list[str] = []
    url: str | None = "/fhir/Appointment?_count=3"
    while url:
        bundle = (await aino.get(url)).json()
        assert bundle["total"] == 7
        seen += ids(bundle)
        url = link(bundle, "next")
    assert seen == [f"a{i}" for i in range(7)]


async def test_a_page_link_of_another_shows_nothing_of_theirs(aino: httpx.AsyncClient, many: MemoryHub) -> None:
    url = link((await aino.get("/fhir/Appointment?_count=3")).json(), "next")
    assert url is not None
    response = await aino.get(url, headers={"authorization": "Bearer sbx_eero"})

    assert ids(response.json()) == []


async def test_links_are_absolute_and_repeat_the_search(aino: httpx.AsyncClient, many: MemoryHub) -> None:
    bundle = (await aino.get("/fhir/Appointment?_count=3&status=booked,pending&patient=Patient/aino")).json()

    shown = f"{BASE}/Appointment?_count=3&status=booked%2Cpending&patient=Patient%2Faino"
    assert link(bundle, "self") == shown
    assert link(bundle, "next") == f"{shown}&_cursor=after-3"


@pytest.mark.parametrize("query", ["_summary=count", "_count=0"])
async def test_only_the_total(aino: httpx.AsyncClient, many: MemoryHub, query: str) -> None:
    bundle = (await aino.get(f"/fhir/Appointment?{query}")).json()

    assert (bundle["total"], "entry" in bundle, link(bundle, "next")) == (7, False, None)


async def test_no_total_when_none_is_wanted(aino: httpx.AsyncClient, many: MemoryHub) -> None:
    assert "total" not in (await aino.get("/fhir/Appointment?_total=none")).json()


@pytest.mark.parametrize("query", ["patient=Patient/eero", "patient=eero", "patient=nobody", "actor=Patient/eero"])
async def test_another_persons_search_is_as_empty_as_nobodys(
    aino: httpx.AsyncClient, many: MemoryHub, query: str
) -> None:
    bundle = (await aino.get(f"/fhir/Appointment?{query}")).json()

    assert (bundle["total"], ids(bundle)) == (0, [])


@pytest.mark.parametrize(
    ("language", "text"), [("fi", "Kaikki tiedot"), ("sv", "Alla uppgifter"), ("en", "Some information")]
)
async def test_what_is_missing_is_named(aino: httpx.AsyncClient, many: MemoryHub, language: str, text: str) -> None:
    many.missing = [Missing("pegasos-loviisa", "Loviisan terveysasema", NOW, "no answer in 10 s")]
    response = await aino.get("/fhir/Appointment", headers={"accept-language": language})

    bundle = response.json()
    assert "total" not in bundle
    assert response.headers["content-language"] == language
    warning = bundle["entry"][-1]
    assert warning["search"] == {"mode": "outcome"}
    issue = warning["resource"]["issue"][0]
    assert (issue["severity"], issue["code"]) == ("warning", "incomplete")
    assert issue["details"]["text"].startswith(text)
    assert "Loviisan terveysasema" in issue["details"]["text"]
    assert (
        "pegasos-loviisa did not answer: no answer in 10 s. Last heard: 2027-03-29T09:00:00+03:00"
        in issue["diagnostics"]
    )
    assert len(bundle["entry"]) == 8


async def test_a_search_by_hetu_goes_into_the_body(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    body = "identifier=urn%3Aoid%3A1.2.246.21%7C010594Y9021&_count=5"
    response = await aino.post("/fhir/Patient/_search", content=body, headers=FORM)

    assert response.status_code == 200
    kind, criteria, page = memory.asked[-1][1]
    assert (kind, criteria[0].values, page.count) == ("Patient", (Token("urn:oid:1.2.246.21", "010594Y9021"),), 5)
    assert "010594Y9021" not in response.text
    assert link(response.json(), "self") == f"{BASE}/Patient?_count=5"
    assert memory.disclosures[-1].query == body.encode()


async def test_a_posted_search_is_the_same_search(aino: httpx.AsyncClient, many: MemoryHub) -> None:
    posted = await aino.post("/fhir/Appointment/_search?_count=3", content="status=booked", headers=FORM)
    got = await aino.get("/fhir/Appointment?_count=3&status=booked")

    assert posted.content == got.content


async def test_a_posted_search_without_a_body(aino: httpx.AsyncClient, many: MemoryHub) -> None:
    assert (await aino.post("/fhir/Appointment/_search")).json()["total"] == 7


async def test_free_times(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    query = (
        "status=free&start=ge2027-03-22&start=lt2027-04-05&service-type=EE&service-category=urn:oid:1.2.246.537.6.50|SOTE3"
        "&schedule=Schedule/cal1&schedule.actor=Location/loc1,Practitioner/p1&municipality=434&sector=health&language=sv"
    )
    response = await aino.get(f"/fhir/Slot?{query}&_count=2")

    assert len(response.json()["entry"]) == 2
    asked = memory.asked[-1][1]
    assert isinstance(asked, SlotQuery)
    assert asked.start == datetime.fromisoformat("2027-03-22T00:00:00+02:00")
    assert asked.end == datetime.fromisoformat("2027-04-05T00:00:00+03:00")
    assert asked.service_type == (Token(None, "EE"),)
    assert [(a.kind, a.id) for a in asked.actor] == [("Location", "loc1"), ("Practitioner", "p1")]
    assert (asked.municipality, asked.sector, asked.language) == (("434",), ("health",), ("sv",))


async def test_free_times_for_a_portal_alone_want_a_municipality(portal: httpx.AsyncClient) -> None:
    refused = await portal.get("/fhir/Slot?status=free")

    assert (refused.status_code, code_of(refused)) == (400, "municipality-required")
    assert (await portal.get("/fhir/Slot?status=free&municipality=434")).status_code == 200


@pytest.mark.parametrize(
    ("query", "code", "expression"),
    [
        ("Slot?foo=1", "unknown-parameter", "http.foo"),
        ("Slot?status=busy", "bad-parameter", "http.status"),
        ("Slot?status:not=free", "unknown-parameter", "http.status:not"),
        ("Slot?start=ne2027-03-22", "bad-parameter", "http.start"),
        ("Slot?start=2027-03-22,2027-03-23", "bad-parameter", "http.start"),
        ("Slot?start=2027-02-30", "bad-parameter", "http.start"),
        ("Slot?start=2027-03-28T03:30", "bad-parameter", "http.start"),
        ("Slot?start=ap2027", "bad-parameter", "http.start"),
        ("Slot?start=", "bad-parameter", "http.start"),
        ("Slot?sector=dental", "bad-parameter", "http.sector"),
        ("Slot?municipality=urn:x|434", "bad-parameter", "http.municipality"),
        ("Slot?municipality=434&municipality=638", "bad-parameter", "http.municipality"),
        ("Slot?schedule=Location/1", "bad-parameter", "http.schedule"),
        ("Slot?schedule=https://elsewhere.example/fhir/Schedule/1", "bad-parameter", "http.schedule"),
        ("Slot?_include=Slot:location", "bad-parameter", "http._include"),
        ("Slot?_has:Appointment:slot:status=booked", "unknown-parameter", "http._has:Appointment:slot:status"),
        ("Slot?_count=x", "bad-parameter", "http._count"),
        ("Slot?_count=-1", "bad-parameter", "http._count"),
        ("Slot?_count=1&_count=2", "bad-parameter", "http._count"),
        ("Slot?_sort=-start", "bad-parameter", "http._sort"),
        ("Slot?_summary=all", "bad-parameter", "http._summary"),
        ("Appointment?status=bookd", "bad-parameter", "http.status"),
        ("Appointment?patient.name=Eero", "unknown-parameter", "http.patient.name"),
        ("Appointment?patient:missing=true", "unknown-parameter", "http.patient:missing"),
        ("Appointment?_filter=x", "unknown-parameter", "http._filter"),
        ("Appointment?_sort=patient", "bad-parameter", "http._sort"),
        ("Appointment?_revinclude=*", "unknown-parameter", "http._revinclude"),
        ("Patient?_sort=date", "unknown-parameter", "http._sort"),
        ("Patient?name=Testinen", "unknown-parameter", "http.name"),
        ("Patient/aino?_summary=count", "bad-parameter", "http._summary"),
        ("Appointment?_cursor=after-x", "bad-cursor", "http._cursor"),
        ("Appointment?_id=a/b", "bad-parameter", "http._id"),
        ("Appointment?identifier=a|b|c", "bad-parameter", "http.identifier"),
        ("Appointment?date=%00", "bad-parameter", "http.date"),
        ("Appointment?date=%ff", "bad-parameter", "http.url"),
    ],
)
async def test_what_is_not_known_is_refused_by_name(
    aino: httpx.AsyncClient, query: str, code: str, expression: str | None
) -> None:
    response = await aino.get(f"/fhir/{query}")

    assert (response.status_code, code_of(response)) == (400, code)
    assert response.json()["issue"][0].get("expression", [None]) == [expression]


async def test_the_known_ones_are_listed(aino: httpx.AsyncClient) -> None:
    response = await aino.get("/fhir/Slot?kunta=434")

    assert "municipality" in response.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("status=" + ",".join(["booked"] * 500), "too-costly"),
        ("&".join(["status=booked"] * 60), "too-costly"),
        ("date=" + "2" * 3000, "too-costly"),
    ],
    ids=["values", "parameters", "length"],
)
async def test_too_much_is_refused(aino: httpx.AsyncClient, query: str, code: str) -> None:
    response = await aino.get(f"/fhir/Appointment?{query}")

    assert (response.status_code, code_of(response)) == (400, code)


@pytest.mark.parametrize("kind", ["Appointment", "Slot", "Location", "SearchParameter"])
async def test_a_huge_count_is_made_smaller_and_says_so(aino: httpx.AsyncClient, kind: str) -> None:
    bundle = (await aino.get(f"/fhir/{kind}?_count=999999999", headers={"accept-language": "en"})).json()

    assert bundle["link"][0]["url"] == f"{BASE}/{kind}?_count=200"
    notes = [entry["resource"] for entry in bundle["entry"] if entry["search"]["mode"] == "outcome"]
    issue = notes[0]["issue"][0]
    assert (len(notes), issue["severity"], issue["expression"]) == (1, "information", ["http._count"])
    assert issue["details"]["coding"][0]["code"] == "fewer"


async def test_the_use_case_is_asked_for_a_page(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    await aino.get("/fhir/Appointment?_count=999999999")

    assert memory.asked[-1][1][2].count == 200


@pytest.mark.parametrize("query", ["_count=200", "_count=999&_summary=count", "_count=0", ""])
async def test_nothing_is_said_where_nothing_is_held_back(aino: httpx.AsyncClient, query: str) -> None:
    bundle = (await aino.get(f"/fhir/Location?{query}")).json()

    assert all(entry["search"]["mode"] == "match" for entry in bundle.get("entry", ()))
    assert bundle["link"][0]["url"].removeprefix(f"{BASE}/Location").removeprefix("?") == query


async def test_parameter_names_that_may_be_personal_are_not_repeated(aino: httpx.AsyncClient) -> None:
    name = base64.b64encode(b"Aino Testinen, Porvoo").decode()
    response = await aino.get("/fhir/Slot", params={name: "1"})

    assert response.status_code == 400
    assert name not in response.text


async def test_descending(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    await aino.get("/fhir/Appointment?_sort=-date")

    assert memory.asked[-1][1][2].descending is True


async def test_published_search_parameters(anybody: httpx.AsyncClient) -> None:
    bundle = (await anybody.get("/fhir/SearchParameter")).json()
    one = (await anybody.get("/fhir/SearchParameter/Slot-municipality")).json()

    assert ids(bundle) == ["Slot-municipality", "Slot-sector", "Slot-language"]
    assert (one["code"], one["base"], one["type"]) == ("municipality", ["Slot"], "token")
    assert (await anybody.get("/fhir/SearchParameter?_id=Slot-sector")).json()["total"] == 1
    assert (await anybody.get("/fhir/SearchParameter/nope")).status_code == 404


async def test_by_source(aino: httpx.AsyncClient) -> None:
    await aino.post("/fhir/Appointment", json=booking(), headers={"content-type": "application/fhir+json"})
    url = "/fhir/Appointment?_source=https://sotesilta.example/source/"

    assert (await aino.get(f"{url}pegasos-loviisa")).json()["total"] == 1
    assert (await aino.get(f"{url}lifecare-porvoo")).json()["total"] == 0
