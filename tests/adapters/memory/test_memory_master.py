"""The small record system by itself: its rules, its desk, and that nothing in it is left to chance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.base import Installation
from adapters.errors import Misconfigured
from adapters.memory import HELD_FOR, Belief, Master, Refusal, Request, Rules, open_memory, town
from adapters.memory import open as open_installation
from canonical import hetu


@pytest.fixture
def master() -> Master:
    return open_memory().master


def wanted(master: Master, hetu_index: int = 0, service: str = "V1", **more: str) -> Request:
    """A request for the first free time of a service."""
    patient = master.patient_of(town.CUSTOMERS[hetu_index].hetu)
    assert patient is not None
    time = master.free(town.TODAY, town.TODAY + town.DAY * 7, [service], None)[0]
    return Request(patient.number, time.key, time.start, **more)


def refused(master: Master, request: Request) -> str:
    with pytest.raises(Refusal) as refusal:
        master.book(request)
    return refusal.value.code


def test_two_masters_are_alike() -> None:
    one, two = open_memory().master, open_memory().master
    for master in (one, two):
        master.book(wanted(master, placer_id="p"))
    assert one.appointments() == two.appointments()
    assert list(one.patients()) == list(two.patients())


def test_everybody_has_a_valid_code_of_their_own() -> None:
    people = [*town.CUSTOMERS, town.MINOR, *town.NEWCOMERS, town.STRANGER]
    codes = [person.hetu for person in people]
    assert len(set(codes)) == len(codes)
    assert all(map(hetu.is_valid, codes))
    assert all(map(hetu.is_temporary, codes))


def test_two_customers_differ_in_nothing_but_the_sign(master: Master) -> None:
    one, two = town.CUSTOMERS[-2:]
    assert one.hetu.replace("-", "Y") == two.hetu
    first, second = master.patient_of(one.hetu), master.patient_of(two.hetu)
    assert first is not None
    assert second is not None
    assert first.number != second.number


def test_group_time_holds_three_and_no_one_twice(master: Master) -> None:
    requests = [wanted(master, n, town.GROUP) for n in range(3)]
    assert len({request.key for request in requests}) == 1
    master.book(requests[0])
    assert refused(master, requests[0]) == "time-taken"
    master.book(requests[1])
    master.book(requests[2])
    fourth = master.patient_of(town.CUSTOMERS[3].hetu)
    assert fourth is not None
    assert refused(master, Request(fourth.number, requests[0].key, requests[0].start)) == "time-taken"


def test_same_placer_id_is_the_same_booking_only_where_the_rule_is_on() -> None:
    for rules, expected in ((Rules(), 1), (Rules(deduplicates=False), 2)):
        master = open_memory(rules=rules).master
        request = wanted(master, 0, town.GROUP, placer_id="p")
        other = master.patient_of(town.CUSTOMERS[1].hetu)
        assert other is not None
        master.book(request)
        master.book(Request(other.number, request.key, request.start, placer_id="p"))
        assert len(master.appointments(placer_id="p")) == expected


def test_past_time_is_no_time() -> None:
    clock = [town.TODAY]
    master = open_memory(now=lambda: clock[0]).master
    request = wanted(master)
    made = master.book(wanted(master, 1))
    clock[0] += town.DAY * 7
    assert refused(master, request) == "no-such-time"
    with pytest.raises(Refusal, match="not-cancellable"):
        master.cancel(made.id, Belief())


def test_every_change_makes_a_version(master: Master) -> None:
    made = master.book(wanted(master))
    assert made.version == 1
    time = master.free(town.TODAY, town.TODAY + town.DAY, ["V1"], None)[0]
    moved = master.move(made.id, time.key, time.start)
    assert (moved.version, moved.time) == (2, time.key)
    with pytest.raises(Refusal, match="changed"):
        master.cancel(made.id, Belief(version="1"))
    assert master.cancel(made.id, Belief(version="2")).version == 3


def test_refused_move_changes_nothing(master: Master) -> None:
    mine, other = master.book(wanted(master)), master.book(wanted(master, 1))
    with pytest.raises(Refusal, match="time-taken"):
        master.move(mine.id, other.time, other.start)
    assert master.appointment(mine.id) == mine


def test_it_opens_as_every_adapter_does() -> None:
    made = open_installation(Installation("muistola", "memory", "1", ("638",), ("health",)))
    assert made.installation.name == "muistola"
    with pytest.raises(Misconfigured):
        open_installation(Installation("muistola", "memory", "1", (), (), {"address": "x"}))


def test_a_hold_ends_at_the_masters_own_clock() -> None:
    clock = [town.TODAY]
    master = open_memory(now=lambda: clock[0]).master
    request = wanted(master)
    held = master.hold(request.patient, request.key, request.start)
    assert held.until == clock[0] + HELD_FOR
    assert refused(master, request) == "time-taken"
    assert master.free_time(request.key, request.start) is None
    clock[0] = held.until
    assert refused(master, replace(request, hold=held.token)) == "hold-over"
    assert master.free_time(request.key, request.start) is not None


def test_a_hold_is_used_up_by_its_booking_only(master: Master) -> None:
    request = wanted(master)
    held = master.hold(request.patient, request.key, request.start)
    assert refused(master, replace(wanted(master, 1), hold=held.token)) == "hold-over"
    booked = master.book(replace(request, hold=held.token))
    assert booked.status == "booked"
    assert refused(master, replace(request, hold=held.token)) == "hold-over"
    master.release(request.patient, held.token)
    assert master.appointment(booked.id) == booked


def test_refused_change_of_a_client_changes_nothing(master: Master) -> None:
    mine, other = master.book(wanted(master)), master.book(wanted(master, 1))
    with pytest.raises(Refusal, match="time-taken"):
        master.change(mine.id, Belief(), other.time, other.start)
    with pytest.raises(Refusal, match="not-movable"):
        master.change(mine.id, Belief(), mine.time, mine.start)
    assert master.appointment(mine.id) == mine


def test_a_proposal_holds_its_time_until_it_is_answered(master: Master) -> None:
    request = wanted(master)
    proposed = master.propose(request.patient, request.key, request.start)
    assert master.free_time(request.key, request.start) is None
    other = wanted(master)
    asked = master.ask_for(proposed.id, Belief(), other.key, other.start)
    assert (asked.status, asked.time) == ("pending", other.key)
    assert master.free_time(request.key, request.start) is not None
    with pytest.raises(Refusal, match="no-proposal"):
        master.accept(proposed.id, Belief())
