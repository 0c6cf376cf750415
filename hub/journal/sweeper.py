"""Finds open commands that nobody works on, and wakes somebody. Any number of sweepers may run at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hub.journal.ports import Ports

EVERY = 0.5
"""Seconds between two looks at the database."""
AT_ONCE = 50


async def sweep(ports: Ports, wake: Callable[[str], Awaitable[None]]) -> int:
    """One look: wake everything that is due. Returns how many were."""
    due = await ports.store.due(ports.clock.now(), AT_ONCE)
    for command_id in due:
        await wake(command_id)
    return len(due)
