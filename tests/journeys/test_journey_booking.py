"""Find, book, list and cancel through the hub, and look it up in the record system: for each system."""

from __future__ import annotations

from typing import Any

import pytest

from tests.journeys.conftest import Demo
from tests.journeys.portal import calendar_of

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


@pytest.mark.parametrize("installation", SYSTEMS)
def test_a_time_that_the_desk_gave_back_is_no_duplicate(demo: Demo, installation: str) -> None:
    """The hub's memory of a booking is not the master's word: it asks before it says that one holds the time."""
    with demo.client("helvi") as helvi:
        slot = demo.slots(helvi, installation, 160)[-1]
        first = demo.book(helvi, slot)
        assert first.status_code == 201, first.text
        there = in_master(demo, installation, first.json())
        with demo.control() as control:
            body = {"id": there["id"], "reason": "sairastapaus"}
            control.post(f"/installations/{installation}/desk/cancel", json=body).raise_for_status()
        again = demo.book(helvi, slot)
        assert again.status_code == 201, again.text
        assert in_master(demo, installation, again.json())["status"] == "booked"


@pytest.mark.parametrize("installation", SYSTEMS)
def test_a_time_that_the_desk_gave_to_oneself_is_a_duplicate(demo: Demo, installation: str) -> None:
    with demo.client("aino") as aino, demo.control() as control:
        slot = demo.slots(aino, installation, 180)[-1]
        body = {"person": demo.person("aino")["hetu"], "calendar": calendar_of(demo, slot), "start": slot["start"]}
        control.post(f"/installations/{installation}/desk/book", json=body).raise_for_status()
        answer = demo.book(aino, slot)
        issue = answer.json()["issue"][0]
        assert (answer.status_code, issue["details"]["coding"][0]["code"]) == (409, "duplicate")
        named = next(e["valueReference"]["reference"] for e in issue["extension"] if "valueReference" in e)
        assert aino.get(f"/{named}").json()["start"] == slot["start"]


def test_who_becomes_a_customer_at_the_desk_sees_what_was_booked_there(demo: Demo) -> None:
    installation = "mediatri-sipoo"
    with demo.client("axel") as axel, demo.control() as control, demo.client("aino") as aino:
        axel.get("Appointment").raise_for_status()  # the hub has learned that Mediatri does not know him
        slot = demo.slots(aino, installation, 40)[-1]
        body = {"person": demo.person("axel")["hetu"], "start": slot["start"], "calendar": calendar_of(demo, slot)}
        made = control.post(f"/installations/{installation}/desk/book", json=body).raise_for_status().json()
        found = axel.get("Appointment", params={"_count": "200"}).raise_for_status().json()
    listed = [one["resource"]["start"] for one in found["entry"] if one["search"]["mode"] == "match"]
    assert slot["start"] in listed, made


@pytest.mark.parametrize("installation", SYSTEMS)
def test_a_slot_reads_free_until_it_is_taken_and_busy_then(demo: Demo, installation: str) -> None:
    with demo.client("marja") as marja, demo.client("onni") as onni:
        slot = demo.slots(marja, installation, 170)[-1]
        assert onni.get(f"/Slot/{slot['id']}").json()["status"] == "free"
        assert demo.book(marja, slot).status_code == 201
        taken = onni.get(f"/Slot/{slot['id']}")
        assert taken.status_code == 200
        assert taken.json()["status"] == "busy"
        assert taken.json()["schedule"] == slot["schedule"]


def test_every_text_arrives_whatever_a_telephone_writes(demo: Demo) -> None:
    text = "Ei kiirettä – ”ihottuma” 🤒 € äiti | ^ & ~ \\ <b>"
    for installation in SYSTEMS:
        with demo.client("onni") as onni:
            slot = demo.slots(onni, installation, 180)[-1]
            booked = demo.book(onni, slot, comment=text)
            assert booked.status_code == 201, booked.text
            assert booked.json()["comment"] == text


def test_a_portal_without_a_resident_sees_the_directory_and_no_more(demo: Demo) -> None:
    with demo.client("portal") as portal:
        for kind in ("Organization", "Location", "HealthcareService", "Practitioner", "Schedule"):
            assert portal.get(f"/{kind}").raise_for_status().json()["total"] > 0
        assert portal.get("/Slot?status=free&municipality=434&_count=1").status_code == 200
        assert portal.get("/Slot?status=free").status_code == 400
        for path in ("/Patient", "/Appointment", "/Task"):
            assert portal.get(path).status_code == 403
        assert portal.post("/Appointment", json={"resourceType": "Appointment"}).status_code in (400, 403)


def test_no_identity_code_and_no_name_stands_in_clear_at_the_hub(demo: Demo) -> None:
    """Whatever the journeys before did: nothing of a person is readable in the hub's files."""
    with demo.client("aino") as aino:
        aino.get("/Appointment").raise_for_status()
        aino.get(f"/Patient?identifier=urn:oid:1.2.246.21|{demo.person('aino')['hetu']}")
    secrets = [p["hetu"] for p in demo.told["persons"]] + ["Testinen", "Hidas", "Alaikäinen", "Testikatu"]
    for file in (*demo.folder.glob("hub.sqlite*"), demo.folder / "hub.log"):
        held = file.read_bytes()
        for secret in secrets:
            assert secret.encode() not in held, f"{file.name} holds personal data"
