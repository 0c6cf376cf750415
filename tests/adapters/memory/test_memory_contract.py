"""The reference adapter sits the exam: with every rule on, with some off, and with all off."""

from __future__ import annotations

import pytest

from adapters.contract import AdapterContract
from adapters.contract.example import MemorySubject
from adapters.memory import Rules


class TestMemory(AdapterContract):
    @pytest.fixture
    def subject(self) -> MemorySubject:
        return MemorySubject()


class TestCarelessMemory(AdapterContract):
    """A release that books and cancels whatever it is asked to, on a wire without emoji."""

    @pytest.fixture
    def subject(self) -> MemorySubject:
        return MemorySubject(Rules(deduplicates=False, versions=False, starts=False), charset="iso-8859-1")


class TestStrippedMemory(AdapterContract):
    """A release that can do nothing but book."""

    @pytest.fixture
    def subject(self) -> MemorySubject:
        rules = Rules(
            cancels=False,
            moves=False,
            holds=False,
            proposes=False,
            registers=False,
            deduplicates=False,
            versions=False,
            starts=False,
            restrictions=False,
            comments=False,
            keeps=False,
            text_limit=50,
        )
        return MemorySubject(rules)
