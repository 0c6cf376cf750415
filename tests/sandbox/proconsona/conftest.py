"""ProConsona installations over real sockets, on their first day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from sandbox.clock import VirtualClock
from sandbox.config import DEFAULT_START
from sandbox.engine.store import OverlayStore
from sandbox.engine.system import RecordSystem
from sandbox.faults import FaultBook
from sandbox.journal import Journal
from sandbox.population.test_persons import standing_faults
from sandbox.proconsona.face import ProConsonaFace
from tests.plain_http import PLAIN
from tests.sandbox.http.http_bench import config_of, content_of
from tests.sandbox.proconsona.proconsona_bench import CREDENTIALS, Bench, RealClock


@asynccontextmanager
async def opened(state: Path, name: str = "proconsona-loviisa", **credentials: str) -> AsyncIterator[Bench]:
    """An installation that runs, and a client. The same state directory goes on where it was."""
    store = OverlayStore(state / "sandbox.sqlite")
    clock = VirtualClock.open(state / "clock.json", DEFAULT_START)
    system = RecordSystem(content_of(name), clock, store)
    faults, journal, real = FaultBook(standing_faults()), Journal(), RealClock()
    config = config_of(name, CREDENTIALS | credentials)
    face = ProConsonaFace(config, system, faults, journal, now=real, wake_seconds=0.05)
    await face.start()
    try:
        async with httpx.AsyncClient(verify=PLAIN, base_url=f"http://127.0.0.1:{face.port}", timeout=5) as client:
            yield Bench(system, faults, journal, face, real, client)
    finally:
        await face.stop()
        store.close()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """proconsona-loviisa on its first day."""
    async with opened(tmp_path) as one:
        yield one
