"""Times with a ``Z`` that is not true: what is read and written is the right instant, or the guess is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical import times
from canonical.messages import BadMessage
from canonical.times import instant
from mappings.lifecare.clocks import TRUE, FalseZ, hours

AUTUMN = datetime(2027, 10, 30, 22, tzinfo=UTC)
SPRING = datetime(2027, 3, 27, 22, tzinfo=UTC)
minutes = st.integers(0, 6 * 60).map(lambda n: timedelta(minutes=n))
nights = st.one_of(minutes.map(lambda m: AUTUMN + m), minutes.map(lambda m: SPRING + m), st.just(SPRING))
lengths = st.sampled_from([10, 15, 20, 30, 45, 60])


def written(start: datetime, end: datetime, name: str = "K1-a", **more: Any) -> dict[str, Any]:
    clock = FalseZ()
    return {"resourceType": "Slot", "id": name, "start": clock.write(start), "end": clock.write(end), **more}


@given(nights, lengths)
def test_what_is_written_is_read_again(start: datetime, length: int) -> None:
    end = start + timedelta(minutes=length)
    fold = times.to_local(start).fold
    slot, notes = FalseZ({"K1-a": fold}).read(written(start, end, minutesDuration=length), "Slot")
    assert not notes
    assert instant(slot["start"]).timestamp() == start.timestamp()
    assert instant(slot["end"]).timestamp() == end.timestamp()


@given(nights, lengths)
def test_without_knowing_it_is_right_or_a_guess_that_is_said(start: datetime, length: int) -> None:
    end = start + timedelta(minutes=length)
    slot, notes = FalseZ().read(written(start, end, minutesDuration=length), "Slot")
    right = instant(slot["start"]).timestamp() == start.timestamp()
    assert right or [note.kind for note in notes] == ["guessed"]
    assert instant(slot["end"]).timestamp() - instant(slot["start"]).timestamp() == length * 60


@given(nights, nights, nights)
def test_a_search_lets_in_everything_of_its_span(one: datetime, other: datetime, time: datetime) -> None:
    clock, start, end = FalseZ(), min(one, other), max(one, other)
    if start <= time < end:
        first, last = clock.span(start, end)
        assert first <= clock.write(time) < last


@pytest.mark.parametrize(("summer", "text"), [(False, "2027-01-30T09:00:00Z"), (True, "2027-06-30T09:00:00Z")])
def test_nine_is_nine_in_helsinki(summer: bool, text: str) -> None:
    found, _ = FalseZ().read({"id": "K1", "start": text, "end": text.replace("09:00", "09:20")}, "Slot")
    assert found["start"] == text.replace("Z", "+03:00" if summer else "+02:00")


def test_the_order_of_a_calendar_tells_the_hours() -> None:
    starts = [
        datetime(2027, 10, 31, 0, 0, tzinfo=UTC) + timedelta(minutes=30 * n) - timedelta(hours=1) for n in range(8)
    ]
    slots = [written(at, at + timedelta(minutes=30), f"K1-{n}") for n, at in enumerate(starts)]
    told = {f"K1-{n}": times.to_local(at).fold for n, at in enumerate(starts) if _twice(at)}
    assert hours(slots) == told
    assert sorted(told.values()) == [0, 0, 1, 1]


def test_of_two_times_written_alike_the_later_one_is_of_the_second_hour() -> None:
    first, second = (datetime(2027, 10, 31, hour, 0, tzinfo=UTC) for hour in (0, 1))
    half = timedelta(minutes=30)
    assert hours([written(first, first + half, "a"), written(second, second + half, "b")]) == {"a": 0, "b": 1}
    assert hours([written(first, first + half, "a")]) == {}


@pytest.mark.parametrize(
    "text",
    ["2027-03-30T09:00:00+02:00", "2027-03-30T09:00:00.000Z", "2027-03-30", "2027-02-30T09:00:00Z", "", None, 7,
     "2027-03-28T03:30:00Z"],
)  # fmt: skip
def test_other_times_are_none(text: Any) -> None:
    with pytest.raises(BadMessage):
        FalseZ().read({"id": "K1", "start": text, "end": "2027-03-30T10:00:00Z"}, "Slot")


def test_the_true_clock_leaves_everything_as_it_is() -> None:
    source = {"id": "C1", "start": "2027-03-30T09:00:00+03:00"}
    assert TRUE.read(source, "Slot") == (source, ())
    assert TRUE.write(instant(source["start"])) == source["start"]


def _twice(at: datetime) -> bool:
    return times.is_ambiguous(times.to_local(at).replace(tzinfo=None, fold=0))
