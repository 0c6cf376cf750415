"""What the benches of the record systems that speak HTTP share: one installation, its people, bytes on its wire."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from sandbox.config import DEFAULT_START
from sandbox.engine.model import Appointment, Patient
from sandbox.engine.system import RecordSystem
from sandbox.face import InstallationConfig
from sandbox.faults import FaultBook
from sandbox.http.face import HttpFace
from sandbox.installations import load_installation
from sandbox.journal import Journal
from sandbox.population.test_persons import TEST_PERSONS
from sandbox.seeding import SeededContent, seeded_content

HETU = {one.person.key: one.person.hetu for one in TEST_PERSONS}
HANG_SECONDS = 30
"""A guard against a test that would wait for ever; how fast anything is, no test says."""
_ONLY_TEST_PERSONS = 50


def content_of(name: str) -> SeededContent:
    """The first day of seed 42, with the test persons and few others."""
    return seeded_content(name, 42, _ONLY_TEST_PERSONS, DEFAULT_START.date())


def config_of(name: str, credentials: dict[str, str]) -> InstallationConfig:
    """An installation as its face needs it, on any free port."""
    data = load_installation(name)
    return InstallationConfig(
        name=data.name,
        system=data.system,
        release=data.release,
        municipalities=data.municipalities,
        sectors=data.sectors,
        host="127.0.0.1",
        port=0,
        credentials=credentials,
        options=data.options,
    )


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(HANG_SECONDS):
        while not holds():
            await asyncio.sleep(0.01)


@dataclass
class HttpBench:
    """One running installation and a client; `real` is the real time of its face, for a test to move."""

    system: RecordSystem
    faults: FaultBook
    journal: Journal
    face: HttpFace
    real: Any
    client: httpx.AsyncClient

    def patient(self, key: str) -> Patient:
        """The customer record of a test person."""
        found = self.system.patient_by_hetu(HETU[key])
        assert found is not None
        return found

    def number(self, key: str) -> str:
        return self.patient(key).number

    def kept(self, number: str | None) -> Appointment:
        """An appointment as the engine keeps it."""
        found = self.system.appointment(number or "")
        assert found is not None
        return found

    async def raw(self, data: bytes, *, seconds: float = HANG_SECONDS) -> bytes:
        """Send bytes on a connection of their own; everything that comes back until it is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.face.port)
        try:
            writer.write(data)
            return await asyncio.wait_for(reader.read(), seconds)
        finally:
            writer.close()
