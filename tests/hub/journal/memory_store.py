"""The journal's store in memory: real behaviour, no I/O, no waiting. For the simulation and for tests of the journal.

Its methods are async because the port's are, but never give up control: a schedule is decided by the test alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from canonical.commands import Book
from canonical.model import Record
from hub.journal.ports import (
    DuplicateTime,
    IdempotencyKey,
    JournalStore,
    KeyKnown,
    LaneTaken,
    Lease,
    Move,
    NewCommand,
    Row,
)
from hub.journal.states import FINAL, OPEN, State, check
from hub.journal.steps import lane_of_appointment

LIVE = frozenset({"proposed", "pending", "booked", "arrived", "checked-in"})


@dataclass
class Held:
    """What the projection would hold of an appointment: enough to tell a duplicate time and what a portal is shown."""

    subject: str
    installation: str
    start: datetime
    status: str


@dataclass
class MemoryJournal(JournalStore):
    """Rows, keys and held times in dictionaries. ``appointments`` and ``tied``, the local id of each, are by hub id;
    tests may fill them."""

    rows: dict[str, Row] = field(default_factory=dict)
    keys: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    appointments: dict[str, Held] = field(default_factory=dict)
    tied: dict[str, str] = field(default_factory=dict)

    async def accept(
        self,
        new: NewCommand,
        lease: Lease,
        at: float,
        key: IdempotencyKey | None = None,
        sending: Move | None = None,
    ) -> Row | LaneTaken | DuplicateTime | KeyKnown:
        if key is not None and (known := self.keys.get((key.scope, key.key))):
            return KeyKnown(known[0], same=known[1] == key.fingerprint)
        for row in self.rows.values():
            if row.new.lane == new.lane and row.state in OPEN:
                return LaneTaken(row.new.id)
        if isinstance(new.command, Book):
            for appointment, held in self.appointments.items():
                place = (held.subject, held.installation, held.start)
                if held.status in LIVE and place == (new.subject, new.installation, new.command.time.start):
                    return DuplicateTime(appointment)
        assert new.id not in self.rows, "a command id is used once"
        if key is not None:
            self.keys[key.scope, key.key] = (new.id, key.fingerprint)
        row = Row(new, State.ACCEPTED, 1, at, lease_until=lease.until)
        if sending is not None:
            check(row.state, sending.to)
            row = self._moved(row, sending)
        self.rows[new.id] = row
        return row

    async def begin(
        self, step: NewCommand, fence: int, lease: Lease, at: float
    ) -> Row | LaneTaken | DuplicateTime | None:
        parent = self.rows[step.parent or ""]
        if parent.fence != fence or parent.state in FINAL:
            return None
        begun = await self.accept(step, lease, at)
        assert not isinstance(begun, KeyKnown), "a step has no key"
        return begun

    async def claim(self, command_id: str, lease: Lease, now: float) -> Row | None:
        row = self.rows.get(command_id)
        if row is None or row.state not in OPEN or not self._free(row, now):
            return None
        row = self.rows[command_id] = replace(row, fence=row.fence + 1, lease_until=lease.until)
        return row

    async def move(self, command_id: str, fence: int, move: Move) -> Row | None:
        row = self.rows.get(command_id)
        if row is None or row.fence != fence:
            return None
        check(row.state, move.to)
        after = self._moved(row, move)
        self._show(after, move.record)
        self.rows[command_id] = after
        return after

    async def get(self, command_id: str) -> Row | None:
        return self.rows.get(command_id)

    async def due(self, now: float, limit: int) -> list[str]:
        wanting = [row for row in self.rows.values() if self._wants_work(row, now) and self._free(row, now)]
        return [row.new.id for row in sorted(wanting, key=lambda row: (row.accepted_at, row.new.id))][:limit]

    @staticmethod
    def _free(row: Row, now: float) -> bool:
        return row.lease_until is None or row.lease_until <= now

    @staticmethod
    def _wants_work(row: Row, now: float) -> bool:
        if row.state is State.UNKNOWN:
            return row.wake_at is None or row.wake_at <= now
        return row.state in (State.ACCEPTED, State.SENDING)

    @staticmethod
    def _moved(row: Row, move: Move) -> Row:
        book = isinstance(row.new.command, Book) and row.new.target is not None
        return replace(
            row,
            new=replace(row.new, command=move.command) if move.command is not None else row.new,
            state=move.to,
            sent_at=row.sent_at if move.sent_at is None else move.sent_at,
            quiet_at=row.quiet_at if move.quiet_at is None else move.quiet_at,
            wake_at=row.wake_at if move.wake_at is None else move.wake_at,
            problem=row.problem if move.problem is None else move.problem,
            warning=row.warning if move.warning is None else move.warning,
            attempts=row.attempts if move.attempts is None else move.attempts,
            looks=row.looks if move.looks is None else move.looks,
            lease_until=None if move.release else row.lease_until,
            ended_at=move.at if move.to in FINAL else row.ended_at,
            shown=row.shown or (book and move.to in (State.UNKNOWN, State.NEEDS_PERSON)),
        )

    def _show(self, after: Row, record: Record | None) -> None:
        """Keep of the appointment what a portal would be shown."""
        command, target = after.new.command, after.new.target
        if target is None:
            return
        held = self.appointments.get(target)
        if record is not None and record.kind == "Appointment":
            start = datetime.fromisoformat(record.resource["start"])
            status = str(record.resource["status"])
            self.appointments[target] = Held(after.new.subject, after.new.installation, start, status)
            self._tie(target, record.local_id)
        elif isinstance(command, Book) and held is None and after.shown and after.state not in FINAL:
            self.appointments[target] = Held(after.new.subject, after.new.installation, command.time.start, "pending")
        elif held is not None and held.status == "pending" and after.state is State.REFUSED:
            held.status = "entered-in-error"

    def _tie(self, target: str, local_id: str) -> None:
        """Tie the id to the local id. Another one that was tied to it before is an alias from now on: a change that was
        begun under it is one of ``target``."""
        for other in [one for one, tied in self.tied.items() if tied == local_id and one != target]:
            del self.tied[other]
            self.appointments.pop(other, None)
            for row in self.rows.values():
                if row.new.lane == lane_of_appointment(other) and row.state in OPEN:
                    new = replace(row.new, target=target, lane=lane_of_appointment(target))
                    self.rows[row.new.id] = replace(row, new=new)
        self.tied[target] = local_id
