"""The composition root: the one place that opens concrete adapters and ties everything together."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

import structlog

from adapters.base import Adapter
from adapters.population_register import PopulationRegisterClient
from adapters.systems import systems
from hub.access import Access
from hub.api.settings import ApiSettings
from hub.clock import BusinessClock, PublishedClock, SystemClock
from hub.config import HubSection, Settings
from hub.failpoints import Failpoints
from hub.journal.delivery import Journal
from hub.journal.ports import Ports
from hub.journal.rules import Patience
from hub.journal.sweeper import EVERY, sweep
from hub.sealing import Sealer
from hub.slots import SlotIds
from hub.store import Store, upgrade
from hub.store.errors import StoreUnavailable
from hub.usecases.answers import Answers
from hub.usecases.appointments import Appointments, Patients
from hub.usecases.asking import Asking
from hub.usecases.booking import Booking
from hub.usecases.cancelling import Cancelling
from hub.usecases.changing import Changing
from hub.usecases.deliveries import Deliveries
from hub.usecases.directory import Directory
from hub.usecases.facade import Hub
from hub.usecases.freetimes import FreeTimes
from hub.usecases.holding import Holding
from hub.usecases.moving import Moving
from hub.usecases.permits import Permits
from hub.usecases.persons import Persons
from hub.usecases.wire import Wire
from hub.usecases.worklist import Worklist
from hub.usecases.world import World
from hub.worker import Wakeups

_log = structlog.get_logger("hub")

TIDY_EVERY: Final = 3600.0
GRACE: Final = 8.0
"""Seconds that running deliveries get when the hub stops."""


def open_adapters(settings: Settings) -> dict[str, Adapter]:
    """One adapter per configured installation. Raises `Misconfigured` (options) or LookupError (a system that is not
    known, or whose package does not load)."""
    known = systems()
    opened: dict[str, Adapter] = {}
    for one in settings.installations():
        if one.system not in known:
            raise LookupError(
                f"installation {one.name}: no adapter for {one.system!r}; there are: {sorted(known)}. "
                "Install the package that brings it, beside sotesilta"
            )
        opened[one.name] = known[one.system](one)
    return opened


def business_clock(hub: HubSection) -> BusinessClock:
    """The hub's "today"."""
    return SystemClock() if hub.clock == "system" else PublishedClock(Path(hub.clock.removeprefix("file:")))


def sealer(hub: HubSection) -> Sealer:
    """What seals the store's columns. Raises ValueError for a key that is not 32 bytes."""
    return Sealer(base64.urlsafe_b64decode(hub.key + "=" * (-len(hub.key) % 4)))


