"""One sandbox put together: clock, store, population, and every installation with its engine, faults and journal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import orjson

from sandbox.clock import HELSINKI, VirtualClock
from sandbox.config import SandboxConfig
from sandbox.engine.store import OverlayStore
from sandbox.engine.system import RecordSystem
from sandbox.face import Face, InstallationConfig
from sandbox.faults import FaultBook
from sandbox.installations import SYSTEMS, InstallationData, load_installation
from sandbox.journal import Journal
from sandbox.population.person import Population
from sandbox.population.test_persons import standing_faults
from sandbox.seeding import SeededContent, seeded_content, seeded_population
from sandbox.snapshots import Snapshots

CLOCK_FILE: Final = "clock.json"
STORE_FILE: Final = "sandbox.sqlite"


@dataclass(slots=True)
class Installation:
    """One installation. `face` is None until it was made; `problem` says why it does not listen, when it does not."""

    data: InstallationData
    config: InstallationConfig
    system: RecordSystem
    faults: FaultBook
    journal: Journal
    face: Face | None = None
    problem: str | None = None

    def make_face(self) -> Face:
        """Return a new face of this installation, not started."""
        return SYSTEMS[self.data.system].face_maker()(self.config, self.system, self.faults, self.journal)


@dataclass(frozen=True, slots=True)
class WorldKey:
    """What the seeded content follows from. Kept in the overlay: changes laid over another world would be nonsense."""

    seed: int
    residents: int
    start: str


class World:
    """The whole sandbox without its listeners. Open it once per state directory, on the thread of the event loop."""

    def __init__(self, config: SandboxConfig, state: Path) -> None:
        """Open the state directory; go on where it was. Raises StoreError or ClockError if it cannot be used."""
        self.config = config
        self.state = state
        self.store = OverlayStore(state / STORE_FILE)
        self.snapshots = Snapshots(state)
        self._key = self._kept_key() or self._keep(self._configured_key(config.seed))
        self.clock = VirtualClock.open(state / CLOCK_FILE, self.first_instant)
        self.population = self._populate()
        self.installations = {name: self._open(name) for name in config.installations}

    @property
    def seed(self) -> int:
        """The seed this world follows from."""
        return self._key.seed

    def reset(self, seed: int | None = None) -> None:
        """Put data, faults, journals and clock back to the first day of a seed (the configured one if None)."""
        self.store.clear()
        self._key = self._keep(self._configured_key(self.config.seed if seed is None else seed))
        self.clock.restart(self.first_instant)
        self._restart()

    @property
    def snapshot(self) -> str | None:
        """The snapshot this world was last saved as or loaded from; what happened since is not in it."""
        kept = self.store.read("", "meta", "snapshot")
        return None if kept is None else kept.decode("ascii")

    def save_snapshot(self, name: str) -> None:
        """Copy the whole state, clock included, to a snapshot; an older one of the name is replaced."""
        path = self.snapshots.new(name)
        at = {"virtual": self.clock.now(), "frozen": self.clock.state.frozen}
        self.store.save_all("", [("meta", "snapshot", name.encode("ascii")), ("meta", "clock", orjson.dumps(at))])
        self.store.copy_to(path)

    def load_snapshot(self, name: str) -> None:
        """Go back to a snapshot: data, seed and clock as they were, no armed faults, empty journals.

        What the desk was to decide after some seconds of real time is decided at once if they are over by now. Raises
        UnknownSnapshot, or StoreError for a damaged one; nothing is changed then.
        """
        self.store.take_from(self.snapshots.of(name))
        kept_key, kept_clock = self._kept_key(), self.store.read("", "meta", "clock")
        assert kept_key is not None
        assert kept_clock is not None
        self._key, clock = kept_key, orjson.loads(kept_clock)
        at = datetime.fromisoformat(clock["virtual"])
        if clock["frozen"]:
            self.clock.freeze(at)
        else:
            self.clock.restart(at)
        self._restart()

    def _restart(self) -> None:
        """Begin again from what the store holds."""
        self.population = self._populate()
        for one in self.installations.values():
            one.faults.clear()
            one.journal.clear()
            one.system.restart(self._content(one.data.name))

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def _open(self, name: str) -> Installation:
        data = load_installation(name)
        settings = self.config.installations[name]
        config = InstallationConfig(
            name=name,
            system=data.system,
            release=data.release,
            municipalities=data.municipalities,
            sectors=data.sectors,
            host=self.config.host,
            port=settings.port,
            credentials=settings.credentials,
            options={**data.options, **settings.options},
        )
        system = RecordSystem(self._content(name), self.clock, self.store)
        return Installation(data, config, system, FaultBook(standing_faults()), Journal(self.clock.now))

    def _content(self, name: str) -> SeededContent:
        return seeded_content(name, self._key.seed, self._key.residents, self.first_instant.date())

    def _populate(self) -> Population:
        return seeded_population(self._key.seed, self._key.residents, self.first_instant.date())

    @property
    def first_instant(self) -> datetime:
        """The virtual instant this world begins at, in Europe/Helsinki."""
        return datetime.fromisoformat(self._key.start).astimezone(HELSINKI)

    def _configured_key(self, seed: int) -> WorldKey:
        return WorldKey(seed, self.config.residents, self.config.start.isoformat())

    def _kept_key(self) -> WorldKey | None:
        kept = self.store.read("", "meta", "world")
        return None if kept is None else WorldKey(**orjson.loads(kept))

    def _keep(self, key: WorldKey) -> WorldKey:
        self.store.save("", "meta", "world", orjson.dumps(key))
        return key
