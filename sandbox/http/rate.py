"""How many requests an installation takes."""

from __future__ import annotations

from collections.abc import Callable


class Bucket:
    """Holds `burst` requests and fills by `rate` a second. `now` gives real seconds that never go back."""

    def __init__(self, rate: float, burst: float, refusal: Callable[[], Exception], now: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._refusal = refusal
        self._now = now
        self._left = burst
        self._at = now()

    def take(self) -> None:
        """Count one request. Raises the refusal when the bucket is empty."""
        now = self._now()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            raise self._refusal()
        self._left -= 1
