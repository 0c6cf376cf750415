"""What a fault does to an exchange with Mediatri, where it is Mediatri's own (INTERFACE.md, appendix).

Everything here is the sandbox's, nothing the vendor's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from sandbox.engine import errors
from sandbox.engine.model import Patient
from sandbox.engine.system import RecordSystem
from sandbox.faults import Fault, FaultBook
from sandbox.http.answer import Answer
from sandbox.http.misbehaviour import Misbehaviour as OfHttp
from sandbox.http.misbehaviour import asked_status
from sandbox.journal import Journal
from sandbox.mediatri import envelope, pages
from sandbox.mediatri.markup import Element, build, local_name
from sandbox.mediatri.operations import Job
from sandbox.mediatri.refusals import ENVELOPE_TEXTS, ERRORS, EnvelopeFault, HttpRefusal, Refusal

LATE_LIMIT: Final = 9.0
"""Work is never later than this: safely inside the manual's maximum service time of 10 s."""

_UNSURE: Final = (502, 503, 504)


class Misbehaviour(OfHttp[Job]):
    """Does jobs as the faults say."""

    def __init__(self, system: RecordSystem, faults: FaultBook, journal: Journal) -> None:
        super().__init__(system, faults, journal, late_limit=LATE_LIMIT)

    def _take(self, job: Job) -> Fault | None:
        """Return the fault for a job. A desk that takes the time from a booking does so when the time is reserved."""
        if job.wish is not None:
            faults = (*self._faults.armed(), *self._faults.standing())
            first = next((one for one in faults if one.matches("book", job.person)), None)
            if first is not None and first.kind == "desk-takes-the-time":
                return self._faults.take("book", job.person)
        return super()._take(job)

    def _work(self, job: Job, change: Callable[[Element], None] = lambda body: None) -> Answer:
        try:
            body = job.work()
        except Refusal as refusal:
            return envelope.fault(refusal)
        change(body)
        return envelope.answer(body)

    def _refused(self, fault: Fault) -> Answer:
        code = fault.text("code")
        if code in ERRORS:
            return envelope.fault(Refusal(code))
        if f"wsse:{code}" in ENVELOPE_TEXTS:
            return envelope.fault(EnvelopeFault(f"wsse:{code}"))
        if status := asked_status(fault, lowest=400):
            # The manual: Retry-After says that no work was done.
            return envelope.fault(HttpRefusal(status, **({"retry_after": "1"} if status in _UNSURE else {})))
        return envelope.fault(Refusal("JARJESTELMAVIRHE"))

    def _failed(self, fault: Fault) -> Answer:
        if status := asked_status(fault, lowest=500):
            return envelope.fault(HttpRefusal(status))
        return envelope.fault(Refusal("JARJESTELMAVIRHE"))

    def _work_about(self, job: Job, other: Patient) -> Answer:
        return self._work(job, lambda body: _make_about(body, other))

    def _take_time(self, job: Job) -> None:
        if job.wish is not None:
            with suppress(errors.NoSuchTime, errors.UnknownCalendar):  # the reservation itself says so
                self._system.take_time(job.wish.calendar, job.wish.start, besides=job.wish.patient)


def _make_about(body: Element, other: Patient) -> None:
    """Make every patient and booking of an answer one of another person; anything else is left as it is."""
    numbers = {"potilasnumero": other.number, "henkilotunnus": other.hetu}
    for element in list(body.iter()):
        if local_name(element) == "potilas":
            element[:] = build("potilas", pages.patient(other))[:]
        elif local_name(element) in numbers:
            element.text = numbers[local_name(element)]
