"""Where a caller may book: by the home of whose matter it is, the day of the service, and the sector of the service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from adapters.errors import ForeignError
from canonical.times import to_local
from hub.access import Access
from hub.usecases.directory import View
from hub.usecases.persons import Persons
from hub.usecases.ports import Failed, RequestContext, SlotQuery
from hub.usecases.world import World

Sectors = frozenset[str]
Permitted = dict[str, dict[date, Sectors | None]]
"""By installation and day, the sectors that may be booked there; None: whatever it serves in."""


@dataclass(slots=True)
class Permits:
    """Asks the routing, for somebody."""

    world: World
    persons: Persons

    async def home(self, access: Access, context: RequestContext) -> str | None:
        """The home municipality of whose matter it is ("" where the register tells none); None where it is nobody's.
        Raises `Failed` while the register is silent."""
        if access.subject is None:
            return None
        try:
            person = await self.persons.registered(access.subject, context.request_id)
        except ForeignError as error:
            raise Failed("record-system-failed", error.detail, retry_after=5.0) from error
        return person.person.municipality if person else ""

    async def of_query(
        self, access: Access, query: SlotQuery, start: datetime, end: datetime, context: RequestContext
    ) -> Permitted:
        """Where and for which days the free times of a search may be the caller's. Raises `Failed`."""
        home = await self.home(access, context)
        if home is None and not query.municipality:
            raise Failed("municipality-required")
        found: Permitted = {}
        for number in range((end - start).days + 2):
            day = to_local(start).date() + timedelta(days=number)
            for installation, sectors in self.world.routing.sectors(day, home, query.municipality).items():
                if not query.sector or not sectors.isdisjoint(query.sector):  # the services of a sector are asked for
                    found.setdefault(installation, {})[day] = self._limit(installation, sectors)
        return found

    async def of_day(
        self, access: Access, installation: str, start: datetime, context: RequestContext
    ) -> Sectors | None:
        """The sectors in which the caller may book there on a day, as in `Permitted`. Raises `Failed`."""
        home = await self.home(access, context)
        sectors = self.world.routing.sectors(to_local(start).date(), home or "").get(installation)
        if not sectors:
            raise Failed("not-bookable", expression=["Appointment.slot[0]"], facts={"installation": installation})
        return self._limit(installation, sectors)

    def _limit(self, installation: str, sectors: Sectors) -> Sectors | None:
        return None if sectors >= self.world.routing.all_sectors(installation) else sectors


def is_within(view: View | None, service: str, sectors: Sectors | None) -> bool:
    """Whether a service is of one of the sectors. One that names none is not judged: no sector is guessed."""
    if sectors is None:
        return True
    named: Sequence[str] = view.sectors(service) if view is not None else ()
    return not named or not sectors.isdisjoint(named)
