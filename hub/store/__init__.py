"""Everything the hub keeps, in one database. The only place that speaks SQL."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import select

from hub.sealing import Sealer
from hub.store.answers import Answers
from hub.store.audit import Audit
from hub.store.database import Database
from hub.store.errors import AnotherPatientRecord, StoreUnavailable, UnsafeDatabase
from hub.store.exchanges import Exchanges
from hub.store.holds import Holds
from hub.store.ingest import Ingest
from hub.store.journal import SqlJournal
from hub.store.links import Links, new_id
from hub.store.migrations import is_current, upgrade
from hub.store.pending import Effects, Render, render
from hub.store.people import People
from hub.store.projection import Projection
from hub.store.receipts import Receipts

__all__ = ["AnotherPatientRecord", "Store", "StoreUnavailable", "UnsafeDatabase", "new_id", "upgrade"]


class Store:
    """The parts of the store on one `Database`. Open it with `Store.open`, after `upgrade(url)`.

    ``now`` is real time in seconds; ``pending`` makes the Appointment that is shown for a booking whose outcome is not
    known (hub ids in its references).
    """

    def __init__(self, database: Database, sealer: Sealer, now: Callable[[], float], pending: Render) -> None:
        ingest = Ingest(sealer)
        self.database = database
        self.links = Links(database)
        self.people = People(database, sealer, ingest)
        self.projection = Projection(database, sealer, ingest)
        self.journal = SqlJournal(database, sealer, Effects(sealer, ingest, pending), now)
        self.receipts = Receipts(database, self.journal)
        self.answers = Answers(database, sealer)
        self.holds = Holds(database, sealer)
        self.exchanges = Exchanges(database, sealer, now)
        self.audit = Audit(database, sealer)

    @classmethod
    def open(cls, url: str, sealer: Sealer, *, now: Callable[[], float] = time.time, pending: Render = render) -> Store:
        """The store at ``url`` (``sqlite:///path``, ``postgresql+psycopg://…``).

        Raises `UnsafeDatabase` where commits would not be durable or the schema is another release's, and
        `StoreUnavailable` where the database does not answer.
        """
        database = Database(url)
        if not database.check(is_current):
            raise UnsafeDatabase("the schema is another release's: migrate the database first")
        return cls(database, sealer, now, pending)

    async def works(self) -> bool:
        """Whether the store can be read and written now: an empty group is committed."""
        try:
            await self.database.write(lambda connection: connection.execute(select(1)).scalar_one())
        except StoreUnavailable:
            return False
        return True

    async def close(self) -> None:
        """Write what waits, then let go of the database."""
        await self.database.close()
