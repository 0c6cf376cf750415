"""The reference adapter: a real implementation of the port, to a small record system of its own that lives in memory.

It is what the contract suite is proven on, and what tests of the hub use for a record system. Its rules can be switched
off one by one (`Rules`), its wire can fail in every way a wire can (`Fault`); nothing in it is random::

    adapter = open_memory("memory", rules=Rules(deduplicates=False))
    adapter.wire.arm(Fault("drop-answer", "book"))
    adapter.master.book(...)                        # the desk
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from adapters.base import Installation
from adapters.errors import Misconfigured
from adapters.memory import town
from adapters.memory.adapter import MemoryAdapter
from adapters.memory.face import Face
from adapters.memory.master import HELD_FOR, Appointment, Belief, Master, Refusal, Request, Rules
from adapters.memory.wire import Fault, Wire

__all__ = [
    "HELD_FOR", "Appointment", "Belief", "Fault", "Master", "MemoryAdapter", "Refusal", "Request", "Rules", "Wire",
    "open", "open_memory", "town",
]  # fmt: skip


def open_memory(
    name: str = "memory",
    *,
    rules: Rules | None = None,
    charset: str = "utf-8",
    quiescence: float = 0.2,
    limit: float = 10.0,
    now: Callable[[], datetime] = lambda: town.TODAY,
    municipalities: tuple[str, ...] = ("638",),
    sectors: tuple[str, ...] = ("health",),
) -> MemoryAdapter:
    """An adapter to a fresh master with the content of `town`; ``now`` is the master's business clock."""
    master = Master(town.content(now()), rules or Rules(), now)
    for week, code in enumerate(town.MINOR_CODES, 1):
        _visit(master, now() + timedelta(weeks=week), code)
    installation = Installation(name, "memory", "1", municipalities, sectors)
    return MemoryAdapter(installation, Wire(Face(master), charset), quiescence=quiescence, limit=limit)


def open(installation: Installation) -> MemoryAdapter:  # noqa: A001 - the name by which every adapter is opened
    """The adapter of one installation, to a fresh master with every rule on. It has no options: raises
    `adapters.errors.Misconfigured` where there are any."""
    if installation.options:
        raise Misconfigured(f"{installation.name}: the memory adapter has no options")
    return open_memory(installation.name, municipalities=installation.municipalities, sectors=installation.sectors)


def _visit(master: Master, after: datetime, code: str | None) -> None:
    """A visit of the minor's, at the first free time within a week."""
    minor = master.patient_of(town.MINOR.hetu)
    assert minor is not None, "the minor is a customer"
    time = master.free(after, after + timedelta(weeks=1), None, None)[0]
    master.book(Request(minor.number, time.key, time.start, restriction=code))
