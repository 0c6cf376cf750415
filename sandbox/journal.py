"""The journal of one installation: every message received and sent, as bytes, in memory, bounded."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sandbox.clock import real_now

Direction = Literal["received", "sent"]

KEPT = 2_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One message. `at` is real time (UTC), `virtual` the business time of then. `fault` is the kind of the fault that
    was applied, if one was; `answer_to` the number of the message that this one answers, if it does."""

    number: int
    at: datetime
    virtual: datetime
    direction: Direction
    operation: str
    raw: bytes
    fault: str | None
    note: str
    answer_to: int | None = None

    def as_json(self) -> dict[str, object]:
        """Return the entry with its bytes as text when they are UTF-8, else (or too) as base64."""
        try:
            body: dict[str, object] = {"text": self.raw.decode("utf-8")}
        except UnicodeDecodeError:
            body = {"text": self.raw.decode("iso-8859-1"), "base64": base64.b64encode(self.raw).decode("ascii")}
        head: dict[str, object] = {
            "number": self.number,
            "at": self.at.isoformat(),
            "virtual": self.virtual.isoformat(),
            "direction": self.direction,
            "operation": self.operation,
            "fault": self.fault,
            "note": self.note,
            "answer_to": self.answer_to,
        }
        return head | body


class Journal:
    """The last `KEPT` messages; older ones are forgotten. Numbers grow by one and are never used twice."""

    def __init__(self, virtual_now: Callable[[], datetime] = real_now) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._virtual_now = virtual_now
        self._number = 0

    def record(
        self,
        direction: Direction,
        raw: bytes,
        *,
        operation: str = "",
        fault: str | None = None,
        note: str = "",
        answer_to: int | None = None,
    ) -> int:
        """Keep one message and return its number. `note` is for what bytes cannot say, such as "no answer sent"."""
        self._number += 1
        at, virtual = real_now(), self._virtual_now()
        self._entries.append(Entry(self._number, at, virtual, direction, operation, raw, fault, note, answer_to))
        return self._number

    def entries(self, *, since: int = 0, limit: int = KEPT) -> list[Entry]:
        """Return the kept entries with a number above `since`, oldest first, at most `limit`."""
        found = [entry for entry in self._entries if entry.number > since]
        return found[:limit]

    def clear(self) -> None:
        """Forget every entry; the numbers go on."""
        self._entries.clear()
