"""From `accepted` to the master's word: prepare, write `sending`, send once, write what came of it.

One lease and one fencing token, so that two can never send. What is lost on the way is not lost: a row found `sending`
without a living lease is unknown, and `settle` finds out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.errors import ForeignError
from canonical.commands import Command
from hub.journal.ports import (
    DuplicateTime,
    IdempotencyKey,
    KeyKnown,
    LaneTaken,
    Lease,
    Move,
    NewCommand,
    Ports,
    RecordQuarantined,
    Row,
)
from hub.journal.rules import Patience, Rules
from hub.journal.states import State

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
        command = self.ports.net.prepared(new)
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
        row = claimed
        if row.state is State.ACCEPTED:
            return await self.deliver(row)
        if row.state is State.SENDING:
            terms = ports.net.terms(row.new.installation)
            moved = await self._move(row, self.rules.abandoned(row, ports.clock.now(), terms, self.patience))
            if moved is None:
                return None
            row = moved
        return await self._look(row)

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
