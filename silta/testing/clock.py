"""The business clock of the world: the record systems' and the hub's "today". Real time is never moved."""

from __future__ import annotations

from datetime import datetime

from silta.testing.control import Control
from silta.testing.times import Length, Moment, instant, seconds


class Clock:
    """Frozen when a test begins, at Monday 2027-03-22 08:00 in Helsinki or where the test's marker says."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def now(self) -> datetime:
        """The business time, with its offset."""
        return datetime.fromisoformat(self._control.get("/clock")["now"])

    def freeze(self, at: Moment | None = None) -> datetime:
        """Stop the clock, now or at a time; the time it shows."""
        return self._shown(self._control.post("/clock/freeze", at=None if at is None else instant(at).isoformat()))

    def goto(self, at: Moment) -> datetime:
        """Put the clock to a time; it stays frozen or running. The time it shows."""
        return self._shown(self._control.put("/clock", now=instant(at).isoformat()))

    def advance(self, by: Length) -> datetime:
        """Move the clock on: a day is 24 hours, over a summer-time night as well. The time it shows."""
        return self._shown(self._control.post("/clock/advance", seconds=seconds(by)))

    def run(self) -> datetime:
        """Let the clock run, at the pace of real time. A journal of this test is then another in every run."""
        return self._shown(self._control.post("/clock/run"))

    def _shown(self, told: dict[str, str]) -> datetime:
        return datetime.fromisoformat(told["now"])
