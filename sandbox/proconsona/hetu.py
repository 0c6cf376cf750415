"""Personal identity codes are taken in bodies only."""

from __future__ import annotations

import re
from typing import Final

_ANYWHERE: Final = re.compile(r"(?<![0-9A-Z])\d{6}[+\-YXWVUABCDEF]\d{3}[0-9A-Y](?![0-9A-Z])", re.ASCII | re.IGNORECASE)


def holds_hetu(text: str) -> bool:
    """Whether something of the form of a personal identity code stands anywhere in a text (an address, a header)."""
    return _ANYWHERE.search(text) is not None
