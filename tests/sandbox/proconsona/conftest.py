"""ProConsona installations over real sockets, on their first day."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.clock import VirtualClock
from sandbox.config import DEFAULT_START
from sandbox.engine.content import Content
from sandbox.engine.store import OverlayStore
from sandbox.engine.system import RecordSystem
from sandbox.face import InstallationConfig
from sandbox.faults import FaultBook
from sandbox.installations import load_installation
from sandbox.journal import Journal
from sandbox.population.build import build_population
from sandbox.population.test_persons import standing_faults
from sandbox.proconsona.face import ProConsonaFace
from sandbox.seeding import SeededContent
from tests.sandbox.proconsona.proconsona_bench import CREDENTIALS, ONLY_TEST_PERSONS, Bench, RealClock


@functools.cache
def seeded_content(name: str) -> Content:
    """The first day of seed 42, with the test persons and few others; its days are computed once for all tests."""
    first_day = DEFAULT_START.date()
    population = build_population(42, ONLY_TEST_PERSONS, first_day)
    content = SeededContent(load_installation(name), population, 42, first_day)
    content.day = functools.cache(content.day)  # type: ignore[method-assign]
    return content


@asynccontextmanager
async def opened(state: Path, name: str = "proconsona-loviisa", **credentials: str) -> AsyncIterator[Bench]:
    """An installation that runs, and a client. The same state directory goes on where it was."""
    data = load_installation(name)
    store = OverlayStore(state / "sandbox.sqlite")
    clock = VirtualClock.open(state / "clock.json", DEFAULT_START)
    system = RecordSystem(seeded_content(name), clock, store)
    faults, journal, real = FaultBook(standing_faults()), Journal(), RealClock()
    options: dict[str, Any] = {
        "name": data.name,
        "system": data.system,
        "release": data.release,
        "municipalities": data.municipalities,
        "sectors": data.sectors,
        "host": "127.0.0.1",
        "port": 0,
        "credentials": CREDENTIALS | credentials,
    }
    face = ProConsonaFace(InstallationConfig(**options), system, faults, journal, now=real, wake_seconds=0.05)
    await face.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{face.port}", timeout=5) as client:
            yield Bench(system, faults, journal, face, real, client)
    finally:
        await face.stop()
        store.close()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """proconsona-loviisa on its first day."""
    async with opened(tmp_path) as one:
        yield one
