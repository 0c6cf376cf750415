"""The manual tells the truth: its examples are valid, are what the mock answers, and its tables are the mock's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sandbox.faults import KINDS
from sandbox.pegasos.exchange import FAULT_KINDS
from sandbox.pegasos.pages import STATUS
from sandbox.pegasos.refusals import ERRORS, TABLE_0357
from tests.sandbox.pegasos.pegasos_bench import judge
from tests.sandbox.pegasos.pegasos_manual import MANUAL, blocks, is_request, replay

TEXT = MANUAL.read_text("utf-8")


@pytest.mark.parametrize("block", blocks(TEXT), ids=lambda block: block[0].split("|")[8])
def test_an_example_is_strictly_valid(block: list[str]) -> None:
    judge("\r".join([*block, ""]).encode("iso-8859-1"))


def test_every_request_has_its_answer() -> None:
    turns = [is_request(block) for block in blocks(TEXT)]
    assert turns == [True, False] * (len(turns) // 2)


async def test_the_examples_are_what_the_mock_answers(tmp_path: Path) -> None:
    assert await replay(TEXT, tmp_path) == TEXT


def test_the_error_table_is_the_one_used() -> None:
    rows = re.findall(r"^\| (A[ER]) \| (\d{3}) ([^|]+) \| (\w+) \| (\w+) \|", TEXT, re.MULTILINE)
    assert rows == [(one.ack, one.hl7, TABLE_0357[one.hl7], one.own, one.name) for one in ERRORS.values()]


def test_the_fault_table_is_the_one_offered() -> None:
    appendix = TEXT.split("# Appendix: sandbox only")[1].split("| Kind |")[1]
    rows = set(re.findall(r"^\| ([a-z-]+)(?:\{[a-z, ]+\})? \|", appendix, re.MULTILINE))
    assert rows == FAULT_KINDS
    assert FAULT_KINDS.issubset(KINDS)


def test_the_status_table_is_the_one_used() -> None:
    for status in STATUS.values():
        code, finnish, system = status.split("^")
        assert f"| `{code}` | {system} | {finnish} |" in TEXT
