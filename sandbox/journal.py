"""The journal of one installation: every message received and sent, as bytes, in memory, bounded."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Direction = Literal["received", "sent"]

KEPT = 2_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One message. `at` is real time (UTC). `fault` is the kind of the fault that was applied, if one was."""

    number: int
    at: datetime
    direction: Direction
    operation: str
    raw: bytes
    fault: str | None
    note: str

    def as_json(self) -> dict[str, object]:
        """Return the entry with its bytes as text when they are UTF-8, else (or too) as base64."""
        try:
            body: dict[str, object] = {"text": self.raw.decode("utf-8")}
        except UnicodeDecodeError:
            body = {"text": self.raw.decode("iso-8859-1"), "base64": base64.b64encode(self.raw).decode("ascii")}
        head: dict[str, object] = {
            "number": self.number,
            "at": self.at.isoformat(),
            "direction": self.direction,
            "operation": self.operation,
            "fault": self.fault,
            "note": self.note,
        }
        return head | body


class Journal:
    """The last `KEPT` messages; older ones are forgotten. Numbers grow by one and are never used twice."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._now = now
        self._number = 0

    def record(
        self, direction: Direction, raw: bytes, *, operation: str = "", fault: str | None = None, note: str = ""
    ) -> int:
        """Keep one message and return its number. `note` is for what bytes cannot say, such as "no answer sent"."""
        self._number += 1
        self._entries.append(Entry(self._number, self._now(), direction, operation, raw, fault, note))
        return self._number

    def entries(self, *, since: int = 0, limit: int = KEPT) -> list[Entry]:
        """Return the kept entries with a number above `since`, oldest first, at most `limit`."""
        found = [entry for entry in self._entries if entry.number > since]
        return found[:limit]

    def clear(self) -> None:
        """Forget every entry; the numbers go on."""
        self._entries.clear()
