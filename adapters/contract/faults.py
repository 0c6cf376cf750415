"""One fault at a time: whatever happens to a request, what the adapter says of it is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import uuid4

import pytest

from adapters.base import Capability, Done
from adapters.call import Call
from adapters.contract.exam import LISTENING, Exam, Outcome, needs, unexpected
from adapters.contract.subject import Fault, Operation
from adapters.errors import AnotherPatient, ForeignError, OutcomeUnknown, Unavailable
from canonical.commands import Command, RegisterPerson, Release
from canonical.model import LocalPatient, Record

WRITES: Final = (Operation.BOOK, Operation.CANCEL, Operation.MOVE, Operation.ANSWER, Operation.REGISTER)
READS: Final = (Operation.FIND, Operation.LIST, Operation.READ, Operation.PERSON)
NOTHING_DONE: Final = frozenset({Fault.REFUSE_CONNECTION, Fault.DROP_REQUEST, Fault.HALF_OPEN, Fault.ERROR_BEFORE_WORK})

FAULTY_WRITES: Final = [
    pytest.param(operation, fault, id=f"{operation}-{fault}")
    for operation in WRITES
    for fault in Fault
    if operation is Operation.BOOK or fault is not Fault.PENDING_ANSWER
] + [
    pytest.param(operation, fault, id=f"{operation}-{fault}")
    for operation in (Operation.HOLD, Operation.RELEASE)
    for fault in (
        Fault.REFUSE_CONNECTION,
        Fault.DROP_REQUEST,
        Fault.DROP_ANSWER,
        Fault.CUT_REPLY,
        Fault.ERROR_AFTER_WORK,
    )
]
"""Only a booking can be pending. A hold that got lost ends by itself: what is said of it matters less."""

FAULTY_READS: Final = [
    pytest.param(operation, fault, id=f"{operation}-{fault}")
    for operation in READS
    for fault in Fault
    if fault not in (Fault.WORK_LATE, Fault.PENDING_ANSWER)
    and not (operation is Operation.FIND and fault is Fault.WRONG_PERSON)
]
"""A read does no work, and free times are nobody's."""

TRUE_WORDS: Final[dict[Fault, tuple[type[Done | ForeignError], ...]]] = {
    Fault.REFUSE_CONNECTION: (Unavailable,),
    Fault.DROP_REQUEST: (OutcomeUnknown,),
    Fault.HALF_OPEN: (OutcomeUnknown,),
    Fault.ERROR_BEFORE_WORK: (ForeignError,),
    Fault.DROP_ANSWER: (OutcomeUnknown,),
    Fault.CUT_REPLY: (OutcomeUnknown, Done),
    Fault.GARBAGE: (OutcomeUnknown,),
    Fault.WRONG_CHARSET: (OutcomeUnknown, Done),
    Fault.ERROR_AFTER_WORK: (OutcomeUnknown,),
    Fault.SLOW: (OutcomeUnknown,),
    Fault.WORK_LATE: (OutcomeUnknown,),
    Fault.DUPLICATE: (Done,),
    Fault.WRONG_PERSON: (AnotherPatient,),
    Fault.PENDING_ANSWER: (OutcomeUnknown, Done),
}
"""What can be said of a write, knowing only what the wire showed. `Exam.judge` then compares it with what happened."""

_NEEDS: Final = {
    Operation.BOOK: (Capability.BOOK,),
    Operation.CANCEL: (Capability.BOOK, Capability.CANCEL),
    Operation.MOVE: (Capability.BOOK, Capability.MOVE),
    Operation.ANSWER: (Capability.ANSWER_PROPOSALS,),
    Operation.HOLD: (Capability.HOLD,),
    Operation.RELEASE: (Capability.HOLD,),
    Operation.REGISTER: (Capability.REGISTER_PERSON,),
}


async def command_for(exam: Exam, operation: Operation) -> Command:
    """A write of this kind that would succeed."""
    person = exam.subject.known[0]
    match operation:
        case Operation.REGISTER:
            return RegisterPerson(uuid4().hex, await exam.subject.newcomer())
        case Operation.BOOK:
            return await exam.book(person)
        case Operation.MOVE:
            return await exam.move(*await exam.booked(person))
        case Operation.ANSWER:
            return (await exam.proposal(person))[0]
        case Operation.HOLD:
            return await exam.hold(person)
        case Operation.RELEASE:
            hold, token = await exam.holding(person)
            assert hold.patient is not None
            return Release(uuid4().hex, hold.patient, hold.time, token)
        case _:
            return exam.cancel(*await exam.booked(person))


