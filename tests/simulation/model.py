"""The hub processes of the simulation around the real journal, and the wire between them and the record system."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from adapters.base import Done, HeldTime
from adapters.errors import (
    ForeignError,
    OutcomeUnknown,
    Unavailable,
)
from canonical.commands import Book, Command, Hold, Release
from canonical.commands import Move as MoveTo
from canonical.model import Record
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
from tests.simulation import commands
from tests.simulation.commands import DEADLINE
from tests.simulation.holds import HELD_FOR
from tests.simulation.invariants import violations
from tests.simulation.master import QUIESCENCE, Booking, Faults, Master
from tests.simulation.world import Event, Process, World

Tokens = dict[tuple[str, str], str]
"""What the hub keeps of holds, on disk: tokens by patient and time."""
LIMIT = 12.0


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

    async def begin(
        self, step: NewCommand, fence: int, lease: Lease, at: float
    ) -> Row | LaneTaken | DuplicateTime | None:
        answer: Row | LaneTaken | DuplicateTime | None
        answer = await self._around(lambda: self.disk.begin(step, fence, lease, at))
        self.world.note(f"{step.id} begun {type(answer).__name__}")
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

    def __init__(self, world: World, master: Master, faults: Faults, tokens: Tokens) -> None:
        self.world, self.master, self.faults, self.tokens = world, master, faults, tokens

    def terms(self, installation: str) -> Terms:
        return Terms(quiescence=QUIESCENCE, limit=LIMIT)

    def prepared(self, new: NewCommand) -> Command | None:
        return new.command if self.world.chance(0.5) else None

    def in_steps(self, new: NewCommand) -> bool:
        return isinstance(new.command, MoveTo) and not self.master.moves

    async def prepare(self, row: Row) -> Command:
        await self.world.sleep(self.world.rng.random() * 0.2)
        if isinstance(row.new.command, Book) and self.world.chance(self.faults.refuse / 4):
            raise Unavailable("could not ask who the person is")
        return row.new.command

    async def perform(self, row: Row, command: Command) -> Done:
        """As the hub's own way out does: the token of a hold is kept before it is called done, and let go of when it is
        given back."""
        done = await self.send(row, command)
        if isinstance(command, Hold) and done.hold is not None:
            self.tokens[row.new.subject, command.time.key] = done.hold.token
        elif isinstance(command, Release):
            self.tokens.pop((row.new.subject, command.time.key), None)
        return done

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
            if world.chance(faults.desk):
                soon = world.rng.random() * world.rng.choice((1.0, 30.0))
                world.after(soon, lambda: self.master.meddle(row.new.subject))

            def arrive() -> None:
                answer = self.master.handle(command, tag)
                if not lost:
                    world.after(world.rng.random() * 0.2, lambda: world.happen(replied, answer))

            world.after(travel + work, arrive)
        if not await world.wait(replied, LIMIT):
            raise OutcomeUnknown("no answer")
        match replied.value:
            case ForeignError():
                raise replied.value
            case HeldTime():
                return Done(None, "AA", hold=replied.value)
            case _:
                return Done(replied.value, "AA")

    async def look(self, row: Row) -> Record | None:
        await self.world.sleep(self.world.rng.random() * 0.3)
        if self.world.chance(self.faults.silence):
            raise Unavailable("silent")
        return self.master.look(row.new.command)


@dataclass(slots=True)
class Said:
    """What a portal was told of a command, in order."""

    command_id: str
    words: list[Word] = field(default_factory=list)


class Hub:
    """Hub processes over one disk. Each runs portals' requests and a sweeper, on the real journal."""

    def __init__(self, world: World, master: Master, faults: Faults, plant: Plant) -> None:
        self.world, self.master, self.faults, self.plant = world, master, faults, plant
        self.disk, self.tokens = plant.disk(), Tokens()
        self.said: dict[str, Said] = {}
        self.processes = [self.start(f"hub-{i}") for i in range(2)]

    def start(self, name: str) -> Process:
        process = Process(self.world, name)
        ports = Ports(
            SimClock(self.world),
            self.world.rng,
            self.plant.store(self.world, self.disk),
            self.plant.net(self.world, self.master, self.faults, self.tokens),
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

    def shown(self, patient: str) -> list[tuple[str, Booking]]:
        """What a portal sees of a person: each one that is booked, or proposed and to be answered, under its hub id,
        which it is given when it is first seen; an open move's new time is not shown."""
        seen = []
        for booking in self.master.bookings:
            cause = self.disk.rows.get(booking.placer)
            move = self.disk.rows.get(cause.new.parent or "") if cause is not None else None
            is_shown = booking.status == "booked" or (booking.status == "proposed" and not booking.wished)
            if booking.patient == patient and is_shown and (move is None or move.state in FINAL):
                tied = [target for target, number in self.disk.tied.items() if number == booking.number]
                if not tied:
                    tied = [f"b{booking.number}"]
                    self.disk.tied[tied[0]] = booking.number
                seen.append((tied[0], booking))
        return seen

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
    net: Callable[[World, Master, Faults, Tokens], SimNet] = SimNet
    store: Callable[[World, MemoryJournal], SimStore] = SimStore
    disk: Callable[[], MemoryJournal] = MemoryJournal


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
    slots, count = world.rng.randint(2, 6), world.rng.randint(2, 8)
    master = Master(world, faults, world.chance(0.4), world.chance(0.6), slots, world.rng.choice(HELD_FOR))
    hub = Hub(world, master, faults, plant or Plant())
    for number in range(world.rng.randint(0, 2)):
        status = "proposed" if world.chance(0.4) else "booked"
        master.bookings.append(Booking(str(number), "desk", "desk", f"p{number}", number, status))

    def ask(number: int) -> None:
        process = hub.processes[world.rng.randrange(2)]
        process.spawn(hub.request(process, commands.some(hub, number, slots)))

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
            world.after(moment, master.desk)
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
            world.run(world.now + QUIESCENCE)  # whatever is still on its way arrives
        if hub.ended():
            break  # nor has a process that was stopped accepted anything since
    hub.poll()
    for process in hub.processes:
        process.kill()
    told = {said.command_id: said.words for said in hub.said.values()}
    return Outcome(world.defects + violations(hub.disk.rows, told, master), world.trace, len(hub.disk.rows))
