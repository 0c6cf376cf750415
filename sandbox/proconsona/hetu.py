"""Personal identity codes as this interface takes them: in bodies only, form, date and check character right."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from sandbox.population.hetu import CHECK_CHARACTERS, SIGNS

_FORM: Final = re.compile(r"(\d{2})(\d{2})(\d{2})([+\-YXWVUABCDEF])(\d{3})([0-9A-Y])", re.ASCII)
_ANYWHERE: Final = re.compile(r"(?<![0-9A-Z])\d{6}[+\-YXWVUABCDEF]\d{3}[0-9A-Y](?![0-9A-Z])", re.ASCII | re.IGNORECASE)
_CENTURY: Final = {sign: century for century, signs in SIGNS.items() for sign in signs}


def is_hetu(text: str) -> bool:
    """Whether a text is a personal identity code. The sign is significant and never folded."""
    match = _FORM.fullmatch(text)
    if match is None:
        return False
    day, month, year, sign, number, check = match.groups()
    try:
        date(_CENTURY[sign] * 100 + int(year), int(month), int(day))
    except ValueError:
        return False
    return CHECK_CHARACTERS[int(day + month + year + number) % 31] == check


def holds_hetu(text: str) -> bool:
    """Whether something of the form of a personal identity code stands anywhere in a text (an address, a header)."""
    return _ANYWHERE.search(text) is not None
