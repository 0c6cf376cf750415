"""Moving an appointment, where the record system can and where it takes two steps; and the answers to proposals.

Both ways look the same to a portal: one appointment, one id, at the old time or at the new one.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from adapters.memory import Fault, Rules
from canonical.validate import validate
from hub.journal.states import FINAL

from .conftest import ME, Portal

BOTH = [pytest.param(Rules(), id="at once"), pytest.param(Rules(moves=False), id="in steps")]
STEPS = [pytest.param(Rules(moves=False), id="in steps")]
PROPOSES = [pytest.param(Rules(), id="proposes")]


@pytest.fixture(params=BOTH)
def rules(request: pytest.FixtureRequest) -> Rules:
    found: Rules = request.param
    return found


@pytest.fixture
async def times(portal: Portal) -> list[dict[str, Any]]:
    """Free times of one service, none at the same hour."""
    found = await portal.slots()
    of_service = [one for one in found if one["serviceType"] == found[0]["serviceType"]]
    return list({one["start"]: one for one in of_service}.values())


@pytest.fixture
def slots(times: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where it can be moved to."""
    return times[1:]


@pytest.fixture
async def booked(portal: Portal, times: list[dict[str, Any]]) -> dict[str, Any]:
    answer = await portal.book(times[0], comment="Tuo lähete")
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def put(portal: Portal, resource: dict[str, Any], version: int | None = None, **headers: str) -> httpx.Response:
    match = f'W/"{version or resource["meta"]["versionId"]}"'
    url = f"/fhir/Appointment/{resource['id']}"
    return await portal.client.put(url, json=resource, headers={"if-match": match} | headers)


def at(resource: dict[str, Any], slot: dict[str, Any], **more: Any) -> dict[str, Any]:
    times = {"start": slot["start"], "end": slot["end"]}
    return resource | times | {"slot": [{"reference": f"Slot/{slot['id']}"}]} | more


def code(answer: httpx.Response) -> str:
    return str(answer.json()["issue"][0]["details"]["coding"][0]["code"])


async def mine(portal: Portal) -> list[tuple[str, str, str]]:
    """Id, status and start of every appointment that a portal sees."""
    bundle = (await portal.client.get("/fhir/Appointment")).raise_for_status().json()
    found = [entry["resource"] for entry in bundle.get("entry", ())]
    return [(one["id"], one["status"], one["start"]) for one in found if one["resourceType"] == "Appointment"]


def live(portal: Portal) -> list[str]:
    """Where the record system has the person, in its own words."""
    master = portal.record_system.master
    patient = master.patient_of(ME.hetu)
    assert patient is not None
    return [one.time for one in master.appointments(patient=patient.number) if one.status in ("booked", "pending")]


async def settled(portal: Portal, answer: httpx.Response) -> dict[str, Any]:
    """The receipt of a 202, once it says how it ended."""
    url = "/fhir/" + answer.headers["content-location"].split("/fhir/")[1]
    for _ in range(100):
        task: dict[str, Any] = (await portal.client.get(url)).json()
        if task["status"] not in ("accepted", "in-progress"):
            return task
        await asyncio.sleep(0.1)
    raise AssertionError("it never ended")


async def steps_ended(portal: Portal) -> bool:
    """Whether no command is left open in the journal."""
    counts = await portal.hub.world.store.receipts.counts()
    return all(state in FINAL for (_, state), many in counts.items() if many)


async def test_a_move_keeps_the_id(portal: Portal, booked: dict[str, Any], slots: list[dict[str, Any]]) -> None:
    answer = await put(portal, at(booked, slots[0]))

    assert answer.status_code == 200, answer.text
    moved = answer.json()
    assert (moved["id"], moved["status"], moved["start"]) == (booked["id"], "booked", slots[0]["start"])
    assert moved["comment"] == "Tuo lähete"
    assert int(moved["meta"]["versionId"]) > 1
    assert [tag["code"] for tag in moved["meta"]["tag"]] == ["confirmed"]
    assert validate(moved) == []
    assert len(live(portal)) == 1
    assert await mine(portal) == [(booked["id"], "booked", slots[0]["start"])]
    read = await portal.client.get(f"/fhir/Appointment/{booked['id']}")
    assert read.json() == moved
    assert (await portal.client.get(f"/fhir/Appointment/{booked['id']}/_history/1")).json() == booked
    assert await steps_ended(portal)


async def test_it_can_be_moved_again_and_cancelled(
    portal: Portal, booked: dict[str, Any], slots: list[dict[str, Any]]
) -> None:
    once = (await put(portal, at(booked, slots[0]))).json()
    twice = (await put(portal, at(once, slots[1]))).json()
    assert await mine(portal) == [(booked["id"], "booked", slots[1]["start"])]

    answer = await put(portal, twice | {"status": "cancelled"})
    assert (answer.status_code, live(portal)) == (200, [])
    assert [status for _, status, _ in await mine(portal)] == ["cancelled"]


