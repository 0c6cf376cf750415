"""Cancelling an appointment: only against the state that the master has now, as the caller has seen it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from adapters.errors import ForeignError
from canonical.commands import Cancel
from canonical.times import instant
from hub.access import Access
from hub.journal.ports import DuplicateTime, IdempotencyKey, KeyKnown, LaneTaken, NewCommand, Problem, Row
from hub.journal.states import State
from hub.store.projection import Stored
from hub.usecases.answers import Answers
from hub.usecases.appointments import Appointments, found
from hub.usecases.deliveries import Deliveries
from hub.usecases.freetimes import FreeTimes
from hub.usecases.persons import Persons
from hub.usecases.ports import Answer, CancelRequest, Failed, Kept, Link, RequestContext, Unknown, Updated
from hub.usecases.world import World

ROUTE = "PUT Appointment"
CHANGEABLE: Final = frozenset({"status", "cancelationReason", "meta", "text", "comment"})
"""What a cancellation may say differently from the stored resource; ``participant`` may differ in its statuses."""


@dataclass(slots=True)
class Cancelling:
    """The use case and what it needs."""

    world: World
    persons: Persons
    appointments: Appointments
    free_times: FreeTimes
    deliveries: Deliveries
    answers: Answers
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def cancel(self, access: Access, request: CancelRequest, context: RequestContext) -> Answer:
        """Cancel it. Raises `Failed` when nothing was done."""
        if access.subject is None or access.resident is None:
            raise Failed("forbidden")
        key = self.key(access, request)
        if key and (earlier := await self.answers.earlier(key)):
            return earlier if isinstance(earlier, Kept) else await self.tell(access, earlier, replayed=True)
        async with self._lock(request.appointment_id):
            stored = await self._proven(access, request, context)
            if stored.status == "cancelled":
                return Updated(found(stored))
            new = await self._command(access, request, stored, context)
            context.reached("before-accept")
            accepted = await self.deliveries.journal.accept(new, key)
            context.reached("accepted")
            if not isinstance(accepted, Row):
                self._not_accepted(accepted)
            row = await self.deliveries.deliver(accepted, context.deadline)
        self.free_times.forget(row.new.installation)
        return await self.tell(access, row)

    def key(self, access: Access, request: CancelRequest) -> IdempotencyKey | None:
        if request.key is None:
            return None
        scope = f"{access.client}/{access.resident}/{access.subject}/{ROUTE}/{request.appointment_id}"
        seen = f"{request.expected_version}\n".encode() + request.raw
        return IdempotencyKey(scope, request.key, hashlib.sha256(seen).hexdigest())

    async def _proven(self, access: Access, request: CancelRequest, context: RequestContext) -> Stored:
        """The appointment as the master has it now, the same version as the caller saw."""
        stored = await self._stored(access, request.appointment_id)
        if stored.local_id is None:
            why = "the outcome of its booking is not known yet"
            raise Failed("in-flight", why, expression=["Appointment.status"], retry_after=5.0)
        assert access.subject is not None
        seconds = context.deadline - self.world.real.now()
        try:
            await self.appointments.prove(stored, access.subject, context.request_id, seconds)
        except ForeignError as error:
            raise Failed("record-system-failed", error.detail, retry_after=5.0) from error
        stored = await self._stored(access, request.appointment_id)
        if stored.version != request.expected_version:
            raise Failed("stale-version", f"the current version is {stored.version}")
        different = sorted(_differences(json.loads(stored.json), request.body))
        if different:
            raise Failed("cancel-only", expression=[f"Appointment.{name}" for name in different])
        return stored

    async def _stored(self, access: Access, hub_id: str) -> Stored:
        today = self.world.today.now()
        stored = await self.world.store.projection.read(access, "Appointment", hub_id, today=today)
        if stored is None:
            raise Failed("not-found")
        return stored

    async def _command(
        self, access: Access, request: CancelRequest, stored: Stored, context: RequestContext
    ) -> NewCommand:
        assert access.subject is not None
        assert access.resident is not None
        assert stored.local_id is not None
        limit = context.deadline - self.world.real.now()
        try:
            patient = await self.persons.link(access.subject, stored.installation, context.request_id, limit)
        except ForeignError as error:
            raise Failed("record-system-failed", error.detail, retry_after=5.0) from error
        if patient is None:
            raise Failed("not-a-customer", facts={"installation": stored.installation})
        command_id = secrets.token_hex(16)
        start = instant(json.loads(stored.json)["start"])
        return NewCommand(
            id=command_id,
            installation=stored.installation,
            command=Cancel(command_id, patient, stored.local_id, start, stored.master_version, request.reason),
            subject=access.subject,
            target=stored.id,
            lane=f"appointment:{stored.id}",
            deadline=context.deadline,
            request_id=context.request_id,
            client=access.client,
            resident=access.resident,
        )

    def _not_accepted(self, why: LaneTaken | DuplicateTime | KeyKnown) -> NoReturn:
        match why:
            case LaneTaken(command_id=other):
                see = Link(f"Task/{other}")
                raise Failed("in-flight", expression=["Appointment.id"], retry_after=2.0, see=see)
            case KeyKnown(command_id=other, same=same):
                if not same:
                    raise Failed("key-reused")
                see = Link(f"Task/{other}")
                raise Failed("in-flight", expression=["http.Idempotency-Key"], retry_after=2.0, see=see)
            case DuplicateTime():
                raise AssertionError("a cancellation takes no time")

    async def tell(self, access: Access, row: Row, *, replayed: bool = False) -> Answer:
        """What may be said of the command now."""
        assert row.new.target is not None
        if row.state is State.CONFIRMED:
            return Updated(found(await self._stored(access, row.new.target)), row.warning, replayed=replayed)
        if row.state is State.REFUSED:
            problem = row.problem or Problem("refused-by-record-system")
            wait = 5.0 if problem.code in ("record-system-failed", "expired") else None
            facts = {"installation": row.new.installation}
            raise Failed(problem.code, problem.detail, facts=facts, retry_after=wait, replayed=replayed)
        return Unknown(row.new.id, row.new.target, replayed=replayed)

    @asynccontextmanager
    async def _lock(self, hub_id: str) -> AsyncIterator[None]:
        """One cancellation of an appointment at a time in this process; the journal's lane guards the others."""
        lock = self._locks.setdefault(hub_id, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():
                self._locks.pop(hub_id, None)


def _differences(stored: dict[str, Any], wanted: dict[str, Any]) -> Iterator[str]:
    """The elements in which ``wanted`` is more than a cancellation; what it leaves out it leaves as it is."""
    for name, value in wanted.items():
        if name in CHANGEABLE:
            continue
        if name == "participant":
            if not _same_participants(stored.get(name, []), value):
                yield name
        elif stored.get(name) != value:
            yield name


def _same_participants(stored: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    def without_status(participants: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{name: value for name, value in one.items() if name != "status"} for one in participants]

    return without_status(stored) == without_status(wanted)
