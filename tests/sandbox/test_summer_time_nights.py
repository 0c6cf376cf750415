"""Calendars on the two nights of the year when the clock is changed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from sandbox.engine.model import Appointment, FreeTime
from sandbox.engine.system import RecordSystem
from sandbox.world import World

NIGHT = {"lifecare-porvoo": "YOPU", "pegasos-loviisa": "1090"}
MIDNIGHT = {
    "spring": "2027-03-28T00:00:00+02:00",
    "autumn": "2027-10-31T00:00:00+03:00",
    "usual": "2027-04-04T00:00:00+03:00",
}


@pytest.fixture(params=sorted(NIGHT))
def system(world: World, request: pytest.FixtureRequest) -> RecordSystem:
    return world.installations[request.param].system


def night_times(system: RecordSystem, night: str) -> list[datetime]:
    """Every time of the night calendar on that night: free, booked or blocked."""
    midnight = datetime.fromisoformat(MIDNIGHT[night])
    system.clock.freeze(midnight - timedelta(days=1))
    shown = system.times(midnight, midnight + timedelta(hours=8), service=NIGHT[system.name])
    return [one.start for one in shown]


def test_the_spring_night_has_no_hour_from_three_to_four(system: RecordSystem) -> None:
    times = night_times(system, "spring")
    assert len(times) == 5 * 2
    assert not [one for one in times if one.hour == 3]
    assert [one.isoformat() for one in times if one.hour in (2, 4)] == [
        "2027-03-28T02:00:00+02:00",
        "2027-03-28T02:30:00+02:00",
        "2027-03-28T04:00:00+03:00",
        "2027-03-28T04:30:00+03:00",
    ]


def test_the_autumn_night_has_that_hour_twice(system: RecordSystem) -> None:
    times = night_times(system, "autumn")
    assert len(times) == 7 * 2
    assert [one.isoformat() for one in times if one.hour == 3] == [
        "2027-10-31T03:00:00+03:00",
        "2027-10-31T03:30:00+03:00",
        "2027-10-31T03:00:00+02:00",
        "2027-10-31T03:30:00+02:00",
    ]


def test_a_usual_night_has_twelve_half_hours(system: RecordSystem) -> None:
    assert len(night_times(system, "usual")) == 6 * 2


def test_both_hours_of_the_autumn_night_can_be_booked_and_survive_the_disk(world: World, system: RecordSystem) -> None:
    night_times(system, "autumn")
    patient = system.patient_by_hetu("010594Y9021")
    assert patient is not None
    calendar = next(one.id for one in system.calendars.values() if one.service == NIGHT[system.name])
    made: dict[str, Appointment] = {}
    for offset in ("+03:00", "+02:00"):
        start = datetime.fromisoformat(f"2027-10-31T03:30:00{offset}")
        for holder in system.appointments(calendar=calendar, start=start, end=start + timedelta(minutes=1)):
            system.cancel(holder.id, by="desk")
        free = system.free_times(start, start + timedelta(minutes=1), calendar=calendar)
        if free:  # the seed may have blocked one of them
            made[offset] = system.book(patient=patient.number, calendar=calendar, start=start)
    assert made
    ends = {"+03:00": "2027-10-31T03:00:00+02:00", "+02:00": "2027-10-31T04:00:00+02:00"}
    for offset, one in made.items():
        assert (one.start.isoformat(), one.end.isoformat()) == (f"2027-10-31T03:30:00{offset}", ends[offset])
    world.close()
    again = World(world.config, world.state)
    for one in made.values():
        kept = again.installations[system.name].system.appointment(one.id)
        assert kept is not None
        assert (kept.start.isoformat(), kept.end.isoformat()) == (one.start.isoformat(), one.end.isoformat())
    again.close()


def test_day_calendars_keep_their_wall_clock_hours(system: RecordSystem) -> None:
    now = system.clock.now()
    by_day = [one for one in system.times(now, now + timedelta(days=14)) if one.start.hour >= 7]
    assert {one.start.utcoffset() for one in by_day} == {timedelta(hours=2), timedelta(hours=3)}
    assert min(one.start.hour for one in by_day) == 8
    assert max((one.end.hour, one.end.minute) for one in by_day) == (16, 0)
    assert all(isinstance(one, FreeTime) or one.start.weekday() < 5 for one in by_day)
