"""Under which conditions the figures came about: a figure without them says nothing."""

from __future__ import annotations

import json
import math
import os
import platform
import sqlite3
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench.figures import percentile

ROOT = Path(__file__).parents[2]
PACKAGES = ("cryptography", "fastapi", "httpx", "orjson", "sqlalchemy", "starlette", "uvicorn", "uvloop")


def conditions(state: Path, store: str) -> dict[str, Any]:
    """Everything that bears on the figures. ``state`` is the folder the hub writes to, ``store`` what it writes in."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": f"{platform.machine()}, {_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "store": store if store else f"SQLite {sqlite3.sqlite_version}, write-ahead log, synchronous=FULL",
        "fsync": f"{_fsync(state):.2f} ms for 4 kB (p50 of 50)",
        "pace": f"{pace():.0f} ms of CPU for a fixed piece of Python: divide by it to compare two runs",
        "load": _load(),
    }


def pace() -> float:
    """Milliseconds of CPU time for the same work everywhere, the best of three: who shares the machine slows it down in
    CPU time, too."""
    value = {"entry": [{"id": str(number), "value": number} for number in range(50)]}
    best = math.inf
    for _ in range(3):
        began = time.process_time()
        for _ in range(500):
            json.loads(json.dumps(value))
        best = min(best, time.process_time() - began)
    return best * 1000


def load_now() -> str:
    """The load average of the last minute, five and fifteen, and how many cores there are for it."""
    return _load()


def _load() -> str:
    return " ".join(f"{one:.2f}" for one in os.getloadavg()) + f" on {os.cpu_count()} cores"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def _commit() -> str:
    git = ["git", "-C", str(ROOT)]
    try:
        head = subprocess.check_output([*git, "rev-parse", "--short", "HEAD"], text=True, stderr=subprocess.DEVNULL)
        changed = subprocess.check_output([*git, "status", "--porcelain", "--untracked-files=no"])
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.strip() + (" with local changes" if changed else "")


def _fsync(folder: Path) -> float:
    """Milliseconds until a small write is on this disk: every booking waits for some of them."""
    times = []
    file = folder / "fsync.probe"
    with file.open("wb", buffering=0) as probe:
        for _ in range(50):
            probe.write(b"\0" * 4096)
            began = time.perf_counter()
            os.fsync(probe.fileno())
            times.append(time.perf_counter() - began)
    file.unlink()
    return percentile(times, 50) * 1000
