"""The port's own few functions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.base import span_contains
from canonical.model import FreeQuery
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
