"""The same seed gives the same people, ids, calendars and bookings, in any time zone and any process."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.config import SandboxConfig
from sandbox.world import World

DIGEST = """
import hashlib, sys, tempfile
from pathlib import Path
import orjson
from sandbox.config import new_config
from sandbox.engine.system import day_start
from sandbox.world import World

config = new_config(0).model_copy(update={"seed": int(sys.argv[1]), "residents": 400})
with tempfile.TemporaryDirectory() as state:
    world = World(config, Path(state))
    world.clock.freeze(world.first_instant)
    parts = [list(world.population)]
    for one in world.installations.values():
        system = one.system
        start, end = day_start(world.first_instant.date()), day_start(world.first_instant.date().replace(month=5))
        parts += [system.patients(), list(system.professionals.values()), list(system.calendars.values())]
        parts += [system.appointments(), system.times(start, end)]
    print(hashlib.sha256(b"".join(orjson.dumps(part) for part in parts)).hexdigest())
"""


def digest(seed: int, *, zone: str, hash_seed: str) -> str:
    environment = os.environ | {"TZ": zone, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", DIGEST, str(seed)], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_world_follows_from_the_seed_alone() -> None:
    helsinki = digest(42, zone="Europe/Helsinki", hash_seed="1")
    assert helsinki == digest(42, zone="Pacific/Kiritimati", hash_seed="2")
    assert helsinki != digest(43, zone="Europe/Helsinki", hash_seed="1")


@pytest.mark.parametrize("steps", [[1, 20, 9], [30]])
def test_days_hold_the_same_whatever_the_steps_of_the_clock(
    config: SandboxConfig, tmp_path: Path, steps: list[int]
) -> None:
    straight, stepped = World(config, _made(tmp_path / "a")), World(config, _made(tmp_path / "b"))
    for world in (straight, stepped):
        world.clock.freeze(world.first_instant)
    straight.clock.advance(timedelta(days=30))
    for days in steps:
        stepped.clock.advance(timedelta(days=days))
        stepped.installations["lifecare-porvoo"].system.appointments()
    one, other = (each.installations["lifecare-porvoo"].system.appointments() for each in (straight, stepped))
    assert one == other
    assert max(found.start for found in one) > straight.first_instant + timedelta(days=60)
    straight.close()
    stepped.close()


def _made(path: Path) -> Path:
    path.mkdir()
    return path
