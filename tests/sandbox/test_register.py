"""The population register over real HTTP, as its INTERFACE.md says."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from sandbox.config import SandboxConfig
from sandbox.serve import Running
from tests.plain_http import PLAIN


@pytest_asyncio.fixture
async def register(sandbox: Running, config: SandboxConfig) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"X-API-Key": config.register_.api_key}
    async with httpx.AsyncClient(
        verify=PLAIN, base_url=f"http://127.0.0.1:{sandbox.register.port}", headers=headers
    ) as client:
        yield client


async def test_a_person_is_found_with_address_and_guardians(register: httpx.AsyncClient) -> None:
    answer = await register.post("/persons/search", json={"hetu": "290224B904N"})
    assert answer.status_code == 200
    assert answer.json() == {
        "hetu": "290224B904N",
        "family": "Karkaus",
        "given": "Lilja",
        "birth_date": "2024-02-29",
        "municipality": "638",
        "language": "fi",
        "non_disclosure": False,
        "guardians": ["010594Y9021"],
        "dependants": [],
        "address": {"street": "Testikatu 4", "postal_code": "06100", "city": "Porvoo"},
    }
    guardian = await register.post("/persons/search", json={"hetu": "010594Y9021"})
    assert guardian.json()["dependants"] == ["290224B904N"]


async def test_a_non_disclosed_address_does_not_leave(register: httpx.AsyncClient) -> None:
    answer = await register.post("/persons/search", json={"hetu": "311244-9068"})
    assert answer.json()["non_disclosure"] is True
    assert "address" not in answer.json()
    assert "Testikatu" not in answer.text


@pytest.mark.parametrize(
    ("content", "media_type", "expected"),
    [
        (b'{"hetu":"311244-9067"}', "application/json", (404, "not-found")),
        (b'{"hetu":"010594-9021"}', "application/json", (404, "not-found")),
        (b'{"hetu":"010190-123X"}', "application/json", (404, "not-found")),
        (b'{"hetu":7}', "application/json", (400, "bad-request")),
        (b'{"hetu":"x","name":"y"}', "application/json", (400, "bad-request")),
        (b"[]", "application/json", (400, "bad-request")),
        (b"{", "application/json", (400, "bad-request")),
        (b"\xff", "application/json", (400, "bad-request")),
        (b" " * 5000, "application/json", (413, "too-large")),
        (b'{"hetu":"311244-9068"}', "text/plain", (415, "unsupported-media-type")),
    ],
)
async def test_refusals(
    register: httpx.AsyncClient, content: bytes, media_type: str, expected: tuple[int, str]
) -> None:
    answer = await register.post("/persons/search", content=content, headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["error"]) == expected


async def test_the_key_is_needed(register: httpx.AsyncClient) -> None:
    answer = await register.post("/persons/search", json={"hetu": "311244-9068"}, headers={"X-API-Key": "wrong"})
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
