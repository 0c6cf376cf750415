"""The house's own rules can fail."""

from __future__ import annotations

import pytest

from tests.house.__main__ import GUIDE, ROOT, decisions, guide, moves

PICTURE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")


def test_the_picture_of_the_states_is_the_table() -> None:
    assert moves(PICTURE) == []


@pytest.mark.parametrize(
    ("drawn", "instead", "said"),
    [
        ("refused  ", "rejected ", ["no state refused", "rejected is no state"]),
        ("──▶ sending | refused", "──▶ sending", ["accepted may become refused"]),
        ("refused       ──▶ .", "refused       ──▶ accepted", ["refused does not become accepted"]),
        ("──▶", "->", ["no state accepted", "no state confirmed", "no state needs-person", "no state refused"]),
    ],
)
def test_another_picture_is_seen(drawn: str, instead: str, said: list[str]) -> None:
    assert drawn in PICTURE
    found = moves(PICTURE.replace(drawn, instead))
    assert found[: len(said)] == [f"ARCHITECTURE.md: {one}" for one in said]


TEXT = (ROOT / GUIDE).read_text("utf-8")


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("`find_person(hetu)`", "`find_people(hetu)`"),
        ("`SlotTaken`, ", "`TimeTaken`, "),
        ("`adapters.contract.relay`", "`adapters.contract.proxy`"),
        ("silta adapter check", "silta adapter probe"),
        ("`src/…/codec.py`", "`src/…/words.py`"),
    ],
)
def test_a_guide_that_is_not_true_is_seen(written: str, instead: str) -> None:
    assert guide(TEXT) == []
    assert written in TEXT
    assert guide(TEXT.replace(written, instead))


def test_decisions_are_counted() -> None:
    good = {"0001-a.md": "# 1. A", "0002-b.md": "# 2. B"}
    assert decisions(good) == []
    said = "docs/adr/0002-c.md: it is the 3. of the records, by its place"
    assert decisions(good | {"0002-c.md": "# 2. C"}) == [said]
    assert decisions({"0001-a.md": "# 2. A"})
