"""Who a resident is: demographics from the population register, and who they are at each installation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from adapters.errors import ForeignError, Unavailable
from canonical import hetu as hetus
from canonical.model import LocalPatient, Person, Record, RegisteredPerson
from hub.access import Access
from hub.store.ingest import Observation
from hub.usecases.ports import Failed, RequestContext
from hub.usecases.world import World

REGISTER = "population-register"
FRESH = 3600.0
"""Seconds a person's demographics serve without asking the register again (a read of the Patient asks sooner)."""
REMEMBERED = 60.0
"""Seconds a patient number serves from memory: another process of the hub may have learned that it is nobody's now."""
MOST = 50_000
"""How many people, and numbers of people, are remembered: all else the store and the register tell again."""
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(slots=True)
class Persons:
    """Residents by their hub Patient id."""

    world: World
    _known: dict[str, tuple[float, RegisteredPerson]] = field(default_factory=dict)
    _links: dict[tuple[str, str], tuple[float, LocalPatient]] = field(default_factory=dict)

    async def whose(self, access: Access, context: RequestContext) -> Person:
        """Whose matter it is. Raises `Failed` where the register is silent or does not know them."""
        assert access.subject is not None
        try:
            found = await self.registered(access.subject, context.request_id)
        except ForeignError as error:
            raise Failed("record-system-failed", error.detail, retry_after=5.0) from error
        if found is None:
            raise Failed("forbidden", "the population register does not know the person")
        return found.person

    async def registered(self, subject: str, request_id: str, *, fresh: bool = False) -> RegisteredPerson | None:
        """What the register says, from memory while it is fresh; None for nobody.

        Raises `Unavailable` when the register is silent and nothing is known (or ``fresh`` was asked for).
        """
        now = self.world.real.now()
        kept = self._known.get(subject)
        if kept and not fresh and now - kept[0] < FRESH:
            return kept[1]
        hetu = await self.world.store.people.hetu(subject)
        try:
            found = await self.world.register.person(self.world.call(REGISTER, request_id), hetu)
        except Unavailable:
            if kept and not fresh:
                return kept[1]
            raise
        if found is None:
            return None
        _keep(self._known, subject, (now, found))
        seen = Observation(REGISTER, now, self.world.real.now(), by_write=False)
        await self.world.store.people.put(
            subject, Record("Patient", subject, found.patient), found.person.birth_date, seen
        )
        return found

    async def link(self, subject: str, installation: str, request_id: str, limit: float) -> LocalPatient | None:
        """Who the person is at the installation: asked once, kept. None where they are not known there."""
        if (known := self.known_link(subject, installation)) is not None:
            return known
        kept = await self.world.store.people.link(subject, installation)
        if kept is not None and kept.number is not None:
            return self._remember(subject, installation, LocalPatient(kept.number, kept.hetu))
        if kept is not None and self.world.real.now() - kept.asked_at < self.world.settings.ask_again:
            return None
        return await self.ask(subject, installation, request_id, limit)

    def known_link(self, subject: str, installation: str) -> LocalPatient | None:
        """Who the person is at the installation, from memory. None says nothing: use `link`."""
        at, known = self._links.get((subject, installation), (0.0, None))
        return known if self.world.real.now() - at < REMEMBERED else None

    def _remember(self, subject: str, installation: str, found: LocalPatient) -> LocalPatient:
        _keep(self._links, (subject, installation), (self.world.real.now(), found))
        return found

    async def forget_link(self, subject: str, installation: str) -> None:
        """The number is nobody's any more: ask again next time."""
        self._links.pop((subject, installation), None)
        await self.world.store.people.forget_link(subject, installation)

    async def ask(self, subject: str, installation: str, request_id: str, limit: float) -> LocalPatient | None:
        """Ask the installation who the person is there, and keep the answer."""
        hetu = await self.world.store.people.hetu(subject)
        if hetus.is_temporary(hetu) and not self.world.settings.match_temporary_ids:
            return None  # a 9xx number may be two people's at two installations: joined only where configured
        call = self.world.call(installation, request_id, limit=limit)
        found = await self.world.adapters[installation].find_person(call, hetu)
        number = found.number if found else None
        self._links.pop((subject, installation), None)
        await self.world.store.people.keep_link(subject, installation, number, self.world.real.now())
        return found


def _keep(memory: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Remember it, at the cost of what was learned longest ago."""
    memory.pop(key, None)
    memory[key] = value
    if len(memory) > MOST:
        del memory[next(iter(memory))]
