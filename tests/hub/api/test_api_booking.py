"""POST Appointment: what is accepted, what is refused and how, and what the answers carry."""

from __future__ import annotations

import copy
from typing import Any

import httpx
import pytest

from canonical import codes
from hub.criteria import Token
from hub.usecases.ports import BookRequest, Claim, Failed, SlotQuery

from .conftest import AINO, BASE, SENT, MemoryHub, booking, code_of


async def book(client: httpx.AsyncClient, resource: Any, **headers: str) -> httpx.Response:
    return await client.post("/fhir/Appointment", json=resource, headers=SENT | headers)


async def test_a_booking_is_created_with_what_a_client_needs(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    response = await book(aino, booking(comment="Tuo lähete"))

    assert response.status_code == 201
    assert response.headers["location"] == f"{BASE}/Appointment/app-free1/_history/1"
    assert response.headers["etag"] == 'W/"1"'
    assert "last-modified" in response.headers
    assert response.json()["comment"] == "Tuo lähete"
    read = await aino.get(response.headers["location"])
    assert read.content == response.content


async def test_the_use_case_gets_what_the_client_said(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    participants = [
        {"actor": {"reference": f"{BASE}/Patient/{AINO}"}, "status": "accepted"},
        {"actor": {"reference": "Location/loc1"}, "status": "accepted"},
    ]
    resource = booking(
        start="2027-03-23T07:00:00Z",
        end="2027-03-23T09:30:00+02:00",
        minutesDuration=30,
        participant=participants,
        reasonCode=[{"text": "yskä"}, {"text": "kuume"}],
        identifier=[{"system": "urn:portal", "value": "b-1"}],
        serviceType=[{"coding": [{"system": "urn:service", "code": "1"}, {"code": "2"}, {"display": "lääkäri"}]}],
        meta={"versionId": "99", "security": [{"system": "urn:x", "code": "R"}]},
        id="mine",
    )
    response = await book(aino, resource, **{"idempotency-key": '"k\\"1"'})

    assert response.status_code == 201
    asked = memory.asked[-1][1]
    assert isinstance(asked, BookRequest)
    assert (asked.slot_id, asked.patient, asked.minutes, asked.reason) == ("free1", AINO, 30, "yskä\nkuume")
    assert asked.start is not None
    assert asked.start.isoformat() == "2027-03-23T07:00:00+00:00"
    assert asked.claims == (
        Claim("Appointment.serviceType[0]", "serviceType", (Token("urn:service", "1"), Token(None, "2"))),
        Claim("Appointment.participant[1].actor.reference", "participant", (Token("Location", "loc1"),)),
    )
    assert [(i.system, i.value) for i in asked.identifiers] == [("urn:portal", "b-1")]
    assert asked.key == 'k"1'
    assert asked.raw == response.request.content


@pytest.mark.parametrize("system", ["urn:oid:1.2.246.537.6.49", "urn:oid:1.2.246.537.6.49.201501"])
async def test_both_styles_of_a_national_code_say_the_same(
    aino: httpx.AsyncClient, memory: MemoryHub, system: str
) -> None:
    await book(aino, booking(serviceType=[{"coding": [{"system": system, "code": "EE"}]}]))
    asked = memory.asked[-1][1]
    assert isinstance(asked, BookRequest)
    assert asked.claims[0].values == (Token("urn:oid:1.2.246.537.6.49", "EE"),)
    await aino.get(f"/fhir/Slot?status=free&municipality=434&service-type={system}|EE")
    searched = memory.asked[-1][1]
    assert isinstance(searched, SlotQuery)
    assert searched.service_type == (Token("urn:oid:1.2.246.537.6.49", "EE"),)


@pytest.mark.parametrize(
    ("change", "status", "code", "expression"),
    [
        ({"status": None}, 400, "required-element", "Appointment.status"),
        ({"status": "bookd"}, 400, "bad-value", "Appointment.status"),
        (
            {"status": "arrived", "start": "2027-03-23T09:00:00Z", "end": "2027-03-23T09:30:00Z"},
            422,
            "business-rule",
            "Appointment.status",
        ),
        ({"status": "cancelled"}, 422, "business-rule", "Appointment.status"),
        ({"slot": None}, 422, "slot-required", "Appointment.slot"),
        ({"slot": []}, 400, "bad-structure", "Appointment.slot"),
        ({"slot": [{"display": "the first"}]}, 422, "unknown-slot", "Appointment.slot[0].reference"),
        ({"slot": [{"reference": "Slot/a"}, {"reference": "Slot/b"}]}, 422, "not-supported", "Appointment.slot"),
        (
            {"slot": [{"reference": "https://elsewhere.example/fhir/Slot/free1"}]},
            422,
            "unknown-slot",
            "Appointment.slot[0].reference",
        ),
        ({"slot": [{"reference": "Slot/free1?x=1"}]}, 400, "bad-value", "Appointment.slot[0].reference"),
        ({"slot": [{"reference": "Slot/unheard-of"}]}, 422, "unknown-slot", "Appointment.slot[0]"),
        ({"participant": None}, 400, "required-element", "Appointment.participant"),
        ({"participant": [{"status": "accepted"}]}, 400, "invariant", "Appointment.participant[0]"),
        (
            {"participant": [{"actor": {"reference": "Location/loc1"}, "status": "accepted"}]},
            422,
            "patient-required",
            "Appointment.participant",
        ),
        (
            {"participant": [{"actor": {"reference": "Patient/aino"}, "status": "accepted"}] * 2},
            422,
            "patient-required",
            "Appointment.participant",
        ),
        (
            {"participant": [{"actor": {"reference": "Patient/eero"}, "status": "accepted"}]},
            403,
            "another-patient",
            "Appointment.participant[0].actor.reference",
        ),
        (
            {"participant": [{"actor": {"reference": "Patient/aino"}, "status": "declined"}]},
            422,
            "business-rule",
            "Appointment.participant[0].status",
        ),
        (
            {"participant": [{"actor": {"identifier": {"value": "x"}}, "status": "accepted"}]},
            422,
            "not-supported",
            "Appointment.participant[0].actor",
        ),
        ({"start": "2027-03-23T09:00:00+02:00"}, 400, "invariant", "Appointment"),
        ({"start": "2027-03-23T09:00:00", "end": "2027-03-23T09:30:00"}, 400, "bad-value", "Appointment.start"),
        ({"start": "2027-02-29T09:00:00Z", "end": "2027-03-01T09:30:00Z"}, 400, "bad-value", "Appointment.start"),
        ({"start": "2027-03-23T09:30:00Z", "end": "2027-03-23T09:00:00Z"}, 422, "slot-mismatch", "Appointment.end"),
        ({"start": "2027-03-24T09:00:00Z", "end": "2027-03-24T09:30:00Z"}, 422, "slot-mismatch", "Appointment.start"),
        ({"minutesDuration": "30"}, 400, "bad-structure", "Appointment.minutesDuration"),
        ({"minutesDuration": 0}, 400, "bad-value", "Appointment.minutesDuration"),
        ({"minutesDuration": 45}, 422, "slot-mismatch", "Appointment.start"),
        ({"comment": ""}, 400, "bad-value", "Appointment.comment"),
        ({"comment": " \u00a0\n\t"}, 400, "bad-value", "Appointment.comment"),
        ({"comment": "\u200b\ufeff\u0085"}, 400, "bad-value", "Appointment.comment"),
        ({"comment": "\x07\x1b"}, 400, "bad-value", "Appointment.comment"),
        ({"reasonCode": [{"text": "  "}]}, 400, "bad-value", "Appointment.reasonCode[0].text"),
        ({"identifier": [{"system": "urn:portal", "value": " "}]}, 400, "bad-value", "Appointment.identifier[0].value"),
        ({"comment": "ä" * 17_000}, 422, "text-too-long", "Appointment.comment"),
        ({"implicitRules": "urn:x"}, 422, "not-supported", "Appointment.implicitRules"),
        (
            {"modifierExtension": [{"url": "urn:x", "valueString": "y"}]},
            422,
            "not-supported",
            "Appointment.modifierExtension",
        ),
        ({"contained": [{"resourceType": "Patient", "id": "p"}]}, 400, "invariant", "Appointment.contained[0]"),
        ({"_comment": {"id": "x"}}, 400, "invariant", "Appointment._comment"),
        ({"notAnElement": 1}, 400, "bad-structure", "Appointment.notAnElement"),
        ({"identifier": [{"value": str(i)} for i in range(6)]}, 422, "business-rule", "Appointment.identifier"),
        (
            {"identifier": [{"system": codes.HETU, "value": "x"}]},
            422,
            "business-rule",
            "Appointment.identifier[0].system",
        ),
        (
            {"identifier": [{"system": codes.PLACER, "value": "x"}]},
            422,
            "business-rule",
            "Appointment.identifier[0].system",
        ),
        ({"identifier": [{"value": "010594Y9021"}]}, 422, "business-rule", "Appointment.identifier[0].value"),
        ({"identifier": [{"system": "urn:portal"}]}, 422, "business-rule", "Appointment.identifier[0].value"),
        ({"resourceType": "Patient"}, 400, "bad-structure", "Appointment.resourceType"),
        (
            {
                "text": {
                    "status": "generated",
                    "div": '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>',
                }
            },
            400,
            "bad-value",
            "Appointment.text.div",
        ),
    ],
    ids=str,
)
async def test_what_a_booking_may_not_be(
    aino: httpx.AsyncClient, memory: MemoryHub, change: dict[str, Any], status: int, code: str, expression: str
) -> None:
    response = await book(aino, booking(**change))

    assert (response.status_code, code_of(response)) == (status, code)
    assert expression in response.json()["issue"][0]["expression"]
    assert ("Appointment", "app-free1") not in memory.stored


async def test_everything_that_is_wrong_is_said_at_once(aino: httpx.AsyncClient) -> None:
    response = await book(aino, booking(status="nope", minutesDuration="x", comment=""))

    expressions = [issue["expression"][0] for issue in response.json()["issue"]]
    assert sorted(expressions) == ["Appointment.comment", "Appointment.minutesDuration", "Appointment.status"]


async def test_a_taken_time_offers_three_others(aino: httpx.AsyncClient) -> None:
    response = await book(aino, booking("taken"), **{"accept-language": "sv, en;q=0.5"})

    assert response.status_code == 409
    issue = response.json()["issue"][0]
    assert issue["code"] == "conflict"
    assert issue["details"]["text"] == "Tiden hann bli bokad. Välj en annan tid."
    assert response.headers["content-language"] == "sv"
    assert response.headers["link"] == '<http://hub.test/errors/slot-taken>; rel="help"'
    others = [one["valueReference"] for one in issue["extension"]]
    assert others == [{"reference": f"Slot/free{i}", "display": f"Time {i}"} for i in (1, 2, 3)]
    assert "Pegasos answered AE 206" in issue["diagnostics"]
    assert response.headers["x-request-id"] in issue["diagnostics"]


async def test_an_unknown_outcome_names_its_receipt(aino: httpx.AsyncClient) -> None:
    response = await book(aino, booking("lost"))

    assert response.status_code == 202
    assert response.headers["content-location"] == f"{BASE}/Task/task1"
    assert response.headers["retry-after"] == "4"
    assert code_of(response) == "outcome-unknown"
    see = [one["valueReference"]["reference"] for one in response.json()["issue"][0]["extension"]]
    assert see == ["Task/task1", "Appointment/pending1"]


async def test_a_silent_record_system_did_nothing(aino: httpx.AsyncClient) -> None:
    response = await book(aino, booking("down"))

    assert (response.status_code, code_of(response)) == (424, "record-system-failed")
    assert response.headers["retry-after"] == "13"


async def test_a_duplicate_names_ones_own_appointment(aino: httpx.AsyncClient) -> None:
    await book(aino, booking())
    response = await book(aino, booking())

    assert (response.status_code, code_of(response)) == (409, "duplicate")
    assert response.json()["issue"][0]["extension"][0]["valueReference"]["reference"] == "Appointment/app-free1"


async def test_another_time_than_asked_is_a_booking_with_a_warning(aino: httpx.AsyncClient) -> None:
    response = await book(aino, booking("other-time"), prefer="return=OperationOutcome")

    assert response.status_code == 201
    assert response.headers["warning"] == '199 - "other-time"'
    assert code_of(response) == "other-time"


class TestKeys:
    async def test_the_same_key_and_body_get_the_same_bytes(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        first = await book(aino, booking(), **{"idempotency-key": "k1"})
        second = await book(aino, booking(), **{"idempotency-key": '"k1"'})

        assert (second.status_code, second.content) == (first.status_code, first.content)
        assert second.headers["idempotent-replayed"] == "true"
        assert "idempotent-replayed" not in first.headers
        assert second.headers["location"] == first.headers["location"]
        assert first.headers["x-request-id"] != second.headers["x-request-id"]
        assert memory.disclosures[-1].released == ("Appointment/app-free1",)

    async def test_a_refusal_is_repeated_too(self, aino: httpx.AsyncClient) -> None:
        first = await book(aino, booking("taken"), **{"idempotency-key": "k1"})
        second = await book(aino, booking("taken"), **{"idempotency-key": "k1"})

        assert (second.status_code, second.content) == (409, first.content)
        assert second.headers["idempotent-replayed"] == "true"

    async def test_an_unknown_outcome_is_not_kept(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        await book(aino, booking("lost"), **{"idempotency-key": "k1"})

        assert memory.kept == {}

    async def test_the_same_key_with_another_body_is_refused(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        await book(aino, booking(), **{"idempotency-key": "k1"})
        kept = copy.copy(memory.kept)
        response = await book(aino, booking("free2"), **{"idempotency-key": "k1"})

        assert (response.status_code, code_of(response)) == (422, "key-reused")
        assert memory.kept == kept

    async def test_a_key_in_flight_is_not_kept(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        memory.fails = Failed("in-flight")
        response = await book(aino, booking(), **{"idempotency-key": "k1"})

        assert (response.status_code, code_of(response)) == (409, "in-flight")
        assert response.headers["retry-after"] == "2"
        assert memory.kept == {}

    @pytest.mark.parametrize("key", ["", '""', "a b", '"a', "a" * 256, "ä", '"a"; q=1'])
    async def test_what_is_no_key(self, aino: httpx.AsyncClient, key: str) -> None:
        headers = [(b"content-type", b"application/fhir+json"), (b"idempotency-key", key.encode())]
        response = await aino.post("/fhir/Appointment", json=booking(), headers=headers)

        assert (response.status_code, code_of(response)) == (400, "bad-key")


class TestIfNoneExist:
    async def test_none_one_many(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        resource = booking(identifier=[{"system": "urn:portal", "value": "b-1"}])
        once = {"if-none-exist": "identifier=urn:portal|b-1"}

        first = await book(aino, resource, **once)
        again = await book(aino, resource, **once)
        assert (first.status_code, again.status_code) == (201, 200)
        assert again.content == first.content
        memory.put(first.json() | {"id": "twin"}, AINO)
        many = await book(aino, resource, **once)
        assert (many.status_code, code_of(many)) == (412, "multiple-matches")

    @pytest.mark.parametrize(
        ("criteria", "code"),
        [
            ("", "bad-parameter"),
            ("unheard=1", "unknown-parameter"),
            ("identifier:text=x", "unknown-parameter"),
            ("date=x", "bad-parameter"),
        ],
    )
    async def test_criteria_are_read_strictly(self, aino: httpx.AsyncClient, criteria: str, code: str) -> None:
        response = await book(aino, booking(), **{"if-none-exist": criteria})

        assert (response.status_code, code_of(response)) == (400, code)


class TestPrefer:
    async def test_minimal_has_no_body(self, aino: httpx.AsyncClient) -> None:
        response = await book(aino, booking(), prefer="return=minimal")

        assert (response.status_code, response.content) == (201, b"")
        assert "content-type" not in response.headers
        assert response.headers["etag"] == 'W/"1"'

    async def test_an_outcome_instead(self, aino: httpx.AsyncClient) -> None:
        response = await book(aino, booking(), prefer="handling=strict, return=OperationOutcome")

        assert (response.status_code, code_of(response)) == (201, "done")


async def test_a_portal_alone_books_nothing(portal: httpx.AsyncClient, memory: MemoryHub) -> None:
    response = await book(portal, booking())

    assert (response.status_code, code_of(response)) == (403, "forbidden")
    assert memory.asked == []
