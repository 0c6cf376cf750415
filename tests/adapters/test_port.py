"""The port's own few functions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from adapters.base import NEEDS, Capability, HeldTime, Profile, span_contains
from adapters.errors import NotSupported
from canonical.commands import Accept, Book, Cancel, Command, Hold, Move, Propose, RegisterPerson, Release
from canonical.model import FreeQuery, LocalPatient, Person, TimeKey
from canonical.times import to_local

START = datetime(2027, 3, 22, 8, tzinfo=UTC)
QUERY = FreeQuery(START, START + timedelta(hours=1))


@pytest.mark.parametrize(("minutes", "inside"), [(-1, False), (0, True), (59, True), (60, False)])
def test_span_is_half_open(minutes: int, inside: bool) -> None:
    start = START + timedelta(minutes=minutes)
    assert span_contains(QUERY, start) is inside
    assert span_contains(QUERY, to_local(start)) is inside


def test_span_tells_the_two_hours_of_an_autumn_night_apart() -> None:
    first, second = (to_local(datetime(2027, 10, 31, hour, 30, tzinfo=UTC)) for hour in (0, 1))
    assert first.replace(tzinfo=None, fold=0) == second.replace(tzinfo=None, fold=0)
    until = to_local(datetime(2027, 10, 31, 2, 30, tzinfo=UTC))
    assert not span_contains(FreeQuery(second, until), first)
    assert span_contains(replace(QUERY, start=first, end=second), first)


PERSON = Person("010594Y9021", "Testinen", ("Aino",), date(1994, 5, 1), "fi", "638")
PATIENT, TIME = LocalPatient("1", PERSON.hetu), TimeKey("k", START, START + timedelta(minutes=20))
COMMANDS: list[tuple[Command, Capability]] = [
    (RegisterPerson("p", PERSON), Capability.REGISTER_PERSON),
    (Book("p", PERSON, TIME, PATIENT), Capability.BOOK),
    (Book("p", PERSON, TIME, PATIENT, hold="t"), Capability.HOLD),
    (Book("p", PERSON, TIME, PATIENT, "Polvi"), Capability.COMMENT),
    (Move("p", PERSON, PATIENT, "7", START, TIME), Capability.MOVE),
    (Cancel("p", PATIENT, "7", START), Capability.CANCEL),
    (Hold("p", PERSON, TIME, PATIENT), Capability.HOLD),
    (Release("p", PATIENT, TIME, "t"), Capability.HOLD),
    (Accept("p", PATIENT, "7", START), Capability.ANSWER_PROPOSALS),
    (Propose("p", PATIENT, "7", START, TIME), Capability.ANSWER_PROPOSALS),
]


@pytest.mark.parametrize(("command", "capability"), COMMANDS)
def test_a_command_is_declined_exactly_where_what_it_needs_is_missing(command: Command, capability: Capability) -> None:
    for missing in Capability:
        gaps = {missing: "not in this release"}
        profile = Profile(frozenset(Capability) - gaps.keys(), gaps, quiescence=1, limit=1, text_limit=1)
        if missing is not capability and missing is not NEEDS[command.kind]:
            profile.demand(command)
            continue
        with pytest.raises(NotSupported, match="not in this release") as raised:
            profile.demand(command)
        assert raised.value.capability == missing


def test_every_kind_of_command_needs_something() -> None:
    assert {command.kind for command, _ in COMMANDS} == NEEDS.keys()


def test_the_end_of_a_hold_is_in_utc() -> None:
    assert HeldTime("t", to_local(START)).until.tzinfo is UTC
