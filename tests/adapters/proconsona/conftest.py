"""Fixtures of the ProConsona adapter's tests; what they are made of is `proconsona_stub`."""

from __future__ import annotations

import pytest

from tests.adapters.proconsona.proconsona_stub import Recorder


@pytest.fixture
def recorder() -> Recorder:
    """Keeps every exchange of the test."""
    return Recorder()
