"""What an installation holds by its seed: staff, customers, visits and the appointments of every day.

Everything is a function of (data file, population, seed, first day); the day's content does not depend on the order in
which days open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from sandbox.clock import HELSINKI
from sandbox.engine.content import DayContent
from sandbox.engine.grid import Cell, cells
from sandbox.engine.model import Appointment, Calendar, Patient, Professional, Status
from sandbox.engine.system import OPEN_AHEAD, day_start
from sandbox.installations import SYSTEMS, InstallationData, load_installation
from sandbox.population.build import build_population
from sandbox.population.dice import Dice
from sandbox.population.names import Names, load_names
from sandbox.population.person import Person, Population
from sandbox.population.test_persons import TEST_PERSONS, SeededVisit

BOOKED_SHARE: Final = 0.35
BLOCKED_SHARE: Final = 0.04
OWN_TOWN_SHARE: Final = 0.60
OTHER_TOWN_SHARE: Final = 0.05
VISIT_DAYS: Final = range(3, 25)
"""How many days from the first one the test persons' visits may be."""

_USUAL: Final = ("EE", "EDC")
_FIRST: Final = 3
_PLACES_A_DAY: Final = 100
_CALENDARS: Final = 100

Place = tuple[str, int]


@lru_cache(maxsize=2)
def seeded_population(seed: int, residents: int, first_day: date) -> Population:
    """Return the population of a seed, made once: a reset asks for the one there was."""
    return build_population(seed, residents, first_day)


@lru_cache(maxsize=18)
def seeded_content(name: str, seed: int, residents: int, first_day: date) -> SeededContent:
    """Return the seeded content of an installation, made once, as its population is."""
    return SeededContent(load_installation(name), seeded_population(seed, residents, first_day), seed, first_day)


@dataclass(frozen=True, slots=True)
class _Staff:
    professionals: dict[str, Professional]
    calendars: dict[str, Calendar]


