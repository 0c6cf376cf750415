"""The whole exam, as one class to inherit."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from adapters.contract.bookings import BookingContract, CancelContract, PersonContract
from adapters.contract.capabilities import CapabilityContract
from adapters.contract.directory import DirectoryContract, FreeTimesContract
from adapters.contract.exam import Exam
from adapters.contract.exchanges import ExchangeContract
from adapters.contract.faults import FaultContract
from adapters.contract.holds import HoldContract
from adapters.contract.moves import MoveContract
from adapters.contract.nights import NightContract
from adapters.contract.proposals import ProposalContract
from adapters.contract.subject import Subject
from adapters.contract.texts import TextContract
from canonical import hetu


@pytest.mark.asyncio
class AdapterContract(
    DirectoryContract,
    FreeTimesContract,
    PersonContract,
    BookingContract,
    CancelContract,
    MoveContract,
    HoldContract,
    ProposalContract,
    CapabilityContract,
    FaultContract,
    ExchangeContract,
    TextContract,
    NightContract,
):
    """Behaviour that every adapter shows. Inherit it beside a fixture ``subject`` that gives a `Subject`."""

    @pytest_asyncio.fixture
    async def exam(self, subject: Subject) -> AsyncIterator[Exam]:
        """This test's way to the subject, which is left as free as it was found."""
        exam = Exam(subject)
        yield exam
        await exam.tidy()

    @pytest.fixture(autouse=True)
    def _logs_tell_nothing(self, exam: Exam, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        """Whatever is logged during a test, at any level, says nothing of any person."""
        caplog.set_level(logging.DEBUG)
        yield
        for record in caplog.get_records("call"):
            text = caplog.handler.format(record)
            assert not hetu.appears_in(text), f"a personal identity code in a log line of {record.name}"
            assert not any(secret in text for secret in exam.secrets()), f"personal data in a log line of {record.name}"
