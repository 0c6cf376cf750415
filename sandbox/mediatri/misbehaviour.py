"""Carrying out a request under a fault (INTERFACE.md, appendix).

Everything here is the sandbox's, nothing the vendor's.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from sandbox.engine import errors
from sandbox.engine.model import Patient
from sandbox.engine.system import RecordSystem
from sandbox.faults import Fault, FaultBook
from sandbox.journal import Journal
from sandbox.mediatri import envelope, pages
from sandbox.mediatri.envelope import Answer
from sandbox.mediatri.markup import Element, build, local_name
from sandbox.mediatri.operations import Job
from sandbox.mediatri.refusals import ENVELOPE_TEXTS, ERRORS, EnvelopeFault, HttpRefusal, Refusal
from sandbox.wire import Wire

LATE_LIMIT: Final = 9.0
"""Work is never later than this: safely inside the manual's maximum service time of 10 s."""

_UNSURE: Final = ("502", "503", "504")
_PAGE: Final = (
    b"<!DOCTYPE html><html><head><title>Kirjaudu</title></head><body><h1>Istunto on vanhentunut</h1></body></html>"
)

Handler = Callable[[Job, Fault, Wire], Awaitable[Answer | None]]


class Misbehaviour:
    """Does jobs as the faults say. A job without an answer on the wire gives None."""

    def __init__(self, system: RecordSystem, faults: FaultBook, journal: Journal) -> None:
        self._system = system
        self._faults = faults
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
            "duplicate": self._duplicate,
            "html-200": self._html,
            "desk-takes-the-time": self._desk_takes_the_time,
        }
        self.kinds = frozenset(self._handlers) | {"refuse-connection"}

    async def do(self, job: Job, wire: Wire) -> Answer | None:
        """Do a job, under the fault that meets it or without."""
        fault = self._take(job)
        # A kind that this wire cannot show may still come with a test person: it does nothing here.
        if fault is None or fault.kind not in self._handlers:
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

    def _take(self, job: Job) -> Fault | None:
        """Return the fault for a job. A desk that takes the time from a booking does so when the time is reserved."""
        if job.wish is not None:
            faults = (*self._faults.armed(), *self._faults.standing())
            first = next((one for one in faults if one.matches("book", job.person)), None)
            if first is not None and first.kind == "desk-takes-the-time":
                return self._faults.take("book", job.person)
        return self._faults.take(job.operation, job.person)

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
        task = asyncio.create_task(self._late(job, delay))
        self._later.add(task)
        task.add_done_callback(self._later.discard)
        wire.drop(f"connection closed; the work follows after {delay:g} s")

    async def _late(self, job: Job, delay: float) -> None:
        await asyncio.sleep(delay)
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
        code = fault.text("code")
        if code in ERRORS:
            return envelope.fault(Refusal(code))
        if f"wsse:{code}" in ENVELOPE_TEXTS:
            return envelope.fault(EnvelopeFault(f"wsse:{code}"))
        if _is_status(code, lowest=400):
            # The manual: Retry-After says that no work was done.
            return envelope.fault(HttpRefusal(int(code), **({"retry_after": "1"} if code in _UNSURE else {})))
        return envelope.fault(Refusal("JARJESTELMAVIRHE"))

    async def _error_after_work(self, job: Job, fault: Fault, wire: Wire) -> Answer:
        _work(job)
        code = fault.text("code")
        if _is_status(code, lowest=500):
            return envelope.fault(HttpRefusal(int(code)))
        return envelope.fault(Refusal("JARJESTELMAVIRHE"))

    async def _html(self, job: Job, fault: Fault, wire: Wire) -> Answer:
        _work(job)
        return Answer(200, _PAGE, {"content-type": "text/html; charset=utf-8"})

    async def _wrong_charset(self, job: Job, fault: Fault, wire: Wire) -> Answer:
        answer = _work(job)
        return replace(answer, body=answer.body.decode("utf-8").encode("iso-8859-1", "replace"))

    async def _wrong_person(self, job: Job, fault: Fault, wire: Wire) -> Answer:
        other = next((one for one in self._system.patients() if one.hetu != job.person), None)
        return _work(job) if other is None else _work(job, lambda body: _make_about(body, other))

    async def _desk_takes_the_time(self, job: Job, fault: Fault, wire: Wire) -> Answer:
        if job.wish is not None:
            with suppress(errors.NoSuchTime, errors.UnknownCalendar):  # the reservation itself says so
                self._system.take_time(job.wish.calendar, job.wish.start, besides=job.wish.patient)
        return _work(job)


def _work(job: Job, change: Callable[[Element], None] = lambda body: None) -> Answer:
    try:
        body = job.work()
    except Refusal as refusal:
        return envelope.fault(refusal)
    change(body)
    return envelope.answer(body)


def _is_status(code: str, *, lowest: int) -> bool:
    return code.isascii() and code.isdigit() and lowest <= int(code) <= 599


def _make_about(body: Element, other: Patient) -> None:
    """Make every patient and booking of an answer one of another person; anything else is left as it is."""
    numbers = {"potilasnumero": other.number, "henkilotunnus": other.hetu}
    for element in list(body.iter()):
        if local_name(element) == "potilas":
            element[:] = build("potilas", pages.patient(other))[:]
        elif local_name(element) in numbers:
            element.text = numbers[local_name(element)]
