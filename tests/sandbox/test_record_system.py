"""The engine's rules: one winner per place, nothing forgotten, nothing changed by a refusal."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from sandbox.config import SandboxConfig
from sandbox.engine import errors
from sandbox.engine.model import Appointment, BookedTime, FreeTime, Status
from sandbox.engine.system import RecordSystem
from sandbox.world import World

AINO, MARJA, AXEL, LILJA = "010594Y9021", "150668-910D", "010100A907P", "290224B904N"
INSTALLATIONS = ("lifecare-porvoo", "pegasos-loviisa")
GROUP = {"lifecare-porvoo": "PAINO", "pegasos-loviisa": "1040"}


@pytest.fixture(params=INSTALLATIONS)
def system(world: World, request: pytest.FixtureRequest) -> RecordSystem:
    return world.installations[request.param].system


def number(system: RecordSystem, hetu: str) -> str:
    patient = system.patient_by_hetu(hetu)
    assert patient is not None
    return patient.number


def free(system: RecordSystem, service: str | None = None) -> list[FreeTime]:
    now = system.clock.now()
    return system.free_times(now, now + timedelta(days=21), service=service)


def single(system: RecordSystem) -> FreeTime:
    """A free time of a service for one."""
    return next(one for one in free(system) if system.services[system.calendars[one.calendar].service].capacity == 1)


def test_a_booked_time_is_not_free_any_more(system: RecordSystem) -> None:
    time = single(system)
    made = system.book(patient=number(system, AINO), calendar=time.calendar, start=time.start, placer_id="p-1")
    assert (made.status, made.version, made.start, made.end) == (Status.BOOKED, 1, time.start, time.end)
    assert time not in free(system)
    assert system.appointment(made.id) == made
    assert system.appointments(placer_id="p-1") == [made]
    assert made in system.appointments(patient=number(system, AINO))
    shown = system.times(time.start, time.start + timedelta(minutes=1), calendar=time.calendar)
    assert shown == [BookedTime(time.calendar, time.start, time.end, made.id)]


def test_two_who_race_for_one_time_get_one_winner(system: RecordSystem) -> None:
    time = single(system)
    winner = system.book(patient=number(system, AINO), calendar=time.calendar, start=time.start)
    with pytest.raises(errors.SlotTaken) as other:
        system.book(patient=number(system, MARJA), calendar=time.calendar, start=time.start)
    assert not other.value.held_by_same_patient
    with pytest.raises(errors.SlotTaken) as same:
        system.book(patient=number(system, AINO), calendar=time.calendar, start=time.start)
    assert same.value.held_by_same_patient
    assert [one.id for one in _at(system, time)] == [winner.id]


def test_a_group_time_takes_three_and_the_same_person_twice(system: RecordSystem) -> None:
    time = next(one for one in free(system, GROUP[system.name]) if one.left == 3)
    aino, marja = number(system, AINO), number(system, MARJA)
    for left, patient in ((2, aino), (1, aino), (None, marja)):
        system.book(patient=patient, calendar=time.calendar, start=time.start)
        now = [one.left for one in free(system, GROUP[system.name]) if (one.calendar, one.start) == _place(time)]
        assert now == ([] if left is None else [left])
    with pytest.raises(errors.SlotTaken):
        system.book(patient=marja, calendar=time.calendar, start=time.start)
    assert len(_at(system, time)) == 3


def test_cancelling_frees_the_time_and_cannot_be_done_twice(system: RecordSystem) -> None:
    time = single(system)
    made = system.book(patient=number(system, AINO), calendar=time.calendar, start=time.start)
    gone = system.cancel(made.id, by="interface", reason="cannot come", expected_version=1, expected_start=made.start)
    assert (gone.status, gone.version, gone.reason) == (Status.CANCELLED, 2, "cannot come")
    assert time in free(system)
    with pytest.raises(errors.NotCancellable):
        system.cancel(made.id, by="interface")
    assert system.appointment(made.id) == gone


def test_a_stale_belief_changes_nothing(system: RecordSystem) -> None:
    time = single(system)
    made = system.book(patient=number(system, AINO), calendar=time.calendar, start=time.start)
    with pytest.raises(errors.StaleVersion):
        system.cancel(made.id, by="interface", expected_version=2)
    with pytest.raises(errors.StaleVersion) as stale:
        system.cancel(made.id, by="interface", expected_start=made.start + timedelta(minutes=5))
    assert (stale.value.version, stale.value.start) == (1, made.start)
    assert system.appointment(made.id) == made


def test_a_visit_that_has_begun_is_the_desks_alone(system: RecordSystem) -> None:
    time = single(system)
    made = system.book(patient=number(system, AINO), calendar=time.calendar, start=time.start)
    system.clock.freeze(made.start)
    with pytest.raises(errors.NotCancellable) as refused:
        system.cancel(made.id, by="interface")
    assert refused.value.past
    assert system.no_show(made.id).status is Status.NOSHOW
    with pytest.raises(errors.NotCancellable):
        system.cancel(made.id, by="desk")


def test_the_desk_moves_to_a_free_time_only(system: RecordSystem) -> None:
    first = single(system)
    made = system.book(patient=number(system, AINO), calendar=first.calendar, start=first.start, placer_id="p-1")
    second = single(system)
    taken = system.appointments(calendar=second.calendar, start=system.clock.now())
    hers = next(one for one in taken if one.status is Status.BOOKED and one.id != made.id)
    with pytest.raises(errors.SlotTaken):
        system.move(made.id, start=hers.start, calendar=second.calendar, by="desk")
    assert system.appointment(made.id) == made
    moved = system.move(made.id, start=second.start, calendar=second.calendar, by="desk")
    assert (moved.id, moved.start, moved.version, moved.placer_id) == (made.id, second.start, 2, "p-1")
    assert first in free(system)
    assert second not in free(system)


@pytest.mark.parametrize("minutes", [1, -60 * 24 * 30, 60 * 24 * 90], ids=["off the grid", "past", "not open yet"])
def test_only_times_of_the_calendar_can_be_booked(system: RecordSystem, minutes: int) -> None:
    time = single(system)
    with pytest.raises(errors.NoSuchTime):
        system.book(patient=number(system, AINO), calendar=time.calendar, start=time.start + timedelta(minutes=minutes))


def test_strangers_are_refused(system: RecordSystem) -> None:
    time = single(system)
    with pytest.raises(errors.UnknownPatient):
        system.book(patient="0", calendar=time.calendar, start=time.start)
    with pytest.raises(errors.UnknownCalendar):
        system.book(patient=number(system, AINO), calendar="0", start=time.start)
    with pytest.raises(errors.NotFound):
        system.cancel("0", by="desk")
    with pytest.raises(errors.UnknownPerson):
        system.register_patient("010190-901K")
    assert time in free(system)


def test_periods_may_reach_to_the_ends_of_the_calendar(system: RecordSystem) -> None:
    beginning = datetime.fromisoformat("0001-01-01T00:00:00+14:00")
    end = datetime.fromisoformat("9999-12-31T23:59:59-12:00")
    assert system.free_times(end, end) == []
    assert system.free_times(beginning, end) == system.free_times(system.clock.now(), end)
    with pytest.raises(errors.NoSuchTime):
        system.calendar_for(end)


def test_who_is_a_customer_where(world: World) -> None:
    lifecare, pegasos = (world.installations[name].system for name in INSTALLATIONS)
    assert lifecare.patient_by_hetu(AXEL) is None
    assert pegasos.patient_by_hetu(LILJA) is None
    lilja = pegasos.register_patient(LILJA)
    assert pegasos.patient(lilja.number) == pegasos.patient_by_hetu(LILJA) == lilja
    with pytest.raises(errors.AlreadyCustomer) as known:
        pegasos.register_patient(LILJA)
    assert known.value.number == lilja.number
    assert lilja.number not in {patient.number for patient in pegasos.patients()[:-1]}
    shares = [len(each.patients()) / len(world.population) for each in (lifecare, pegasos)]
    assert 0.25 < shares[0] < 0.55
    assert 0.08 < shares[1] < 0.30


def test_the_seeded_visits_of_the_test_persons(system: RecordSystem) -> None:
    now = system.clock.now()
    for hetu in (AINO, MARJA, "311244-9068"):
        visits = system.appointments(patient=number(system, hetu))
        assert [one.status for one in visits] == [Status.FULFILLED, Status.FULFILLED, Status.BOOKED]
        assert visits[1].end < now < visits[2].start
    onnis = system.appointments(patient=number(system, "050712A9055"))
    assert {one.restriction_parent for one in onnis} == {2, 4, None}
    assert all(one.start > now and one.status is Status.BOOKED for one in onnis)


def test_about_a_third_of_the_places_are_taken(system: RecordSystem) -> None:
    now = system.clock.now()
    shown = system.times(now, now + timedelta(days=28))
    booked = sum(1 for one in shown if isinstance(one, BookedTime) and one.appointment is not None)
    blocked = sum(1 for one in shown if isinstance(one, BookedTime) and one.appointment is None)
    places = booked + sum(one.left for one in shown if isinstance(one, FreeTime))
    assert 0.30 < booked / places < 0.40
    assert blocked > 10


def test_no_professional_is_in_two_places(system: RecordSystem) -> None:
    now = system.clock.now()
    by_professional: dict[str, list[tuple[float, float, str]]] = {}
    for time in system.times(now, now + timedelta(days=14)):
        who = system.calendars[time.calendar].professional
        span = (time.start.timestamp(), time.end.timestamp(), time.calendar)
        by_professional.setdefault(who, []).append(span)
    for spans in by_professional.values():
        ordered = sorted(set(spans))
        assert all(first[1] <= second[0] for first, second in pairwise(ordered))


def test_the_desk_takes_every_place_left(system: RecordSystem) -> None:
    time = next(one for one in free(system, GROUP[system.name]) if one.left == 3)
    aino = number(system, AINO)
    made = system.take_time(time.calendar, time.start, besides=aino)
    assert len(made) == 3
    assert all(one.patient != aino and one.booked_by == "desk" for one in made)
    assert system.take_time(time.calendar, time.start, besides=aino) == []


def test_calendars_open_as_the_clock_goes(system: RecordSystem) -> None:
    now = system.clock.now()
    later = [system.free_times(now + timedelta(days=43), now + timedelta(days=50))]
    system.clock.advance(timedelta(days=8))
    later.append(system.free_times(now + timedelta(days=43), now + timedelta(days=50)))
    assert later[0] == []
    assert len(later[1]) > 100


def test_a_restart_keeps_everything(config: SandboxConfig, tmp_path: Path) -> None:
    before = World(config, tmp_path)
    before.clock.freeze(before.first_instant)
    system = before.installations["pegasos-loviisa"].system
    lilja = system.register_patient(LILJA)
    first = single(system)
    kept = system.book(patient=lilja.number, calendar=first.calendar, start=first.start, placer_id="p-1", extra="Z|1")
    second = single(system)
    gone = system.book(patient=lilja.number, calendar=second.calendar, start=second.start)
    gone = system.cancel(gone.id, by="interface")
    system.clock.advance(timedelta(days=10))
    system.appointments()
    system.clock.freeze(before.first_instant)
    all_before = system.appointments()
    before.close()

    after = World(config, tmp_path)
    system = after.installations["pegasos-loviisa"].system
    assert system.clock.now() == before.first_instant
    assert system.patient_by_hetu(LILJA) == lilja
    assert system.appointment(kept.id) == kept
    assert system.appointment(gone.id) == gone
    assert system.appointments() == all_before
    third = single(system)
    new = system.book(patient=lilja.number, calendar=third.calendar, start=third.start)
    assert new.id not in {one.id for one in all_before}
    after.close()


def test_a_cancelled_seeded_visit_stays_cancelled_after_a_restart(config: SandboxConfig, tmp_path: Path) -> None:
    before = World(config, tmp_path)
    system = before.installations["lifecare-porvoo"].system
    seeded = next(one for one in system.appointments(start=system.clock.now()) if one.status is Status.BOOKED)
    gone = system.cancel(seeded.id, by="desk")
    new = system.book(patient=number(system, AINO), calendar=gone.calendar, start=gone.start)
    before.close()
    after = World(config, tmp_path)
    system = after.installations["lifecare-porvoo"].system
    assert system.appointment(seeded.id) == gone
    assert system.appointment(new.id) == new
    after.close()


def test_pending_holds_the_time_until_the_desk_decides(world: World) -> None:
    system = world.installations["pegasos-loviisa"].system
    first = single(system)
    made = system.book(patient=number(system, AINO), calendar=first.calendar, start=first.start, pending=True)
    assert made.status is Status.PENDING
    assert first not in free(system)
    assert system.decide(made.id, "booked").status is Status.BOOKED
    second = single(system)
    made = system.book(patient=number(system, AINO), calendar=second.calendar, start=second.start, pending=True)
    assert system.decide(made.id, "refused").status is Status.CANCELLED
    assert second in free(system)
    with pytest.raises(errors.NotCancellable):
        system.decide(made.id, "booked")


def test_a_planned_decision_survives_a_restart(config: SandboxConfig, tmp_path: Path) -> None:
    before = World(config, tmp_path)
    system = before.installations["pegasos-loviisa"].system
    time = single(system)
    made = system.book(patient=number(system, AINO), calendar=time.calendar, start=time.start, pending=True)
    system.decide_later(made.id, "refused", seconds=0)
    before.close()
    after = World(config, tmp_path)
    system = after.installations["pegasos-loviisa"].system
    assert system.appointment(made.id) == made
    system.decide_due()
    found = system.appointment(made.id)
    assert found is not None
    assert found.status is Status.CANCELLED
    after.close()


def test_a_reset_brings_the_first_day_back_and_a_seed_another_world(world: World) -> None:
    system = world.installations["pegasos-loviisa"].system
    first_day = system.appointments()
    time = single(system)
    system.book(patient=number(system, AINO), calendar=time.calendar, start=time.start)
    world.installations["pegasos-loviisa"].faults.arm("slow", count=9)
    world.clock.advance(timedelta(days=100))
    system.appointments()
    world.reset()
    world.clock.freeze(world.first_instant)
    assert system.appointments() == first_day
    assert world.installations["pegasos-loviisa"].faults.armed() == []
    world.reset(7)
    world.clock.freeze(world.first_instant)
    assert world.seed == 7
    assert system.appointments() != first_day
    assert system.patient_by_hetu(AINO) is not None


def test_another_seed_survives_a_restart(config: SandboxConfig, tmp_path: Path) -> None:
    before = World(config, tmp_path)
    before.reset(7)
    before.close()
    after = World(config, tmp_path)
    assert after.seed == 7
    after.close()


def test_a_change_is_seen_by_its_virtual_time(system: RecordSystem) -> None:
    system.clock.advance(timedelta(hours=1))
    since = system.clock.now()
    assert system.appointments(updated_since=since) == []
    time = single(system)
    made = system.book(patient=number(system, AINO), calendar=time.calendar, start=time.start)
    assert system.appointments(updated_since=since) == [made]
    assert system.appointments(updated_since=since + timedelta(microseconds=1)) == []
    assert replace(made, updated=since) == made


def _place(time: FreeTime) -> tuple[str, datetime]:
    return time.calendar, time.start


def _at(system: RecordSystem, time: FreeTime) -> list[Appointment]:
    return system.appointments(calendar=time.calendar, start=time.start, end=time.end)
