"""Carrying out a request under a fault (INTERFACE.md, appendix A.2).

Everything here is the sandbox's, nothing the vendor's.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from lxml import etree

from sandbox.engine import errors
from sandbox.engine.decisions import Decision
from sandbox.engine.system import RecordSystem
from sandbox.faults import Fault
from sandbox.journal import Journal
from sandbox.proconsona.documents import XML, refused, to_bytes
from sandbox.proconsona.keys import Keys
from sandbox.proconsona.meetings import Booking
from sandbox.proconsona.outcome import Answer, Refusal, of_status
from sandbox.proconsona.records import Records
from sandbox.wire import Wire

LATE_LIMIT: Final = 9.5
"""Work is never later than this: safely inside the manual's maximum service time of 10 s."""

_PAGE: Final = (
    b"<!DOCTYPE html>\n<html><head><title>Kirjautuminen</title></head>"
    b"<body><h1>Istuntosi on vanhentunut</h1></body></html>\n"
)


@dataclass(frozen=True, slots=True)
class Job:
    """A request whose form is in order: what it is (for the faults), about whom (a HETU), and the work to do.

    `work` may raise Refusal and has then changed nothing. `booking` is set for `POST /tapaamiset`.
    """

    operation: str
    person: str | None
    work: Callable[[], Answer]
    booking: Booking | None = None


Handler = Callable[[Job, Fault, Wire], Awaitable[Answer | None]]


class Misbehaviour:
    """Does jobs as the faults say. A job without an answer on the wire gives None."""

    def __init__(self, system: RecordSystem, records: Records, keys: Keys, journal: Journal) -> None:
        self._system = system
        self._records = records
        self._keys = keys
        self._journal = journal
        self._later: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()
        self._handlers: dict[str, Handler] = {
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
            "pending-answer": self._pending_answer,
            "duplicate": self._duplicate,
            "html-200": self._html,
            "desk-takes-the-time": self._desk_takes_the_time,
        }
        self.kinds = frozenset(self._handlers) | {"refuse-connection"}

    async def do(self, job: Job, fault: Fault | None, wire: Wire) -> Answer | None:
        """Do a job, under a fault or without."""
        if fault is None:
            return _work(job)
        wire.fault = fault.kind
        return await self._handlers[fault.kind](job, fault, wire)

    async def stop(self) -> None:
        """Give up what was to be done later and wait no longer, as a system does that is switched off."""
        self._stopped.set()
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)
        self._later.clear()

    # ---- when

    async def _slow(self, job: Job, fault: Fault, wire: Wire) -> Answer:
        answer = _work(job)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), fault.number("seconds"))
        return answer

    async def _half_open(self, job: Job, fault: Fault, wire: Wire) -> None:
        wire.leave_unanswered("not answered, connection left open; nothing done")

    async def _drop_request(self, job: Job, fault: Fault, wire: Wire) -> None:
        wire.drop("connection closed; nothing done")

    async def _drop_answer(self, job: Job, fault: Fault, wire: Wire) -> None:
        wire.drop(f"connection closed; work done: {_work(job).status}")

    async def _work_late(self, job: Job, fault: Fault, wire: Wire) -> None:
        delay = min(fault.number("seconds"), LATE_LIMIT)
        key = job.booking.key if job.booking is not None else None
        task = asyncio.create_task(self._late(job, delay, key))
        if key is not None:
            self._keys.begin(key)
        self._later.add(task)
        task.add_done_callback(self._later.discard)
        wire.drop(f"connection closed; the work follows after {delay:g} s")

    async def _late(self, job: Job, delay: float, key: str | None) -> None:
        try:
            await asyncio.sleep(delay)
        finally:
            if key is not None:
                self._keys.end(key)
        status = _work(job).status
        self._journal.record("sent", b"", operation=job.operation, fault="work-late", note=f"work done late: {status}")

    # ---- what

    async def _cut_reply(self, job: Job, fault: Fault, wire: Wire) -> Answer:
        length = int(fault.number("bytes"))
        wire.shape, wire.hang_up = (lambda raw: raw[:length]), True
        return _work(job)

    async def _garbage(self, job: Job, fault: Fault, wire: Wire) -> Answer:
        # The first byte is never that of a status line.
        wire.shape, wire.hang_up = (lambda raw: b"\xfe" + secrets.token_bytes(63)), True
        return _work(job)

    async def _duplicate(self, job: Job, fault: Fault, wire: Wire) -> Answer:
        wire.shape = lambda raw: raw + raw
        return _work(job)

    async def _error(self, job: Job, fault: Fault, wire: Wire) -> Answer:
        refusal = of_status(_status(fault, usual=503, lowest=400))
        if refusal.status in (502, 503, 504):  # the manual: Retry-After says that no work was done
            refusal.headers["retry-after"] = "1"
        return refused(refusal)

    async def _error_after_work(self, job: Job, fault: Fault, wire: Wire) -> Answer:
        _work(job)
        return refused(of_status(_status(fault, usual=500, lowest=500)))

    async def _html(self, job: Job, fault: Fault, wire: Wire) -> Answer:
        _work(job)
        return Answer(200, _PAGE, {"content-type": "text/html; charset=utf-8"})

    async def _wrong_charset(self, job: Job, fault: Fault, wire: Wire) -> Answer:
        answer = _work(job)
        return replace(answer, body=answer.body.decode("utf-8").encode("iso-8859-1", "replace"))

    async def _wrong_person(self, job: Job, fault: Fault, wire: Wire) -> Answer:
        answer = _work(job)
        others = (one for one in self._system.patients() if one.hetu != job.person)
        other = next((one for one in others if self._records.customer(one.number) is not None), None)
        if answer.status >= 300 or other is None or answer.headers.get("content-type") != XML:
            return answer
        root = etree.fromstring(answer.body)  # our own bytes
        self._records.about_another(root, other)
        return replace(answer, body=to_bytes(root))

    async def _pending_answer(self, job: Job, fault: Fault, wire: Wire) -> Answer:
        if job.booking is None:
            return _work(job)
        job.booking.pending = True
        answer = _work(job)
        if job.booking.made is not None:
            decision: Decision = "booked" if fault.text("decide") == "booked" else "refused"
            self._system.decide_later(job.booking.made, decision, fault.number("after"))
        return answer

    async def _desk_takes_the_time(self, job: Job, fault: Fault, wire: Wire) -> Answer:
        if job.booking is not None:
            # Unknown or past: the booking itself says so.
            with suppress(errors.NoSuchTime, errors.UnknownCalendar):
                self._system.take_time(job.booking.calendar, job.booking.start, besides=job.booking.customer)
        return _work(job)


def _work(job: Job) -> Answer:
    try:
        return job.work()
    except Refusal as refusal:
        return refused(refusal)


def _status(fault: Fault, *, usual: int, lowest: int) -> int:
    """Return the HTTP status a fault asks for; `usual` when it names none, or one below `lowest`."""
    code = fault.text("code")
    status = int(code) if code.isascii() and code.isdigit() and len(code) == 3 else usual
    return status if lowest <= status <= 599 else usual
