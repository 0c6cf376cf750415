"""A sandbox without listeners, and one that runs, both in a directory of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.config import SandboxConfig, new_config
from sandbox.serve import Running, running
from sandbox.world import World


@pytest.fixture
def config() -> SandboxConfig:
    """A configuration with free ports, few residents and two installations."""
    names = ("lifecare-porvoo", "pegasos-loviisa")
    return new_config(port_base=0, installations=names).model_copy(update={"residents": 300})


@pytest.fixture
def world(config: SandboxConfig, tmp_path: Path) -> Iterator[World]:
    """A world with its clock frozen at the first instant."""
    opened = World(config, tmp_path)
    opened.clock.freeze(opened.first_instant)
    yield opened
    opened.close()


@pytest_asyncio.fixture
async def sandbox(config: SandboxConfig, tmp_path: Path) -> AsyncIterator[Running]:
    """The whole sandbox, listening."""
    async with running(config, tmp_path) as started:
        yield started
