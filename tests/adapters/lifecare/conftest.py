"""Fixtures of the Lifecare adapter's tests; what they are made of is `lifecare_stub`."""

from __future__ import annotations

import pytest

from tests.adapters.lifecare.lifecare_stub import Recorder


@pytest.fixture
def recorder() -> Recorder:
    """Keeps every exchange of the test."""
    return Recorder()
