"""What comes of one merged search, piece by piece: every record system is asked for the earliest days first, and for
later ones only while the page is not full.

Each goes at its own pace, so that a silent one takes nothing from the others. All pieces end at the same instants; who
has ended one goes on unless enough is known that begins before its end, from whomever. So a page is exactly the one
that asking everybody for everything would have given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Final, Generic, Protocol, TypeVar

from canonical.times import from_local, to_local

_AT_LEAST: Final = timedelta(hours=12)
_DAYS: Final = (0, 4, 16)


class Begins(Protocol):
    """Anything that has a beginning."""

    @property
    def start(self) -> datetime: ...


T = TypeVar("T", bound=Begins)


Piece = tuple[datetime, datetime]


def pieces(begin: datetime, end: datetime) -> list[Piece]:
    """A span in pieces that end at midnights in Helsinki, half a day to one and a half after ``begin`` first, 4 and 12
    days later, and at ``end``: all who ask on one day share what they were told."""
    first = to_local(begin + _AT_LEAST).date() + timedelta(days=1)
    midnights = (from_local(datetime.combine(first + timedelta(days=n), time())).astimezone(UTC) for n in _DAYS)
    ends = [*(one for one in midnights if begin < one < end), end]
    return list(zip([begin, *ends], ends, strict=False))


@dataclass(slots=True)
class Gathering(Generic[T]):
    """``most`` is how many are wanted (None: all there are); ``names`` is who is asked. Who has ended a piece waits
    ``patience`` seconds for the others' before asking for more than may be wanted."""

    names: Sequence[str]
    pieces: Sequence[Piece]
    most: int | None
    patience: float
    found: dict[str, list[T]] = field(default_factory=dict)
    _ended: dict[str, int] = field(default_factory=dict)
    _counts: list[int] = field(init=False)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _closed: bool = False

    def __post_init__(self) -> None:
        self._counts = [0] * len(self.pieces)

    async def more(self, name: str, piece: int, came: Sequence[T]) -> bool:
        """Take what came of a piece of ``name``'s; whether its next piece is wanted."""
        if self._closed:
            return False
        self.found.setdefault(name, []).extend(came)
        until = self.pieces[piece][1]
        self._counts[piece] += sum(one.start < until for one in came)
        self._end(name, piece + 1)
        if piece + 1 >= len(self.pieces):
            return False
        if not self._enough(piece):
            await self._others(piece)
        return not self._closed and not self._enough(piece)

    def gone(self, name: str) -> None:
        """Nothing more will come of ``name``."""
        self._end(name, max(self._ended.get(name, 0), len(self.pieces) + 1))

    def close(self) -> list[T]:
        """Everything that came, in no order; what comes later is not taken."""
        self._closed = True
        return [one for several in self.found.values() for one in several]

    @property
    def is_whole(self) -> bool:
        """Whether everybody was asked for the whole span, and answered."""
        return all(self._ended.get(name) == len(self.pieces) for name in self.names)

    def _end(self, name: str, pieces_ended: int) -> None:
        self._ended[name] = pieces_ended
        self._changed.set()

    def _enough(self, piece: int) -> bool:
        if self.most is None:
            return False
        return sum(self._counts[: piece + 1]) >= self.most

    async def _others(self, piece: int) -> None:
        """Wait until nobody is behind, or there is enough; not for long."""
        try:
            async with asyncio.timeout(self.patience):
                while not self._enough(piece) and any(self._ended.get(name, 0) <= piece for name in self.names):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return
