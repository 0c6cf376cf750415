"""The sandbox's virtual clock: business time.

Two clocks run in the sandbox. The virtual clock rules calendars, "today" and the time stamps of records; it can be
frozen, moved and read by other processes from a small file. Real time rules everything of the wire: tokens, time-outs
and the delays of faults. Moving one never moves the other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

HELSINKI = ZoneInfo("Europe/Helsinki")


class ClockError(Exception):
    """The clock's file cannot be used, or a naive time was given; the text says what to do."""


def real_now() -> datetime:
    """Return the real instant, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ClockState:
    """What the clock's file holds: `virtual` held at the real instant `real`; frozen clocks stay at `virtual`."""

    frozen: bool
    virtual: datetime
    real: datetime

    def at(self, real: datetime) -> datetime:
        """Return the virtual instant at the real instant `real`, in Europe/Helsinki."""
        # Added in UTC: adding to a Helsinki time would move the wall clock, which is wrong over a summer-time night.
        elapsed = timedelta(0) if self.frozen else real - self.real
        return (self.virtual.astimezone(UTC) + elapsed).astimezone(HELSINKI)

    def as_json(self) -> dict[str, object]:
        """Return the state in the shape of the clock's file (instants in ISO-8601 with offset)."""
        return {"frozen": self.frozen, "virtual": self.virtual.isoformat(), "real": self.real.isoformat()}


class VirtualClock:
    """Business time, kept in a file other processes may read; written (temporary file and rename) at every change.

    Without a `path` the clock lives in memory only (tests). `real` is the source of real time, a seam for tests.
    """

    def __init__(
        self,
        start: datetime,
        *,
        path: Path | None = None,
        frozen: bool = False,
        real: Callable[[], datetime] = real_now,
    ) -> None:
        self._path = path
        self._real = real
        self._state = ClockState(frozen=frozen, virtual=_aware(start), real=real())
        self._write()

    @classmethod
    def open(cls, path: Path, start: datetime, *, real: Callable[[], datetime] = real_now) -> VirtualClock:
        """Return the clock of `path`, going on where it was; without the file, a clock running from `start`.

        Raises ClockError if the file exists and is not a clock's file.
        """
        if not path.exists():
            return cls(start, path=path, real=real)
        state = read_clock_file(path)
        clock = cls(state.virtual, real=real)
        clock._path, clock._state = path, state
        clock._write()
        return clock

    @property
    def state(self) -> ClockState:
        """The state as written to the file."""
        return self._state

    def now(self) -> datetime:
        """Return the virtual now, in Europe/Helsinki."""
        return self._state.at(self._real())

    def real_now(self) -> datetime:
        """Return the real now, in UTC, from the clock's own source of real time."""
        return self._real()

    def set(self, at: datetime) -> None:
        """Put the clock to the instant `at` (aware); it stays frozen or running as it was."""
        self._change(frozen=self._state.frozen, virtual=_aware(at))

    def advance(self, by: timedelta) -> None:
        """Move the clock by a length of real elapsed time (24 h is 24 h, also over a summer-time night)."""
        self._change(frozen=self._state.frozen, virtual=self.now().astimezone(UTC) + by)

    def freeze(self, at: datetime | None = None) -> None:
        """Stop the clock now, or at the instant `at`."""
        self._change(frozen=True, virtual=self.now() if at is None else _aware(at))

    def run(self) -> None:
        """Let the clock run from where it is, at the pace of real time."""
        self._change(frozen=False, virtual=self.now())

    def restart(self, start: datetime) -> None:
        """Put the clock to `start` and let it run."""
        self._change(frozen=False, virtual=_aware(start))

    def _change(self, *, frozen: bool, virtual: datetime) -> None:
        self._state = ClockState(frozen=frozen, virtual=virtual.astimezone(HELSINKI), real=self._real())
        self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        temporary = self._path.with_name(self._path.name + ".tmp")
        with temporary.open("w", encoding="ascii") as file:
            json.dump(self._state.as_json(), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)


def read_clock_file(path: Path) -> ClockState:
    """Return the state held by a clock's file. Raises ClockError if it is not one."""
    try:
        data = json.loads(path.read_text(encoding="ascii"))
        return ClockState(
            frozen=bool(data["frozen"]),
            virtual=_aware(datetime.fromisoformat(data["virtual"])).astimezone(HELSINKI),
            real=_aware(datetime.fromisoformat(data["real"])),
        )
    except (ValueError, KeyError, TypeError) as err:
        raise ClockError(
            f"{path} is not a clock file ({err}). Delete it: the clock then starts from its first day."
        ) from err


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ClockError("A time without an offset was given. Write it with one, such as 2027-03-22T08:00:00+02:00.")
    return instant
