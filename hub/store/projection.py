"""The projection: what the masters have said, as portals read it. It can be thrown away and asked for again.

Every read takes an `Access`, and it becomes part of the query: there is no way to ask without.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Connection, Select, bindparam, func, select, tuple_, type_coerce
from sqlalchemy import Row as SqlRow

from canonical.model import Record
from hub.access import Access
from hub.criteria import Criterion
from hub.resources import DIRECTORY, PERSONAL
from hub.sealing import TOKEN_BYTES, Sealer
from hub.store import links
from hub.store.criteria import Condition, UnknownParameter, matching, visible
from hub.store.database import Database
from hub.store.ingest import Ingest, Observation, held
from hub.store.prepared import Prepared
from hub.store.schema import history, resource
from hub.store.versions import HISTORY_JSON, JSON, hashing

__all__ = ["BadCursor", "Observation", "Page", "Projection", "Stored", "UnknownParameter", "Version"]

_PART: Final = 50
_NO_START: Final = -(2**62)
_CURSOR: Final = struct.Struct(">q")


class BadCursor(ValueError):
    """Not a cursor of ours."""


class Stored(NamedTuple):
    """A resource as it is kept. ``last_updated`` and ``proven_at`` (when the master last said so) are real time;
    ``local_id`` None: no master has told of it yet."""

    kind: str
    id: str
    version: int
    last_updated: float
    proven_at: float
    installation: str
    local_id: str | None
    master_version: str | None
    status: str
    json: bytes


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a resource as it was."""

    kind: str
    id: str
    version: int
    recorded_at: float
    json: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what was found; ``next`` is where to go on (None: that was all)."""

    items: Sequence[Stored]
    next: str | None


_COLUMNS: Final = (
    resource.c.kind,
    resource.c.hub_id,
    resource.c.version,
    resource.c.last_updated,
    resource.c.observed_until,
    resource.c.installation,
    resource.c.local_id,
    resource.c.master_version,
    resource.c.status,
    resource.c.json,
)


class Projection:
    """Every method raises `StoreUnavailable`. ``today`` is the business time, from when things are released."""

    def __init__(self, database: Database, sealer: Sealer, ingest: Ingest) -> None:
        self._database = database
        self._sealer = sealer
        self._ingest = ingest

    async def ingest(
        self,
        records: Sequence[Record],
        seen: Observation,
        *,
        patient: str | None = None,
        complete_for: str | None = None,
    ) -> dict[tuple[str, str], str]:
        """Take what an installation said; see `Ingest.records`. What is about a person is taken whole, or not at all
        when it raises `AnotherPatientRecord`; a directory in parts, so that nobody has to wait for all of it."""
        if patient is not None or complete_for is not None or any(record.kind in PERSONAL for record in records):
            return await self._database.write(
                lambda connection: self._ingest.records(
                    connection, records, seen, patient=patient, complete_for=complete_for
                )
            )
        ids: dict[tuple[str, str], str] = {}
        for begin in range(0, len(records), _PART):
            part = records[begin : begin + _PART]
            ids |= await self._database.write(functools.partial(self._ingest.records, records=part, seen=seen))
        return ids

    async def gone(self, kind: str, hub_id: str, seen: Observation) -> None:
        """The master was asked for this one and has it no more: it becomes ``entered-in-error``, unless somebody's
        later look or an open command says otherwise."""
        await self._database.write(lambda connection: self._ingest.gone(connection, kind, hub_id, seen))

    async def held(self, patient: str, installation: str, start: datetime) -> str | None:
        """The id of the person's live Appointment at that installation and start, for the hub itself."""
        return await self._database.read(lambda connection: held(connection, patient, installation, start))

    def read_now(self, access: Access, kind: str, hub_id: str, *, today: datetime) -> Stored | None:
        """`read` without waiting: on SQLite, by the id it is kept under. None says nothing: use `read`."""
        statement = _BY_ID.get((kind, access.is_proxy and kind in PERSONAL))
        if statement is None or (kind in PERSONAL and access.subject is None):
            return None
        wanted = {"kind": kind, "hub_id": hub_id, "subject": access.subject, "today": today}
        rows = self._database.read_now(statement, wanted)
        return self._stored(rows[0]) if rows else None

    async def read(self, access: Access, kind: str, hub_id: str, *, today: datetime) -> Stored | None:
        """The resource, or None where there is none for this caller. An alias gives the resource it stands for."""
        statement = _BY_ID.get((kind, access.is_proxy and kind in PERSONAL))
        if statement is None or (kind in PERSONAL and access.subject is None):
            return None
        hot = self.read_now(access, kind, hub_id, today=today)
        if hot is not None:
            return hot
        wanted = {"kind": kind, "hub_id": hub_id, "subject": access.subject, "today": today}

        def work(connection: Connection) -> SqlRow[Any] | None:
            found = statement.one_or_none(connection, wanted)
            if found is not None:
                return found
            kept_under = links.canonical(connection, kind, hub_id)
            return statement.one_or_none(connection, wanted | {"hub_id": kept_under})

        row = await self._database.read(work)
        return self._stored(row) if row is not None else None

    async def history(self, access: Access, kind: str, hub_id: str, *, today: datetime) -> list[Version]:
        """Its versions that the caller may see, newest first; none where the resource itself is not to be seen."""
        return await self._versions(access, kind, hub_id, None, today)

    async def version(self, access: Access, kind: str, hub_id: str, number: int, *, today: datetime) -> Version | None:
        """One version, or None where there is none for this caller."""
        return next(iter(await self._versions(access, kind, hub_id, number, today)), None)

    async def _versions(
        self, access: Access, kind: str, hub_id: str, number: int | None, today: datetime
    ) -> list[Version]:
        seen_now = select(resource.c.hub_id).where(resource.c.kind == kind, visible(kind, access))
        wanted: Select[Any] = select(history.c.hub_id, history.c.version, history.c.recorded_at, history.c.json).where(
            history.c.kind == kind, visible(kind, access, history)
        )
        if number is not None:
            wanted = wanted.where(history.c.version == number)

        def work(connection: Connection) -> Sequence[SqlRow[Any]]:
            under = links.canonical(connection, kind, hub_id)
            now = seen_now.where(resource.c.hub_id == under)
            if connection.execute(now, {"today": today}).one_or_none() is None:
                return []
            rows = wanted.where(history.c.hub_id == under).order_by(history.c.version.desc())
            return connection.execute(rows, {"today": today}).all()

        return [
            Version(kind, row.hub_id, row.version, row.recorded_at, self._sealer.open(row.json, HISTORY_JSON))
            for row in await self._database.read(work)
        ]

    async def search(
        self,
        access: Access,
        kind: str,
        criteria: Sequence[Criterion],
        *,
        today: datetime,
        limit: int,
        after: str | None = None,
        descending: bool = False,
    ) -> Page:
        """What matches all criteria and the caller may see: Appointments by start, everything else by id.

        ``after`` is an earlier page's `Page.next`, with the same order; a page stays where it was whatever is added
        before it. Raises `UnknownParameter`, `BadCursor`.
        """
        order = _order(kind)
        directions = [column.desc() if descending else column.asc() for column in order]
        wanted: Select[Any] = select(*_COLUMNS, *order).where(self._matching(access, kind, criteria))
        wanted = wanted.order_by(*directions)
        if after is not None:
            place = tuple_(*self._place(after)[-len(order) :])
            wanted = wanted.where(tuple_(*order) < place if descending else tuple_(*order) > place)

        def work(connection: Connection) -> Sequence[SqlRow[Any]]:
            return connection.execute(wanted.limit(limit + 1), {"today": today}).all()

        rows = await self._database.read(work)
        more = len(rows) > limit and limit > 0
        items = [self._stored(row) for row in rows[:limit]]
        return Page(items, self._cursor(rows[limit - 1]) if more else None)

    async def count(self, access: Access, kind: str, criteria: Sequence[Criterion], *, today: datetime) -> int:
        """How many there are of what `search` finds."""
        wanted = select(func.count()).select_from(resource).where(self._matching(access, kind, criteria))
        return await self._database.read(lambda connection: connection.execute(wanted, {"today": today}).scalar_one())

    def _matching(self, access: Access, kind: str, criteria: Sequence[Criterion]) -> Condition:
        return (resource.c.kind == kind) & visible(kind, access) & matching(kind, criteria, hashing(self._sealer))

    def _stored(self, row: SqlRow[Any]) -> Stored:
        return Stored._make((*row[: len(_COLUMNS) - 1], self._sealer.open(row.json, JSON)))

    def _cursor(self, row: SqlRow[Any]) -> str:
        start = row[len(_COLUMNS)] if row.kind == "Appointment" else 0
        return self._sealer.token(_CURSOR.pack(start) + row.hub_id.encode(), "cursor")

    def _place(self, cursor: str) -> tuple[int, str]:
        data = self._sealer.untoken(cursor, "cursor")
        if data is None or not _CURSOR.size < len(data) <= TOKEN_BYTES:
            raise BadCursor("not a cursor of ours")
        return _CURSOR.unpack_from(data)[0], data[_CURSOR.size :].decode()


def _order(kind: str) -> tuple[Any, ...]:
    """By what a kind is sorted; ends with the id, so that no two rows have the same place."""
    if kind != "Appointment":
        return (resource.c.hub_id,)
    return (func.coalesce(type_coerce(resource.c.start, BigInteger), _NO_START), resource.c.hub_id)


def _by_id(kind: str, proxy: bool) -> Select[Any]:
    """`Projection.read` as one statement for every caller of a sort."""
    anyone = Access("", "somebody", "somebody else" if proxy else None, "")
    by_id = (resource.c.kind == bindparam("kind"), resource.c.hub_id == bindparam("hub_id"))
    return select(*_COLUMNS).where(*by_id, visible(kind, anyone))


_KINDS: Final = tuple((kind, False) for kind in sorted(DIRECTORY | PERSONAL)) + tuple((kind, True) for kind in PERSONAL)
_BY_ID: Final = {key: Prepared(_by_id(*key)) for key in _KINDS}
"""By kind, and whether the caller is a proxy."""
