"""``python -m tests.bench``: how fast it is here, with the conditions under which that was measured.

Starts a demo of its own on free ports of loopback in a temporary folder, and leaves nothing behind. Bounded: under
three minutes, under 40 s with ``--quick``. A missed target is said, and is no failure: the exit status is 1 only when
something could not be measured.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tests.bench import bookings, mapping, reads, schedules, searches
from tests.bench.conditions import conditions, load_now
from tests.bench.figures import Figure, Report
from tests.bench.stage import Stage, stage

NAMES = ("mapping", "simulation", "start", "search", "booking", "read")
ON_STAGE = ("start", "search", "booking", "read")
LONGEST = 175


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    pairs: int
    read_seconds: float
    rounds: int
    searches: int
    schedule_seconds: float


FULL = Size(pairs=250, read_seconds=6.0, rounds=20, searches=20, schedule_seconds=5.0)
QUICK = Size(pairs=40, read_seconds=2.0, rounds=5, searches=4, schedule_seconds=1.0)


def main() -> int:
    asked = _arguments()
    size = QUICK if asked.quick else FULL
    names = [name for name in NAMES if not asked.only or name in asked.only]
    _stop_in_time()
    say: Callable[[str], None] = (lambda text: None) if asked.json else print
    folder = Path(tempfile.mkdtemp(prefix="sotesilta-bench-"))
    try:
        told: dict[str, Any] = conditions(folder, asked.store)
        told["size"] = f"{'quick' if asked.quick else 'full'}: {', '.join(names)}"
        say("\n".join(f"{name:<10} {value}" for name, value in told.items()))
        reports = []
        for report in _reports(folder / "state", asked.store, names, size):
            reports.append(report)
            say(f"\n{report.text()}")
        told["load at the end"] = load_now()
        say(f"\nload at the end {told['load at the end']}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if asked.json:
        print(json.dumps({"conditions": told, "reports": [report.plain() for report in reports]}, indent=2))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__, formatter_class=_AsWritten)
    parser.add_argument("--json", action="store_true", help="print JSON, at the end")
    parser.add_argument("--quick", action="store_true", help="less of everything: coarse figures in under 40 s")
    parser.add_argument("--only", action="append", choices=NAMES, metavar="NAME", help=f"one of {', '.join(NAMES)}")
    parser.add_argument("--store", default="", help="the hub's database (an empty one); default: SQLite")
    return parser.parse_args()


class _AsWritten(argparse.RawDescriptionHelpFormatter):
    pass


def _stop_in_time() -> None:
    """Whatever hangs, this ends; and a SIGTERM takes the demo along."""

    def end(number: int, _: object) -> NoReturn:
        why = f"not done within {LONGEST} s" if number == signal.SIGALRM else "stopped"
        sys.exit(f"benchmark: {why}")

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGALRM, end)
    signal.alarm(LONGEST)


def _reports(folder: Path, store: str, names: list[str], size: Size) -> Iterator[Report]:
    if "mapping" in names:
        yield mapping.measure(size.rounds)
    if "simulation" in names:
        yield schedules.measure(size.schedule_seconds)
    if not set(names) & set(ON_STAGE):
        return
    with contextlib.ExitStack() as opened:
        running = opened.enter_context(stage(folder, store))
        if "start" in names:
            yield _started(running)
        if "search" in names:
            yield searches.measure(running, size.searches)
        if "booking" in names:
            for name in bookings.COMPARED:
                yield bookings.measure(running, name, size.pairs)
        if "read" in names:
            yield reads.measure(running, size.read_seconds)


def _started(running: Stage) -> Report:
    values = {"until ready": running.ready, "CPU of hub and sandbox": running.started_cpu}
    about = "sandbox and hub on an empty folder: population, database and directories are made."
    return Report("start of the demo", about, (Figure("start", "s", values),))


if __name__ == "__main__":
    sys.exit(main())
