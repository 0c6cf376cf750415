"""Moving an appointment: to another time at once, or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from adapters.base import Capability, Done
from adapters.contract import checks
from adapters.contract.exam import Exam, needs, record_of, unexpected
from adapters.errors import (
    ForeignError,
    NoSuchTime,
    NotMovable,
    Refused,
    SlotTaken,
    StaleVersion,
    UnknownAppointment,
)
from canonical import times
from canonical.commands import Move
from canonical.model import LocalPatient, Record

_LIVE = ("booked", "pending")


class MoveContract:
    """`Move`."""

    async def test_move_takes_the_new_time_and_gives_the_old_one_back(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.MOVE)
        book, record = await exam.booked(exam.subject.known[0])
        command = await exam.move(book, record)
        assert await exam.adapter.look(exam.call(), command) == record, "look() is the appointment as it is now"
        moved = await _moved(exam, command)
        assert await exam.adapter.free_time(exam.call(), book.time) is not None, "the old time is not free again"
        assert await exam.adapter.free_time(exam.call(), command.time) is None, "the new time is still free"
        assert await exam.adapter.look(exam.call(), command) == moved
        assert moved in await exam.adapter.appointments(exam.call(), command.patient)

    async def test_appointment_is_moved_there_and_back(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.MOVE)
        book, record = await exam.booked(exam.subject.known[0])
        there = await exam.move(book, record)
        back = await exam.move(book, await _moved(exam, there), book.time)
        exam.same_booking(there, back)
        checks.at(await _moved(exam, back), book.time)

    async def test_booking_of_the_desk_can_be_moved(self, exam: Exam) -> None:
        needs(exam.subject, Capability.MOVE)
        person = exam.subject.known[0]
        free = (await exam.times_for(person))[0]
        local_id = await exam.desk_book(person, free.time)
        record = await exam.adapter.appointment(exam.call(), local_id)
        assert record is not None
        book = await exam.book(person, time=free.time)
        command = await exam.move(book, record)
        moved = record_of(await exam.attempt(command))
        exam.at_the_desk(moved.local_id)
        checks.appointment(moved, command.patient)
        checks.at(moved, command.time)
        assert await exam.adapter.free_time(exam.call(), free.time) is not None

    async def test_move_to_a_taken_time_changes_nothing(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.MOVE)
        book, record = await exam.booked(exam.subject.known[0])
        command = await exam.move(book, record)
        await exam.booked(exam.subject.known[1], command.time)
        await _refused(exam, command, record, SlotTaken)

    async def test_move_to_a_time_that_does_not_exist_changes_nothing(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.MOVE)
        book, record = await exam.booked(exam.subject.known[0])
        command = await exam.move(book, record)
        await _refused(exam, replace(command, time=exam.subject.no_such_time(command.time)), record, NoSuchTime)

    async def test_move_of_what_the_desk_moved_is_stale_exactly_when_the_profile_says_so(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.MOVE)
        book, record = await exam.booked(exam.subject.known[0])
        one, other = await exam.times_for(book.person, count=2, of=await exam.service_of(record))
        await exam.subject.desk_move(record.local_id, one.time)
        command = await exam.move(book, record, other.time)
        outcome = await exam.attempt(command)
        if exam.adapter.profile.capabilities & {Capability.CHECKS_VERSION, Capability.CHECKS_START}:
            assert isinstance(outcome, StaleVersion), outcome
        elif not isinstance(outcome, Done):
            unexpected(outcome)
        await exam.judge(command, outcome)

    async def test_cancelled_appointment_is_not_movable(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.CANCEL, Capability.MOVE)
        book, record = await exam.booked(exam.subject.known[0])
        command = await exam.move(book, record)
        cancelled = record_of(await exam.attempt(exam.cancel(book, record)))
        outcome = await exam.attempt(replace(command, believed_version=cancelled.version))
        assert isinstance(outcome, NotMovable), outcome
        assert await exam.adapter.appointment(exam.call(), record.local_id) == cancelled

    async def test_unknown_appointment_is_not_moved(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.MOVE)
        command = await exam.move(*await exam.booked(exam.subject.known[0]))
        outcome = await exam.attempt(replace(command, local_id=exam.subject.unknown_appointment))
        assert isinstance(outcome, UnknownAppointment), outcome
        assert await exam.adapter.free_time(exam.call(), command.time) is not None

    async def test_appointment_of_somebody_else_is_not_moved(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.MOVE)
        book, record = await exam.booked(exam.subject.known[0])
        other = exam.subject.known[1]
        command = await exam.move(book, record)
        await _refused(exam, replace(command, person=other, patient=await exam.patient(other)), record, ForeignError)

    async def test_of_two_who_move_to_one_time_one_keeps_the_old_one(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.MOVE)
        first, second, *_ = exam.subject.known
        free = (await exam.times_for(first, second, count=3))[0]
        one, other, target = await exam.times_for(first, second, count=3, of=free.service)
        made = [await exam.booked(person, f.time) for person, f in ((first, one), (second, other))]
        commands = [await exam.move(book, record, target.time) for book, record in made]
        outcomes = await asyncio.gather(*map(exam.attempt, commands))
        done = [outcome for outcome in outcomes if isinstance(outcome, Done)]
        assert len(done) == 1, f"{len(done)} have one time"
        for command, outcome in zip(commands, outcomes, strict=True):
            assert isinstance(outcome, Done | Refused), outcome
            await exam.judge(command, outcome)

    async def test_nobody_sees_it_at_both_times_or_at_none(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.MOVE)
        book, record = await exam.booked(exam.subject.known[0])
        command = await exam.move(book, record)
        before = await _live(exam, command.patient)
        moving = asyncio.ensure_future(exam.attempt(command))
        while not moving.done():
            seen = await _live(exam, command.patient)
            assert len(seen) == len(before), "seen at both times, or at none"
        await exam.judge(command, await moving)
        starts = [times.instant(r.resource["start"]).timestamp() for r in await _live(exam, command.patient)]
        assert len(starts) == len(before)
        assert book.time.start.timestamp() not in starts, "still at the old time as well"


async def _moved(exam: Exam, command: Move) -> Record:
    """The appointment after a move that was done."""
    outcome = await exam.attempt(command)
    assert isinstance(outcome, Done), outcome
    assert outcome.native
    assert await exam.judge(command, outcome) == 1
    moved = record_of(outcome)
    assert await exam.adapter.appointment(exam.call(), moved.local_id) == moved
    return moved


async def _refused(exam: Exam, command: Move, record: Record, kind: type[ForeignError]) -> None:
    """Assert that a move is refused as ``kind``, and has changed nothing."""
    outcome = await exam.attempt(command)
    assert isinstance(outcome, kind), outcome
    assert await exam.effects(command) == 0
    assert await exam.adapter.appointment(exam.call(), record.local_id) == record, "refused, but changed"


async def _live(exam: Exam, patient: LocalPatient) -> list[Record]:
    return [r for r in await exam.adapter.appointments(exam.call(), patient) if r.resource["status"] in _LIVE]
