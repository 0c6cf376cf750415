"""A Lifecare installation over real sockets, on its first day."""

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
from sandbox.lifecare.face import LifecareFace
from sandbox.population.test_persons import standing_faults
from tests.plain_http import PLAIN
from tests.sandbox.http.http_bench import config_of, content_of
from tests.sandbox.lifecare.lifecare_bench import CREDENTIALS, Bench, RealClock, check_valid


@asynccontextmanager
async def opened(name: str, state: Path) -> AsyncIterator[Bench]:
    """An installation on its first day, and a client that is logged in."""
    store = OverlayStore(state / "sandbox.sqlite")
    system = RecordSystem(content_of(name), VirtualClock(DEFAULT_START), store)
    faults, journal, real = FaultBook(standing_faults()), Journal(), RealClock()
    face = LifecareFace(config_of(name, CREDENTIALS), system, faults, journal, now=real)
    await face.start()
    root = f"http://127.0.0.1:{face.port}"
    try:
        async with httpx.AsyncClient(
            verify=PLAIN, base_url=f"{root}/fhir/", timeout=5, event_hooks={"response": [check_valid]}
        ) as client:
            form = {"grant_type": "client_credentials", **CREDENTIALS}
            token = (await client.post(f"{root}/oauth2/token", data=form)).json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield Bench(system, faults, journal, face, real, client, root)
    finally:
        await face.stop()
        store.close()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """lifecare-porvoo, release MR2020."""
    async with opened("lifecare-porvoo", tmp_path) as found:
        yield found


@pytest.fixture
async def old(tmp_path: Path) -> AsyncIterator[Bench]:
    """lifecare-askola, release V2015."""
    async with opened("lifecare-askola", tmp_path) as found:
        yield found


@pytest.fixture
async def social(tmp_path: Path) -> AsyncIterator[Bench]:
    """lifecare-porvoo-sosiaali, release MR2020."""
    async with opened("lifecare-porvoo-sosiaali", tmp_path) as found:
        yield found
