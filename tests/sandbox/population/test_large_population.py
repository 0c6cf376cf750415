"""The sandbox grows to 200 000 residents, and no further."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from sandbox.config import SandboxConfig
from sandbox.population.build import MOST_RESIDENTS, build_population
from sandbox.world import World


def test_the_limit_is_a_whole_county(config: SandboxConfig) -> None:
    assert MOST_RESIDENTS == 200_000
    shape = config.model_dump(by_alias=True)
    assert SandboxConfig.model_validate(shape | {"residents": MOST_RESIDENTS}).residents == MOST_RESIDENTS
    with pytest.raises(ValidationError):
        SandboxConfig.model_validate(shape | {"residents": MOST_RESIDENTS + 1})


def test_a_larger_population_begins_with_the_same_people(config: SandboxConfig) -> None:
    day = config.start.date()
    small, large = build_population(42, 500, day), build_population(42, 10_000, day)
    assert len(large) == 10_000
    assert list(large)[:500] == list(small)


@pytest.mark.long
def test_a_world_of_200_000_residents(config: SandboxConfig, tmp_path: Path) -> None:
    world = World(config.model_copy(update={"residents": MOST_RESIDENTS}), tmp_path)
    assert len(world.population) == len({person.hetu for person in world.population}) == MOST_RESIDENTS
    assert len(world.installations["lifecare-porvoo"].system.patients()) > 50_000
    world.close()
