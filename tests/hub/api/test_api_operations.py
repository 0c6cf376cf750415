"""`$find`, `$hold`, `$book` and `$release`: IHE ITI Scheduling beside plain REST."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import pytest

from hub.api.operations import HELD_UNTIL, OPERATIONS
from hub.usecases.ports import Failed

from .conftest import AINO, EERO, SENT, MemoryHub, booking, code_of


def parameters(*given: tuple[str, str, Any]) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": n, f"value{kind}": v} for n, kind, v in given]}


def proposed(identity: str = "free1") -> dict[str, Any]:
    return parameters(("appointment-reference", "Reference", {"reference": f"Appointment/{identity}"}))


async def call(client: httpx.AsyncClient, name: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    return await client.post(f"/fhir/Appointment/${name}", json=body, headers=SENT | headers)


class TestFind:
    async def test_the_free_times_as_appointments_they_could_become(self, aino: httpx.AsyncClient) -> None:
        bundle = (await aino.get("/fhir/Appointment/$find?start=2027-03-22&end=2027-03-31&_count=2")).json()

        first = bundle["entry"][0]["resource"]
        assert (bundle["type"], len(bundle["entry"])) == ("searchset", 2)
        assert (first["status"], first["minutesDuration"]) == ("proposed", 30)
        assert first["slot"] == [{"reference": "Slot/free1"}]
        people = [(one["actor"]["reference"], one["status"]) for one in first["participant"]]
        assert people == [(f"Patient/{AINO}", "needs-action"), ("Location/loc1", "accepted")]
        assert bundle["entry"][0]["fullUrl"] == "http://hub.test/fhir/Appointment/free1"

    async def test_post_asks_the_same(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        given = parameters(
            ("start", "DateTime", "2027-03-23T08:00:00+02:00"),
            ("end", "DateTime", "2027-03-25"),
            ("visit-type", "String", "urn:oid:1.2.246.537.6.49|EE"),
            ("practitioner", "Reference", {"reference": "Practitioner/p1"}),
            ("location-reference", "Reference", {"reference": "http://hub.test/fhir/Location/loc1"}),
            ("patient-reference", "Reference", {"reference": f"Patient/{AINO}"}),
            ("_count", "Integer", 3),
        )
        assert (await call(aino, "find", given)).status_code == 200
        asked = memory.asked[-1][1]
        assert asked.start == datetime.fromisoformat("2027-03-23T08:00:00+02:00")
        assert asked.end == datetime.fromisoformat("2027-03-26T00:00:00+02:00"), "a day counts whole"
        assert [one.code for one in asked.service_type] == ["EE"]
        assert [[(r.kind, r.id) for r in several] for several in asked.around] == [
            [("Practitioner", "p1")],
            [("Location", "loc1")],
        ]

        query = {one["name"]: next(v for k, v in one.items() if k != "name") for one in given["parameter"]}
        flat = {n: v["reference"] if isinstance(v, dict) else v for n, v in query.items()}
        assert (await aino.get("/fhir/Appointment/$find", params=flat)).status_code == 200
        assert memory.asked[-1][1] == asked

    async def test_an_end_with_a_time_is_that_time(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        await aino.get("/fhir/Appointment/$find", params={"end": "2027-03-23T10:00:00+02:00"})
        assert memory.asked[-1][1].end == datetime.fromisoformat("2027-03-23T10:00:00+02:00")

    async def test_the_next_link_goes_on(self, aino: httpx.AsyncClient) -> None:
        url, seen = "/fhir/Appointment/$find?_count=3", []
        while url:
            bundle = (await aino.get(url)).json()
            seen += [entry["resource"]["id"] for entry in bundle["entry"]]
            url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
        assert (len(seen), len(set(seen))) == (7, 7)

    @pytest.mark.parametrize(
        ("query", "status", "expected"),
        [
            ("reason=x|y", 400, "unknown-parameter"),
            ("location-string=Loviisa", 400, "unknown-parameter"),
            ("start=soon", 400, "bad-parameter"),
            (f"patient-reference=Patient/{EERO}", 403, "another-patient"),
        ],
    )
    async def test_what_cannot_be_asked(self, aino: httpx.AsyncClient, query: str, status: int, expected: str) -> None:
        response = await aino.get(f"/fhir/Appointment/$find?{query}")
        assert (response.status_code, code_of(response)) == (status, expected)

    async def test_a_logical_reference_is_refused(self, aino: httpx.AsyncClient) -> None:
        named = {"identifier": {"system": "urn:oid:1.2", "value": "7"}}
        response = await call(aino, "find", parameters(("practitioner", "Reference", named)))
        assert (response.status_code, code_of(response)) == (422, "not-supported")

    async def test_a_portal_names_the_municipality(self, portal: httpx.AsyncClient) -> None:
        assert code_of(await portal.get("/fhir/Appointment/$find")) == "municipality-required"
        assert (await portal.get("/fhir/Appointment/$find?municipality=434")).status_code == 200


class TestHold:
    async def test_it_is_pending_until_then(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        response = await call(aino, "hold", proposed())

        (entry,) = response.json()["entry"]
        assert (response.status_code, entry["resource"]["status"]) == (200, "pending")
        assert entry["resource"]["extension"] == [{"url": HELD_UNTIL, "valueInstant": "2027-03-22T11:10:00+02:00"}]
        what, asked = memory.asked[-1]
        assert (what, asked.slot_id, asked.patient) == ("hold", "free1", AINO)
        assert (memory.disclosures[-1].event, memory.disclosures[-1].released) == ("Appointment.hold", ("Slot/free1",))

    async def test_nobody_knows_yet(self, aino: httpx.AsyncClient) -> None:
        response = await call(aino, "hold", proposed("lost"))
        assert (response.status_code, code_of(response)) == (202, "outcome-unknown")
        assert response.headers["content-location"].endswith("/Task/task1")

    async def test_where_it_cannot_be_the_capability_is_named(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        memory.fails = Failed("not-supported", "hold: Pegasos keeps no time", facts={"what": "hold: keeps none"})
        response = await call(aino, "hold", proposed())
        assert (response.status_code, code_of(response)) == (422, "not-supported")
        assert "hold" in response.json()["issue"][0]["diagnostics"]

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (parameters(), "required-element"),
            ({"resourceType": "Parameters"}, "required-element"),
            (parameters(("appointment-reference", "Reference", {"reference": "Patient/1"})), "unknown-slot"),
            (parameters(("slot", "String", "x")), "not-supported"),
            ({"resourceType": "Patient"}, "bad-structure"),
        ],
    )
    async def test_what_names_no_time(
        self, aino: httpx.AsyncClient, body: dict[str, Any], expected: str, memory: MemoryHub
    ) -> None:
        if body.get("parameter") == []:
            del body["parameter"]
        assert code_of(await call(aino, "hold", body)) == expected
        assert memory.asked == []

    async def test_only_by_post_and_for_a_resident(self, portal: httpx.AsyncClient) -> None:
        response = await portal.get("/fhir/Appointment/$hold")
        assert (response.status_code, response.headers["allow"]) == (405, "POST")
        assert code_of(await call(portal, "hold", proposed())) == "forbidden"

    async def test_it_can_be_given_back(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        response = await call(aino, "release", proposed("free2"))
        assert (response.status_code, code_of(response)) == (200, "done")
        assert memory.asked[-1][1].slot_id == "free2"
        assert memory.disclosures[-1].released == ("Slot/free2",)
        lost = await call(aino, "release", proposed("lost"))
        assert (lost.status_code, code_of(lost)) == (202, "outcome-unknown")
        assert lost.headers["content-location"].endswith("/Task/task1")


class TestBook:
    async def test_a_proposed_appointment_is_booked(self, aino: httpx.AsyncClient) -> None:
        response = await call(aino, "book", proposed())

        (entry,) = response.json()["entry"]
        assert (response.status_code, entry["resource"]["status"]) == (201, "booked")
        assert response.headers["location"].endswith(f"/{entry['resource']['id']}/_history/1")
        assert (await aino.get(entry["fullUrl"])).json() == entry["resource"]

    async def test_an_appointment_is_booked_as_by_post(self, aino: httpx.AsyncClient) -> None:
        one = await call(aino, "book", booking("free1"))
        other = await aino.post("/fhir/Appointment", json=booking("free2"), headers=SENT)
        assert (one.status_code, one.json()["resourceType"]) == (201, "Appointment")
        assert set(one.json()) == set(other.json())

    async def test_the_same_key_gets_the_same_answer(self, aino: httpx.AsyncClient) -> None:
        first, second = [await call(aino, "book", proposed(), **{"idempotency-key": "k"}) for _ in range(2)]
        assert first.content == second.content
        assert second.headers["idempotent-replayed"] == "true"

    async def test_a_taken_time_is_told_as_ever(self, aino: httpx.AsyncClient) -> None:
        response = await call(aino, "book", proposed("taken"))
        assert (response.status_code, code_of(response)) == (409, "slot-taken")

    async def test_minimal_is_minimal(self, aino: httpx.AsyncClient) -> None:
        response = await call(aino, "book", proposed(), prefer="return=minimal")
        assert (response.status_code, response.content) == (201, b"")


async def test_the_statement_lists_them(aino: httpx.AsyncClient) -> None:
    rest = (await aino.get("/fhir/metadata")).json()["rest"][0]
    appointment = next(one for one in rest["resource"] if one["type"] == "Appointment")
    told = {one["name"]: one["definition"] for one in appointment["operation"]}
    assert set(told) == {"find", "book"}, "nobody here keeps times"
    assert told["find"] == OPERATIONS["find"].definition


@pytest.mark.parametrize(
    "path",
    ["StructureDefinition/abilities", "StructureDefinition/held-until", "OperationDefinition/Appointment-release"],
)
async def test_our_own_definitions_are_published(anybody: httpx.AsyncClient, path: str) -> None:
    """That they are valid R4 is checked of every answer."""
    response = await anybody.get(f"/fhir/{path}")
    assert response.status_code == 200
    kind, _, identity = path.partition("/")
    found = (await anybody.get(f"/fhir/{kind}?_id={identity}")).json()
    assert [entry["resource"] for entry in found["entry"]] == [response.json()]
