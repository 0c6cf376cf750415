"""Everything a use case may touch, in one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from adapters.base import Adapter, PopulationRegister
from adapters.call import Call
from hub.clock import BusinessClock, RealClock
from hub.config import HubSection
from hub.routing import Routing
from hub.sealing import Sealer
from hub.store import Store


def _nothing(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class World:
    """The hub's surroundings: configuration, store, record systems, clocks.

    ``names`` are the installations in the order of the configuration's history: a slot id holds the index, so an
    installation is appended, never removed or moved.
    """

    settings: HubSection
    store: Store
    sealer: Sealer
    adapters: Mapping[str, Adapter]
    register: PopulationRegister
    routing: Routing
    today: BusinessClock
    real: RealClock = field(default_factory=RealClock)
    reached: Callable[[str], None] = _nothing

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.adapters)

    def call(
        self, installation: str, request_id: str, *, command_id: str | None = None, limit: float | None = None
    ) -> Call:
        """The context of one foreign call; ``limit`` shortens the installation's own."""
        own = self.adapters[installation].profile.limit if installation in self.adapters else self.register.limit
        return Call(
            request_id=request_id,
            limit=own if limit is None else max(0.05, min(limit, own)),
            recorder=self.store.exchanges.to(installation),
            command_id=command_id,
            reached=self.reached if command_id else _nothing,
        )
