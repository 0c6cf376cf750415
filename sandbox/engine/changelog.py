"""What changed, in order: the numbers that change feeds are made of. Kept over a restart.

Every appointment there is has at least one entry. First come those of the first day, by the time they were last
changed; then, as it happens, what new days of the calendars open with and what anybody does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import orjson

from sandbox.clock import HELSINKI
from sandbox.engine.model import Appointment, Change
from sandbox.engine.store import OverlayStore, Row

_KIND: Final = "change"


@dataclass(frozen=True, slots=True)
class Opening:
    """Calendars were opened up to the end of a day; stands in the kept log for the appointments they opened with."""

    until: date
    at: datetime


class ChangeLog:
    """The log of one installation. It gives the records to save and is told when that is done: it saves nothing."""

    def __init__(self, installation: str, store: OverlayStore) -> None:
        self._installation = installation
        self._store = store
        self._entries: list[Change] = []
        self._kept = 0

    @property
    def last(self) -> int:
        """The number of the newest entry; 0 when there is none."""
        return len(self._entries)

    def after(self, number: int, limit: int, kind: str | None) -> list[Change]:
        """Return at most `limit` entries with a higher number, oldest first, of one kind if it is named."""
        found: list[Change] = []
        for place in range(max(0, number), len(self._entries)):
            if len(found) >= limit:
                break
            if kind in (None, self._entries[place].kind):
                found.append(self._entries[place])
        return found

    def enter(self, kind: str, record_id: str, version: int, at: datetime) -> None:
        """Add an entry, in memory."""
        self._entries.append(Change(len(self._entries) + 1, kind, record_id, at, version))

    def enter_all(self, appointments: Iterable[Appointment], at: datetime | None = None) -> None:
        """Add an entry for each appointment, in order of its last change; `at` is when it came, if not then."""
        for one in sorted(appointments, key=lambda one: (one.updated.timestamp(), one.id)):
            self.enter("appointment", one.id, one.version, one.updated if at is None else at)

    def row(self, kind: str, record_id: str, version: int, at: datetime) -> Row:
        """Return the record of an entry to save with the change itself."""
        return self._row({"kind": kind, "id": record_id, "version": version, "at": at})

    def opening_row(self, opening: Opening) -> Row:
        """Return the record of an opening."""
        return self._row({"until": opening.until, "at": opening.at})

    def kept(self) -> Iterator[Opening | Change]:
        """Yield what was saved before, in order; the numbers of the changes are not set yet."""
        for _, body in self._store.records(self._installation, _KIND):
            self._kept += 1
            data = orjson.loads(body)
            at = datetime.fromisoformat(data["at"]).astimezone(HELSINKI)
            if "until" in data:
                yield Opening(date.fromisoformat(data["until"]), at)
            else:
                yield Change(0, data["kind"], data["id"], at, data["version"])

    def _row(self, body: dict[str, object]) -> Row:
        self._kept += 1
        return _KIND, f"{self._kept:012d}", orjson.dumps(body)
