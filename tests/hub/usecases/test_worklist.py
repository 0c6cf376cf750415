"""What needs a person is ended by one, with a word that the record system does not contradict."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from adapters.memory import Belief, Fault
from canonical.times import instant
from hub.journal.ports import Lease, Move, Problem
from hub.journal.states import State
from hub.journal.steps import Step, step_id
from hub.usecases.worklist import CannotEnd, Ending, Worklist

from .conftest import Portal
from .test_moving import STEPS, at, booked, mine, put, rules, slots, steps_ended, times

__all__ = ["booked", "rules", "slots", "times"]
DONE, NOTHING = (Ending(word, "the unit was rung up", "maija") for word in (True, False))


@pytest.fixture
def worklist(portal: Portal) -> Worklist:
    return portal.hub.worklist


async def stuck(portal: Portal, answer: httpx.Response, *steps: Step) -> str:
    """The command of a 202, put into the worklist as the hub does when it gives up; ``steps`` of it, too."""
    command_id = answer.headers["content-location"].rsplit("/", 1)[1]
    for identity in (*(step_id(command_id, step) for step in steps), command_id):
        await give_up(portal, identity)
    return command_id


async def give_up(portal: Portal, command_id: str) -> None:
    journal = portal.hub.world.store.journal
    now = portal.hub.world.real.now()
    for _ in range(100):
        known = await journal.get(command_id)
        if known is not None and known.state is State.NEEDS_PERSON:
            return
        await asyncio.sleep(0.02)
        row = await journal.claim(command_id, Lease("test", now + 1000), now + 1000)
        assert row is not None
        if row.state is State.UNKNOWN:
            away = Move(State.NEEDS_PERSON, now, problem=Problem("outcome-unknown"))
            assert await journal.move(command_id, row.fence, away) is not None
            return
    raise AssertionError("it was settled before")


async def lost(portal: Portal, operation: str, fault: str) -> None:
    """The next request gets no answer, and the master is silent to whoever looks."""
    portal.record_system.wire.arm(Fault(fault, operation))
    for question in ("look", "read"):
        portal.record_system.wire.arm(Fault("drop-request", question, left=1000))


async def task(portal: Portal, command_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await portal.client.get(f"/fhir/Task/{command_id}")).json()
    return found


@pytest.mark.parametrize(("fault", "word", "other"), [("drop-answer", DONE, NOTHING), ("drop-request", NOTHING, DONE)])
async def test_a_booking_is_ended_as_it_is(
    portal: Portal, worklist: Worklist, fault: str, word: Ending, other: Ending
) -> None:
    slot = (await portal.slots())[0]
    await lost(portal, "book", fault)
    command_id = await stuck(portal, await portal.book(slot))
    assert [one.row.new.id for one in await worklist.listed()] == [command_id]
    assert (await task(portal, command_id))["status"] == "on-hold"
    with pytest.raises(CannotEnd, match="does not answer"):
        await worklist.end(command_id, word)
    portal.record_system.wire.disarm()
    with pytest.raises(CannotEnd, match=r"the record system has"):
        await worklist.end(command_id, other)

    ended = await worklist.end(command_id, word)
    assert ended.state is (State.CONFIRMED if word.done else State.REFUSED)
    assert (await task(portal, command_id))["status"] == ("completed" if word.done else "rejected")
    assert [status for _, status, _ in await mine(portal)] == ["booked"] * word.done
    assert await worklist.listed() == []
    (audited,) = await portal.hub.world.store.audit.of_request(command_id)
    assert (audited.client, audited.purpose) == ("operator:maija", "the unit was rung up")
    with pytest.raises(CannotEnd, match="only what needs a person"):
        await worklist.end(command_id, word)


@pytest.mark.parametrize("word", [DONE, NOTHING])
@pytest.mark.parametrize("rules", STEPS, indirect=True)
async def test_a_move_in_steps_is_ended_with_its_steps(
    portal: Portal, worklist: Worklist, booked: dict[str, Any], slots: list[dict[str, Any]], word: Ending
) -> None:
    portal.record_system.wire.arm(Fault("drop-request", "cancel"))
    answer = await put(portal, at(booked, slots[0]))
    assert answer.status_code == 202, answer.text
    command_id = await stuck(portal, answer, Step.CANCEL)
    assert [one.row.new.id for one in await worklist.listed()] == [command_id]
    portal.record_system.wire.disarm()
    with pytest.raises(CannotEnd, match="end that"):
        await worklist.end(step_id(command_id, Step.CANCEL), DONE)
    with pytest.raises(CannotEnd, match="both times are booked"):
        await worklist.end(command_id, DONE)
    with pytest.raises(CannotEnd, match="the new time is booked"):
        await worklist.end(command_id, NOTHING)
    gone = slots[0]["start"] if not word.done else booked["start"]
    cancel_at_the_desk(portal, gone)

    assert (await worklist.end(command_id, word)).state is (State.CONFIRMED if word.done else State.REFUSED)
    assert await steps_ended(portal)
    kept = slots[0]["start"] if word.done else booked["start"]
    assert await mine(portal) == [(booked["id"], "booked", kept)]


def cancel_at_the_desk(portal: Portal, start: str) -> None:
    master = portal.record_system.master
    (held,) = [one for one in master.appointments() if one.status == "booked" and one.start == instant(start)
               and one.placer_id is not None]  # fmt: skip
    master.cancel(held.id, Belief())
