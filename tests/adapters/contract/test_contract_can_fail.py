"""The exam can be failed: each broken adapter is caught by the test meant for it, and each test catches somebody."""

from __future__ import annotations

import pytest

from adapters.contract import AdapterContract
from adapters.contract.example import MemorySubject
from tests.adapters.contract.broken import Broken, Caught
from tests.adapters.contract.broken_changing import CHANGING
from tests.adapters.contract.broken_keeping import KEEPING
from tests.adapters.contract.broken_reading import READING
from tests.adapters.contract.broken_writing import WRITING

ALL = (*READING, *WRITING, *CHANGING, *KEEPING)
CASES = [pytest.param(broken, by, id=f"{broken.name}-{by}") for broken in ALL for by in broken.by]
TESTS = {str(by): by for broken in ALL for by in broken.by}


@pytest.mark.parametrize(("broken", "by"), CASES)
async def test_broken_adapter_is_caught(broken: Broken, by: Caught) -> None:
    with pytest.raises(by.raises) as failed:
        await by.run(broken.subject())
    assert by.says in str(failed.value)


@pytest.mark.parametrize("by", TESTS.values(), ids=TESTS.keys())
async def test_reference_adapter_passes_the_same_test(by: Caught) -> None:
    await by.run(MemorySubject())


def test_every_test_of_the_exam_catches_somebody() -> None:
    exam = {name.removeprefix("test_") for name in dir(AdapterContract) if name.startswith("test_")}
    assert exam == {by.test for by in TESTS.values()}
