"""A moved appointment keeps its id; while it is being moved in steps nobody sees two of it, or none."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from canonical import codes
from canonical.commands import Move as MoveTo
from canonical.model import LocalPatient, Record, TimeKey
from canonical.times import iso
from hub.journal.ports import Lease, Move, NewCommand, Problem, Row
from hub.journal.states import State
from hub.journal.steps import Step, lane_of_appointment, new_step
from hub.store import Store
from tests.hub.store.samples import (
    HETU,
    PERSON,
    PORVOO,
    START,
    TODAY,
    appointment,
    booking,
    go,
    look,
    lost,
    meet,
    own,
    placed,
    sent,
)

LATER = START + timedelta(days=1)


def moving(patient: str, id_: str = "m1") -> NewCommand:
    time = TimeKey("time-2", LATER, LATER + timedelta(minutes=30))
    move = MoveTo(id_, PERSON, LocalPatient("p-77", HETU), "a1", START, time, "1")
    return replace(booking(patient, id_), command=move, lane=lane_of_appointment("target1"))


async def booked(store: Store) -> str:
    """A person with one confirmed appointment, a1."""
    patient = await meet(store)
    row = await sent(store, booking(patient), 900.0)
    await go(store, row, Move(State.CONFIRMED, 902.0, record=placed(version="5")))
    return patient


async def shown(store: Store, patient: str) -> list[tuple[str, str, str, str | None]]:
    page = await store.projection.search(own(patient), "Appointment", (), today=TODAY, limit=50)
    found: list[tuple[Any, dict[str, Any]]] = [(one, json.loads(one.json)) for one in page.items]
    return [(one.id, one.status, said["start"], one.local_id) for one, said in found]


def old(status: str = "booked", version: str = "5") -> Record:
    return placed(version=version, status=status)


def new(status: str = "booked", cause: str = "m1-b") -> Record:
    mark = [{"system": codes.PLACER, "value": cause}]
    return appointment("b1", version="1", at=LATER, status=status, identifier=mark)


async def see(store: Store, patient: str, at: float, *records: Record) -> None:
    """A search of all the person's appointments there."""
    await store.projection.ingest(list(records), look(at), patient=patient, complete_for=patient)


async def step(store: Store, move: Row, which: Step, state: State, record: Record | None, at: float) -> None:
    begun = await store.journal.begin(new_step(move, which, new()), move.fence, Lease("w", at + 60), at)
    assert isinstance(begun, Row)
    going = await go(store, begun, Move(State.SENDING, at, sent_at=at, release=False))
    await go(store, going, Move(state, at, record=record, problem=Problem("not-cancellable")))


STANDS = ("target1", "booked", iso(START), "a1")
MOVED = ("target1", "booked", iso(LATER), "b1")


async def test_the_new_local_id_takes_the_place_of_the_old(store: Store) -> None:
    patient = await booked(store)
    await go(store, await sent(store, moving(patient)), Move(State.CONFIRMED, 1003.0, record=new(cause="c1")))
    assert await shown(store, patient) == [MOVED]
    assert await store.links.local("Appointment", "target1") == (PORVOO, "b1")

    await see(store, patient, 1010.0, old("cancelled", "6"), new(cause="c1"))
    assert await shown(store, patient) == [MOVED]
    await see(store, patient, 900.0, old())
    assert await shown(store, patient) == [MOVED], "an old answer that comes late changes nothing"
    versions = await store.projection.history(own(patient), "Appointment", "target1", today=TODAY)
    assert [json.loads(one.json)["start"] for one in versions][-1] == iso(START)


async def test_one_that_was_met_before_its_answer_came_is_the_same(store: Store) -> None:
    patient = await booked(store)
    row = await lost(store, await sent(store, moving(patient)))
    await see(store, patient, 1010.0, old("cancelled", "6"), new(cause="c1"))
    assert [one[0] for one in await shown(store, patient)] == ["target1"]
    claimed = await store.journal.claim("m1", Lease("w", 1100.0), 1011.0)
    assert claimed is not None
    assert row.fence < claimed.fence
    await go(store, claimed, Move(State.CONFIRMED, 1012.0, record=new(cause="c1")))
    assert await shown(store, patient) == [MOVED]


@pytest.mark.parametrize("unknown", [False, True])
async def test_while_it_is_moved_in_steps_the_old_time_is_shown(store: Store, unknown: bool) -> None:
    patient = await booked(store)
    move = await sent(store, moving(patient))
    await step(store, move, Step.BOOK, State.CONFIRMED, new(), 1003.0)
    if unknown:
        await store.journal.show_pending("m1")
    await see(store, patient, 1004.0, old(), new())
    assert await shown(store, patient) == [STANDS]

    await step(store, move, Step.CANCEL, State.CONFIRMED, old("cancelled", "6"), 1005.0)
    await see(store, patient, 1006.0, old("cancelled", "6"), new())
    assert await shown(store, patient) == [STANDS]
    await see(store, patient, 1007.0, new())
    assert await shown(store, patient) == [STANDS], "a system that shows no cancelled ones says nothing of the move"

    await go(store, move, Move(State.CONFIRMED, 1008.0, record=new()))
    await see(store, patient, 1009.0, old("cancelled", "6"), new())
    assert await shown(store, patient) == [MOVED]


async def test_what_was_given_back_is_never_shown(store: Store) -> None:
    patient = await booked(store)
    move = await sent(store, moving(patient))
    await step(store, move, Step.BOOK, State.CONFIRMED, new(), 1003.0)
    await step(store, move, Step.CANCEL, State.REFUSED, None, 1004.0)
    await step(store, move, Step.UNDO, State.CONFIRMED, new("cancelled"), 1005.0)
    await go(store, move, Move(State.REFUSED, 1006.0, problem=Problem("not-movable")))
    await see(store, patient, 1010.0, old(), new("cancelled"))
    assert await shown(store, patient) == [STANDS]


async def test_who_slept_begins_no_step(store: Store) -> None:
    patient = await booked(store)
    move = await sent(store, moving(patient))
    assert await store.journal.claim("m1", Lease("another", 5000.0), 2000.0) is not None
    wanted = new_step(move, Step.BOOK, None)
    assert await store.journal.begin(wanted, move.fence, Lease("w", 2100.0), 2001.0) is None
    assert await store.journal.get(wanted.id) is None
