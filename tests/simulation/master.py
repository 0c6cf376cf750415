"""The record system of the simulation: an append-only ledger, and a desk of its own.

Each effect carries the id of the command that caused it, which no code of the hub can see. The master may work on a
request for up to `Faults.service` seconds after the hub stopped listening.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from adapters.base import HeldTime
from adapters.errors import (
    ForeignError,
    HoldExpired,
    NoProposal,
    NotCancellable,
    NotMovable,
    SlotTaken,
    StaleVersion,
    UnknownAppointment,
)
from canonical.commands import Accept, Book, Cancel, Command, Hold, Propose, Release
from canonical.commands import Move as MoveTo
from canonical.fhir import Resource
from canonical.model import Record
from canonical.times import iso
from tests.simulation import holds
from tests.simulation.world import World

LIVE = ("booked", "pending", "proposed")
EPOCH = datetime(2027, 3, 22, 6, tzinfo=UTC)
QUIESCENCE = 30.0


@dataclass(frozen=True, slots=True)
class Faults:
    """The probabilities of one schedule, drawn per seed (a swarm: many schedules have some faults switched off)."""

    refuse: float
    lose_request: float
    lose_reply: float
    slow: float
    pending: float
    crash: float
    stop: float
    silence: float
    desk: float
    service: float = QUIESCENCE - 2.0

    @staticmethod
    def draw(world: World) -> Faults:
        def rate(most: float) -> float:
            return world.rng.random() * most if world.chance(0.6) else 0.0

        return Faults(
            refuse=rate(0.3),
            lose_request=rate(0.3),
            lose_reply=rate(0.5),
            slow=rate(0.6),
            pending=rate(0.4),
            crash=rate(0.5),
            stop=rate(0.4),
            silence=rate(0.6),
            desk=rate(0.5),
        )


@dataclass(slots=True)
class Booking:
    number: str
    tag: str
    placer: str
    patient: str
    slot: int
    status: str
    closed: bool = False
    """Not the resident's to change any more."""
    wished: bool = False
    """Of a proposed one: its time is the resident's wish, and the desk is to answer."""


