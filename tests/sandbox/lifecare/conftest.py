"""A Lifecare installation over real sockets, on its first day."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

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
from sandbox.lifecare.face import LifecareFace
from sandbox.population.build import build_population
from sandbox.population.test_persons import standing_faults
from sandbox.seeding import SeededContent
from tests.sandbox.lifecare.lifecare_bench import CREDENTIALS, ONLY_TEST_PERSONS, Bench, RealClock, check_valid


@functools.cache
def seeded_content(name: str) -> Content:
    """The first day of seed 42, with the test persons and few others; its days are computed once for all tests."""
    first_day = DEFAULT_START.date()
    people = build_population(42, ONLY_TEST_PERSONS, first_day)
    content = SeededContent(load_installation(name), people, 42, first_day)
    content.day = functools.cache(content.day)  # type: ignore[method-assign]
    return content


@asynccontextmanager
async def opened(name: str, state: Path) -> AsyncIterator[Bench]:
    """An installation on its first day, and a client that is logged in."""
    data = load_installation(name)
    store = OverlayStore(state / "sandbox.sqlite")
    system = RecordSystem(seeded_content(name), VirtualClock(DEFAULT_START), store)
    faults, journal, real = FaultBook(standing_faults()), Journal(), RealClock()
    config = InstallationConfig(
        name=data.name,
        system=data.system,
        release=data.release,
        municipalities=data.municipalities,
        sectors=data.sectors,
        host="127.0.0.1",
        port=0,
        credentials=CREDENTIALS,
        options=data.options,
    )
    face = LifecareFace(config, system, faults, journal, now=real)
    await face.start()
    root = f"http://127.0.0.1:{face.port}"
    try:
        async with httpx.AsyncClient(
            base_url=f"{root}/fhir/", timeout=5, event_hooks={"response": [check_valid]}
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
