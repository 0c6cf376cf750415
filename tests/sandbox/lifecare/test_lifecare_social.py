"""lifecare-porvoo-sosiaali: the same interface for social care, with its own systems and codes."""

from __future__ import annotations

from tests.sandbox.lifecare.lifecare_bench import Bench, entries


async def test_services_carry_their_service_task(social: Bench) -> None:
    found = {one["id"]: one for one in entries(await social.client.get("HealthcareService"))}
    assert len(found) == 9
    task = {"system": "urn:oid:1.2.246.537.6.1221", "code": "6"}
    assert found["AIK"]["category"] == [{"coding": [task]}]
    assert [one["system"] for one in found["AIK"]["type"][0]["coding"]] == ["urn:oid:2.999.638.2.6.10"]
    assert found["AIK"]["specialty"][0]["coding"][0]["code"] == "SOS"
    assert "category" not in found["NEU-X"]
    assert all(one["_name"]["extension"] for one in found.values())
    asked = await social.client.get("HealthcareService", params={"service-category": f"{task['system']}|6"})
    assert {one["id"] for one in entries(asked)} == {"AIK", "TOI", "PAI"}
    slots = await social.free(**{"service-category": f"{task['system']}|7"})
    assert {one["serviceType"][0]["coding"][0]["code"] for one in slots} == {"VAM"}


async def test_who_is_a_customer(social: Bench) -> None:
    assert social.system.patient_by_hetu("150668-910D") is None  # Marja, though she lives in Porvoo
    assert social.number("lilja")
    made = await social.booked("aino", **{"service-type": "AIK"})
    identifier = made.json()["identifier"][0]
    assert identifier["system"] == "urn:oid:2.999.638.2.30"
