"""A third party's adapter gets the whole exam by inheriting one class, in a project of its own."""

from __future__ import annotations

import pytest

from adapters.contract import AdapterContract

pytest_plugins = ["pytester"]

MODULE = """
import logging
import pytest
from adapters.contract import AdapterContract
from adapters.contract.example import MemorySubject
from adapters.memory import MemoryAdapter

class Talkative(MemoryAdapter):
    async def find_person(self, call, hetu):
        logging.getLogger("talk").debug("looking for %s", hetu)
        return await super().find_person(call, hetu)

@pytest.fixture
async def subject():
    return MemorySubject(kind={kind})

class TestMine(AdapterContract): ...
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    return pytester


def test_the_whole_exam_is_collected(project: pytest.Pytester) -> None:
    project.makepyfile(MODULE.format(kind="MemoryAdapter"))
    items, _ = project.inline_genitems()
    collected = {item.name.partition("[")[0] for item in items}
    assert collected == {name for name in dir(AdapterContract) if name.startswith("test_")}


def test_a_good_adapter_passes(project: pytest.Pytester) -> None:
    project.makepyfile(MODULE.format(kind="MemoryAdapter"))
    result = project.runpytest("-k", "booking or directory or probe")
    outcomes = result.parseoutcomes()
    assert outcomes.pop("passed") > 10
    assert not outcomes.keys() & {"failed", "errors", "error"}


def test_a_log_line_that_names_a_person_fails_the_test(project: pytest.Pytester) -> None:
    project.makepyfile(MODULE.format(kind="Talkative"))
    result = project.runpytest("-k", "booking_of_the_desk_is_seen")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*a personal identity code in a log line of talk*"])
