"""PUT Appointment with another time, and the answers to a proposal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from canonical.times import iso
from hub.api.outcomes import ALTERNATIVE
from hub.usecases.ports import AcceptRequest, CancelRequest, MoveRequest

from .conftest import AINO, FIRST, SENT, MemoryHub, booking, code_of

HALF = timedelta(minutes=30)


@pytest.fixture
async def booked(aino: httpx.AsyncClient) -> dict[str, Any]:
    """An Appointment of Aino's, as she read it."""
    response = await aino.post("/fhir/Appointment", json=booking(comment="Tuo lähete"), headers=SENT)
    found: dict[str, Any] = response.json()
    return found


@pytest.fixture
async def proposed(booked: dict[str, Any], memory: MemoryHub) -> dict[str, Any]:
    """A proposal of the unit's that waits for her."""
    first, *others = booked["participant"]
    proposal = booked | {"status": "pending", "participant": [first | {"status": "needs-action"}, *others]}
    memory.put(proposal, AINO)
    return proposal


def at(resource: dict[str, Any], slot_id: str, **more: Any) -> dict[str, Any]:
    return resource | {"slot": [{"reference": f"Slot/{slot_id}"}]} | more


async def put(client: httpx.AsyncClient, resource: dict[str, Any], match: str = 'W/"1"') -> httpx.Response:
    return await client.put(f"/fhir/Appointment/{resource['id']}", json=resource, headers=SENT | {"if-match": match})


async def test_another_slot_moves_it(aino: httpx.AsyncClient, booked: dict[str, Any], memory: MemoryHub) -> None:
    start = FIRST + HALF
    response = await put(aino, at(booked, "free2", start=iso(start), end=iso(start + HALF)))

    assert (response.status_code, response.headers["etag"]) == (200, 'W/"2"')
    assert (response.json()["id"], response.json()["start"]) == (booked["id"], iso(start))
    asked = memory.asked[-1][1]
    assert isinstance(asked, MoveRequest)
    assert (asked.appointment_id, asked.expected_version, asked.slot_id, asked.start) == (
        booked["id"],
        1,
        "free2",
        start,
    )
    assert asked.comment == ""


async def test_the_old_times_may_stay_or_be_left_out(aino: httpx.AsyncClient, booked: dict[str, Any]) -> None:
    assert (await put(aino, at(booked, "free2"))).status_code == 200
    bare = {name: value for name, value in at(booked, "free3").items() if name not in ("start", "end", "comment")}
    assert (await put(aino, bare, 'W/"2"')).status_code == 200


@pytest.mark.parametrize(
    ("slot_id", "status", "code"),
    [("taken", 409, "slot-taken"), ("lost", 202, "outcome-unknown"), ("down", 424, "record-system-failed")],
)
async def test_the_three_words(
    aino: httpx.AsyncClient, booked: dict[str, Any], slot_id: str, status: int, code: str
) -> None:
    response = await put(aino, at(booked, slot_id))

    assert (response.status_code, code_of(response)) == (status, code)
    if status == 409:
        offered = [one for one in response.json()["issue"][0]["extension"] if one["url"] == ALTERNATIVE]
        assert [one["valueReference"]["reference"] for one in offered] == ["Slot/free2", "Slot/free3"]
    if status == 202:
        assert response.headers["content-location"].endswith("/Task/task1")


async def test_words_that_do_not_arrive_are_named(aino: httpx.AsyncClient, booked: dict[str, Any]) -> None:
    response = await put(aino, at(booked, "free2", comment="Aamupäivä ei käy"))

    assert response.headers["warning"] == '199 - "not-carried: Appointment.comment"'


async def test_a_stale_version_is_not_moved(aino: httpx.AsyncClient, booked: dict[str, Any], memory: MemoryHub) -> None:
    response = await put(aino, at(booked, "free2"), 'W/"7"')

    assert (response.status_code, code_of(response)) == (412, "stale-version")
    assert memory.asked[-1][0] != "move"


@pytest.mark.parametrize(
    ("change", "code", "expression"),
    [
        ({"status": "arrived"}, "not-changeable", "Appointment.status"),
        ({"description": "x"}, "not-changeable", "Appointment.description"),
        (
            {"slot": [{"reference": "https://else.test/Slot/x"}]},
            "unknown-slot",
            "Appointment.slot[0].reference",
        ),
        ({"slot": [{"reference": "Slot/a"}, {"reference": "Slot/b"}]}, "not-supported", "Appointment.slot"),
    ],
    ids=str,
)
async def test_nothing_else_changes_with_the_time(
    aino: httpx.AsyncClient, booked: dict[str, Any], change: dict[str, Any], code: str, expression: str
) -> None:
    response = await put(aino, at(booked, "free2") | change)

    assert (response.status_code, code_of(response)) == (422, code)
    assert response.json()["issue"][0]["expression"] == [expression]


async def test_a_proposal_is_accepted(aino: httpx.AsyncClient, proposed: dict[str, Any], memory: MemoryHub) -> None:
    first, *others = proposed["participant"]
    accepted = proposed | {"participant": [first | {"status": "accepted"}, *others]}
    response = await put(aino, accepted, 'W/"2"')

    assert (response.status_code, response.json()["status"]) == (200, "booked")
    assert isinstance(memory.asked[-1][1], AcceptRequest)
    again = await put(aino, accepted | {"status": "booked"}, 'W/"3"')
    assert (again.status_code, code_of(again)) == (422, "not-changeable"), "nothing is different now"


async def test_another_time_is_asked_for(aino: httpx.AsyncClient, proposed: dict[str, Any], memory: MemoryHub) -> None:
    response = await put(aino, at(proposed, "free2", comment="Aamulla ei käy"), 'W/"2"')

    assert (response.status_code, response.json()["status"]) == (200, "pending")
    asked = memory.asked[-1][1]
    assert isinstance(asked, MoveRequest)
    assert asked.comment == "Aamulla ei käy"


async def test_a_proposal_is_declined(aino: httpx.AsyncClient, proposed: dict[str, Any], memory: MemoryHub) -> None:
    response = await put(aino, proposed | {"status": "cancelled"}, 'W/"2"')

    assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    assert isinstance(memory.asked[-1][1], CancelRequest)


async def test_a_proposal_is_declined_by_the_answer_alone(
    aino: httpx.AsyncClient, proposed: dict[str, Any], booked: dict[str, Any], memory: MemoryHub
) -> None:
    first, *others = proposed["participant"]
    declined = proposed | {"participant": [first | {"status": "declined"}, *others], "comment": "En pääse"}
    response = await put(aino, declined, 'W/"2"')

    assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    asked = memory.asked[-1][1]
    assert isinstance(asked, CancelRequest)
    assert asked.reason == "En pääse"
    tentative = proposed | {"participant": [first | {"status": "tentative"}, *others]}
    assert code_of(await put(aino, tentative, 'W/"2"')) == "not-changeable"


async def test_what_is_no_proposal_is_not_accepted(
    aino: httpx.AsyncClient, proposed: dict[str, Any], memory: MemoryHub
) -> None:
    memory.put(proposed | {"status": "booked"}, AINO)
    first, *others = proposed["participant"]
    accepted = proposed | {"status": "booked", "participant": [first | {"status": "accepted"}, *others]}
    response = await put(aino, accepted, 'W/"3"')

    assert (response.status_code, code_of(response)) == (422, "no-proposal")
