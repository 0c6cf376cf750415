"""Adapters that write wrongly, or lie about it, each in one way, and the tests of the exam that must notice."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from adapters.base import Capability, Done
from adapters.call import Call
from adapters.contract import Fault, Operation
from adapters.contract.example import MemorySubject
from adapters.errors import ForeignError, OutcomeUnknown, Refused, SlotTaken, Unavailable
from adapters.memory import Fault as WireFault
from adapters.memory import MemoryAdapter, mapping
from canonical.commands import Book, Cancel, Command, RegisterPerson
from canonical.model import LocalPatient, Record
from tests.adapters.contract.broken import EXACTLY, TRUTH, Broken, caught, under


class DropsTheComment(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        return await super().perform(call, replace(command, comment="") if isinstance(command, Book) else command)


class BendsTexts(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        if isinstance(command, Book):
            command = replace(command, comment=command.comment.replace("\r\n", "\n").strip())
        return await super().perform(call, command)


class CutsTexts(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        return await super().perform(
            call, replace(command, comment=command.comment[:500]) if isinstance(command, Book) else command
        )


class ChecksTooLate(MemoryAdapter):
    """Leaves the length of a text to the record system."""

    def _check(self, command: Command) -> None:
        return


class SaysTheText(MemoryAdapter):
    def _check(self, command: Command) -> None:
        if isinstance(command, Book) and len(command.comment) > 1000:
            raise Refused(f"too long: {command.comment}")


class EmptyElements(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        done = await super().perform(call, command)
        resource = {"comment": ""} | done.record.resource
        return replace(done, record=replace(done.record, resource=resource))


class DropsReasons(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        return await super().perform(
            call, command if isinstance(command, RegisterPerson) else replace(command, reason="")
        )


class TakesPendingForBooked(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        done = await super().perform(call, command)
        if not isinstance(command, Book):
            return done
        return replace(done, record=replace(done.record, resource=done.record.resource | {"status": "booked"}))


class RetriesBlindly(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        try:
            return await super().perform(call, command)
        except OutcomeUnknown:
            return await super().perform(call, command)


class GivesUp(MemoryAdapter):
    """Takes a lost answer for a request that never got there."""

    async def perform(self, call: Call, command: Command) -> Done:
        try:
            return await super().perform(call, command)
        except OutcomeUnknown as err:
            raise Unavailable("no answer") from err


class TakesTroubleForNo(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        try:
            return await super().perform(call, command)
        except OutcomeUnknown as err:
            raise Refused("trouble") from err


class NeverSure(MemoryAdapter):
    """Says that it does not know where it could."""

    async def perform(self, call: Call, command: Command) -> Done:
        try:
            return await super().perform(call, command)
        except Unavailable as err:
            raise OutcomeUnknown("something went wrong") from err


class TakesAnybodysAnswer(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        rows = await self._ask(call, mapping.request(command))
        return Done(mapping.records(self.installation.name, rows[0])[0], "done")


class LetsErrorsEscape(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        try:
            return await super().perform(call, command)
        except ForeignError as err:
            raise err.__cause__ or err from None


class ListensForEver(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        return await super().perform(replace(call, limit=600.0), command)


class TakesAnyReply(MemoryAdapter):
    """Keeps one connection and believes that what comes on it is to the last question."""

    async def _exchange(self, call: Call, operation: str, raw: bytes) -> bytes:
        exchange = await call.recorder.sending(call, operation, raw)
        self._kept = getattr(self, "_kept", None) or self.wire.connect()
        await self._kept.send(raw)
        part = await self._kept.receive()
        call.recorder.received(exchange, part, outcome="answered")
        return part


class SaysItIsDone(MemoryAdapter):
    """Says done without having done anything."""

    async def perform(self, call: Call, command: Command) -> Done:
        if isinstance(command, RegisterPerson):
            return Done(Record("Patient", "1", {"resourceType": "Patient"}, patient="1"), "done")
        if isinstance(command, Cancel):
            found = await self.appointment(call, command.local_id)
            assert found is not None
            return Done(replace(found, resource=found.resource | {"status": "cancelled"}), "done")
        return await super().perform(call, command)


class LosesThePlacerId(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        return await super().perform(call, replace(command, placer_id=uuid4().hex))


class SaysDoneAnyway(MemoryAdapter):
    """Takes a time that is taken for the booking it wanted to make."""

    async def perform(self, call: Call, command: Command) -> Done:
        try:
            return await super().perform(call, command)
        except SlotTaken:
            assert isinstance(command, Book)
            held = next(a for a in self.master.appointments() if a.time == command.time.key)
            record = await self.appointment(call, held.id)
            assert record is not None
            return Done(record, "done")


class RegistersTwice(MemoryAdapter):
    """Takes "is one already", and "cannot become one", for done."""

    async def perform(self, call: Call, command: Command) -> Done:
        try:
            return await super().perform(call, command)
        except Refused:
            return Done(Record("Patient", "1", {"resourceType": "Patient"}, patient="1"), "done")


class Vague(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        try:
            return await super().perform(call, command)
        except Refused as err:
            raise Refused(err.detail) from err


class CancelsForAnybody(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        if isinstance(command, Cancel) and (held := self.master.appointment(command.local_id)):
            command = replace(command, patient=LocalPatient(held.patient, ""))
        return await super().perform(call, command)


class CancelsAnyway(MemoryAdapter):
    """Cancels what there is now, whatever the caller saw."""

    async def perform(self, call: Call, command: Command) -> Done:
        if isinstance(command, Cancel) and (held := self.master.appointment(command.local_id)):
            command = replace(command, believed_start=held.start, believed_version=None)
        return await super().perform(call, command)


class CancelsItsOwn(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        if isinstance(command, Cancel) and (held := self.master.appointment(command.local_id)) and not held.placer_id:
            raise Refused("not ours")
        return await super().perform(call, command)


class LooksByTime(MemoryAdapter):
    """Takes any booking of the patient at that time for the effect."""

    async def look(self, call: Call, command: Command) -> Record | None:
        if not isinstance(command, Book) or command.patient is None:
            return await super().look(call, command)
        found = await self.appointments(call, command.patient)
        return next((r for r in found if r.resource["status"] == "booked"), None)


class NeverFinds(MemoryAdapter):
    async def look(self, call: Call, command: Command) -> Record | None:
        return None


class SlowButSure(MemorySubject):
    """Its slow answers come soon after the limit is over, for those who are still listening."""

    def __init__(self) -> None:
        super().__init__(kind=ListensForEver)

    async def arm(self, fault: Fault, operation: Operation) -> None:
        self._wire.arm(WireFault(str(fault), str(operation), seconds=0.2))


WRITING = [
    Broken(
        DropsTheComment,
        caught("text_arrives_as_it_was_written", says="another text", text="ä"),
        caught(EXACTLY, says="dropped in silence", capability=Capability.COMMENT),
        caught("longest_text_arrives", says="another text"),
    ),
    Broken(
        BendsTexts,
        caught("text_arrives_as_it_was_written_or_is_refused_unsent", says="another text", text="a\r\nb"),
        caught("text_arrives_as_it_was_written_or_is_refused_unsent", says="another text", text=" a "),
    ),
    Broken(CutsTexts, caught("longest_text_arrives"), caught("text_over_the_limit_is_refused_unsent")),
    Broken(ChecksTooLate, caught("text_over_the_limit_is_refused_unsent", says="after something had been sent")),
    Broken(SaysTheText, caught("text_over_the_limit_is_refused_unsent", says="personal data in Refused")),
    Broken(EmptyElements, caught("no_text_is_no_element")),
    Broken(
        DropsReasons,
        caught("reason_of_a_booking_arrives_or_is_said_lost", says="dropped in silence"),
        caught("reason_of_a_cancel_arrives_or_is_said_lost", says="dropped in silence"),
    ),
    Broken(TakesPendingForBooked, caught("pending_is_never_said_to_be_booked"), under(Fault.PENDING_ANSWER)),
    Broken(
        RetriesBlindly,
        under(Fault.DROP_ANSWER, says="sent again"),
        under(Fault.DROP_REQUEST, says="sent again"),
        under(Fault.DROP_ANSWER, Operation.CANCEL, says="nothing happened, but it did"),
        under(Fault.CUT_REPLY, Operation.REGISTER, says="sent again"),
    ),
    Broken(
        GivesUp,
        *(
            under(fault, operation, says="Unavailable says that nothing happened, but it did")
            for fault in (Fault.DROP_ANSWER, Fault.CUT_REPLY, Fault.GARBAGE, Fault.SLOW, Fault.ERROR_AFTER_WORK)
            for operation in (Operation.BOOK, Operation.CANCEL, Operation.REGISTER)
        ),
        under(Fault.DROP_REQUEST, says="unexpected: Unavailable"),
        under(Fault.WORK_LATE, says="Unavailable says that nothing happened, but it did"),
    ),
    Broken(TakesTroubleForNo, under(Fault.ERROR_AFTER_WORK, says="Refused says that nothing happened, but it did")),
    Broken(NeverSure, under(Fault.REFUSE_CONNECTION, says="unexpected: OutcomeUnknown")),
    Broken(
        TakesAnybodysAnswer,
        under(Fault.WRONG_PERSON, says="another patient"),
        under(Fault.WRONG_PERSON, Operation.CANCEL, says="another patient"),
        under(Fault.WRONG_PERSON, Operation.REGISTER),
    ),
    Broken(LetsErrorsEscape, caught(TRUTH, operation=Operation.BOOK, fault=Fault.DROP_ANSWER, raises=ConnectionError)),
    Broken(SlowButSure, under(Fault.SLOW, says="unexpected: done")),
    Broken(TakesAnyReply, caught(TRUTH, operation=Operation.BOOK, fault=Fault.DUPLICATE, raises=ForeignError)),
    Broken(
        SaysItIsDone,
        caught("cancel_is_done_and_gives_the_time_back", says="nothing was done"),
        caught("newcomer_is_registered_once"),
        caught(EXACTLY, capability=Capability.REGISTER_PERSON),
    ),
    Broken(
        LosesThePlacerId,
        caught("booking_is_done_and_held_by_the_record_system", says="nothing was done"),
        caught("what_was_kept_is_what_left", says="were not kept"),
    ),
    Broken(
        SaysDoneAnyway,
        caught("second_person_is_told_that_the_time_is_taken"),
        caught("same_person_does_not_get_the_time_twice"),
        caught("of_ten_who_race_for_a_time_one_gets_it", says="10 winners"),
    ),
    Broken(
        RegistersTwice,
        caught("newcomer_is_registered_once"),
        caught("stranger_is_not_registered"),
        caught("patient_who_does_not_exist_is_refused"),
    ),
    Broken(
        Vague,
        caught("second_person_is_told_that_the_time_is_taken"),
        caught("time_that_does_not_exist_is_refused"),
        caught("patient_who_does_not_exist_is_refused"),
        caught("cancelled_appointment_is_not_cancellable"),
        caught("unknown_appointment_is_refused"),
        caught("moved_appointment_is_stale_exactly_when_the_profile_says_so"),
    ),
    Broken(CancelsForAnybody, caught("appointment_of_somebody_else_is_not_cancelled", says="was cancelled")),
    Broken(
        CancelsAnyway,
        caught("moved_appointment_is_stale_exactly_when_the_profile_says_so"),
        caught(EXACTLY, says="is claimed, but", capability=Capability.CHECKS_VERSION),
        caught(EXACTLY, says="is claimed, but", capability=Capability.CHECKS_START),
    ),
    Broken(CancelsItsOwn, caught("booking_of_the_desk_can_be_cancelled")),
    Broken(LooksByTime, caught("look_finds_nothing_where_nothing_was_sent", says="a booking of the desk's")),
    Broken(
        NeverFinds,
        caught("booking_is_seen_in_the_list_and_by_itself"),
        caught("cancel_is_done_and_gives_the_time_back"),
        under(Fault.DROP_ANSWER, says="look() and the record system disagree"),
    ),
]
