"""What the record system proposes, and what the resident answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from adapters.base import Capability, Done
from adapters.contract import checks
from adapters.contract.exam import Exam, needs, record_of
from adapters.errors import ForeignError, NoProposal, SlotTaken, StaleVersion, UnknownAppointment
from canonical.commands import Accept, Cancel


class ProposalContract:
    """`Accept` and `Propose`."""

    async def test_proposal_waits_for_the_resident_who_accepts_it(self, exam: Exam) -> None:
        needs(exam.subject, Capability.ANSWER_PROPOSALS)
        command, record = await exam.proposal(exam.subject.known[0])
        checks.appointment(record, command.patient)
        assert checks.waits_for_the_resident(record), "a proposal is pending, and the patient's part needs-action"
        assert record in await exam.adapter.appointments(exam.call(), command.patient)
        assert await exam.adapter.look(exam.call(), command) == record, "look() is the appointment as it is now"
        outcome = await exam.attempt(command)
        assert await exam.judge(command, outcome) == 1
        accepted = record_of(outcome)
        assert await exam.adapter.appointment(exam.call(), record.local_id) == accepted
        again = await exam.attempt(replace(command, placer_id=uuid4().hex, believed_version=accepted.version))
        assert isinstance(again, NoProposal), again

    async def test_another_time_is_asked_for_and_the_desk_decides(self, exam: Exam) -> None:
        needs(exam.subject, Capability.ANSWER_PROPOSALS)
        command = await exam.propose(*await exam.proposal(exam.subject.known[0]))
        outcome = await exam.attempt(command)
        assert await exam.judge(command, outcome) == 1
        assert await exam.adapter.appointment(exam.call(), command.local_id) == record_of(outcome)
        assert await exam.adapter.free_time(exam.call(), command.time) is None

    async def test_taken_time_is_not_asked_for(self, exam: Exam) -> None:
        needs(exam.subject, Capability.ANSWER_PROPOSALS)
        accept, record = await exam.proposal(exam.subject.known[0])
        command = await exam.propose(accept, record)
        await exam.desk_book(exam.subject.known[1], command.time)
        outcome = await exam.attempt(command)
        assert isinstance(outcome, SlotTaken), outcome
        assert await exam.adapter.appointment(exam.call(), record.local_id) == record

    async def test_only_an_open_proposal_is_answered(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.ANSWER_PROPOSALS)
        book, record = await exam.booked(exam.subject.known[0])
        assert book.patient is not None
        accept = Accept(uuid4().hex, book.patient, record.local_id, book.time.start, record.version)
        for command in (accept, await exam.propose(accept, record)):
            outcome = await exam.attempt(command)
            assert isinstance(outcome, NoProposal), outcome
        nowhere = await exam.attempt(replace(accept, local_id=exam.subject.unknown_appointment))
        assert isinstance(nowhere, UnknownAppointment), nowhere
        assert await exam.adapter.appointment(exam.call(), record.local_id) == record

    async def test_stale_answer_is_refused_exactly_when_the_profile_says_so(self, exam: Exam) -> None:
        needs(exam.subject, Capability.ANSWER_PROPOSALS)
        command, record = await exam.proposal(exam.subject.known[0])
        version = exam.subject.stale_version(record.version or "1")
        stale = {
            Capability.CHECKS_VERSION: replace(command, believed_version=version),
            Capability.CHECKS_START: replace(command, believed_start=command.believed_start + timedelta(hours=1)),
        }
        for capability in stale.keys() & exam.adapter.profile.capabilities:
            outcome = await exam.attempt(stale[capability])
            assert isinstance(outcome, StaleVersion), outcome
            await exam.judge(stale[capability], outcome)
        assert await exam.judge(command, await exam.attempt(command)) == 1

    async def test_proposal_to_somebody_else_is_not_accepted(self, exam: Exam) -> None:
        needs(exam.subject, Capability.ANSWER_PROPOSALS)
        command, record = await exam.proposal(exam.subject.known[0])
        other = await exam.patient(exam.subject.known[1])
        outcome = await exam.attempt(replace(command, patient=other))
        assert isinstance(outcome, ForeignError), "somebody else's proposal was accepted"
        assert await exam.adapter.appointment(exam.call(), record.local_id) == record

    async def test_proposal_can_be_declined(self, exam: Exam) -> None:
        needs(exam.subject, Capability.CANCEL, Capability.ANSWER_PROPOSALS)
        accept, record = await exam.proposal(exam.subject.known[0])
        start, version = accept.believed_start, record.version
        outcome = await exam.attempt(Cancel(uuid4().hex, accept.patient, record.local_id, start, version, "Ei käy"))
        assert isinstance(outcome, Done), outcome
        assert record_of(outcome).resource["status"] == "cancelled"
        again = await exam.attempt(replace(accept, believed_version=record_of(outcome).version))
        assert isinstance(again, NoProposal), again
