"""What portals do beside booking and cancelling, and what they are told: shared by the journeys."""

from __future__ import annotations

import time
from typing import Any

import httpx

from tests.journeys.conftest import QUIET_WITHIN, Demo

LIVE = ("booked", "pending", "proposed")
_OWN_TIMES = ("start", "end", "minutesDuration")


def change(client: httpx.Client, appointment: dict[str, Any], body: dict[str, Any], **headers: str) -> httpx.Response:
    """PUT it, as it was seen."""
    match = {"If-Match": f'W/"{appointment["meta"]["versionId"]}"'}
    match |= {name.replace("_", "-"): value for name, value in headers.items()}
    return client.put(f"/Appointment/{appointment['id']}", json=body, headers=match)


def move(client: httpx.Client, appointment: dict[str, Any], slot: dict[str, Any], **headers: str) -> httpx.Response:
    """To another time; of a proposal: ask for that time."""
    body = {name: value for name, value in appointment.items() if name not in _OWN_TIMES}
    return change(client, appointment, {**body, "slot": [{"reference": f"Slot/{slot['id']}"}]}, **headers)


def accept(client: httpx.Client, appointment: dict[str, Any], **headers: str) -> httpx.Response:
    """Accept what the unit proposes."""
    people = [
        {**one, "status": "accepted"} if is_patient(one) else one for one in appointment["participant"]
    ]  # fmt: skip
    return change(client, appointment, {**appointment, "participant": people}, **headers)


def is_patient(participant: dict[str, Any]) -> bool:
    return str(participant.get("actor", {}).get("reference", "")).startswith("Patient/")


def answer_of(appointment: dict[str, Any]) -> str:
    """What the patient has said to it."""
    return next(str(one["status"]) for one in appointment["participant"] if is_patient(one))


def operation(client: httpx.Client, name: str, slot: dict[str, Any], **headers: str) -> httpx.Response:
    """An operation of IHE ITI Scheduling on a proposed Appointment, whose id is the Slot's."""
    reference = {"reference": f"Appointment/{slot['id']}"}
    parameter = {"name": "appointment-reference", "valueReference": reference}
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(
        f"/Appointment/${name}", json={"resourceType": "Parameters", "parameter": [parameter]}, headers=told
    )


def listed(client: httpx.Client, installation: str) -> list[dict[str, Any]]:
    """The person's live appointments there, as the hub lists them; asked again while it says that they are missing.

    Asked twice at least: the first may share the answer to a question that somebody asked of the same person before.
    """
    client.get("/Appointment?_count=200").raise_for_status()
    until = time.monotonic() + QUIET_WITHIN
    while True:
        bundle = client.get("/Appointment?_count=200").raise_for_status().json()
        assert all(one["relation"] != "next" for one in bundle["link"]), "more than one page"
        entries: dict[str, list[dict[str, Any]]] = {"match": [], "outcome": []}
        for entry in bundle.get("entry", ()):
            entries[entry["search"]["mode"]].append(entry["resource"])
        if not any(installation in one["issue"][0].get("diagnostics", "") for one in entries["outcome"]):
            return [one for one in entries["match"] if one["status"] in LIVE
                    and one["meta"]["source"].endswith(f"/{installation}")]  # fmt: skip
        assert time.monotonic() < until, f"{installation} stays missing"
        time.sleep(0.3)


def live(demo: Demo, installation: str, person: str) -> list[dict[str, Any]]:
    """The person's live bookings in the record system."""
    hetu = demo.person(person)["hetu"]
    found = demo.bookings(installation, person=person)
    return [one for one in found if one["person"] == hetu and one["status"] in LIVE]


def proposed(
    demo: Demo, client: httpx.Client, installation: str, person: str, slot: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    """The unit proposes the time: the Appointment as the hub shows it, and its number in the record system."""
    body = {"person": person, "calendar": calendar_of(demo, slot), "start": slot["start"]}
    with demo.control() as control:
        made = control.post(f"/installations/{installation}/desk/propose", json=body)
        assert made.status_code == 201, made.text
    shown = [one for one in listed(client, installation) if one["start"] == slot["start"]]
    assert len(shown) == 1, f"the hub shows {len(shown)} appointments of the proposal"
    return shown[0], str(made.json()["id"])


def calendar_of(demo: Demo, slot: dict[str, Any]) -> str:
    """The record system's own id of the calendar, as the directory publishes it."""
    with demo.client("portal") as portal:
        schedule = portal.get(f"/{slot['schedule']['reference']}").raise_for_status().json()
    return str(next(i["value"] for i in schedule["identifier"] if i["system"].endswith("/schedule")))


def different_starts(demo: Demo, client: httpx.Client, installation: str) -> list[dict[str, Any]]:
    """Free times of different starts, later than the other journeys' first ones."""
    slots = demo.slots(client, installation, 2500, start="ge2027-03-30")
    return list({slot["start"]: slot for slot in slots}.values())


def code_of(answer: httpx.Response) -> str:
    """The stable code of an OperationOutcome."""
    return str(answer.json()["issue"][0]["details"]["coding"][0]["code"])


def settled(demo: Demo, client: httpx.Client, answer: httpx.Response) -> str:
    """done or nothing-done, as the portal was finally told; or what is wrong with the answer itself."""
    if answer.status_code in (200, 201):
        return "done"
    if answer.status_code == 202:
        task = demo.receipt(client, answer)
        return {"completed": "done", "rejected": "nothing-done"}.get(task["status"], f"receipt {task['status']}")
    if 400 <= answer.status_code < 500:
        return "nothing-done"
    return f"answered {answer.status_code}: {answer.text[:300]}"
