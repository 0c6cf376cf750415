"""A Pegasos of its own for each test, on a free port; the clock stands at its first morning."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from sandbox.clock import HELSINKI
from sandbox.config import new_config
from sandbox.pegasos.face import PegasosFace
from sandbox.world import World
from tests.sandbox.pegasos.pegasos_bench import Client, Pegasos


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    config = new_config(0)
    only_pegasos = {name: one for name, one in config.installations.items() if name == "pegasos-loviisa"}
    config = config.model_copy(update={"residents": 200, "installations": only_pegasos})
    world = World(config, tmp_path)
    world.clock.freeze(datetime(2027, 3, 22, 8, 0, tzinfo=HELSINKI))
    yield world
    world.close()


@pytest.fixture
async def pegasos(world: World) -> AsyncIterator[Pegasos]:
    one = world.installations["pegasos-loviisa"]
    face = PegasosFace(one.config, one.system, one.faults, one.journal, message_seconds=2.0)
    await face.start()
    mock = Pegasos(face, one.system, one.faults, one.journal, world)
    yield mock
    for client in mock.clients:
        client.close()
    await face.stop()


@pytest.fixture
async def client(pegasos: Pegasos) -> Client:
    return await pegasos.connect()
