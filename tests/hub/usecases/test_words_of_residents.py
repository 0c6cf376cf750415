"""What residents write reaches the record system as they wrote it; a HETU among it is shown to nobody again."""

from __future__ import annotations

from adapters.memory import Fault

from .conftest import ME, Portal

TYPED = "Olen 010594Y9021, yskä ei lähde."
SHOWN = "Olen ******-****, yskä ei lähde."


async def test_a_hetu_in_a_comment_is_masked_whatever_the_system(portal: Portal) -> None:
    answer = await portal.book((await portal.slots())[0], comment=TYPED, reasonCode=[{"text": "x 131052-902Y"}])

    assert answer.status_code == 201
    assert answer.json()["comment"] == SHOWN
    assert answer.json()["reasonCode"][0]["text"] == "x ******-****"
    assert "warning" not in answer.headers, "masked is carried"
    read = await portal.client.get(f"/fhir/Appointment/{answer.json()['id']}")
    assert read.json()["comment"] == SHOWN
    held = [one.comment for one in portal.record_system.master.appointments() if one.comment]
    assert held == [TYPED], "the record system has the resident's own words"


async def test_so_it_is_while_the_outcome_is_not_known(portal: Portal) -> None:
    portal.record_system.wire.arm(Fault("drop-answer", "book"))
    answer = await portal.book((await portal.slots())[0], comment=TYPED)

    assert answer.status_code == 202
    pending = answer.json()["issue"][0]["extension"][1]["valueReference"]["reference"]
    assert (await portal.client.get(f"/fhir/{pending}")).json()["comment"] == SHOWN


async def test_ones_own_hetu_stays_in_ones_patient(portal: Portal) -> None:
    bundle = (await portal.client.get("/fhir/Patient")).json()

    assert bundle["entry"][0]["resource"]["identifier"][0]["value"] == ME.hetu
