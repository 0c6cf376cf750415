"""The contract suite, and the test persons, against the sandbox's Lifecare: a process of its own, spoken to by wire."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from adapters.base import Done
from adapters.contract import AdapterContract
from adapters.errors import OutcomeUnknown, SlotTaken, Unavailable
from canonical import codes, fhir
from canonical.commands import Book, Cancel, RegisterPerson
from canonical.model import FreeQuery, Person, Record
from canonical.times import instant
from tests.adapters.lifecare.lifecare_sandbox import LifecareSubject, Sandbox
from tests.adapters.lifecare.lifecare_stub import call


class TestLifecare(AdapterContract):
    """The exam."""


async def a_booking(subject: LifecareSubject, person: Person) -> Book:
    patient = await subject.adapter.find_person(call(), person.hetu)
    assert patient is not None
    free = await subject.adapter.find_free(call(), FreeQuery(subject.start, subject.end, ("YLE",)))
    return Book(uuid4().hex, person, free[0].time, patient)


async def test_a_slow_answer_that_comes_in_time_is_taken(subject: LifecareSubject, sandbox: Sandbox) -> None:
    booking = await a_booking(subject, subject.known[0])
    await subject._ask("POST", "/installations/lifecare-porvoo/faults", {"kind": "slow", "params": {"seconds": 0.5}})
    done = await subject.adapter.perform(call(limit=30), booking)
    assert done.record.resource["status"] == "booked"


@pytest.mark.long
async def test_eero_gets_his_answer_when_he_waits_for_it(subject: LifecareSubject, sandbox: Sandbox) -> None:
    booking = await a_booking(subject, sandbox.persons()["eero"])
    done = await subject.adapter.perform(call(limit=30), booking)
    assert done.record.resource["status"] == "booked"


async def test_eero_is_in_doubt_when_he_does_not_wait(subject: LifecareSubject, sandbox: Sandbox) -> None:
    booking = await a_booking(subject, sandbox.persons()["eero"])
    with pytest.raises(OutcomeUnknown):
        await subject.adapter.perform(call(limit=0.5), booking)
    with pytest.raises(Unavailable):
        assert booking.patient is not None
        await subject.adapter.appointments(call(limit=0.5), booking.patient)
    assert [held.status for held in await subject.bookings(booking.placer_id)] == ["booked"]


async def test_kerttu_always_comes_too_late(subject: LifecareSubject, sandbox: Sandbox) -> None:
    with pytest.raises(SlotTaken):
        await subject.adapter.perform(call(), await a_booking(subject, sandbox.persons()["kerttu"]))


async def test_mikael_never_hears_what_was_done(subject: LifecareSubject, sandbox: Sandbox) -> None:
    booking = await a_booking(subject, sandbox.persons()["mikael"])
    with pytest.raises(OutcomeUnknown):
        await subject.adapter.perform(call(), booking)
    found = await subject.adapter.look(call(), booking)
    assert found is not None
    assert found.resource["status"] == "booked"
    cancel = _cancel(booking, found)
    with pytest.raises(OutcomeUnknown):
        await subject.adapter.perform(call(), cancel)
    assert await subject.adapter.look(call(), cancel) is not None


async def test_axel_is_registered_and_then_books_in_swedish(subject: LifecareSubject, sandbox: Sandbox) -> None:
    axel = sandbox.persons()["axel"]
    if await subject.adapter.find_person(call(), axel.hetu) is None:
        await subject.adapter.perform(call(), RegisterPerson(uuid4().hex, axel))
    found = await subject.adapter.find_person(call(), axel.hetu)
    assert found is not None
    assert list(fhir.codes(c["language"] for c in found.contact["communication"])) == [(codes.LANGUAGE, "sv")]
    booking = await a_booking(subject, axel)
    done = await subject.adapter.perform(call(), booking)
    await subject.desk_cancel(done.record.local_id)


async def test_a_restart_of_lifecare_ends_the_token_but_no_booking(subject: LifecareSubject) -> None:
    booking = await a_booking(subject, subject.known[0])
    subject.moved_the_clock = True
    await subject._ask("POST", "/reset")
    done = await subject.adapter.perform(call(), replace(booking, placer_id=uuid4().hex))
    assert isinstance(done, Done)


async def test_the_hour_that_summer_time_skips(subject: LifecareSubject) -> None:
    night = FreeQuery(instant("2027-03-28T02:00:00+02:00"), instant("2027-03-28T05:00:00+03:00"), ("YOPU",))
    free = [one.time for one in await subject.adapter.find_free(call(), night)]
    assert free
    assert all(one.end > one.start for one in free)
    starts = sorted(one.start.timestamp() for one in free)
    first, last = instant("2027-03-28T02:30:00+02:00"), instant("2027-03-28T04:00:00+03:00")
    assert last.timestamp() - first.timestamp() == 1800
    assert set(starts) & {first.timestamp(), last.timestamp()}


def _cancel(booking: Book, record: Record) -> Cancel:
    assert booking.patient is not None
    return Cancel(uuid4().hex, booking.patient, record.local_id, booking.time.start, record.version)
