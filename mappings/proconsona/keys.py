"""What one free time is booked by: its calendar, as the key of a `TimeKey`, and its start.

An id of ProConsona's has 36 characters, too many for a key; its 16 bytes have 22 in base64url.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache
from typing import Final
from uuid import UUID

_KEY: Final = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")
"""Of the last character two bits only are the id's; the other four are zero, so that a key is written in one way."""


@lru_cache(maxsize=4096)
def pack(calendar: str) -> str:
    """The key of times of the calendar with this id."""
    return urlsafe_b64encode(UUID(calendar).bytes).rstrip(b"=").decode()


def unpack(key: str) -> str | None:
    """The id of the calendar, or None for a key that is not of ours."""
    return str(UUID(bytes=urlsafe_b64decode(f"{key}=="))) if _KEY.fullmatch(key) else None
