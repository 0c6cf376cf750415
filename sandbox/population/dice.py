"""Choices that are the same for the same key on any machine, in any Python and any time zone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A stream of choices that follows from its key alone.

    Only `random.Random.random` is used: it is the one method whose values Python promises to keep between versions.
    """

    def __init__(self, *key: object) -> None:
        self._random = random.Random("/".join(str(part) for part in key)).random  # noqa: S311 - people, not secrets

    def chance(self, share: float) -> bool:
        """Return True in `share` (0-1) of the cases."""
        return self._random() < share

    def below(self, limit: int) -> int:
        """Return a whole number from 0 to `limit` - 1."""
        return int(self._random() * limit)

    def between(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return low + self.below(high - low + 1)

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices, all equally likely."""
        return choices[self.below(len(choices))]

    def weighted(self, choices: Sequence[tuple[T, float]]) -> T:
        """Return one of the choices, each as likely as its weight says."""
        point = self._random() * sum(weight for _, weight in choices)
        for choice, weight in choices:
            point -= weight
            if point < 0:
                return choice
        return choices[-1][0]