class SeededContent:
    """The seeded content of one installation (`engine.content.Content`)."""

    def __init__(self, data: InstallationData, population: Population, seed: int, first_day: date) -> None:
        self.name = data.name
        self.first_day = first_day
        self.units = {unit.id: unit for unit in data.units}
        self.services = {service.code: service for service in data.services}
        self._data = data
        self._population = population
        self._seed = seed
        self._names = load_names()
        social = data.sectors == ("social",)
        self._texts = self._names.visit_texts_social if social else self._names.visit_texts
        staff = _make_staff(data, seed, self._names)
        self.professionals = staff.professionals
        self.calendars = staff.calendars
        self._calendar_index = {calendar: index for index, calendar in enumerate(self.calendars)}
        self.patients = tuple(self._customers())
        special = {test_person.person.hetu for test_person in TEST_PERSONS}
        self._residents = [patient.number for patient in self.patients if patient.hetu not in special]
        self._days: dict[tuple[str, date], DayContent] = {}
        self._reserved: set[Place] = set()
        self.visits = tuple(self._make_visits())

    def day(self, calendar: Calendar, day: date) -> DayContent:
        """Return what the calendar holds when the day opens; see `engine.content.Content`. It is made once."""
        found = self._days.get((calendar.id, day))
        if found is None:
            found = self._days[calendar.id, day] = self._make_day(calendar, day)
        return found

    def _make_day(self, calendar: Calendar, day: date) -> DayContent:
        service = self.services[calendar.service]
        dice = Dice(self._seed, self.name, calendar.id, day.isoformat())
        found: list[Appointment] = []
        blocked: list[int] = []
        for index, cell in enumerate(cells(calendar, service.minutes, day)):
            if (calendar.id, cell.key) in self._reserved:
                continue
            if dice.chance(BLOCKED_SHARE):
                blocked.append(cell.key)
                continue
            for place in range(service.capacity):
                if dice.chance(BOOKED_SHARE):
                    number = self._seeded_number(calendar, day, index * service.capacity + place)
                    found.append(self._seeded(number, calendar, cell, dice))
        return DayContent(tuple(found), tuple(blocked))

    def patient_of(self, hetu: str, number: str) -> Patient | None:
        """Return a new customer; see `engine.content.Content`."""
        person = self._population.by_hetu(hetu)
        return None if person is None else _patient(person, number, day_start(self.first_day))

    def patient_number(self, count: int) -> str:
        """Return the number of the `count`th later customer."""
        return self._data.ids.patient.make(len(self.patients) + count - 1)

    def appointment_id(self, count: int) -> str:
        """Return the id of the `count`th later appointment."""
        return self._data.ids.appointment.make(count - 1)

    def _customers(self) -> Iterator[Patient]:
        registered = day_start(self.first_day) - timedelta(days=365)
        explicit = {one.person.hetu: one.customer_of for one in TEST_PERSONS}
        dice = Dice(self._seed, self.name, "customers")
        count = 0
        for person in self._population:
            own_town = person.municipality in self._data.municipalities
            chosen = dice.chance(OWN_TOWN_SHARE if own_town else OTHER_TOWN_SHARE)
            if self.name in explicit[person.hetu] if person.hetu in explicit else chosen:
                yield _patient(person, self._data.ids.patient.make(count), registered)
                count += 1

    def _make_visits(self) -> Iterator[Appointment]:
        dice = Dice(self._seed, self.name, "visits")
        numbers = {patient.hetu: patient.number for patient in self.patients}
        count = 0
        proposals = SYSTEMS[self._data.system].proposals
        for test_person in TEST_PERSONS:
            patient = numbers.get(test_person.person.hetu)
            here = (one for one in test_person.visits if one.only in (None, self.name))
            visits = [one for one in here if proposals or not one.proposed]
            for visit in visits if patient is not None else ():
                assert patient is not None
                yield self._visit(self._data.ids.visit.make(count), patient, visit, dice)
                count += 1

    def _visit(self, appointment_id: str, patient: str, visit: SeededVisit, dice: Dice) -> Appointment:
        calendar, cell = self._visit_time(visit, dice)
        made = day_start(self.first_day) - timedelta(days=60)
        return Appointment(
            id=appointment_id,
            patient=patient,
            calendar=calendar.id,
            start=cell.start,
            end=cell.end,
            status=Status.PROPOSED if visit.proposed else Status.FULFILLED if visit.past else Status.BOOKED,
            created=made,
            updated=cell.end if visit.past else made,
            version=2 if visit.past else 1,
            text=dice.pick(self._texts),
            restriction_parent=visit.restriction,
        )

    def _visit_time(self, visit: SeededVisit, dice: Dice) -> tuple[Calendar, Cell]:
        """Return a time of a doctor or nurse that no other visit has; it is kept from the day's content.

        Where the installation has neither, of one of its first services for one person at a time.
        """
        single = {code: one for code, one in self.services.items() if one.capacity == 1}
        usual = [code for code, one in single.items() if one.national_code in _USUAL] or list(single)[:_FIRST]
        calendars = [one for one in self.calendars.values() if one.service in usual]
        while True:
            calendar = dice.pick(calendars)
            offset = timedelta(days=dice.pick(VISIT_DAYS))
            day = self.first_day - offset if visit.past else self.first_day + offset
            times = cells(calendar, self.services[calendar.service].minutes, day)
            cell = dice.pick(times) if times else None
            if cell is not None and (calendar.id, cell.key) not in self._reserved:
                self._reserved.add((calendar.id, cell.key))
                return calendar, cell

    def _seeded(self, number: int, calendar: Calendar, cell: Cell, dice: Dice) -> Appointment:
        opened = max(self.first_day, cell.start.date() - OPEN_AHEAD)
        made = (day_start(opened).astimezone(UTC) - timedelta(minutes=dice.between(1, 40_000))).astimezone(HELSINKI)
        return Appointment(
            id=self._data.ids.seeded.make(number),
            patient=dice.pick(self._residents),
            calendar=calendar.id,
            start=cell.start,
            end=cell.end,
            status=Status.BOOKED,
            created=made,
            updated=made,
            text=dice.pick(self._texts),
        )

    def _seeded_number(self, calendar: Calendar, day: date, place: int) -> int:
        assert place < _PLACES_A_DAY
        days = (day - self.first_day).days
        return (days * _CALENDARS + self._calendar_index[calendar.id]) * _PLACES_A_DAY + place


def _make_staff(data: InstallationData, seed: int, names: Names) -> _Staff:
    dice = Dice(seed, data.name, "staff")
    professionals: dict[str, Professional] = {}
    calendars: dict[str, Calendar] = {}
    for index, post in enumerate(data.staff):
        swedish = post.languages[0] == "sv"
        professional = Professional(
            id=data.ids.professional.make(index),
            register_number=f"999{dice.between(10_000_000, 99_999_999)}",
            family=dice.pick(names.family_sv if swedish else names.family_fi),
            given=dice.pick(names.given_sv if swedish else names.given_fi),
            title_fi=post.title_fi,
            title_sv=post.title_sv,
            unit=post.unit,
            languages=post.languages,
        )
        professionals[professional.id] = professional
        for hours in post.calendars:
            calendar = Calendar(
                id=data.ids.calendar.make(len(calendars)),
                professional=professional.id,
                unit=post.unit,
                service=hours.service,
                weekdays=hours.weekdays,
                opens=hours.opens,
                closes=hours.closes,
            )
            calendars[calendar.id] = calendar
    assert len(calendars) <= _CALENDARS
    return _Staff(professionals, calendars)


def _patient(person: Person, number: str, registered: datetime) -> Patient:
    return Patient(
        number=number,
        hetu=person.hetu,
        family=person.family,
        given=person.given,
        birth_date=person.birth_date,
        language=person.language,
        municipality=person.municipality,
        street=person.street,
        postal_code=person.postal_code,
        city=person.city,
        phone=person.phone,
        email=person.email,
        non_disclosure=person.non_disclosure,
        registered=registered,
    )
