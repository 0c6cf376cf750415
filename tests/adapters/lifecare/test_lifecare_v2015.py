"""The contract suite against the sandbox's Lifecare of Askola, release V2015, and what only that release does."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from adapters.base import Capability
from adapters.contract import AdapterContract
from adapters.errors import UnknownAppointment
from canonical.commands import Book, Cancel
from canonical.model import FreeQuery, Person, Record
from canonical.times import instant
from tests.adapters.lifecare.lifecare_sandbox import ASKOLA, LifecareSubject
from tests.adapters.lifecare.lifecare_stub import call

SITE = ASKOLA


class TestLifecareV2015(AdapterContract):
    """The exam."""


async def booked(subject: LifecareSubject, person: Person) -> tuple[Book, Record]:
    patient = await subject.adapter.find_person(call(), person.hetu)
    assert patient is not None
    free = await subject.adapter.find_free(call(), FreeQuery(subject.start, subject.end, ("20",)))
    command = Book(uuid4().hex, person, free[0].time, patient)
    done = await subject.adapter.perform(call(), command)
    assert done.record is not None
    return command, done.record


async def test_what_it_cannot_do_is_said(subject: LifecareSubject) -> None:
    assert set(subject.adapter.profile.gaps) == {
        Capability.ANSWER_PROPOSALS,
        Capability.REGISTER_PERSON,
        Capability.HOLD,
        Capability.DEDUPLICATES,
        Capability.KEEPS_CANCELLED,
    }


async def test_nine_in_the_morning_is_nine_in_helsinki(subject: LifecareSubject) -> None:
    book, record = await booked(subject, subject.known[0])
    held = (await subject.bookings(book.placer_id))[0]
    assert instant(record.resource["start"]) == held.start == book.time.start
    assert record.resource["start"].endswith("+02:00")
    await subject.desk_cancel(record.local_id)


async def test_what_the_unit_deleted_is_no_appointment_any_more(subject: LifecareSubject) -> None:
    book, record = await booked(subject, subject.known[0])
    await subject.desk_cancel(record.local_id)
    assert await subject.adapter.appointment(call(), record.local_id) is None
    assert book.patient is not None
    cancel = Cancel(uuid4().hex, book.patient, record.local_id, book.time.start, record.version)
    with pytest.raises(UnknownAppointment):
        await subject.adapter.perform(call(), cancel)
    assert await subject.adapter.look(call(), cancel) is None


async def test_many_pages_are_one_answer(subject: LifecareSubject) -> None:
    free = await subject.adapter.find_free(call(limit=30), FreeQuery(subject.start, subject.end + timedelta(days=2)))
    assert len(free) > 100
    assert len({(one.time.key, one.time.start) for one in free}) == len(free)
    assert [one.time.start for one in free] == sorted(one.time.start for one in free)


async def test_a_stranger_to_the_night_learns_which_hour_it_was(subject: LifecareSubject) -> None:
    """An adapter that has never heard of a slot finds out by the order of its calendar (or says that it guessed)."""
    nights = await subject.night_times()
    faces = [time for time in nights if time.start == instant("2027-10-31T03:30:00+02:00")]
    assert faces, "the sandbox opens the second 03:30"
    local_id = await subject.desk_book(subject.known[0], faces[0])
    stranger = LifecareSubject(subject.sandbox, iter(()), ASKOLA)
    try:
        record = await stranger.adapter.appointment(call(), local_id)
        assert record is not None
        assert instant(record.resource["start"]).timestamp() == faces[0].start.timestamp()
        assert not [note for note in record.notes if note.kind == "guessed"]
    finally:
        await subject.desk_cancel(local_id)
        await stranger.close()
