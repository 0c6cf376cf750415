"""What the hub remembers of people has an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from canonical.model import LocalPatient
from hub.usecases import persons

if TYPE_CHECKING:
    from tests.hub.usecases.conftest import Portal


async def test_who_was_learned_longest_ago_is_forgotten_first(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persons, "MOST", 2)
    known = portal.hub.hub.booking.persons
    for subject in ("a", "b", "a", "c"):
        known._remember(subject, "memory", LocalPatient(f"number of {subject}", ""))
    assert known.known_link("b", "memory") is None
    assert [known.known_link(one, "memory") is not None for one in ("a", "c")] == [True, True]
