"""Free and busy times (INTERFACE.md §6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from sandbox.clock import HELSINKI
from sandbox.engine.grid import cells
from sandbox.engine.model import BookedTime, Calendar, FreeTime, Hold
from sandbox.engine.system import RecordSystem
from sandbox.lifecare import codes
from sandbox.lifecare.outcome import Json, Refusal
from sandbox.lifecare.resources import Resources, category_system, parse_slot_id, slot_id, specialty
from sandbox.lifecare.search import Key, Period, Query, bad, has_token, parse_period

SEARCH: Final = (
    "_id",
    "start",
    "status",
    "schedule",
    "schedule.actor",
    "service-type",
    "service-category",
    "specialty",
)

_DAY: Final = 86_400.0
_USUAL: Final = 14 * _DAY
_LONGEST: Final = 62 * _DAY + 7_200
_HORIZON: Final = 5 * 366 * _DAY
"""No calendar reaches further than this from now, either way."""


def _just_after(start: datetime) -> datetime:
    """A second later. Counted in UTC: local arithmetic forgets which of the two autumn hours it is in."""
    return (start.astimezone(UTC) + timedelta(seconds=1)).astimezone(HELSINKI)


class Slots:
    """The times of one installation."""

    def __init__(self, system: RecordSystem, resources: Resources) -> None:
        self._system = system
        self._resources = resources

    def read(self, found: str, hold: Hold | None = None) -> Json:
        """Return a time, free or busy now, with the `hold` if one is shown.

        Raises Refusal (404) if it never was a time of a calendar.
        """
        place = self.place(found)
        if place is None:
            raise Refusal("NOT_FOUND")
        calendar, start, end = place
        free = self._system.free_times(start, _just_after(start), calendar=calendar.id)
        return self._resources.slot(calendar, start, end, free[0].left if free else 0, hold)

    def place(self, found: str) -> tuple[Calendar, datetime, datetime] | None:
        """Return calendar, start and end of a slot id; None if it is not, and was not, a time of a calendar."""
        parsed = parse_slot_id(found)
        calendar = self._system.calendars.get(parsed[0]) if parsed is not None else None
        if parsed is None or calendar is None:
            return None
        start = parsed[1]
        times = self._system.times(start, _just_after(start), calendar=calendar.id)
        if times:
            return calendar, times[0].start, times[0].end
        if start.timestamp() > self._system.clock.now().timestamp():
            return None  # not open yet, or no such time
        minutes = self._system.services[calendar.service].minutes
        past = (cell for cell in cells(calendar, minutes, start.date()) if cell.key == int(start.timestamp()))
        return next(((calendar, cell.start, cell.end) for cell in past), None)

    def search(self, query: Query) -> tuple[list[Json], Key | None]:
        """Return one page of times, by start and then calendar, and the key to go on after. Raises Refusal (400)."""
        statuses = self._statuses(query)
        ids = [set(choice) for choice in query.choices("_id")]
        period = parse_period(query, "start")
        low, high = self._bounds(period)
        page: list[Json] = []
        last: Key | None = None
        for key, time in self._times(query, self._calendars(query), low, high):
            status = self._resources.slot_status(time.calendar, time.start, time.left)
            named = all(slot_id(time.calendar, time.start) in choice for choice in ids)
            if named and status in statuses and period.holds(self._resources.times.of(time.start)):
                if len(page) >= query.count:
                    return page, last
                last = key
                calendar = self._system.calendars[time.calendar]
                page.append(self._resources.slot(calendar, time.start, time.end, time.left))
        return page, None

    def _times(self, query: Query, calendars: set[str], low: float, high: float) -> Iterator[tuple[Key, FreeTime]]:
        """Yield the times after the page before, in order, taken ones with no place left; asked for day by day."""
        if query.after is not None:
            low = max(low, query.after[0])
        only = next(iter(calendars)) if len(calendars) == 1 else None
        services = {self._system.calendars[one].service for one in calendars}
        service = services.pop() if len(services) == 1 else None
        while calendars and low < high:
            until = min(low + _DAY, high)
            start, end = datetime.fromtimestamp(low, HELSINKI), datetime.fromtimestamp(until, HELSINKI)
            times = self._system.times(start, end, calendar=only, service=service)
            merged = _merged(time for time in times if time.calendar in calendars)
            yield from ((key, merged[key]) for key in sorted(merged) if query.after is None or key > query.after)
            low = until

    def _bounds(self, period: Period) -> tuple[float, float]:
        """Return seconds since 1970 to look between; completes the period with what is usual."""
        now, times = self._system.clock.now(), self._resources.times
        if period.low is None:
            period.add("ge", times.of(now), times.of(now))
        low = times.of(now) if period.low is None else period.low
        if period.high is None:
            period.add("lt", low + _USUAL, low + _USUAL)
        high = low + _USUAL if period.high is None else period.high
        if high - low > _LONGEST:
            raise Refusal("PERIOD_TOO_LONG")
        first, last = times.seconds(low, high)
        return max(first, now.timestamp() - _HORIZON), min(last, now.timestamp() + _HORIZON)

    def _calendars(self, query: Query) -> set[str]:
        """Return the ids of the calendars that every parameter about calendars and services allows."""
        schedules = query.references("schedule", "Schedule")
        actors = [set(choice) for choice in query.choices("schedule.actor")]
        if any(not one.startswith(("Practitioner/", "Location/", "HealthcareService/")) for c in actors for one in c):
            raise bad("schedule.actor")
        concepts = {name: query.tokens(name) for name in ("service-type", "service-category", "specialty")}
        found: set[str] = set()
        for calendar in self._system.calendars.values():
            mine = {
                f"Practitioner/{calendar.professional}",
                f"Location/{calendar.unit}",
                f"HealthcareService/{calendar.service}",
            }
            if all(calendar.id in choice for choice in schedules) and all(mine & choice for choice in actors):
                codings = self._codings(calendar)
                if all(has_token(codings[name], choice) for name, wanted in concepts.items() for choice in wanted):
                    found.add(calendar.id)
        return found

    def _statuses(self, query: Query) -> set[str]:
        allowed = {"free", "busy", *(("busy-tentative",) if self._resources.release.holds else ())}
        for choice in query.tokens("status"):
            allowed &= {code for _, code in choice}
        return allowed

    def _codings(self, calendar: Calendar) -> dict[str, list[Json]]:
        service = self._system.services[calendar.service]
        systems = self._resources.systems
        return {
            "service-type": [
                {"system": systems.service, "code": service.code},
                {"system": codes.NATIONAL_SERVICE, "code": service.national_code},
            ],
            "service-category": [{"system": category_system(service), "code": service.category}],
            "specialty": [{"system": systems.specialty, "code": specialty(service)}],
        }


def _merged(times: Iterable[FreeTime | BookedTime]) -> dict[Key, FreeTime]:
    """Return each time once: a group time has an entry for every booking and one for what is left."""
    found: dict[Key, FreeTime] = {}
    for time in times:
        key = (time.start.timestamp(), time.calendar)
        if isinstance(time, FreeTime):
            found[key] = time
        else:
            found.setdefault(key, FreeTime(time.calendar, time.start, time.end, 0))
    return found
