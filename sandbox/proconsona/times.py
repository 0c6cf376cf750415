"""Free times (INTERFACE.md §7), and whether a calendar has a time at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from sandbox.clock import HELSINKI
from sandbox.engine.grid import Cell, cells
from sandbox.engine.model import FreeTime
from sandbox.engine.system import RecordSystem
from sandbox.http.answer import Answer
from sandbox.proconsona.documents import add, answer, make
from sandbox.proconsona.outcome import Refusal
from sandbox.proconsona.query import LONGEST, Key, Query
from sandbox.proconsona.records import Records

PARAMETERS: Final = ("alkaen", "paattyen", "palvelu", "yksikko", "tyontekija", "kalenteri")

_USUAL: Final = timedelta(days=14)
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_HORIZON: Final = timedelta(days=5 * 366)
"""No calendar reaches further than this from now, either way."""


class Times:
    """The times of one installation."""

    def __init__(self, system: RecordSystem, records: Records) -> None:
        self._system = system
        self._records = records

    def cell(self, calendar: str, start: datetime) -> Cell | None:
        """Return the time of a calendar that begins, or began, at `start`: free, taken or past. None: no such time."""
        found = self._records.calendar(calendar)
        if found is None:
            return None
        minutes = self._system.services[found.service].minutes
        if start.timestamp() <= self._system.clock.now().timestamp():
            past = (cell for cell in cells(found, minutes, start.date()) if cell.key == start.timestamp())
            return next(past, None)
        times = self._system.times(start, _later(start, _SECOND), calendar=calendar)
        if not times or times[0].start.timestamp() != start.timestamp():
            return None
        return Cell(int(start.timestamp()), times[0].start, times[0].end)

    def free(self, query: Query) -> Answer:
        """Answer a page of free times. Raises Refusal (400)."""
        low, high = self._range(query)
        page: list[FreeTime] = []
        following: str | None = None
        for key, time in self._found(query, low, high):
            if len(page) == query.count:
                following = query.next_link(_key(page[-1]))
                break
            if query.after is None or key > query.after:
                page.append(time)
        root = make("vapaatAjat")
        root.extend(self._records.free_time(time) for time in page)
        if following is not None:
            add(root, "seuraava", following)
        return answer(root)

    def _range(self, query: Query) -> tuple[datetime, datetime]:
        now = self._system.clock.now()
        given = query.time("alkaen")
        low = now if given is None else given
        try:
            end = query.time("paattyen")
            high = _later(low, _USUAL) if end is None else end
        except OverflowError as err:
            raise Refusal("HAKU_LIIAN_LAAJA") from err
        if high - low > LONGEST:
            raise Refusal("HAKU_LIIAN_LAAJA")
        # By instants: Helsinki times compare by the wall clock.
        return max(low, now, key=datetime.timestamp), min(high, _later(now, _HORIZON), key=datetime.timestamp)

    def _found(self, query: Query, low: datetime, high: datetime) -> Iterator[tuple[Key, FreeTime]]:
        """Yield the free times in order, asked for day by day, from the day the page begins at."""
        worker = query.id("tyontekija")
        filters = {"service": query.text("palvelu"), "calendar": query.id("kalenteri"), "unit": query.id("yksikko")}
        if query.after is not None:
            low = max(low, datetime.fromtimestamp(query.after[0], HELSINKI), key=datetime.timestamp)
        while low.timestamp() < high.timestamp():
            until = min(_later(low, _DAY), high, key=datetime.timestamp)
            for time in self._system.free_times(low, until, **filters):
                calendar = self._records.calendar(time.calendar)
                if calendar is not None and worker in (None, calendar.professional):
                    yield _key(time), time
            low = until


def _key(time: FreeTime) -> Key:
    return time.start.timestamp(), time.calendar


def _later(at: datetime, by: timedelta) -> datetime:
    """Return an instant later. Counted in UTC: local arithmetic forgets which of the two autumn hours it is in."""
    return (at.astimezone(UTC) + by).astimezone(HELSINKI)
