"""Made-up people for subjects: valid personal identity codes of the range that nobody is given."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from canonical.model import Person

_CHECKS: Final = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_GIVEN: Final = ("Aamukka", "Boriina", "Cecilius", "Danuta", "Eliisabet", "Fredrikka", "Gunhilda", "Hilkkamari")
_FAMILY: Final = ("Koehenkilö", "Mallikas", "Näytelä", "Proovström", "Testamäki")


def invented(first: int = 0) -> Iterator[Person]:
    """People without end, from number ``first`` on; always the same. Two subjects that must not share people begin far
    apart."""
    number = first
    while True:
        born = date(1940, 1, 1) + timedelta(days=(number * 997) % 21_000)
        digits = f"{born:%d%m%y}{900 + number % 100}"
        code = f"{digits[:6]}-{digits[6:]}{_CHECKS[int(digits) % 31]}"
        yield Person(code, _FAMILY[number % 5], (_GIVEN[number % 8],), born, "fi", "638")
        number += 1
