"""A message of a record system that cannot be read."""

from __future__ import annotations

from typing import Final


class BadMessage(ValueError):
    """A message is not as its manual promises. The text names the place, never what stands there."""


UNREADABLE: Final = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What reading such a message may raise, where it has another shape altogether."""
