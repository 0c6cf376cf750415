"""The manual tells the truth: its examples are what the system answers, its tables are the code's."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

import sandbox.lifecare
from sandbox.config import new_config
from sandbox.installations import load_installation
from sandbox.lifecare.capability import SEARCHES
from sandbox.lifecare.face import LifecareFace
from sandbox.lifecare.outcome import ERRORS
from sandbox.world import World
from tests.plain_http import PLAIN
from tests.sandbox.http.http_bench import HETU
from tests.sandbox.lifecare.lifecare_bench import CREDENTIALS, Bench

MANUAL = (Path(sandbox.lifecare.__file__).parent / "INTERFACE.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8083"
PRINTED_TOKEN = "hT…"
FIRST_DAY = datetime.fromisoformat("2027-03-22T08:04:12.532+02:00")


@dataclass
class Example:
    """One request of the manual with the answer printed below it."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    status: int
    answer: dict[str, Any] | None


def _examples(first: str = "## 4.", last: str = "## 8.") -> list[Example]:
    """Every request to the FHIR base between two headings, in the order of the text."""
    text = MANUAL[MANUAL.index(f"\n{first}") : MANUAL.index(f"\n{last}")]
    starts = list(re.finditer(r"```http\n(GET|POST|PUT) (/fhir\S*) HTTP/1\.1\n(.*?)```\n", text, re.DOTALL))
    ends = [*(match.start() for match in starts[1:]), len(text)]
    found = []
    for match, end in zip(starts, ends, strict=True):
        head, _, body = match[3].partition("\n\n")
        headers = dict(line.split(": ", 1) for line in head.strip().split("\n"))
        below = text[match.end() : end]
        status = re.search(r"HTTP/1\.1 (\d{3}) |`(\d{3}) (?:Created|OK)`", below)
        assert status is not None, match[2]
        printed = re.search(r"```json\n(\{\"resourceType.*?)\n```", below, re.DOTALL)
        found.append(
            Example(
                match[1],
                match[2],
                headers,
                body.strip(),
                int(status[1] or status[2]),
                None if printed is None else orjson.loads(printed[1]),
            )
        )
    return found


