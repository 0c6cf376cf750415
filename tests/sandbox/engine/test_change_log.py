"""The change log: every appointment has a number, every change a higher one, also after a restart."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from sandbox.config import SandboxConfig
from sandbox.engine import errors
from sandbox.engine.model import Change
from sandbox.engine.system import RecordSystem
from sandbox.world import World
from tests.sandbox.engine.desk import AINO, free, number

EVERYTHING = 1_000_000


@pytest.fixture
def system(world: World) -> RecordSystem:
    return world.installations["pegasos-loviisa"].system


def newest(changes: list[Change]) -> dict[str, int]:
    return {one.id: one.version for one in changes}


def test_the_first_day_is_in_it(system: RecordSystem) -> None:
    found = system.changes(0, EVERYTHING)
    assert [one.number for one in found] == list(range(1, system.last_change() + 1))
    assert newest(found) == {one.id: one.version for one in system.appointments()}
    assert all(first.at <= second.at for first, second in pairwise(found))
    assert found[-1].at < system.clock.now()


def test_every_change_is_one_entry(system: RecordSystem) -> None:
    last = system.last_change()
    first, second = free(system)[:2]
    made = system.book(patient=number(system, AINO), calendar=first.calendar, start=first.start)
    system.move(made.id, start=second.start, calendar=second.calendar, by="desk")
    with pytest.raises(errors.StaleVersion):
        system.cancel(made.id, by="interface", expected_version=1)
    system.clock.advance(timedelta(minutes=5))
    system.cancel(made.id, by="interface")
    entries = system.changes(last, EVERYTHING)
    assert [(one.number - last, one.kind, one.id, one.version) for one in entries] == [
        (at, "appointment", made.id, at) for at in (1, 2, 3)
    ]
    assert entries[2].at - entries[1].at == timedelta(minutes=5)
    assert system.changes(last, 2) == entries[:2]
    assert system.changes(entries[1].number, EVERYTHING) == entries[2:]
    assert system.changes(entries[2].number, EVERYTHING) == []


def test_kinds_can_be_told_apart(system: RecordSystem) -> None:
    last = system.last_change()
    patient = system.register_patient("290224B904N")
    time = free(system)[0]
    made = system.book(patient=patient.number, calendar=time.calendar, start=time.start)
    assert [(one.kind, one.id) for one in system.changes(last, 9)] == [
        ("patient", patient.number),
        ("appointment", made.id),
    ]
    assert [one.id for one in system.changes(last, 1, kind="appointment")] == [made.id]


def test_what_new_days_open_with_is_in_it(system: RecordSystem) -> None:
    last = system.last_change()
    system.clock.advance(timedelta(days=3))
    opened = system.changes(last, EVERYTHING)
    assert len(opened) > 10
    assert {one.at for one in opened} == {system.clock.now()}
    assert newest(system.changes(0, EVERYTHING)) == {one.id: one.version for one in system.appointments()}


def test_a_restart_keeps_every_number(config: SandboxConfig, tmp_path: Path) -> None:
    before = World(config, tmp_path)
    before.clock.freeze(before.first_instant)
    system = before.installations["pegasos-loviisa"].system
    for _ in range(3):
        time = free(system)[0]
        made = system.book(patient=number(system, AINO), calendar=time.calendar, start=time.start)
        system.clock.advance(timedelta(days=2))
        system.cancel(made.id, by="desk")
    log = system.changes(0, EVERYTHING)
    before.close()

    after = World(config, tmp_path)
    system = after.installations["pegasos-loviisa"].system
    assert system.changes(0, EVERYTHING) == log
    time = free(system)[0]
    made = system.book(patient=number(system, AINO), calendar=time.calendar, start=time.start)
    assert [(one.number, one.id) for one in system.changes(len(log), 9)] == [(len(log) + 1, made.id)]
    after.reset()
    assert system.last_change() < len(log)
    after.close()
