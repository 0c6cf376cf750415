"""The state folder of a demo: a hub's configuration made to fit whatever the sandbox delivers."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from hub.bootstrap import open_adapters
from hub.config import Settings, load
from sandbox.installations import all_names
from silta.state import State, is_free, prepare

MUNICIPALITIES = {"638", "504", "616", "018", "434", "407", "753"}
SECTORS = ("health", "oral", "social")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> State:
    """A folder whose sandbox has every installation there is."""
    folder = tmp_path_factory.mktemp("state")
    chosen = [part for name in all_names() for part in ("--installation", name)]
    command = [sys.executable, "-m", "sandbox", "init", "--state", str(folder), "--port-base", "24001", *chosen]
    subprocess.run(command, check=True, capture_output=True)
    return prepare(folder, next(port for port in range(23_000, 24_000) if is_free(port)))


@pytest.fixture(scope="module")
def settings(made: State) -> Settings:
    return load(made.hub_toml)


def test_the_hub_is_told_of_all_nine_and_can_open_them(settings: Settings) -> None:
    opened = open_adapters(settings)
    assert list(opened) == all_names()
    assert len(opened) == 9


def test_every_municipality_is_served_in_every_sector_by_one_installation(settings: Settings) -> None:
    routing, day = settings.routing(), date(2027, 3, 22)
    for municipality in MUNICIPALITIES:
        for sector in SECTORS:
            assert len(routing.serving(municipality, day, sector)) == 1, f"{municipality} {sector}"
    assert routing.serving("434", day, "oral") == {"mediatri-loviisa"}
    assert routing.serving("018", day, "social") == {"proconsona-askola"}


@pytest.mark.parametrize("municipality", ["504", "616"])
def test_myrskyla_and_pukkila_are_served_from_the_day_they_joined(settings: Settings, municipality: str) -> None:
    routing = settings.routing()
    for sector in SECTORS:
        assert routing.serving(municipality, date(2022, 12, 31), sector) == frozenset()
    assert routing.serving(municipality, date(2023, 1, 1), "health") == {"lifecare-porvoo"}
    assert routing.serving(municipality, date(2023, 1, 1), "social") == {"lifecare-porvoo-sosiaali"}
    assert routing.serving("638", date(2022, 12, 31), "health") == {"lifecare-porvoo"}


def test_each_lifecare_has_its_own_root(settings: Settings) -> None:
    roots = {one.name: one.options["root"] for one in settings.installation if one.system == "lifecare"}
    assert roots == {
        "lifecare-porvoo": "urn:oid:2.999.638",
        "lifecare-porvoo-sosiaali": "urn:oid:2.999.638.2",
        "lifecare-askola": "urn:oid:2.999.18",
    }


def test_tools_outside_find_every_installation_and_a_client_of_their_own_gets_credentials(made: State) -> None:
    told = json.loads(made.demo_json.read_text("utf-8"))
    assert [one["name"] for one in told["installations"]] == all_names()
    promised = {"name", "system", "release", "protocol", "address", "manual", "municipalities", "sectors"}
    assert all(one.keys() >= promised | {"credentials"} for one in told["installations"])
    root = Path(__file__).parents[2]
    assert all((root / one["manual"]).is_file() for one in told["installations"])


def test_starting_again_finds_the_same(made: State) -> None:
    before = [file.read_bytes() for file in (made.hub_toml, made.demo_json)]
    prepare(made.folder, None)
    assert [file.read_bytes() for file in (made.hub_toml, made.demo_json)] == before