async def test_the_same_key_moves_once(portal: Portal, booked: dict[str, Any], slots: list[dict[str, Any]]) -> None:
    first = await put(portal, at(booked, slots[0]), **{"idempotency-key": "k1"})
    served = portal.served()
    again = await put(portal, at(booked, slots[0]), **{"idempotency-key": "k1"})

    assert (again.status_code, again.content, portal.served()) == (200, first.content, served)
    other = await put(portal, at(booked, slots[1]), **{"idempotency-key": "k1"})
    assert (other.status_code, code(other)) == (422, "key-reused")


async def test_a_taken_time_is_told_with_others(
    portal: Portal, booked: dict[str, Any], slots: list[dict[str, Any]]
) -> None:
    portal.record_system.wire.arm(Fault("error-before-work", "move", code="time-taken"))
    portal.record_system.wire.arm(Fault("error-before-work", "book", code="time-taken"))
    answer = await put(portal, at(booked, slots[0]))

    assert (answer.status_code, code(answer)) == (409, "slot-taken")
    assert 1 <= len(answer.json()["issue"][0]["extension"]) <= 3
    assert await mine(portal) == [(booked["id"], "booked", booked["start"])]
    assert await steps_ended(portal)


async def test_what_is_not_to_be_moved_there(
    portal: Portal, booked: dict[str, Any], slots: list[dict[str, Any]]
) -> None:
    service = slots[0]["serviceType"]
    others = [one for one in await portal.slots() if one["serviceType"] != service]
    for slot, expected in ((others[0], "not-movable"), ({**slots[0], "id": "x"}, "unknown-slot")):
        answer = await put(portal, at(booked, slot))
        assert (answer.status_code, code(answer)) == (422, expected)
        assert answer.json()["issue"][0]["expression"] == ["Appointment.slot[0]"]
    wrong = await put(portal, at(booked, slots[0], start=slots[1]["start"], end=slots[1]["end"]))
    assert (wrong.status_code, code(wrong)) == (422, "slot-mismatch")
    stale = await put(portal, at(booked, slots[0]), 9)
    assert (stale.status_code, code(stale)) == (412, "stale-version")
    assert len(live(portal)) == 1


async def test_a_lost_answer_is_looked_for(portal: Portal, booked: dict[str, Any], slots: list[dict[str, Any]]) -> None:
    for operation in ("move", "book"):
        portal.record_system.wire.arm(Fault("drop-answer", operation))
    answer = await put(portal, at(booked, slots[0]))

    assert (answer.status_code, code(answer)) == (202, "outcome-unknown")
    assert (await settled(portal, answer))["status"] == "completed"
    assert await mine(portal) == [(booked["id"], "booked", slots[0]["start"])]
    assert len(live(portal)) == 1


async def test_a_lost_request_leaves_the_old_time(
    portal: Portal, booked: dict[str, Any], slots: list[dict[str, Any]]
) -> None:
    for operation in ("move", "book"):
        portal.record_system.wire.arm(Fault("drop-request", operation))
    answer = await put(portal, at(booked, slots[0]))

    shown = (await portal.client.get(f"/fhir/Appointment/{booked['id']}")).json()
    assert (answer.status_code, shown["start"], shown["status"]) == (202, booked["start"], "booked")
    assert "outcome-unknown" in [tag["code"] for tag in shown["meta"]["tag"]]
    assert (await settled(portal, answer))["status"] == "rejected"
    assert await mine(portal) == [(booked["id"], "booked", booked["start"])]


async def test_nobody_sees_both_or_none_while_a_step_is_open(
    portal: Portal, booked: dict[str, Any], slots: list[dict[str, Any]]
) -> None:
    for operation in ("move", "cancel"):
        portal.record_system.wire.arm(Fault("drop-answer", operation))
    answer = await put(portal, at(booked, slots[0]))
    assert answer.status_code == 202
    assert [status for _, status, _ in await mine(portal)] == ["booked"]
    task = await settled(portal, answer)

    assert task["status"] == "completed"
    assert await mine(portal) == [(booked["id"], "booked", slots[0]["start"])]
    steps = (await portal.client.get("/fhir/Task")).json()["entry"]
    parents = [one["resource"]["partOf"][0]["reference"] for one in steps if "partOf" in one["resource"]]
    assert set(parents) <= {f"Task/{task['id']}"}


