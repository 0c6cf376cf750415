"""What the masters say enters the projection, and it never goes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical import codes
from canonical.model import Record
from hub.access import Access
from hub.criteria import Criterion, Token
from hub.store import AnotherPatientRecord, Store
from hub.store.observation import replaces
from hub.store.projection import Observation, Stored
from tests.hub.store.samples import (
    CHILD_HETU,
    LOVIISA,
    PORVOO,
    START,
    TODAY,
    appointment,
    booking,
    cancelling,
    learn,
    location,
    look,
    lost,
    meet,
    own,
    placed,
    proxy,
    sent,
)


async def read(store: Store, access: Access, hub_id: str, kind: str = "Appointment") -> Stored:
    found = await store.projection.read(access, kind, hub_id, today=TODAY)
    assert found is not None
    return found


async def take(store: Store, patient: str, record: Record, seen: Observation) -> str:
    ids = await store.projection.ingest([record], seen, patient=patient)
    return ids[record.kind, record.local_id]


def said(stored: Stored) -> dict[str, Any]:
    return dict(json.loads(stored.json))


async def test_a_record_is_kept_with_the_hubs_ids(store: Store) -> None:
    aino = await meet(store)
    ids = await store.projection.ingest([location(), appointment()], look(1000), patient=aino)
    stored = await read(store, own(aino), ids["Appointment", "a1"])
    assert stored[:9] == (
        "Appointment",
        ids["Appointment", "a1"],
        1,
        1001.0,
        1001.0,
        PORVOO,
        "a1",
        "1",
        "booked",
    )
    shown = said(stored)
    assert shown["id"] == stored.id
    assert shown["meta"]["source"] == codes.source(PORVOO)
    assert shown["meta"]["tag"] == [{"system": codes.SYNC_STATE, "code": "confirmed"}]
    assert [p["actor"]["reference"] for p in shown["participant"]] == [
        f"Patient/{aino}",
        f"Location/{ids['Location', '12']}",
    ]
    place = await read(store, own(aino), ids["Location", "12"], "Location")
    assert said(place)["name"] == "Näsin terveysasema"
    assert "tag" not in said(place)["meta"]


async def test_the_same_again_is_only_proven_again(store: Store) -> None:
    aino = await meet(store)
    hub_id = await take(store, aino, appointment(), look(1000))
    assert await take(store, aino, appointment(), look(2000)) == hub_id
    stored = await read(store, own(aino), hub_id)
    assert (stored.version, stored.last_updated, stored.proven_at) == (1, 1001.0, 2001.0)
    await take(store, aino, appointment(), look(1500))
    assert (await read(store, own(aino), hub_id)).proven_at == 2001.0


async def test_a_change_is_a_new_version(store: Store) -> None:
    aino = await meet(store)
    hub_id = await take(store, aino, appointment(), look(1000))
    await take(store, aino, appointment(version="2", status="cancelled"), look(2000))
    stored = await read(store, own(aino), hub_id)
    assert (stored.version, stored.status, stored.master_version, stored.last_updated) == (2, "cancelled", "2", 2001.0)
    assert said(stored)["meta"]["versionId"] == "2"


async def test_the_same_content_under_a_new_version_of_the_masters(store: Store) -> None:
    aino = await meet(store)
    hub_id = await take(store, aino, appointment(version="1"), look(1000))
    await take(store, aino, appointment(version="3"), look(2000))
    await take(store, aino, appointment(version="2"), look(3000))
    stored = await read(store, own(aino), hub_id)
    assert (stored.version, stored.master_version) == (1, "3")


@pytest.mark.parametrize(
    ("stored", "told", "started", "by_write", "takes"),
    [
        ("2", "1", 3000, False, False),  # an older version of the master's, however late we looked
        ("2", "1", 3000, True, False),
        ("2", "3", 500, False, True),  # a newer one, however early
        ("2", "2", 3000, False, True),  # the same version with another content: who looked later
        ("2", "2", 500, False, False),
        (None, None, 3000, False, True),
        (None, None, 1000, False, False),  # began before the other's word was in
        (None, None, 1001, False, True),
        (None, None, 500, True, True),  # a write's answer
        ("W1", "W2", 500, False, False),  # versions that are no numbers say nothing
        ("W1", "W2", 1001, False, True),
    ],
)
async def test_which_word_stands(
    store: Store, stored: str | None, told: str | None, started: float, by_write: bool, takes: bool
) -> None:
    aino = await meet(store)
    hub_id = await take(store, aino, appointment(version=stored), look(1000))
    await take(store, aino, appointment(version=told, status="cancelled"), Observation(PORVOO, started, 4000, by_write))
    assert (await read(store, own(aino), hub_id)).status == ("cancelled" if takes else "booked")


@given(st.lists(st.integers(1, 6), min_size=1, max_size=12), st.booleans())
def test_versions_of_the_master_never_go_back(told: list[int], by_write: bool) -> None:
    stored = told[0]
    for version in told[1:]:
        if replaces(str(stored), 0.0, str(version), Observation(PORVOO, 10.0, 11.0, by_write)):
            assert version >= stored
            stored = version
    assert stored == max(told)


async def test_a_record_of_somebody_else_is_not_kept(store: Store) -> None:
    aino = await meet(store)
    await meet(store, CHILD_HETU, "p88")
    for record in (appointment("a2", number="p88"), appointment("a3", number="p99"), appointment("a4", number="")):
        with pytest.raises(AnotherPatientRecord) as failure:
            await store.projection.ingest([appointment("a1"), record], look(1000), patient=aino)
        assert (failure.value.installation, failure.value.local_id) == (PORVOO, record.local_id)
        assert "p88" not in str(failure.value)
    assert await store.links.find("Appointment", PORVOO, "a1") is None, "nothing of the answer was kept"


async def test_a_record_that_names_two_people_is_not_kept(store: Store) -> None:
    aino = await meet(store)
    await meet(store, CHILD_HETU, "p88")
    record = appointment()
    record.resource["participant"].append({"actor": {"reference": "Patient/p88"}, "status": "accepted"})
    with pytest.raises(AnotherPatientRecord):
        await store.projection.ingest([record], look(1000), patient=aino)


async def test_patient_numbers_of_two_installations_have_nothing_in_common(store: Store) -> None:
    aino = await meet(store, number="p-77", where=PORVOO)
    await meet(store, CHILD_HETU, "p-77", LOVIISA)
    with pytest.raises(AnotherPatientRecord):
        await store.projection.ingest([appointment()], look(1000, where=LOVIISA), patient=aino)


async def test_an_appointment_that_is_missing_is_gone(store: Store) -> None:
    aino = await meet(store)
    later = START + timedelta(days=1)
    everything = [appointment("a1"), appointment("a2", at=later)]
    ids = await store.projection.ingest(everything, look(1000), patient=aino, complete_for=aino)
    await store.projection.ingest([appointment("a1")], look(2000), patient=aino, complete_for=aino)
    assert (await read(store, own(aino), ids["Appointment", "a1"])).status == "booked"
    gone = await read(store, own(aino), ids["Appointment", "a2"])
    assert (gone.status, gone.version, said(gone)["status"]) == ("entered-in-error", 2, "entered-in-error")
    page = await store.projection.search(own(aino), "Appointment", [], today=TODAY, limit=10)
    assert [item.id for item in page.items] == [ids["Appointment", "a1"]]
    await store.projection.ingest(everything, look(3000), patient=aino, complete_for=aino)
    assert (await read(store, own(aino), ids["Appointment", "a2"])).status == "booked"


async def test_what_was_proven_meanwhile_is_not_gone(store: Store) -> None:
    aino = await meet(store)
    hub_id = await take(store, aino, appointment(), Observation(PORVOO, 1000, 1010, by_write=True))
    await store.projection.ingest([], look(1005, 1020), patient=aino, complete_for=aino)
    assert (await read(store, own(aino), hub_id)).status == "booked"


async def test_other_peoples_and_other_installations_appointments_are_not_gone(store: Store) -> None:
    aino, lilja = await meet(store), await meet(store, CHILD_HETU, "p88")
    await store.people.keep_link(aino, LOVIISA, "77", 900.0)
    hers = await take(store, lilja, appointment("a2", number="p88"), look(1000))
    there = await take(store, aino, appointment("a3", number="77"), look(1000, where=LOVIISA))
    await store.projection.ingest([], look(2000), patient=aino, complete_for=aino)
    assert (await read(store, own(lilja), hers)).status == "booked"
    assert (await read(store, own(aino), there)).status == "booked"


async def test_an_open_command_keeps_an_appointment_from_being_gone(store: Store) -> None:
    aino = await meet(store)
    hub_id = await take(store, aino, appointment(), look(1000))
    await lost(store, await sent(store, cancelling(aino, hub_id)))
    await store.projection.ingest([], look(2000), patient=aino, complete_for=aino)
    assert (await read(store, own(aino), hub_id)).status == "booked"


async def test_one_that_the_master_has_no_more_is_gone(store: Store) -> None:
    aino = await meet(store)
    hub_id = await take(store, aino, appointment(), look(1000))
    await store.projection.gone("Appointment", hub_id, look(1000.5))
    assert (await read(store, own(aino), hub_id)).status == "booked"
    await store.projection.gone("Appointment", hub_id, look(2000))
    assert (await read(store, own(aino), hub_id)).status == "entered-in-error"
    await store.projection.gone("Appointment", "nothing", look(2000))


async def test_our_own_booking_is_met_under_the_id_it_was_promised(store: Store) -> None:
    aino = await meet(store)
    await sent(store, booking(aino, "c1", "target1"))
    ids = await store.projection.ingest([placed("c1")], look(1001), patient=aino)
    assert ids["Appointment", "a1"] == "target1"
    assert await store.links.local("Appointment", "target1") == (PORVOO, "a1")


@pytest.mark.parametrize("placer", ["c2", "somebody's", ""])
async def test_a_placer_id_that_is_not_ours_is_only_a_name(store: Store, placer: str) -> None:
    aino = await meet(store)
    await sent(store, booking(aino, "c1", "target1"))
    ids = await store.projection.ingest([placed(placer)], look(1001), patient=aino)
    assert ids["Appointment", "a1"] != "target1"


async def test_a_placer_id_promises_nothing_to_somebody_else(store: Store) -> None:
    aino = await meet(store)
    lilja = await meet(store, CHILD_HETU, "p88")
    await sent(store, booking(aino, "c1", "target1"))
    ids = await store.projection.ingest([placed("c1", number="p88")], look(1001), patient=lilja)
    assert ids["Appointment", "a1"] != "target1"


async def test_two_records_with_one_placer_id_are_two(store: Store) -> None:
    aino = await meet(store)
    await sent(store, booking(aino, "c1", "target1"))
    records = [placed("c1", local_id="a1"), placed("c1", local_id="a2")]
    ids = await store.projection.ingest(records, look(1001), patient=aino)
    assert {ids["Appointment", "a1"], ids["Appointment", "a2"]} > {"target1"}


async def test_a_portals_own_identifiers_stay_on_the_booking(store: Store) -> None:
    aino = await meet(store)
    await sent(store, booking(aino, "c1", "target1", identifiers=(("urn:portal", "case 7"),)))
    for seen, status in ((look(1001), "booked"), (look(2000), "cancelled")):
        await store.projection.ingest([placed("c1", status=status)], seen, patient=aino)
        shown = said(await read(store, own(aino), "target1"))
        assert shown["identifier"][-1] == {"system": "urn:portal", "value": "case 7"}
    await store.projection.ingest([placed("c1", status="cancelled")], look(3000), patient=aino)
    assert (await read(store, own(aino), "target1")).version == 2, "the same again is no new version"
    for system, found in (("urn:portal", 1), ("urn:other", 0), (None, 1)):
        wanted = [Criterion("identifier", (Token(system, "case 7"),))]
        assert await store.projection.count(own(aino), "Appointment", wanted, today=TODAY) == found


@pytest.mark.parametrize(
    ("born", "restriction", "guardian_sees"),
    [
        (date(2024, 2, 29), None, True),
        (date(2024, 2, 29), "4", False),
        (date(2012, 7, 5), None, False),
        (date(2012, 7, 5), "2", True),
        (None, None, False),
    ],
)
async def test_what_a_guardian_sees(
    store: Store, born: date | None, restriction: str | None, guardian_sees: bool
) -> None:
    aino, child = await meet(store), await meet(store, CHILD_HETU, "p88")
    if born is not None:
        await learn(store, child, born)
    more: dict[str, Any] = {}
    if restriction is not None:
        coding = {"system": codes.RESTRICTION_PARENT_CODES, "code": restriction}
        more["extension"] = [{"url": codes.RESTRICTION_PARENT, "valueCoding": coding}]
    hub_id = await take(store, child, appointment(number="p88", **more), look(1000))
    assert (await store.projection.read(own(child), "Appointment", hub_id, today=TODAY)) is not None
    seen = await store.projection.read(proxy(aino, child), "Appointment", hub_id, today=TODAY)
    assert (seen is not None) is guardian_sees


async def test_demographics_are_the_registers(store: Store) -> None:
    aino = await meet(store)
    await learn(store, aino, date(1990, 1, 1), 1000.0)
    stored = await read(store, own(aino), aino, "Patient")
    assert (stored.version, stored.proven_at, said(stored)["birthDate"]) == (1, 1001.0, "1990-01-01")
    assert said(stored)["meta"]["source"] == codes.source("population-register")
    await learn(store, aino, date(1990, 1, 1), 2000.0)
    stored = await read(store, own(aino), aino, "Patient")
    assert (stored.version, stored.proven_at) == (1, 2001.0)
    with pytest.raises(KeyError):
        await learn(store, "nobody", date(1990, 1, 1))


async def test_a_directory_is_taken_whole_and_again(store: Store) -> None:
    records = [location(str(n), f"Piste {n}") for n in range(120)]
    service = {"resourceType": "HealthcareService", "location": [{"reference": "Location/7"}]}
    records.append(Record("HealthcareService", "h1", service))
    ids = await store.projection.ingest(records, look(1000))
    assert len({ids["Location", str(n)] for n in range(120)}) == 120
    shown = said(await read(store, own("x"), ids["HealthcareService", "h1"], "HealthcareService"))
    assert shown["location"] == [{"reference": f"Location/{ids['Location', '7']}"}]
    records[3] = location("3", "Uusi nimi")
    assert await store.projection.ingest(records, look(2000)) == ids
    changed = await read(store, own("x"), ids["Location", "3"], "Location")
    same = await read(store, own("x"), ids["Location", "4"], "Location")
    assert (changed.version, same.version, same.proven_at) == (2, 1, 2001.0)


async def test_a_kind_that_is_not_kept_is_a_defect(store: Store) -> None:
    with pytest.raises(ValueError, match="Observation is not kept"):
        await store.projection.ingest([Record("Observation", "o1", {"resourceType": "Observation"})], look(1000))


async def test_many_observers_at_once_agree(database_url: str, open_store: Callable[[str], Store]) -> None:
    stores = [open_store(database_url) for _ in range(3)]
    aino = await meet(stores[0])

    async def observe(n: int) -> None:
        status = "booked" if n % 2 else "cancelled"
        record = appointment(version=str(n), status=status, comment=f"{n}")
        await stores[n % 3].projection.ingest([location(), record], look(1000 + n), patient=aino)

    await asyncio.gather(*(observe(n) for n in range(1, 31)))
    hub_id = await stores[0].links.find("Appointment", PORVOO, "a1")
    assert hub_id is not None
    stored = await read(stores[0], own(aino), hub_id)
    assert (stored.master_version, stored.status) == ("30", "cancelled")
    history = await stores[0].projection.history(own(aino), "Appointment", hub_id, today=TODAY)
    assert [version.version for version in history] == list(range(stored.version, 0, -1))
    comments = [int(json.loads(version.json)["comment"]) for version in history]
    assert comments == sorted(comments, reverse=True)
