"""Lengths of time and instants as tests write them: ``"25h"``, ``"2027-03-27T23:00"``."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

HELSINKI: Final = ZoneInfo("Europe/Helsinki")
Length = str | float | timedelta
"""Such as ``"500ms"``, ``"30s"``, ``"1d12h"``; or seconds."""
Moment = str | datetime
"""A local time of Helsinki, or one with an offset."""

_UNITS: Final = {"w": 604_800.0, "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|[wdhms])")


def seconds(length: Length) -> float:
    """A length in seconds. Raises ValueError for what is none."""
    if isinstance(length, timedelta):
        return length.total_seconds()
    if isinstance(length, int | float):
        return float(length)
    parts = _PART.findall(length)
    if not parts or "".join(number + unit for number, unit in parts) != length:
        raise ValueError(f"{length!r} is no length of time. Write it as 500ms, 30s, 90m, 25h, 2d or 1d12h.")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def instant(moment: Moment) -> datetime:
    """The instant, aware. Raises ValueError for a local time that comes twice or never, for the clocks are changed."""
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    if at.tzinfo is not None:
        return at
    local = at.replace(tzinfo=HELSINKI)
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        raise ValueError(f"{at.isoformat()} comes twice or never in Helsinki. Write it with its offset.")
    return local
