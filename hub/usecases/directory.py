"""Units, services, professionals and calendars of every installation: asked at start and now and then, kept in the
projection for reading, and here for finding out which of them a search means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from adapters.errors import ForeignError
from canonical import codes
from canonical.fhir import Element, Resource
from canonical.fhir import codes as codes_of
from hub.criteria import Reference, Token
from hub.resources import references_in
from hub.store.ingest import Observation
from hub.usecases import abilities
from hub.usecases.asking import Asking
from hub.usecases.ports import SlotQuery
from hub.usecases.world import World

_log = structlog.get_logger("directory")
RETRY = 2.0
"""Seconds until an installation whose directory could not be had is asked again."""


@dataclass(frozen=True, slots=True)
class View:
    """One installation's directory by local ids. ``ids`` gives the hub id of (kind, local id); ``at`` is real time."""

    installation: str
    at: float
    resources: Mapping[tuple[str, str], Resource]
    ids: Mapping[tuple[str, str], str]

    def of(self, kind: str) -> Iterable[tuple[str, Resource]]:
        """(local id, resource) of a kind."""
        return ((local, r) for (k, local), r in self.resources.items() if k == kind)

    def categories(self, service: str) -> list[Element]:
        """The categories of a service (of which its free times are, too), but for our own sectors."""
        found = self.resources.get(("HealthcareService", service), {}).get("category", ())
        return [one for one in found if not any(system == codes.SECTOR for system, _ in codes_of([one]))]

    def sectors(self, service: str) -> list[str]:
        """Our own sectors that a service is of; none where it names none."""
        found = self.resources.get(("HealthcareService", service), {}).get("category", ())
        return [code for system, code in codes_of(found) if system == codes.SECTOR]

    def services(self, query: SlotQuery) -> frozenset[str] | None:
        """Local ids of the services a query means; None for all."""
        if not (query.service_type or query.service_category or query.sector or query.specialty):
            return None
        return frozenset(local for local, service in self.of("HealthcareService") if _means(service, query))

    def schedules(self, query: SlotQuery) -> frozenset[str] | None:
        """Local ids of the schedules a query means; None for all."""
        if not (query.schedule or query.actor or query.language or query.around):
            return None
        wanted = {r.id for r in query.schedule if r.kind in (None, "Schedule")}
        actors = {r.id for r in query.actor}
        return frozenset(
            local
            for local, schedule in self.of("Schedule")
            if (not query.schedule or self.ids.get(("Schedule", local)) in wanted)
            and (not query.actor or actors & self._actors(schedule))
            and all(self._is_around(schedule, wanted) for wanted in query.around)
            and (not query.language or self._speaks(schedule, query.language))
        )

    def _actors(self, schedule: Resource) -> set[str]:
        return {self.ids[pair] for pair in _actors(schedule) if pair in self.ids}

    def _is_around(self, schedule: Resource, wanted: Iterable[Reference]) -> bool:
        """Whether one of ``wanted`` is an actor of the calendar; or, of a type that none of its actors is of, what an
        actor belongs to (a place's organisation), or what that does."""
        actors = set(_actors(schedule))
        types = {kind for kind, _ in actors}
        near = {self.ids.get(pair) for pair in actors}
        behind = {self.ids.get(pair) for pair in self._behind(actors) if pair[0] not in types}
        return any(one.id in near or (one.kind not in types and one.id in behind) for one in wanted)

    def _behind(self, actors: set[tuple[str, str]]) -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        ring = actors
        for _ in range(2):
            ring = {pair for one in ring for pair in references_in(self.resources.get(one, {}))} - found
            found |= ring
        return found

    def _speaks(self, schedule: Resource, languages: Iterable[str]) -> bool:
        """Whether the professional of a calendar, or its service, is offered in one of the languages."""
        spoken: set[str] = set()
        for pair in _actors(schedule):
            spoken |= {code for _, code in codes_of(self.resources.get(pair, {}).get("communication", ()))}
        return bool(spoken & set(languages))


def _actors(schedule: Resource) -> Iterable[tuple[str, str]]:
    for actor in schedule.get("actor", ()):
        kind, _, local = actor.get("reference", "").partition("/")
        yield kind, local


def _means(service: Resource, query: SlotQuery) -> bool:
    types = set(codes_of(service.get("type", ())))
    categories = set(codes_of(service.get("category", ())))
    sectors = {code for system, code in categories if system == codes.SECTOR}
    return (
        _any(types, query.service_type)
        and _any(categories, query.service_category)
        and _any(set(codes_of(service.get("specialty", ()))), query.specialty)
        and (not query.sector or bool(sectors & set(query.sector)))
    )


def _any(found: set[tuple[str, str]], wanted: Iterable[Token]) -> bool:
    asked = list(wanted)
    return not asked or any(
        (token.code is None or token.code == code) and (token.system is None or token.system == system)
        for token in asked
        for system, code in found
    )


@dataclass(slots=True)
class Directory:
    """Every installation's directory, as far as it could be had."""

    world: World
    asking: Asking
    _views: dict[str, View] = field(default_factory=dict)

    def view(self, installation: str) -> View | None:
        return self._views.get(installation)

    async def refresh(self, installation: str) -> bool:
        """Ask for the directory; whether it came."""
        world = self.world
        call = world.call(installation, f"directory:{installation}")
        started = world.real.now()
        try:
            records = await self.asking.one(installation, world.adapters[installation].directory(call))
        except ForeignError as error:
            _log.warning("directory not had", installation=installation, why=error.detail)
            return False
        profile = world.adapters[installation].profile
        records = [abilities.said_of(one, profile) for one in records]
        seen = Observation(installation, started, world.real.now(), by_write=False)
        ids = await world.store.projection.ingest(records, seen)
        resources = {(r.kind, r.local_id): r.resource for r in records}
        self._views[installation] = View(installation, seen.ended, resources, ids)
        return True

    async def keep(self, installation: str) -> None:
        """Refresh for ever: soon after a failure, else at the configured pace."""
        while True:
            came = await self.refresh(installation)
            await self.world.real.sleep(self.world.settings.directory_every if came else RETRY)
