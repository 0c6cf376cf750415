"""What the configuration may say of a ProConsona installation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters import proconsona
from adapters.base import Capability, Installation
from adapters.errors import Misconfigured
from adapters.proconsona.adapter import ProConsonaAdapter
from tests.adapters.proconsona.proconsona_stub import SECRET, installation


async def test_the_door_opens_an_adapter_that_shows_no_secret() -> None:
    adapter = proconsona.open(installation())
    assert isinstance(adapter, ProConsonaAdapter)
    assert adapter.installation.options["api_key"] == "silta"
    assert SECRET not in repr(adapter.installation)
    await adapter.close()


def test_what_it_can_and_cannot_do() -> None:
    profile = ProConsonaAdapter(installation(limit=7, quiescence=12)).profile
    assert set(profile.gaps) == {Capability.HOLD, Capability.REGISTER_PERSON}
    assert profile.capabilities == set(Capability) - set(profile.gaps)
    assert (profile.limit, profile.quiescence, profile.text_limit) == (7.0, 12.0, 1000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "http://consona.example/rajapinta/v3"},
        {"address": "ftp://127.0.0.1/x"},
        {"address": "https://u:p@consona.example/rajapinta/v3"},
        {"address": "https://consona.example/rajapinta/v3?x=1"},
        {"api_key": ""},
        {"api_key": "a b"},
        {"api_key": "a\r\nX: y"},
        {"secret": ""},
        {"quiescence": 9},
        {"limit": 0},
        {"service_tasks": "1 2"},
        {"ca_file": "/nowhere/ca.pem"},
        {"certificate": __file__},
        {"certificate_key": __file__, "address": "https://consona.example/rajapinta/v3"},
    ],
    ids=str,
)
def test_what_is_wrong_is_said_without_the_values(wrong: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured) as caught:
        ProConsonaAdapter(installation(**wrong))
    assert "options" in caught.value.detail
    assert SECRET not in caught.value.detail
    assert "u:p@" not in caught.value.detail


def test_every_problem_is_said_at_once() -> None:
    with pytest.raises(Misconfigured, match=r"options\.address.*options\.api_key.*options\.secret"):
        ProConsonaAdapter(Installation("proconsona-loviisa", "proconsona", "3", (), (), {}))


def test_a_certificate_that_is_none_is_our_mistake(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    there = "https://consona.example/rajapinta/v3"
    for wrong in ({"ca_file": str(empty)}, {"certificate": str(empty)}):
        with pytest.raises(Misconfigured):
            ProConsonaAdapter(installation(**{"address": there, **wrong}))
