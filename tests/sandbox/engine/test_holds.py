"""Holds: a place is kept for one patient for a while of virtual time, and for nobody else."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sandbox.config import SandboxConfig
from sandbox.engine import errors
from sandbox.engine.model import BookedTime, Status
from sandbox.engine.system import RecordSystem
from sandbox.world import World
from tests.sandbox.engine.desk import AINO, MARJA, free, is_free, number

TEN_MINUTES = 600.0


@pytest.fixture
def system(world: World) -> RecordSystem:
    return world.installations["lifecare-porvoo"].system


def test_a_held_time_is_taken_for_everybody_else(system: RecordSystem) -> None:
    time, aino = free(system)[0], number(system, AINO)
    hold = system.hold(aino, time.calendar, time.start, seconds=TEN_MINUTES, reference="h-1")
    assert (hold.start, hold.end, hold.appointment) == (time.start, time.end, None)
    assert hold.expires_at == system.clock.now() + timedelta(minutes=10)
    assert not is_free(system, time)
    for patient in (number(system, MARJA), aino):
        with pytest.raises(errors.SlotTaken) as taken:
            system.book(patient=patient, calendar=time.calendar, start=time.start)
        assert not taken.value.held_by_same_patient
        with pytest.raises(errors.SlotTaken):
            system.hold(patient, time.calendar, time.start, seconds=TEN_MINUTES)
    assert system.holds_on(time.calendar, time.start) == [hold]
    shown = system.times(time.start, time.end, calendar=time.calendar)
    assert shown == [BookedTime(time.calendar, time.start, time.end, None, held=True)]
    assert system.take_time(time.calendar, time.start, besides=aino) == []


def test_the_holder_books_it_and_finds_it_again_by_the_same_token(system: RecordSystem) -> None:
    time, aino = free(system)[0], number(system, AINO)
    hold = system.hold(aino, time.calendar, time.start, seconds=TEN_MINUTES, reference="h-1")
    made = system.book(patient=aino, calendar=time.calendar, start=time.start, hold=hold.token)
    assert made.status is Status.BOOKED
    known = system.hold_of(hold.token)
    assert known is not None
    assert known.appointment == made.id
    assert system.find_hold("h-1") == known
    assert system.holds_on(time.calendar, time.start) == []
    system.clock.advance(timedelta(hours=23))
    assert system.book(patient=aino, calendar=time.calendar, start=time.start, hold=hold.token) == made
    system.release(hold.token)
    assert system.appointment(made.id) == made
    system.clock.advance(timedelta(hours=1))
    assert system.hold_of(hold.token) is None
    assert len(system.appointments(calendar=time.calendar, start=time.start, end=time.end)) == 1


def test_a_hold_ends_by_the_virtual_clock(system: RecordSystem) -> None:
    time, aino = free(system)[0], number(system, AINO)
    hold = system.hold(aino, time.calendar, time.start, seconds=TEN_MINUTES)
    system.clock.advance(timedelta(seconds=599))
    assert system.hold_of(hold.token) == hold
    assert not is_free(system, time)
    system.clock.advance(timedelta(seconds=1))
    assert system.hold_of(hold.token) is None
    assert is_free(system, time)
    with pytest.raises(errors.NoSuchHold):
        system.book(patient=aino, calendar=time.calendar, start=time.start, hold=hold.token)
    assert is_free(system, time)


def test_a_token_is_good_for_its_own_place_and_patient_only(system: RecordSystem) -> None:
    time, other = free(system)[:2]
    aino, marja = number(system, AINO), number(system, MARJA)
    hold = system.hold(aino, time.calendar, time.start, seconds=TEN_MINUTES)
    for patient, at in ((marja, time), (aino, other)):
        with pytest.raises(errors.NoSuchHold):
            system.book(patient=patient, calendar=at.calendar, start=at.start, hold=hold.token)
    with pytest.raises(errors.NoSuchHold):
        system.book(patient=aino, calendar=other.calendar, start=other.start, hold="no such token")
    assert system.hold_of(hold.token) == hold


def test_a_release_frees_the_place_and_may_be_repeated(system: RecordSystem) -> None:
    time, aino = free(system)[0], number(system, AINO)
    hold = system.hold(aino, time.calendar, time.start, seconds=TEN_MINUTES, reference="h-1")
    for _ in range(2):
        system.release(hold.token)
        assert is_free(system, time)
        assert system.hold_of(hold.token) is None
        assert system.find_hold("h-1") is None


def test_a_group_time_is_held_place_by_place(system: RecordSystem) -> None:
    time, aino = free(system, places=3)[0], number(system, AINO)
    tokens = [system.hold(aino, time.calendar, time.start, seconds=TEN_MINUTES).token for _ in range(3)]
    assert len(set(tokens)) == 3
    with pytest.raises(errors.SlotTaken):
        system.book(patient=number(system, MARJA), calendar=time.calendar, start=time.start)
    system.release(tokens[1])
    assert [one.left for one in system.free_times(time.start, time.end, calendar=time.calendar)] == [1]
    system.book(patient=aino, calendar=time.calendar, start=time.start, hold=tokens[0])
    assert [one.left for one in system.free_times(time.start, time.end, calendar=time.calendar)] == [1]


def test_an_appointment_moves_to_a_held_time(system: RecordSystem) -> None:
    first, second = free(system)[:2]
    aino = number(system, AINO)
    made = system.book(patient=aino, calendar=first.calendar, start=first.start)
    hold = system.hold(aino, second.calendar, second.start, seconds=TEN_MINUTES)
    place = {"start": second.start, "calendar": second.calendar}
    with pytest.raises(errors.SlotTaken):
        system.move(made.id, start=second.start, calendar=second.calendar, by="interface")
    moved = system.move(made.id, start=second.start, calendar=second.calendar, by="interface", hold=hold.token)
    assert {name: getattr(moved, name) for name in place} == place
    assert is_free(system, first)
    with pytest.raises(errors.NoSuchHold):
        system.move(made.id, start=second.start, calendar=second.calendar, by="interface", hold=hold.token)


def test_holds_survive_a_restart(config: SandboxConfig, tmp_path: Path) -> None:
    before = World(config, tmp_path)
    before.clock.freeze(before.first_instant)
    system = before.installations["lifecare-porvoo"].system
    times, aino = free(system)[:3], number(system, AINO)
    live, used, released = (
        system.hold(aino, one.calendar, one.start, seconds=TEN_MINUTES, reference=f"h-{at}")
        for at, one in enumerate(times)
    )
    made = system.book(patient=aino, calendar=used.calendar, start=used.start, hold=used.token)
    system.release(released.token)
    before.close()

    after = World(config, tmp_path)
    system = after.installations["lifecare-porvoo"].system
    assert system.hold_of(live.token) == live
    assert not is_free(system, times[0])
    assert system.book(patient=aino, calendar=used.calendar, start=used.start, hold=used.token) == made
    assert system.hold_of(released.token) is None
    assert is_free(system, times[2])
    assert {hold.token for hold in system.holds()} == {live.token, used.token}
    after.close()


def test_strangers_cannot_hold(system: RecordSystem) -> None:
    time, aino = free(system)[0], number(system, AINO)
    with pytest.raises(errors.UnknownPatient):
        system.hold("0", time.calendar, time.start, seconds=1)
    with pytest.raises(errors.UnknownCalendar):
        system.hold(aino, "0", time.start, seconds=1)
    with pytest.raises(errors.NoSuchTime):
        system.hold(aino, time.calendar, time.start + timedelta(minutes=1), seconds=1)
    assert system.find_hold("") is None


def test_a_hold_over_the_autumn_hour_lasts_ten_minutes(system: RecordSystem) -> None:
    system.clock.freeze(datetime.fromisoformat("2027-10-31T03:55:00+03:00"))
    time, aino = free(system)[-1], number(system, AINO)
    hold = system.hold(aino, time.calendar, time.start, seconds=TEN_MINUTES)
    assert hold.expires_at.isoformat() == "2027-10-31T03:05:00+02:00"
    system.clock.advance(timedelta(minutes=9))
    assert system.hold_of(hold.token) == hold
    system.clock.advance(timedelta(minutes=1))
    assert system.hold_of(hold.token) is None


def test_a_disk_that_fails_changes_nothing(world: World, system: RecordSystem) -> None:
    time, aino = free(system)[0], number(system, AINO)
    hold = system.hold(aino, time.calendar, time.start, seconds=TEN_MINUTES)
    before, last = system.appointments(), system.last_change()
    world.store.close()
    with pytest.raises(sqlite3.Error):
        system.book(patient=aino, calendar=time.calendar, start=time.start, hold=hold.token)
    with pytest.raises(sqlite3.Error):
        system.release(hold.token)
    assert system.hold_of(hold.token) == hold
    assert (system.appointments(), system.last_change()) == (before, last)
