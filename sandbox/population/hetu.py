"""Finnish personal identity codes: what is one, and those of people who do not exist (individual numbers 900-999).

A code is DDMMYY, a sign for the century, NNN and a check character over DDMMYYNNN. Since 2023 a century has several
signs, and two people may share everything but the sign; the sign is part of the identity.
Source: Digital and Population Data Services Agency, reform of the personal identity code, 1.1.2023.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from sandbox.population.dice import Dice

CHECK_CHARACTERS: Final = "0123456789ABCDEFHJKLMNPRSTUVWXY"
SIGNS: Final[dict[int, tuple[str, ...]]] = {
    18: ("+",),
    19: ("-", "Y", "X", "W", "V", "U"),
    20: ("A", "B", "C", "D", "E", "F"),
}
OLD_SIGN_SHARE: Final = 0.6

_FORM: Final = re.compile(r"(\d{2})(\d{2})(\d{2})([+\-YXWVUABCDEF])(\d{3})([0-9A-Y])", re.ASCII)
_CENTURY: Final = {sign: century for century, signs in SIGNS.items() for sign in signs}


def is_hetu(text: str) -> bool:
    """Whether a text is a code: form, calendar date and check character. The sign is significant, nothing is folded."""
    match = _FORM.fullmatch(text)
    if match is None:
        return False
    day, month, year, sign, number, check = match.groups()
    try:
        date(_CENTURY[sign] * 100 + int(year), int(month), int(day))
    except ValueError:
        return False
    return CHECK_CHARACTERS[int(day + month + year + number) % 31] == check


def make_hetu(born: date, sign: str, individual: int) -> str:
    """Return the code of a birth date, a sign of its century and an individual number from 900 to 999.

    Raises ValueError for another sign or number.
    """
    if sign not in SIGNS[born.year // 100] or not 900 <= individual <= 999:
        raise ValueError("The sign must fit the century, and the individual number be from 900 to 999.")
    digits = f"{born:%d%m%y}{individual}"
    return f"{digits[:6]}{sign}{individual}{CHECK_CHARACTERS[int(digits) % 31]}"


class HetuIssuer:
    """Gives out codes, each once: unique over all eleven characters."""

    def __init__(self, taken: set[str], dice: Dice) -> None:
        self._taken = taken
        self._dice = dice

    def issue(self, born: date) -> str:
        """Return a new code for somebody born on that day; most have the old sign of the century."""
        signs = SIGNS[born.year // 100]
        while True:
            sign = signs[0] if self._dice.chance(OLD_SIGN_SHARE) else self._dice.pick(signs)
            hetu = make_hetu(born, sign, self._dice.between(900, 999))
            if hetu not in self._taken:
                self._taken.add(hetu)
                return hetu

    def issue_near(self, hetu: str, born: date) -> str:
        """Return a new code that differs from `hetu` in nothing but the sign, for another person born that day."""
        for sign in SIGNS[born.year // 100]:
            near = make_hetu(born, sign, int(hetu[7:10]))
            if near not in self._taken:
                self._taken.add(near)
                return near
        return self.issue(born)
