"""Making the population: test persons first, then households until there are enough residents."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import islice
from typing import Final

from sandbox.population.dice import Dice
from sandbox.population.hetu import HetuIssuer
from sandbox.population.municipalities import MUNICIPALITIES, Municipality
from sandbox.population.names import load_names
from sandbox.population.person import Person, Population
from sandbox.population.test_persons import RELATIVES, TEST_PERSONS

LEAST_RESIDENTS: Final = 50
MOST_RESIDENTS: Final = 200_000
NEAR_HETU_EVERY: Final = 250
"""One household in this many has a neighbour whose HETU differs from another person's in the sign alone."""

_NOBLE: Final = 0.01
_DOUBLE: Final = 0.06
_ENGLISH: Final = 0.01
_NON_DISCLOSURE: Final = 0.01
_EMAIL: Final = 0.85
_HOUSEHOLDS: Final = (("single", 0.40), ("couple", 0.25), ("family", 0.25), ("lone parent", 0.10))


def build_population(seed: int, residents: int, first_day: date) -> Population:
    """Return the population of a seed: `residents` people, test persons included, of ages as on `first_day`.

    Raises ValueError for fewer than LEAST_RESIDENTS residents.
    """
    if residents < LEAST_RESIDENTS:
        raise ValueError(f"The sandbox needs at least {LEAST_RESIDENTS} residents; {residents} were asked for.")
    people = [*(test_person.person for test_person in TEST_PERSONS), *RELATIVES]
    maker = _Maker(Dice(seed, "population"), {person.hetu for person in people}, first_day)
    people += islice(maker.residents(), residents - len(people))
    return Population(people)


class _Maker:
    def __init__(self, dice: Dice, taken: set[str], first_day: date) -> None:
        self._dice = dice
        self._issuer = HetuIssuer(taken, dice)
        self._first_day = first_day
        self._names = load_names()
        self._towns = [(town, town.share) for town in MUNICIPALITIES.values()]

    def residents(self) -> Iterator[Person]:
        """Yield residents without end, household by household, guardians before their children."""
        count = 0
        while True:
            count += 1
            household = self._household()
            yield from household
            if count % NEAR_HETU_EVERY == 1:
                yield self._near(household[0])

    def _household(self) -> list[Person]:
        town = self._dice.weighted(self._towns)
        kind = self._dice.weighted(_HOUSEHOLDS)
        language = self._language(town)
        family = self._family_name(language)
        ages = [self._dice.between(18, 95) if kind in ("single", "couple") else self._dice.between(22, 52)]
        if kind in ("couple", "family"):
            ages.append(max(19, ages[0] + self._dice.between(-6, 6)))
        adults = [self._adult(age, family, language, town) for age in ages]
        adults = [adults[0], *(replace(adult, street=adults[0].street) for adult in adults[1:])]
        if kind in ("single", "couple"):
            return adults
        oldest = min(17, min(ages) - 20)
        return adults + [self._child(adults, family, oldest) for _ in range(self._dice.between(1, 3))]

    def _adult(self, age: int, family: str, language: str, town: Municipality) -> Person:
        if self._dice.chance(_DOUBLE):
            family = f"{family}-{self._family_name(language)}"
        return self._person(self._birth_date(age), family, language, town, self._street(language))

    def _child(self, guardians: list[Person], family: str, oldest: int) -> Person:
        guardian = guardians[0]
        born = self._birth_date(self._dice.between(0, oldest))
        town = MUNICIPALITIES[guardian.municipality]
        child = self._person(born, family, guardian.language, town, guardian.street)
        return replace(child, guardians=tuple(person.hetu for person in guardians), email=None)

    def _near(self, person: Person) -> Person:
        """Return somebody else, born on the same day, whose HETU differs from `person`'s in the sign alone."""
        town = self._dice.weighted(self._towns)
        return self._person(
            person.birth_date, self._family_name("fi"), "fi", town, self._street("fi"), near=person.hetu
        )

    def _person(
        self, born: date, family: str, language: str, town: Municipality, street: str, *, near: str | None = None
    ) -> Person:
        given = self._dice.pick(self._names.given_sv if language == "sv" else self._names.given_fi)
        hetu = self._issuer.issue(born) if near is None else self._issuer.issue_near(near, born)
        return Person(
            hetu=hetu,
            family=family,
            given=given,
            birth_date=born,
            municipality=town.code,
            language=language,
            street=street,
            postal_code=town.postal_code,
            city=town.name_sv if language == "sv" else town.name_fi,
            # No subscriber number in Finland begins with 000: nobody can be called by accident.
            phone=f"+358 40 000 {self._dice.between(1000, 9999)}",
            email=self._email(given, family) if self._dice.chance(_EMAIL) else None,
            non_disclosure=self._dice.chance(_NON_DISCLOSURE),
        )

    def _language(self, town: Municipality) -> str:
        if self._dice.chance(_ENGLISH):
            return "en"
        return "sv" if self._dice.chance(town.swedish) else "fi"

    def _family_name(self, language: str) -> str:
        if language == "sv" and self._dice.chance(_NOBLE * 5):
            return self._dice.pick(self._names.family_noble)
        return self._dice.pick(self._names.family_sv if language == "sv" else self._names.family_fi)

    def _street(self, language: str) -> str:
        street = self._dice.pick(self._names.streets_sv if language == "sv" else self._names.streets_fi)
        return f"{street} {self._dice.between(1, 90)}"

    def _birth_date(self, age: int) -> date:
        return self._first_day - timedelta(days=age * 365 + age // 4 + self._dice.below(365))

    def _email(self, given: str, family: str) -> str:
        name = unicodedata.normalize("NFKD", f"{given}.{family}").encode("ascii", "ignore").decode("ascii")
        return f"{name.lower().replace(' ', '.')}{self._dice.below(1000)}@example.org"
