"""The record system of the simulation and the hub processes around the real journal.

The master keeps an append-only ledger; each effect carries the id of the command that caused it, which no code of the
hub can see. It may work on a request for up to `Faults.service` seconds after the hub stopped listening.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from adapters.base import Done
from adapters.errors import ForeignError, NotCancellable, OutcomeUnknown, SlotTaken, Unavailable, UnknownAppointment
from canonical.commands import Book, Cancel, Command
from canonical.model import LocalPatient, Person, Record, TimeKey
from canonical.times import iso
from hub.journal.delivery import Journal
from hub.journal.ports import (
    DuplicateTime,
    IdempotencyKey,
    KeyKnown,
    LaneTaken,
    Lease,
    Move,
    NewCommand,
    Ports,
    Row,
    Terms,
)
from hub.journal.rules import Patience, Rules
from hub.journal.states import FINAL, State
from hub.journal.words import Word, word
from tests.hub.journal.memory_store import MemoryJournal
from tests.simulation.world import Event, Process, World

EPOCH = datetime(2027, 3, 22, 6, tzinfo=UTC)
QUIESCENCE = 30.0
LIMIT = 12.0
DEADLINE = 10.0


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


@dataclass(slots=True)
class Master:
    """One record system with exclusive times. It does not de-duplicate: the same request twice is two requests."""

    world: World
    faults: Faults
    bookings: list[Booking] = field(default_factory=list)
    effects: list[tuple[str, str]] = field(default_factory=list)

    def live(self, slot: int) -> list[Booking]:
        return [b for b in self.bookings if b.slot == slot and b.status in ("booked", "pending")]

    def book(self, command: Book, tag: str) -> Record | ForeignError:
        slot = int(command.time.key)
        if self.live(slot):
            return SlotTaken("taken")
        assert command.patient is not None
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

    def cancel(self, command: Cancel, tag: str) -> Record | ForeignError:
        found = next((b for b in self.bookings if b.number == command.local_id), None)
        if found is None:
            return UnknownAppointment("none")
        if found.status == "cancelled":
            return NotCancellable("already")
        found.status = "cancelled"
        self.effects.append((tag, found.number))
        self.world.note(f"master cancels {found.number} for {tag}")
        return record(found)

    def handle(self, command: Command, tag: str) -> Record | ForeignError:
        assert isinstance(command, Book | Cancel)
        answer = self.book(command, tag) if isinstance(command, Book) else self.cancel(command, tag)
        return copy.deepcopy(answer) if isinstance(answer, Record) else answer

    def look(self, command: Command) -> Record | None:
        if isinstance(command, Cancel):
            found = next((b for b in self.bookings if b.number == command.local_id), None)
        else:
            found = next((b for b in reversed(self.bookings) if b.placer == command.placer_id), None)
        return record(found) if found else None

    def desk(self, slots: int) -> None:
        """The clinic's own people book and cancel, straight in the master."""
        slot = self.world.rng.randrange(slots)
        held = self.live(slot)
        if held and held[0].status == "booked" and self.world.chance(0.5):
            held[0].status = "cancelled"
            self.world.note(f"desk cancels {held[0].number}")
        elif not held:
            self.bookings.append(Booking(str(len(self.bookings)), "desk", "desk", "other", slot, "booked"))
            self.world.note(f"desk books {slot}")


def record(booking: Booking) -> Record:
    start = EPOCH + timedelta(minutes=30 * booking.slot)
    resource = {"resourceType": "Appointment", "status": booking.status, "start": iso(start)}
    return Record("Appointment", booking.number, resource, patient=booking.patient)


class SimClock:
    def __init__(self, world: World) -> None:
        self.world = world

    def now(self) -> float:
        return self.world.now

    async def sleep(self, seconds: float) -> None:
        await self.world.sleep(seconds)


