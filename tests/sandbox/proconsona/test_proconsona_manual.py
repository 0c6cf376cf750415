"""The manual tells the truth: its examples are what the mock answers, its tables are the code's, its bodies valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lxml import etree

from sandbox.faults import KINDS
from sandbox.proconsona.meetings import PARAMETERS as MEETING_PARAMETERS
from sandbox.proconsona.outcome import ERRORS
from sandbox.proconsona.records import STATES, TASKS
from sandbox.proconsona.times import PARAMETERS as TIME_PARAMETERS
from tests.sandbox.http.http_bench import HETU
from tests.sandbox.proconsona.proconsona_bench import KEY, SCHEMA, SECRET, Bench, signed
from tests.sandbox.proconsona.proconsona_manual import MANUAL, answer_to, first_morning, read_request, replay

TEXT = MANUAL.read_text("utf-8")
BLOCKS = re.findall(r"```http\n(.*?)\n```", TEXT, re.DOTALL)


async def test_the_examples_are_what_the_mock_answers(tmp_path: Path) -> None:
    assert await replay(TEXT, tmp_path) == TEXT


async def test_the_example_of_the_signature(tmp_path: Path) -> None:
    (example,) = [one for one in map(read_request, (b for b in BLOCKS if b.startswith("POST"))) if one.has_signature]
    right = signed(
        example.method, example.target, example.body, at=example.headers["X-PC-Aika"], key=KEY, secret=SECRET
    )
    assert {name: example.headers[name] for name in right} == right
    text = re.search(r"```text\n(.*?)\n```", TEXT, re.DOTALL)
    assert text is not None
    assert text[1].split("\n") == ["POST", example.target, "", right["X-PC-Aika"], right["X-PC-Tiiviste"]]
    async with first_morning(tmp_path, signing_example=True) as client:
        answer = await answer_to(client, example)
    assert answer.status_code == 200
    assert answer.text.rstrip("\n") in TEXT.split("### 6.1")[1].split("### 6.2")[0]


@pytest.mark.parametrize("block", [one for one in BLOCKS if "<" in one], ids=lambda one: one.split("\n")[0][:60])
def test_the_printed_bodies_are_valid(block: str) -> None:
    body = block.partition("\n\n")[2].encode()
    if b"<feed" in body:
        return
    broken = b"<asiakas>Aino</asiakas>" in body
    assert SCHEMA.validate(etree.fromstring(body)) is not broken


def test_every_error_is_in_the_table() -> None:
    table = TEXT[TEXT.index("## 11. Errors") : TEXT.index("### 11.1")]
    printed: dict[str, set[int]] = {}
    for statuses, codes in re.findall(r"^\| ([\d, ]+) \| ([^|]*) \|", table, re.MULTILINE):
        for code in re.findall(r"`([A-Z_]+)`", codes):
            printed[code] = {int(status) for status in statuses.split(", ")}
    assert set(printed) == set(ERRORS)
    assert [code for code, error in ERRORS.items() if error.status not in printed[code]] == []


def test_the_tables_of_codes_are_those_used() -> None:
    tasks = dict(re.findall(r"^\| `(\d)` \| ([^|]+) \| (?:yes|\*\*no\*\*) \|", TEXT, re.MULTILINE))
    assert tasks == TASKS
    assert set(
        re.findall(r"^\| `([A-Z]+)`(?:, `ehdottaja` `\w+`)? \| ", TEXT.split("### 8.1")[1].split("### 8.2")[0], re.M)
    ) == set(STATES)


def test_every_parameter_is_described() -> None:
    for chapter, names in (("## 7.", TIME_PARAMETERS), ("### 8.5", MEETING_PARAMETERS)):
        text = TEXT[TEXT.index(chapter) :].split("\n## ")[0]
        rows = "".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))
        assert [name for name in (*names, "koko", "jatko") if f"`{name}`" not in rows] == []


async def test_the_services_are_those_of_the_table(bench: Bench) -> None:
    rows = re.findall(r"^\| `([A-Z]+)` \| ([^|]+) \| `(\d)` \| (\d+) \| (\d) \|", TEXT, re.MULTILINE)
    assert {code: tuple(rest) for code, *rest in rows} == {
        one.code: (one.name_fi, one.category, str(one.minutes), str(one.capacity))
        for one in bench.system.services.values()
    }


async def test_the_faults_are_those_of_the_table(bench: Bench) -> None:
    table = TEXT[TEXT.index("### A.2") :]
    assert set(re.findall(r"^\| `([a-z0-9-]+)`", table, re.MULTILINE)) == bench.face.fault_kinds
    assert bench.face.fault_kinds.issubset(KINDS)


def test_every_test_person_is_named() -> None:
    assert [key for key, hetu in HETU.items() if hetu not in TEXT] == []