@dataclass(slots=True)
class Master:
    """One record system with exclusive times. It does not de-duplicate: the same request twice is two requests; but
    while a hold stands, the same request is answered with it.

    ``moves``: it can move an appointment. ``checks``: it refuses a change that names another start than it has.
    ``slots``: how many times there are. ``held_for``: seconds for which it keeps a time.
    """

    world: World
    faults: Faults
    moves: bool
    checks: bool
    slots: int
    held_for: float = holds.HELD_FOR[-1]
    holds: list[holds.Hold] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    effects: list[tuple[str, str]] = field(default_factory=list)
    moved: set[tuple[str, int]] = field(default_factory=set)
    """Which booking was ever moved to which time, by whomever; and those of them by the desk."""
    moved_by_desk: set[tuple[str, int]] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)

    def live(self, slot: int) -> list[Booking]:
        return [b for b in self.bookings if b.slot == slot and b.status in LIVE]

    def kept(self, slot: int) -> list[holds.Hold]:
        return [one for one in self.holds if one.slot == slot and one.stands(self.world.now)]

    def is_taken(self, slot: int) -> bool:
        return bool(self.live(slot) or self.kept(slot))

    def hold(self, command: Hold, tag: str) -> HeldTime | ForeignError:
        assert command.patient is not None
        slot, now = int(command.time.key), self.world.now
        same = next((one for one in self.kept(slot) if one.placer == command.placer_id), None)
        if same is None:
            if self.is_taken(slot):
                return SlotTaken("taken")
            same = holds.Hold(tag, command.placer_id, command.patient.number, slot, now, now + self.held_for)
            self.holds.append(same)
            self.effects.append((tag, same.token))
        self.world.note(f"master holds {slot} for {tag}")
        return HeldTime(same.token, EPOCH + timedelta(seconds=same.until))

    def release(self, command: Release, tag: str) -> None:
        for one in self.holds:
            if one.token == command.hold and one.stands(self.world.now):
                one.until = self.world.now
                self.effects.append((tag, one.token))
        self.world.note(f"master releases {command.time.key} for {tag}")

    def book(self, command: Book, tag: str) -> Record | ForeignError:
        slot = int(command.time.key)
        assert command.patient is not None
        mine = (command.patient.number, command.hold)
        held = next((one for one in self.kept(slot) if (one.patient, one.token) == mine), None)
        if command.hold and held is None:
            return HoldExpired("over")
        if held is not None:
            held.until = self.world.now
        if self.is_taken(slot):
            return SlotTaken("taken")
        status = "pending" if self.world.chance(self.faults.pending) else "booked"
        made = Booking(str(len(self.bookings)), tag, command.placer_id, command.patient.number, slot, status)
        self.bookings.append(made)
        if status == "booked":
            self.effects.append((tag, made.number))
        else:
            self.world.after(self.world.rng.random() * 90, lambda: self.decide(made))
        self.world.note(f"master {status} {made.number} for {tag}")
        return record(made)

    def decide(self, booking: Booking) -> None:
        if booking.status == "pending":
            booking.status = "booked" if self.world.chance(0.5) else "cancelled"
            if booking.status == "booked":
                self.effects.append((booking.tag, booking.number))
            self.world.note(f"desk decides {booking.number} {booking.status}")

    def answer(self, command: Accept | Propose, tag: str) -> Record | ForeignError:
        """What a resident says to a proposal."""
        found = self.numbered(command.local_id)
        if found is None:
            return UnknownAppointment("none")
        if self.checks and start_of(found.slot) != command.believed_start:
            return StaleVersion("moved")
        if found.status != "proposed" or (found.wished and isinstance(command, Accept)):
            return NoProposal("not to be answered")
        if isinstance(command, Propose):
            if self.is_taken(int(command.time.key)):
                return SlotTaken("taken")
            found.slot, found.wished = int(command.time.key), True
            self.world.after(self.world.rng.random() * 90, lambda: self.agree(found))
        else:
            found.status = "booked"
        self.effects.append((tag, found.number))
        self.world.note(f"master takes {command.kind} of {found.number} for {tag}")
        return record(found)

    def agree(self, booking: Booking) -> None:
        """The desk answers a resident's wish."""
        if booking.status == "proposed" and booking.wished:
            booking.status = "booked" if self.world.chance(0.5) else "cancelled"
            self.world.note(f"desk decides {booking.number} {booking.status}")

    def changeable(self, command: Cancel | MoveTo) -> Booking | ForeignError:
        found = self.numbered(command.local_id)
        if found is None:
            return UnknownAppointment("none")
        if found.status == "cancelled" or found.closed:
            return (NotCancellable if isinstance(command, Cancel) else NotMovable)(
                "already, or not the resident's to do"
            )
        return found if not self.checks or start_of(found.slot) == command.believed_start else StaleVersion("moved")

    def cancel(self, command: Cancel, tag: str) -> Record | ForeignError:
        found = self.changeable(command)
        if isinstance(found, ForeignError):
            return found
        found.status = "cancelled"
        self.effects.append((tag, found.number))
        self.world.note(f"master cancels {found.number} for {tag}")
        return record(found)

    def move(self, command: MoveTo, tag: str) -> Record | ForeignError:
        assert self.moves, "it was sent what it cannot do"
        found = self.changeable(command)
        if isinstance(found, ForeignError):
            return found
        slot = int(command.time.key)
        if self.is_taken(slot):
            return SlotTaken("taken")
        found.slot = slot
        self.moved.add((found.number, slot))
        self.effects.append((tag, found.number))
        self.world.note(f"master moves {found.number} for {tag}")
        return record(found)

    def numbered(self, number: str) -> Booking | None:
        return next((b for b in self.bookings if b.number == number), None)

    def handle(self, command: Command, tag: str) -> Record | HeldTime | ForeignError | None:
        match command:
            case Hold():
                return self.hold(command, tag)
            case Release():
                return self.release(command, tag)
            case Accept() | Propose():
                answer = self.answer(command, tag)
            case Book():
                answer = self.book(command, tag)
            case MoveTo():
                answer = self.move(command, tag)
            case _:
                assert isinstance(command, Cancel)
                answer = self.cancel(command, tag)
        return copy.deepcopy(answer) if isinstance(answer, Record) else answer

    def look(self, command: Command) -> Record | None:
        if isinstance(command, Hold | Release):
            return None
        if isinstance(command, Cancel | MoveTo | Accept | Propose):
            found = self.numbered(command.local_id)
        else:
            found = next((b for b in reversed(self.bookings) if b.placer == command.placer_id), None)
        return record(found) if found else None

    def desk(self) -> None:
        """The clinic's own people book and cancel, straight in the master."""
        slot = self.world.rng.randrange(self.slots)
        held = self.live(slot)
        if self.kept(slot):
            return
        if held and held[0].status == "booked" and self.world.chance(0.5):
            held[0].status = "cancelled"
            self.world.note(f"desk cancels {held[0].number}")
        elif not held:
            self.bookings.append(Booking(str(len(self.bookings)), "desk", "desk", "other", slot, "booked"))
            self.world.note(f"desk books {slot}")

    def meddle(self, patient: str) -> None:
        """The clinic's own people change one of a person's bookings while the hub is at work on them."""
        booked = [b for b in self.bookings if b.status in ("booked", "proposed") and b.patient == patient]
        if not booked:
            return
        one, slot = self.world.rng.choice(booked), self.world.rng.randrange(self.slots)
        if self.world.chance(0.5):
            one.closed = True
            self.world.note(f"desk closes {one.number}")
        elif not self.is_taken(slot):
            one.slot, one.wished = slot, False
            self.moved.add((one.number, slot))
            self.moved_by_desk.add((one.number, slot))
            self.touched.add(one.number)
            self.world.note(f"desk moves {one.number}")


def start_of(slot: int) -> datetime:
    return EPOCH + timedelta(minutes=30 * slot)


def record(booking: Booking) -> Record:
    start = start_of(booking.slot)
    resource: Resource = {"resourceType": "Appointment", "status": booking.status, "start": iso(start)}
    if booking.status == "proposed":
        said = "accepted" if booking.wished else "needs-action"
        patient = {"actor": {"reference": f"Patient/{booking.patient}"}, "status": said}
        resource |= {"status": "pending", "participant": [patient]}
    return Record("Appointment", booking.number, resource, patient=booking.patient)