@pytest.mark.parametrize("rules", STEPS, indirect=True)
async def test_what_cannot_be_cancelled_any_more_is_undone(
    portal: Portal, booked: dict[str, Any], slots: list[dict[str, Any]]
) -> None:
    portal.record_system.wire.arm(Fault("error-before-work", "cancel", code="not-cancellable"))
    answer = await put(portal, at(booked, slots[0]))

    assert (answer.status_code, code(answer)) == (422, "not-movable")
    assert len(live(portal)) == 1
    assert await mine(portal) == [(booked["id"], "booked", booked["start"])]
    assert await steps_ended(portal)


@pytest.mark.parametrize("rules", STEPS, indirect=True)
async def test_a_step_is_owed_while_the_record_system_is_away(
    portal: Portal, booked: dict[str, Any], slots: list[dict[str, Any]]
) -> None:
    portal.record_system.wire.arm(Fault("error-before-work", "cancel", left=2))
    answer = await put(portal, at(booked, slots[0]))

    assert answer.status_code == 202
    assert await mine(portal) == [(booked["id"], "booked", booked["start"])]
    assert (await settled(portal, answer))["status"] == "completed"
    assert await mine(portal) == [(booked["id"], "booked", slots[0]["start"])]
    assert len(live(portal)) == 1


@pytest.mark.parametrize("rules", STEPS, indirect=True)
async def test_what_was_booked_meanwhile_by_oneself_is_a_duplicate(
    portal: Portal, booked: dict[str, Any], slots: list[dict[str, Any]]
) -> None:
    assert (await portal.book(slots[0])).status_code == 201
    answer = await put(portal, at(booked, slots[0]))

    assert (answer.status_code, code(answer)) == (409, "duplicate")
    assert len(live(portal)) == 2


@pytest.mark.parametrize("rules", [pytest.param(Rules(moves=False, cancels=False), id="neither")], indirect=True)
async def test_what_can_be_neither_moved_nor_cancelled_says_so(
    portal: Portal, booked: dict[str, Any], slots: list[dict[str, Any]]
) -> None:
    answer = await put(portal, at(booked, slots[0]))
    assert (answer.status_code, code(answer)) == (422, "not-supported")


class TestProposals:
    """The unit proposes a time."""

    @pytest.fixture(params=PROPOSES)
    def rules(self, request: pytest.FixtureRequest) -> Rules:
        found: Rules = request.param
        return found

    @pytest.fixture
    async def proposal(self, portal: Portal, times: list[dict[str, Any]]) -> dict[str, Any]:
        master = portal.record_system.master
        patient = master.patient_of(ME.hetu)
        assert patient is not None
        decoded = portal.hub.hub.free.decode(times[0]["id"])
        assert decoded is not None
        master.propose(patient.number, decoded[1].key, decoded[1].start)
        ((identity, status, _),) = await mine(portal)
        assert status == "pending"
        found: dict[str, Any] = (await portal.client.get(f"/fhir/Appointment/{identity}")).json()
        return found

    def answered(self, proposal: dict[str, Any], status: str = "accepted") -> dict[str, Any]:
        first, *others = proposal["participant"]
        return proposal | {"participant": [first | {"status": status}, *others]}

    async def test_it_is_accepted(self, portal: Portal, proposal: dict[str, Any]) -> None:
        answer = await put(portal, self.answered(proposal))
        assert (answer.status_code, answer.json()["status"]) == (200, "booked")
        again = await put(portal, self.answered(proposal))
        assert (again.status_code, code(again)) == (412, "stale-version")

    async def test_it_is_declined(self, portal: Portal, proposal: dict[str, Any]) -> None:
        answer = await put(portal, proposal | {"status": "cancelled"})
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")

    async def test_another_time_is_asked_for(
        self, portal: Portal, proposal: dict[str, Any], slots: list[dict[str, Any]]
    ) -> None:
        answer = await put(portal, at(proposal, slots[0], comment="Aamulla ei käy"))
        shown = answer.json()
        assert (answer.status_code, shown["status"], shown["start"]) == (200, "pending", slots[0]["start"])
        assert (shown["id"], shown["comment"]) == (proposal["id"], "Aamulla ei käy")
        moved = await put(portal, at(shown, slots[1]))
        assert (moved.status_code, code(moved)) == (422, "not-movable"), "it waits for the desk now"

    async def test_a_lost_acceptance_is_looked_for(self, portal: Portal, proposal: dict[str, Any]) -> None:
        portal.record_system.wire.arm(Fault("drop-answer", "accept"))
        answer = await put(portal, self.answered(proposal))
        assert answer.status_code == 202
        assert (await settled(portal, answer))["status"] == "completed"
        assert [status for _, status, _ in await mine(portal)] == ["booked"]

    async def test_a_withdrawn_one_cannot_be_accepted(self, portal: Portal, proposal: dict[str, Any]) -> None:
        portal.record_system.wire.arm(Fault("error-before-work", "accept", code="no-proposal"))
        answer = await put(portal, self.answered(proposal))
        assert (answer.status_code, code(answer)) == (422, "no-proposal")
