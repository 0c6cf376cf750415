"""Receipts: the journal's rows as residents and operators may see them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, false, func, or_, select, tuple_

from hub.access import Access
from hub.journal.ports import Row
from hub.journal.states import State
from hub.store.database import Database
from hub.store.journal import SqlJournal
from hub.store.schema import command, resource


@dataclass(frozen=True, slots=True)
class Receipt:
    """A command with its receipt's own version and last change (real time)."""

    row: Row
    version: int
    changed_at: float


class Receipts:
    """Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database, journal: SqlJournal) -> None:
        self._database = database
        self._journal = journal

    async def get(self, access: Access, command_id: str) -> Receipt | None:
        """The receipt, or None where there is none for this caller."""
        found = await self._receipts(_visible(access).where(command.c.id == command_id))
        return found[0] if found else None

    async def search(
        self,
        access: Access,
        *,
        limit: int,
        ids: Collection[str] | None = None,
        states: Collection[State] | None = None,
        targets: Collection[str] | None = None,
        after: str | None = None,
    ) -> list[Receipt]:
        """The caller's receipts, newest first. ``targets`` are Appointment ids; ``after`` is the last command id of the
        page before."""
        wanted = _narrowed(_visible(access), ids, states, targets)
        if after is not None:
            begins = select(command.c.accepted_at).where(command.c.id == after).scalar_subquery()
            wanted = wanted.where(tuple_(command.c.accepted_at, command.c.id) < tuple_(begins, after))
        return await self._receipts(wanted.limit(limit))

    async def count(
        self,
        access: Access,
        *,
        ids: Collection[str] | None = None,
        states: Collection[State] | None = None,
        targets: Collection[str] | None = None,
    ) -> int:
        """How many there are of what `search` finds."""
        narrowed = _narrowed(_visible(access), ids, states, targets).order_by(None).subquery()
        wanted = select(func.count()).select_from(narrowed)
        return await self._database.read(lambda connection: connection.execute(wanted).scalar_one())

    async def by_target(self, appointment: str) -> Row | None:
        """The latest command on an Appointment, for the hub itself."""
        wanted = _all().where(command.c.target == appointment).limit(1)
        found = await self._receipts(wanted)
        return found[0].row if found else None

    async def worklist(self, limit: int = 200) -> list[Receipt]:
        """What needs a person, oldest first."""
        wanted = select(command).where(command.c.state == State.NEEDS_PERSON.value)
        return await self._receipts(wanted.order_by(command.c.accepted_at, command.c.id).limit(limit))

    async def counts(self) -> dict[tuple[str, State], int]:
        """How many commands are in which state, by installation."""
        wanted = select(command.c.installation, command.c.state, func.count()).group_by(
            command.c.installation, command.c.state
        )
        rows = await self._database.read(lambda connection: connection.execute(wanted).all())
        return {(installation, State(state)): many for installation, state, many in rows}

    async def _receipts(self, wanted: Select[Any]) -> list[Receipt]:
        rows = await self._database.read(lambda connection: connection.execute(wanted).all())
        return [Receipt(self._journal.row(row), row.version, row.changed_at) for row in rows]


def _all() -> Select[Any]:
    return select(command).order_by(command.c.accepted_at.desc(), command.c.id.desc())


def _visible(access: Access) -> Select[Any]:
    """What the caller may see: one's own. Who acts for somebody sees what they themselves asked for, and what is about
    an appointment that they may see; anything else of that person's leaves no trace."""
    if access.subject is None:
        return _all().where(false())
    mine = command.c.subject == access.subject
    if not access.is_proxy:
        return _all().where(mine)
    about = and_(resource.c.kind == "Appointment", resource.c.hub_id == command.c.target)
    shown = or_(command.c.resident == access.resident, resource.c.guardian_visible.is_(True))
    return _all().outerjoin(resource, about).where(mine, shown)


def _narrowed(
    wanted: Select[Any],
    ids: Collection[str] | None,
    states: Collection[State] | None,
    targets: Collection[str] | None,
) -> Select[Any]:
    if ids is not None:
        wanted = wanted.where(command.c.id.in_(sorted(ids)))
    if states is not None:
        wanted = wanted.where(command.c.state.in_(sorted(state.value for state in states)))
    if targets is not None:
        wanted = wanted.where(command.c.target.in_(sorted(targets)))
    return wanted
