"""Holding a free time before it is booked, where the record system keeps times; and giving it back.

The token that takes a held time never leaves the hub: who books the time for the same person books it with the hold.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from adapters.base import Capability
from canonical.commands import Hold, Release
from canonical.model import TimeKey
from canonical.strict_json import dumps
from hub.access import Access
from hub.journal.ports import IdempotencyKey, LaneTaken, NewCommand, Row
from hub.journal.states import State
from hub.journal.steps import lane_of_booking
from hub.usecases.booking import Booking, unsettled
from hub.usecases.deliveries import refuse
from hub.usecases.ports import BookRequest, Failed, Held, HoldRequest, Kept, RequestContext, Unknown
from hub.usecases.world import World

ROUTE = "POST Appointment/$hold"
_REFERENCE = "Parameters.parameter"


@dataclass(slots=True)
class Holding:
    """The use case; what may be booked may be held, by the same rules."""

    world: World
    booking: Booking

    async def hold(self, access: Access, request: HoldRequest, context: RequestContext) -> Held | Unknown:
        """Hold it; what the person holds already is held as it is. Raises `Failed` when nothing was done."""
        installation, time = await self._bookable(access, request, context)
        self._able(installation)
        key = self._key(access, request)
        earlier = await self.booking.answers.earlier(key) if key else None
        assert not isinstance(earlier, Kept), "the answer of a hold is made anew"
        if earlier is not None:
            return await self._tell(access, request, earlier, time, replayed=True)
        held = await self._held(access, installation, time, request)
        if held is not None and await self._open(access, installation, time) is None:
            return held
        new = await self._command(access, installation, time, context)
        accepted = await self.booking.deliveries.journal.accept(new, key)
        if not isinstance(accepted, Row):
            refuse(accepted, _REFERENCE)
        row = await self.booking.deliveries.deliver(accepted, context.deadline)
        self.booking.free_times.forget(installation)
        return await self._tell(access, request, row, time)

    async def release(self, access: Access, request: HoldRequest, context: RequestContext) -> Unknown | None:
        """Give it back; None when it is. What is not held (any more) is free of the person already: nothing is done
        then. Raises `Failed` when it is held as before."""
        installation, time = await self._decoded(access, request)
        assert access.subject is not None
        earlier = await self._open(access, installation, time)
        if earlier is not None and isinstance(earlier.new.command, Release):
            return Unknown(earlier.new.id, None, unsettled(earlier))
        held = await self.world.store.holds.held(access.subject, installation, time, self.world.today.now())
        if earlier is not None:
            refuse(LaneTaken(earlier.new.id), _REFERENCE)
        if held is None:
            return None
        limit = context.deadline - self.world.real.now()
        patient = await self.booking.persons.link(access.subject, installation, context.request_id, limit)
        if patient is None:
            raise Failed("not-a-customer", facts={"installation": installation})
        command_id = secrets.token_hex(16)
        new = self._new(access, installation, Release(command_id, patient, time, held.token), context)
        accepted = await self.booking.deliveries.journal.accept(new, None)
        if not isinstance(accepted, Row):
            refuse(accepted, _REFERENCE)
        row = await self.booking.deliveries.deliver(accepted, context.deadline)
        self.booking.free_times.forget(installation)
        if row.state is State.REFUSED:
            raise _refusal(row)
        return None if row.state is State.CONFIRMED else Unknown(row.new.id, None, unsettled(row))

    async def _bookable(self, access: Access, request: HoldRequest, context: RequestContext) -> tuple[str, TimeKey]:
        await self._decoded(access, request)
        asked = BookRequest(request.slot_id, request.patient, None, None, None, "", "", (), (), request.raw)
        try:
            return await self.booking.bookable(access, asked, context)
        except Failed as problem:
            problem.expression = (_REFERENCE,)
            raise

    async def _decoded(self, access: Access, request: HoldRequest) -> tuple[str, TimeKey]:
        if access.subject is None or access.resident is None:
            raise Failed("forbidden")
        decoded = self.booking.free_times.decode(request.slot_id)
        if decoded is None:
            raise Failed("unknown-slot", expression=[_REFERENCE])
        return decoded

    def _able(self, installation: str) -> None:
        profile = self.world.adapters[installation].profile
        if Capability.HOLD not in profile.capabilities:
            what = f"hold: {profile.gaps.get(Capability.HOLD, 'this installation keeps no times')}"
            facts = {"what": what, "installation": installation, "capability": Capability.HOLD.value}
            raise Failed("not-supported", what, expression=[_REFERENCE], facts=facts)

    def _key(self, access: Access, request: HoldRequest) -> IdempotencyKey | None:
        if request.key is None:
            return None
        scope = f"{access.client}/{access.resident}/{access.subject}/{ROUTE}"
        return IdempotencyKey(scope, request.key, hashlib.sha256(request.raw).hexdigest())

    async def _held(
        self, access: Access, installation: str, time: TimeKey, request: HoldRequest, *, replayed: bool = False
    ) -> Held | None:
        assert access.subject is not None
        kept = await self.world.store.holds.held(access.subject, installation, time, self.world.today.now())
        if kept is None:
            return None
        slot = self.booking.free_times.known(request.slot_id, installation, time)
        return Held(request.slot_id, dumps(slot), kept.until, replayed=replayed)

    async def _open(self, access: Access, installation: str, time: TimeKey) -> Row | None:
        """What is open of the person and the time: the outcome of a hold, of its return or of a booking with it."""
        assert access.subject is not None
        lane = lane_of_booking(access.subject, installation, time.start)
        return await self.world.store.journal.in_lane(lane)

    async def _command(self, access: Access, installation: str, time: TimeKey, context: RequestContext) -> NewCommand:
        person = await self.booking.persons.whose(access, context)
        return self._new(access, installation, Hold(secrets.token_hex(16), person, time), context)

    def _new(self, access: Access, installation: str, command: Hold | Release, context: RequestContext) -> NewCommand:
        """Of one person and time one command at a time is open: a booking, a hold or a release."""
        assert access.subject is not None
        assert access.resident is not None
        return NewCommand(
            id=command.placer_id,
            installation=installation,
            command=command,
            subject=access.subject,
            target=None,
            lane=lane_of_booking(access.subject, installation, command.time.start),
            deadline=context.deadline,
            request_id=context.request_id,
            client=access.client,
            resident=access.resident,
        )

    async def _tell(
        self, access: Access, request: HoldRequest, row: Row, time: TimeKey, *, replayed: bool = False
    ) -> Held | Unknown:
        if row.state is State.REFUSED:
            raise _refusal(row, replayed=replayed)
        if row.state is not State.CONFIRMED:
            return Unknown(row.new.id, None, unsettled(row), replayed=replayed)
        held = await self._held(access, row.new.installation, time, request, replayed=replayed)
        if held is None:
            raise Failed("hold-expired", expression=[_REFERENCE], replayed=replayed)
        return held


def _refusal(row: Row, *, replayed: bool = False) -> Failed:
    problem = row.problem
    assert problem is not None, "a refusal without a reason"
    wait = 5.0 if problem.code in ("record-system-failed", "expired") else None
    facts = {"installation": row.new.installation, "what": problem.detail}
    where = [_REFERENCE]
    return Failed(problem.code, problem.detail, expression=where, facts=facts, retry_after=wait, replayed=replayed)
