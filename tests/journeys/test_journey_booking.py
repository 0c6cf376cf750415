"""Find, book, list and cancel through the hub, and look it up in the record system: for each system."""

from __future__ import annotations

from typing import Any

import pytest

from tests.journeys.conftest import Demo

SYSTEMS = ("lifecare-porvoo", "pegasos-loviisa")


def in_master(demo: Demo, installation: str, appointment: dict[str, Any]) -> dict[str, Any]:
    """The one booking of the record system that carries the hub's placer id."""
    placer = next(i["value"] for i in appointment["identifier"] if i["system"].endswith("/fhir/placer"))
    found = demo.bookings(installation, placer_id=placer)
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("installation", SYSTEMS)
def test_find_book_list_read_cancel(demo: Demo, installation: str) -> None:
    with demo.client("aino") as aino:
        slot = demo.slots(aino, installation, 40)[-1]
        booked = demo.book(aino, slot, comment="Selkä on kipeä | ^ & ~ \\ åäö")
        assert booked.status_code == 201, booked.text
        appointment = booked.json()
        assert appointment["status"] == "booked"
        assert (appointment["start"], appointment["end"]) == (slot["start"], slot["end"])
        assert appointment["comment"] == "Selkä on kipeä | ^ & ~ \\ åäö"
        assert booked.headers["ETag"] == f'W/"{appointment["meta"]["versionId"]}"'
        assert f"/Appointment/{appointment['id']}" in booked.headers["Location"]

        there = in_master(demo, installation, appointment)
        assert there["status"] == "booked"
        assert there["start"] == slot["start"]
        assert there["person"] == demo.person("aino")["hetu"]

        listed = aino.get("/Appointment").raise_for_status().json()
        assert appointment["id"] in [e["resource"]["id"] for e in listed["entry"]]
        posted = aino.post("/Appointment/_search", data={"status": "booked"}).raise_for_status().json()
        assert appointment["id"] in [e["resource"]["id"] for e in posted["entry"]]
        read = aino.get(f"/Appointment/{appointment['id']}").raise_for_status()
        assert read.json() == appointment

        cancelled = demo.cancel(aino, appointment)
        assert cancelled.status_code == 200, cancelled.text
        assert cancelled.json()["status"] == "cancelled"
        assert in_master(demo, installation, appointment)["status"] == "cancelled"
        freed = [s["id"] for s in demo.slots(aino, installation, 200)]
        assert slot["id"] in freed


def test_a_person_unknown_to_the_system_is_registered_first(demo: Demo) -> None:
    """Axel is no customer of Lifecare, Lilja none of Pegasos: the booking makes them one."""
    for token, installation in (("axel", "lifecare-porvoo"), ("lilja-by-aino", "pegasos-loviisa")):
        with demo.client(token) as client:
            slot = demo.slots(client, installation, 60)[-1]
            booked = demo.book(client, slot)
            assert booked.status_code == 201, booked.text
            assert in_master(demo, installation, booked.json())["status"] == "booked"


def test_the_same_key_gets_the_same_answer_and_one_booking(demo: Demo, key: str) -> None:
    with demo.client("aino") as aino:
        slot, other = demo.slots(aino, "lifecare-porvoo", 80)[-2:]
        first = demo.book(aino, slot, key)
        again = demo.book(aino, slot, key)
        assert first.status_code == again.status_code == 201
        assert first.content == again.content
        assert again.headers["Idempotent-Replayed"] == "true"
        assert first.headers["Location"] == again.headers["Location"]
        changed = demo.book(aino, other, key)
        assert changed.status_code == 422
        in_master(demo, "lifecare-porvoo", first.json())


def test_without_a_key_the_time_one_holds_is_a_duplicate(demo: Demo) -> None:
    for installation in SYSTEMS:
        with demo.client("marja") as marja:
            slot = demo.slots(marja, installation, 100)[-1]
            first = demo.book(marja, slot)
            assert first.status_code == 201, first.text
            again = demo.book(marja, slot)
            assert again.status_code == 409
            issue = again.json()["issue"][0]
            assert issue["details"]["coding"][0]["code"] == "duplicate"
            assert f"Appointment/{first.json()['id']}" in again.text


def test_a_stale_version_is_refused_even_when_the_desk_made_it_stale(demo: Demo) -> None:
    with demo.client("aino") as aino:
        slot = demo.slots(aino, "lifecare-porvoo", 120)[-1]
        appointment = demo.book(aino, slot).json()
        there = in_master(demo, "lifecare-porvoo", appointment)
        with demo.control() as control:
            body = {"id": there["id"], "reason": "sairastapaus"}
            control.post("/installations/lifecare-porvoo/desk/cancel", json=body).raise_for_status()
        refused = demo.cancel(aino, appointment)
        assert refused.status_code == 412, refused.text
        now = aino.get(f"/Appointment/{appointment['id']}").json()
        assert now["status"] == "cancelled"
        missing = aino.put(f"/Appointment/{appointment['id']}", json={**appointment, "status": "cancelled"})
        assert missing.status_code == 400
