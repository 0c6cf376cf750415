"""Which installation serves a municipality and a sector on a day. Data, not code: ``[[route]]`` in the configuration.

The day is the day of the service: a visit after a change of record system belongs to the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Route:
    """From ``first`` to ``last`` (inclusive; None: open) ``installation`` serves ``municipality`` in ``sector``."""

    municipality: str
    sector: str
    installation: str
    first: date | None = None
    last: date | None = None

    def holds(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class Routing:
    """All routes of a county. ``open_county``: its residents may use each other's services too.

    A municipality is the county's on the days on which something serves it.
    """

    routes: Sequence[Route]
    open_county: bool

    def serving(self, municipality: str, day: date, sector: str | None = None) -> frozenset[str]:
        """The installations that serve a municipality on ``day``."""
        return frozenset(
            r.installation
            for r in self.routes
            if r.municipality == municipality and r.holds(day) and sector in (None, r.sector)
        )

    def bookable(self, municipality: str, day: date, sector: str | None = None) -> frozenset[str]:
        """The installations where a resident of ``municipality`` may book for ``day``."""
        if self.open_county and self.serving(municipality, day):
            return frozenset(r.installation for r in self.routes if r.holds(day) and sector in (None, r.sector))
        return self.serving(municipality, day, sector)

    def sectors(self, installation: str, municipality: str, day: date) -> frozenset[str]:
        """The sectors in which a resident of ``municipality`` may book for ``day`` at the installation."""
        named = {r.sector for r in self.routes if r.installation == installation}
        return frozenset(one for one in named if installation in self.bookable(municipality, day, one))


def overlaps(routes: Iterable[Route]) -> list[str]:
    """What is wrong with a set of routes: a municipality and sector served by two installations on one day."""
    wrong = []
    known: list[Route] = []
    for route in routes:
        for other in known:
            same = (other.municipality, other.sector) == (route.municipality, route.sector)
            if same and _share_a_day(other, route):
                pair = f"{other.installation} and {route.installation}"
                wrong.append(f"{route.municipality}/{route.sector}: {pair} on the same days")
        known.append(route)
    return wrong


def _share_a_day(a: Route, b: Route) -> bool:
    starts_before_end = a.first is None or b.last is None or a.first <= b.last
    ends_after_start = b.first is None or a.last is None or b.first <= a.last
    return starts_before_end and ends_after_start
