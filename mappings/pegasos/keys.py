"""The key of a free time: which calendar and which service, at most 25 bytes. The start travels beside it."""

from __future__ import annotations

from typing import Final

_SEPARATOR: Final = "/"
_MAX_BYTES: Final = 25


def pack(schedule: str, service: str) -> str | None:
    """``calendar/service``, or None where that is too long or could not be taken apart again."""
    key = f"{schedule}{_SEPARATOR}{service}"
    return key if _SEPARATOR not in schedule and len(key.encode()) <= _MAX_BYTES else None


def unpack(key: str) -> tuple[str, str] | None:
    """Calendar and service of a key, or None for a text that is no key of ours."""
    schedule, separator, service = key.partition(_SEPARATOR)
    return (schedule, service) if separator and schedule and service else None
