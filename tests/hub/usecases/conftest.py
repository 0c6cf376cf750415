"""A whole hub in this process: its real composition, SQLite, the in-memory record system, a register in memory."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.base import PopulationRegister
from adapters.call import Call
from adapters.memory import MemoryAdapter, Rules, open_memory, town
from canonical import codes, fhir
from canonical.model import RegisteredPerson
from hub import bootstrap
from hub.api.app import make_app
from hub.bootstrap import Running, api_settings, running
from hub.config import load

ME = town.CUSTOMERS[0]
HEADERS = {"authorization": "Bearer sbx_me", "content-type": "application/fhir+json"}
CONFIG = """
[hub]
profile = "sandbox"
public_url = "http://hub.test"
store = "sqlite:///{folder}/hub.sqlite"
key = "{key}"
clock = "file:{folder}/clock.json"
match_temporary_ids = true
proven_window = 0
search_deadline = 2.0
[county]
name = "Muistola"
[register]
address = "http://register.test"
api_key = "-"
[[installation]]
name = "memory"
system = "memory"
municipalities = ["638"]
sectors = ["health"]
[[route]]
municipality = "638"
sector = "health"
installation = "memory"
[[token]]
sha256 = "{token}"
client = "portal"
resident = "{resident}"
"""


class Register(PopulationRegister):
    """Everybody in town, by HETU."""

    limit = 1.0

    async def person(self, call: Call, hetu: str) -> RegisteredPerson | None:
        known = next((one for one in (*town.CUSTOMERS, *town.NEWCOMERS) if one.hetu == hetu), None)
        if known is None:
            return None
        shown = {
            "resourceType": "Patient",
            "identifier": [fhir.identifier(codes.HETU, hetu)],
            "name": [{"family": known.family, "given": list(known.given)}],
            "birthDate": known.birth_date.isoformat(),
        }
        return RegisteredPerson(known, False, (), shown)


@dataclass
class Portal:
    """A portal of one resident, and behind the hub the record system itself."""

    client: httpx.AsyncClient
    record_system: MemoryAdapter
    hub: Running

    async def me(self) -> str:
        bundle = (await self.client.get("/fhir/Patient")).raise_for_status().json()
        return str(bundle["entry"][0]["resource"]["id"])

    async def slots(self, **query: str) -> list[dict[str, Any]]:
        params = {"status": "free", "start": "ge2027-03-23", **query}
        bundle = (await self.client.get("/fhir/Slot", params=params)).raise_for_status().json()
        return [entry["resource"] for entry in bundle["entry"]]

    async def book(self, slot: dict[str, Any], *others: str, **more: Any) -> httpx.Response:
        """Book it; ``others`` take part too, ``more`` are further elements."""
        actors = [f"Patient/{await self.me()}", *others]
        body = {
            "resourceType": "Appointment",
            "status": "booked",
            "slot": [{"reference": f"Slot/{slot['id']}"}],
            "participant": [{"actor": {"reference": one}, "status": "accepted"} for one in actors],
            **more,
        }
        return await self.client.post("/fhir/Appointment", json=body)

    def served(self) -> int:
        """How many requests the record system has read."""
        return self.record_system.wire.served


@pytest.fixture
def rules() -> Rules:
    """How strict the record system is, and what it can do."""
    return Rules()


@pytest.fixture
async def portal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rules: Rules) -> AsyncIterator[Portal]:
    """A started hub before one small record system, and a resident's token."""
    record_system = open_memory("memory", rules=rules)
    monkeypatch.setattr(bootstrap, "systems", lambda: {"memory": lambda _: record_system})
    monkeypatch.setattr(bootstrap, "PopulationRegisterClient", lambda *_: Register())
    clock = {"frozen": True, "virtual": town.TODAY.isoformat(), "real": datetime.now(UTC).isoformat()}
    (tmp_path / "clock.json").write_text(json.dumps(clock))
    key = base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")
    filled = CONFIG.format(folder=tmp_path, key=key, token=sha256(b"sbx_me").hexdigest(), resident=ME.hetu)
    (tmp_path / "hub.toml").write_text(filled)
    settings = load(tmp_path / "hub.toml")
    async with running(settings) as hub:
        app = make_app(hub.hub, hub.hub, api_settings(settings, hub))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://hub.test", headers=HEADERS) as client:
            yield Portal(client, record_system, hub)
