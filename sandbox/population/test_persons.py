"""The test persons: the sandbox's "test cards". The same people for every seed, each with a behaviour of their own.

A behaviour is a standing fault (`sandbox.faults`): it applies to commands through a vendor's interface, in every
installation, and never to what the desk does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from sandbox.faults import Fault, standing_fault
from sandbox.population.person import Person

LIFECARE: Final = "lifecare-porvoo"
PEGASOS: Final = "pegasos-loviisa"
SOCIAL: Final = "lifecare-porvoo-sosiaali"
ASKOLA: Final = "lifecare-askola"
MEDIATRI_LOVIISA: Final = "mediatri-loviisa"
MEDIATRI_SIPOO: Final = "mediatri-sipoo"
PROCONSONA_LOVIISA: Final = "proconsona-loviisa"
PROCONSONA_SIPOO: Final = "proconsona-sipoo"
PROCONSONA_ASKOLA: Final = "proconsona-askola"
BOTH: Final = (LIFECARE, PEGASOS)
EVERYWHERE: Final = (
    *(LIFECARE, PEGASOS, SOCIAL, ASKOLA, MEDIATRI_LOVIISA, MEDIATRI_SIPOO),
    *(PROCONSONA_LOVIISA, PROCONSONA_SIPOO, PROCONSONA_ASKOLA),
)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A fault of one kind at some operations; `seconds` is the delay of a slow one."""

    kind: str
    operations: tuple[str, ...]
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class SeededVisit:
    """A visit there is from the first day. `past` ones were fulfilled; `restriction` is RestrictionParent (1-4).

    `proposed` ones wait for the person's answer, and are only where the record system knows proposals. `only` names the
    one installation that has it; else every one has it of which the person is a customer.
    """

    past: bool = False
    restriction: int | None = None
    proposed: bool = False
    only: str | None = None


USUAL_VISITS: Final = (SeededVisit(), SeededVisit(past=True), SeededVisit(past=True))
PROPOSAL: Final = SeededVisit(proposed=True)


@dataclass(frozen=True, slots=True)
class TestPerson:
    """One test person: who, where a customer, what always happens."""

    person: Person
    customer_of: tuple[str, ...]
    behaviour: str
    faults: tuple[Behaviour, ...] = ()
    visits: tuple[SeededVisit, ...] = ()


def _person(
    key: str,
    hetu: str,
    name: str,
    born: date,
    town: tuple[str, str, str],
    *,
    language: str = "fi",
    email: bool = True,
    non_disclosure: bool = False,
    guardians: tuple[str, ...] = (),
) -> Person:
    given, family = name.split(" ")
    municipality, city, postal_code = town
    number = int(hetu[7:10])
    return Person(
        hetu=hetu,
        family=family,
        given=given,
        birth_date=born,
        municipality=municipality,
        language=language,
        street=f"Provgatan {number - 900}" if language == "sv" else f"Testikatu {number - 900}",
        postal_code=postal_code,
        city=city,
        phone=f"+358 40 000 0{number}",
        email=f"{key}@example.org" if email else None,
        non_disclosure=non_disclosure,
        guardians=guardians,
        key=key,
    )


_PORVOO: Final = ("638", "Porvoo", "06100")
_LOVIISA: Final = ("434", "Loviisa", "07900")
_LOVISA: Final = ("434", "Lovisa", "07900")

_ONNIS_MOTHER: Final = replace(
    _person("", "140981-9317", "Päivi Alaikäinen", date(1981, 9, 14), _PORVOO, email=False), key=None
)
RELATIVES: Final = (_ONNIS_MOTHER,)
"""People the test persons need who are no test persons themselves: residents like any other."""

