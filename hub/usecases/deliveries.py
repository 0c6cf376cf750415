"""Deliveries go on when the portal stops waiting: each runs in a task of its own, which nobody's disconnect cancels."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import NoReturn

import structlog

from hub.journal.delivery import Journal
from hub.journal.ports import DuplicateTime, KeyKnown, LaneTaken, Row
from hub.journal.states import FINAL
from hub.store import Store
from hub.store.errors import StoreUnavailable
from hub.usecases.ports import Failed, Link

_log = structlog.get_logger("deliveries")


@dataclass(slots=True)
class Deliveries:
    """The commands this process is working on."""

    journal: Journal
    store: Store
    _tasks: dict[str, asyncio.Task[Row | None]] = field(default_factory=dict)

    async def deliver(self, accepted: Row, deadline: float) -> Row:
        """Deliver, and wait for the end until ``deadline`` (real time); the row as it then is.

        Where the wait ended first, the row's pending appointment is shown from now on.
        """
        task = self._start(accepted)
        now = self.journal.ports.clock.now()
        await asyncio.wait({task}, timeout=max(0.0, deadline - now))
        row = await self._row(accepted.new.id) if not task.done() else self._ended(task, accepted)
        if row is None or row.state in FINAL:
            return row or await self._row(accepted.new.id)
        await self.store.journal.show_pending(accepted.new.id)
        return await self._row(accepted.new.id)

    def _start(self, accepted: Row) -> asyncio.Task[Row | None]:
        task = asyncio.create_task(self.journal.deliver(accepted), name=f"deliver {accepted.new.id}")
        self._tasks[accepted.new.id] = task
        task.add_done_callback(lambda _: self._forget(accepted.new.id, task))
        return task

    def _ended(self, task: asyncio.Task[Row | None], accepted: Row) -> Row | None:
        error = task.exception()
        if error is None:
            return task.result()
        if isinstance(error, StoreUnavailable):
            return None  # the row says what was written last; the sweeper goes on when the store is back
        raise error

    def _forget(self, command_id: str, task: asyncio.Task[Row | None]) -> None:
        self._tasks.pop(command_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("delivery stopped", command=command_id, error=type(error).__name__)

    async def _row(self, command_id: str) -> Row:
        row = await self.store.journal.get(command_id)
        assert row is not None, "what was accepted is gone"
        return row

    async def settle(self, command_id: str) -> None:
        """One step for a row nobody holds (called by the worker)."""
        if command_id not in self._tasks:
            await self.journal.settle(command_id)

    async def close(self, grace: float) -> None:
        """Give what is running ``grace`` seconds; what is then not ended stands as `sending` and is looked for."""
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()), timeout=grace)
        for task in list(self._tasks.values()):
            task.cancel()


def refuse(why: LaneTaken | DuplicateTime | KeyKnown, blamed: str) -> NoReturn:
    """Raises `Failed` for a command that the journal did not take; ``blamed`` is the element whose matter it is."""
    match why:
        case DuplicateTime(appointment=held):
            raise Failed("duplicate", expression=[blamed], see=Link(f"Appointment/{held}"))
        case LaneTaken(command_id=other):
            raise Failed("in-flight", expression=[blamed], retry_after=2.0, see=Link(f"Task/{other}"))
        case KeyKnown(command_id=other, same=True):
            where = ["http.Idempotency-Key"]
            raise Failed("in-flight", expression=where, retry_after=2.0, see=Link(f"Task/{other}"))
        case KeyKnown():
            raise Failed("key-reused")
