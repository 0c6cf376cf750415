"""What a command without an outcome shows, and what its end makes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from canonical import codes
from canonical.commands import RegisterPerson
from canonical.model import Record
from hub.journal.ports import Move, Problem
from hub.journal.states import State
from hub.resources import CONFIRMED, OUTCOME_UNKNOWN
from hub.store import AnotherPatientRecord, Store
from hub.store.projection import Stored
from tests.hub.store.samples import (
    CHILD_HETU,
    HETU,
    PORVOO,
    START,
    TODAY,
    appointment,
    booking,
    cancelling,
    go,
    learn,
    look,
    lost,
    meet,
    own,
    placed,
    proxy,
    sent,
)


async def shown(store: Store, patient: str, hub_id: str = "target1") -> tuple[Stored, dict[str, Any]]:
    stored = await store.projection.read(own(patient), "Appointment", hub_id, today=TODAY)
    assert stored is not None
    return stored, json.loads(stored.json)


async def listed(store: Store, patient: str) -> list[str]:
    page = await store.projection.search(own(patient), "Appointment", [], today=TODAY, limit=10)
    return [item.id for item in page.items]


def receipt(command_id: str) -> list[dict[str, Any]]:
    return [{"url": codes.RECEIPT_EXTENSION, "valueReference": {"reference": f"Task/{command_id}"}}]


async def test_a_booking_on_its_way_shows_nothing(store: Store) -> None:
    aino = await meet(store)
    await sent(store, booking(aino))
    assert await store.projection.read(own(aino), "Appointment", "target1", today=TODAY) is None


async def test_a_confirmed_booking_is_there_when_the_move_returns(store: Store) -> None:
    aino = await meet(store)
    row = await sent(store, booking(aino))
    await go(store, row, Move(State.CONFIRMED, 1002.0, record=placed()))
    stored, resource = await shown(store, aino)
    assert (stored.status, stored.local_id, stored.proven_at) == ("booked", "a1", 1002.0)
    assert resource["meta"]["tag"] == [CONFIRMED]
    assert "extension" not in resource
    assert await store.links.local("Appointment", "target1") == (PORVOO, "a1")


async def test_an_unknown_booking_shows_as_pending_with_its_receipt(store: Store) -> None:
    aino = await meet(store)
    row = await lost(store, await sent(store, booking(aino)))
    assert row.shown
    stored, resource = await shown(store, aino)
    assert (stored.status, stored.local_id, stored.version) == ("pending", None, 1)
    assert resource["meta"]["tag"] == [OUTCOME_UNKNOWN]
    assert resource["meta"]["source"] == codes.source("hub")
    assert resource["extension"] == receipt("c1")
    assert resource["comment"] == "Kurkku kipeä"
    assert await listed(store, aino) == ["target1"]


async def test_a_portal_that_stops_waiting_sees_the_booking_pending(store: Store) -> None:
    aino = await meet(store)
    row = await sent(store, booking(aino))
    seen = await store.journal.show_pending("c1")
    assert seen is not None
    assert (seen.state, seen.shown, seen.fence) == (State.SENDING, True, row.fence)
    assert (await shown(store, aino))[0].status == "pending"
    await go(store, row, Move(State.CONFIRMED, 1002.0, record=placed()))
    assert (await shown(store, aino))[0].status == "booked"
    seen = await store.journal.show_pending("c1")
    assert seen is not None
    assert seen.state is State.CONFIRMED
    assert (await shown(store, aino))[0].status == "booked"
    assert await store.journal.show_pending("nothing") is None


@pytest.mark.parametrize("late", [False, True])
async def test_a_booking_that_proves_not_done_was_an_error(store: Store, late: bool) -> None:
    aino = await meet(store)
    row = await sent(store, booking(aino))
    if late:
        await store.journal.show_pending("c1")
    else:
        row = await lost(store, row)
    await go(store, row, Move(State.REFUSED, 1040.0, problem=Problem("not-done")))
    stored, resource = await shown(store, aino)
    assert (stored.status, stored.version) == ("entered-in-error", 2)
    assert "tag" not in resource["meta"]
    assert "extension" not in resource
    assert await listed(store, aino) == []


async def test_a_booking_that_was_never_shown_leaves_nothing(store: Store) -> None:
    aino = await meet(store)
    row = await sent(store, booking(aino))
    await go(store, row, Move(State.REFUSED, 1002.0, problem=Problem("slot-taken")))
    assert await store.projection.read(own(aino), "Appointment", "target1", today=TODAY) is None


async def test_looking_again_changes_nothing_that_is_shown(store: Store) -> None:
    aino = await meet(store)
    row = await lost(store, await sent(store, booking(aino)))
    row = await go(store, row, Move(State.UNKNOWN, 1005.0, looks=1))
    await go(store, row, Move(State.NEEDS_PERSON, 1006.0))
    assert (await shown(store, aino))[0].version == 1


async def test_a_search_that_finds_the_booking_first(store: Store) -> None:
    aino = await meet(store)
    row = await lost(store, await sent(store, booking(aino)))
    await store.projection.ingest([placed()], look(1003.0), patient=aino, complete_for=aino)
    stored, resource = await shown(store, aino)
    assert (stored.status, stored.version, resource["meta"]["tag"]) == ("booked", 2, [CONFIRMED])
    row = await go(store, row, Move(State.UNKNOWN, 1005.0, looks=1))
    assert (await shown(store, aino))[0].status == "booked"
    await go(store, row, Move(State.CONFIRMED, 1006.0, record=placed()))
    stored, resource = await shown(store, aino)
    assert (stored.status, stored.version, resource["meta"]["tag"]) == ("booked", 2, [CONFIRMED])


async def test_a_search_that_met_the_booking_without_our_mark(store: Store) -> None:
    """A system that does not show the placer id in a list: the record has another id by the time we are answered."""
    aino = await meet(store)
    row = await sent(store, booking(aino))
    ids = await store.projection.ingest([appointment()], look(1001.0), patient=aino)
    other = ids["Appointment", "a1"]
    await store.projection.ingest([appointment(comment="x", version="2")], look(1002.0), patient=aino)
    await go(store, row, Move(State.CONFIRMED, 1003.0, record=placed(version="2")))
    stored, _ = await shown(store, aino)
    assert (stored.id, stored.status, stored.local_id, stored.version) == ("target1", "booked", "a1", 3)
    by_other, _ = await shown(store, aino, other)
    assert by_other == stored
    assert await listed(store, aino) == ["target1"]
    again = await store.projection.ingest([placed(version="2")], look(2000.0), patient=aino)
    assert again["Appointment", "a1"] == "target1"
    assert await store.links.local("Appointment", other) == (PORVOO, "a1")
    history = await store.projection.history(own(aino), "Appointment", other, today=TODAY)
    assert [version.version for version in history] == [3]


async def test_a_master_that_has_two_bookings_of_one_command(store: Store) -> None:
    aino = await meet(store)
    row = await lost(store, await sent(store, booking(aino)))
    await store.projection.ingest([placed(local_id="a1")], look(1003.0), patient=aino)
    await go(store, row, Move(State.CONFIRMED, 1010.0, record=placed(local_id="a2")))
    assert (await shown(store, aino))[0].local_id == "a1"
    other = await store.links.find("Appointment", PORVOO, "a2")
    assert set(await listed(store, aino)) == {"target1", other}


async def test_a_master_that_answers_two_commands_with_one_booking(store: Store) -> None:
    aino = await meet(store)
    ids = await store.projection.ingest([appointment()], look(900.0), patient=aino)
    first = ids["Appointment", "a1"]
    for n, start in enumerate((START + timedelta(hours=1), START + timedelta(hours=2)), 1):
        row = await sent(store, booking(aino, f"c{n}", f"target{n}", start=start))
        await go(store, row, Move(State.CONFIRMED, 1002.0 + n, record=appointment()))
    for hub_id in (first, "target1", "target2"):
        stored, _ = await shown(store, aino, hub_id)
        assert stored.id == "target2"
    assert await listed(store, aino) == ["target2"]


async def test_an_unknown_cancellation_shows_the_proven_state_and_says_so(store: Store) -> None:
    aino = await meet(store)
    ids = await store.projection.ingest([appointment()], look(900), patient=aino)
    hub_id = ids["Appointment", "a1"]
    row = await lost(store, await sent(store, cancelling(aino, hub_id)))
    stored, resource = await shown(store, aino, hub_id)
    assert (stored.status, stored.version, stored.proven_at) == ("booked", 2, 901.0)
    assert resource["meta"]["tag"] == [CONFIRMED, OUTCOME_UNKNOWN]
    assert resource["extension"] == receipt("c9")
    await go(store, row, Move(State.CONFIRMED, 1010.0, record=appointment(version="2", status="cancelled")))
    stored, resource = await shown(store, aino, hub_id)
    assert (stored.status, resource["meta"]["tag"]) == ("cancelled", [CONFIRMED])
    assert "extension" not in resource


async def test_a_cancellation_that_was_not_done_takes_its_mark_away(store: Store) -> None:
    aino = await meet(store)
    ids = await store.projection.ingest([appointment()], look(900), patient=aino)
    hub_id = ids["Appointment", "a1"]
    row = await lost(store, await sent(store, cancelling(aino, hub_id)))
    await go(store, row, Move(State.REFUSED, 1040.0, problem=Problem("not-done")))
    stored, resource = await shown(store, aino, hub_id)
    assert (stored.status, resource["meta"]["tag"]) == ("booked", [CONFIRMED])
    assert "extension" not in resource


@pytest.mark.parametrize("status", ["booked", "cancelled"])
async def test_a_read_during_an_unknown_cancellation_keeps_the_mark(store: Store, status: str) -> None:
    aino = await meet(store)
    ids = await store.projection.ingest([appointment()], look(900), patient=aino)
    hub_id = ids["Appointment", "a1"]
    await lost(store, await sent(store, cancelling(aino, hub_id)))
    version = "1" if status == "booked" else "2"
    await store.projection.ingest([appointment(version=version, status=status)], look(1005), patient=aino)
    stored, resource = await shown(store, aino, hub_id)
    assert (stored.status, stored.proven_at) == (status, 1006.0)
    assert resource["meta"]["tag"] == [CONFIRMED, OUTCOME_UNKNOWN]
    assert resource["extension"] == receipt("c9")


async def test_a_cancellation_that_is_sent_again_keeps_its_mark(store: Store) -> None:
    aino = await meet(store)
    ids = await store.projection.ingest([appointment()], look(900), patient=aino)
    row = await lost(store, await sent(store, cancelling(aino, ids["Appointment", "a1"])))
    await go(store, row, Move(State.ACCEPTED, 1040.0))
    assert (await shown(store, aino, ids["Appointment", "a1"]))[1]["extension"] == receipt("c9")


async def test_an_answer_about_somebody_else_moves_nothing(store: Store) -> None:
    aino = await meet(store)
    row = await sent(store, booking(aino))
    for record in (placed(number="p88"), placed(number="")):
        with pytest.raises(AnotherPatientRecord):
            await store.journal.move("c1", row.fence, Move(State.CONFIRMED, 1002.0, record=record))
    assert await store.journal.get("c1") == row
    assert await store.links.find("Appointment", PORVOO, "a1") is None


async def test_who_was_found_in_preparation_is_linked_by_the_answer(store: Store) -> None:
    aino = await store.people.meet(HETU)
    row = await sent(store, booking(aino))
    await go(store, row, Move(State.CONFIRMED, 1002.0, record=placed()))
    link = await store.people.link(aino, PORVOO)
    assert link is not None
    assert link.number == "p-77"


async def test_a_registered_person_is_linked(store: Store) -> None:
    aino = await store.people.meet(HETU)
    new = booking(aino)
    register = replace(new, command=RegisterPerson("c1", new.command.person), target=None)  # type: ignore[union-attr]
    row = await sent(store, register)
    record = Record("Patient", "p500", {"resourceType": "Patient"}, patient="p500")
    await go(store, row, Move(State.CONFIRMED, 1002.0, record=record))
    link = await store.people.link(aino, PORVOO)
    assert link is not None
    assert (link.number, link.asked_at) == ("p500", 1002.0)


async def test_a_childs_pending_booking_is_its_own(store: Store) -> None:
    aino, child = await meet(store), await meet(store, CHILD_HETU, "p88")
    await learn(store, child, date(2012, 7, 5))
    new = booking(child)
    await lost(store, await sent(store, new))
    assert (await store.projection.read(own(child), "Appointment", "target1", today=TODAY)) is not None
    assert (await store.projection.read(proxy(aino, child), "Appointment", "target1", today=TODAY)) is None


async def test_a_held_time_is_found_by_its_start(store: Store) -> None:
    aino = await meet(store)
    assert await store.projection.held(aino, PORVOO, START) is None
    await store.projection.ingest([appointment()], look(900), patient=aino)
    found = await store.projection.held(aino, PORVOO, START)
    assert found == await store.links.find("Appointment", PORVOO, "a1")
    await store.projection.ingest([appointment(version="2", status="cancelled")], look(1000), patient=aino)
    assert await store.projection.held(aino, PORVOO, START) is None
