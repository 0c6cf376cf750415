"""Tests of anything that speaks to Sotesilta: a pytest plugin with a hub and record systems of one's own.

``docs/testing.md`` shows how. The fixtures are in `silta.testing.plugin`, which pytest finds by itself; the names below
are for annotations.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from silta.testing.clock import Clock
    from silta.testing.desk import Booking, FreeTime, Installation
    from silta.testing.hub import Hub
    from silta.testing.journal import Journal, Message
    from silta.testing.outcome import Outcome, Slot

__all__ = ["Booking", "Clock", "FreeTime", "Hub", "Installation", "Journal", "Message", "Outcome", "Slot"]

_HOMES = {
    "Booking": "desk",
    "Clock": "clock",
    "FreeTime": "desk",
    "Hub": "hub",
    "Installation": "desk",
    "Journal": "journal",
    "Message": "journal",
    "Outcome": "outcome",
    "Slot": "outcome",
}


def __getattr__(name: str) -> Any:
    # pytest imports this package at every start, also where no test needs it: what takes long waits for its first use.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
