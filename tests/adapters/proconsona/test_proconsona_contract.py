"""The contract suite, and the test persons, against the sandbox's ProConsona: a process spoken to by wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from uuid import uuid4

import pytest

from adapters.contract import AdapterContract
from adapters.contract.checks import waits_for_the_resident
from adapters.contract.exam import record_of
from adapters.errors import Misconfigured, OutcomeUnknown, SlotTaken, Unavailable
from adapters.proconsona.adapter import ProConsonaAdapter
from canonical import codes, fhir
from canonical.commands import Accept, Book, Cancel, Move, Propose
from canonical.model import FreeQuery, Person, Record
from canonical.notes import NoteKind
from canonical.times import instant
from tests.adapters.proconsona.proconsona_sandbox import OTHERS, ProConsonaSubject, Sandbox, running
from tests.adapters.proconsona.proconsona_stub import call


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One for all tests of this module: what they book, the desk cancels; a clock that was moved is reset."""
    with running(tmp_path_factory.mktemp("proconsona-sandbox")) as found:
        yield found


@pytest.fixture
async def subject(sandbox: Sandbox) -> AsyncIterator[ProConsonaSubject]:
    made = ProConsonaSubject(sandbox)
    yield made
    await made.close()


class TestProConsona(AdapterContract):
    """The exam."""


async def a_booking(subject: ProConsonaSubject, person: Person) -> Book:
    patient = await subject.adapter.find_person(call(), person.hetu)
    assert patient is not None
    free = await subject.adapter.find_free(call(), FreeQuery(subject.start, subject.end, ("TSO",)))
    return Book(uuid4().hex, person, free[0].time, patient)


async def test_kerttu_always_comes_too_late(subject: ProConsonaSubject, sandbox: Sandbox) -> None:
    with pytest.raises(SlotTaken):
        await subject.adapter.perform(call(), await a_booking(subject, sandbox.persons()["kerttu"]))


async def test_mikael_never_hears_what_was_done(subject: ProConsonaSubject, sandbox: Sandbox) -> None:
    booking = await a_booking(subject, sandbox.persons()["mikael"])
    with pytest.raises(OutcomeUnknown):
        await subject.adapter.perform(call(), booking)
    booked = await subject.adapter.look(call(), booking)
    assert booked is not None
    assert booked.resource["status"] == "booked"
    for command in (await a_move(subject, booking, booked), a_cancel(booking, booked)):
        now = await subject.adapter.appointment(call(), booked.local_id)
        assert now is not None
        start = instant(now.resource["start"])
        with pytest.raises(OutcomeUnknown):
            await subject.adapter.perform(call(), replace(command, believed_start=start, believed_version=now.version))
        found = await subject.adapter.look(call(), command)
        assert found is not None
        assert found.version == str(int(now.version or "0") + 1)


async def test_mikaels_answer_to_a_proposal_is_found(subject: ProConsonaSubject, sandbox: Sandbox) -> None:
    mikael = sandbox.persons()["mikael"]
    booking = await a_booking(subject, mikael)
    local_id = await subject.desk_propose(mikael, booking.time)
    assert booking.patient is not None
    command = Accept(uuid4().hex, booking.patient, local_id, booking.time.start, "1")
    with pytest.raises(OutcomeUnknown):
        await subject.adapter.perform(call(), command)
    found = await subject.adapter.look(call(), command)
    assert found is not None
    assert found.resource["status"] == "booked"
    await subject.desk_cancel(local_id)


async def test_of_helvi_nothing_but_her_language_is_told(subject: ProConsonaSubject, sandbox: Sandbox) -> None:
    found = await subject.adapter.find_person(call(), sandbox.persons()["helvi"].hetu)
    assert found is not None
    assert found.contact.keys() == {"communication"}


async def test_axel_is_spoken_to_in_swedish(subject: ProConsonaSubject, sandbox: Sandbox) -> None:
    found = await subject.adapter.find_person(call(), sandbox.persons()["axel"].hetu)
    assert found is not None
    assert list(fhir.codes(c["language"] for c in found.contact["communication"])) == [(codes.LANGUAGE, "sv")]


async def test_what_is_of_another_palvelutehtava_is_not_there(subject: ProConsonaSubject) -> None:
    records = await subject.adapter.directory(call())
    assert "LAS" not in {record.local_id for record in records}
    assert not await subject.adapter.find_free(call(), FreeQuery(subject.start, subject.end, ("LAS",)))


async def test_a_page_of_the_proxys_after_a_write_is_no_answer(subject: ProConsonaSubject) -> None:
    booking = await a_booking(subject, subject.known[0])
    await subject.arm_native("html-200", "book")
    with pytest.raises(OutcomeUnknown):
        await subject.adapter.perform(call(), booking)
    found = await subject.adapter.look(call(), booking)
    assert found is not None
    await subject.arm_native("html-200", "cancel")
    with pytest.raises(OutcomeUnknown):
        await subject.adapter.perform(call(), a_cancel(booking, found))
    cancelled = await subject.adapter.appointment(call(), found.local_id)
    assert cancelled is not None
    assert cancelled.resource["status"] == "cancelled"
    await subject.arm_native("html-200", "find")
    with pytest.raises(Unavailable):
        await subject.adapter.find_free(call(), FreeQuery(subject.start, subject.end))


