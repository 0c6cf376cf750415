"""The synthetic population: nobody real, everybody as promised."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from stdnum.fi import hetu as stdnum_hetu

from sandbox.population.build import build_population
from sandbox.population.hetu import make_hetu
from sandbox.population.person import Population
from sandbox.population.test_persons import TEST_PERSONS

FIRST_DAY = date(2027, 3, 22)

PROMISED = {
    "aino": ("010594Y9021", "Aino", "Testinen", "638", "fi", 32),
    "eero": ("020594X903P", "Eero", "Hidas", "434", "fi", 32),
    "kerttu": ("131052-902Y", "Kerttu", "Varattu", "638", "fi", 74),
    "mikael": ("240380-903N", "Mikael", "Katkos", "434", "fi", 46),
    "onni": ("050712A9055", "Onni", "Alaikäinen", "638", "fi", 14),
    "lilja": ("290224B904N", "Lilja", "Karkaus", "638", "fi", 3),
    "helvi": ("311244-9068", "Helvi", "Turvakielto", "434", "fi", 82),
    "axel": ("010100A907P", "Axel", "Svensk", "434", "sv", 27),
    "marja": ("150668-910D", "Marja", "Kaksois", "638", "fi", 58),
}


@pytest.fixture(scope="module")
def people() -> Population:
    return build_population(42, 2000, FIRST_DAY)


def test_there_are_as_many_as_asked_for(people: Population) -> None:
    assert len(people) == 2000


def test_every_hetu_is_valid_temporary_and_of_its_birth_date(people: Population) -> None:
    for person in people:
        assert stdnum_hetu.is_valid(person.hetu, allow_temporary=True)
        assert int(person.hetu[7:10]) >= 900
        assert make_hetu(person.birth_date, person.hetu[6], int(person.hetu[7:10])) == person.hetu
        assert person.birth_date <= FIRST_DAY


def test_some_people_differ_in_the_sign_alone(people: Population) -> None:
    without_sign = Counter(person.hetu[:6] + person.hetu[7:] for person in people)
    assert sum(1 for count in without_sign.values() if count > 1) >= 3


def test_the_new_signs_are_in_use(people: Population) -> None:
    signs = {person.hetu[6] for person in people}
    assert signs >= set("-YXWVUABCDEF")


@pytest.mark.parametrize("key", PROMISED)
def test_test_persons_are_as_promised_whatever_the_seed(key: str) -> None:
    hetu, given, family, municipality, language, age = PROMISED[key]
    for seed in (1, 42):
        person = build_population(seed, 60, FIRST_DAY).by_key(key)
        assert person is not None
        found = (person.hetu, person.given, person.family, person.municipality, person.language)
        assert found == (hetu, given, family, municipality, language)
        birthday_to_come = (FIRST_DAY.month, FIRST_DAY.day) < (person.birth_date.month, person.birth_date.day)
        assert FIRST_DAY.year - person.birth_date.year - birthday_to_come == age


def test_minors_have_guardians_who_are_adults_in_the_register(people: Population) -> None:
    minors = [person for person in people if (FIRST_DAY - person.birth_date).days < 17 * 365]
    assert len(minors) > 100
    for minor in minors:
        assert minor.guardians
        for hetu in minor.guardians:
            guardian = people.by_hetu(hetu)
            assert guardian is not None
            assert (minor.birth_date - guardian.birth_date).days > 18 * 365
            assert minor.hetu in people.dependants(hetu)


def test_the_people_are_messy_enough(people: Population) -> None:
    families, given = {person.family for person in people}, {person.given for person in people}
    assert any(name.startswith(("von ", "af ")) for name in families)
    assert any("-" in name for name in families)
    assert any("-" in name for name in given)
    assert any(" " in name for name in given)
    letters = "".join(families | given)
    assert set("åäöÅÄÖ") <= set(letters)
    assert Counter(person.language for person in people)["sv"] > 300
    assert sum(person.non_disclosure for person in people) > 5
    assert all(person.email is None or person.email.isascii() for person in people)


def test_special_test_persons() -> None:
    by_key = {one.person.key: one for one in TEST_PERSONS}
    assert by_key["helvi"].person.non_disclosure
    assert by_key["helvi"].person.phone
    assert by_key["lilja"].person.guardians == ("010594Y9021",)
    assert by_key["axel"].person.email is None
    assert "lifecare-porvoo" not in by_key["axel"].customer_of
    assert "pegasos-loviisa" not in by_key["lilja"].customer_of
    assert len(by_key["aino"].customer_of) == 9


def test_a_hetu_is_compared_sign_and_all(people: Population) -> None:
    assert people.by_hetu("010594Y9021") is not None
    assert people.by_hetu("010594-9021") is None
    assert people.by_hetu("010594y9021") is None


@pytest.mark.parametrize(("sign", "individual"), [("A", 901), ("-", 899)])
def test_no_hetu_is_made_outside_the_rules(sign: str, individual: int) -> None:
    with pytest.raises(ValueError, match="sign"):
        make_hetu(date(1994, 5, 1), sign, individual)


def test_too_few_residents_are_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        build_population(42, 10, FIRST_DAY)
