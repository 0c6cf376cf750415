"""Times that the simulation's master keeps for somebody: each is shown to nobody, and ends by itself."""

from __future__ import annotations

from dataclasses import dataclass

HELD_FOR = (45.0, 900.0)
"""Seconds for which a master keeps a time: one of these. The shorter is over before a lost answer is asked for again
a second time."""


@dataclass(slots=True)
class Hold:
    """From ``since`` until ``until`` (or sooner, when it is used or given back), for the command ``tag``."""

    tag: str
    placer: str
    patient: str
    slot: int
    since: float
    until: float

    @property
    def token(self) -> str:
        return f"t-{self.placer}-{self.since}"

    def stands(self, at: float) -> bool:
        return self.since <= at < self.until