def _sent_once(exam: Exam, command: Command, before: int) -> None:
    """Assert that no step of a write went out more than once (a booking may have two: reserve, confirm), and that every
    exchange has come to its one end."""
    since = exam.ledger.exchanges[before:]
    steps = Counter(exchange.operation for exchange in since if command.placer_id.encode() in exchange.sent)
    assert not steps or max(steps.values()) == 1, "a write was sent again"
    alike = Counter((exchange.request_id, exchange.sent) for exchange in since)
    assert not alike or max(alike.values()) == 1, "the same bytes were sent again"
    assert all(len(exchange.replies) == 1 for exchange in since), "a sending without its one received()"


class FaultContract:
    """Writes and reads under each `Fault`."""

    @pytest.mark.parametrize(("operation", "fault"), FAULTY_WRITES)
    async def test_write_tells_the_truth(self, exam: Exam, operation: Operation, fault: Fault) -> None:
        needs(exam.subject, *_NEEDS[operation])
        command = await command_for(exam, operation)
        before = len(exam.ledger.exchanges)
        outcome = await exam.under(fault, operation, command)
        _sent_once(exam, command, before)
        effects = await exam.judge(command, outcome)
        assert effects == (0 if fault in NOTHING_DONE else 1), f"the subject's {fault} is another fault"
        if not isinstance(outcome, TRUE_WORDS[fault]):
            unexpected(outcome)
        await exam.works()

    async def test_pending_is_never_said_to_be_booked(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        command = await exam.book(exam.subject.known[0])
        outcome = await exam.under(Fault.PENDING_ANSWER, Operation.BOOK, command)
        found = outcome.record if isinstance(outcome, Done) else await exam.adapter.look(exam.call(), command)
        assert found is not None
        assert found.resource["status"] == "pending"
        held = await exam.subject.bookings(command.placer_id)
        assert [booking.status for booking in held] == ["pending"], "the subject decided too early"

    @pytest.mark.parametrize(("operation", "fault"), FAULTY_READS)
    async def test_read_gives_the_right_answer_or_none_at_all(
        self, exam: Exam, operation: Operation, fault: Fault
    ) -> None:
        ask = await _question(exam, operation)
        right = await ask(exam.call())
        before = len(exam.ledger.exchanges)
        async with exam.armed(fault, operation):
            outcome = await _read(exam, ask, exam.call(exam.limit(fault)))
        assert all(len(e.replies) == 1 for e in exam.ledger.exchanges[before:]), "a sending without its one received()"
        if fault is Fault.WRONG_PERSON and operation is Operation.READ:
            # Nobody was asked for: what comes has to say truly whose it is, or not come at all.
            assert isinstance(outcome, ForeignError) or _whose(outcome) != _whose(right)
        elif isinstance(outcome, ForeignError):
            _true_of_a_read(fault, outcome)
        else:
            assert fault not in {Fault.WRONG_PERSON, *LISTENING, Fault.REFUSE_CONNECTION}, "an answer out of nothing"
            assert _gist(outcome) == _gist(right), "not the right answer"
        assert _gist(await ask(exam.call())) == _gist(right), "the fault is over, but not its consequences"
        await exam.works()


Question = Callable[[Call], Awaitable[Any]]


async def _question(exam: Exam, operation: Operation) -> Question:
    """A read of this kind whose answer holds something."""
    person, adapter = exam.subject.known[0], exam.adapter
    if operation is Operation.PERSON:
        return lambda call: adapter.find_person(call, person.hetu)
    if operation is Operation.FIND:
        time = (await exam.times_for(person))[0].time
        day = (exam.subject.start, time.end)
        return lambda call: adapter.find_free(call, exam.query(*day))
    local_id = await exam.desk_book(person, (await exam.times_for(person))[0].time)
    if operation is Operation.READ:
        return lambda call: adapter.appointment(call, local_id)
    patient = await exam.patient(person)
    return lambda call: adapter.appointments(call, patient)


async def _read(exam: Exam, ask: Question, call: Call) -> Any:
    """The answer, or the error that came instead of it."""
    try:
        return await ask(call)
    except ForeignError as err:
        exam.tells_nothing(err)
        return err


def _true_of_a_read(fault: Fault, error: Outcome) -> None:
    if fault is Fault.WRONG_PERSON:
        assert isinstance(error, AnotherPatient), error
    else:
        assert fault is not Fault.DUPLICATE, "one answer was whole"
        assert isinstance(error, Unavailable), f"a read without an answer is Unavailable, not {type(error).__name__}"


def _whose(record: Record) -> str | None:
    return record.patient


def _gist(answer: Any) -> object:
    """What an answer says, apart from texts: a reply in a wrong character set may have been readable all the same."""
    if answer is None:
        return None
    if isinstance(answer, LocalPatient):
        return (answer.number, answer.hetu)
    if isinstance(answer, Record):
        return (answer.local_id, answer.version, answer.resource["status"], answer.resource["start"])
    return [(f.time.key, f.time.start.timestamp()) if hasattr(f, "time") else _gist(f) for f in answer]
