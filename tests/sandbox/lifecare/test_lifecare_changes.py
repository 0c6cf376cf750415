"""Cancelling and moving (manual §7.3)."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.sandbox.lifecare.lifecare_bench import REASON, Bench, entries, error


async def test_cancel(bench: Bench) -> None:
    booked = await bench.booked()
    cancelled = await bench.cancel(booked)
    assert (cancelled.status_code, cancelled.headers["etag"]) == (200, 'W/"2"')
    visit = cancelled.json()
    assert visit["status"] == "cancelled"
    assert visit["cancelationReason"]["coding"][0] == {**REASON["coding"][0], "display": "Asiakas perui"}
    assert [one["status"] for one in visit["participant"]] == ["declined", "accepted", "accepted", "accepted"]
    changed = {"meta", "status", "cancelationReason", "participant"}
    before = booked.json()
    assert {key: visit[key] for key in before if key not in changed} == {
        key: before[key] for key in before if key not in changed
    }
    assert (await bench.client.get(f"Appointment/{visit['id']}")).json() == visit
    assert bench.kept(visit["id"]).status == "cancelled"


@pytest.mark.parametrize(
    "reason",
    [{"text": "Toinen aika sopii paremmin"}, {**REASON, "text": "Sairastuin"}],
)
async def test_the_reason_is_kept(bench: Bench, reason: dict[str, Any]) -> None:
    booked = await bench.booked()
    answer = await bench.put(booked.json(), booked.headers["etag"], status="cancelled", cancelationReason=reason)
    assert answer.json()["cancelationReason"]["text"] == reason["text"]
    assert ("coding" in answer.json()["cancelationReason"]) == ("coding" in reason)


async def test_the_patient_may_be_sent_as_declined(bench: Bench) -> None:
    booked = await bench.booked()
    people = [{**booked.json()["participant"][0], "status": "declined"}, *booked.json()["participant"][1:]]
    answer = await bench.put(
        booked.json(), '"1"', status="cancelled", cancelationReason=REASON, participant=people[::-1]
    )
    assert answer.status_code == 200


async def test_if_match(bench: Bench) -> None:
    booked = await bench.booked()
    change = {"status": "cancelled", "cancelationReason": REASON}
    expected = {
        None: (412, "conflict", "IF_MATCH_MISSING"),
        'W/"2"': (412, "conflict", "STALE_VERSION"),
        'W/"01"': (412, "conflict", "STALE_VERSION"),
        "*": (400, "value", "BAD_VALUE"),
        "1": (400, "value", "BAD_VALUE"),
        'W/"1", W/"2"': (400, "value", "BAD_VALUE"),
    }
    found = {etag: error(await bench.put(booked.json(), etag, **change)) for etag in expected}
    assert found == expected
    # The version is checked before the body is looked at.
    answer = await bench.client.put(f"Appointment/{booked.json()['id']}", content=b"{", headers={"If-Match": '"9"'})
    assert answer.status_code in (412, 415)
    assert bench.kept(booked.json()["id"]).version == 1


async def test_a_change_by_the_desk_makes_the_version_stale(bench: Bench) -> None:
    booked = await bench.booked()
    slot = (await bench.free(**{"service-type": "YLE"}))[-1]
    bench.system.move(
        booked.json()["id"],
        start=datetime.fromisoformat(slot["start"]),
        calendar=slot["schedule"]["reference"].removeprefix("Schedule/"),
        by="desk",
    )
    assert error(await bench.cancel(booked)) == (412, "conflict", "STALE_VERSION")
    read = await bench.client.get(f"Appointment/{booked.json()['id']}")
    assert (read.headers["etag"], read.json()["start"]) == ('W/"2"', slot["start"])
    assert (await bench.cancel(read)).status_code == 200


async def test_sending_a_cancel_again_is_safe(bench: Bench) -> None:
    booked = await bench.booked()
    cancelled = await bench.cancel(booked)
    assert error(await bench.cancel(booked)) == (412, "conflict", "STALE_VERSION")
    again = await bench.put(cancelled.json(), cancelled.headers["etag"])
    assert error(again) == (422, "business-rule", "ALREADY_CANCELLED")
    undone = await bench.put(cancelled.json(), cancelled.headers["etag"], status="booked")
    assert error(undone) == (422, "business-rule", "ALREADY_CANCELLED")


async def test_race_of_two_cancels(bench: Bench) -> None:
    booked = await bench.booked()
    answers = await asyncio.gather(*(bench.cancel(booked) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]


async def test_what_has_begun_or_is_over_cannot_be_changed(bench: Bench) -> None:
    booked = await bench.booked()
    bench.system.clock.set(datetime.fromisoformat(booked.json()["start"]))
    assert error(await bench.cancel(booked)) == (422, "business-rule", "APPOINTMENT_PAST")
    bench.system.no_show(booked.json()["id"])
    read = await bench.client.get(f"Appointment/{booked.json()['id']}")
    assert read.json()["status"] == "noshow"
    assert error(await bench.cancel(read)) == (422, "business-rule", "NOT_CHANGEABLE")
    past = entries(await bench.client.get("Appointment?patient=100001&status=fulfilled"))[0]
    assert error(await bench.put(past, 'W/"2"', status="cancelled", cancelationReason=REASON)) == (
        422,
        "business-rule",
        "NOT_CHANGEABLE",
    )


ROOM = "https://lifecare.example/fhir/StructureDefinition/room"


def _refused_changes(visit: dict[str, Any]) -> dict[str, tuple[dict[str, Any], tuple[int, str, str]]]:
    no_room = [one for one in visit["extension"] if one["url"] != ROOM]
    foreign = [{**visit["participant"][0], "actor": {"reference": "Patient/100002"}}, *visit["participant"][1:]]
    not_allowed = (422, "business-rule", "CHANGE_NOT_ALLOWED")
    cancelled = {"status": "cancelled", "cancelationReason": REASON}
    other = {"coding": [{"system": "urn:oid:1.2.246.537.6.126", "code": "1"}]}
    return {
        "nothing": ({}, (422, "business-rule", "NO_CHANGE")),
        "comment": ({**cancelled, "comment": "new"}, not_allowed),
        "comment alone": ({"comment": "new"}, not_allowed),
        "no extension": ({**cancelled, "extension": None}, not_allowed),
        "extension lost": ({**cancelled, "extension": no_room}, not_allowed),
        "extension added": ({**cancelled, "extension": [*visit["extension"], {"url": "urn:x"}]}, not_allowed),
        "another person": ({**cancelled, "participant": foreign}, not_allowed),
        "start": ({**cancelled, "start": visit["end"]}, not_allowed),
        "length as text": ({**cancelled, "minutesDuration": "20"}, not_allowed),
        "placer": ({**cancelled, "identifier": visit["identifier"][:1]}, not_allowed),
        "service": ({**cancelled, "serviceType": None}, not_allowed),
        "known element": ({**cancelled, "priority": 3}, not_allowed),
        "unknown element": ({**cancelled, "colour": 3}, (400, "structure", "UNKNOWN_ELEMENT")),
        "id": ({**cancelled, "slot": None}, not_allowed),
        "noshow": ({"status": "noshow"}, (422, "business-rule", "STATUS_NOT_ALLOWED")),
        "no status": ({"status": None}, (400, "required", "MISSING_ELEMENT")),
        "no reason": ({"status": "cancelled"}, (422, "required", "REASON_MISSING")),
        "empty reason": ({"status": "cancelled", "cancelationReason": {}}, (422, "required", "REASON_MISSING")),
        "foreign reason": (
            {"status": "cancelled", "cancelationReason": other},
            (422, "code-invalid", "UNKNOWN_REASON"),
        ),
        "long reason": (
            {"status": "cancelled", "cancelationReason": {"text": "x" * 201}},
            (422, "too-long", "TEXT_TOO_LONG"),
        ),
    }


async def test_refused_changes_change_nothing(bench: Bench) -> None:
    slot = (await bench.free())[0]
    booked = await bench.book("aino", slot["id"], placer="b-1", comment="old")
    visit = booked.json()
    cases = _refused_changes(visit)
    found = {name: error(await bench.put(visit, 'W/"1"', **change)) for name, (change, _) in cases.items()}
    assert found == {name: expected for name, (_, expected) in cases.items()}
    assert (await bench.client.get(f"Appointment/{visit['id']}")).json() == visit


async def test_meta_and_text_are_the_servers(bench: Bench) -> None:
    booked = await bench.booked()
    text = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}
    answer = await bench.put(
        booked.json(), 'W/"1"', status="cancelled", cancelationReason=REASON, meta={"versionId": "7"}, text=text
    )
    assert (answer.status_code, answer.json()["meta"]["versionId"]) == (200, "2")
    assert "text" not in answer.json()


async def test_put_needs_the_right_id(bench: Bench) -> None:
    booked = await bench.booked()
    headers = {"If-Match": 'W/"1"'}
    wrong = await bench.client.put(
        f"Appointment/{booked.json()['id']}", json={**booked.json(), "id": "A1"}, headers=headers
    )
    assert error(wrong) == (400, "value", "BAD_VALUE")
    nowhere = await bench.client.put("Appointment/A1", json={**booked.json(), "id": "A1"}, headers=headers)
    assert error(nowhere) == (404, "not-found", "NOT_FOUND")


# ---- move


async def _move(bench: Bench, booked: httpx.Response, slot: str, **changes: Any) -> httpx.Response:
    times: dict[str, Any] = {"start": None, "end": None, "minutesDuration": None}
    return await bench.put(
        booked.json(), booked.headers["etag"], **{**times, "slot": [{"reference": f"Slot/{slot}"}], **changes}
    )


async def test_move_keeps_the_id_and_frees_the_old_time(bench: Bench) -> None:
    slots = await bench.free(**{"service-type": "YLE", "_count": "50"})
    other = next(one for one in slots if one["schedule"] != slots[0]["schedule"])
    booked = await bench.book("aino", slots[0]["id"], placer="b-1")
    moved = await _move(bench, booked, other["id"])
    assert (moved.status_code, moved.headers["etag"]) == (200, 'W/"2"')
    visit = moved.json()
    assert (visit["id"], visit["status"], visit["start"]) == (booked.json()["id"], "booked", other["start"])
    assert visit["slot"] == [{"reference": f"Slot/{other['id']}"}]
    assert visit["identifier"] == booked.json()["identifier"]
    assert (await bench.client.get(f"Slot/{slots[0]['id']}")).json()["status"] == "free"
    assert (await bench.client.get(f"Slot/{other['id']}")).json()["status"] == "busy"
    # The times and people of the new slot may be sent, too.
    back = await _move(bench, moved, slots[0]["id"], start=slots[0]["start"], participant=booked.json()["participant"])
    assert back.status_code == 200
    assert back.json()["participant"] == booked.json()["participant"]


async def test_moves_that_cannot_be(bench: Bench) -> None:
    slots = await bench.free(**{"service-type": "YLE", "_count": "50"})
    nurse = (await bench.free(**{"service-type": "TERV"}))[0]
    booked = await bench.book("aino", slots[0]["id"])
    assert (await bench.book("onni", slots[1]["id"])).status_code == 201
    cases: dict[str, tuple[str, dict[str, Any], tuple[int, str, str]]] = {
        "taken": (slots[1]["id"], {}, (409, "conflict", "SLOT_TAKEN")),
        "unknown": ("C12-hx5u1", {}, (422, "business-rule", "UNKNOWN_SLOT")),
        "service": (nurse["id"], {}, (422, "business-rule", "OTHER_SERVICE")),
        "old start": (
            slots[2]["id"],
            {"start": "2027-03-22T03:00:00+02:00"},
            (422, "business-rule", "TIME_MISMATCH"),
        ),
        "comment": (slots[2]["id"], {"comment": "new"}, (422, "business-rule", "CHANGE_NOT_ALLOWED")),
    }
    found = {name: error(await _move(bench, booked, slot, **changes)) for name, (slot, changes, _) in cases.items()}
    assert found == {name: expected for name, (_, _, expected) in cases.items()}
    bench.system.clock.set(datetime.fromisoformat(slots[0]["start"]))
    assert error(await _move(bench, booked, slots[2]["id"])) == (422, "business-rule", "APPOINTMENT_PAST")
    assert (await bench.client.get(f"Appointment/{booked.json()['id']}")).json() == booked.json()
