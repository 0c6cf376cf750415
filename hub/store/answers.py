"""Answers kept for repeated requests: the same Idempotency-Key gets the same answer, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from sqlalchemy import delete, select, update

from hub.sealing import Sealer
from hub.store.database import Database
from hub.store.schema import idempotency

_HEADERS: Final = "idempotency.headers"
_BODY: Final = "idempotency.body"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as it was given; ``fingerprint`` is of the request it answered."""

    fingerprint: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class Answers:
    """Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def keep(self, scope: str, key: str, status: int, headers: Mapping[str, str], body: bytes) -> bool:
        """Bind the answer to a key that the journal knows; whether it does. The first answer stays."""
        values = {
            "status": status,
            "headers": self._sealer.seal(orjson.dumps(dict(headers)), _HEADERS),
            "body": self._sealer.seal(body, _BODY),
        }
        unanswered = (idempotency.c.scope == scope, idempotency.c.key == key, idempotency.c.status.is_(None))
        kept = update(idempotency).where(*unanswered).values(values).returning(idempotency.c.key)
        found = await self._database.write(lambda connection: connection.execute(kept).scalar_one_or_none())
        return found is not None

    async def kept(self, scope: str, key: str) -> Answer | None:
        """The answer that was bound to the key, or None."""
        wanted = select(
            idempotency.c.fingerprint, idempotency.c.status, idempotency.c.headers, idempotency.c.body
        ).where(idempotency.c.scope == scope, idempotency.c.key == key, idempotency.c.status.is_not(None))
        row = await self._database.read(lambda connection: connection.execute(wanted).one_or_none())
        if row is None:
            return None
        headers = orjson.loads(self._sealer.open(row.headers, _HEADERS))
        return Answer(row.fingerprint, row.status, headers, self._sealer.open(row.body, _BODY))

    async def forget(self, before: float) -> int:
        """Let go of keys first used before ``before`` (real time); how many. Their commands stay."""
        old = delete(idempotency).where(idempotency.c.created_at < before).returning(idempotency.c.key)
        return await self._database.write(lambda connection: len(connection.execute(old).all()))
