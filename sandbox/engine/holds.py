"""Places kept for a patient for a while: virtual time, kept over a restart."""

from __future__ import annotations

import secrets
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from sandbox.clock import HELSINKI, VirtualClock
from sandbox.engine.grid import Cell
from sandbox.engine.model import Hold
from sandbox.engine.store import OverlayStore, Row, dump_hold, load_hold
from sandbox.engine.timetable import Place

REMEMBERED: Final = timedelta(hours=24)
"""How long a hold that became an appointment is remembered, so that using it again finds the appointment."""

_KIND: Final = "hold"


class Holds:
    """The holds of one installation. A live one counts as a taken place; each change is on the disk when it returns."""

    def __init__(self, installation: str, clock: VirtualClock, store: OverlayStore) -> None:
        self._installation = installation
        self._clock = clock
        self._store = store
        self._all: dict[str, Hold] = {}
        self._by_place: defaultdict[Place, list[str]] = defaultdict(list)
        for _, body in store.records(installation, _KIND):
            self.put(load_hold(body))

    def make(self, patient: str, calendar: str, cell: Cell, *, seconds: float, reference: str) -> Hold:
        """Keep a place for some seconds of virtual time; that there is one is the caller's to know."""
        self._forget()
        ends = self._clock.now().astimezone(UTC) + timedelta(seconds=seconds)
        hold = Hold(
            token=secrets.token_urlsafe(18),
            patient=patient,
            calendar=calendar,
            start=cell.start,
            end=cell.end,
            reference=reference,
            expires_at=ends.astimezone(HELSINKI),
        )
        self._store.save(self._installation, _KIND, hold.token, dump_hold(hold))
        self.put(hold)
        return hold

    def get(self, token: str) -> Hold | None:
        """Return a live hold, or one that became an appointment in the last 24 hours; else None."""
        hold = self._all.get(token)
        return hold if hold is not None and self._known(hold) else None

    def find(self, reference: str) -> Hold | None:
        """Return what `get` would of the caller's own id; of several the one made last. Empty finds nothing."""
        if not reference:
            return None
        found = [hold for hold in self._all.values() if hold.reference == reference and self._known(hold)]
        return max(found, key=lambda hold: (hold.appointment is None, hold.expires_at.timestamp()), default=None)

    def all(self) -> list[Hold]:
        """Return every hold that `get` knows, by start and then calendar."""
        found = [hold for hold in self._all.values() if self._known(hold)]
        return sorted(found, key=lambda hold: (hold.start.timestamp(), hold.calendar))

    def live(self, place: Place) -> list[Hold]:
        """Return the holds that take this time now, in the order they were made."""
        tokens = self._by_place.get(place)
        return [self._all[token] for token in tokens if self._live(self._all[token])] if tokens else []

    def count(self, place: Place) -> int:
        """Return how many holds take this time now."""
        return len(self.live(place))

    def used(self, hold: Hold, appointment: str) -> tuple[Hold, Row]:
        """Return a hold as it is once it became an appointment, and its record: the caller saves it, and then puts."""
        used = replace(hold, appointment=appointment, used_at=self._clock.now())
        return used, (_KIND, used.token, dump_hold(used))

    def put(self, hold: Hold) -> None:
        """Add a hold, or replace the one of its token, in memory."""
        if hold.token not in self._all:
            self._by_place[_place(hold)].append(hold.token)
        self._all[hold.token] = hold

    def release(self, token: str) -> None:
        """Free the place. No error if there is nothing to free; one that became an appointment stays what it is."""
        hold = self._all.get(token)
        if hold is not None and hold.appointment is None:
            self._remove(hold)

    def _live(self, hold: Hold) -> bool:
        return hold.appointment is None and hold.expires_at.timestamp() > self._clock.now().timestamp()

    def _known(self, hold: Hold) -> bool:
        if hold.used_at is None:
            return self._live(hold)
        return hold.used_at.timestamp() + REMEMBERED.total_seconds() > self._clock.now().timestamp()

    def _forget(self) -> None:
        for hold in [one for one in self._all.values() if not self._known(one)]:
            self._remove(hold)

    def _remove(self, hold: Hold) -> None:
        self._store.remove(self._installation, _KIND, hold.token)
        del self._all[hold.token]
        self._by_place[_place(hold)].remove(hold.token)


def _place(hold: Hold) -> Place:
    return hold.calendar, int(hold.start.timestamp())


def is_for(hold: Hold | None, patient: str, calendar: str, start: datetime) -> bool:
    """Return whether a hold keeps this very place for this patient."""
    return hold is not None and hold.patient == patient and _place(hold) == (calendar, int(start.timestamp()))
