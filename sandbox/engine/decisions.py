"""What the desk will decide later about pending appointments: real time, kept over a restart."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from sandbox.clock import VirtualClock
from sandbox.engine.store import OverlayStore

Decision = Literal["booked", "refused"]


class PendingDecisions:
    """Appointment id -> when (real, UTC) and what will be decided; each change is on the disk when its call returns."""

    def __init__(self, installation: str, clock: VirtualClock, store: OverlayStore) -> None:
        self._installation = installation
        self._clock = clock
        self._store = store
        self._pending: dict[str, tuple[datetime, Decision]] = {}
        for appointment_id, body in store.records(installation, "decision"):
            due, decision = body.decode("ascii").split(" ")
            self._pending[appointment_id] = datetime.fromisoformat(due), _decision(decision)

    def add(self, appointment_id: str, decision: Decision, seconds: float) -> None:
        """Plan a decision in some seconds."""
        due = self._clock.real_now() + timedelta(seconds=seconds)
        self._store.save(
            self._installation, "decision", appointment_id, f"{due.isoformat()} {decision}".encode("ascii")
        )
        self._pending[appointment_id] = due, decision

    def due(self) -> list[tuple[str, Decision]]:
        """Return (appointment id, decision) of those whose time has come."""
        now = self._clock.real_now()
        return [(one, decision) for one, (due, decision) in self._pending.items() if due <= now]

    def remove(self, appointment_id: str) -> None:
        """Forget a decision that was carried out."""
        self._store.remove(self._installation, "decision", appointment_id)
        del self._pending[appointment_id]


def _decision(text: str) -> Decision:
    return "booked" if text == "booked" else "refused"
