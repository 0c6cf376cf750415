"""What an adapter keeps of its exchanges, and that what it kept can be mapped again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.base import Capability, RawMessage
from adapters.contract import checks
from adapters.contract.exam import Exam, needs
from adapters.contract.ledger import DiskFull, Exchange, FullDisk
from adapters.contract.subject import Fault, Operation
from adapters.errors import Unavailable
from canonical import hetu
from canonical.model import Record


class ExchangeContract:
    """`Call.recorder`, `Call.reached` and `Adapter.decode`."""

    async def test_nothing_leaves_before_it_is_kept(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        command = await exam.book(exam.subject.known[0])
        with pytest.raises((DiskFull, Unavailable)):
            await exam.adapter.perform(exam.call(recorder=FullDisk()), command)
        await exam.subject.quiet()
        assert await exam.effects(command) == 0, "a request left that was not kept"
        await exam.works()

    async def test_every_exchange_has_a_name_and_one_end(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        command, record = await exam.booked(exam.subject.known[0])
        if Capability.CANCEL in exam.adapter.profile.capabilities:
            await exam.attempt(exam.cancel(command, record))
        await exam.adapter.directory(exam.call())
        assert exam.ledger.exchanges
        for exchange in exam.ledger.exchanges:
            assert exchange.operation.strip(), "an exchange without a name"
            _names_nobody(exchange, exam)
            assert len(exchange.replies) == 1, f"{exchange.operation}: {len(exchange.replies)} times received"
            raw, outcome = exchange.replies[0]
            assert raw, f"{exchange.operation}: the reply was not kept"
            assert checks.in_one_word(outcome)

    async def test_exchange_belongs_to_its_call(self, exam: Exam) -> None:
        call = exam.call()
        await exam.adapter.find_person(call, exam.subject.known[0].hetu)
        assert exam.ledger.exchanges[-1].request_id == call.request_id

    async def test_what_was_kept_is_what_left(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        command = await exam.book(exam.subject.known[0])
        before = len(exam.ledger.exchanges)
        await exam.attempt(command)
        steps = [e.operation for e in exam.ledger.exchanges[before:] if command.placer_id.encode() in e.sent]
        assert steps, "the bytes of the booking were not kept"
        assert len(set(steps)) == len(steps), "a step of the booking was sent more than once"

    @pytest.mark.parametrize("fault", [Fault.DROP_ANSWER, Fault.HALF_OPEN], ids=str)
    async def test_lost_answer_is_kept_as_lost(self, exam: Exam, fault: Fault) -> None:
        needs(exam.subject, Capability.BOOK)
        command = await exam.book(exam.subject.known[0])
        before = len(exam.ledger.exchanges)
        async with exam.armed(fault, Operation.BOOK):
            await exam.attempt(command, exam.limit(fault))
        sent = [e for e in exam.ledger.exchanges[before:] if command.placer_id.encode() in e.sent]
        assert [raw for raw, _ in sent[-1].replies] == [b""]
        assert all(raw for e in sent[:-1] for raw, _ in e.replies), "more than the step that makes the booking was lost"
        await exam.subject.quiet()

    async def test_points_are_passed_in_order(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        command = await exam.book(exam.subject.known[0])
        points: list[str] = []
        await exam.adapter.perform(replace(exam.call(), reached=points.append), command)
        assert "sent" in points
        assert "replied" in points[points.index("sent") :]

    async def test_kept_replies_decode_to_the_same_records(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        person = exam.subject.known[0]
        command = await exam.book(person)
        before = len(exam.ledger.exchanges)
        done = (await exam.adapter.perform(exam.call(), command)).record
        assert done in _replayed(exam, exam.ledger.exchanges[before:]), "the booking decodes to something else"
        assert command.patient is not None
        before = len(exam.ledger.exchanges)
        listed = await exam.adapter.appointments(exam.call(), command.patient)
        replayed = _replayed(exam, exam.ledger.exchanges[before:])
        assert all(record in replayed for record in listed), "the list decodes to something else"
        before = len(exam.ledger.exchanges)
        one = await exam.adapter.appointment(exam.call(), done.local_id)
        assert one in _replayed(exam, exam.ledger.exchanges[before:])

    @pytest.mark.parametrize("data", [b"", b"\x00", b"{", b"<html>", b"\xff\xfe\xfd"], ids=repr)
    async def test_bytes_that_are_no_message_do_not_decode(self, exam: Exam, data: bytes) -> None:
        for kind in ("", "Appointment", "SRR"):
            with pytest.raises(ValueError):
                exam.adapter.decode(RawMessage(kind, data))


def _names_nobody(exchange: Exchange, exam: Exam) -> None:
    """Assert that the name of an exchange says nothing of anybody."""
    assert not hetu.appears_in(exchange.operation)
    assert not any(secret in exchange.operation for secret in exam.secrets())


def _replayed(exam: Exam, exchanges: list[Exchange]) -> list[Record]:
    """The records of what was kept, mapped again."""
    raw = [exam.subject.raw_message(e.operation, data) for e in exchanges for data, _ in e.replies]
    return [record for message in raw if message is not None for record in exam.adapter.decode(message)]
