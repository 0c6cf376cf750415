"""The pytest plugin: fixtures ``hub``, ``clock`` and one per record system. ``docs/testing.md`` shows their use.

pytest imports this module at every start, because the distribution registers it. It imports nothing of ours and starts
nothing until a test asks for one of its fixtures.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from silta.testing.clock import Clock
    from silta.testing.desk import Installation
    from silta.testing.hub import Hub
    from silta.testing.world import World

_MARKER = (
    "hub(seed=42, at='2027-03-22T08:00:00+02:00'): the people and calendars the test finds, and the business time it "
    "begins at (Sotesilta)"
)
_WORLD = pytest.StashKey["World"]()
_LONGEST_NAME = 150


def pytest_addoption(parser: pytest.Parser) -> None:
    """What a suite may choose."""
    group = parser.getgroup("silta", "Sotesilta: a hub and record systems of the test's own")
    group.addoption(
        "--silta-journals",
        metavar="DIR",
        type=Path,
        help="write what the record systems received and sent in each test to DIR: the same bytes in every run",
    )
    parser.addini("silta_installations", "the installations that there are (default: all)", type="args", default=[])
    parser.addini("silta_residents", "how many people there are (default: 200)", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, also to --strict-markers; workers of xdist get the folder as it is meant here."""
    config.addinivalue_line("markers", _MARKER)
    if config.option.silta_journals is not None:
        config.option.silta_journals = config.option.silta_journals.absolute()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say of a failed test where its journal is."""
    report = yield
    world = item.stash.get(_WORLD, None)
    if report.when == "call" and report.failed and world is not None:
        report.sections.append(("Sotesilta", world.epitaph()))
    return report


@pytest.fixture(scope="session")
def _silta_started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The one world of this process: with xdist, of one worker."""
    from silta.testing.world import RESIDENTS, started

    config = request.config
    installations = tuple(config.getini("silta_installations"))
    residents = int(config.getini("silta_residents") or RESIDENTS)
    with started(tmp_path_factory.mktemp("silta") / "state", installations, residents) as world:
        yield world


@pytest.fixture
def silta_world(request: pytest.FixtureRequest, _silta_started: World) -> Iterator[World]:
    """The world as it is at the beginning of a test. What the other fixtures give is part of it."""
    world, name = _silta_started, _file_name(request.node.nodeid)
    world.begin(name, **_marked(request.node))
    request.node.stash[_WORLD] = world
    try:
        yield world
        journals: Path | None = request.config.option.silta_journals
        if journals is not None:
            journals.mkdir(parents=True, exist_ok=True)
            (journals / f"{name}.journal").write_text(world.canonical_journal(), "utf-8")
    finally:
        del request.node.stash[_WORLD]
        world.end()


@pytest.fixture
def hub(silta_world: World) -> Hub:
    """A hub of this test's own, as a portal sees it."""
    return silta_world.hub


@pytest.fixture
def clock(silta_world: World) -> Clock:
    """The business clock: frozen when the test begins."""
    return silta_world.clock


@pytest.fixture
def lifecare(silta_world: World) -> Installation:
    """The desk of ``lifecare-porvoo``; ``lifecare.at("askola")`` is another's."""
    return silta_world.first_of("lifecare")


@pytest.fixture
def pegasos(silta_world: World) -> Installation:
    """The desk of ``pegasos-loviisa``."""
    return silta_world.first_of("pegasos")


@pytest.fixture
def mediatri(silta_world: World) -> Installation:
    """The desk of ``mediatri-loviisa``; ``mediatri.at("sipoo")`` is another's."""
    return silta_world.first_of("mediatri")


@pytest.fixture
def proconsona(silta_world: World) -> Installation:
    """The desk of ``proconsona-loviisa``; ``proconsona.at("sipoo")`` is another's."""
    return silta_world.first_of("proconsona")


def _marked(node: pytest.Item) -> dict[str, Any]:
    """What the nearest marker says."""
    marker = node.get_closest_marker("hub")
    if marker is None:
        return {}
    unknown = sorted(marker.kwargs.keys() - {"seed", "at"})
    if unknown or marker.args:
        raise pytest.UsageError(f"{node.nodeid}: the marker hub takes seed= and at=, not {unknown or marker.args}")
    return dict(marker.kwargs)


def _file_name(test: str) -> str:
    """A test's id as the name of a file: the same in every run, another for every test."""
    name = re.sub(r"[^A-Za-z0-9_.\[\]-]+", "-", test.replace("/", ".").replace("::", "."))
    if name == test.replace("/", ".").replace("::", ".") and len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}-{hashlib.sha256(test.encode('utf-8')).hexdigest()[:8]}"
