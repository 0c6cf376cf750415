"""Business time follows the published clock at once; without one it is real time."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub.clock import PublishedClock


def publish(file: Path, *, frozen: bool, virtual: str) -> None:
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps({"frozen": frozen, "virtual": virtual, "real": datetime.now(UTC).isoformat()}))
    os.replace(draft, file)


def test_a_frozen_clock_stands_and_follows_every_change(tmp_path: Path) -> None:
    file = tmp_path / "clock.json"
    publish(file, frozen=True, virtual="2027-03-22T08:00:00+02:00")
    clock = PublishedClock(file)
    assert clock.now() == clock.now() == datetime.fromisoformat("2027-03-22T08:00:00+02:00")
    publish(file, frozen=True, virtual="2027-03-23T08:00:00+02:00")
    assert clock.now() == datetime.fromisoformat("2027-03-23T08:00:00+02:00")


def test_a_running_clock_runs_from_what_was_published(tmp_path: Path) -> None:
    file = tmp_path / "clock.json"
    publish(file, frozen=False, virtual="2027-03-22T08:00:00+02:00")
    clock = PublishedClock(file)
    first = clock.now()
    assert first >= datetime.fromisoformat("2027-03-22T08:00:00+02:00")
    assert clock.now() > first


def test_without_a_file_it_is_real_time_and_a_lost_file_keeps_the_last_word(tmp_path: Path) -> None:
    file = tmp_path / "clock.json"
    clock = PublishedClock(file)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    publish(file, frozen=True, virtual="2027-03-22T08:00:00+02:00")
    assert clock.now().year == 2027
    file.unlink()
    assert clock.now() == datetime.fromisoformat("2027-03-22T08:00:00+02:00")
    file.write_text("{")
    assert clock.now() == datetime.fromisoformat("2027-03-22T08:00:00+02:00")
