"""The directory, and which calendar is of which service: a Slot names its calendar only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from adapters.lifecare.searches import search
from adapters.lifecare.wire import Request, Wire
from adapters.recording import Exchange
from adapters.trip import Trip
from canonical.fhir import Resource
from canonical.model import Record
from mappings.lifecare import directory
from mappings.lifecare.vocabulary import Vocabulary


class Directory:
    """Reads the directory. It changes only with a new release of the installation's data (manual §4), so what is
    remembered of it, the services of its calendars, is asked again only when a calendar turns up that is not known."""

    def __init__(self, wire: Wire, words: Vocabulary) -> None:
        self._wire, self._words = wire, words
        self._services: dict[str, str] = {}
        self._strays: frozenset[str] = frozenset()

    async def records(self, trip: Trip) -> list[Record]:
        """All of it, in an order in which nothing names what has not come yet."""
        return [one for kind in directory.KINDS for one in await self._all(trip, kind)]

    async def services(self, trip: Trip, schedules: Iterable[str]) -> Mapping[str, str]:
        """The services of these calendars, by the calendar's id; one that the directory does not have is missing."""
        asked = frozenset(schedules)
        if not asked <= self._services.keys() | self._strays:
            await self._all(trip, "Schedule")
            self._strays |= asked - self._services.keys()
        return self._services

    async def _all(self, trip: Trip, kind: str) -> list[Record]:
        request = Request.get(kind, [self._wire.page])
        return await search(self._wire, trip, "directory", request, kind, partial(self._read, kind))

    async def _read(self, kind: str, page: list[Resource], exchange: Exchange) -> list[Record]:
        records = [directory.record(one, kind, self._words) for one in page]
        for record in records:
            exchange.note(record.notes)
            if kind == "Schedule" and (service := directory.service_of(record.resource)):
                self._services[record.local_id] = service
        return records
