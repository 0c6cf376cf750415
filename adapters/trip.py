"""One call of the port on its way: whatever requests it takes, they share one deadline."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Self

from adapters.call import Call


@dataclass(frozen=True, slots=True)
class Trip:
    """``deadline`` is a time of the event loop's clock."""

    call: Call
    deadline: float

    @classmethod
    def begin(cls, call: Call) -> Self:
        """From now on, ``call.limit`` seconds."""
        return cls(call, asyncio.get_running_loop().time() + call.limit)

    @staticmethod
    def now() -> float:
        return asyncio.get_running_loop().time()
