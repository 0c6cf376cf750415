"""PUT Appointment: cancelling."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from hub.criteria import Token
from hub.usecases.ports import CancelRequest

from .conftest import EERO, SENT, MemoryHub, booking, code_of


@pytest.fixture
async def booked(aino: httpx.AsyncClient) -> dict[str, Any]:
    """An Appointment of Aino's, as she read it."""
    response = await aino.post("/fhir/Appointment", json=booking(comment="Tuo lähete"), headers=SENT)
    found: dict[str, Any] = response.json()
    return found


async def put(
    client: httpx.AsyncClient, resource: dict[str, Any], match: str | None = 'W/"1"', at: str = "app-free1"
) -> httpx.Response:
    headers = SENT | ({"if-match": match} if match is not None else {})
    return await client.put(f"/fhir/Appointment/{at}", json=resource, headers=headers)


async def test_a_cancellation(aino: httpx.AsyncClient, booked: dict[str, Any], memory: MemoryHub) -> None:
    why = {"text": "flunssa", "coding": [{"system": "urn:oid:1.2.246.537.6.126", "code": "1"}]}
    declined = [booked["participant"][0] | {"status": "declined"}, booked["participant"][1]]
    response = await put(aino, booked | {"status": "cancelled", "cancelationReason": why, "participant": declined})

    assert response.status_code == 200
    assert response.headers["etag"] == 'W/"2"'
    assert response.json()["status"] == "cancelled"
    asked = memory.asked[-1][1]
    assert isinstance(asked, CancelRequest)
    assert (asked.appointment_id, asked.expected_version, asked.reason) == ("app-free1", 1, "flunssa")
    assert asked.reason_code == Token("urn:oid:1.2.246.537.6.126", "1")


async def test_a_strong_tag_and_times_written_anew_will_do(aino: httpx.AsyncClient, booked: dict[str, Any]) -> None:
    rewritten = booked | {"status": "cancelled", "start": "2027-03-23T07:00:00.000Z", "end": "2027-03-23T07:30:00Z"}

    assert (await put(aino, rewritten, '"1"')).status_code == 200


async def test_what_is_left_out_stays(aino: httpx.AsyncClient, booked: dict[str, Any]) -> None:
    short = {name: booked[name] for name in ("resourceType", "id", "participant")} | {"status": "cancelled"}

    assert (await put(aino, short)).status_code == 200


async def test_a_new_comment_is_part_of_the_reason(
    aino: httpx.AsyncClient, booked: dict[str, Any], memory: MemoryHub
) -> None:
    changed = booked | {"status": "cancelled", "comment": "En pääse", "cancelationReason": {"text": "muu"}}

    assert (await put(aino, changed)).status_code == 200
    assert memory.asked[-1][1].reason == "muu\nEn pääse"


@pytest.mark.parametrize(
    ("match", "status", "code"),
    [
        (None, 400, "if-match-required"),
        ("", 400, "if-match-required"),
        ("1", 400, "bad-if-match"),
        ("*", 400, "bad-if-match"),
        ('W/"0"', 400, "bad-if-match"),
        ('W/"1", W/"2"', 400, "bad-if-match"),
        ('W/"7"', 412, "stale-version"),
    ],
)
async def test_if_match(
    aino: httpx.AsyncClient, booked: dict[str, Any], memory: MemoryHub, match: str | None, status: int, code: str
) -> None:
    response = await put(aino, booked | {"status": "cancelled"}, match)

    assert (response.status_code, code_of(response)) == (status, code)
    assert len(memory.stored["Appointment", "app-free1"]) == 1


async def test_an_old_version_is_stale(aino: httpx.AsyncClient, booked: dict[str, Any], memory: MemoryHub) -> None:
    memory.put(booked | {"comment": "the unit changed it"}, "aino")

    response = await put(aino, booked | {"status": "cancelled"})
    assert (response.status_code, code_of(response)) == (412, "stale-version")


@pytest.mark.parametrize(
    ("change", "status", "code", "expression"),
    [
        ({"slot": [{"reference": "Slot/free2"}]}, 422, "not-changeable", "Appointment.slot"),
        ({"start": "2027-03-24T09:00:00+02:00"}, 400, "invariant", None),
        ({"end": "2027-03-23T09:45:00+02:00"}, 422, "not-changeable", "Appointment.end"),
        ({"description": "x"}, 422, "not-changeable", "Appointment.description"),
        ({"status": "booked"}, 422, "not-changeable", "Appointment.status"),
        ({"status": "fulfilled"}, 422, "not-changeable", "Appointment.status"),
        ({"status": "x"}, 400, "bad-value", "Appointment.status"),
        ({"id": "another"}, 400, "bad-value", "Appointment.id"),
        ({"cancelationReason": {"text": " \n "}}, 400, "bad-value", "Appointment.cancelationReason.text"),
        (
            {"participant": [{"actor": {"reference": "Patient/eero"}, "status": "accepted"}]},
            422,
            "not-changeable",
            "Appointment.participant",
        ),
    ],
    ids=str,
)
async def test_nothing_else_changes(
    aino: httpx.AsyncClient,
    booked: dict[str, Any],
    change: dict[str, Any],
    status: int,
    code: str,
    expression: str | None,
) -> None:
    resource = booked | {"status": "cancelled"} | change
    if "start" in change:
        del resource["end"]
    response = await put(aino, resource)

    assert (response.status_code, code_of(response)) == (status, code)
    if expression:
        assert response.json()["issue"][0]["expression"] == [expression]


async def test_a_cancelled_one_is_not_cancelled_again(aino: httpx.AsyncClient, booked: dict[str, Any]) -> None:
    first = await put(aino, booked | {"status": "cancelled"})
    again = await put(aino, first.json(), 'W/"2"')

    assert (again.status_code, code_of(again)) == (422, "not-cancellable")


async def test_somebody_elses_is_not_there(aino: httpx.AsyncClient, booked: dict[str, Any], memory: MemoryHub) -> None:
    memory.put(booked | {"id": "eeros"}, EERO)

    his = await put(aino, booked | {"id": "eeros", "status": "cancelled"}, at="eeros")
    nobodys = await put(aino, booked | {"id": "nobodys", "status": "cancelled"}, at="nobodys")
    assert (his.status_code, his.content) == (404, nobodys.content)
