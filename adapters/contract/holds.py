"""Holding a time for a person, and giving it back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

from adapters.base import Capability, Done
from adapters.contract import checks
from adapters.contract.exam import Exam, needs, record_of
from adapters.errors import HoldExpired, NoSuchTime, Refused, SlotTaken
from canonical.commands import Hold, Release


class HoldContract:
    """`Hold`, `Release`, and a `Book` with a hold."""

    async def test_held_time_is_kept_for_the_person_who_then_books_it(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.HOLD)
        first, second, *_ = exam.subject.known
        time = (await exam.times_for(first, second))[0].time
        hold, token = await exam.holding(first, time)
        assert time.key not in {f.time.key for f in await exam.free() if f.time.start == time.start}
        rival = await exam.book(second, time=time)
        outcome = await exam.attempt(rival)
        assert isinstance(outcome, SlotTaken), outcome
        await exam.judge(rival, outcome)
        outcome = await exam.attempt(await exam.hold(second, time))
        assert isinstance(outcome, SlotTaken), outcome
        assert await exam.adapter.look(exam.call(), hold) is None, "look() found a hold"
        command = replace(await exam.book(first, time=time), hold=token)
        outcome = await exam.attempt(command)
        checks.at(record_of(outcome), time)
        assert await exam.judge(command, outcome) == 1

    async def test_hold_that_is_sent_again_keeps_the_time_once(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.HOLD)
        command, _ = await exam.holding(exam.subject.known[0])
        outcome = await exam.attempt(command)
        assert isinstance(outcome, Done), outcome
        assert await exam.judge(command, outcome) == 1
        assert outcome.hold is not None
        await _released(exam, command, outcome.hold.token)
        assert await exam.adapter.free_time(exam.call(), command.time) is not None, "it was held twice"

    async def test_released_time_is_free_again(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.HOLD)
        hold, token = await exam.holding(exam.subject.known[0])
        await _released(exam, hold, token)
        await _released(exam, hold, token)
        await _is_of_no_use(exam, hold, token)
        assert isinstance(await exam.attempt(await exam.book(exam.subject.known[1], time=hold.time)), Done)

    async def test_hold_ends_by_itself(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.HOLD)
        hold, token = await exam.holding(exam.subject.known[0])
        await exam.subject.let_holds_expire()
        assert await exam.adapter.free_time(exam.call(), hold.time) is not None, "held for ever"
        await _is_of_no_use(exam, hold, token)
        await _released(exam, hold, token)

    async def test_hold_is_of_no_use_to_anybody_else(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.HOLD)
        first, second, *_ = exam.subject.known
        time = (await exam.times_for(first, second))[0].time
        _, token = await exam.holding(first, time)
        thief = replace(await exam.book(second, time=time), hold=token)
        outcome = await exam.attempt(thief)
        assert isinstance(outcome, Refused), outcome
        await exam.judge(thief, outcome)

    async def test_time_that_is_not_free_is_not_held(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.HOLD)
        first, second, *_ = exam.subject.known
        time, other = (free.time for free in await exam.times_for(first, second, count=2))
        await exam.booked(first, time)
        taken = await exam.attempt(await exam.hold(second, time))
        assert isinstance(taken, SlotTaken), taken
        nowhere = await exam.attempt(await exam.hold(second, exam.subject.no_such_time(other)))
        assert isinstance(nowhere, NoSuchTime), nowhere

    async def test_of_five_who_race_to_hold_a_time_one_gets_it(self, exam: Exam) -> None:
        needs(exam.subject, Capability.HOLD)
        people = [exam.subject.known[n % len(exam.subject.known)] for n in range(5)]
        time = (await exam.times_for(*exam.subject.known))[0].time
        commands = [await exam.hold(person, time) for person in people]
        outcomes = await asyncio.gather(*map(exam.attempt, commands))
        done = [(c, o) for c, o in zip(commands, outcomes, strict=True) if isinstance(o, Done)]
        assert len(done) == 1, f"{len(done)} hold one time"
        assert all(isinstance(outcome, Done | Refused) for outcome in outcomes)
        await exam.judge(*done[0])


async def _released(exam: Exam, hold: Hold, token: str) -> None:
    """Assert that a hold is given back, whether it was still there or not."""
    assert hold.patient is not None
    command = Release(uuid4().hex, hold.patient, hold.time, token)
    outcome = await exam.attempt(command)
    assert isinstance(outcome, Done), outcome
    assert await exam.judge(command, outcome) == 1
    assert await exam.adapter.look(exam.call(), command) is None


async def _is_of_no_use(exam: Exam, hold: Hold, token: str) -> None:
    """Assert that with the token of a hold that is over nothing is booked: the resident is told what has happened."""
    command = replace(await exam.book(hold.person, time=hold.time), hold=token)
    outcome = await exam.attempt(command)
    assert isinstance(outcome, HoldExpired), outcome
    await exam.judge(command, outcome)
