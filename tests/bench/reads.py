"""How fast the hub serves a resident's own Appointment by its id, while what the master said is young enough."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from tests.bench.bookings import PERSON, Portal, from_now
from tests.bench.conditions import ROOT
from tests.bench.figures import Figure, Report, Target
from tests.bench.processes import cores, pin
from tests.bench.stage import PROVEN_WINDOW, Stage

INSTALLATION = "lifecare-porvoo"
CONNECTIONS = (16, 64)
_TARGET = Target("per core", 1500.0, more_is_better=True)


def measure(stage: Stage, seconds: float) -> Report:
    """The hub on one core, the load on another; an appointment that has just been booked."""
    path, size = _booked(stage)
    with _apart(stage) as (apart, load_cores):
        figures = [one for count in CONNECTIONS for one in _figures(stage, path, size, count, seconds, load_cores)]
    about = (
        f"one resident's own Appointment of {size} bytes, {seconds:g} s each; an audit record is committed before "
        f"every answer. hub.proven_window is {PROVEN_WINDOW:g} s here instead of 5, so no read asks the record system. "
        + ("The hub runs on one core, the load client on another." if apart else "Hub and load client share all cores.")
        + " 'per core' is answers per second of the hub's CPU time: what one core gives that is the hub's alone."
    )
    return Report("read by id", about, figures)


def _booked(stage: Stage) -> tuple[str, int]:
    """The path of a new appointment, and the length of its JSON."""
    portal, http = Portal(stage, INSTALLATION), stage.portal(PERSON)
    try:
        end = from_now(stage) + timedelta(days=41)
        free = portal.free(end - timedelta(days=5), end)
        path = f"/Appointment/{portal.book(free[min(free)])['id']}"
        return path, len(http.ask("GET", path).body)
    finally:
        portal.close()
        http.close()


@contextmanager
def _apart(stage: Stage) -> Iterator[tuple[bool, list[int]]]:
    """The hub on the first core we may use, the others for the load."""
    mine, hub = cores(), stage.pid("hub")
    apart = len(mine) > 1 and pin(hub, mine[:1])
    try:
        yield apart, mine[1:] if apart else []
    finally:
        if apart:
            pin(hub, mine)


def _figures(
    stage: Stage, path: str, size: int, connections: int, seconds: float, load_cores: list[int]
) -> Iterator[Figure]:
    _load(stage, path, size, connections, min(1.0, seconds / 4), load_cores)
    cpu = stage.cpu("hub")
    seen = _load(stage, path, size, connections, seconds, load_cores)
    used = stage.cpu("hub") - cpu
    if seen["wrong"]:
        raise RuntimeError(f"{seen['wrong']} of {seen['answers']} reads were not answered by 200 and the resource")
    answers = seen["answers"]
    rates = {"seen": answers / seen["seconds"]} | ({"per core": answers / used} if used else {})
    yield Figure(f"{connections} connections", "/s", rates, (_TARGET,) if used else ())
    yield Figure(f"{connections} connections, an answer", "ms", {"p50": seen["p50"] * 1000, "p99": seen["p99"] * 1000})
    shares = {"hub": used / seen["seconds"] * 100, "load client": seen["cpu"] / seen["seconds"] * 100}
    yield Figure(f"{connections} connections, CPU", "% of a core", shares)


def _load(
    stage: Stage, path: str, size: int, connections: int, seconds: float, load_cores: list[int]
) -> dict[str, Any]:
    host, _, port = stage.fhir.split("/")[2].partition(":")
    request = (
        f"GET /fhir{path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: application/fhir+json\r\n"
        f"Authorization: Bearer {stage.token(PERSON)}\r\n\r\n"
    )
    told = {"host": host, "port": int(port), "request": request, "size": size}
    told |= {"connections": connections, "seconds": seconds}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.load"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        pin(process.pid, load_cores)
        out, _ = process.communicate(json.dumps(told).encode(), seconds + 30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode:
        raise RuntimeError("the load client failed")
    found: dict[str, Any] = json.loads(out)
    return found
