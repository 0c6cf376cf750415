"""Another time for an appointment, and the answers to a proposal of the unit's: accept it, or ask for another time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from adapters.base import Capability
from canonical.commands import Accept, Command, Move, Propose
from canonical.fhir import Resource
from canonical.fhir import codes as codes_of
from canonical.model import LocalPatient, Person, TimeKey
from canonical.times import instant, to_local
from hub.access import Access
from hub.journal.ports import Row
from hub.journal.states import State
from hub.store.projection import Stored
from hub.usecases.changing import Changing, Make
from hub.usecases.ports import AcceptRequest, Answer, Failed, Kept, Link, MoveRequest, RequestContext, awaits_answer

SLOT: Final = "Appointment.slot[0]"
_TAKEN: Final = ("slot-taken", "no-such-time")


@dataclass(slots=True)
class Moving:
    """The use cases."""

    changing: Changing

    async def move(self, access: Access, request: MoveRequest, context: RequestContext) -> Answer:
        """Move it to the request's time, or where it is a proposal that waits for the resident, ask for that time.
        Raises `Failed` when nothing was done."""
        changing = self.changing
        if earlier := await changing.earlier(access, request):
            return earlier if isinstance(earlier, Kept) else await self._tell(access, earlier, context, replayed=True)
        async with changing.alone(request.appointment_id):
            stored, seen = await changing.proven(access, request, context)
            time = self._time(request, stored, seen)
            is_proposal = awaits_answer(seen)
            self._able(stored, Capability.ANSWER_PROPOSALS if is_proposal else Capability.MOVE)
            if not is_proposal:
                self._movable(seen)
            await self._of_this_service(request.slot_id, stored, seen, time, context)
            await changing.free_times.permit(access, request.slot_id, stored.installation, time, context)
            person = await changing.persons.whose(access, context)
            make = _propose(request, stored, seen, time) if is_proposal else _move(request, stored, seen, time, person)
            row = await changing.carry(access, request, stored, context, make)
        return await self._tell(access, row, context)

    async def accept(self, access: Access, request: AcceptRequest, context: RequestContext) -> Answer:
        """Accept what the unit proposes. Raises `Failed` when nothing was done."""
        changing = self.changing
        if earlier := await changing.earlier(access, request):
            return earlier if isinstance(earlier, Kept) else await changing.tell(access, earlier, replayed=True)
        async with changing.alone(request.appointment_id):
            stored, seen = await changing.proven(access, request, context)
            if not awaits_answer(seen):
                raise Failed("no-proposal", expression=["Appointment.participant"])
            self._able(stored, Capability.ANSWER_PROPOSALS)
            start, version = instant(seen["start"]), stored.master_version

            def make(command_id: str, patient: LocalPatient, local_id: str) -> Command:
                return Accept(command_id, patient, local_id, start, version)

            row = await changing.carry(access, request, stored, context, make)
        return await changing.tell(access, row)

    def _able(self, stored: Stored, wanted: Capability) -> None:
        """Raises `Failed` where the installation cannot. A move may be made of a booking and a cancellation."""
        profile = self.changing.world.adapters[stored.installation].profile
        parts = (Capability.BOOK, Capability.CANCEL) if wanted is Capability.MOVE else ()
        able = wanted in profile.capabilities or (parts and profile.capabilities.issuperset(parts))
        if not able:
            what = f"{wanted.value}: {profile.gaps.get(wanted, 'not here')}"
            facts = {"installation": stored.installation, "what": what}
            raise Failed("not-supported", what, expression=["Appointment"], facts=facts)

    def _movable(self, seen: Resource) -> None:
        if seen.get("status") != "booked" or instant(seen["start"]) <= self.changing.world.today.now():
            raise Failed("not-movable", "it is not booked, or has begun", expression=["Appointment.status"])

    def _time(self, request: MoveRequest, stored: Stored, seen: Resource) -> TimeKey:
        """The time that is asked for, as far as the hub can judge it."""
        decoded = self.changing.free_times.decode(request.slot_id)
        if decoded is None:
            raise Failed("unknown-slot", expression=[SLOT])
        installation, time = decoded
        if installation != stored.installation:
            why = "the time is another record system's: cancel this appointment and book that time"
            raise Failed("not-movable", why, expression=[SLOT], facts={"installation": installation})
        before = {name: _instant(seen, name) for name in ("start", "end")}
        if request.start not in (None, time.start, before["start"]):
            raise Failed("slot-mismatch", expression=["Appointment.start"])
        if request.end not in (None, time.end, before["end"]):
            raise Failed("slot-mismatch", expression=["Appointment.end"])
        minutes = (seen.get("minutesDuration"), (time.end - time.start).total_seconds() / 60)
        if request.minutes is not None and request.minutes not in minutes:
            raise Failed("slot-mismatch", expression=["Appointment.minutesDuration"])
        if time.start == before["start"]:
            raise Failed("not-movable", "it begins at that time already", expression=[SLOT])
        if time.start <= self.changing.world.today.now():
            raise Failed("slot-past", expression=[SLOT])
        limit = self.changing.world.adapters[installation].profile.text_limit
        if len(request.comment.encode()) > limit:
            facts = {"limit": str(limit), "installation": installation}
            raise Failed("text-too-long", expression=["Appointment.comment"], facts=facts)
        return time

    async def _of_this_service(
        self, slot_id: str, stored: Stored, seen: Resource, time: TimeKey, context: RequestContext
    ) -> None:
        """Raises `Failed` for a time of another service; what cannot be compared the record system judges."""
        free_times = self.changing.free_times
        offered = free_times.offered(slot_id)
        if offered is None:
            await free_times.read(slot_id, context)
            offered = free_times.offered(slot_id)
        view = free_times.directory.view(stored.installation)
        if offered is None or view is None:
            return
        service, slot = offered
        named = _services(seen)
        hub_id = view.ids.get(("HealthcareService", service))
        if named and hub_id is not None:
            same = hub_id in named
        else:
            mine, its = set(codes_of(seen.get("serviceType", ()))), set(codes_of(slot.get("serviceType", ())))
            same = not mine or not its or bool(mine & its)
        if not same:
            raise Failed("not-movable", "the time is of another service", expression=[SLOT])

    async def _tell(self, access: Access, row: Row, context: RequestContext, *, replayed: bool = False) -> Answer:
        """`Changing.tell`, with other times where the one that was asked for is taken."""
        command, problem = row.new.command, row.problem
        is_taken = row.state is State.REFUSED and problem is not None and problem.code in _TAKEN
        if not is_taken or not isinstance(command, Move | Propose):
            return await self.changing.tell(access, row, replayed=replayed)
        assert problem is not None
        installation = row.new.installation
        others = await self.changing.free_times.alternatives(installation, command.time, context.request_id)
        links = [Link(f"Slot/{free.id}", to_local(free.start).strftime("%d.%m.%Y %H:%M")) for free in others]
        facts = {"installation": installation}
        raise Failed(
            problem.code, problem.detail, expression=[SLOT], facts=facts, alternatives=links, replayed=replayed
        )


def _move(request: MoveRequest, stored: Stored, seen: Resource, time: TimeKey, person: Person) -> Make:
    start, version = instant(seen["start"]), stored.master_version
    comment = str(seen.get("comment", ""))
    visit = "\n".join(one["text"] for one in seen.get("reasonCode", ()) if "text" in one)

    def make(command_id: str, patient: LocalPatient, local_id: str) -> Command:
        return Move(
            command_id, person, patient, local_id, start, time, version, request.comment, comment=comment, visit=visit
        )

    return make


def _propose(request: MoveRequest, stored: Stored, seen: Resource, time: TimeKey) -> Make:
    start, version = instant(seen["start"]), stored.master_version

    def make(command_id: str, patient: LocalPatient, local_id: str) -> Command:
        return Propose(command_id, patient, local_id, start, time, version, request.comment)

    return make


def _instant(resource: Resource, name: str) -> datetime | None:
    return instant(resource[name]) if name in resource else None


def _services(resource: Resource) -> set[str]:
    """The hub ids of the services that take part."""
    actors: Iterable[dict[str, Any]] = (one.get("actor", {}) for one in resource.get("participant", ()))
    pairs = (one.get("reference", "").partition("/") for one in actors)
    return {identity for kind, _, identity in pairs if kind == "HealthcareService"}
