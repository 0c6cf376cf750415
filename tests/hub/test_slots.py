"""Slot ids carry a free time, sealed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.model import TimeKey
from canonical.times import HELSINKI
from hub.sealing import Sealer
from hub.slots import KEY_BYTES, KeyTooLong, SlotIds

IDS = SlotIds(Sealer(bytes(range(32))))
START = datetime(2027, 3, 22, 9, 0, tzinfo=HELSINKI)


def key_of(text: str = "R12-0900", start: datetime = START, minutes: float = 30) -> TimeKey:
    return TimeKey(text, start, start.astimezone(UTC) + timedelta(minutes=minutes))


minutes = st.integers(0, 3_690_000_000).map(lambda n: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=n))


@given(
    st.integers(0, 255),
    st.text(max_size=KEY_BYTES).filter(lambda t: len(t.encode("utf-8", "replace")) <= KEY_BYTES and t.isprintable()),
    minutes,
    st.integers(0, 2**16 - 1),
)
def test_an_id_says_which_time_where(index: int, key: str, start: datetime, length: int) -> None:
    time = key_of(key, start, length)
    slot_id = IDS.encode(index, time)
    assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", slot_id)
    assert IDS.decode(slot_id) == (index, time)
    assert IDS.encode(index, time) == slot_id


def test_the_same_instant_has_the_same_id_whatever_its_zone() -> None:
    assert IDS.encode(1, key_of()) == IDS.encode(1, key_of(start=START.astimezone(UTC)))


def test_a_time_over_the_night_when_the_clock_goes_forward_has_its_real_length() -> None:
    begins, ends = (datetime(2027, 3, 28, hour, 30, tzinfo=HELSINKI) for hour in (2, 4))
    decoded = IDS.decode(IDS.encode(1, TimeKey("x", begins, ends)))
    assert decoded is not None
    assert decoded[1].end.isoformat() == "2027-03-28T01:30:00+00:00"
    assert decoded[1].start.isoformat() == "2027-03-28T00:30:00+00:00"


def test_times_are_read_back_in_utc() -> None:
    decoded = IDS.decode(IDS.encode(1, key_of()))
    assert decoded is not None
    assert decoded[1].start.isoformat() == "2027-03-22T07:00:00+00:00"


@pytest.mark.parametrize(
    "time",
    [
        key_of("x" * (KEY_BYTES + 1)),
        key_of("ä" * 13),
        key_of(start=START + timedelta(seconds=30)),
        key_of(minutes=0.5),
        key_of(minutes=2**16),
        key_of(start=datetime(1969, 12, 31, tzinfo=UTC)),
        TimeKey("x", START, START - timedelta(minutes=5)),
    ],
    ids=["long", "long in UTF-8", "odd start", "odd length", "46 days", "before 1970", "backwards"],
)
def test_what_does_not_fit_is_said(time: TimeKey) -> None:
    with pytest.raises(KeyTooLong):
        IDS.encode(0, time)


@pytest.mark.parametrize("index", [-1, 256])
def test_an_index_is_a_byte(index: int) -> None:
    with pytest.raises(ValueError, match="0 to 255"):
        IDS.encode(index, key_of())


def test_another_key_or_a_made_up_id_is_no_slot() -> None:
    assert SlotIds(Sealer(bytes(32))).decode(IDS.encode(0, key_of())) is None
    assert IDS.decode("R12-0900") is None
    assert IDS.decode("") is None


def test_a_sealed_id_that_is_too_short_for_a_slot_is_none() -> None:
    assert IDS.decode(Sealer(bytes(range(32))).token(b"abc")) is None
