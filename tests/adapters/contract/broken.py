"""How a broken adapter is written down: what is wrong with it, and which tests of the exam must notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from adapters.contract import AdapterContract, Fault, Operation, Subject
from adapters.contract.exam import Exam
from adapters.contract.example import MemorySubject
from adapters.memory import MemoryAdapter

TRUTH = "write_tells_the_truth"
EXACTLY = "capability_is_there_exactly_when_it_is_claimed"
FAILED = (AssertionError, pytest.fail.Exception)


@dataclass(frozen=True)
class Caught:
    """A test of the exam, by its name without ``test_``, its parameters, and what it fails with."""

    test: str
    parameters: tuple[tuple[str, Any], ...]
    says: str
    raises: tuple[type[BaseException], ...]

    async def run(self, subject: Subject) -> None:
        """Put the test to ``subject``."""
        await getattr(AdapterContract(), f"test_{self.test}")(Exam(subject), **dict(self.parameters))

    def __str__(self) -> str:
        return "-".join((self.test, *(str(value) for _, value in self.parameters)))


def caught(test: str, *, says: str = "", raises: type[BaseException] | None = None, **parameters: Any) -> Caught:
    """The test fails with an assertion that ``says`` so, or ``raises`` what came out of the adapter."""
    return Caught(test, tuple(parameters.items()), says, FAILED if raises is None else (*FAILED, raises))


def under(fault: Fault, operation: Operation = Operation.BOOK, says: str = "") -> Caught:
    """A write under ``fault`` fails."""
    return caught(TRUTH, says=says, operation=operation, fault=fault)


class Broken:
    """One broken adapter, or a subject that has one, and the tests that must catch it."""

    def __init__(self, what: Callable[..., object], *by: Caught, name: str = "") -> None:
        self.name = name or what.__name__
        self.by = by
        self._what = what

    def subject(self) -> Subject:
        """A fresh subject with the broken adapter."""
        what = self._what
        made = MemorySubject(kind=what) if isinstance(what, type) and issubclass(what, MemoryAdapter) else what()
        assert isinstance(made, Subject)
        return made