class SimStore:
    """The journal's real contract on a durable memory: each call takes time before and after its commit, so that a
    process can die on either side of it."""

    def __init__(self, world: World, disk: MemoryJournal) -> None:
        self.world, self.disk = world, disk

    async def _around(self, transaction: Callable[[], Any]) -> Any:
        await self.world.sleep(self.world.rng.random() * 0.01)
        result = await transaction()
        await self.world.sleep(self.world.rng.random() * 0.01)
        return result

    async def accept(
        self,
        new: NewCommand,
        lease: Lease,
        at: float,
        key: IdempotencyKey | None = None,
        sending: Move | None = None,
    ) -> Row | LaneTaken | DuplicateTime | KeyKnown:
        answer: Row | LaneTaken | DuplicateTime | KeyKnown
        answer = await self._around(lambda: self.disk.accept(new, lease, at, key, sending))
        return answer

    async def claim(self, command_id: str, lease: Lease, now: float) -> Row | None:
        row: Row | None = await self._around(lambda: self.disk.claim(command_id, lease, now))
        return row

    async def move(self, command_id: str, fence: int, move: Move) -> Row | None:
        row: Row | None = await self._around(lambda: self.disk.move(command_id, fence, move))
        if row is not None:
            self.world.note(f"{command_id} -> {move.to}")
        return row

    async def get(self, command_id: str) -> Row | None:
        return await self.disk.get(command_id)

    async def due(self, now: float, limit: int) -> list[str]:
        return await self.disk.due(now, limit)


class SimNet:
    """The wire: it refuses, loses, delays; what was sent arrives even if the sender died meanwhile."""

    def __init__(self, world: World, master: Master, faults: Faults) -> None:
        self.world, self.master, self.faults = world, master, faults

    def terms(self, installation: str) -> Terms:
        return Terms(quiescence=QUIESCENCE, limit=LIMIT)

    def prepared(self, new: NewCommand) -> Command | None:
        return new.command if self.world.chance(0.5) else None

    async def prepare(self, row: Row) -> Command:
        await self.world.sleep(self.world.rng.random() * 0.2)
        if self.world.chance(self.faults.refuse / 4):
            raise Unavailable("could not ask who the person is")
        return row.new.command

    async def perform(self, row: Row, command: Command) -> Done:
        return await self.send(row, command)

    async def send(self, row: Row, command: Command) -> Done:
        world, faults = self.world, self.faults
        if world.chance(faults.refuse):
            raise Unavailable("connection refused")
        replied = Event()
        if not world.chance(faults.lose_request):
            travel = world.rng.random() * 0.2
            work = world.rng.random() * (faults.service if world.chance(faults.slow) else 0.5)
            lost = world.chance(faults.lose_reply)
            tag = row.new.id

            def arrive() -> None:
                answer = self.master.handle(command, tag)
                if not lost:
                    world.after(world.rng.random() * 0.2, lambda: world.happen(replied, answer))

            world.after(travel + work, arrive)
        if not await world.wait(replied, LIMIT):
            raise OutcomeUnknown("no answer")
        if isinstance(replied.value, ForeignError):
            raise replied.value
        return Done(replied.value, "AA")

    async def look(self, row: Row) -> Record | None:
        await self.world.sleep(self.world.rng.random() * 0.3)
        if self.world.chance(self.faults.silence):
            raise Unavailable("silent")
        return self.master.look(row.new.command)


PERSON = Person("010594Y9021", "Testinen", ("Aino",), date(1994, 5, 1), "fi", "638")


@dataclass(slots=True)
class Said:
    """What a portal was told of a command, in order."""

    command_id: str
    words: list[Word] = field(default_factory=list)


