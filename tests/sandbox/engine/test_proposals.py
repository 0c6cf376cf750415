"""Proposals: the desk offers, the resident accepts, wishes for another time or declines; one place at a time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.config import SandboxConfig
from sandbox.engine import errors
from sandbox.engine.model import Appointment, FreeTime, Status
from sandbox.engine.system import RecordSystem
from sandbox.world import World
from tests.sandbox.engine.desk import AINO, free, is_free, number


@pytest.fixture
def system(world: World) -> RecordSystem:
    return world.installations["lifecare-porvoo"].system


def offer(system: RecordSystem) -> tuple[FreeTime, Appointment]:
    time = free(system)[0]
    return time, system.propose(number(system, AINO), time.calendar, time.start, text="keskustelu")


def test_an_offer_holds_its_time_until_it_is_accepted(system: RecordSystem) -> None:
    time, made = offer(system)
    assert (made.status, made.version, made.booked_by, made.by_resident) == (Status.PROPOSED, 1, "desk", False)
    assert not is_free(system, time)
    taken = system.accept(made.id, expected_version=1)
    assert (taken.status, taken.version, taken.start) == (Status.BOOKED, 2, time.start)
    with pytest.raises(errors.NotProposed):
        system.accept(made.id)


def test_a_wish_holds_the_other_time_and_the_desk_decides(system: RecordSystem) -> None:
    time, made = offer(system)
    other = free(system)[3]
    wish = system.counter(made.id, other.start, calendar=other.calendar, expected_version=1)
    assert (wish.status, wish.version, wish.by_resident) == (Status.PROPOSED, 2, True)
    assert (wish.calendar, wish.start, wish.end) == (other.calendar, other.start, other.end)
    assert is_free(system, time)
    assert not is_free(system, other)
    with pytest.raises(errors.NotProposed):
        system.accept(made.id)
    assert system.decide(made.id, "booked").status is Status.BOOKED


def test_the_desk_may_refuse_a_wish_or_offer_yet_another_time(system: RecordSystem) -> None:
    _, made = offer(system)
    other, third = free(system)[3:5]
    system.counter(made.id, other.start, calendar=other.calendar)
    again = system.move(made.id, start=third.start, calendar=third.calendar, by="desk")
    assert (again.status, again.by_resident, again.version) == (Status.PROPOSED, False, 3)
    with pytest.raises(errors.NotCancellable):
        system.decide(made.id, "booked")
    system.counter(made.id, other.start, calendar=other.calendar)
    refused = system.decide(made.id, "refused")
    assert (refused.status, refused.reason) == (Status.CANCELLED, "refused")
    assert is_free(system, other)


def test_a_declined_offer_is_over(system: RecordSystem) -> None:
    time, made = offer(system)
    gone = system.decline(made.id, reason="ei sovi")
    assert (gone.status, gone.reason, gone.version) == (Status.CANCELLED, "ei sovi", 2)
    assert is_free(system, time)
    for act in (system.accept, system.decline):
        with pytest.raises(errors.NotCancellable):
            act(made.id)


def test_a_stale_or_late_answer_changes_nothing(system: RecordSystem) -> None:
    time, made = offer(system)
    with pytest.raises(errors.StaleVersion):
        system.accept(made.id, expected_version=2)
    with pytest.raises(errors.NoSuchTime):
        system.counter(made.id, time.start + timedelta(minutes=1))
    later = system.appointments(start=system.clock.now() + timedelta(days=1))
    taken = next(one for one in later if not system.free_times(one.start, one.end, calendar=one.calendar))
    with pytest.raises(errors.SlotTaken):
        system.counter(made.id, taken.start, calendar=taken.calendar)
    system.clock.freeze(made.start)
    with pytest.raises(errors.NotCancellable) as late:
        system.accept(made.id)
    assert late.value.past
    assert system.appointment(made.id) == made


def test_only_a_proposal_can_be_answered(system: RecordSystem) -> None:
    time = free(system)[0]
    made = system.book(patient=number(system, AINO), calendar=time.calendar, start=time.start)
    other = free(system)[0]
    with pytest.raises(errors.NotProposed):
        system.accept(made.id)
    with pytest.raises(errors.NotProposed):
        system.decline(made.id)
    with pytest.raises(errors.NotProposed):
        system.counter(made.id, other.start, calendar=other.calendar)
    with pytest.raises(errors.NotFound):
        system.accept("0")
    assert system.appointment(made.id) == made


def test_a_wish_survives_a_restart(config: SandboxConfig, tmp_path: Path) -> None:
    before = World(config, tmp_path)
    before.clock.freeze(before.first_instant)
    system = before.installations["lifecare-porvoo"].system
    _, made = offer(system)
    other = free(system)[3]
    wish = system.counter(made.id, other.start, calendar=other.calendar, extra="<x/>")
    before.close()
    after = World(config, tmp_path)
    assert after.installations["lifecare-porvoo"].system.appointment(made.id) == wish
    after.close()