async def test_the_same_booking_again_tells_what_it_is_by_now(subject: ProConsonaSubject) -> None:
    booking = await a_booking(subject, subject.known[0])
    first = record_of(await subject.adapter.perform(call(), booking))
    await subject.adapter.perform(call(), a_cancel(booking, first))
    again = record_of(await subject.adapter.perform(call(), booking))
    assert (again.local_id, again.resource["status"], again.version) == (first.local_id, "cancelled", "2")


async def test_a_wish_becomes_a_booking_when_the_unit_agrees(subject: ProConsonaSubject) -> None:
    person = subject.known[0]
    patient = await subject.adapter.find_person(call(), person.hetu)
    assert patient is not None
    free = await subject.adapter.find_free(call(), FreeQuery(subject.start, subject.end, ("VAM",)))
    offered, wished, other = free[0].time, free[3].time, free[6].time
    local_id = await subject.desk_propose(person, offered)
    wish = Propose(uuid4().hex, patient, local_id, offered.start, wished, "1")
    waiting = record_of(await subject.adapter.perform(call(), wish))
    assert [p["status"] for p in waiting.resource["participant"]][:2] == ["accepted", "needs-action"]
    again = replace(wish, believed_start=wished.start, time=other, believed_version=waiting.version)
    waiting = record_of(await subject.adapter.perform(call(), again))
    await subject._desk("decide", {"id": local_id, "decision": "booked"})
    decided = await subject.adapter.look(call(), again)
    assert decided is not None
    assert (decided.resource["status"], decided.version) == ("booked", "4")
    await subject.desk_cancel(local_id)


@pytest.mark.parametrize("name", OTHERS)
async def test_the_other_installations_are_spoken_to_as_well(name: str, sandbox: Sandbox) -> None:
    adapter, aino = ProConsonaAdapter(sandbox.installation(name)), sandbox.persons()["aino"]
    services = [record for record in await adapter.directory(call()) if record.kind == "HealthcareService"]
    assert services
    patient = await adapter.find_person(call(), aino.hetu)
    assert patient is not None
    span = FreeQuery(ProConsonaSubject.start, ProConsonaSubject.end, (services[0].local_id,))
    one, other, *_ = [free.time for free in await adapter.find_free(call(), span)]
    booking = Book(uuid4().hex, aino, one, patient, "Hei, åäö")
    booked = record_of(await adapter.perform(call(), booking))
    assert booked.resource["comment"] == "Hei, åäö"
    move = Move(uuid4().hex, aino, patient, booked.local_id, one.start, other, booked.version)
    moved = record_of(await adapter.perform(call(), move))
    assert moved in await adapter.appointments(call(), patient)
    cancel = Cancel(uuid4().hex, patient, booked.local_id, other.start, moved.version)
    assert record_of(await adapter.perform(call(), cancel)).resource["status"] == "cancelled"
    proposals = [r for r in await adapter.appointments(call(), patient) if waits_for_the_resident(r)]
    assert len(proposals) == 2
    for record in (*services, *proposals):
        assert not {note.kind for note in record.notes} - {NoteKind.KEPT}, "a code that the tables do not know"
    await adapter.close()


async def test_another_secret_is_our_mistake(sandbox: Sandbox) -> None:
    there = sandbox.installation()
    for wrong in ({"secret": "väärä"}, {"api_key": "somebody"}):
        adapter = ProConsonaAdapter(replace(there, options={**there.options, **wrong}))
        with pytest.raises(Misconfigured, match="401"):
            await adapter.probe(call())
        await adapter.close()


async def test_the_hour_that_summer_time_skips(subject: ProConsonaSubject) -> None:
    night = FreeQuery(instant("2027-03-28T02:00:00+02:00"), instant("2027-03-28T05:00:00+03:00"), ("SPY",))
    free = [one.time for one in await subject.adapter.find_free(call(), night)]
    assert free
    first, last = instant("2027-03-28T02:30:00+02:00"), instant("2027-03-28T04:00:00+03:00")
    assert last.timestamp() - first.timestamp() == 1800
    assert {one.start.timestamp() for one in free} & {first.timestamp(), last.timestamp()}
    assert all(one.end.timestamp() - one.start.timestamp() == 1800 for one in free)


async def a_move(subject: ProConsonaSubject, booking: Book, record: Record) -> Move:
    free = await subject.adapter.find_free(call(), FreeQuery(subject.start, subject.end, ("TSO",)))
    assert booking.patient is not None
    start = booking.time.start
    return Move(uuid4().hex, booking.person, booking.patient, record.local_id, start, free[0].time, record.version)


def a_cancel(booking: Book, record: Record) -> Cancel:
    assert booking.patient is not None
    return Cancel(uuid4().hex, booking.patient, record.local_id, booking.time.start, record.version)