class Running:
    """A hub with everything it needs, from `start` to `stop`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        hub = settings.hub
        upgrade(hub.store)
        seal = sealer(hub)
        failpoints = Failpoints(Path(hub.failpoints) if hub.failpoints else None)
        self.world = World(
            settings=hub,
            store=Store.open(hub.store, seal),
            sealer=seal,
            adapters=open_adapters(settings),
            register=PopulationRegisterClient(settings.register_.address, settings.register_.api_key),
            routing=settings.routing(),
            today=business_clock(hub),
            reached=failpoints,
        )
        persons = Persons(self.world)
        wire = Wire(self.world, persons)
        self.ports = Ports(
            clock=self.world.real,
            rng=secrets.SystemRandom(),
            store=self.world.store.journal,
            net=wire,
            owner=f"{os.getpid()}-{secrets.token_hex(4)}",
            reached=failpoints,
        )
        patience = Patience(first_look=hub.first_look, longest_wait=hub.longest_wait, give_up=hub.give_up)
        journal = wire.journal = Journal(self.ports, patience=patience)
        self.deliveries = Deliveries(journal, self.world.store)
        self.worklist = Worklist(self.world, journal)
        self.hub = self._hub(persons)
        self._tasks: list[asyncio.Task[None]] = []
        self._wakeups: Wakeups | None = None

    def _hub(self, persons: Persons) -> Hub:
        world, asking, answers = self.world, Asking(self.world), Answers(self.world.store)
        directory = Directory(world, asking)
        free = FreeTimes(world, SlotIds(world.sealer), directory, Permits(world, persons), asking)
        appointments = Appointments(world, persons, asking)
        booking = Booking(world, persons, appointments, free, self.deliveries, answers)
        changing = Changing(world, persons, appointments, free, self.deliveries, answers)
        cancelling, moving = Cancelling(changing), Moving(changing)
        patients = Patients(world, persons)
        tokens: dict[str, Access] = {}
        holding = Holding(world, booking)
        writes = (booking, holding, cancelling, moving)
        made = Hub(world, tokens, *writes, appointments, patients, free, directory, asking, answers)
        booking.search_own = made.own_appointments
        return made

    async def start(self) -> None:
        """Know the tokens' residents, free what the last process of this store held, and begin the steady work."""
        await self._meet_residents()
        if self.settings.hub.store.startswith("sqlite:"):
            # One process owns a SQLite store (the caller holds its lock): whoever held a lease is dead.
            await self.world.store.journal.release_all()
        self._wakeups = self._made_wakeups(consume=not self.settings.hub.broker)
        self._tasks = [asyncio.create_task(self._sweep(self._wakeups)), asyncio.create_task(self._tidy())]
        self._tasks += [asyncio.create_task(self.hub.directory.keep(name)) for name in self.world.names]

    async def work(self, alive: Path | None = None) -> None:
        """A worker's part, without end: settle what the queue and the sweeper bring. ``alive`` is touched after each
        look at the database that went well."""
        self._wakeups = self._made_wakeups(consume=True)
        await self._sweep(self._wakeups, alive)

    def _made_wakeups(self, *, consume: bool) -> Wakeups:
        hub, loop = self.settings.hub, asyncio.get_running_loop()
        return Wakeups(hub.broker, self.deliveries.settle, loop, queue=hub.queue, consume=consume)

    async def _meet_residents(self) -> None:
        people, tokens = self.world.store.people, dict[str, Access]()
        for token in self.settings.token:
            resident = await people.meet(token.resident) if token.resident else None
            acting_for = await people.meet(token.acting_for) if token.acting_for else None
            tokens[token.sha256] = Access(token.client, resident, acting_for, token.purpose)
        self.hub.tokens = tokens

    async def _sweep(self, wakeups: Wakeups, alive: Path | None = None) -> None:
        while True:
            try:
                await sweep(self.ports, wakeups.wake)
                if alive is not None:
                    await asyncio.to_thread(alive.touch)
            except StoreUnavailable as error:
                _log.error("cannot look for open commands", why=str(error))
            await self.world.real.sleep(EVERY)

    async def _tidy(self) -> None:
        """Forget the Idempotency-Keys whose published time is over, and the holds that are over."""
        while True:
            try:
                await self.world.store.answers.forget(self.world.real.now() - self.settings.hub.keys_kept)
                await self.world.store.holds.forget(self.world.today.now())
            except StoreUnavailable as error:
                _log.error("cannot forget old keys", why=str(error))
            await self.world.real.sleep(TIDY_EVERY)

    async def stop(self) -> None:
        """Take nothing new, give what runs a moment, write what waits."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._wakeups is not None:
            await self._wakeups.stop()
        await self.deliveries.close(GRACE)
        for adapter in self.world.adapters.values():
            await adapter.close()
        await self.world.register.close()
        await self.world.store.close()


def api_settings(settings: Settings, made: Running) -> ApiSettings:
    """What the HTTP face needs of the configuration. Its examples are named as the demo names its tokens."""
    examples = {t.example.split("_")[1]: t.example for t in settings.token if t.example}
    return ApiSettings(
        public_url=settings.hub.public_url,
        version=version("sotesilta"),
        deadline=settings.hub.deadline,
        examples=examples,
        clock=made.world.real.now,
        reached=made.world.reached,
    )


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """A started hub, stopped at the end."""
    made = Running(settings)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
