"""How much of a resource is sent, what comes with it, and its history."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from hub.api.shaping import SUBSETTED

from .conftest import AINO, EERO, SENT, MemoryHub, booking, code_of


def entries(response: httpx.Response, mode: str = "match") -> list[dict[str, Any]]:
    return [e["resource"] for e in response.json().get("entry", ()) if e["search"]["mode"] == mode]


@pytest.fixture
async def booked(aino: httpx.AsyncClient) -> str:
    response = await aino.post("/fhir/Appointment", json=booking(comment="Yskä"), headers=SENT)
    assert response.status_code == 201
    return str(response.json()["id"])


class TestElements:
    async def test_only_what_is_named_and_what_must_be_there(self, aino: httpx.AsyncClient, booked: str) -> None:
        read = (await aino.get(f"/fhir/Appointment/{booked}?_elements=slot")).json()

        assert set(read) == {"resourceType", "id", "meta", "status", "participant", "start", "end", "slot"}
        assert SUBSETTED in read["meta"]["tag"]
        found = entries(await aino.get("/fhir/Appointment?_elements=slot"))
        assert found == [read]

    async def test_the_entity_tag_is_that_of_the_whole(self, aino: httpx.AsyncClient, booked: str) -> None:
        whole, part = [await aino.get(f"/fhir/Appointment/{booked}{q}") for q in ("", "?_elements=comment")]
        assert part.headers["etag"] == whole.headers["etag"]
        seen = {"if-none-match": part.headers["etag"]}
        assert (await aino.get(f"/fhir/Appointment/{booked}?_elements=comment", headers=seen)).status_code == 304

    @pytest.mark.parametrize("query", ["_elements=nope", "_elements=", "_elements=start&_summary=true"])
    async def test_what_is_no_element_is_refused(self, aino: httpx.AsyncClient, booked: str, query: str) -> None:
        for path in (f"/fhir/Appointment/{booked}", "/fhir/Appointment"):
            response = await aino.get(f"{path}?{query}")
            assert (response.status_code, code_of(response)) == (400, "bad-parameter")


class TestSummary:
    async def test_true_leaves_the_rest_out(self, aino: httpx.AsyncClient, booked: str) -> None:
        read = (await aino.get(f"/fhir/Appointment/{booked}?_summary=true")).json()
        assert "comment" not in read
        assert {"start", "end", "status", "participant"} <= set(read)

    async def test_data_leaves_the_narrative_out(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        text = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Terveysasema</div>'}
        memory.put({"resourceType": "Location", "id": "loc2", "name": "Terveysasema", "text": text}, None)

        shown = {q: (await aino.get(f"/fhir/Location/loc2?_summary={q}")).json() for q in ("false", "data", "text")}
        assert [("text" in one, "name" in one) for one in shown.values()] == [
            (True, True),
            (False, True),
            (True, False),
        ]
        assert SUBSETTED not in shown["false"]["meta"].get("tag", [])

    async def test_a_read_has_no_count(self, aino: httpx.AsyncClient) -> None:
        response = await aino.get("/fhir/Location/loc1?_summary=count")
        assert (response.status_code, code_of(response)) == (400, "bad-parameter")

    async def test_an_outcome_stays_whole(self, aino: httpx.AsyncClient) -> None:
        response = await aino.get("/fhir/Location?_count=500&_summary=true")
        assert entries(response, "outcome")[0]["issue"]


class TestInclude:
    async def test_what_a_slot_leads_to_comes_once(self, aino: httpx.AsyncClient) -> None:
        response = await aino.get("/fhir/Slot?_include=Slot:schedule&_include:iterate=Schedule:actor")

        assert len(entries(response)) == 7
        assert [(one["resourceType"], one["id"]) for one in entries(response, "include")] == [
            ("Schedule", "cal1"),
            ("Location", "loc1"),
        ]

    async def test_not_further_than_asked(self, aino: httpx.AsyncClient) -> None:
        response = await aino.get("/fhir/Slot?_include=Slot:schedule")
        assert [one["resourceType"] for one in entries(response, "include")] == ["Schedule"]

    @pytest.mark.parametrize(
        ("include", "kinds"),
        [
            ("Appointment:actor", ["Patient", "Location"]),
            ("Appointment:actor:Location", ["Location"]),
            ("Appointment:location", ["Location"]),
            ("Appointment:patient", ["Patient"]),
            ("Appointment:practitioner", []),
        ],
    )
    async def test_of_an_appointment(
        self, aino: httpx.AsyncClient, booked: str, include: str, kinds: list[str]
    ) -> None:
        response = await aino.get(f"/fhir/Appointment?_include={include}")
        assert [one["resourceType"] for one in entries(response, "include")] == kinds

    async def test_nobody_elses_comes_along(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        actors = [f"Patient/{AINO}", f"Patient/{EERO}"]
        shared = booking() | {"id": "shared", "start": "2027-03-23T08:00:00+02:00", "end": "2027-03-23T09:00:00+02:00"}
        shared["participant"] = [{"actor": {"reference": one}, "status": "accepted"} for one in actors]
        memory.put(shared, AINO)

        response = await aino.get("/fhir/Appointment?_include=Appointment:patient")
        assert [one["id"] for one in entries(response, "include")] == [AINO]
        assert all(f"Patient/{EERO}" not in one.released for one in memory.disclosures)

    @pytest.mark.parametrize("include", ["Slot:nope", "Schedule:actor", "*", "Slot:schedule:Patient", "Task:focus"])
    async def test_what_leads_nowhere_is_refused(self, aino: httpx.AsyncClient, include: str) -> None:
        response = await aino.get(f"/fhir/Slot?_include={include}")
        assert (response.status_code, code_of(response)) == (400, "bad-parameter")

    async def test_the_statement_says_so(self, aino: httpx.AsyncClient) -> None:
        rest = (await aino.get("/fhir/metadata")).json()["rest"][0]
        said = {one["type"]: one.get("searchInclude", []) for one in rest["resource"]}
        assert said["Slot"] == ["Slot:schedule"]
        assert {"HealthcareService:organization", "HealthcareService:location"} <= set(said["HealthcareService"])
        for kind, several in said.items():
            for one in several:
                assert (await aino.get(f"/fhir/{kind}?_include={one}")).status_code == 200, one


class TestHistory:
    async def test_every_version_newest_first(self, aino: httpx.AsyncClient, booked: str) -> None:
        read = await aino.get(f"/fhir/Appointment/{booked}")
        sent = SENT | {"if-match": read.headers["etag"]}
        await aino.put(f"/fhir/Appointment/{booked}", json=read.json() | {"status": "cancelled"}, headers=sent)

        bundle = (await aino.get(f"/fhir/Appointment/{booked}/_history")).json()
        assert (bundle["type"], bundle["total"]) == ("history", 2)
        assert [e["resource"]["status"] for e in bundle["entry"]] == ["cancelled", "booked"]
        assert [e["request"]["method"] for e in bundle["entry"]] == ["PUT", "POST"]
        for entry in bundle["entry"]:
            version = entry["response"]["etag"].strip('W/"')
            vread = await aino.get(f"/fhir/Appointment/{booked}/_history/{version}")
            assert vread.json() == entry["resource"]

    async def test_in_pages(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        for n in range(4):
            memory.put({"resourceType": "Location", "id": "loc1", "name": f"Nimi {n}"}, None)
        url, seen = "/fhir/Location/loc1/_history?_count=2", []
        while url:
            bundle = (await aino.get(url)).json()
            seen += [entry["resource"]["meta"]["versionId"] for entry in bundle["entry"]]
            url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
        assert seen == ["5", "4", "3", "2", "1"]

    async def test_what_one_may_not_see_has_none(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        hidden = await aino.get(f"/fhir/Patient/{EERO}/_history")
        absent = await aino.get("/fhir/Patient/nobody/_history")
        assert hidden.status_code == absent.status_code == 404
        assert hidden.content == absent.content
        assert memory.disclosures[-1].event == "Patient.history"

    @pytest.mark.parametrize(("query", "code"), [("_x=1", "unknown-parameter"), ("_count=a", "bad-parameter")])
    async def test_strange_parameters(self, aino: httpx.AsyncClient, query: str, code: str) -> None:
        assert code_of(await aino.get(f"/fhir/Location/loc1/_history?{query}")) == code

    async def test_of_a_slot_there_is_none(self, aino: httpx.AsyncClient) -> None:
        assert (await aino.get("/fhir/Slot/free1/_history")).status_code == 404
