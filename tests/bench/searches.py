"""Searching free times of the next two weeks: when the record systems must be asked, and when somebody just did."""

from __future__ import annotations

import time
from datetime import UTC, timedelta
from urllib.parse import urlencode

from tests.bench.bookings import PERSON, from_now
from tests.bench.figures import Figure, Report, Target, spread
from tests.bench.stage import Stage

_SPAN = timedelta(days=14)
COLD = 60.0
"""What the median must not pass, in milliseconds."""


def measure(stage: Stage, rounds: int) -> Report:
    """Each round asks for a span nobody asked for before, then for the same again."""
    portal = stage.portal(PERSON)
    start = from_now(stage)
    cold, warm, total = [], [], 0
    cpu = {"hub, cold": 0.0, "mock, cold": 0.0, "hub, warm": 0.0}
    try:
        for number in range(rounds + 1):
            begin = (start + timedelta(minutes=number)).astimezone(UTC)
            span = [("start", f"ge{begin.isoformat()}"), ("start", f"lt{(begin + _SPAN).isoformat()}")]
            path = f"/Slot?{urlencode([('status', 'free'), ('_count', '50'), *span])}"
            before, began = (stage.cpu("hub"), stage.cpu("sandbox")), time.perf_counter()
            portal.ask("GET", path)
            first, between = time.perf_counter(), (stage.cpu("hub"), stage.cpu("sandbox"))
            portal.ask("GET", path)
            second = time.perf_counter()
            if number == 0:
                total = portal.ask("GET", f"{path}&_total=accurate").json()["total"]
                continue  # the first of all fetches what later ones find fetched
            cold.append(first - began)
            warm.append(second - first)
            cpu["hub, cold"] += between[0] - before[0]
            cpu["mock, cold"] += between[1] - before[1]
            cpu["hub, warm"] += stage.cpu("hub") - between[0]
    finally:
        portal.close()
    figures = (
        spread("cold: the record systems are asked", cold, targets=[Target("p50", COLD)]),
        spread("warm: asked within the last 2 s", warm),
        Figure("CPU time of a search", "ms", {name: used / rounds * 1000 for name, used in cpu.items()}),
    )
    about = f"{total} free times of two weeks in two record systems, merged; a page of 50, {rounds} rounds."
    return Report("Slot search", about, figures)
