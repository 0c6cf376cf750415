"""Fixtures of the Lifecare adapter's tests; what they are made of is `lifecare_stub` and `lifecare_sandbox`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.adapters.lifecare.lifecare_sandbox import PORVOO, LifecareSubject, Sandbox, Site, newcomers, running
from tests.adapters.lifecare.lifecare_stub import Recorder


@pytest.fixture
def recorder() -> Recorder:
    """Keeps every exchange of the test."""
    return Recorder()


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Site:
    """The installation that a module is about."""
    found = getattr(request.module, "SITE", PORVOO)
    assert isinstance(found, Site)
    return found


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[Sandbox]:
    """One for all tests of a module: what they book, the desk cancels; a clock that was moved is reset."""
    with running(tmp_path_factory.mktemp("lifecare-sandbox"), site) as found:
        yield found


@pytest.fixture(scope="module")
def residents(sandbox: Sandbox) -> Iterator[str]:
    """HETUs, each given to one test only."""
    return newcomers(sandbox)


@pytest.fixture
async def subject(sandbox: Sandbox, residents: Iterator[str], site: Site) -> AsyncIterator[LifecareSubject]:
    made = LifecareSubject(sandbox, residents, site)
    yield made
    await made.close()