TEST_PERSONS: Final = (
    TestPerson(
        _person("aino", "010594Y9021", "Aino Testinen", date(1994, 5, 1), _PORVOO),
        EVERYWHERE,
        "everything works; guardian of Lilja",
        visits=(*USUAL_VISITS, PROPOSAL, PROPOSAL),
    ),
    TestPerson(
        _person("eero", "020594X903P", "Eero Hidas", date(1994, 5, 2), _LOVIISA),
        # Formerly of Sipoo: known to what serves it, and not to all that serves Loviisa.
        (*BOTH, SOCIAL, ASKOLA, MEDIATRI_SIPOO, PROCONSONA_SIPOO),
        "what he books, moves, cancels or answers, and reading his appointments, takes 8 s",
        faults=(Behaviour("slow", ("book", "move", "cancel", "accept", "list", "read"), 8.0),),
        visits=(PROPOSAL,),
    ),
    TestPerson(
        _person("kerttu", "131052-902Y", "Kerttu Varattu", date(1952, 10, 13), _PORVOO),
        EVERYWHERE,
        "when she holds, books or moves to a time, the desk takes that very time first: slot taken",
        faults=(Behaviour("desk-takes-the-time", ("book", "hold", "move")),),
    ),
    TestPerson(
        _person("mikael", "240380-903N", "Mikael Katkos", date(1980, 3, 24), _LOVIISA),
        EVERYWHERE,
        "what he books, moves, cancels or answers is done, then the connection drops: unknown outcome",
        faults=(Behaviour("drop-answer", ("book", "move", "cancel", "accept")),),
        visits=(PROPOSAL,),
    ),
    TestPerson(
        _person("onni", "050712A9055", "Onni Alaikäinen", date(2012, 7, 5), _PORVOO, guardians=(_ONNIS_MOTHER.hetu,)),
        (*BOTH, ASKOLA, MEDIATRI_SIPOO),
        "14 years, books himself; three visits with RestrictionParent 2, 4 and none",
        visits=(SeededVisit(restriction=2), SeededVisit(restriction=4), SeededVisit()),
    ),
    TestPerson(
        _person(
            "lilja",
            "290224B904N",
            "Lilja Karkaus",
            date(2024, 2, 29),
            _PORVOO,
            email=False,
            guardians=("010594Y9021",),
        ),
        # Born when the family lived in Askola.
        (LIFECARE, SOCIAL, ASKOLA, PROCONSONA_LOVIISA),
        "3 years, born on a leap day; her guardian Aino acts for her; unknown in Pegasos; three meetings with "
        "RestrictionParent 2, 4 and none in proconsona-loviisa",
        visits=tuple(SeededVisit(restriction=code, only=PROCONSONA_LOVIISA) for code in (2, 4, None)),
    ),
    TestPerson(
        _person("helvi", "311244-9068", "Helvi Turvakielto", date(1944, 12, 31), _LOVIISA, non_disclosure=True),
        (*BOTH, MEDIATRI_LOVIISA, PROCONSONA_LOVIISA),
        "non-disclosure order: her address and phone, which the installations hold, must never leave",
        visits=USUAL_VISITS,
    ),
    TestPerson(
        _person("axel", "010100A907P", "Axel Svensk", date(2000, 1, 1), _LOVISA, language="sv", email=False),
        (PEGASOS, MEDIATRI_LOVIISA, PROCONSONA_LOVIISA),
        "Swedish, no e-mail; unknown in Lifecare",
        visits=(PROPOSAL,),
    ),
    TestPerson(
        _person("marja", "150668-910D", "Marja Kaksois", date(1968, 6, 15), _PORVOO),
        (*BOTH, MEDIATRI_LOVIISA, MEDIATRI_SIPOO),
        "a customer of Lifecare, Pegasos and Mediatri, with a future visit in each",
        visits=USUAL_VISITS,
    ),
)


def standing_faults() -> list[Fault]:
    """Return the test persons' behaviours as faults that never end."""
    found: list[Fault] = []
    for test_person in TEST_PERSONS:
        for behaviour in test_person.faults:
            for operation in behaviour.operations:
                params = {} if behaviour.seconds is None else {"seconds": behaviour.seconds}
                number = len(found) + 1
                found.append(standing_fault(number, behaviour.kind, operation, test_person.person.hetu, **params))
    return found
