"""What a booking says and no record system carries: named in a header and an outcome, or refused where asked for."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from hub.api import carried
from hub.api.resources import MOST_NAMED
from hub.usecases.ports import Failed

from .conftest import AINO, BASE, SENT, MemoryHub, booking, code_of

EXTENSION = [{"url": "urn:x", "valueString": "y"}]
UNPLACED: list[tuple[dict[str, Any], list[str]]] = [
    ({"description": "Selkä"}, ["Appointment.description"]),
    ({"priority": 1}, ["Appointment.priority"]),
    ({"specialty": [{"coding": [{"system": "urn:s", "code": "1"}]}]}, ["Appointment.specialty[0]"]),
    ({"patientInstruction": "Tule ajoissa"}, ["Appointment.patientInstruction"]),
    ({"basedOn": [{"reference": "ServiceRequest/1"}]}, ["Appointment.basedOn"]),
    ({"reasonReference": [{"reference": "Condition/1"}]}, ["Appointment.reasonReference"]),
    ({"supportingInformation": [{"reference": "DocumentReference/1"}]}, ["Appointment.supportingInformation"]),
    ({"created": "2027-03-22"}, ["Appointment.created"]),
    ({"extension": EXTENSION}, ["Appointment.extension"]),
    (
        {"_start": {"extension": EXTENSION}, "_end": {"extension": EXTENSION}},  # app-2: both, or neither
        ["Appointment.start.extension", "Appointment.end.extension"],
    ),
    ({"reasonCode": [{"coding": [{"code": "x"}]}]}, ["Appointment.reasonCode[0].coding"]),
    ({"identifier": [{"use": "usual", "system": "urn:p", "value": "1"}]}, ["Appointment.identifier[0].use"]),
    (
        {
            "participant": [
                {"actor": {"reference": f"Patient/{AINO}"}, "status": "accepted", "period": {"start": "2027"}}
            ]
        },
        ["Appointment.participant[0].period"],
    ),
    ({"description": "x", "priority": 1}, ["Appointment.description", "Appointment.priority"]),
]


async def book(client: httpx.AsyncClient, resource: Any, **headers: str) -> httpx.Response:
    return await client.post("/fhir/Appointment", json=resource, headers=SENT | headers)


@pytest.mark.parametrize(("change", "places"), UNPLACED, ids=lambda value: str(value)[:40])
async def test_it_is_booked_and_said(aino: httpx.AsyncClient, change: dict[str, Any], places: list[str]) -> None:
    response = await book(aino, booking(**change))

    assert response.status_code == 201, response.text
    assert response.headers.get_list("warning") == [f'199 - "not-carried: {", ".join(places)}"']


@pytest.mark.parametrize(("change", "places"), UNPLACED, ids=lambda value: str(value)[:40])
async def test_a_strict_client_is_refused_instead(
    aino: httpx.AsyncClient, memory: MemoryHub, change: dict[str, Any], places: list[str]
) -> None:
    response = await book(aino, booking(**change), prefer="return=representation; handling=strict")

    if "specialty" in change:  # the record system's to say: whether it agrees is known when it has answered
        assert response.status_code == 201
        return
    assert (response.status_code, code_of(response)) == (422, "not-supported")
    assert response.json()["issue"][0]["expression"] == places
    assert memory.asked == []


async def test_an_outcome_names_them(aino: httpx.AsyncClient) -> None:
    response = await book(aino, booking("other-time", priority=1), prefer="return=OperationOutcome")

    assert response.headers.get_list("warning") == ['199 - "other-time"', '199 - "not-carried: Appointment.priority"']
    codes = [issue["details"]["coding"][0]["code"] for issue in response.json()["issue"]]
    assert (response.status_code, codes) == (201, ["other-time", "not-carried"])
    assert response.json()["issue"][1]["expression"] == ["Appointment.priority"]


async def test_nothing_is_said_where_everything_is_carried(aino: httpx.AsyncClient) -> None:
    participants = [
        {"actor": {"reference": f"{BASE}/Patient/{AINO}", "display": "minä"}, "status": "accepted"},
        {"actor": {"reference": f"{BASE}/Location/loc1"}, "status": "accepted", "required": "required"},
    ]
    whole = booking(
        comment="Selkä  on\nkipeä",
        participant=participants,
        start="2027-03-23T07:00:00Z",
        end="2027-03-23T07:30:00Z",
        minutesDuration=30,
        language="fi",
        id="mine",
        identifier=[{"system": "urn:p", "value": "1"}],
    )
    response = await book(aino, whole)

    assert response.status_code == 201
    assert "warning" not in response.headers


async def test_a_word_that_did_not_arrive_is_missed(aino: httpx.AsyncClient) -> None:
    response = await book(aino, booking(reasonCode=[{"text": "yskä"}]))

    assert response.headers["warning"] == '199 - "not-carried: Appointment.reasonCode[0].text"'


async def test_a_repeated_answer_says_it_again(aino: httpx.AsyncClient) -> None:
    first = await book(aino, booking(priority=1), **{"idempotency-key": "k"})
    again = await book(aino, booking(priority=1), **{"idempotency-key": "k"})

    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["warning"] == first.headers["warning"] == '199 - "not-carried: Appointment.priority"'


async def test_while_the_outcome_is_not_known_it_is_said_too(aino: httpx.AsyncClient) -> None:
    response = await book(aino, booking("lost", priority=1))

    assert (response.status_code, response.headers["warning"]) == (202, '199 - "not-carried: Appointment.priority"')


async def test_of_what_was_not_done_nothing_is_said(aino: httpx.AsyncClient) -> None:
    taken = await book(aino, booking("taken", priority=1))
    await book(aino, booking(identifier=[{"system": "urn:p", "value": "b"}]))
    existing = await book(aino, booking("free2", priority=1), **{"if-none-exist": "identifier=urn:p|b"})

    assert (taken.status_code, existing.status_code) == (409, 200)
    assert "warning" not in {**taken.headers, **existing.headers}


async def test_many_are_counted(aino: httpx.AsyncClient) -> None:
    reasons = [{"text": "x", "coding": [{"code": "y"}]} for _ in range(500)]
    response = await book(aino, booking(reasonCode=reasons, comment="x"))

    assert f"and {500 - MOST_NAMED} more" in response.headers["warning"]
    assert len(response.headers["warning"]) < 2000


async def test_a_coded_reason_of_a_cancellation_is_not_carried(aino: httpx.AsyncClient) -> None:
    made = (await book(aino, booking())).json()
    why = {"text": "flunssa", "coding": [{"system": "urn:r", "code": "1"}]}
    response = await aino.put(
        f"/fhir/Appointment/{made['id']}",
        json=made | {"status": "cancelled", "cancelationReason": why},
        headers=SENT | {"if-match": 'W/"1"'},
    )

    assert response.status_code == 200
    assert response.headers["warning"] == '199 - "not-carried: Appointment.cancelationReason.coding"'


async def test_what_the_use_case_knows_to_be_wrong_is_a_problem(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    memory.fails = Failed("slot-contradicted", expression=["Appointment.serviceType[0]"])
    response = await book(aino, booking())

    assert (response.status_code, code_of(response)) == (422, "slot-contradicted")
    assert "serviceType[0]" in response.json()["issue"][0]["details"]["text"]


@pytest.mark.parametrize(
    ("said", "confirmed", "agrees"),
    [
        ({"coding": [{"system": "a", "code": "1"}]}, {"coding": [{"system": "a", "code": "1"}]}, True),
        ({"coding": [{"code": "1"}]}, {"coding": [{"system": "a", "code": "1"}]}, True),
        ({"coding": [{"system": "b", "code": "1"}]}, {"coding": [{"system": "a", "code": "1"}]}, False),
        ({"coding": [{"system": "a", "code": "2"}]}, {"coding": [{"system": "a", "code": "1"}]}, False),
        ({"text": "Lääkäri"}, {"coding": [{"system": "a", "code": "1", "display": "lääkäri"}]}, True),
        ({"text": "Lääkäri"}, {"text": "Hoitaja"}, False),
    ],
)
def test_what_agrees(said: dict[str, Any], confirmed: dict[str, Any], agrees: bool) -> None:
    missing = carried.missing({"serviceType": [said]}, {"serviceType": [confirmed]}, BASE)

    assert missing == ([] if agrees else ["Appointment.serviceType[0]"])
