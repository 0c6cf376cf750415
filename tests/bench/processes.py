"""Processes as the benchmark sees them: how much CPU they used, and which cores they may use."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

_SCHED = 2
"""CPUCLOCK_SCHED of Linux: the time a process was running, in nanoseconds."""


def cpu_seconds(pid: int) -> float:
    """CPU time of a process with all its threads (Linux, macOS: 0.0). Raises OSError for a process that is gone."""
    if not sys.platform.startswith("linux"):
        return 0.0
    return time.clock_gettime((~pid << 3) | _SCHED)


def cores() -> list[int]:
    """The cores this process may use; empty where that cannot be said."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pin(pid: int, wanted: list[int]) -> bool:
    """Let all threads of a process run on ``wanted`` cores only; whether that could be done."""
    if not wanted or not hasattr(os, "sched_setaffinity"):
        return False
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), wanted)
    except OSError:
        return False
    return True
