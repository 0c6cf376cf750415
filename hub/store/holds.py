"""Times that record systems keep for residents: the token of each, sealed, until it is used, given back or over."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, delete, select

from adapters.base import HeldTime
from canonical.model import TimeKey
from hub.sealing import Sealer
from hub.store.criteria import Condition
from hub.store.database import Database
from hub.store.prepared import Prepared
from hub.store.schema import Instant, hold
from hub.store.sql import insert_or_update

_TOKEN: Final = "hold.token"  # noqa: S105 - the place of the sealed column
_HELD: Final = Prepared(
    select(hold.c.token, hold.c.until).where(
        hold.c.subject == bindparam("by_subject"),
        hold.c.time == bindparam("by_time"),
        hold.c.until > bindparam("now", type_=Instant()),
    )
)


class Holds:
    """Every method raises `StoreUnavailable`. A hold is one person's, of one time at one installation."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def keep(self, subject: str, installation: str, time: TimeKey, held: HeldTime, command_id: str) -> None:
        """Remember what the record system keeps; a newer hold of the same time takes the older one's place."""
        values = {
            "subject": subject,
            "time": _name(installation, time),
            "command_id": command_id,
            "token": self._sealer.seal(held.token.encode(), _TOKEN),
            "until": held.until,
        }
        await self._database.write(lambda connection: insert_or_update(connection, hold).run(connection, values))

    async def held(self, subject: str, installation: str, time: TimeKey, now: datetime) -> HeldTime | None:
        """The hold, unless it is over at ``now`` (business time)."""
        wanted = {"by_subject": subject, "by_time": _name(installation, time), "now": now}
        rows = self._database.read_now(_HELD, wanted)  # every booking asks, and few hold anything
        if rows is None:
            rows = await self._database.read(lambda connection: _HELD.all(connection, wanted))
        return HeldTime(self._sealer.open(rows[0].token, _TOKEN).decode(), rows[0].until) if rows else None

    async def drop(self, subject: str, installation: str, time: TimeKey) -> None:
        """It was used, given back, or is over."""
        await self._database.write(
            lambda connection: connection.execute(delete(hold).where(*_of(subject, installation, time))).close()
        )

    async def forget(self, before: datetime) -> int:
        """Let go of those that were over at ``before`` (business time); how many."""
        over = delete(hold).where(hold.c.until <= before).returning(hold.c.time)
        return await self._database.write(lambda connection: len(connection.execute(over).all()))


def _of(subject: str, installation: str, time: TimeKey) -> tuple[Condition, Condition]:
    return hold.c.subject == subject, hold.c.time == _name(installation, time)


def _name(installation: str, time: TimeKey) -> str:
    """A time by name: nothing of a person is in it."""
    return f"{installation} {time.start.isoformat()} {time.key}"