class Hub:
    """Hub processes over one disk. Each runs portals' requests and a sweeper, on the real journal."""

    def __init__(self, world: World, master: Master, faults: Faults, plant: Plant) -> None:
        self.world, self.master, self.faults, self.plant = world, master, faults, plant
        self.disk = plant.disk()
        self.said: dict[str, Said] = {}
        self.processes = [self.start(f"hub-{i}") for i in range(2)]

    def start(self, name: str) -> Process:
        process = Process(self.world, name)
        ports = Ports(
            SimClock(self.world),
            self.world.rng,
            self.plant.store(self.world, self.disk),
            self.plant.net(self.world, self.master, self.faults),
            owner=f"{name}@{self.world.now}",
        )
        patience = Patience(first_look=1.0, longest_wait=20.0, give_up=1800.0)
        journal = Journal(ports, self.plant.rules, patience)
        process.spawn(self.sweep(process, journal))
        process.journal = journal  # type: ignore[attr-defined]
        return process

    async def sweep(self, process: Process, journal: Journal) -> None:
        while True:
            await self.world.sleep(0.5 + self.world.rng.random())
            for command_id in await journal.ports.store.due(self.world.now, 20):
                process.spawn(self.settle(journal, command_id))

    async def settle(self, journal: Journal, command_id: str) -> None:
        await journal.settle(command_id)

    async def request(self, process: Process, new: NewCommand) -> None:
        """What the API does: accept, deliver, wait until the deadline, tell the truth."""
        journal: Journal = process.journal  # type: ignore[attr-defined]
        accepted = await journal.accept(new, None)
        if not isinstance(accepted, Row):
            return
        ended = Event()
        self.said[new.id] = Said(new.id)

        async def deliver() -> None:
            row = await journal.deliver(accepted)
            self.world.happen(ended, row)

        process.spawn(deliver())
        await self.world.wait(ended, DEADLINE)
        row = await journal.ports.store.get(new.id)
        assert row is not None, "what was accepted is gone"
        self.tell(row)

    def tell(self, row: Row) -> None:
        self.said[row.new.id].words.append(word(row))
        self.world.note(f"told {row.new.id} {word(row)}")

    def poll(self) -> None:
        """Portals read their receipts."""
        for said in self.said.values():
            row = self.disk.rows.get(said.command_id)
            if row is not None:
                self.tell(row)

    def ended(self) -> bool:
        """Whether every command has its final word, or a person who is called."""
        return all(row.state in FINAL or row.state is State.NEEDS_PERSON for row in self.disk.rows.values())

    def crash(self, index: int) -> None:
        self.world.note(f"kill -9 {self.processes[index].name}")
        self.processes[index].kill()
        self.processes[index] = self.start(f"hub-{index}")

    def stop(self, index: int, seconds: float) -> None:
        self.world.note(f"SIGSTOP {self.processes[index].name} {seconds:.0f} s")
        self.processes[index].asleep_until = self.world.now + seconds


@dataclass(frozen=True, slots=True)
class Plant:
    """The parts a planted bug may replace; the defaults are the real ones."""

    rules: Rules = field(default_factory=Rules)
    net: Callable[[World, Master, Faults], SimNet] = SimNet
    store: Callable[[World, MemoryJournal], SimStore] = SimStore
    disk: Callable[[], MemoryJournal] = MemoryJournal


def booking(number: int, slot: int, patient: str, now: float) -> NewCommand:
    start = EPOCH + timedelta(minutes=30 * slot)
    time = TimeKey(str(slot), start, start + timedelta(minutes=30))
    command = Book(f"c{number}", PERSON, time, patient=LocalPatient(patient, PERSON.hetu))
    return NewCommand(
        id=f"c{number}",
        installation="sim",
        command=command,
        subject=patient,
        target=f"a{number}",
        lane=f"book:{patient}:{slot}",
        deadline=now + DEADLINE,
        request_id=f"r{number}",
        client="portal",
        resident=patient,
    )


def cancelling(number: int, of: Booking, now: float) -> NewCommand:
    start = EPOCH + timedelta(minutes=30 * of.slot)
    command = Cancel(f"c{number}", LocalPatient(of.patient, PERSON.hetu), of.number, start)
    return NewCommand(
        id=f"c{number}",
        installation="sim",
        command=command,
        subject=of.patient,
        target=f"b{of.number}",
        lane=f"appointment:{of.number}",
        deadline=now + DEADLINE,
        request_id=f"r{number}",
        client="portal",
        resident=of.patient,
    )


@dataclass(slots=True)
class Outcome:
    """One schedule, played to quiescence: what went wrong, and the trace that replays it."""

    violations: list[str]
    trace: list[str]
    commands: int


