"""Booking (manual §7.1)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.lifecare.resources import read_extra
from tests.sandbox.lifecare.lifecare_bench import PLACER, Bench, booking, entries, error


async def test_book(bench: Bench) -> None:
    slot = (await bench.free())[0]
    answer = await bench.book("aino", slot["id"], placer="b-1", comment="Kuume ei laske <b>&\n40 °C")
    assert answer.status_code == 201
    visit = answer.json()
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["location"].endswith(f"/Appointment/{visit['id']}/_history/1")
    assert (visit["status"], visit["start"], visit["end"]) == ("booked", slot["start"], slot["end"])
    assert visit["comment"] == "Kuume ei laske <b>&\n40 °C"
    assert visit["participant"][0]["actor"]["reference"] == f"Patient/{bench.number('aino')}"
    assert {one["actor"]["reference"].split("/")[0] for one in visit["participant"][1:]} == {
        "Practitioner",
        "Location",
        "HealthcareService",
    }
    assert visit["identifier"][1] | {"type": None} == {"type": None, "system": PLACER, "value": "b-1"}
    read = await bench.client.get(f"Appointment/{visit['id']}")
    assert (read.json(), read.headers["etag"]) == (visit, 'W/"1"')
    (kept,) = bench.system.appointments(placer_id="b-1")
    assert (kept.id, kept.text, kept.booked_by) == (visit["id"], visit["comment"], "interface")


async def test_vendor_extensions(bench: Bench) -> None:
    extensions = {one["url"].rsplit("/", 1)[1]: one for one in (await bench.booked()).json()["extension"]}
    assert set(extensions) == {"room", "arrival-instruction", "booking-channel"}
    assert extensions["booking-channel"]["valueCode"] == "interface"


async def test_if_none_exist_books_once(bench: Bench) -> None:
    slots = await bench.free()
    first = await bench.book("aino", slots[0]["id"], placer="b-1", once=True)
    second = await bench.book("aino", slots[0]["id"], placer="b-1", once=True)
    other_slot = await bench.book("aino", slots[1]["id"], placer="b-1", once=True)
    assert [one.status_code for one in (first, second, other_slot)] == [201, 200, 200]
    assert first.json() == second.json() == other_slot.json()
    assert first.headers["location"] == second.headers["location"]
    assert (await bench.cancel(first)).status_code == 200
    after = await bench.book("aino", slots[0]["id"], placer="b-1", once=True)
    assert (after.status_code, after.json()["status"]) == (200, "cancelled")


async def test_if_none_exist_may_be_percent_encoded(bench: Bench) -> None:
    slot = (await bench.free())[0]["id"]
    body = booking(bench.number("aino"), slot, "b-1")
    for status in (201, 200):
        headers = {"If-None-Exist": "identifier=https%3A%2F%2Fportal.example%2Fbookings%7Cb-1"}
        assert (await bench.client.post("Appointment", json=body, headers=headers)).status_code == status


async def test_the_same_value_of_another_system_is_another_id(bench: Bench) -> None:
    slots = await bench.free()
    assert (await bench.book("aino", slots[0]["id"], placer="b-1", once=True)).status_code == 201
    other = booking(bench.number("aino"), slots[1]["id"], identifier=[{"system": "urn:other", "value": "b-1"}])
    answer = await bench.client.post("Appointment", json=other, headers={"If-None-Exist": "identifier=urn:other|b-1"})
    assert answer.status_code == 201
    assert {read_extra(one)["system"] for one in bench.system.appointments(placer_id="b-1")} == {PLACER, "urn:other"}


async def test_without_if_none_exist_nothing_de_duplicates(bench: Bench) -> None:
    slots = await bench.free()
    assert (await bench.book("aino", slots[0]["id"], placer="b-1")).status_code == 201
    assert (await bench.book("aino", slots[1]["id"], placer="b-1")).status_code == 201
    same = await bench.book("aino", slots[0]["id"], placer="b-1")
    assert error(same) == (409, "duplicate", "ALREADY_BOOKED")
    several = await bench.book("aino", slots[2]["id"], placer="b-1", once=True)
    assert error(several) == (412, "multiple-matches", "MULTIPLE_MATCHES")


@pytest.mark.parametrize(
    "condition", ["identifier=b-1", f"identifier={PLACER}|b-2", "_id=1", "", f"patient={PLACER}|b-1"]
)
async def test_other_conditions_are_refused(bench: Bench, condition: str) -> None:
    body = booking(bench.number("aino"), (await bench.free())[0]["id"], "b-1")
    answer = await bench.client.post("Appointment", json=body, headers={"If-None-Exist": condition})
    assert error(answer) == (400, "invalid", "BAD_CONDITION")


async def test_race_of_many_and_the_desk_has_one_winner(bench: Bench) -> None:
    keys = ("aino", "onni", "lilja", "marja", "helvi")
    for slot in (await bench.free())[:5]:
        answers = await asyncio.gather(*(bench.book(key, slot["id"]) for key in keys))
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
        losers = [error(answer) for answer in answers if answer.status_code == 409]
        assert set(losers) == {(409, "conflict", "SLOT_TAKEN")}
        holder = await bench.client.get("Appointment", params={"slot": f"Slot/{slot['id']}"})
        assert len(entries(holder)) == 1


async def test_race_of_the_same_command_books_once(bench: Bench) -> None:
    slot = (await bench.free())[0]["id"]
    answers = await asyncio.gather(*(bench.book("aino", slot, placer="b-1", once=True) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_kerttu_always_comes_too_late(bench: Bench) -> None:
    slot = (await bench.free())[0]["id"]
    assert error(await bench.book("kerttu", slot, placer="b-1", once=True)) == (409, "conflict", "SLOT_TAKEN")
    (holder,) = entries(await bench.client.get("Appointment", params={"slot": slot}))
    assert holder["participant"][0]["actor"]["reference"] != f"Patient/{bench.number('kerttu')}"
    assert bench.bookings("kerttu") == 0


PATIENT = {"actor": {"reference": "Patient/100001"}, "status": "accepted"}


@pytest.mark.parametrize(
    ("elements", "expected", "expression"),
    [
        ({"status": "proposed"}, (422, "business-rule", "STATUS_NOT_ALLOWED"), "Appointment.status"),
        ({"status": None}, (400, "structure", "BAD_ELEMENT"), "Appointment.status"),
        ({"status": ""}, (400, "value", "BAD_VALUE"), "Appointment.status"),
        ({"slot": [{"reference": "Slot/C12-hx5u1"}]}, (422, "business-rule", "UNKNOWN_SLOT"), "Appointment.slot[0]"),
        ({"slot": [{"reference": "Slot/nonsense"}]}, (422, "business-rule", "UNKNOWN_SLOT"), "Appointment.slot[0]"),
        ({"slot": [{"reference": "Schedule/C12"}]}, (400, "value", "BAD_VALUE"), "Appointment.slot[0].reference"),
        ({"slot": []}, (400, "structure", "BAD_ELEMENT"), "Appointment.slot"),
        ({"slot": "Slot/C12"}, (400, "structure", "BAD_ELEMENT"), "Appointment.slot"),
        ({"slot": ["Slot/C12"]}, (400, "structure", "BAD_ELEMENT"), "Appointment.slot[0]"),
        ({"slot": [{"reference": 7}]}, (400, "structure", "BAD_ELEMENT"), "Appointment.slot[0].reference"),
        ({"slot": [{}]}, (400, "required", "MISSING_ELEMENT"), "Appointment.slot[0].reference"),
        (
            {"participant": [{"actor": {"reference": "Patient/999"}, "status": "accepted"}]},
            (422, "business-rule", "UNKNOWN_PATIENT"),
            "Appointment.participant[0].actor",
        ),
        ({"participant": [PATIENT, PATIENT]}, (400, "structure", "BAD_ELEMENT"), "Appointment.participant"),
        (
            {"participant": [{**PATIENT, "status": "needs-action"}]},
            (422, "business-rule", "STATUS_NOT_ALLOWED"),
            "Appointment.participant[0].status",
        ),
        (
            {"participant": [{"status": "accepted"}]},
            (400, "required", "MISSING_ELEMENT"),
            "Appointment.participant[0].actor",
        ),
        ({"start": "2027-03-23T08:00:00"}, (400, "value", "BAD_VALUE"), "Appointment.start"),
        ({"start": "2027-03-22T03:00:00Z"}, (422, "business-rule", "TIME_MISMATCH"), "Appointment.start"),
        ({"end": "2029-03-22T03:00:00Z"}, (422, "business-rule", "TIME_MISMATCH"), "Appointment.end"),
        ({"comment": "x" * 501}, (422, "too-long", "TEXT_TOO_LONG"), "Appointment.comment"),
        ({"comment": "nul\x00"}, (400, "value", "BAD_VALUE"), "Appointment.comment"),
        ({"comment": ["x"]}, (400, "structure", "BAD_ELEMENT"), "Appointment.comment"),
        ({"identifier": [{"value": "x"}]}, (400, "required", "MISSING_ELEMENT"), "Appointment.identifier[0].system"),
        (
            {"identifier": [{"system": "urn:x", "value": "x" * 65}]},
            (422, "too-long", "TEXT_TOO_LONG"),
            "Appointment.identifier[0].value",
        ),
        (
            {"identifier": [{"system": "urn:x", "value": "a b"}]},
            (400, "value", "BAD_VALUE"),
            "Appointment.identifier[0].value",
        ),
        (
            {"identifier": [{"system": "nowhere", "value": "a"}]},
            (400, "value", "BAD_VALUE"),
            "Appointment.identifier[0].system",
        ),
        ({"priority": 1}, (422, "not-supported", "NOT_STORED"), "Appointment.priority"),
        ({"extension": [{"url": "urn:x"}]}, (422, "not-supported", "NOT_STORED"), "Appointment.extension"),
        ({"_comment": {"id": "a"}}, (422, "not-supported", "NOT_STORED"), "Appointment._comment"),
        ({"colour": "red"}, (400, "structure", "UNKNOWN_ELEMENT"), "Appointment.colour"),
        ({"resourceType": "Slot"}, (400, "structure", "WRONG_TYPE"), "resourceType"),
    ],
)
async def test_refused(bench: Bench, elements: dict[str, Any], expected: tuple[int, str, str], expression: str) -> None:
    before = len(bench.system.appointments())
    body = booking("100001", (await bench.free())[0]["id"]) | elements
    answer = await bench.client.post("Appointment", json=body)
    assert error(answer) == expected
    assert answer.json()["issue"][0]["expression"] == [expression]
    assert len(bench.system.appointments()) == before


async def test_the_slots_own_times_may_be_sent_in_any_offset(bench: Bench) -> None:
    slot = (await bench.free())[0]
    start = datetime.fromisoformat(slot["start"])
    utc = start.astimezone(UTC).isoformat().replace("+00:00", "Z")
    assert (await bench.book("aino", slot["id"], start=utc, end=slot["end"])).status_code == 201
