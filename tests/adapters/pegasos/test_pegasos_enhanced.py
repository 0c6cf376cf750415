"""The exam once more, with an installation in enhanced acknowledgement mode; for the long run, but for a sample."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.contract import AdapterContract, Fault, Operation
from adapters.contract.exam import Exam
from tests.adapters.pegasos.test_pegasos_contract import PegasosSubject, Sandbox, sandbox

__all__ = ["sandbox"]
MODE = "enhanced"


@pytest.fixture
async def subject(sandbox: Sandbox) -> AsyncIterator[PegasosSubject]:
    made = PegasosSubject(sandbox)
    yield made
    await made.close()


@pytest.mark.long
class TestPegasosEnhanced(AdapterContract):
    """The exam."""


async def test_a_booking_is_made_lost_found_and_moved(subject: PegasosSubject) -> None:
    exam = Exam(subject)
    command = await exam.book(subject.known[0])
    outcome = await exam.under(Fault.DROP_ANSWER, Operation.BOOK, command)
    assert await exam.judge(command, outcome) == 1
    move = await exam.move(*await exam.booked(subject.known[1]))
    assert await exam.judge(move, await exam.attempt(move)) == 1
    await exam.tidy()