def play(seed: int, plant: Plant | None = None) -> Outcome:
    """One schedule: 120 s of trouble, then calm until everything must have ended."""
    world = World(seed)
    faults = Faults.draw(world)
    master = Master(world, faults)
    hub = Hub(world, master, faults, plant or Plant())
    slots, count = world.rng.randint(2, 6), world.rng.randint(2, 8)

    def ask(number: int) -> None:
        process = hub.processes[world.rng.randrange(2)]
        patient = f"p{world.rng.randrange(3)}"
        mine = [b for b in master.bookings if b.patient == patient and b.status == "booked"]
        if mine and world.chance(0.4):
            new = cancelling(number, world.rng.choice(mine), world.now)
        else:
            new = booking(number, world.rng.randrange(slots), patient, world.now)
        process.spawn(hub.request(process, new))

    begin = world.now
    for number in range(count):
        world.after(world.rng.random() * 60, lambda number=number: ask(number))  # type: ignore[misc]
    for _ in range(4):
        moment, index = world.rng.random() * 110, world.rng.randrange(2)
        if world.chance(faults.crash):
            world.after(moment, lambda index=index: hub.crash(index))  # type: ignore[misc]
        if world.chance(faults.stop):
            nap = world.rng.random() * 150
            world.after(moment, lambda index=index, nap=nap: hub.stop(index, nap))  # type: ignore[misc]
        if world.chance(faults.desk):
            world.after(moment, lambda: master.desk(slots))
    for moment in (30, 75, 110, 140):
        world.after(moment, hub.poll)
    world.run(begin + 120)
    calm = Faults(0, 0, 0, 0, 0, 0, 0, 0, 0)
    master.faults = calm
    for process in hub.processes:
        process.journal.ports.net.faults = calm  # type: ignore[attr-defined]
    hub.faults = calm
    for calm_for in range(150, 750, 50):
        world.run(begin + calm_for)
        if hub.ended():
            break
    world.run(world.now + QUIESCENCE)  # whatever is still on its way arrives
    hub.poll()
    for process in hub.processes:
        process.kill()
    return Outcome(world.defects + violations(hub, master), world.trace, len(hub.disk.rows))


def violations(hub: Hub, master: Master) -> list[str]:
    """Invariants 1-4 and 9, checked from the ledger and from what portals were told."""
    wrong = []
    for command_id, row in hub.disk.rows.items():
        effects = sum(1 for tag, _ in master.effects if tag == command_id)
        words = hub.said[command_id].words if command_id in hub.said else []
        if effects > 1:
            wrong.append(f"1: {command_id} has {effects} effects")
        stands = any(b.tag == command_id and b.status in ("booked", "pending") for b in master.bookings)
        excused = row.warning == "cancelled-since" and not stands
        if row.state is State.CONFIRMED and effects == 0 and isinstance(row.new.command, Book) and not excused:
            wrong.append(f"2: {command_id} is confirmed and was never done")
        if row.state is State.CONFIRMED and isinstance(row.new.command, Cancel):
            target = next(b for b in master.bookings if b.number == row.new.command.local_id)
            if target.status != "cancelled":
                wrong.append(f"2: {command_id} is confirmed and the booking still stands")
        declined = row.problem is not None and row.problem.code == "declined" and not stands
        if row.state is State.REFUSED and effects and not declined:
            wrong.append(f"2: {command_id} is refused and was done")
        finals = {w for w in words if w is not Word.NOT_KNOWN}
        if len(finals) > 1:
            wrong.append(f"2: {command_id} was told {finals}")
        if finals and words[-1] is Word.NOT_KNOWN:
            wrong.append(f"2: {command_id} was told a final word, then not known")
        if Word.DONE in words and isinstance(row.new.command, Book) and effects == 0 and not excused:
            wrong.append(f"2: {command_id} was told done and was never done")
        if row.state not in FINAL and row.state is not State.NEEDS_PERSON:
            wrong.append(f"3: {command_id} never ended: {row.state}")
    wrong += [f"4: {said} was answered and is gone" for said in hub.said if said not in hub.disk.rows]
    for slot in {b.slot for b in master.bookings}:
        if len([b for b in master.live(slot) if b.status == "booked"]) > 1:
            wrong.append(f"9: time {slot} is booked twice")
    return wrong
