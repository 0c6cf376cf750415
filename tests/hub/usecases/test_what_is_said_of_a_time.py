"""What a booking says of its time beside naming it: so, not so, or not for the hub to know."""

from __future__ import annotations

from typing import Any

import pytest

from canonical import codes

from .conftest import Portal

LOCAL = codes.local("memory", "service")


def concept(system: str | None, code: str) -> list[dict[str, Any]]:
    coding = {"code": code} | ({"system": system} if system else {})
    return [{"coding": [coding]}]


async def actors(portal: Portal, slot: dict[str, Any]) -> dict[str, str]:
    """The actors of the Slot's Schedule, by type."""
    schedule = (await portal.client.get(f"/fhir/{slot['schedule']['reference']}")).json()
    found = [one["reference"] for one in schedule["actor"]]
    return {one.partition("/")[0]: one for one in found}


async def another(portal: Portal, kind: str, known: str) -> str:
    """Another resource of a type."""
    bundle = (await portal.client.get(f"/fhir/{kind}")).json()
    return next(ref for e in bundle["entry"] if (ref := f"{kind}/{e['resource']['id']}") != known)


def refused(answer: Any) -> list[str]:
    issue = answer.json()["issue"][0]
    assert (answer.status_code, issue["details"]["coding"][0]["code"]) == (422, "slot-contradicted")
    found: list[str] = issue["expression"]
    return found


async def test_what_agrees_is_booked_without_a_word(portal: Portal) -> None:
    slot = (await portal.slots(**{"service-type": "EE"}))[0]
    known = await actors(portal, slot)

    answer = await portal.book(
        slot,
        known["Practitioner"],
        f"http://hub.test/fhir/{known['Location']}",
        known["HealthcareService"],
        serviceType=slot["serviceType"],
    )
    assert answer.status_code == 201, answer.text
    assert "warning" not in answer.headers


@pytest.mark.parametrize("element", ["serviceType", "appointmentType"])
async def test_a_system_that_the_time_says_nothing_in_cannot_contradict(portal: Portal, element: str) -> None:
    said = concept("http://snomed.info/sct", "185349003")
    answer = await portal.book((await portal.slots())[0], **{element: said if element == "serviceType" else said[0]})

    assert answer.status_code == 201, answer.text
    where = "Appointment.serviceType[0]" if element == "serviceType" else "Appointment.appointmentType"
    assert answer.headers["warning"] == f'199 - "not-carried: {where}"'


@pytest.mark.parametrize("said", [concept(codes.SERVICE, "EDC"), concept(LOCAL, "HOIT"), concept(None, "HOIT")])
async def test_another_service_is_refused_and_nobody_is_asked(portal: Portal, said: list[dict[str, Any]]) -> None:
    slot = (await portal.slots(**{"service-type": "EE"}))[0]
    await portal.me()
    before = portal.served()

    answer = await portal.book(slot, serviceType=[*slot["serviceType"], *said])
    assert refused(answer) == ["Appointment.serviceType[1]"]
    assert portal.served() == before


@pytest.mark.parametrize("kind", ["Location", "Practitioner", "HealthcareService", "PractitionerRole"])
async def test_somebody_who_does_not_take_part_is_refused(portal: Portal, kind: str) -> None:
    slot = (await portal.slots(**{"service-type": "EE"}))[0]
    known = await actors(portal, slot)

    answer = await portal.book(slot, known[kind], await another(portal, kind, known[kind]), f"{kind}/unheard-of")
    assert refused(answer) == [f"Appointment.participant[{i}].actor.reference" for i in (2, 3)]


async def test_of_a_time_shown_by_another_process_only_strangers_are_known(portal: Portal) -> None:
    slot = (await portal.slots(**{"service-type": "EE"}))[0]
    known = await actors(portal, slot)
    wrong = await another(portal, "Practitioner", known["Practitioner"])
    portal.hub.hub.free._offered.clear()

    assert refused(await portal.book(slot, "Practitioner/unheard-of")) == ["Appointment.participant[1].actor.reference"]
    answer = await portal.book(slot, wrong, serviceType=concept(LOCAL, "HOIT"))
    assert answer.status_code == 201
    assert answer.headers["warning"] == (
        '199 - "not-carried: Appointment.serviceType[0], Appointment.participant[1].actor"'
    )
