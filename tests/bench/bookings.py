"""What the hub costs: the same booking made straight to the record system and through the hub, turn and turn about."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from tests.bench.figures import Figure, Report, Target, spread
from tests.bench.masters import COMMENT, MASTERS, Master, Refused, instant
from tests.bench.stage import Stage
from tests.bench.wires import Http

PERSON = "aino"
"""Everything works for her, and she is a customer of both."""
COMPARED = ("lifecare-porvoo", "pegasos-loviisa")
"""Where a booking straight to the record system is one request, as through the hub: the overhead is the hub's own."""
WARM_UP = 5
_SPAN = timedelta(days=35)
_TARGETS = (Target("p50", 5.0), Target("p99", 25.0))


class Portal:
    """A resident's portal that books through the hub, on one kept connection."""

    def __init__(self, stage: Stage, installation: str) -> None:
        self._http, self._installation = stage.portal(PERSON), installation
        self._patient = self._http.ask("GET", "/Patient").json()["entry"][0]["resource"]["id"]

    def free(self, start: datetime, end: datetime) -> dict[float, str]:
        """One bookable time for each start there is (seconds since the epoch), by its Slot id."""
        found: dict[float, str] = {}
        for slot in slots(self._http, start, end):
            if slot["meta"]["source"].endswith(f"/{self._installation}"):
                found.setdefault(instant(slot["start"]), slot["id"])
        return found

    def book(self, slot_id: str) -> dict[str, Any]:
        """The Appointment; raises `Refused` unless the record system's word came in time."""
        body = {
            "resourceType": "Appointment",
            "status": "booked",
            "slot": [{"reference": f"Slot/{slot_id}"}],
            "participant": [{"actor": {"reference": f"Patient/{self._patient}"}, "status": "accepted"}],
            "comment": COMMENT,
        }
        answer = self._http.ask("POST", "/Appointment", json.dumps(body).encode(), Content_Type="application/fhir+json")
        if answer.status != 201:
            raise Refused(f"the hub answered {answer.status}: {answer.body[:500]!r}")
        booked: dict[str, Any] = answer.json()
        return booked

    def close(self) -> None:
        self._http.close()


def slots(http: Http, start: datetime, end: datetime) -> Iterator[dict[str, Any]]:
    """Every free time of a span, page by page."""
    span = [("start", f"ge{start.astimezone(UTC).isoformat()}"), ("start", f"lt{end.astimezone(UTC).isoformat()}")]
    url = f"/Slot?{urlencode([('status', 'free'), ('_count', '200'), *span])}"
    while url:
        bundle = http.ask("GET", url).json()
        yield from (entry["resource"] for entry in bundle.get("entry", ()) if entry["search"]["mode"] == "match")
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")


def from_now(stage: Stage) -> datetime:
    """The next whole hour but one on the sandbox's clock."""
    control = Http(stage.told["sandbox"], {})
    try:
        now = datetime.fromisoformat(control.ask("GET", "/clock").json()["now"])
    finally:
        control.close()
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)


@dataclass(slots=True)
class Times:
    """Seconds of each booking made one way, and the CPU seconds that the record system spent on all of them."""

    seconds: list[float] = field(default_factory=list)
    mock: float = 0.0

    def take(self, stage: Stage, book: Callable[[], object]) -> None:
        cpu, began = stage.cpu("sandbox"), time.perf_counter()
        book()
        self.seconds.append(time.perf_counter() - began)
        self.mock += stage.cpu("sandbox") - cpu


def measure(stage: Stage, installation: str, pairs: int) -> Report:
    """Pairs of bookings of different free times, one straight and one through the hub; which is first changes."""
    told = stage.installation(installation)
    master: Master = MASTERS[told["system"]](told, stage.person(PERSON)["hetu"])
    portal = Portal(stage, installation)
    start = from_now(stage)
    end = start + _SPAN
    try:
        names, slot_ids = master.free(start, end), portal.free(start, end)
        starts = iter(sorted(names.keys() & slot_ids.keys()))

        def pair(first: int, straight: Times, through: Times) -> None:
            for turn in (first, 1 - first):
                at = next(starts)
                if turn:
                    straight.take(stage, lambda at=at: master.book(at, names[at]))  # type: ignore[misc]
                else:
                    through.take(stage, lambda at=at: portal.book(slot_ids[at]))  # type: ignore[misc]

        for number in range(WARM_UP):
            pair(number % 2, Times(), Times())
        straight, through, hub = Times(), Times(), stage.cpu("hub")
        for number in range(pairs):
            pair(number % 2, straight, through)
        return _report(installation, straight, through, stage.cpu("hub") - hub)
    finally:
        portal.close()
        master.close()


def _report(installation: str, straight: Times, through: Times, hub: float) -> Report:
    pairs = len(through.seconds)
    usual = statistics.median(straight.seconds)
    overhead = [one - usual for one in through.seconds]
    cpu = {"hub": hub, "mock": through.mock, "mock, straight": straight.mock}
    figures = (
        spread("straight to the record system", straight.seconds),
        spread("through the hub", through.seconds),
        spread("overhead of the hub", overhead, targets=_TARGETS),
        Figure("CPU time of a booking", "ms", {name: value / pairs * 1000 for name, value in cpu.items()}),
    )
    about = (
        f"{pairs} pairs, each of two free times; one client, warm connections. The overhead is the time through the "
        "hub less the median straight: its p50 is the difference of the medians."
    )
    return Report(f"booking in {installation}", about, figures)
