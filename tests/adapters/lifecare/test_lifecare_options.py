"""The options of an installation: every problem at once, no secret in the text."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters import lifecare
from adapters.base import Capability, Installation
from adapters.errors import Misconfigured
from adapters.lifecare.adapter import LifecareAdapter
from tests.adapters.lifecare.lifecare_stub import installation


async def test_open_gives_the_adapter_of_the_installation() -> None:
    adapter = lifecare.open(installation(limit=7, quiescence=8))
    assert isinstance(adapter, LifecareAdapter)
    assert (adapter.profile.limit, adapter.profile.quiescence) == (7, 8)
    assert adapter.profile.capabilities == frozenset(Capability) - {Capability.ANSWER_PROPOSALS}
    await adapter.close()


def test_every_problem_is_listed() -> None:
    wrong = Installation("lifecare-x", "lifecare", "MR2020", ("638",), ("health",), {"adress": "x", "limit": -1})
    with pytest.raises(Misconfigured) as caught:
        lifecare.open(wrong)
    for name in ("address", "token_url", "client_id", "client_secret", "root", "limit", "adress"):
        assert f"options.{name}" in caught.value.detail


@pytest.mark.parametrize(
    "address",
    ["http://lifecare.porvoo.example/fhir", "ftp://127.0.0.1/fhir", "https://u:p@h/fhir", "https://h/fhir?x=1", "h"],
)
def test_an_address_without_tls_or_with_more_than_an_address_is_refused(address: str) -> None:
    with pytest.raises(Misconfigured, match=r"options\.address"):
        LifecareAdapter(installation(address=address))


def test_problems_are_told_without_the_values() -> None:
    with pytest.raises(Misconfigured) as caught:
        LifecareAdapter(installation(client_secret=["hunter2"], root="hunter2", quiescence=1))
    assert "hunter2" not in str(caught.value)
    assert "quiescence" in str(caught.value)


def test_a_file_that_holds_no_certificates_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    with pytest.raises(Misconfigured, match="ca_file"):
        LifecareAdapter(installation(ca_file=str(file)))
