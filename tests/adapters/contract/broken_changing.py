"""Adapters that move, hold or answer proposals wrongly, and the tests of the exam that must notice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from adapters.base import Capability, Done, HeldTime, Profile
from adapters.call import Call
from adapters.contract import Fault, Operation
from adapters.errors import NotCancellable, NotMovable, OutcomeUnknown, Refused
from adapters.memory import Belief, MemoryAdapter, Request
from canonical.commands import Accept, Book, Cancel, Command, Hold, Move, Propose, Release
from canonical.model import LocalPatient, Record
from tests.adapters.contract.broken import EXACTLY, Broken, caught, under


class BooksAndCancels(MemoryAdapter):
    """Says that it moves at once, and makes two bookings of it for a while."""

    forgets = False

    async def perform(self, call: Call, command: Command) -> Done:
        if not isinstance(command, Move):
            return await super().perform(call, command)
        await super().perform(call, Book(command.placer_id, command.person, command.time, command.patient))
        start, version = command.believed_start, command.believed_version
        if not self.forgets:
            await super().perform(call, Cancel(uuid4().hex, command.patient, command.local_id, start, version))
        found = await self.look(call, Book(command.placer_id, command.person, command.time, command.patient))
        return Done(found, "done")


class ForgetsTheOldTime(BooksAndCancels):
    forgets = True


class CancelsFirst(MemoryAdapter):
    """Gives the old time up before it has the new one."""

    async def perform(self, call: Call, command: Command) -> Done:
        if not isinstance(command, Move):
            return await super().perform(call, command)
        start, version = command.believed_start, command.believed_version
        await super().perform(call, Cancel(uuid4().hex, command.patient, command.local_id, start, version))
        return await super().perform(call, Book(command.placer_id, command.person, command.time, command.patient))


class MovesWhatever(MemoryAdapter):
    """Moves what there is now, whoever's it is."""

    async def perform(self, call: Call, command: Command) -> Done:
        if isinstance(command, Move) and (held := self.master.appointment(command.local_id)):
            patient = LocalPatient(held.patient, "")
            command = replace(command, patient=patient, believed_start=held.start, believed_version=None)
        return await super().perform(call, command)


class SaysItMoved(MemoryAdapter):
    """Shows the old record at the new time."""

    async def perform(self, call: Call, command: Command) -> Done:
        if not isinstance(command, Move):
            return await super().perform(call, command)
        found = await self.appointment(call, command.local_id)
        assert found is not None
        resource = found.resource | {"start": command.time.start.isoformat(), "end": command.time.end.isoformat()}
        return Done(replace(found, resource=resource), "done")


class WrongWords(MemoryAdapter):
    """Speaks of cancelling when it moves; of nothing in particular when it is about a hold, a time or a proposal."""

    async def perform(self, call: Call, command: Command) -> Done:
        try:
            return await super().perform(call, command)
        except NotMovable as err:
            raise NotCancellable(err.detail) from err
        except Refused as err:
            raise Refused(err.detail) from err


