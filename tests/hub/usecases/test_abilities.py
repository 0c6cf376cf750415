"""What an installation can do stands on its services, and its definition can be read."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.base import Capability, Profile
from canonical.validate import validate
from hub.usecases.abilities import ABILITIES, SHOWN, extension

from .conftest import Portal


def said(element: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"can": []}
    for one in element["extension"]:
        value = next(v for name, v in one.items() if name != "url")
        if one["url"] == "can":
            found["can"].append(value)
        else:
            found[one["url"]] = value
    return found


def profile(*able: Capability) -> Profile:
    gaps = {one: "because" for one in Capability if one not in able}
    return Profile(frozenset(able), gaps, quiescence=1, limit=1, text_limit=120)


@pytest.mark.parametrize(
    ("able", "moves", "mutable"),
    [
        ((Capability.BOOK, Capability.CANCEL, Capability.MOVE), "at-once", True),
        ((Capability.BOOK, Capability.CANCEL), "in-two-steps", True),
        ((Capability.CANCEL,), None, True),
        ((Capability.BOOK,), None, False),
    ],
)
def test_how_it_moves(able: tuple[Capability, ...], moves: str | None, mutable: bool) -> None:
    told = said(extension(profile(*able)))
    assert (told.get("moves"), told["mutable"], "textLimit" in told) == (moves, mutable, False)


def test_only_what_concerns_a_resident_is_said() -> None:
    told = said(extension(profile(*Capability)))
    assert (told["can"], told["textLimit"]) == ([one.value for one in SHOWN], 120)


async def test_it_stands_on_every_service(portal: Portal) -> None:
    await portal.slots()  # the directory has come by then
    services = (await portal.client.get("/fhir/HealthcareService")).json()["entry"]
    known = portal.record_system.profile
    for entry in services:
        (found,) = [one for one in entry["resource"]["extension"] if one["url"] == ABILITIES]
        assert found == extension(known)
        assert validate(entry["resource"]) == []


async def test_its_definition_is_published(portal: Portal) -> None:
    answer = await portal.client.get("/fhir/StructureDefinition/abilities")
    assert (answer.status_code, answer.json()["url"]) == (200, ABILITIES)
    names = {one.get("sliceName") for one in answer.json()["differential"]["element"]} - {None}
    used = {one["url"] for one in extension(profile(*Capability))["extension"]}
    assert used == names
