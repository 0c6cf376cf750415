"""The data files of every installation, in the default sandbox or not: complete, in two languages, no clashes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from sandbox.config import new_config
from sandbox.engine.model import Status
from sandbox.installations import DATA, SYSTEMS, has_data, load_installation
from sandbox.population import test_persons
from sandbox.population.municipalities import MUNICIPALITIES
from sandbox.population.test_persons import EVERYWHERE, TEST_PERSONS
from sandbox.world import World

ALL = sorted(path.stem for path in DATA.glob("*-*.toml"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    state: Path = tmp_path_factory.mktemp("state")
    config = new_config(0, installations=ALL).model_copy(update={"residents": 400})
    opened = World(config, state)
    opened.clock.freeze(opened.first_instant)
    yield opened
    opened.close()


def test_test_persons_are_customers_of_installations_there_are() -> None:
    assert sorted(EVERYWHERE) == ALL
    assert all(has_data(name) for one in TEST_PERSONS for name in one.customer_of)
    assert not has_data("names")


def test_there_are_25_services_at_least() -> None:
    names = [{service.name_fi for service in load_installation(name).services} for name in ALL]
    assert len(set().union(*names)) >= 25


def test_no_two_units_share_an_oid() -> None:
    oids = Counter(unit.oid for name in ALL for unit in load_installation(name).units)
    assert [oid for oid, count in oids.items() if count > 1] == []


@pytest.mark.parametrize("name", ALL)
def test_a_data_file_is_complete(name: str) -> None:
    data = load_installation(name)
    assert data.name == name
    assert set(data.municipalities) <= set(MUNICIPALITIES)
    assert 4 <= len(data.services) <= 12
    assert {service.sector for service in data.services} == set(data.sectors)
    for named in (*data.services, *data.units):
        assert named.name_fi.strip()
        assert named.name_sv.strip()
        assert named.name_fi != named.name_sv
    assert {hours.service for post in data.staff for hours in post.calendars} == {one.code for one in data.services}
    assert {unit.municipality for unit in data.units} <= set(data.municipalities)
    assert all(unit.oid.startswith("2.999.") for unit in data.units)


@pytest.mark.parametrize("name", ALL)
def test_calendars_are_open_for_six_weeks_and_nobody_is_in_two_places(world: World, name: str) -> None:
    system, now = world.installations[name].system, world.clock.now()
    free = system.free_times(now, now + timedelta(days=60))
    assert {system.calendars[one.calendar].service for one in free} == set(system.services)
    assert free[-1].start > now + timedelta(days=35)
    by_professional: dict[str, set[tuple[float, float, str]]] = {}
    for time in system.times(now, now + timedelta(days=14)):
        span = (time.start.timestamp(), time.end.timestamp(), time.calendar)
        by_professional.setdefault(system.calendars[time.calendar].professional, set()).add(span)
    for spans in by_professional.values():
        assert all(first[1] <= second[0] for first, second in pairwise(sorted(spans)))


@pytest.mark.parametrize("name", ALL)
def test_the_test_persons_have_their_visits_where_they_are_customers(world: World, name: str) -> None:
    system = world.installations[name].system
    for one in TEST_PERSONS:
        patient = system.patient_by_hetu(one.person.hetu)
        assert (patient is not None) == (name in one.customer_of), one.person.key
        if patient is not None:
            found = system.appointments(patient=patient.number)
            assert Counter(visit.status for visit in found) == Counter(_statuses(name, one))


def _statuses(name: str, test_person: test_persons.TestPerson) -> Iterator[Status]:
    """What a test person's visits are there; proposals only where the vendor knows them."""
    proposals = SYSTEMS[load_installation(name).system].proposals
    for visit in test_person.visits:
        if visit.only not in (None, name):
            continue
        if visit.proposed and proposals:
            yield Status.PROPOSED
        elif not visit.proposed:
            yield Status.FULFILLED if visit.past else Status.BOOKED
