"""People, bookings and cancels where nothing goes wrong, and where the record system says no."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final
from uuid import uuid4

from adapters.base import Capability, Done
from adapters.contract import checks
from adapters.contract.exam import Exam, needs, record_of, unexpected
from adapters.errors import (
    AlreadyRegistered,
    ForeignError,
    NoSuchTime,
    NotCancellable,
    Refused,
    SlotTaken,
    StaleVersion,
    UnknownAppointment,
    UnknownPatient,
)
from canonical.commands import Cancel, RegisterPerson
from canonical.model import LocalPatient

RACERS: Final = 10
_CENTURIES: Final = ("+", "-YXWVU", "ABCDEF")


class PersonContract:
    """`Adapter.find_person` and `RegisterPerson`."""

    async def test_known_persons_are_found_each_by_a_number_of_their_own(self, exam: Exam) -> None:
        patients = [await exam.patient(person) for person in exam.subject.known]
        assert [p.hetu for p in patients] == [p.hetu for p in exam.subject.known]
        assert all(p.number for p in patients)
        assert len({p.number for p in patients}) == len(patients)
        assert all(p.contact.keys() <= {"telecom", "address", "communication"} for p in patients)
        assert [p.number for p in patients] == [(await exam.patient(p)).number for p in exam.subject.known]

    async def test_unknown_persons_are_not_found(self, exam: Exam) -> None:
        newcomer = await exam.subject.newcomer()
        assert await exam.adapter.find_person(exam.call(), newcomer.hetu) is None
        assert await exam.adapter.find_person(exam.call(), exam.subject.stranger.hetu) is None

    async def test_the_sign_tells_people_apart(self, exam: Exam) -> None:
        code = exam.subject.known[0].hetu
        signs = next(signs for signs in _CENTURIES if code[6] in signs)
        for other in (f"{code[:6]}{sign}{code[7:]}" for sign in signs if sign != code[6]):
            found = await exam.adapter.find_person(exam.call(), other)
            assert found is None or found.hetu == other, "a person found by another person's code"

    async def test_newcomer_is_registered_once(self, exam: Exam) -> None:
        needs(exam.subject, Capability.REGISTER_PERSON)
        person = await exam.subject.newcomer()
        command = RegisterPerson(uuid4().hex, person)
        assert await exam.adapter.look(exam.call(), command) is None
        done = await exam.adapter.perform(exam.call(), command)
        patient = await exam.patient(person)
        exam.registered(record_of(done), patient)
        assert await exam.subject.is_customer(person.hetu)
        found = await exam.adapter.look(exam.call(), command)
        assert found is not None
        exam.registered(found, patient)
        again = await exam.attempt(RegisterPerson(uuid4().hex, person))
        assert isinstance(again, AlreadyRegistered)

    async def test_stranger_is_not_registered(self, exam: Exam) -> None:
        needs(exam.subject, Capability.REGISTER_PERSON)
        command = RegisterPerson(uuid4().hex, exam.subject.stranger)
        outcome = await exam.attempt(command)
        assert isinstance(outcome, Refused)
        await exam.judge(command, outcome)


class BookingContract:
    """`Book`, and the two ways to see what was booked."""

    async def test_booking_is_done_and_held_by_the_record_system(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        command = await exam.book(exam.subject.known[0])
        outcome = await exam.attempt(command)
        assert isinstance(outcome, Done), outcome
        assert outcome.native
        assert record_of(outcome).resource["status"] == "booked"
        assert await exam.judge(command, outcome) == 1

    async def test_booking_is_seen_in_the_list_and_by_itself(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        command, record = await exam.booked(exam.subject.known[0])
        assert command.patient is not None
        listed = await exam.adapter.appointments(exam.call(), command.patient)
        assert [r for r in listed if r.local_id == record.local_id] == [record]
        for other in listed:
            checks.appointment(other, command.patient)
        assert await exam.adapter.appointment(exam.call(), record.local_id) == record
        assert await exam.adapter.look(exam.call(), command) == record

    async def test_booking_leads_into_the_directory(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        _, record = await exam.booked(exam.subject.known[0])
        known = {f"{r.kind}/{r.local_id}" for r in await exam.adapter.directory(exam.call())}
        actors = {p["actor"]["reference"] for p in record.resource["participant"]}
        strange = {a for a in actors if not a.startswith("Patient/")} - known
        assert not strange, f"participants that the directory lacks: {sorted(strange)}"

    async def test_booking_of_the_desk_is_seen(self, exam: Exam) -> None:
        person = exam.subject.known[1]
        patient = await exam.patient(person)
        time = (await exam.times_for(person))[0].time
        local_id = await exam.desk_book(person, time)
        record = await exam.adapter.appointment(exam.call(), local_id)
        assert record is not None
        checks.appointment(record, patient)
        checks.at(record, time)
        assert record in await exam.adapter.appointments(exam.call(), patient)
        if Capability.KEEPS_CANCELLED in exam.adapter.profile.gaps:
            return
        await exam.subject.desk_cancel(local_id)
        cancelled = await exam.adapter.appointment(exam.call(), local_id)
        assert cancelled is not None
        assert cancelled.resource["status"] == "cancelled"
        assert cancelled in await exam.adapter.appointments(exam.call(), patient), "cancelled ones are shown too"

    async def test_booked_time_is_not_free(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        command, _ = await exam.booked(exam.subject.known[0])
        assert await exam.adapter.free_time(exam.call(), command.time) is None
        taken = (command.time.key, command.time.start.timestamp())
        assert taken not in {(f.time.key, f.time.start.timestamp()) for f in await exam.free()}

    async def test_second_person_is_told_that_the_time_is_taken(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        first, second, *_ = exam.subject.known
        time = (await exam.times_for(first, second))[0].time
        winner, loser = await exam.book(first, time=time), await exam.book(second, time=time)
        assert isinstance(await exam.attempt(winner), Done)
        outcome = await exam.attempt(loser)
        assert isinstance(outcome, SlotTaken), outcome
        await exam.judge(loser, outcome)

    async def test_same_person_does_not_get_the_time_twice(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        command, _ = await exam.booked(exam.subject.known[0])
        again = replace(command, placer_id=uuid4().hex)
        outcome = await exam.attempt(again)
        assert isinstance(outcome, Refused), outcome
        await exam.judge(again, outcome)

    async def test_time_that_does_not_exist_is_refused(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        person = exam.subject.known[0]
        time = (await exam.times_for(person))[0].time
        command = await exam.book(person, time=exam.subject.no_such_time(time))
        outcome = await exam.attempt(command)
        assert isinstance(outcome, NoSuchTime), outcome
        await exam.judge(command, outcome)

    async def test_patient_who_does_not_exist_is_refused(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        stranger = exam.subject.stranger
        known = await exam.book(exam.subject.known[0])
        command = replace(known, person=stranger, patient=LocalPatient("999999999", stranger.hetu))
        outcome = await exam.attempt(command)
        assert isinstance(outcome, UnknownPatient), outcome
        await exam.judge(command, outcome)

    async def test_of_ten_who_race_for_a_time_one_gets_it(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        people = [exam.subject.known[n % len(exam.subject.known)] for n in range(RACERS)]
        time = (await exam.times_for(*exam.subject.known))[0].time
        commands = [await exam.book(person, time=time) for person in people]
        outcomes = await asyncio.gather(*map(exam.attempt, commands))
        winners = [command for command, outcome in zip(commands, outcomes, strict=True) if isinstance(outcome, Done)]
        assert len(winners) == 1, f"{len(winners)} winners"
        assert all(isinstance(outcome, Done | Refused) for outcome in outcomes)
        for command, outcome in zip(commands, outcomes, strict=True):
            await exam.judge(command, outcome)

    async def test_look_finds_nothing_where_nothing_was_sent(self, exam: Exam) -> None:
        person = exam.subject.known[0]
        time = (await exam.times_for(person))[0].time
        command = await exam.book(person, time=time)
        await exam.desk_book(person, time)
        assert await exam.adapter.look(exam.call(), command) is None, "look() found a booking of the desk's"

    async def test_appointment_that_does_not_exist_is_none(self, exam: Exam) -> None:
        assert await exam.adapter.appointment(exam.call(), exam.subject.unknown_appointment) is None


class CancelContract:
    """`Cancel`."""

    async def test_cancel_is_done_and_gives_the_time_back(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.CANCEL)
        book, record = await exam.booked(exam.subject.known[0])
        command = exam.cancel(book, record)
        assert await exam.adapter.look(exam.call(), command) is None, "look() found a cancel that was never sent"
        outcome = await exam.attempt(command)
        assert isinstance(outcome, Done), outcome
        assert outcome.native
        assert await exam.judge(command, outcome) == 1
        assert await exam.adapter.free_time(exam.call(), book.time) is not None
        cancelled = record_of(outcome)
        assert await exam.adapter.look(exam.call(), command) == cancelled
        assert await exam.adapter.appointment(exam.call(), record.local_id) == cancelled
        assert book.patient is not None
        assert cancelled in await exam.adapter.appointments(exam.call(), book.patient)

    async def test_booking_of_the_desk_can_be_cancelled(self, exam: Exam) -> None:
        needs(exam.subject, Capability.CANCEL)
        person = exam.subject.known[0]
        time = (await exam.times_for(person))[0].time
        local_id = await exam.desk_book(person, time)
        record = await exam.adapter.appointment(exam.call(), local_id)
        assert record is not None
        outcome = await exam.attempt(
            Cancel(uuid4().hex, await exam.patient(person), local_id, time.start, record.version, "Este tuli")
        )
        assert record_of(outcome).resource["status"] == "cancelled"

    async def test_cancelled_appointment_is_not_cancellable(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.CANCEL)
        book, record = await exam.booked(exam.subject.known[0])
        cancelled = record_of(await exam.attempt(exam.cancel(book, record)))
        outcome = await exam.attempt(exam.cancel(book, cancelled))
        assert isinstance(outcome, NotCancellable), outcome

    async def test_unknown_appointment_is_refused(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.CANCEL)
        book, record = await exam.booked(exam.subject.known[0])
        command = replace(exam.cancel(book, record), local_id=exam.subject.unknown_appointment)
        outcome = await exam.attempt(command)
        assert isinstance(outcome, UnknownAppointment), outcome

    async def test_appointment_of_somebody_else_is_not_cancelled(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.CANCEL)
        book, record = await exam.booked(exam.subject.known[0])
        command = replace(exam.cancel(book, record), patient=await exam.patient(exam.subject.known[1]))
        outcome = await exam.attempt(command)
        assert isinstance(outcome, ForeignError), "somebody else's appointment was cancelled"
        assert await exam.effects(command) == 0

    async def test_moved_appointment_is_stale_exactly_when_the_profile_says_so(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.CANCEL)
        person = exam.subject.known[0]
        free = (await exam.times_for(person))[0]
        book, record = await exam.booked(person, free.time)
        other = (await exam.times_for(person, of=free.service))[0].time
        await exam.subject.desk_move(record.local_id, other)
        moved = await exam.adapter.appointment(exam.call(), record.local_id)
        assert moved is not None
        checks.at(moved, other)
        command = exam.cancel(book, record)
        outcome = await exam.attempt(command)
        if exam.adapter.profile.capabilities & {Capability.CHECKS_VERSION, Capability.CHECKS_START}:
            assert isinstance(outcome, StaleVersion), outcome
        elif not isinstance(outcome, Done):
            unexpected(outcome)
        await exam.judge(command, outcome)
