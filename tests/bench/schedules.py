"""How many schedules of the seeded simulation of the journal are played in a second."""

from __future__ import annotations

import time

from tests.bench.figures import Figure, Report
from tests.simulation.model import play


def measure(seconds: float) -> Report:
    """As many seeds from 0 on as fit into ``seconds`` of CPU time."""
    count, began = 0, time.process_time()
    while (used := time.process_time() - began) < seconds:
        if play(count).violations:
            raise RuntimeError(f"seed {count} breaks an invariant: run the tests")
        count += 1
    about = f"{count} schedules of the journal's simulation, each up to 8 commands, crashes and lost answers."
    return Report("simulation", about, (Figure("schedules", "/s of CPU time", {"rate": count / used}),))
