"""The exam of every adapter, shipped with the product: behaviour that any record system's adapter must show.

In the adapter's own test module (pytest and pytest-asyncio are needed; nothing else here imports them)::

    from adapters.contract import AdapterContract, Booking, Fault, Operation, Subject

    class MySubject(Subject): ...

    @pytest.fixture
    async def subject(): ...            # yields a MySubject

    class TestMine(AdapterContract): ...  # the exam

What a subject must give is in `adapters.contract.subject`; one is written out in `adapters.contract.example`.
What an installation cannot do is declared in its profile with a reason, and is examined too: a declared gap that is not
there fails.
"""

from __future__ import annotations

import pytest

_EXAM = (
    "bookings", "capabilities", "checks", "deskless", "directory", "exam", "exchanges", "faults", "holds", "ledger",
    "moves", "nights", "proposals", "relay", "suite", "texts",
)  # fmt: skip

# Failed assertions of the exam explain themselves, as those of a test module do.
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _EXAM))

from adapters.contract.subject import FAULT_LIMIT, LIMIT, Booking, Fault, Minor, Operation, Subject  # noqa: E402
from adapters.contract.suite import AdapterContract  # noqa: E402

__all__ = ["FAULT_LIMIT", "LIMIT", "AdapterContract", "Booking", "Fault", "Minor", "Operation", "Subject"]
