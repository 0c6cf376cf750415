"""The municipalities of Itä-Uusimaa, with their share of the residents (source: Statistics Finland, rounded)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Municipality:
    """A municipality. `code` is of 1.2.246.537.6.21, three characters; `swedish` the share of Swedish speakers."""

    code: str
    name_fi: str
    name_sv: str
    postal_code: str
    share: float
    swedish: float


MUNICIPALITIES: Final = {
    one.code: one
    for one in (
        Municipality("638", "Porvoo", "Borgå", "06100", 51.0, 0.28),
        Municipality("753", "Sipoo", "Sibbo", "04130", 22.0, 0.30),
        Municipality("434", "Loviisa", "Lovisa", "07900", 14.6, 0.40),
        Municipality("018", "Askola", "Askola", "07500", 4.8, 0.04),
        Municipality("407", "Lapinjärvi", "Lappträsk", "07800", 2.6, 0.29),
        Municipality("504", "Myrskylä", "Mörskom", "07600", 1.9, 0.09),
        Municipality("616", "Pukkila", "Pukkila", "07560", 1.8, 0.03),
    )
}
