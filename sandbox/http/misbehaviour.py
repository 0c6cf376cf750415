"""Carrying out a request under a fault: what a fault does to any HTTP exchange, whatever the system.

Everything here is the sandbox's, nothing a vendor's.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from typing import Final, Generic, Protocol, TypeVar

from sandbox.engine.decisions import Decision
from sandbox.engine.model import Patient
from sandbox.engine.system import RecordSystem
from sandbox.faults import Fault, FaultBook
from sandbox.http.answer import Answer
from sandbox.journal import Journal
from sandbox.wire import RUBBISH, Wire

_PAGE: Final = (
    b"<!DOCTYPE html><html><head><title>Kirjaudu</title></head><body><h1>Istunto on vanhentunut</h1></body></html>"
)


class Job(Protocol):
    """A request whose form is in order: what it is (for the faults) and about whom (a HETU)."""

    @property
    def operation(self) -> str: ...

    @property
    def person(self) -> str | None: ...


class Booking(Protocol):
    """A booking that the desk may have to decide: `made` is its id when done."""

    pending: bool
    made: str | None


J = TypeVar("J", bound=Job)
Handler = Callable[[J, Fault, Wire], Awaitable[Answer | None]]


class Misbehaviour(ABC, Generic[J]):
    """Does jobs as the faults say. A job without an answer on the wire gives None.

    `late_limit`: work is never later than these seconds, safely inside the manual's maximum service time. A system says
    how a job is done, what its errors look like, and how an answer is made one about another person.
    """

    def __init__(self, system: RecordSystem, faults: FaultBook, journal: Journal, *, late_limit: float) -> None:
        self._system = system
        self._faults = faults
        self._journal = journal
        self._late_limit = late_limit
        self._later: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()
        self._handlers: dict[str, Handler[J]] = {
            "slow": self._slow,
            "half-open": self._half_open,
            "drop-request": self._drop_request,
            "drop-answer": self._drop_answer,
            "cut-reply": self._cut_reply,
            "work-late": self._work_late,
            "error": self._error,
            "error-after-work": self._error_after_work,
            "garbage": self._garbage,
            "wrong-charset": self._wrong_charset,
            "wrong-person": self._wrong_person,
            "duplicate": self._duplicate,
            "html-200": self._html,
            "desk-takes-the-time": self._desk_takes_the_time,
        } | self._own_handlers()
        self.kinds = frozenset(self._handlers) | {"refuse-connection"}

    async def do(self, job: J, wire: Wire) -> Answer | None:
        """Do a job, under the fault that meets it or without."""
        fault = self._take(job)
        # A kind that this wire cannot show may still come with a test person: it does nothing here.
        if fault is None or fault.kind not in self._handlers:
            return self._work(job)
        wire.fault = fault.kind
        return await self._handlers[fault.kind](job, fault, wire)

    async def stop(self) -> None:
        """Give up what was to be done later and wait no longer, as a system does that is switched off."""
        self._stopped.set()
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)
        self._later.clear()

    # ---- what a system says

    @abstractmethod
    def _work(self, job: J) -> Answer:
        """Do a job; a refusal has become its answer."""

    @abstractmethod
    def _refused(self, fault: Fault) -> Answer:
        """Return the error that the fault asks for, or the usual one: nothing was done."""

    @abstractmethod
    def _failed(self, fault: Fault) -> Answer:
        """Return the error that the fault asks for, or the usual one, of those that may come after the work."""

    @abstractmethod
    def _work_about(self, job: J, other: Patient) -> Answer:
        """Do a job; its answer is about another person."""

    @abstractmethod
    def _take_time(self, job: J) -> None:
        """Let the desk book the time that the job wants, if it wants one."""

    def _own_handlers(self) -> dict[str, Handler[J]]:
        """Return the handlers of kinds that not every system can show."""
        return {}

    def _take(self, job: J) -> Fault | None:
        """Return the fault that meets a job."""
        return self._faults.take(job.operation, job.person)

    def _is_other(self, patient: Patient, job: J) -> bool:
        """Whether an answer to this job may wrongly be about this patient."""
        return patient.hetu != job.person

    def _working(self, job: J) -> AbstractContextManager[None]:
        """Stands around the time that a job takes when its work is late."""
        return nullcontext()

    # ---- when

    async def _slow(self, job: J, fault: Fault, wire: Wire) -> Answer:
        answer = self._work(job)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), fault.number("seconds"))
        return answer

    async def _half_open(self, job: J, fault: Fault, wire: Wire) -> None:
        wire.leave_unanswered("not answered, connection left open; nothing done")

    async def _drop_request(self, job: J, fault: Fault, wire: Wire) -> None:
        wire.drop("connection closed; nothing done")

    async def _drop_answer(self, job: J, fault: Fault, wire: Wire) -> None:
        wire.drop(f"connection closed; work done: {self._work(job).status}")

    async def _work_late(self, job: J, fault: Fault, wire: Wire) -> None:
        delay = min(fault.number("seconds"), self._late_limit)
        task = asyncio.create_task(self._late(job, delay))
        self._later.add(task)
        task.add_done_callback(self._later.discard)
        wire.drop(f"connection closed; the work follows after {delay:g} s")

    async def _late(self, job: J, delay: float) -> None:
        with self._working(job):
            await asyncio.sleep(delay)
        status = self._work(job).status
        self._journal.record("sent", b"", operation=job.operation, fault="work-late", note=f"work done late: {status}")

    # ---- what

    async def _cut_reply(self, job: J, fault: Fault, wire: Wire) -> Answer:
        length = int(fault.number("bytes"))
        wire.shape, wire.hang_up = (lambda raw: raw[:length]), True
        return self._work(job)

    async def _garbage(self, job: J, fault: Fault, wire: Wire) -> Answer:
        wire.shape, wire.hang_up = (lambda raw: RUBBISH), True
        return self._work(job)

    async def _duplicate(self, job: J, fault: Fault, wire: Wire) -> Answer:
        wire.shape = lambda raw: raw + raw
        return self._work(job)

    async def _error(self, job: J, fault: Fault, wire: Wire) -> Answer:
        return self._refused(fault)

    async def _error_after_work(self, job: J, fault: Fault, wire: Wire) -> Answer:
        self._work(job)
        return self._failed(fault)

    async def _html(self, job: J, fault: Fault, wire: Wire) -> Answer:
        self._work(job)
        return Answer(200, _PAGE, {"content-type": "text/html; charset=utf-8"})

    async def _wrong_charset(self, job: J, fault: Fault, wire: Wire) -> Answer:
        answer = self._work(job)
        return replace(answer, body=answer.body.decode("utf-8").encode("iso-8859-1", "replace"))

    async def _wrong_person(self, job: J, fault: Fault, wire: Wire) -> Answer:
        other = next((one for one in self._system.patients() if self._is_other(one, job)), None)
        return self._work(job) if other is None else self._work_about(job, other)

    async def _desk_takes_the_time(self, job: J, fault: Fault, wire: Wire) -> Answer:
        self._take_time(job)
        return self._work(job)

    def _work_pending(self, job: J, booking: Booking | None, fault: Fault) -> Answer:
        """Do a job that leaves a booking to the desk, which decides as the fault says."""
        if booking is None:
            return self._work(job)
        booking.pending = True
        answer = self._work(job)
        if booking.made is not None:
            decision: Decision = "booked" if fault.text("decide") == "booked" else "refused"
            self._system.decide_later(booking.made, decision, fault.number("after"))
        return answer


def asked_status(fault: Fault, *, lowest: int) -> int | None:
    """Return the HTTP status that a fault's code names; None if it names none, or one below `lowest`."""
    code = fault.text("code")
    return int(code) if code.isascii() and code.isdigit() and lowest <= int(code) <= 599 else None
