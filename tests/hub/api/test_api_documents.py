"""What the API says of itself: CapabilityStatement, OpenAPI, pages, probes."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx
import jsonschema_rs
import pytest

from adapters.base import Capability, Profile
from hub.api import capability
from hub.api.app import make_app
from hub.api.interactions import KINDS
from hub.api.settings import ApiSettings
from hub.config import HubSection

from .conftest import SENT, MemoryHub, booking


class TestCapabilityStatement:
    async def test_it_needs_no_token(self, anybody: httpx.AsyncClient) -> None:
        response = await anybody.get("/fhir/metadata")

        statement = response.json()
        assert (response.status_code, statement["fhirVersion"], statement["kind"]) == (200, "4.0.1", "instance")
        assert statement["implementation"]["url"] == "http://hub.test/fhir"

    async def test_it_lists_what_is_served(self, anybody: httpx.AsyncClient) -> None:
        rest = (await anybody.get("/fhir/metadata")).json()["rest"][0]
        resources = {one["type"]: one for one in rest["resource"]}

        assert set(resources) == set(KINDS)
        appointment = resources["Appointment"]
        assert {one["code"] for one in appointment["interaction"]} == {
            "read",
            "vread",
            "history-instance",
            "search-type",
            "create",
            "update",
        }
        assert appointment["versioning"] == "versioned-update"
        assert appointment["conditionalCreate"] is True
        assert {"status", "date", "patient"} <= {one["name"] for one in appointment["searchParam"]}
        own = {one["name"]: one.get("definition") for one in resources["Slot"]["searchParam"]}
        assert own["municipality"] == "https://sotesilta.example/fhir/SearchParameter/Slot-municipality"
        assert "pegasos-loviisa" in rest["documentation"]

    async def test_what_is_listed_is_served(self, aino: httpx.AsyncClient) -> None:
        rest = (await aino.get("/fhir/metadata")).json()["rest"][0]
        for one in rest["resource"]:
            codes = {i["code"] for i in one["interaction"]}
            assert ((await aino.get(f"/fhir/{one['type']}")).status_code == 200) == ("search-type" in codes)
            assert ((await aino.post(f"/fhir/{one['type']}")).status_code != 405) == ("create" in codes)
            assert ((await aino.put(f"/fhir/{one['type']}/x")).status_code != 405) == ("update" in codes)

    async def test_what_no_installation_can_is_not_in_it(self, memory: MemoryHub, settings: ApiSettings) -> None:
        can = Profile(frozenset({Capability.CANCEL}), {Capability.BOOK: "read only"}, 5, 10, 100)
        states = [replace(one, profile=can) for one in await memory.installations()]
        statement = capability.statement(states, settings)

        appointment = next(r for r in statement["rest"][0]["resource"] if r["type"] == "Appointment")
        assert [i["code"] for i in appointment["interaction"]] == [
            "read",
            "vread",
            "history-instance",
            "search-type",
            "update",
        ]
        assert appointment["conditionalCreate"] is False
        assert "not `book`: read only" in statement["rest"][0]["documentation"]


class TestOpenApi:
    async def test_it_is_openapi(self, anybody: httpx.AsyncClient) -> None:
        document = (await anybody.get("/openapi.json")).json()

        assert document["openapi"] == "3.1.0"
        assert {"/fhir/metadata", "/fhir/Slot", "/fhir/Appointment/{id}", "/fhir/Patient/_search"} <= set(
            document["paths"]
        )
        assert set(document["paths"]["/fhir/Appointment"]) == {"get", "post"}
        for schema in document["components"]["schemas"].values():
            jsonschema_rs.meta.validate(schema)

    async def test_every_reference_leads_somewhere(self, anybody: httpx.AsyncClient) -> None:
        for path in ("/openapi.json", *(f"/openapi/{kind}.json" for kind in KINDS)):
            text = (await anybody.get(path)).text
            components = (await anybody.get(path)).json()["components"]
            for section, name in re.findall(r'"#/components/(\w+)/([\w-]+)"', text):
                assert name in components[section], path

    async def test_one_type_is_small(self, anybody: httpx.AsyncClient) -> None:
        response = await anybody.get("/openapi/Appointment.json")

        assert all(path.startswith("/fhir/Appointment") for path in response.json()["paths"])
        assert len(response.content) < 60_000
        assert (await anybody.get("/openapi/Nope.json")).status_code == 404

    async def test_answers_are_as_described(self, aino: httpx.AsyncClient) -> None:
        document = (await aino.get("/openapi.json")).json()
        made = await aino.post("/fhir/Appointment", json=booking(), headers=SENT)
        for name, body in {
            "Appointment": made,
            "Bundle": await aino.get("/fhir/Slot"),
            "OperationOutcome": await aino.get("/fhir/Slot?x=1"),
            "CapabilityStatement": await aino.get("/fhir/metadata"),
            "Patient": await aino.get("/fhir/Patient/aino"),
        }.items():
            schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
            jsonschema_rs.validate(schema, body.json())

    async def test_the_booking_described_is_the_booking_taken(self, aino: httpx.AsyncClient) -> None:
        components = (await aino.get("/openapi.json")).json()["components"]
        schema = {"$ref": "#/components/schemas/Booking", "components": components}

        jsonschema_rs.validate(schema, booking(comment="x", minutesDuration=30))
        for wrong in (booking(status="arrived"), booking(slot=None), booking(priority=1)):
            assert not jsonschema_rs.is_valid(schema, wrong)

    async def test_it_says_whose_a_key_is_and_how_live_free_times_are(self, anybody: httpx.AsyncClient) -> None:
        paths = (await anybody.get("/openapi.json")).json()["paths"]
        page = (await anybody.get("/docs")).text

        for write in (paths["/fhir/Appointment"]["post"], paths["/fhir/Appointment/{id}"]["put"]):
            key = next(one for one in write["parameters"] if one["name"] == "Idempotency-Key")
            assert "one client (portal), one resident, the person they act for, and one route" in key["description"]
        assert "one portal, one resident, the person they act for, and one route" in page
        assert "for at most 2 seconds" in paths["/fhir/Slot"]["get"]["description"]
        assert HubSection.model_fields["shared_for"].default == 2
        assert "shared for at most two seconds" in page


class TestPages:
    async def test_examples_hold_a_working_token(self, anybody: httpx.AsyncClient) -> None:
        page = await anybody.get("/docs")

        assert page.status_code == 200
        urls = re.findall(
            r'Bearer (\S+?)" "?(http://hub\.test/fhir/[^"\s]+)"', page.text.replace("&#34;", '"').replace("&amp;", "&")
        )
        assert len(urls) >= 4
        for token, url in urls:
            answer = await anybody.get(url, headers={"authorization": f"Bearer {token}"})
            assert answer.status_code in (200, 404), url
            assert answer.status_code == 200 or "APPOINTMENT-ID" in url

    async def test_without_examples_there_is_no_token(self, memory: MemoryHub, settings: ApiSettings) -> None:
        app = make_app(memory, memory, replace(settings, examples={}))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub.test") as client:
            page = await client.get("/docs")

        assert "sbx_" not in page.text
        assert "Bearer $TOKEN" in page.text

    async def test_a_page_may_load_its_style_and_nothing_else(self, anybody: httpx.AsyncClient) -> None:
        page = await anybody.get("/docs")

        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert not re.search(r"<script|<style| style=| on\w+=", page.text)
        assert (await anybody.get("/pages.css")).headers["content-type"].startswith("text/css")

    async def test_home_and_nowhere(self, anybody: httpx.AsyncClient) -> None:
        assert (await anybody.get("/")).headers["location"] == "/docs"
        assert (await anybody.get("/nowhere")).status_code == 404


class TestProbes:
    async def test_alive(self, anybody: httpx.AsyncClient, memory: MemoryHub) -> None:
        memory.store_up = False
        assert (await anybody.get("/healthz")).status_code == 200

    @pytest.mark.parametrize(("up", "status"), [(True, 200), (False, 503)])
    async def test_ready(self, anybody: httpx.AsyncClient, memory: MemoryHub, up: bool, status: int) -> None:
        memory.store_up = up
        response = await anybody.get("/readyz")

        assert response.status_code == status
        assert response.json()["installations"]["lifecare-porvoo"]["up"] is False
