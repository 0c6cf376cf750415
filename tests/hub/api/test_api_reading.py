"""GET of one resource: headers, versions, freshness, and what is not there for whom."""

from __future__ import annotations

import json
from decimal import Decimal

import httpx
import pytest

from hub.usecases.ports import Failed

from .conftest import AINO, EERO, MemoryHub, booking, code_of


async def test_a_read_says_version_and_when_it_was_proven(aino: httpx.AsyncClient) -> None:
    response = await aino.get("/fhir/Patient/aino")

    assert response.status_code == 200
    assert response.headers["etag"] == 'W/"1"'
    assert response.headers["content-type"] == "application/fhir+json; charset=utf-8"
    assert response.headers["sotesilta-as-of"] == "2027-03-29T08:59:58.000+03:00"
    assert response.headers["last-modified"] == "Mon, 29 Mar 2027 05:59:00 GMT"
    assert "warning" not in response.headers


async def test_the_stored_bytes_are_the_answer(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    response = await aino.get("/fhir/Patient/aino")

    assert response.content == memory.stored["Patient", "aino"][-1]
    assert memory.asked == []


async def test_no_cache_asks_the_master(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    await aino.get("/fhir/Patient/aino", headers={"cache-control": "no-cache"})

    assert memory.asked == [("read", True)]


async def test_what_the_master_could_not_prove_is_marked(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    memory.stale = True
    response = await aino.get("/fhir/Patient/aino")

    assert response.headers["warning"].startswith('111 - "')


@pytest.mark.parametrize("tag", ['W/"1"', '"1"', '"7", W/"1"', "*"])
async def test_not_modified(aino: httpx.AsyncClient, tag: str) -> None:
    response = await aino.get("/fhir/Patient/aino", headers={"if-none-match": tag})

    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == 'W/"1"'


async def test_modified(aino: httpx.AsyncClient) -> None:
    response = await aino.get("/fhir/Patient/aino", headers={"if-none-match": 'W/"11"'})

    assert response.status_code == 200


async def test_versions_stay_readable(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    before = await aino.get("/fhir/Patient/aino")
    memory.put(json.loads(before.content) | {"birthDate": "1994-05-02"}, AINO)

    assert (await aino.get("/fhir/Patient/aino/_history/1")).content == before.content
    assert (await aino.get("/fhir/Patient/aino/_history/2")).headers["etag"] == 'W/"2"'


@pytest.mark.parametrize(
    "path", ["Patient/aino/_history/9", "Patient/aino/_history/x", "Patient/aino/_history/0", "Patient/a%20b"]
)
async def test_what_there_never_was(aino: httpx.AsyncClient, path: str) -> None:
    response = await aino.get(f"/fhir/{path}")

    assert (response.status_code, code_of(response)) == (404, "not-found")


@pytest.mark.parametrize("path", ["Patient/{}", "Patient/{}/_history/1", "Appointment/{}", "Appointment/{}/_history/1"])
async def test_hidden_and_absent_are_the_same_bytes(aino: httpx.AsyncClient, memory: MemoryHub, path: str) -> None:
    memory.put(booking(who=EERO) | {"id": EERO}, EERO)

    hidden = await aino.get(f"/fhir/{path.format(EERO)}")
    absent = await aino.get(f"/fhir/{path.format('nobody')}")
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert hidden.content == absent.content
    different = {"x-request-id"}
    assert {k: v for k, v in hidden.headers.items() if k not in different} == {
        k: v for k, v in absent.headers.items() if k not in different
    }


async def test_head_is_get_without_a_body(aino: httpx.AsyncClient) -> None:
    get, head = await aino.get("/fhir/Patient/aino"), await aino.head("/fhir/Patient/aino")

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
    assert head.headers["etag"] == get.headers["etag"]


async def test_pretty_keeps_digits(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    location = {"resourceType": "Location", "id": "loc2", "position": {"longitude": 0, "latitude": 0}}
    memory.put(location, None)
    raw = memory.stored["Location", "loc2"][-1].replace(b'"latitude": 0', b'"latitude": 60.10')
    memory.stored["Location", "loc2"][-1] = raw
    response = await aino.get("/fhir/Location/loc2?_pretty=true")

    assert response.text.count("\n") > 5
    assert (
        json.loads(response.content, parse_float=Decimal)["position"]["latitude"].as_tuple()
        == Decimal("60.10").as_tuple()
    )


async def test_a_taken_slot_reads_as_busy(aino: httpx.AsyncClient) -> None:
    response = await aino.get("/fhir/Slot/taken")

    assert response.json()["status"] == "busy"
    assert "etag" not in response.headers


async def test_a_silent_master_without_anything_stored(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    memory.fails = Failed("record-system-failed", retry_after=5)
    response = await aino.get("/fhir/Appointment/x")

    assert (response.status_code, response.headers["retry-after"]) == (424, "5")


@pytest.mark.parametrize("path", ["Patient", "Patient/aino", "Appointment", "Appointment/x", "Task", "Task/x"])
async def test_a_portal_alone_sees_no_person(portal: httpx.AsyncClient, memory: MemoryHub, path: str) -> None:
    response = await portal.get(f"/fhir/{path}")

    assert (response.status_code, code_of(response)) == (403, "forbidden")
    assert memory.asked == []
    assert memory.disclosures[-1].outcome == "forbidden"


async def test_a_portal_alone_reads_the_directory(portal: httpx.AsyncClient) -> None:
    assert (await portal.get("/fhir/Location/loc1")).status_code == 200
    assert (await portal.get("/fhir/Location")).json()["total"] == 1


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer nobody", "Basic c2J4X2Fpbm8=", "sbx_aino", "Bearer a b"]
)
@pytest.mark.parametrize("path", ["Patient/aino", "Slot", "Nope", "", "Appointment/$nope"])
async def test_who_is_not_logged_in_learns_nothing(
    anybody: httpx.AsyncClient, authorization: str | None, path: str
) -> None:
    if authorization is not None:
        anybody.headers["authorization"] = authorization
    response = await anybody.get(f"/fhir/{path}")

    assert (response.status_code, code_of(response)) == (401, "login")
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "Nope",
        "Nope/1",
        "Appointment/$nope",
        "Slot/x/_history",
        "Task/x/_history/1",
        "Patient/1/2/3/4/5",
        "AuditEvent",
    ],
)
async def test_addresses_that_are_not_there(aino: httpx.AsyncClient, path: str) -> None:
    response = await aino.get(f"/fhir/{path}")

    assert (response.status_code, code_of(response)) == (404, "unknown-path")
    assert response.json()["issue"][0]["code"] == "not-supported"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "Appointment/x", "GET, HEAD, PUT"),
        ("PATCH", "Appointment/x", "GET, HEAD, PUT"),
        ("PUT", "Patient/aino", "GET, HEAD"),
        ("POST", "Patient", "GET, HEAD"),
        ("POST", "Slot", "GET, HEAD"),
        ("DELETE", "Appointment", "GET, HEAD, POST"),
        ("GET", "Appointment/_search", "POST"),
        ("OPTIONS", "Appointment", "GET, HEAD, POST"),
        ("POST", "metadata", "GET, HEAD"),
        ("PUT", "Patient/aino/_history/1", "GET, HEAD"),
    ],
)
async def test_methods_that_are_not_there(aino: httpx.AsyncClient, method: str, path: str, allow: str) -> None:
    response = await aino.request(method, f"/fhir/{path}")

    assert (response.status_code, code_of(response)) == (405, "method-not-allowed")
    assert response.headers["allow"] == allow
    assert not any(name.startswith("access-control") for name in response.headers)
