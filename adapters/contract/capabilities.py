"""What the profile claims is there, and what it declares missing is truly missing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import uuid4

import pytest

from adapters.base import Capability, Done
from adapters.contract.exam import COMMENT, Exam, needs, record_of, unexpected
from adapters.errors import NotSupported, Refused, StaleVersion
from canonical import codes, fhir
from canonical.commands import Accept, Cancel, Command, RegisterPerson, Release
from canonical.fhir import Resource
from canonical.notes import NoteKind

Proof = Callable[[Exam], Awaitable[bool]]


async def _does(exam: Exam, command: Command, capability: Capability) -> bool:
    """Whether the installation carries the command out, or says, truly and before it sends anything, that it cannot."""
    if await _declines(exam, command, capability):
        await exam.subject.quiet()
        assert await exam.effects(command) == 0
        return False
    assert await exam.effects(command) == 1
    return True


async def _declines(exam: Exam, command: Command, capability: Capability) -> bool:
    """Whether it is `NotSupported`, unsent; otherwise it has to be done."""
    before = len(exam.ledger.exchanges)
    outcome = await exam.attempt(command)
    if not isinstance(outcome, NotSupported):
        if capability not in exam.adapter.profile.gaps and not isinstance(outcome, Done):
            unexpected(outcome)
        return False
    assert outcome.capability == capability, "NotSupported names another capability"
    assert len(exam.ledger.exchanges) == before, "not supported, but something was sent"
    return True


async def _books(exam: Exam) -> bool:
    return await _does(exam, await exam.book(exam.subject.known[0]), Capability.BOOK)


async def _cancels(exam: Exam) -> bool:
    needs(exam.subject, Capability.BOOK)
    return await _does(exam, exam.cancel(*await exam.booked(exam.subject.known[0])), Capability.CANCEL)


async def _moves(exam: Exam) -> bool:
    needs(exam.subject, Capability.BOOK)
    return await _does(exam, await exam.move(*await exam.booked(exam.subject.known[0])), Capability.MOVE)


async def _holds(exam: Exam) -> bool:
    command = await exam.hold(exam.subject.known[0])
    if Capability.HOLD in exam.adapter.profile.capabilities:
        await exam.holding(command.person, command.time)
        return True
    assert command.patient is not None
    others: list[Command] = [Release(uuid4().hex, command.patient, command.time, "a token")]
    if Capability.BOOK in exam.adapter.profile.capabilities:
        others.append(replace(await exam.book(command.person, time=command.time), hold="a token"))
    declined = [await _declines(exam, one, Capability.HOLD) for one in (command, *others)]
    if not all(declined):
        return True
    assert await exam.adapter.free_time(exam.call(), command.time) is not None
    return False


async def _answers(exam: Exam) -> bool:
    if Capability.ANSWER_PROPOSALS in exam.adapter.profile.capabilities:
        accept, _ = await exam.proposal(exam.subject.known[0])
        return await _does(exam, accept, Capability.ANSWER_PROPOSALS)
    needs(exam.subject, Capability.BOOK)
    book, record = await exam.booked(exam.subject.known[0])
    assert book.patient is not None
    accept = Accept(uuid4().hex, book.patient, record.local_id, book.time.start, record.version)
    declined = [
        await _declines(exam, one, Capability.ANSWER_PROPOSALS) for one in (accept, await exam.propose(accept, record))
    ]
    assert await exam.adapter.appointment(exam.call(), record.local_id) == record
    return not all(declined)


async def _registers(exam: Exam) -> bool:
    command = RegisterPerson(uuid4().hex, await exam.subject.newcomer())
    return await _does(exam, command, Capability.REGISTER_PERSON)


async def _deduplicates(exam: Exam) -> bool:
    needs(exam.subject, Capability.BOOK)
    command, record = await exam.booked(exam.subject.known[0])
    again = await exam.attempt(command)
    effects = await exam.effects(command)
    if isinstance(again, Done):
        return effects == 1 and record_of(again).local_id == record.local_id
    assert isinstance(again, Refused), again
    assert effects == 1
    return False


async def _refuses_stale(exam: Exam, stale: Callable[[Cancel], Cancel]) -> bool:
    """Whether a cancel that believes something else is refused as stale, and otherwise goes through."""
    needs(exam.subject, Capability.BOOK, Capability.CANCEL)
    command = stale(exam.cancel(*await exam.booked(exam.subject.known[0])))
    outcome = await exam.attempt(command)
    await exam.judge(command, outcome)
    if not isinstance(outcome, Done | StaleVersion):
        unexpected(outcome)
    return isinstance(outcome, StaleVersion)


async def _checks_version(exam: Exam) -> bool:
    version = exam.subject.stale_version
    return await _refuses_stale(exam, lambda c: replace(c, believed_version=version(c.believed_version or "1")))


async def _checks_start(exam: Exam) -> bool:
    hour = timedelta(hours=1)
    return await _refuses_stale(exam, lambda c: replace(c, believed_start=c.believed_start + hour))


async def _restricts(exam: Exam) -> bool:
    minor = exam.subject.minor
    if minor is None:
        assert Capability.RESTRICTION_PARENT in exam.adapter.profile.gaps, "claimed, but the subject has no minor"
        pytest.skip("the subject has no minor")
    patient = await exam.patient(minor.person)
    records = await exam.adapter.appointments(exam.call(), patient)
    found = [_restriction(record.resource) for record in records]
    if any(found):
        missing = [code for code in minor.codes if found.count(code) < minor.codes.count(code)]
        assert not missing, f"codes that are not carried: {missing}"
    return any(found)


def _restriction(resource: Resource) -> str | None:
    extension = fhir.extension(resource, codes.RESTRICTION_PARENT)
    if extension is None:
        return None
    assert extension["valueCoding"]["system"] == codes.RESTRICTION_PARENT_CODES
    return str(extension["valueCoding"]["code"])


async def _keeps_cancelled(exam: Exam) -> bool:
    person = exam.subject.known[0]
    local_id = await exam.desk_book(person, (await exam.times_for(person))[0].time)
    await exam.subject.desk_cancel(local_id)
    found = await exam.adapter.appointment(exam.call(), local_id)
    listed = [r.local_id for r in await exam.adapter.appointments(exam.call(), await exam.patient(person))]
    assert (found is not None) == (local_id in listed), "shown in one place only"
    assert found is None or found.resource["status"] == "cancelled"
    return found is not None


async def _comments(exam: Exam) -> bool:
    needs(exam.subject, Capability.BOOK)
    command = await exam.book(exam.subject.known[0], comment=COMMENT)
    outcome = await exam.attempt(command)
    if isinstance(outcome, NotSupported):
        assert outcome.capability == Capability.COMMENT
        return False
    if not isinstance(outcome, Done):
        unexpected(outcome)
    seen = await exam.adapter.appointment(exam.call(), record_of(outcome).local_id)
    assert seen is not None
    if "comment" in seen.resource:
        assert seen.resource["comment"] == COMMENT
        return True
    assert any(note.kind is NoteKind.DROPPED for note in outcome.notes), "a comment dropped in silence"
    return False


PROOFS: Final[dict[Capability, Proof]] = {
    Capability.BOOK: _books,
    Capability.CANCEL: _cancels,
    Capability.MOVE: _moves,
    Capability.HOLD: _holds,
    Capability.ANSWER_PROPOSALS: _answers,
    Capability.REGISTER_PERSON: _registers,
    Capability.DEDUPLICATES: _deduplicates,
    Capability.CHECKS_VERSION: _checks_version,
    Capability.CHECKS_START: _checks_start,
    Capability.RESTRICTION_PARENT: _restricts,
    Capability.KEEPS_CANCELLED: _keeps_cancelled,
    Capability.COMMENT: _comments,
}


class CapabilityContract:
    """`Profile.capabilities` and `Profile.gaps`."""

    async def test_every_capability_is_claimed_or_declared_missing(self, exam: Exam) -> None:
        profile = exam.adapter.profile
        assert profile.capabilities | profile.gaps.keys() == set(Capability)
        assert not profile.capabilities & profile.gaps.keys()
        assert all(len(reason.split()) > 1 for reason in profile.gaps.values()), "a gap without a reason"

    async def test_profile_has_its_times_and_sizes(self, exam: Exam) -> None:
        profile = exam.adapter.profile
        assert profile.quiescence >= 0
        assert profile.limit > 0
        assert profile.text_limit > 0
        assert exam.adapter.installation.name

    @pytest.mark.parametrize("capability", list(Capability), ids=str)
    async def test_capability_is_there_exactly_when_it_is_claimed(self, exam: Exam, capability: Capability) -> None:
        there = await PROOFS[capability](exam)
        claimed = capability in exam.adapter.profile.capabilities
        assert there or not claimed, f"{capability} is claimed, but it is not there"
        assert claimed or not there, f"{capability} is declared missing, but it is there"
