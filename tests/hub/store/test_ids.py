"""Hub ids, and who is who."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timezone

import pytest

from hub.journal.ports import LaneTaken, Lease, Move
from hub.journal.states import State
from hub.journal.steps import lane_of_appointment
from hub.store import Store, new_id
from hub.store.people import PatientLink
from hub.store.schema import Instant, from_microseconds, to_microseconds
from tests.hub.store.samples import (
    CHILD_HETU,
    HETU,
    LOVIISA,
    PORVOO,
    TODAY,
    appointment,
    booking,
    cancelling,
    go,
    look,
    meet,
    own,
    sent,
)


def test_new_ids_are_opaque_and_never_the_same() -> None:
    many = {new_id() for _ in range(10_000)}
    assert len(many) == 10_000
    assert all(re.fullmatch(r"[a-z0-9]{20}", one) for one in many)


async def test_an_id_is_made_once_and_stays(store: Store) -> None:
    made = await store.links.hub_id("Location", PORVOO, "12")
    assert await store.links.hub_id("Location", PORVOO, "12") == made
    assert await store.links.find("Location", PORVOO, "12") == made
    assert await store.links.local("Location", made) == (PORVOO, "12")


async def test_ids_are_of_one_kind_and_one_installation(store: Store) -> None:
    made = [
        await store.links.hub_id(kind, where, "12")
        for kind in ("Location", "Organization")
        for where in (PORVOO, LOVIISA)
    ]
    assert len(set(made)) == 4
    assert await store.links.local("Organization", made[0]) is None


async def test_what_is_not_tied_is_not_found(store: Store) -> None:
    assert await store.links.find("Location", PORVOO, "12") is None
    assert await store.links.local("Location", "nothing") is None


async def test_many_who_meet_a_record_at_once_give_it_one_id(
    database_url: str, open_store: Callable[[str], Store]
) -> None:
    stores = [open_store(database_url) for _ in range(2)]
    made = await asyncio.gather(*(stores[n % 2].links.hub_id("Location", PORVOO, "12") for n in range(40)))
    assert len(set(made)) == 1


async def test_a_person_is_met_once(store: Store) -> None:
    assert await store.people.by_hetu(HETU) is None
    aino = await store.people.meet(HETU)
    assert await store.people.meet(HETU) == aino
    assert await store.people.by_hetu(HETU) == aino
    assert await store.people.hetu(aino) == HETU
    assert await store.people.meet(CHILD_HETU) != aino


async def test_the_century_sign_makes_another_person(store: Store) -> None:
    assert await store.people.meet("010190-9996") != await store.people.meet("010190Y9996")


async def test_nobody_has_no_hetu(store: Store) -> None:
    with pytest.raises(KeyError):
        await store.people.hetu("nobody")


async def test_many_who_meet_a_person_at_once_meet_one(database_url: str, open_store: Callable[[str], Store]) -> None:
    stores = [open_store(database_url) for _ in range(2)]
    met = await asyncio.gather(*(stores[n % 2].people.meet(HETU) for n in range(40)))
    assert len(set(met)) == 1


async def test_who_a_person_is_at_an_installation_is_kept(store: Store) -> None:
    aino = await store.people.meet(HETU)
    assert await store.people.link(aino, PORVOO) is None
    await store.people.keep_link(aino, PORVOO, None, 1000.5)
    assert await store.people.link(aino, PORVOO) == PatientLink(None, 1000.5, HETU)
    await store.people.keep_link(aino, PORVOO, "p-77", 2000.25)
    assert await store.people.link(aino, PORVOO) == PatientLink("p-77", 2000.25, HETU)
    await store.people.keep_link(aino, LOVIISA, None, 3000.0)
    assert await store.people.links(aino) == {
        PORVOO: PatientLink("p-77", 2000.25, HETU),
        LOVIISA: PatientLink(None, 3000.0, HETU),
    }


def test_instants_have_no_zone_of_their_own() -> None:
    helsinki = datetime.fromisoformat("2027-10-31T03:30:00.000001+02:00")
    assert from_microseconds(to_microseconds(helsinki)) == helsinki
    assert from_microseconds(to_microseconds(helsinki)).tzinfo is UTC
    before = datetime(1900, 1, 1, tzinfo=timezone.utc)  # noqa: UP017
    assert from_microseconds(to_microseconds(before)) == before


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Instant().process_bind_param(datetime(2027, 1, 1), None)  # type: ignore[arg-type]


async def test_a_change_begun_under_an_alias_goes_on_keeping_others_out(store: Store) -> None:
    """A search met the booking before its answer came, and a change of it was begun under the id it got there."""
    aino = await meet(store)
    book = await sent(store, booking(aino))
    ids = await store.projection.ingest([appointment()], look(1001), patient=aino)
    met = ids["Appointment", "a1"]
    cancel = cancelling(aino, met)
    change = await sent(store, replace(cancel, lane=lane_of_appointment(met)))
    await go(store, book, Move(State.CONFIRMED, 1003.0, record=appointment()))

    another = replace(cancelling(aino, "target1", "c10"), lane=lane_of_appointment("target1"))
    assert await store.journal.accept(another, Lease("w", 1060.0), 1004.0) == LaneTaken(change.new.id)
    gone = appointment(version="2", status="cancelled")
    ended = await go(store, change, Move(State.CONFIRMED, 1005.0, record=gone))
    assert ended.new.target == "target1"
    seen = await store.projection.read(own(aino), "Appointment", met, today=TODAY)
    assert seen is not None
    assert (seen.id, seen.status) == ("target1", "cancelled")
