"""While a record system is silent its appointments are shown as they were last known, and say so."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import pytest

from adapters.memory import Fault
from canonical import codes
from canonical.validate import validate

from .conftest import Portal


def codes_of(resource: dict[str, Any]) -> list[str]:
    return [tag["code"] for tag in resource["meta"]["tag"] if tag["system"] == codes.SYNC_STATE]


def as_of(resource: dict[str, Any]) -> datetime:
    found = {one["url"]: one["valueInstant"] for one in resource["meta"]["extension"]}
    return datetime.fromisoformat(found[codes.AS_OF_EXTENSION])


@pytest.fixture
async def booked(portal: Portal) -> dict[str, Any]:
    answer = await portal.book((await portal.slots())[0])
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def matches(portal: Portal) -> tuple[httpx.Response, list[dict[str, Any]]]:
    answer = await portal.client.get("/fhir/Appointment")
    return answer, [e["resource"] for e in answer.json()["entry"] if e["search"]["mode"] == "match"]


async def test_a_read_is_tagged_with_its_time(portal: Portal, booked: dict[str, Any]) -> None:
    portal.record_system.wire.arm(Fault("refuse-connection", "read"))
    stale = await portal.client.get(f"/fhir/Appointment/{booked['id']}")

    assert codes_of(stale.json()) == ["confirmed", "stale"]
    assert as_of(stale.json()) == datetime.fromisoformat(stale.headers["sotesilta-as-of"])
    assert stale.headers["warning"].startswith("111 - ")
    assert (stale.headers["etag"], validate(stale.json())) == ('W/"1"', [])

    portal.record_system.wire.disarm()
    fresh = await portal.client.get(f"/fhir/Appointment/{booked['id']}")
    assert fresh.json() == booked


async def test_a_search_tags_what_is_of_the_silent_system(portal: Portal, booked: dict[str, Any]) -> None:
    portal.record_system.wire.arm(Fault("refuse-connection", "list"))
    answer, found = await matches(portal)

    assert [e["search"]["mode"] for e in answer.json()["entry"]] == ["match", "outcome"]
    assert [codes_of(one) for one in found] == [["confirmed", "stale"]]
    assert as_of(found[0]) <= datetime.now().astimezone()

    portal.record_system.wire.disarm()
    assert (await matches(portal))[1] == [booked]


async def test_what_was_stale_can_be_cancelled_as_it_was_read(portal: Portal, booked: dict[str, Any]) -> None:
    portal.record_system.wire.arm(Fault("refuse-connection", "read"))
    stale = (await portal.client.get(f"/fhir/Appointment/{booked['id']}")).json()
    portal.record_system.wire.disarm()

    answer = await portal.client.put(
        f"/fhir/Appointment/{booked['id']}", json=stale | {"status": "cancelled"}, headers={"if-match": 'W/"1"'}
    )
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
