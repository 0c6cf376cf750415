"""The hour that comes twice, where a release does not write which of the two it means (V2015, manual §11.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from adapters.lifecare.searches import search
from adapters.lifecare.wire import Request, Wire
from adapters.recording import Exchange
from adapters.trip import Trip
from canonical import times
from canonical.fhir import Resource
from canonical.messages import BadMessage
from canonical.model import TimeKey
from mappings.lifecare.carry import target
from mappings.lifecare.clocks import Clock, FalseZ, hours

_KEPT: Final = 10_000
"""More slots of such an hour than this have not been opened by anybody."""


class Nights:
    """Learns from the order of a calendar which of the two hours a slot begins in, before it is mapped."""

    def __init__(self, wire: Wire, clock: Clock) -> None:
        self._wire = wire
        self._clock = clock if isinstance(clock, FalseZ) else None

    def told(self, time: TimeKey) -> None:
        """A command names the instant itself."""
        start = times.to_local(time.start)
        if self._clock is not None and times.is_ambiguous(start.replace(tzinfo=None, fold=0)):
            self._clock.hours[time.key] = start.fold

    async def learn(self, trip: Trip, kind: str, sources: Iterable[Resource]) -> None:
        """Ask for the calendars of that night of those resources that are not clear; of most, nothing is asked."""
        if self._clock is None:
            return
        if len(self._clock.hours) > _KEPT:
            self._clock.hours.clear()
        for source in sources:
            slot = self._clock.unclear(source, kind)
            if slot is not None:
                await self._ask(trip, source if kind == "Slot" else await self._slot(trip, slot), source)

    async def _slot(self, trip: Trip, slot: str) -> Resource:
        async with self._wire.ask(trip, "night", Request.get(f"Slot/{slot}", marks=False)) as reply:
            found: Resource = {} if reply.absent else reply.json(200)
        return found

    async def _ask(self, trip: Trip, slot: Resource, source: Resource) -> None:
        schedule = target(slot.get("schedule", {}), "Schedule")
        if schedule is None or self._clock is None:
            return

        async def read(page: list[Resource], _: Exchange) -> list[Resource]:
            return page

        day = str(source["start"])[:10]
        span = [("start", f"ge{day}T00:00:00Z"), ("start", f"lt{day}T06:00:00Z")]
        asked = [("schedule", f"Schedule/{schedule}"), *span, self._wire.page]
        request = Request.get("Slot", asked, marks=False)
        found = await search(self._wire, trip, "night", request, "Slot", read)
        if any(target(one.get("schedule", {}), "Schedule") != schedule for one in found):
            raise BadMessage("a search for one calendar's slots found another one's")
        self._clock.hours.update(hours(found))
