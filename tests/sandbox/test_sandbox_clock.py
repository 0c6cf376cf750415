"""The virtual clock: freeze, advance, restart, and both summer-time nights."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.clock import ClockError, VirtualClock, read_clock_file

START = datetime.fromisoformat("2027-03-22T08:00:00+02:00")


class RealTime:
    """Real time under the test's hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def test_a_running_clock_goes_with_real_time_and_a_frozen_one_stays() -> None:
    real = RealTime()
    clock = VirtualClock(START, real=real)
    real.passes(90)
    assert clock.now() == START + timedelta(seconds=90)
    clock.freeze()
    real.passes(3600)
    assert clock.now() == START + timedelta(seconds=90)
    clock.run()
    real.passes(10)
    assert clock.now() == START + timedelta(seconds=100)


def test_a_restart_goes_on_where_the_clock_would_be(tmp_path: Path) -> None:
    real, path = RealTime(), tmp_path / "clock.json"
    first = VirtualClock.open(path, START, real=real)
    first.advance(timedelta(days=3))
    real.passes(600)
    again = VirtualClock.open(path, START, real=real)
    assert again.now() == START + timedelta(days=3, seconds=600)


def test_the_file_is_what_another_process_needs(tmp_path: Path) -> None:
    path = tmp_path / "clock.json"
    clock = VirtualClock(START, path=path)
    clock.freeze(START + timedelta(hours=1))
    data = json.loads(path.read_text())
    assert data["frozen"] is True
    assert datetime.fromisoformat(data["virtual"]) == START + timedelta(hours=1)
    assert datetime.fromisoformat(data["real"]).utcoffset() is not None
    assert read_clock_file(path).at(datetime.now(UTC)) == clock.now()


def test_a_day_is_24_hours_over_the_spring_night() -> None:
    clock = VirtualClock(datetime.fromisoformat("2027-03-27T23:00:00+02:00"), frozen=True)
    clock.advance(timedelta(hours=24))
    assert clock.now().isoformat() == "2027-03-29T00:00:00+03:00"


def test_the_autumn_hour_comes_twice() -> None:
    clock = VirtualClock(datetime.fromisoformat("2027-10-31T03:30:00+03:00"), frozen=True)
    clock.advance(timedelta(hours=1))
    assert clock.now().isoformat() == "2027-10-31T03:30:00+02:00"


def test_a_time_without_offset_is_refused() -> None:
    with pytest.raises(ClockError, match="offset"):
        VirtualClock(datetime(2027, 3, 22, 8))


def test_a_damaged_file_is_told_with_the_next_step(tmp_path: Path) -> None:
    path = tmp_path / "clock.json"
    path.write_text('{"frozen": false}')
    with pytest.raises(ClockError, match="Delete it"):
        VirtualClock.open(path, START)