class MovesItsOwn(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        if isinstance(command, Move) and (held := self.master.appointment(command.local_id)) and not held.placer_id:
            raise Refused("not ours")
        return await super().perform(call, command)


class MovesOnce(MemoryAdapter):
    """Takes a version for the mark of its own move."""

    async def perform(self, call: Call, command: Command) -> Done:
        if isinstance(command, Move) and command.believed_version not in (None, "1"):
            raise Refused("moved already")
        return await super().perform(call, command)


class LooksForTheNewTime(MemoryAdapter):
    """Says nothing of an appointment that is still where it was."""

    async def look(self, call: Call, command: Command) -> Record | None:
        found = await super().look(call, command)
        if isinstance(command, Move | Accept) and found is not None and found.version == command.believed_version:
            return None
        return found


class DropsItsReasons(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        done = await super().perform(call, replace(command, comment="") if isinstance(command, Propose) else command)
        return replace(done, notes=()) if isinstance(command, Move) else done


class RetriesMoves(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        try:
            return await super().perform(call, command)
        except OutcomeUnknown:
            if isinstance(command, Move | Accept | Hold | Release):
                return await super().perform(call, command)
            raise


class HoldsNothing(MemoryAdapter):
    """Makes up a token of its own."""

    async def perform(self, call: Call, command: Command) -> Done:
        if isinstance(command, Hold):
            return Done(None, "done", hold=HeldTime("mine", command.time.start))
        return await super().perform(call, command)


class HoldsByBooking(MemoryAdapter):
    """Keeps a time by booking it, for ever."""

    async def perform(self, call: Call, command: Command) -> Done:
        if not isinstance(command, Hold):
            return await super().perform(call, command)
        done = await super().perform(call, command)
        assert command.patient is not None
        assert done.hold is not None
        self.master.release(command.patient.number, done.hold.token)
        self.master.book(Request(command.patient.number, command.time.key, command.time.start))
        return done


class ForgetsTheToken(MemoryAdapter):
    """Books what is held with whatever token it can find."""

    async def perform(self, call: Call, command: Command) -> Done:
        if isinstance(command, Book) and command.hold:
            self.master.expire()
            command = replace(command, hold="")
        return await super().perform(call, command)


class KnowsNoHoldAgain(MemoryAdapter):
    """Sends each hold under a name of its own."""

    async def perform(self, call: Call, command: Command) -> Done:
        if isinstance(command, Hold):
            command = replace(command, placer_id=uuid4().hex)
        return await super().perform(call, command)


class ReleasesOnce(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        if isinstance(command, Release) and self.master.free_time(command.time.key, command.time.start):
            raise Refused("not held")
        return await super().perform(call, command)


class MistakesTheZone(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        done = await super().perform(call, command)
        return replace(done, hold=replace(done.hold, until=done.hold.until + timedelta(hours=2))) if done.hold else done


class ShowsHolds(MemoryAdapter):
    async def look(self, call: Call, command: Command) -> Record | None:
        if isinstance(command, Hold) and command.patient is not None:
            return next(iter(await self.appointments(call, command.patient)), None) or Record("Slot", "1", {})
        return await super().look(call, command)


class TakesProposalsForBookings(MemoryAdapter):
    """Does not say who has to answer."""

    async def appointment(self, call: Call, local_id: str) -> Record | None:
        found = await super().appointment(call, local_id)
        if found is None or found.resource["status"] != "pending":
            return found
        first, *rest = found.resource["participant"]
        return replace(found, resource=found.resource | {"participant": [first | {"status": "accepted"}, *rest]})


class AnswersAnything(MemoryAdapter):
    """Says done to whatever it is asked to answer, and answers for anybody and whatever there is now."""

    async def perform(self, call: Call, command: Command) -> Done:
        if isinstance(command, Accept | Propose) and (held := self.master.appointment(command.local_id)):
            patient = LocalPatient(held.patient, "")
            command = replace(command, patient=patient, believed_start=held.start, believed_version=None)
        try:
            return await super().perform(call, command)
        except Refused:
            if isinstance(command, Accept | Propose):
                return Done(await self.appointment(call, command.local_id), "done")
            raise


class AcceptsWhenAskedForMore(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        if isinstance(command, Propose):
            known = (command.patient, command.local_id, command.believed_start, command.believed_version)
            command = Accept(command.placer_id, *known)
        return await super().perform(call, command)


class NeverDeclines(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        held = self.master.appointment(command.local_id) if isinstance(command, Cancel) else None
        if held is not None and held.status == "proposed":
            self.master.accept(held.id, Belief())
        return await super().perform(call, command)


class AsksFirst(MemoryAdapter):
    """Leaves it to the record system to say what it cannot do."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.profile = _without(self.profile, Capability.MOVE, Capability.HOLD)

    def _check(self, command: Command) -> None:
        return

    async def perform(self, call: Call, command: Command) -> Done:
        await self.probe(call)
        self.profile.demand(command)
        return await super().perform(call, command)


def _without(profile: Profile, *missing: Capability) -> Profile:
    gaps = dict.fromkeys(missing, "not in this release")
    return replace(profile, capabilities=profile.capabilities - gaps.keys(), gaps={**profile.gaps, **gaps})


CHANGING = [
    Broken(
        BooksAndCancels,
        caught("nobody_sees_it_at_both_times_or_at_none", says="at both times, or at none"),
    ),
    Broken(
        ForgetsTheOldTime,
        caught("move_takes_the_new_time_and_gives_the_old_one_back", says="2 bookings of one"),
        caught("of_two_who_move_to_one_time_one_keeps_the_old_one", says="2 bookings of one"),
        caught("appointment_is_moved_there_and_back", says="2 bookings of one"),
        under(Fault.DUPLICATE, Operation.MOVE),
    ),
    Broken(
        CancelsFirst,
        caught("move_to_a_taken_time_changes_nothing", says="0 bookings of one"),
        caught("move_to_a_time_that_does_not_exist_changes_nothing", says="0 bookings of one"),
        caught("of_two_who_move_to_one_time_one_keeps_the_old_one", says="0 bookings of one"),
        caught("nobody_sees_it_at_both_times_or_at_none", says="at both times, or at none"),
    ),
    Broken(
        MovesWhatever,
        caught("move_of_what_the_desk_moved_is_stale_exactly_when_the_profile_says_so"),
        caught("appointment_of_somebody_else_is_not_moved"),
    ),
    Broken(SaysItMoved, caught("move_takes_the_new_time_and_gives_the_old_one_back", says="nothing was done")),
    Broken(
        WrongWords,
        caught("cancelled_appointment_is_not_movable"),
        caught("unknown_appointment_is_not_moved"),
        caught("move_to_a_taken_time_changes_nothing"),
        caught("released_time_is_free_again"),
        caught("hold_ends_by_itself"),
        caught("time_that_is_not_free_is_not_held"),
        caught("taken_time_is_not_asked_for"),
        caught("only_an_open_proposal_is_answered"),
        caught("stale_answer_is_refused_exactly_when_the_profile_says_so"),
    ),
    Broken(MovesItsOwn, caught("booking_of_the_desk_can_be_moved")),
    Broken(MovesOnce, caught("appointment_is_moved_there_and_back")),
    Broken(
        LooksForTheNewTime,
        caught("move_takes_the_new_time_and_gives_the_old_one_back", says="as it is now"),
        caught("proposal_waits_for_the_resident_who_accepts_it", says="as it is now"),
        under(Fault.DROP_REQUEST, Operation.MOVE, says="did not find the appointment"),
        under(Fault.HALF_OPEN, Operation.ANSWER, says="did not find the appointment"),
    ),
    Broken(
        DropsItsReasons,
        caught("reason_of_a_move_arrives_or_is_said_lost", says="dropped in silence"),
        caught("comment_of_an_own_proposal_arrives_or_is_said_lost", says="dropped in silence"),
    ),
    Broken(
        RetriesMoves,
        under(Fault.DROP_REQUEST, Operation.MOVE, says="sent again"),
        under(Fault.DROP_ANSWER, Operation.ANSWER, says="sent again"),
        under(Fault.DROP_REQUEST, Operation.HOLD, says="sent again"),
        under(Fault.DROP_ANSWER, Operation.RELEASE, says="sent again"),
    ),
    Broken(
        HoldsNothing,
        caught("held_time_is_kept_for_the_person_who_then_books_it", says="nothing was done"),
        caught("of_five_who_race_to_hold_a_time_one_gets_it", says="5 hold one time"),
        caught(EXACTLY, says="nothing was done", capability=Capability.HOLD),
    ),
    Broken(
        HoldsByBooking,
        caught("hold_ends_by_itself", says="held for ever"),
        caught("held_time_is_kept_for_the_person_who_then_books_it"),
    ),
    Broken(
        ForgetsTheToken,
        caught("hold_is_of_no_use_to_anybody_else"),
        caught("released_time_is_free_again"),
    ),
    Broken(KnowsNoHoldAgain, caught("hold_that_is_sent_again_keeps_the_time_once")),
    Broken(ReleasesOnce, caught("released_time_is_free_again"), caught("hold_ends_by_itself")),
    Broken(MistakesTheZone, caught("held_time_is_kept_for_the_person_who_then_books_it", says="a hold that ends")),
    Broken(ShowsHolds, caught("held_time_is_kept_for_the_person_who_then_books_it", says="found a hold")),
    Broken(TakesProposalsForBookings, caught("proposal_waits_for_the_resident_who_accepts_it", says="needs-action")),
    Broken(
        AnswersAnything,
        caught("only_an_open_proposal_is_answered"),
        caught("taken_time_is_not_asked_for"),
        caught("proposal_to_somebody_else_is_not_accepted", says="was accepted"),
        caught("stale_answer_is_refused_exactly_when_the_profile_says_so"),
    ),
    Broken(AcceptsWhenAskedForMore, caught("another_time_is_asked_for_and_the_desk_decides", says="nothing was done")),
    Broken(NeverDeclines, caught("proposal_can_be_declined")),
    Broken(
        AsksFirst,
        caught(EXACTLY, says="something was sent", capability=Capability.MOVE),
        caught(EXACTLY, says="something was sent", capability=Capability.HOLD),
    ),
]
