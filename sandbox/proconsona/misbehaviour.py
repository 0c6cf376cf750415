"""What a fault does to an exchange with ProConsona, where it is ProConsona's own (INTERFACE.md, appendix A.2).

Everything here is the sandbox's, nothing the vendor's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Final

from lxml import etree

from sandbox.engine import errors
from sandbox.engine.model import Patient
from sandbox.engine.system import RecordSystem
from sandbox.faults import Fault, FaultBook
from sandbox.http.answer import Answer
from sandbox.http.misbehaviour import Handler, asked_status
from sandbox.http.misbehaviour import Misbehaviour as OfHttp
from sandbox.journal import Journal
from sandbox.proconsona.documents import XML, refused, to_bytes
from sandbox.proconsona.keys import Keys
from sandbox.proconsona.meetings import Booking
from sandbox.proconsona.outcome import Refusal, of_status
from sandbox.proconsona.records import Records
from sandbox.wire import Wire

LATE_LIMIT: Final = 9.5
"""Work is never later than this: safely inside the manual's maximum service time of 10 s."""


@dataclass(frozen=True, slots=True)
class Job:
    """A request whose form is in order: what it is (for the faults), about whom (a HETU), and the work to do.

    `work` may raise Refusal and has then changed nothing. `booking` is set for `POST /tapaamiset`.
    """

    operation: str
    person: str | None
    work: Callable[[], Answer]
    booking: Booking | None = None


class Misbehaviour(OfHttp[Job]):
    """Does jobs as the faults say."""

    def __init__(self, system: RecordSystem, records: Records, keys: Keys, faults: FaultBook, journal: Journal) -> None:
        super().__init__(system, faults, journal, late_limit=LATE_LIMIT)
        self._records = records
        self._keys = keys

    def _own_handlers(self) -> dict[str, Handler[Job]]:
        return {"pending-answer": self._pending_answer}

    def _work(self, job: Job) -> Answer:
        try:
            return job.work()
        except Refusal as refusal:
            return refused(refusal)

    def _working(self, job: Job) -> AbstractContextManager[None]:
        key = None if job.booking is None else job.booking.key
        return nullcontext() if key is None else self._keys.working(key)

    def _refused(self, fault: Fault) -> Answer:
        refusal = of_status(asked_status(fault, lowest=400) or 503)
        if refusal.status in (502, 503, 504):  # the manual: Retry-After says that no work was done
            refusal.headers["retry-after"] = "1"
        return refused(refusal)

    def _failed(self, fault: Fault) -> Answer:
        return refused(of_status(asked_status(fault, lowest=500) or 500))

    def _is_other(self, patient: Patient, job: Job) -> bool:
        return super()._is_other(patient, job) and self._records.customer(patient.number) is not None

    def _work_about(self, job: Job, other: Patient) -> Answer:
        answer = self._work(job)
        if answer.status >= 300 or answer.headers.get("content-type") != XML:
            return answer
        root = etree.fromstring(answer.body)  # our own bytes
        self._records.about_another(root, other)
        return replace(answer, body=to_bytes(root))

    async def _pending_answer(self, job: Job, fault: Fault, wire: Wire) -> Answer:
        return self._work_pending(job, job.booking, fault)

    def _take_time(self, job: Job) -> None:
        if job.booking is not None:
            # Unknown or past: the booking itself says so.
            with suppress(errors.NoSuchTime, errors.UnknownCalendar):
                self._system.take_time(job.booking.calendar, job.booking.start, besides=job.booking.customer)
