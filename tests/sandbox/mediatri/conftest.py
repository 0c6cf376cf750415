"""A Mediatri installation over real sockets, on its first day; the virtual clock stands still."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
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
from sandbox.mediatri.face import MediatriFace
from sandbox.population.build import build_population
from sandbox.population.test_persons import standing_faults
from sandbox.seeding import SeededContent
from tests.sandbox.mediatri.mediatri_bench import CREDENTIALS, ONLY_TEST_PERSONS, Bench, RealTime

DATA = load_installation("mediatri-sipoo")


@functools.cache
def seeded_content() -> Content:
    """The first day of seed 42, with the test persons and few others; its days are computed once for all tests."""
    first_day = DEFAULT_START.date()
    content = SeededContent(DATA, build_population(42, ONLY_TEST_PERSONS, first_day), 42, first_day)
    content.day = functools.cache(content.day)  # type: ignore[method-assign]
    return content


@pytest.fixture
async def bench(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """mediatri-sipoo on its first day. A test's parameter may add to the credentials."""
    store = OverlayStore(tmp_path / "sandbox.sqlite")
    system = RecordSystem(seeded_content(), VirtualClock(DEFAULT_START, frozen=True), store)
    faults, journal, real = FaultBook(standing_faults()), Journal(), RealTime()
    config = InstallationConfig(
        name=DATA.name,
        system=DATA.system,
        release=DATA.release,
        municipalities=DATA.municipalities,
        sectors=DATA.sectors,
        host="127.0.0.1",
        port=0,
        credentials=CREDENTIALS | getattr(request, "param", {}),
    )
    face = MediatriFace(config, system, faults, journal, now=real, ticks=lambda: real.seconds)
    await face.start()
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            yield Bench(system, faults, journal, face, real, client)
    finally:
        await face.stop()
        store.close()
