"""Commands survive the journal: what is loaded is what was dumped, to the instant."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from canonical.commands import (
    Accept,
    Book,
    Cancel,
    Command,
    Hold,
    Move,
    Propose,
    RegisterPerson,
    Release,
    dump,
    load,
)
from canonical.model import LocalPatient, Person, TimeKey

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
zones = st.sampled_from([UTC, ZoneInfo("Europe/Helsinki")])
nights = st.integers(0, 8 * 60).map(lambda minutes: datetime(2027, 10, 30, 22, tzinfo=UTC) + timedelta(minutes=minutes))
days = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
instants = st.builds(datetime.astimezone, days | nights, zones)
persons = st.builds(
    Person,
    hetu=texts,
    family=texts,
    given=st.lists(texts, max_size=3).map(tuple),
    birth_date=st.dates(date(1850, 1, 1)),
    language=texts,
    municipality=texts,
)
contacts = st.dictionaries(texts, texts | st.lists(texts, max_size=2), max_size=2)
patients = st.builds(LocalPatient, number=texts, hetu=texts, contact=contacts)
keys = st.builds(TimeKey, key=texts, start=instants, end=instants)
identifiers = st.lists(st.tuples(st.none() | texts, texts), max_size=2).map(tuple)
commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(RegisterPerson, placer_id=texts, person=persons),
    st.builds(
        Book,
        placer_id=texts,
        person=persons,
        time=keys,
        patient=st.none() | patients,
        comment=texts,
        reason=texts,
        identifiers=identifiers,
        hold=texts,
    ),
    st.builds(
        Move,
        placer_id=texts,
        person=persons,
        patient=patients,
        local_id=texts,
        believed_start=instants,
        time=keys,
        believed_version=st.none() | texts,
        reason=texts,
    ),
    st.builds(Hold, placer_id=texts, person=persons, time=keys, patient=st.none() | patients),
    st.builds(Release, placer_id=texts, patient=patients, time=keys, hold=texts),
    st.builds(Accept, placer_id=texts, patient=patients, local_id=texts, believed_start=instants),
    st.builds(
        Propose,
        placer_id=texts,
        patient=patients,
        local_id=texts,
        believed_start=instants,
        time=keys,
        believed_version=st.none() | texts,
        comment=texts,
    ),
    st.builds(
        Cancel,
        placer_id=texts,
        patient=patients,
        local_id=texts,
        believed_start=instants,
        believed_version=st.none() | texts,
        reason=texts,
    ),
)


def plain(value: Any) -> Any:
    """A value with its times as instants: ``==`` compares clock faces on the night when the clock goes back."""
    if isinstance(value, datetime):
        return value.timestamp()
    if is_dataclass(value):
        return type(value), {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return [plain(inner) for inner in value] if isinstance(value, tuple) else value


@given(commands)
def test_what_is_loaded_is_what_was_dumped(command: Command) -> None:
    assert plain(load(dump(command))) == plain(command)


@given(commands)
def test_dumping_again_changes_nothing(command: Command) -> None:
    assert dump(load(dump(command))) == dump(command)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"kind":"move","placer_id":"x"}',
        b'{"kind":"book","placer_id":"x"}',
        b'{"kind":"cancel","placer_id":"x","patient":{"number":"1","hetu":"2"},"local_id":"1"}',
        b'{"kind":"cancel","placer_id":"x","patient":null,"local_id":"1","believed_start":"2027-01-01T00:00:00Z"}',
        b'{"kind":"cancel","placer_id":"x","patient":{"number":"1","hetu":"2"},"local_id":"1","believed_start":"soon"}',
        b"\xff",
    ],
)
def test_what_is_no_command_is_not_loaded(data: bytes) -> None:
    with pytest.raises(ValidationError):
        load(data)


def test_kinds_are_told_apart() -> None:
    person = Person("010594Y9021", "Testinen", ("Aino",), date(1994, 5, 1), "fi", "638")
    start = datetime(2027, 3, 24, 9, tzinfo=UTC)
    time, patient = TimeKey("k", start, start), LocalPatient("1", "010594Y9021")
    made: list[Command] = [
        RegisterPerson("p", person),
        Book("p", person, time),
        Move("p", person, patient, "7", start, time),
        Cancel("p", patient, "7", start),
        Hold("p", person, time),
        Release("p", patient, time, "t"),
        Accept("p", patient, "7", start),
        Propose("p", patient, "7", start, time),
    ]
    assert [type(load(dump(command))) for command in made] == [type(command) for command in made]
    assert len({command.kind for command in made}) == len(made)


def test_a_command_of_before_there_were_holds_is_loaded() -> None:
    person = Person("010594Y9021", "Testinen", ("Aino",), date(1994, 5, 1), "fi", "638")
    start = datetime(2027, 3, 24, 9, tzinfo=UTC)
    stored = dump(Book("p", person, TimeKey("k", start, start))).replace(b'"hold":"",', b"")
    assert b"hold" not in stored
    assert load(stored) == Book("p", person, TimeKey("k", start, start))
