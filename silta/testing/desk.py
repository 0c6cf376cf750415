"""An installation of a record system, as its own people use it, and what can go wrong there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from silta.testing.control import Control, SandboxRefused
from silta.testing.journal import Journal
from silta.testing.outcome import Outcome, Resource, Slot, placer_of
from silta.testing.times import Length, Moment, instant, seconds

LIVE: Final = ("booked", "pending", "proposed")
_ALWAYS: Final = 10_000
_TIMES: Final = frozenset({"start", "end", "created", "updated"})


@dataclass(frozen=True, slots=True)
class Booking:
    """An appointment as the record system has it, in one shape for all. ``person`` is a HETU; ``placer_id`` the hub's
    own id, None where the desk booked; ``status`` booked, cancelled, noshow, fulfilled, pending or proposed."""

    id: str
    placer_id: str | None
    person: str
    start: datetime
    end: datetime
    unit: str
    service: str
    calendar: str
    professional: str
    status: str
    version: int
    booked_by: str
    text: str
    reason: str
    restriction_parent: int | None
    by_resident: bool
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class FreeTime:
    """A time that the desk may book."""

    calendar: str
    professional: str
    unit: str
    service: str
    start: datetime
    end: datetime
    left: int


Which = Booking | Outcome | Resource | str
"""A booking of the installation's: as the desk has it, as the hub has it, or its id there."""


class Installation:
    """One installation. What is done here is done by the unit's own people: no fault and no test person's behaviour
    ever applies to it. Every call raises `SandboxRefused` where the record system refuses."""

    def __init__(
        self, control: Control, told: Mapping[str, Any], journal: Journal, find: Callable[[str], Installation]
    ) -> None:
        self.name: str = told["name"]
        self.system: str = told["system"]
        self.municipality: str = told["municipalities"][0]
        self.sectors: tuple[str, ...] = tuple(told["sectors"])
        self.journal: Journal = journal
        """What it received and sent in this test."""
        self._control = control
        self._find = find
        self._at = f"/installations/{self.name}"

    def at(self, name: str) -> Installation:
        """Another installation, by its name (``lifecare-askola``) or what follows the system in it (``askola``)."""
        return self._find(name if name.startswith(f"{self.system}-") else f"{self.system}-{name}")

    # ---- what there is

    def bookings(
        self,
        of: Outcome | Resource | None = None,
        *,
        person: str | None = None,
        start: Moment | None = None,
        status: str | None = None,
    ) -> list[Booking]:
        """The bookings there are, by start: what the hub's appointment is here, or a person's, or of one start, or of
        one status. Test persons have visits from the beginning."""
        asked: dict[str, Any] = {"person": None if person is None else person.lower(), "status": status}
        asked |= {"placer_id": None if of is None else _placer(of)}
        asked |= {"start": None if start is None else instant(start).isoformat()}
        found = [_read(Booking, one) for one in self._control.post(f"{self._at}/bookings/search", **asked)]
        return [one for one in found if start is None or one.start == instant(start)]

    def count(
        self,
        of: Outcome | Resource | None = None,
        *,
        person: str | None = None,
        start: Moment | None = None,
        status: str | None = None,
    ) -> int:
        """How many of `bookings` there are; without ``status``, of those that take a time."""
        found = self.bookings(of, person=person, start=start, status=status)
        return sum(status is not None or one.status in LIVE for one in found)

    def free_times(
        self, *, service: str | None = None, start: Moment | None = None, end: Moment | None = None
    ) -> list[FreeTime]:
        """The times that may be booked, of all or of one service (the record system's own code), by start."""
        span = {"start": start, "end": end}
        asked = {name: None if at is None else instant(at).isoformat() for name, at in span.items()}
        found = self._control.get(f"{self._at}/free-times", service=service, **asked)
        return [_read(FreeTime, one) for one in found]

    # ---- what the desk does

    def book(self, person: str, time: FreeTime | Slot, *, text: str = "") -> Booking:
        """Book a time for a person, who becomes a customer first if they are none."""
        asked = {"person": person.lower(), "calendar": time.calendar, "start": time.start.isoformat(), "text": text}
        return self._desk("book", **asked)

    def propose(self, person: str, time: FreeTime | Slot, *, text: str = "") -> Booking:
        """Offer a time to a person (ProConsona)."""
        asked = {"person": person.lower(), "calendar": time.calendar, "start": time.start.isoformat(), "text": text}
        return self._desk("propose", **asked)

    def move(self, booking: Which, to: FreeTime | Slot, *, reason: str = "") -> Booking:
        """Move a booking to a free time."""
        return self._desk("move", id=self._id(booking), calendar=to.calendar, start=to.start.isoformat(), reason=reason)

    def cancel(self, booking: Which, *, reason: str = "") -> Booking:
        """Cancel a booking."""
        return self._desk("cancel", id=self._id(booking), reason=reason)

    def no_show(self, booking: Which) -> Booking:
        """Mark that nobody came."""
        return self._desk("no-show", id=self._id(booking))

    # ---- what goes wrong

    @contextlib.contextmanager
    def fault(
        self,
        kind: str,
        *,
        operation: str = "*",
        person: str | None = None,
        times: int | None = None,
        within: Length | None = None,
        **params: str | float,
    ) -> Iterator[None]:
        """Let something go wrong while the block runs; it ends with the block, however that ends.

        ``silta sandbox fault kinds`` lists the kinds and their parameters. ``times`` is how many requests meet it (all,
        else), ``within`` ends it sooner, in real time; ``operation`` (``book``, ``cancel``, ``find`` …) and ``person``
        narrow it.
        """
        closes = kind == "refuse-connection"
        armed = self._control.post(
            f"{self._at}/faults",
            kind=kind,
            operation=operation,
            person=None if person is None else person.lower(),
            count=None if closes else times or _ALWAYS,
            seconds=3_600 if closes and within is None else None if within is None else seconds(within),
            params=params or None,
        )
        try:
            yield
        finally:
            # One that was used up is over already.
            with contextlib.suppress(SandboxRefused):
                self._control.delete(f"{self._at}/faults/{armed['id']}")

    def __repr__(self) -> str:
        return f"<{self.name}>"

    # ---- inside

    def _desk(self, what: str, **body: Any) -> Booking:
        made: Booking = _read(Booking, self._control.post(f"{self._at}/desk/{what}", **body))
        return made

    def _id(self, booking: Which) -> str:
        if isinstance(booking, str):
            return booking
        if isinstance(booking, Booking):
            return booking.id
        found = self.bookings(booking)
        if len(found) != 1:
            raise AssertionError(f"{self.name} has {len(found)} bookings of the hub's id {_placer(booking)}.")
        return found[0].id


def _placer(of: Outcome | Resource) -> str:
    return of.placer if isinstance(of, Outcome) else placer_of(of)


def _read(kind: type[Any], told: Mapping[str, Any]) -> Any:
    """What was told, as it is named here; what is not named here is a later sandbox's, and left out."""
    names = [one.name for one in fields(kind)]
    return kind(**{name: datetime.fromisoformat(told[name]) if name in _TIMES else told[name] for name in names})
