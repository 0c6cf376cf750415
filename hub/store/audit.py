"""The audit record: who saw whose data, on whose behalf and why. Committed before the data leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import Row as SqlRow
from sqlalchemy import insert, select

from hub.sealing import Sealer
from hub.store.database import Database
from hub.store.prepared import Prepared
from hub.store.schema import audit

_QUERY: Final = "audit.query"
_NEW: Final = Prepared(insert(audit))


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One event. ``at`` is real time. ``resident``, ``acting_for`` and ``patient`` (whose data) are hub Patient ids.

    ``kind`` and ``interaction`` are FHIR's (``Appointment``, ``search-type``); ``register`` is whose register the data
    is of (``health``, ``social``, ``directory``…); ``released`` are references to what was given out; ``query`` the raw
    search, which may hold anything and is sealed.
    """

    at: float
    request_id: str
    client: str
    resident: str | None
    acting_for: str | None
    patient: str | None
    kind: str
    interaction: str
    purpose: str
    register: str
    outcome: str
    released: tuple[str, ...] = ()
    query: bytes = b""


class Audit:
    """Writes audit records and reads them back."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def record(self, entry: AuditEntry) -> None:
        """Durable on return; nothing may be released before. Raises `StoreUnavailable`: then nothing is released."""
        await self._database.execute(_NEW, self._row(entry))

    async def of_request(self, request_id: str) -> list[AuditEntry]:
        """The records of one API request, in order."""
        wanted = select(audit).where(audit.c.request_id == request_id).order_by(audit.c.id)
        return [
            self._entry(row) for row in await self._database.read(lambda connection: connection.execute(wanted).all())
        ]

    async def of_patient(self, patient: str, limit: int) -> list[AuditEntry]:
        """The newest records of whose data somebody's was."""
        wanted = select(audit).where(audit.c.patient == patient).order_by(audit.c.id.desc()).limit(limit)
        return [
            self._entry(row) for row in await self._database.read(lambda connection: connection.execute(wanted).all())
        ]

    def _row(self, entry: AuditEntry) -> dict[str, Any]:
        return {
            "at": entry.at,
            "request_id": entry.request_id,
            "client": entry.client,
            "resident": entry.resident,
            "acting_for": entry.acting_for,
            "patient": entry.patient,
            "kind": entry.kind,
            "interaction": entry.interaction,
            "purpose": entry.purpose,
            "register": entry.register,
            "outcome": entry.outcome,
            "released": orjson.dumps(entry.released).decode(),
            "query": self._sealer.seal(entry.query, _QUERY) if entry.query else None,
        }

    def _entry(self, row: SqlRow[Any]) -> AuditEntry:
        values = row._asdict()
        del values["id"]
        query = self._sealer.open(row.query, _QUERY) if row.query is not None else b""
        return AuditEntry(**values | {"released": tuple(orjson.loads(row.released)), "query": query})
