"""Helsinki clock faces and instants, above all on the two nights a year when they do not match."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical import times
from canonical.times import HELSINKI, NoSuchLocalTime, exists, from_local, instant, is_ambiguous, iso, to_local

SUMMER, WINTER = timedelta(hours=3), timedelta(hours=2)

instants = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
faces = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1))


def last_sunday(year: int, month: int) -> datetime:
    last = datetime(year, month, 31)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def around(year: int, month: int) -> st.SearchStrategy[datetime]:
    """Clock faces within two hours of the hour that is skipped or happens twice."""
    night = last_sunday(year, month)
    return st.datetimes(night + timedelta(hours=1), night + timedelta(hours=6))


years = st.integers(1997, 2037)
spring = years.flatmap(lambda year: around(year, 3))
autumn = years.flatmap(lambda year: around(year, 10))


def candidates(face: datetime) -> set[datetime]:
    """The instants that read ``face`` on the Helsinki clock, found without any of the functions under test."""
    guesses = (face.replace(tzinfo=UTC) - offset for offset in (SUMMER, WINTER))
    return {
        guess for guess in guesses if guess.astimezone(HELSINKI).replace(tzinfo=None, fold=0) == face.replace(fold=0)
    }


@given(faces | spring | autumn)
def test_a_face_exists_when_some_instant_reads_so(face: datetime) -> None:
    assert exists(face) == bool(candidates(face))
    assert exists(face.replace(fold=1)) == exists(face)


@given(faces | spring | autumn)
def test_a_face_is_ambiguous_when_two_instants_read_so(face: datetime) -> None:
    assert is_ambiguous(face) == (len(candidates(face)) == 2)
    assert is_ambiguous(face.replace(fold=1)) == is_ambiguous(face)


@given(faces | spring | autumn)
def test_without_an_offset_the_first_is_taken(face: datetime) -> None:
    if exists(face):
        assert from_local(face).timestamp() == min(candidates(face)).timestamp()
    else:
        with pytest.raises(NoSuchLocalTime):
            from_local(face)


@given(instants)
def test_face_and_offset_are_the_instant_again(moment: datetime) -> None:
    local = to_local(moment)
    again = from_local(local.replace(tzinfo=None, fold=0), offset=local.utcoffset())
    assert again.timestamp() == moment.timestamp()
    assert again.utcoffset() == local.utcoffset()


@given(autumn)
def test_face_and_offset_are_the_instant_on_the_autumn_night(face: datetime) -> None:
    for moment in candidates(face):
        offset = moment.astimezone(HELSINKI).utcoffset()
        assert from_local(face, offset=offset).timestamp() == moment.timestamp()


@pytest.mark.parametrize(
    ("face", "offset"), [(datetime(2027, 7, 1, 12), WINTER), (datetime(2027, 10, 31, 3, 30), timedelta(hours=5))]
)
def test_an_offset_that_cannot_be_is_said(face: datetime, offset: timedelta) -> None:
    with pytest.raises(ValueError):
        from_local(face, offset=offset)


def test_the_autumn_night_of_2027() -> None:
    face = datetime(2027, 10, 31, 3, 30)
    assert is_ambiguous(face)
    first, second = from_local(face, offset=SUMMER), from_local(face, offset=WINTER)
    assert second.timestamp() - first.timestamp() == 3600
    assert (iso(first), iso(second)) == ("2027-10-31T03:30:00+03:00", "2027-10-31T03:30:00+02:00")
    assert from_local(face).timestamp() == first.timestamp()
    assert not is_ambiguous(datetime(2027, 10, 31, 4))
    assert is_ambiguous(datetime(2027, 10, 31, 3))
    assert not is_ambiguous(datetime(2027, 10, 31, 2, 59, 59))


def test_the_spring_night_of_2027() -> None:
    for minute in range(60):
        face = datetime(2027, 3, 28, 3, minute)
        assert not exists(face)
        assert not is_ambiguous(face)
        with pytest.raises(NoSuchLocalTime):
            from_local(face)
    before, after = from_local(datetime(2027, 3, 28, 2, 59)), from_local(datetime(2027, 3, 28, 4))
    assert after.timestamp() - before.timestamp() == 60


@given(instants, st.sampled_from(["UTC", "Europe/Helsinki", "Asia/Kolkata", "America/St_Johns"]))
def test_iso_says_the_instant_from_whatever_zone(moment: datetime, zone: str) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    text = iso(moment.astimezone(ZoneInfo(zone)))
    assert instant(text).timestamp() == moment.timestamp()
    assert text == iso(moment)
    assert text.endswith(("+02:00", "+03:00"))


def test_iso_has_milliseconds_only_where_there_are_any() -> None:
    moment = datetime(2027, 1, 1, 10, tzinfo=UTC)
    assert iso(moment) == "2027-01-01T12:00:00+02:00"
    assert iso(moment.replace(microsecond=5000)) == "2027-01-01T12:00:00.005+02:00"


@pytest.mark.parametrize("text", ["2027-10-31T03:30:00", "2027-10-31", "", "soon", "2027-02-30T10:00:00Z"])
def test_a_time_without_an_offset_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError):
        instant(text)


def test_an_instant_keeps_its_offset() -> None:
    assert instant("2027-10-31T03:30:00+02:00").utcoffset() == WINTER
    assert instant("2027-10-31T01:30:00Z").tzinfo in (UTC, UTC)
    assert times.to_local(instant("2027-10-31T01:30:00Z")).isoformat() == "2027-10-31T03:30:00+02:00"
