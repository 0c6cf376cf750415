"""From `accepted` to the master's word: prepare, write `sending`, send once, write what came of it.

One lease and one fencing token, so that two can never send. What is lost on the way is not lost: a row found `sending`
without a living lease is unknown, and `settle` finds out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from adapters.errors import ForeignError
from canonical.commands import Command
from canonical.commands import Move as MoveTo
from canonical.model import Record
from hub.journal import steps
from hub.journal.ports import (
    DuplicateTime,
    IdempotencyKey,
    KeyKnown,
    LaneTaken,
    Lease,
    Move,
    NewCommand,
    Ports,
    Problem,
    RecordQuarantined,
    Row,
)
from hub.journal.rules import Patience, Rules
from hub.journal.states import FINAL, State
from hub.journal.steps import Begin, End, Facts, Read, Step

_MARGIN = 30.0
"""Seconds a lease outlives the longest work under it: clocks, commits, a busy machine."""


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal's three verbs, on its ports."""

    ports: Ports
    rules: Rules = field(default_factory=Rules)
    patience: Patience = field(default_factory=Patience)

    async def accept(self, new: NewCommand, key: IdempotencyKey | None) -> Row | LaneTaken | DuplicateTime | KeyKnown:
        """Put the command on disk, leased to this process; the caller then delivers it.

        What can be sent as it is, is `sending` with the same commit: until the caller delivers it nothing has left.
        """
        now, sending = self.ports.clock.now(), None
        command = self.ports.net.prepared(new) if not self.ports.net.in_steps(new) else None
        if command is not None and now < new.deadline:
            self.ports.reached("before-sending")
            sending = _sending(command, 1, now)
        return await self.ports.store.accept(new, self._lease(new.installation, now), now, key, sending)

    async def deliver(self, row: Row) -> Row | None:
        """Deliver a row that this process holds since `accept` or a claim; the row as it then is, None when another
        took it over."""
        ports, now = self.ports, self.ports.clock.now()
        if row.state is State.SENDING:
            return await self._send(row, row.new.command)
        if row.attempts == 0 and now >= row.new.deadline:
            return await self._move(row, self.rules.expired(row, now))
        if await self._in_steps(row):
            begun = _sending(row.new.command, row.attempts + 1, now)
            held = await ports.store.move(row.new.id, row.fence, begun)
            return None if held is None else await self._step(held)
        try:
            command = await ports.net.prepare(row)
        except ForeignError as error:
            return await self._move(row, self.rules.not_prepared(row, error, ports.clock.now()))
        now = ports.clock.now()
        if row.attempts == 0 and now >= row.new.deadline:
            return await self._move(row, self.rules.expired(row, now))
        ports.reached("before-sending")
        held = await ports.store.move(row.new.id, row.fence, _sending(command, row.attempts + 1, now))
        return None if held is None else await self._send(held, command)

    async def _send(self, held: Row, command: Command) -> Row | None:
        """Send what stands as `sending` and is held by this process, once."""
        ports = self.ports
        ports.reached("before-send")
        terms = ports.net.terms(held.new.installation)
        if held.lease_until is None or held.lease_until - ports.clock.now() < terms.limit:
            return held  # we slept: whoever finds it `sending` must be able to trust that we do not send after them
        try:
            done = await ports.net.perform(held, command)
        except ForeignError as error:
            move = self.rules.failed(held, error, ports.clock.now(), terms, self.patience)
        else:
            move = self.rules.answered(held, command, done, ports.clock.now(), terms, self.patience)
        ports.reached("before-outcome")
        moved = await self._move(held, move)
        ports.reached("outcome-written")
        return moved

    async def settle(self, command_id: str) -> Row | None:
        """Bring an open row that nobody holds one step further: deliver it, or look for its effect."""
        ports = self.ports
        row = await ports.store.get(command_id)
        if row is None:
            return None
        now = ports.clock.now()
        claimed = await ports.store.claim(command_id, self._lease(row.new.installation, now), now)
        if claimed is None:
            return None
        settled = await self._settle(claimed)
        if settled is not None and steps.is_step(settled.new) and settled.state in FINAL:
            assert settled.new.parent is not None
            await self.settle(settled.new.parent)  # the move goes on at once
        return settled

    async def _settle(self, row: Row) -> Row | None:
        if row.state is State.ACCEPTED:
            return await self.deliver(row)
        if await self._in_steps(row):
            return await self._step(row)
        if row.state is State.SENDING:
            terms = self.ports.net.terms(row.new.installation)
            moved = await self._move(row, self.rules.abandoned(row, self.ports.clock.now(), terms, self.patience))
            if moved is None:
                return None
            row = moved
        return await self._look(row)

    async def _in_steps(self, row: Row) -> bool:
        """Whether it is a move in steps. One that has begun stays so, whatever the installation has learned since."""
        if not isinstance(row.new.command, MoveTo):
            return False
        if self.ports.net.in_steps(row.new):
            return True
        return await self.ports.store.get(steps.step_id(row.new.id, Step.BOOK)) is not None

    async def _step(self, move: Row) -> Row | None:
        """Take the steps of a move that this process holds, as far as they go now."""
        facts = await self._facts(move)
        while True:
            self.ports.reached("between-steps")
            match self.rules.next_step(facts):
                case Begin(step=step):
                    begun = await self._begin(move, step, facts.new)
                    if not isinstance(begun, Row):
                        return begun if begun is None else await self._move(move, _hindered(begun, self.ports))
                    facts = facts.after(step, begun)
                case Read(step=step):
                    try:
                        facts = await self._read(facts, step)
                    except ForeignError as error:
                        silent = Problem("outcome-unknown", error.detail)
                        return await self._move(move, self._patient(move, silent))
                case End(to=to, problem=problem, record=record, warning=warning):
                    now = self.ports.clock.now()
                    return await self._move(move, Move(to, now, problem=problem, record=record, warning=warning))
                case steps.Wait(problem=problem):
                    return await self._move(move, self._patient(move, problem))

    async def _facts(self, move: Row) -> Facts:
        book, cancel, undo = [await self.ports.store.get(steps.step_id(move.new.id, step)) for step in Step]
        return Facts(book, cancel, undo)

    async def _begin(self, move: Row, step: Step, new: Record | None) -> Row | LaneTaken | DuplicateTime | None:
        """Put a step into the journal and deliver it; the row as it then is, or why it was not begun."""
        store, now = self.ports.store, self.ports.clock.now()
        wanted = steps.new_step(move, step, new)
        begun = await store.begin(wanted, move.fence, self._lease(wanted.installation, now), now)
        if not isinstance(begun, Row):
            return begun
        delivered = await self.deliver(begun)
        return delivered if delivered is not None else await store.get(wanted.id)

    async def _read(self, facts: Facts, step: Step) -> Facts:
        row = facts.book if step is Step.BOOK else facts.cancel
        assert row is not None, "what is read has been begun"
        found = await self.ports.net.look(row)
        if step is Step.BOOK:
            return replace(facts, read=True, new=found)
        return replace(facts, old_gone=steps.is_gone(row, found))

    def _patient(self, move: Row, problem: Problem | None) -> Move:
        return self.rules.waiting(move, problem, self.ports.clock.now(), self.patience, self.ports.rng.random())

    async def _look(self, row: Row) -> Row | None:
        ports = self.ports
        ports.reached("before-look")
        began = ports.clock.now()
        try:
            found = await ports.net.look(row)
        except ForeignError as error:
            move = self.rules.silent(row, error, ports.clock.now(), self.patience, ports.rng.random())
        else:
            ports.reached("looked")
            move = self.rules.looked(
                row, row.new.command, found, began, ports.clock.now(), self.patience, ports.rng.random()
            )
        return await self._move(row, move)

    async def _move(self, row: Row, move: Move) -> Row | None:
        store = self.ports.store
        try:
            return await store.move(row.new.id, row.fence, move)
        except RecordQuarantined:
            return await store.move(row.new.id, row.fence, self.rules.quarantined(row, self.ports.clock.now()))

    def _lease(self, installation: str, now: float) -> Lease:
        """Long enough to prepare (two calls at most), to send, and to write it down."""
        return Lease(self.ports.owner, now + 3 * self.ports.net.terms(installation).limit + _MARGIN)


def _sending(command: Command, attempt: int, now: float) -> Move:
    return Move(State.SENDING, now, sent_at=now, command=command, attempts=attempt, release=False)


def _hindered(why: LaneTaken | DuplicateTime, ports: Ports) -> Move:
    """The new time cannot even be asked for: the person has it, or is booking it at this moment."""
    code = "duplicate" if isinstance(why, DuplicateTime) else "in-flight"
    return Move(State.REFUSED, ports.clock.now(), problem=Problem(code, "the new time; nothing was done"))
