"""A Mediatri installation over real sockets, on its first day; the virtual clock stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from sandbox.clock import VirtualClock
from sandbox.config import DEFAULT_START
from sandbox.engine.store import OverlayStore
from sandbox.engine.system import RecordSystem
from sandbox.faults import FaultBook
from sandbox.journal import Journal
from sandbox.mediatri.face import MediatriFace
from sandbox.population.test_persons import standing_faults
from tests.plain_http import PLAIN
from tests.sandbox.http.http_bench import config_of, content_of
from tests.sandbox.mediatri.mediatri_bench import CREDENTIALS, Bench, RealTime

NAME = "mediatri-sipoo"


@pytest.fixture
async def bench(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """mediatri-sipoo on its first day. A test's parameter may add to the credentials."""
    store = OverlayStore(tmp_path / "sandbox.sqlite")
    system = RecordSystem(content_of(NAME), VirtualClock(DEFAULT_START, frozen=True), store)
    faults, journal, real = FaultBook(standing_faults()), Journal(), RealTime()
    config = config_of(NAME, CREDENTIALS | getattr(request, "param", {}))
    face = MediatriFace(config, system, faults, journal, now=real, ticks=lambda: real.seconds)
    await face.start()
    try:
        async with httpx.AsyncClient(verify=PLAIN, timeout=5) as client:
            yield Bench(system, faults, journal, face, real, client)
    finally:
        await face.stop()
        store.close()
