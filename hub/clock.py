"""Two clocks. Real time rules everything of the wire (leases, quiescence, deadlines); business time is the hub's
"today" (routing, past times, what may be seen from which day). In production they are the same; the sandbox moves its
own business time and publishes it in a file."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class RealClock:
    """Real time, in seconds since the epoch (`hub.journal.ports.Clock`)."""

    def now(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class BusinessClock(Protocol):
    """The hub's "today"."""

    def now(self) -> datetime:
        """An aware instant."""


class SystemClock:
    """Business time is real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class PublishedClock:
    """Business time as a file publishes it: ``{"frozen": bool, "virtual": instant, "real": instant}``.

    The file is read again whenever it changes, so a clock that is moved is moved here at once. While there is no
    (readable) file, business time is real time: the file's writer has not started yet.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp: tuple[int, int] | None = None
        self._frozen = False
        self._virtual = self._real = datetime.now(UTC)

    def now(self) -> datetime:
        try:
            found = self._file.stat()
            stamp = (found.st_mtime_ns, found.st_ino)
            if stamp != self._stamp:
                self._read()
                self._stamp = stamp
        except (OSError, ValueError, KeyError):
            if self._stamp is None:
                return datetime.now(UTC)
        elapsed = timedelta() if self._frozen else datetime.now(UTC) - self._real
        return self._virtual + elapsed

    def _read(self) -> None:
        told = json.loads(self._file.read_text("utf-8"))
        virtual, real = datetime.fromisoformat(told["virtual"]), datetime.fromisoformat(told["real"])
        self._frozen, self._virtual, self._real = bool(told["frozen"]), virtual, real
