"""What a fault does to an exchange with Lifecare, where it is Lifecare's own (INTERFACE.md, appendix A.2).

Everything here is the sandbox's, nothing the vendor's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from sandbox.engine import errors
from sandbox.engine.model import Patient
from sandbox.engine.system import RecordSystem
from sandbox.faults import Fault, FaultBook
from sandbox.http.answer import Answer
from sandbox.http.misbehaviour import Handler, asked_status
from sandbox.http.misbehaviour import Misbehaviour as OfHttp
from sandbox.journal import Journal
from sandbox.lifecare.appointments import Booking
from sandbox.lifecare.outcome import Json, Refusal, of_status
from sandbox.lifecare.resources import Resources
from sandbox.lifecare.slots import Slots
from sandbox.wire import Wire

LATE_LIMIT: Final = 4.5
"""Work is never later than this: safely inside the manual's maximum service time of 5 s."""


@dataclass(frozen=True, slots=True)
class Job:
    """A request whose form is in order: what it is (for the faults), about whom (a HETU), and the work to do.

    `work` may raise Refusal and has then changed nothing. `booking` is set for `POST Appointment`; `wanted` are the
    time and the patient of what would take a time.
    """

    operation: str
    person: str | None
    work: Callable[[], Answer]
    booking: Booking | None = None
    wanted: tuple[str, str] | None = None


class Misbehaviour(OfHttp[Job]):
    """Does jobs as the faults say."""

    def __init__(
        self, system: RecordSystem, resources: Resources, slots: Slots, faults: FaultBook, journal: Journal
    ) -> None:
        super().__init__(system, faults, journal, late_limit=LATE_LIMIT)
        self._resources = resources
        self._slots = slots

    def _own_handlers(self) -> dict[str, Handler[Job]]:
        return {"pending-answer": self._pending_answer}

    def _work(self, job: Job) -> Answer:
        try:
            return job.work()
        except Refusal as refusal:
            return refusal.answer()

    def _refused(self, fault: Fault) -> Answer:
        answer = of_status(asked_status(fault, lowest=400) or 503)
        if answer.status in (502, 503, 504):  # the manual: Retry-After says that no work was done
            return replace(answer, headers={**answer.headers, "retry-after": "1"})
        return answer

    def _failed(self, fault: Fault) -> Answer:
        return of_status(asked_status(fault, lowest=500) or 500)

    def _work_about(self, job: Job, other: Patient) -> Answer:
        answer = self._work(job)
        if answer.status >= 300:
            return answer
        resource = orjson.loads(answer.body)
        patient = self._resources.patient(other)
        for entry in resource.get("entry", [{"resource": resource}]):
            _make_about(entry["resource"], patient)
        return replace(answer, body=orjson.dumps(resource))

    async def _pending_answer(self, job: Job, fault: Fault, wire: Wire) -> Answer:
        return self._work_pending(job, job.booking, fault)

    def _take_time(self, job: Job) -> None:
        if job.wanted is not None and (place := self._slots.place(job.wanted[0])) is not None:
            calendar, start, _ = place
            with suppress(errors.NoSuchTime):  # past: the work itself says so
                self._system.take_time(calendar.id, start, besides=job.wanted[1])


def _make_about(resource: dict[str, Any], patient: Json) -> None:
    """Make a Patient or an Appointment one of another person; anything else is left as it is."""
    if resource["resourceType"] == "Patient":
        resource.clear()
        resource.update(patient)
    for participant in resource.get("participant", []):
        if participant["actor"]["reference"].startswith("Patient/"):
            participant["actor"]["reference"] = f"Patient/{patient['id']}"
