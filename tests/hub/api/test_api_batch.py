"""A batch: several requests in one, each answered as if it had come alone."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from hub.api.batch import MOST_ENTRIES

from .conftest import AINO, EERO, SENT, MemoryHub, booking, code_of


def get(url: str, **more: Any) -> dict[str, Any]:
    return {"request": {"method": "GET", "url": url, **more}}


def post(resource: dict[str, Any], url: str = "Appointment", **more: Any) -> dict[str, Any]:
    return {"resource": resource, "request": {"method": "POST", "url": url, **more}}


async def send(client: httpx.AsyncClient, *entries: dict[str, Any], **headers: str) -> list[dict[str, Any]]:
    bundle = {"resourceType": "Bundle", "type": "batch"} | ({"entry": list(entries)} if entries else {})
    response = await client.post("/fhir", json=bundle, headers=SENT | headers)
    assert response.status_code == 200, response.text
    told = response.json()
    assert told["type"] == "batch-response"
    return list(told.get("entry", []))


def statuses(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["response"]["status"][:3] for entry in entries]


def code(entry: dict[str, Any]) -> str:
    found: str = entry["response"]["outcome"]["issue"][0]["details"]["coding"][0]["code"]
    return found


async def test_reads_searches_bookings_and_cancels_side_by_side(aino: httpx.AsyncClient) -> None:
    made = await aino.post("/fhir/Appointment", json=booking("free2"), headers=SENT)
    cancel = {"method": "PUT", "url": f"Appointment/{made.json()['id']}", "ifMatch": made.headers["etag"]}

    told = await send(
        aino,
        get("Location/loc1"),
        get("http://hub.test/fhir/Slot?status=free&_count=1"),
        post(booking()),
        {"resource": made.json() | {"status": "cancelled"}, "request": cancel},
        get("Location/loc1", ifNoneMatch='W/"1"'),
    )
    assert statuses(told) == ["200", "200", "201", "200", "304"]
    assert [e["resource"]["resourceType"] for e in told[:4]] == ["Location", "Bundle", "Appointment", "Appointment"]
    assert told[0]["response"]["etag"] == 'W/"1"'
    assert told[0]["response"]["lastModified"]
    assert told[2]["response"]["location"].endswith(f"{told[2]['resource']['id']}/_history/1")
    assert told[3]["resource"]["status"] == "cancelled"
    assert "resource" not in told[4]


async def test_one_that_fails_leaves_the_others_alone(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    told = await send(
        aino,
        post(booking("taken")),
        post({"resourceType": "Appointment"}),
        get(f"Patient/{EERO}"),
        get("Nope/1"),
        {"request": {"method": "DELETE", "url": "Appointment/1"}},
        get("Slot?nope=1"),
        post(booking("lost")),
        get(f"Patient/{AINO}"),
    )
    assert statuses(told) == ["409", "400", "404", "404", "405", "400", "202", "200"]
    assert [code(one) for one in told[:7]] == [
        "slot-taken",
        "required-element",
        "not-found",
        "unknown-path",
        "method-not-allowed",
        "unknown-parameter",
        "outcome-unknown",
    ]
    assert told[6]["response"]["location"] == "http://hub.test/fhir/Task/task1"
    assert [one.event for one in memory.disclosures][-1] == "Bundle.batch"
    assert len(memory.disclosures) == 9, "each has its audit record, and the batch its own"


async def test_what_was_not_carried_is_said_there_too(aino: httpx.AsyncClient) -> None:
    told = await send(aino, post(booking(priority=1)))
    assert (statuses(told), code(told[0])) == (["201"], "not-carried")
    assert told[0]["resource"]["status"] == "booked"


async def test_a_key_of_the_batch_is_a_key_of_each(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    entries = [post(booking("free1")), post(booking("free2"))]
    first = await send(aino, *entries, **{"idempotency-key": "k1"})
    second = await send(aino, *entries, **{"idempotency-key": "k1"})

    assert statuses(second) == ["201", "201"]
    assert [e["resource"] for e in first] == [e["resource"] for e in second]
    assert {request.key for what, request in memory.asked if what == "book"} == {"k1/0", "k1/1"}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (get("Patient?identifier=131052-308T"), "hetu-in-url"),
        (get("Patient?identifier=131052%2D308T"), "hetu-in-url"),
        (get("Slot?access_token=abc"), "token-in-url"),
        (get("https://elsewhere.test/fhir/Slot"), "bad-value"),
        (post({"resourceType": "Bundle", "type": "batch"}, ""), "unknown-path"),
        (post({"resourceType": "Bundle", "type": "batch"}, "http://hub.test/fhir/"), "unknown-path"),
    ],
)
async def test_what_is_refused_alone_is_refused_here(
    aino: httpx.AsyncClient, entry: dict[str, Any], expected: str
) -> None:
    if not entry["request"]["url"]:
        entry["request"]["url"] = "/"
    assert code((await send(aino, entry))[0]) == expected


async def test_an_empty_batch(aino: httpx.AsyncClient) -> None:
    assert await send(aino) == []


@pytest.mark.parametrize(
    ("bundle", "status", "expected"),
    [
        ({"resourceType": "Bundle", "type": "transaction"}, 422, "not-supported"),
        ({"resourceType": "Bundle", "type": "searchset"}, 422, "business-rule"),
        ({"resourceType": "Bundle", "type": "nope"}, 400, "bad-value"),
        ({"resourceType": "Appointment"}, 400, "bad-structure"),
        ({"resourceType": "Bundle", "type": "batch", "entry": [{"fullUrl": "urn:x"}]}, 400, "invariant"),
        ({"resourceType": "Bundle", "type": "batch", "entry": [3]}, 400, "bad-structure"),
        ({"resourceType": "Bundle", "type": "batch", "entry": [get("Slot")] * (MOST_ENTRIES + 1)}, 400, "too-costly"),
    ],
)
async def test_what_is_no_batch(
    aino: httpx.AsyncClient, bundle: dict[str, Any], status: int, expected: str, memory: MemoryHub
) -> None:
    response = await aino.post("/fhir", json=bundle, headers=SENT)
    assert (response.status_code, code_of(response)) == (status, expected)
    assert memory.asked == []


async def test_without_a_token_nothing_is_read(anybody: httpx.AsyncClient) -> None:
    response = await anybody.post("/fhir", json={"resourceType": "Bundle", "type": "batch"}, headers=SENT)
    assert (response.status_code, code_of(response)) == (401, "login")
    assert (await anybody.get("/fhir")).status_code in (401, 404)
