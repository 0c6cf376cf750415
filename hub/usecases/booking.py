"""Booking a free time: check what the hub can know, put the command in the journal, let the master decide, tell."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from adapters.base import Capability
from adapters.errors import ForeignError, HoldExpired
from canonical import codes
from canonical.commands import Book
from canonical.model import TimeKey
from canonical.times import to_local
from hub.access import Access
from hub.criteria import Criterion
from hub.journal.ports import DuplicateTime, IdempotencyKey, NewCommand, Row
from hub.journal.states import State
from hub.journal.steps import lane_of_booking
from hub.store.links import new_id
from hub.usecases.answers import Answers
from hub.usecases.appointments import Appointments, found
from hub.usecases.deliveries import Deliveries, refuse
from hub.usecases.freetimes import QUICK, FreeTimes
from hub.usecases.persons import Persons
from hub.usecases.ports import (
    Answer,
    BookRequest,
    ClientIdentifier,
    Created,
    Existing,
    Failed,
    Found,
    Kept,
    Link,
    RequestContext,
    Results,
    Unknown,
)
from hub.usecases.world import World

ROUTE = "POST Appointment"
GONE = frozenset({"cancelled", "entered-in-error", "noshow", "fulfilled"})
"""Statuses of an Appointment that hold no time."""
SearchOwn = Callable[[Access, Sequence[Criterion], RequestContext], Awaitable[Results]]


@dataclass(slots=True)
class Booking:
    """``search_own`` finds the caller's own appointments, for If-None-Exist (set by the composition root)."""

    world: World
    persons: Persons
    appointments: Appointments
    free_times: FreeTimes
    deliveries: Deliveries
    answers: Answers
    search_own: SearchOwn | None = None

    async def book(self, access: Access, request: BookRequest, context: RequestContext) -> Answer:
        """Book it. Raises `Failed` when nothing was done."""
        if access.subject is None or access.resident is None:
            raise Failed("forbidden")
        if request.patient != access.subject:
            raise Failed("another-patient", expression=["Appointment.participant"])
        key = self.key(access, request)
        if key and (earlier := await self.answers.earlier(key)):
            return await self._again(access, earlier, context)
        if request.if_none_exist and (existing := await self._existing(access, request.if_none_exist, context)):
            return existing
        installation, time = await self.bookable(access, request, context)
        new = await self._command(access, request, installation, time, context)
        context.reached("before-accept")
        accepted = await self.deliveries.journal.accept(new, key)
        if isinstance(accepted, DuplicateTime) and await self._held_no_more(access, accepted.appointment, context):
            accepted = await self.deliveries.journal.accept(new, key)
        context.reached("accepted")
        if not isinstance(accepted, Row):
            refuse(accepted, "Appointment.slot[0]")
        row = await self.deliveries.deliver(accepted, context.deadline)
        self.free_times.forget(installation)
        await self._hold_used(row)
        return await self.tell(access, row, context)

    def key(self, access: Access, request: BookRequest) -> IdempotencyKey | None:
        if request.key is None:
            return None
        scope = f"{access.client}/{access.resident}/{access.subject}/{ROUTE}"
        return IdempotencyKey(scope, request.key, hashlib.sha256(request.raw).hexdigest())

    async def _existing(
        self, access: Access, criteria: Sequence[Criterion], context: RequestContext
    ) -> Existing | None:
        assert self.search_own is not None, "the composition root forgot the search"
        results = await self.search_own(access, criteria, context)
        if results.missing:
            raise Failed("record-system-failed", "If-None-Exist cannot be answered while a system is silent")
        if len(results.items) > 1:
            raise Failed("multiple-matches")
        if not results.items:
            return None
        item = results.items[0]
        seen = await self.appointments.read(access, item.id, fresh=False, context=context)
        return Existing(seen) if seen else None

    async def bookable(self, access: Access, request: BookRequest, context: RequestContext) -> tuple[str, TimeKey]:
        """The installation and the time, as far as the hub can judge it."""
        decoded = self.free_times.decode(request.slot_id)
        if decoded is None:
            raise Failed("unknown-slot", expression=["Appointment.slot[0]"])
        installation, time = decoded
        if request.start not in (None, time.start):
            raise Failed("slot-mismatch", expression=["Appointment.start"])
        if request.end not in (None, time.end):
            raise Failed("slot-mismatch", expression=["Appointment.end"])
        if request.minutes is not None and request.minutes * 60 != (time.end - time.start).total_seconds():
            raise Failed("slot-mismatch", expression=["Appointment.minutesDuration"])
        self.free_times.check(request.slot_id, installation, request.claims)
        if time.start <= self.world.today.now():
            raise Failed("slot-past", expression=["Appointment.slot[0]"])
        await self.free_times.permit(access, request.slot_id, installation, time, context)
        limit = self.world.adapters[installation].profile.text_limit
        if len(request.comment.encode()) > limit:
            facts = {"limit": str(limit), "installation": installation}
            raise Failed("text-too-long", expression=["Appointment.comment"], facts=facts)
        return installation, time

    async def _command(
        self, access: Access, request: BookRequest, installation: str, time: TimeKey, context: RequestContext
    ) -> NewCommand:
        assert access.subject is not None
        assert access.resident is not None
        person = await self.persons.whose(access, context)
        command_id = secrets.token_hex(16)
        identifiers = tuple((one.system, one.value) for one in request.identifiers)
        return NewCommand(
            id=command_id,
            installation=installation,
            command=Book(
                command_id,
                person,
                time,
                comment=request.comment,
                reason=request.reason,
                identifiers=identifiers,
                hold=await self._hold(access.subject, installation, time),
            ),
            subject=access.subject,
            target=new_id(),
            lane=lane_of_booking(access.subject, installation, time.start),
            deadline=context.deadline,
            request_id=context.request_id,
            client=access.client,
            resident=access.resident,
        )

    async def _hold(self, subject: str, installation: str, time: TimeKey) -> str:
        """The token of the person's hold of the time, where there is one."""
        if Capability.HOLD not in self.world.adapters[installation].profile.capabilities:
            return ""
        held = await self.world.store.holds.held(subject, installation, time, self.world.today.now())
        return held.token if held else ""

    async def _hold_used(self, row: Row) -> None:
        """A hold that was used, or is over, is forgotten."""
        command, problem = row.new.command, row.problem
        over = row.state is State.REFUSED and problem is not None and problem.code == HoldExpired.code
        if isinstance(command, Book) and command.hold and (over or row.state is State.CONFIRMED):
            await self.world.store.holds.drop(row.new.subject, row.new.installation, command.time)

    async def _held_no_more(self, access: Access, held: str, context: RequestContext) -> bool:
        """Whether the master, asked now, says that the person does not hold the time after all (the desk cancelled
        it, say). While it is silent, what it said last counts."""
        today = self.world.today.now()
        stored = await self.world.store.projection.read(access, "Appointment", held, today=today)
        if stored is None or stored.local_id is None:
            return False
        try:
            seconds = context.deadline - self.world.real.now()
            assert access.subject is not None
            await self.appointments.prove(stored, access.subject, context.request_id, seconds)
        except ForeignError:
            return False
        again = await self.world.store.projection.read(access, "Appointment", held, today=today)
        return again is None or again.status in GONE

    async def _again(self, access: Access, earlier: Kept | Row, context: RequestContext) -> Answer:
        if isinstance(earlier, Kept):
            return earlier
        return await self.tell(access, earlier, context, replayed=True)

    async def tell(self, access: Access, row: Row, context: RequestContext, *, replayed: bool = False) -> Answer:
        """What may be said of the command now."""
        assert row.new.target is not None
        if row.state is State.CONFIRMED:
            seen = await self._stored(access, row.new.target)
            return Created(seen, row.warning, replayed=replayed)
        if row.state is State.REFUSED:
            raise await self._refusal(access, row, context, replayed=replayed)
        return Unknown(row.new.id, row.new.target, unsettled(row), replayed=replayed)

    async def _stored(self, access: Access, target: str) -> Found:
        today = self.world.today.now()
        stored = await self.world.store.projection.read(access, "Appointment", target, today=today)
        if stored is None:
            # Confirmed, and not for the caller's eyes: a visit the unit hides from guardians.
            raise Failed("answer-withheld")
        return found(stored)

    async def _refusal(self, access: Access, row: Row, context: RequestContext, *, replayed: bool) -> Failed:
        problem = row.problem
        assert problem is not None, "a refusal without a reason"
        command = row.new.command
        assert isinstance(command, Book)
        facts = {"installation": row.new.installation, "what": problem.detail}
        if problem.code != "slot-taken":
            wait = 5.0 if problem.code in ("record-system-failed", "expired") else None
            blamed = ["Appointment.comment"] if problem.code == "not-supported" else []
            return Failed(
                problem.code, problem.detail, expression=blamed, facts=facts, retry_after=wait, replayed=replayed
            )
        held = await self._held_by_oneself(row, command, context)
        if held is not None:
            return Failed("duplicate", problem.detail, see=Link(f"Appointment/{held}"), replayed=replayed)
        others = await self.free_times.alternatives(row.new.installation, command.time, context.request_id)
        links = [Link(f"Slot/{free.id}", to_local(free.start).strftime("%d.%m.%Y %H:%M")) for free in others]
        return Failed(
            problem.code,
            problem.detail,
            expression=["Appointment.slot[0]"],
            facts=facts,
            alternatives=links,
            replayed=replayed,
        )

    async def _held_by_oneself(self, row: Row, command: Book, context: RequestContext) -> str | None:
        """The caller's own appointment at that very time, if it was the caller who took it (at the desk, say)."""
        try:
            async with asyncio.timeout(QUICK):
                await self.appointments.refresh_at(row.new.subject, row.new.installation, context.request_id)
        except (ForeignError, TimeoutError):
            return None
        return await self.world.store.projection.held(row.new.subject, row.new.installation, command.time.start)


def unsettled(row: Row) -> str:
    """By what name an open command is told: received and not booked yet, quarantined, or simply not known."""
    named = row.problem.code if row.problem is not None else ""
    return named if named in ("pending-at-record-system", "quarantined") else "outcome-unknown"


def client_identifiers(identifiers: Sequence[ClientIdentifier]) -> list[dict[str, str]]:
    """A portal's own identifiers as FHIR; none may pose as ours or as a person's."""
    reserved = (codes.PLACER, codes.HETU)
    kept = [one for one in identifiers if one.system not in reserved]
    return [({"system": one.system} if one.system else {}) | {"value": one.value} for one in kept]
