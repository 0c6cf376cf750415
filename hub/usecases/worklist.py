"""What the hub cannot find out stands in the worklist (`needs-person`). A person ends it: with a word that the record
system, asked now, does not contradict, and a reason that is written to the audit record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from adapters.errors import ForeignError
from canonical.commands import Book, Command, Hold, Release
from canonical.model import Record
from hub.journal.delivery import Journal
from hub.journal.ports import Lease, Move, Problem, RecordQuarantined, Row
from hub.journal.rules import Verdict, judge
from hub.journal.states import FINAL, State
from hub.journal.steps import Step, is_step, step_id
from hub.store.audit import AuditEntry
from hub.store.receipts import Receipt
from hub.usecases.world import World

_GONE: Final = frozenset({"cancelled", "entered-in-error"})
_LEASE: Final = 60.0
"""Seconds in which an ending is written."""


class CannotEnd(Exception):
    """It is not ended so; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The last word of a person, ``done`` or nothing done, and why. ``unasked``: the record system is not asked."""

    done: bool
    reason: str
    operator: str
    unasked: bool = False


@dataclass(slots=True)
class Worklist:
    """The use case."""

    world: World
    journal: Journal

    async def listed(self) -> Sequence[Receipt]:
        """What needs a person, oldest first; a step of a move is ended with its move."""
        return [one for one in await self.world.store.receipts.worklist() if not is_step(one.row.new)]

    async def end(self, command_id: str, ending: Ending) -> Row:
        """End it. Raises `CannotEnd`: nothing was changed then."""
        row = await self.world.store.journal.get(command_id)
        if row is None:
            raise CannotEnd("there is no such command. Ids are in: silta worklist list")
        if is_step(row.new):
            raise CannotEnd(f"it is a step of the move {row.new.parent}: end that")
        if row.state is not State.NEEDS_PERSON:
            raise CannotEnd(f"it is {row.state}: only what needs a person is ended by hand")
        record = None if ending.unasked else await self._asked(row, ending)
        await self.world.store.audit.record(self._audited(row, ending))
        for step in await self._steps(row):
            if step.state not in FINAL:
                await self._write(step, ending, None)
        return await self._write(row, ending, record)

    async def _steps(self, row: Row) -> list[Row]:
        found = [await self.world.store.journal.get(step_id(row.new.id, step)) for step in Step]
        return [one for one in found if one is not None]

    async def _asked(self, row: Row, ending: Ending) -> Record | None:
        """What the record system has, if the word does not contradict it."""
        if isinstance(row.new.command, Hold | Release):
            return None  # nobody can look for it
        steps = await self._steps(row)
        try:
            found = await self.journal.ports.net.look(steps[0] if steps else row)
            old = await self.journal.ports.net.look(row) if steps else None
        except ForeignError as error:
            why = f"{row.new.installation} does not answer ({error.detail})"
            raise CannotEnd(f"{why}. Try again later, or end it with --unasked") from error
        if steps:
            return _of_steps(found, old, done=ending.done)
        return _agreeing(row.new.command, found, done=ending.done)

    async def _write(self, row: Row, ending: Ending, record: Record | None) -> Row:
        store, now = self.world.store.journal, self.world.real.now()
        claimed = await store.claim(row.new.id, Lease(self.journal.ports.owner, now + _LEASE), now)
        if claimed is None:
            raise CannotEnd("somebody works on it at this moment. Try again")
        problem = None if ending.done else Problem("not-done", "ended by a person")
        to = State.CONFIRMED if ending.done else State.REFUSED
        try:
            ended = await store.move(row.new.id, claimed.fence, Move(to, now, problem=problem, record=record))
        except RecordQuarantined as error:
            raise CannotEnd("the record there is another patient's: clear it up at the unit first") from error
        if ended is None:
            raise CannotEnd("somebody took it over at this moment. Look again: silta worklist list")
        return ended

    def _audited(self, row: Row, ending: Ending) -> AuditEntry:
        return AuditEntry(
            at=self.world.real.now(),
            request_id=row.new.id,
            client=f"operator:{ending.operator}",
            resident=None,
            acting_for=None,
            patient=row.new.subject,
            kind="Task",
            interaction="end-done" if ending.done else "end-nothing-done",
            purpose=ending.reason,
            register="hub",
            outcome="success",
        )


def _stands(record: Record | None) -> bool:
    return record is not None and record.resource.get("status") not in _GONE


def _agreeing(command: Command, found: Record | None, *, done: bool) -> Record | None:
    """What enters the projection with the word. Raises `CannotEnd` for one that is not so."""
    verdict = Verdict.NOT_DONE if found is None else judge(command, found)
    if done and verdict in (Verdict.NOT_DONE, Verdict.NOT_YET, Verdict.OTHER_PERSON):
        raise CannotEnd(f"the record system has not done it ({verdict}). End it as nothing-done, or --unasked")
    is_there = verdict is Verdict.DONE or (verdict is Verdict.OTHER_TIME and isinstance(command, Book))
    if not done and is_there and (_stands(found) or not isinstance(command, Book)):
        raise CannotEnd("the record system has done it. End it as done, or change it there first")
    return None if verdict is Verdict.OTHER_PERSON else found


def _of_steps(new: Record | None, old: Record | None, *, done: bool) -> Record | None:
    """`_agreeing` of a move in steps: what it has booked, and what it was to cancel."""
    if done and not _stands(new):
        raise CannotEnd("the new time is not booked. End it as nothing-done, or book it at the unit and use --unasked")
    if done and _stands(old):
        raise CannotEnd("both times are booked. Cancel one of them at the unit first")
    if not done and _stands(new):
        raise CannotEnd("the new time is booked. Cancel it at the unit first, or end it as done")
    return new if done else None