@asynccontextmanager
async def opened(name: str, state: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an installation's first morning, the clock standing still."""
    world = World(new_config(0, pick_ports=False, installations=(name,)), state)
    world.clock.freeze(FIRST_DAY)
    one = world.installations[name]
    config = replace(one.config, port=0, credentials=CREDENTIALS)
    face = LifecareFace(config, one.system, one.faults, one.journal)
    await face.start()
    try:
        async with httpx.AsyncClient(verify=PLAIN, base_url=f"http://127.0.0.1:{face.port}") as found:
            form = {"grant_type": "client_credentials", **CREDENTIALS}
            token = (await found.post("/oauth2/token", data=form)).json()["access_token"]
            found.headers["Authorization"] = f"Bearer {token}"
            yield found
    finally:
        await face.stop()
        world.close()


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of lifecare-porvoo."""
    async with opened("lifecare-porvoo", tmp_path) as found:
        yield found


async def test_every_example_is_what_is_answered(client: httpx.AsyncClient) -> None:
    examples = _examples()
    assert {(one.method, one.path.split("/")[2].split("?")[0]) for one in examples} == {
        ("GET", "HealthcareService"),
        ("GET", "Schedule"),
        ("GET", "Location"),
        ("POST", "Patient"),
        ("GET", "Slot"),
        ("POST", "Slot"),
        ("POST", "Appointment"),
        ("PUT", "Appointment"),
    }
    await _check(examples, client)


async def test_every_example_of_the_old_release_is_what_is_answered(tmp_path: Path) -> None:
    examples = _examples("## 11.", "## 12.")
    assert len(examples) == 3
    async with opened("lifecare-askola", tmp_path) as client:
        await _check(examples, client)


async def _check(examples: list[Example], client: httpx.AsyncClient) -> None:
    token = ""
    for one in examples:
        body = one.body.replace(PRINTED_TOKEN, token)
        if one.method == "PUT":  # printed as "{ … as read …, <the changes>"
            changes = orjson.loads(body.replace("… as read …, ", ""))
            body = orjson.dumps((await client.get(one.path)).json() | changes).decode()
        headers = {name: value for name, value in one.headers.items() if name != "Authorization"}
        answer = await client.request(one.method, one.path, headers=headers, content=body)
        assert answer.status_code == one.status, (one.path, answer.text)
        if one.answer is not None:
            text = answer.text.replace(str(client.base_url).rstrip("/"), ADDRESS)
            if secret := re.search(r'hold-token","valueString":"([^"]+)"', text):  # random
                token = secret[1]
                text = text.replace(token, PRINTED_TOKEN)
            assert orjson.loads(text) == one.answer, one.path


async def test_the_printed_error_is_the_real_one(client: httpx.AsyncClient) -> None:
    booking = next(one for one in _examples() if one.path == "/fhir/Appointment")
    found = await client.post("/fhir/Patient/_search", data={"identifier": f"urn:oid:1.2.246.21|{HETU['kerttu']}"})
    kerttu = found.json()["entry"][0]["resource"]["id"]
    body = re.sub(r"Patient/\d+", f"Patient/{kerttu}", booking.body)
    answer = await client.post("/fhir/Appointment", content=body, headers={"Content-Type": "application/json"})
    printed = re.search(r"```json\n(\{\"resourceType\":\"OperationOutcome.*?)\n```", MANUAL, re.DOTALL)
    assert printed is not None
    assert answer.json() == orjson.loads(printed[1])


def test_every_error_is_in_the_table() -> None:
    table = MANUAL[MANUAL.index("## 9.") : MANUAL.index("## 10.")]
    printed: dict[str, tuple[set[int], str]] = {}
    for statuses, issue, codes in re.findall(r"^\| ([\d, ]+) \| `([a-z-]+)` \| (`[^|]*`) \|", table, re.MULTILINE):
        for code in re.findall(r"`([A-Z0-9_]+)`", codes):
            printed[code] = {int(status) for status in statuses.split(", ")}, issue
    assert set(printed) == set(ERRORS)
    for code, error in ERRORS.items():
        assert error.status in printed[code][0], code
        assert error.issue == printed[code][1], code


def test_every_search_parameter_is_described() -> None:
    for kind, names in SEARCHES.items():
        start = {"Patient": "## 5.", "Slot": "## 6.", "Appointment": "### 7.4"}.get(kind, "## 4.")
        chapter = MANUAL[MANUAL.index(start) :]
        missing = [name for name in names if f"`{name}`" not in chapter[: chapter.index("\n## ", 5)]]
        assert not missing, kind


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("lifecare-porvoo", "### 4.1"),
        ("lifecare-porvoo-sosiaali", "### 12.1"),
        ("lifecare-askola", "### 12.2"),
    ],
)
def test_the_services_are_those_of_the_table(name: str, heading: str) -> None:
    table = MANUAL[MANUAL.index(heading) :]
    rows = re.findall(
        r"^\| `([A-Z0-9-]+)` \| ([^|]+) \| (`?[A-Z–]+`?) \| (`?[A-Z0-9.–]+`?) \| `\w+` \| (\d+) \| (\d) \|",
        table[: table.index("\n#", 5)],
        re.M,
    )
    printed = {code: (name, *(part.strip("`–") for part in rest)) for code, name, *rest in rows}
    assert printed == {
        one.code: (one.name_fi, one.national_code or "", one.category or "", str(one.minutes), str(one.capacity))
        for one in load_installation(name).services
    }


async def test_the_faults_are_those_of_the_table(bench: Bench) -> None:
    table = MANUAL[MANUAL.index("### A.2") :]
    assert set(re.findall(r"^\| `([a-z0-9-]+)`", table, re.MULTILINE)) == bench.face.fault_kinds


def test_every_test_person_is_named() -> None:
    assert [key for key, hetu in HETU.items() if hetu not in MANUAL] == []
