"""Mediatri sits the exam of all adapters, against the sandbox in a process of its own; and its test persons."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from uuid import uuid4

import pytest

from adapters.base import Done
from adapters.contract import AdapterContract
from adapters.errors import OutcomeUnknown, SlotTaken, Unavailable
from canonical import codes, fhir
from canonical.commands import Book, Cancel
from canonical.model import FreeQuery, Person
from tests.adapters.mediatri.mediatri_sandbox import MediatriSubject, Sandbox, known_persons, newcomers, running
from tests.adapters.mediatri.mediatri_stub import call


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One for all tests of this module: what they book, the desk cancels; a clock that was moved is put back."""
    with running(tmp_path_factory.mktemp("mediatri-sandbox")) as found:
        yield found


@pytest.fixture(scope="module")
def residents(sandbox: Sandbox) -> Iterator[str]:
    """HETUs, each given to one test only."""
    return newcomers(sandbox)


@pytest.fixture(scope="module")
def known(sandbox: Sandbox) -> Sequence[Person]:
    return known_persons(sandbox)


@pytest.fixture
async def subject(
    sandbox: Sandbox, known: Sequence[Person], residents: Iterator[str]
) -> AsyncIterator[MediatriSubject]:
    made = MediatriSubject(sandbox, known, residents)
    yield made
    await made.close()


class TestMediatri(AdapterContract):
    """The exam."""


async def a_booking(subject: MediatriSubject, person: Person) -> Book:
    patient = await subject.adapter.find_person(call(), person.hetu)
    assert patient is not None
    free = await subject.adapter.find_free(call(), FreeQuery(subject.start, subject.end, ("LAAK",)))
    return Book(uuid4().hex, person, free[0].time, patient)


async def test_eero_is_in_doubt_when_he_does_not_wait(subject: MediatriSubject, sandbox: Sandbox) -> None:
    booking = await a_booking(subject, sandbox.persons()["eero"])
    with pytest.raises(OutcomeUnknown):
        await subject.adapter.perform(call(limit=0.5), booking)
    with pytest.raises(Unavailable):
        assert booking.patient is not None
        await subject.adapter.appointments(call(limit=0.5), booking.patient)
    [held] = await subject.bookings(booking.placer_id)
    assert held.status == "booked"
    await subject.desk_cancel(held.local_id)


async def test_kerttu_always_comes_too_late(subject: MediatriSubject, sandbox: Sandbox) -> None:
    with pytest.raises(SlotTaken):
        await subject.adapter.perform(call(), await a_booking(subject, sandbox.persons()["kerttu"]))


async def test_mikael_never_hears_what_was_done(subject: MediatriSubject, sandbox: Sandbox) -> None:
    booking = await a_booking(subject, sandbox.persons()["mikael"])
    with pytest.raises(OutcomeUnknown):
        await subject.adapter.perform(call(), booking)
    found = await subject.adapter.look(call(), booking)
    assert found is not None
    assert found.resource["status"] == "booked"
    assert booking.patient is not None
    cancel = Cancel(uuid4().hex, booking.patient, found.local_id, booking.time.start)
    with pytest.raises(OutcomeUnknown):
        await subject.adapter.perform(call(), cancel)
    assert await subject.adapter.look(call(), cancel) is not None


async def test_group_time_holds_as_many_as_it_has_places(subject: MediatriSubject, known: Sequence[Person]) -> None:
    span = FreeQuery(subject.start, subject.start.replace(day=31), ("RYHM",))
    free = (await subject.adapter.find_free(call(), span))[0]
    places = fhir.extension(free.slot, codes.local("mediatri-sipoo", "places"))
    assert places is not None
    left = {part["url"]: part for part in places["extension"]}["left"]["valueUnsignedInt"]
    done: list[Done] = []
    for person in known[:left]:
        patient = await subject.adapter.find_person(call(), person.hetu)
        done.append(await subject.adapter.perform(call(), Book(uuid4().hex, person, free.time, patient)))
    assert await subject.adapter.free_time(call(), free.time) is None
    for one in done:
        assert one.record is not None
        await subject.desk_cancel(one.record.local_id)


async def test_lost_reservation_is_found_by_its_reference_and_the_time_is_booked(subject: MediatriSubject) -> None:
    booking = await a_booking(subject, subject.known[0])
    await subject._ask("POST", "faults", json={"kind": "drop-answer", "operation": "hold"})
    done = await subject.adapter.perform(call(), booking)
    assert done.record is not None
    assert done.record.resource["status"] == "booked"
    assert len(await subject.bookings(booking.placer_id)) == 1
    await subject.desk_cancel(done.record.local_id)


async def test_refused_second_step_gives_the_time_back(subject: MediatriSubject) -> None:
    booking = await a_booking(subject, subject.known[0])
    await subject._ask("POST", "faults", json={"kind": "error", "operation": "book", "params": {"code": "503"}})
    with pytest.raises(Unavailable) as raised:
        await subject.adapter.perform(call(), booking)
    assert raised.value.retry_after == 1
    assert await subject.adapter.free_time(call(), booking.time) is not None
    assert not await subject.bookings(booking.placer_id)
