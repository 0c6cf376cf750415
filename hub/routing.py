"""Which installation serves a municipality and a sector on a day. Data, not code: ``[[route]]`` in the configuration.

The day is the day of the service: a visit after a change of record system belongs to the new one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

_KEPT: Final = 10_000
_Question = tuple[date, str | None, tuple[str, ...]]


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
    _answers: dict[_Question, dict[str, frozenset[str]]] = field(default_factory=dict, compare=False, repr=False)
    """Of `sectors`, kept: a search asks for every day of its span."""
    _all: dict[str, frozenset[str]] = field(default_factory=dict, compare=False, repr=False)

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

    def sectors(self, day: date, resident_of: str | None, serving: Collection[str] = ()) -> dict[str, frozenset[str]]:
        """By installation, the sectors in which it may be booked for ``day``: by a resident of a municipality ("":
        nobody knows which; None: whoever it is), where it serves one of ``serving`` (empty: any)."""
        question = (day, resident_of, tuple(serving))
        found = self._answers.get(question)
        if found is None:
            if len(self._answers) >= _KEPT:
                self._answers.clear()
            found = self._answers[question] = self._sectors(day, resident_of, serving)
        return found

    def _sectors(self, day: date, resident_of: str | None, serving: Collection[str]) -> dict[str, frozenset[str]]:
        routes = [r for r in self.routes if r.holds(day)]
        may = {(r.installation, r.sector) for r in routes if self._is_open(r, resident_of, routes)}
        asked = {(r.installation, r.sector) for r in routes if not serving or r.municipality in serving}
        found: dict[str, set[str]] = {}
        for installation, sector in may & asked:
            found.setdefault(installation, set()).add(sector)
        return {installation: frozenset(some) for installation, some in found.items()}

    def _is_open(self, route: Route, resident_of: str | None, routes: Sequence[Route]) -> bool:
        if resident_of is None or route.municipality == resident_of:
            return True
        return self.open_county and any(r.municipality == resident_of for r in routes)

    def all_sectors(self, installation: str) -> frozenset[str]:
        """In which an installation serves anybody, on whatever day."""
        found = self._all.get(installation)
        if found is None:
            found = self._all[installation] = frozenset(r.sector for r in self.routes if r.installation == installation)
        return found


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
