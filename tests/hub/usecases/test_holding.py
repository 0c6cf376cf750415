"""A time is held before it is booked, by whoever holds it alone; and its token never leaves the hub."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.base import Capability
from adapters.memory import HELD_FOR, Fault, Rules, town
from adapters.memory.adapter import profile
from canonical.validate import validate
from hub.api.operations import HELD_UNTIL

from .conftest import ME, Portal
from .test_moving import settled

ANOTHER = town.CUSTOMERS[1]


def code_of(answer: httpx.Response) -> str:
    found: str = answer.json()["issue"][0]["details"]["coding"][0]["code"]
    return found


async def call(portal: Portal, name: str, slot: dict[str, Any], **headers: str) -> httpx.Response:
    named = {"name": "appointment-reference", "valueReference": {"reference": f"Appointment/{slot['id']}"}}
    body = {"resourceType": "Parameters", "parameter": [named]}
    return await portal.client.post(f"/fhir/Appointment/${name}", json=body, headers=headers)


async def held(portal: Portal) -> tuple[dict[str, Any], httpx.Response]:
    slot = (await portal.slots(**{"service-type": "EE"}))[0]
    answer = await call(portal, "hold", slot)
    assert answer.status_code == 200, answer.text
    return slot, answer


def master_holds(portal: Portal) -> list[str]:
    """The patients for whom the record system keeps times."""
    return [one.patient for one in portal.record_system.master._live_holds().values()]


async def test_a_held_time_is_pending_until_the_record_system_says_so(portal: Portal) -> None:
    _, answer = await held(portal)

    shown = answer.json()["entry"][0]["resource"]
    until = datetime.fromisoformat(shown["extension"][0]["valueInstant"])
    assert (shown["status"], shown["extension"][0]["url"], until) == ("pending", HELD_UNTIL, town.TODAY + HELD_FOR)
    assert validate(answer.json()) == []
    patient = portal.record_system.master.patient_of(ME.hetu)
    assert patient is not None
    assert master_holds(portal) == [patient.number]


async def test_nobody_else_is_offered_it(portal: Portal) -> None:
    slot, _ = await held(portal)
    assert slot["id"] not in [one["id"] for one in await portal.slots(**{"service-type": "EE"})]
    found = await portal.client.get("/fhir/Appointment/$find", params={"start": "2027-03-23", "visit-type": "EE"})
    assert slot["id"] not in [one["resource"]["id"] for one in found.json()["entry"]]


@pytest.mark.parametrize("route", ["$book", "POST"])
async def test_who_holds_it_books_it_with_the_hold(portal: Portal, route: str) -> None:
    slot, _ = await held(portal)
    answer = await call(portal, "book", slot) if route == "$book" else await portal.book(slot)

    assert answer.status_code == 201, answer.text
    assert master_holds(portal) == [], "the record system was given the token"
    assert len(portal.record_system.master.appointments()) > 0
    again = await call(portal, "hold", slot)
    assert code_of(again) in ("slot-taken", "duplicate", "no-such-time")


async def test_the_token_leaves_the_hub_nowhere(portal: Portal) -> None:
    slot, answer = await held(portal)
    (token,) = portal.record_system.master._live_holds()
    assert f'"{token}"' not in answer.text
    booked = await portal.book(slot)
    tasks = await portal.client.get("/fhir/Task")
    assert all(f'"{token}"' not in one.text for one in (booked, tasks))
    assert [t["resource"]["code"]["text"] for t in tasks.json()["entry"]].count("Hold a time") == 1


async def test_to_hold_twice_is_to_hold_once(portal: Portal) -> None:
    slot, first = await held(portal)
    before = portal.served()
    second = await call(portal, "hold", slot)
    assert second.json() == first.json()
    assert portal.served() == before


async def test_the_same_key_holds_once(portal: Portal) -> None:
    slot = (await portal.slots())[0]
    first, second = [await call(portal, "hold", slot, **{"idempotency-key": "k"}) for _ in range(2)]
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    other = (await portal.slots())[1]
    assert code_of(await call(portal, "hold", other, **{"idempotency-key": "k"})) == "key-reused"


async def test_a_released_time_is_free_again(portal: Portal) -> None:
    slot, _ = await held(portal)
    assert (await call(portal, "release", slot)).status_code == 200
    assert master_holds(portal) == []
    assert slot["id"] in [one["id"] for one in await portal.slots(**{"service-type": "EE"})]
    assert (await call(portal, "release", slot)).status_code == 200, "what is not held any more is done"


async def test_a_hold_that_is_over_is_forgotten_and_the_time_booked_without(portal: Portal) -> None:
    slot, _ = await held(portal)
    portal.record_system.master._holds.clear()  # the record system's own clock is ahead

    late = await portal.book(slot)
    assert (late.status_code, code_of(late)) == (409, "hold-expired")
    assert (await portal.book(slot)).status_code == 201


async def test_the_hubs_clock_ends_it_too(portal: Portal) -> None:
    slot, _ = await held(portal)
    world = portal.hub.world
    decoded = portal.hub.hub.free.decode(slot["id"])
    assert decoded is not None
    subject, later = await portal.me(), world.today.now() + HELD_FOR + timedelta(seconds=1)

    assert await world.store.holds.held(subject, *decoded, world.today.now()) is not None
    assert await world.store.holds.held(subject, *decoded, later) is None
    assert await world.store.holds.forget(world.today.now()) == 0
    assert await world.store.holds.forget(later) == 1


async def test_a_taken_time_is_not_held(portal: Portal) -> None:
    slot = (await portal.slots(**{"service-type": "EE"}))[0]
    decoded = portal.hub.hub.free.decode(slot["id"])
    patient = portal.record_system.master.patient_of(ANOTHER.hetu)
    assert decoded is not None
    assert patient is not None
    portal.record_system.master.hold(patient.number, decoded[1].key, decoded[1].start)

    answer = await call(portal, "hold", slot)
    assert (answer.status_code, code_of(answer)) == (409, "slot-taken")


@pytest.mark.parametrize("lost", ["drop-request", "drop-answer"])
async def test_a_lost_answer_is_told_and_the_time_held_once(portal: Portal, lost: str) -> None:
    portal.record_system.wire.arm(Fault(lost, "hold"))
    slot = (await portal.slots(**{"service-type": "EE"}))[0]
    answer = await call(portal, "hold", slot)
    assert (answer.status_code, code_of(answer)) == (202, "outcome-unknown")
    assert answer.headers["content-location"].startswith("http://hub.test/fhir/Task/")

    assert (await settled(portal, answer))["status"] == "completed"
    assert len(master_holds(portal)) == 1
    assert (await call(portal, "hold", slot)).status_code == 200
    assert (await portal.book(slot)).status_code == 201, "the token was kept"


@pytest.mark.parametrize("lost", ["drop-request", "drop-answer"])
async def test_a_lost_return_is_not_said_to_be_done(portal: Portal, lost: str) -> None:
    slot, _ = await held(portal)
    portal.record_system.wire.arm(Fault(lost, "release"))
    answer, again = [await call(portal, "release", slot) for _ in range(2)]
    assert [(one.status_code, code_of(one)) for one in (answer, again)] == [(202, "outcome-unknown")] * 2
    assert answer.headers["content-location"] == again.headers["content-location"]
    assert code_of(await call(portal, "hold", slot)) == "in-flight", "whether it is still held nobody knows"
    assert code_of(await portal.book(slot)) == "in-flight"

    assert (await settled(portal, answer))["status"] == "completed"
    assert master_holds(portal) == []
    assert (await call(portal, "release", slot)).status_code == 200
    assert (await call(portal, "hold", slot)).status_code == 200


async def test_a_return_that_was_not_made_leaves_the_time_held(portal: Portal) -> None:
    slot, first = await held(portal)
    portal.record_system.wire.arm(Fault("error-before-work", "release", code="busy"))
    refused = await call(portal, "release", slot)
    assert (refused.status_code, code_of(refused)) == (424, "record-system-failed")
    assert (await call(portal, "hold", slot)).json() == first.json()


async def test_where_no_times_are_kept_the_capability_is_named(portal: Portal) -> None:
    system = portal.record_system
    system.profile = profile(Rules(holds=False), quiescence=0.2, limit=10.0)
    assert Capability.HOLD in system.profile.gaps
    slot = (await portal.slots())[0]
    before = portal.served()

    answer = await call(portal, "hold", slot)
    assert (answer.status_code, code_of(answer)) == (422, "not-supported")
    assert "hold: this release keeps no times" in json.dumps(answer.json())
    assert portal.served() == before


async def test_what_may_not_be_booked_is_not_held(portal: Portal) -> None:
    slot = (await portal.slots())[0]
    object.__setattr__(portal.hub.world, "routing", type(portal.hub.world.routing)([], open_county=False))
    answer = await call(portal, "hold", slot)
    assert (answer.status_code, code_of(answer)) == (422, "not-bookable")
    assert answer.json()["issue"][0]["expression"] == ["Parameters.parameter"]


async def test_find_by_who_where_and_whose(portal: Portal) -> None:
    every = (await portal.client.get("/fhir/Appointment/$find", params={"start": "2027-03-23"})).json()
    assert every["total"] > len(every["entry"]), "a total is told by $find"

    async def found(**query: str) -> list[dict[str, Any]]:
        answer = await portal.client.get("/fhir/Appointment/$find", params={"start": "2027-03-23", **query})
        assert answer.status_code == 200, answer.text
        return [entry["resource"] for entry in answer.json().get("entry", ())]

    one = every["entry"][0]["resource"]
    actors = {a["actor"]["reference"].partition("/")[0]: a["actor"]["reference"] for a in one["participant"]}
    for name, kind in (("practitioner", "Practitioner"), ("location-reference", "Location")):
        shown = await found(**{name: actors[kind]})
        assert len(shown) > 0
        assert all(actors[kind] in [a["actor"]["reference"] for a in s["participant"]] for s in shown)
    organizations = (await portal.client.get("/fhir/Organization")).json()["entry"]
    assert any([await found(organization=f"Organization/{o['resource']['id']}") for o in organizations])
    assert await found(practitioner="Practitioner/nobody") == []
    assert await found(specialty="urn:x|cardiology") == []
