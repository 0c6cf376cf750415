"""The sandbox's Lifecare of social care: the code is that of `lifecare-porvoo`, so the exam is for the long run."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.base import Capability
from adapters.contract import AdapterContract
from adapters.contract.exam import Exam
from canonical import codes, fhir
from canonical.model import FreeQuery
from tests.adapters.lifecare.lifecare_sandbox import SOCIAL, LifecareSubject
from tests.adapters.lifecare.lifecare_stub import call

SITE = SOCIAL


@pytest.mark.long
class TestLifecareSocial(AdapterContract):
    """The exam. Nobody's visit carries RestrictionParent in its data, so that this one cannot be shown either way."""

    @pytest.mark.parametrize("capability", sorted(set(Capability) - {Capability.RESTRICTION_PARENT}), ids=str)
    async def test_capability_is_there_exactly_when_it_is_claimed(self, exam: Exam, capability: Any) -> None:
        await super().test_capability_is_there_exactly_when_it_is_claimed(exam, capability)


async def test_its_services_are_social_care(subject: LifecareSubject) -> None:
    directory = await subject.adapter.directory(call())
    services = {r.local_id: r.resource for r in directory if r.kind == "HealthcareService"}
    assert set(SOCIAL.services) < services.keys()
    for resource in services.values():
        categories = [pair for concept in resource["category"] for pair in fhir.codes([concept])]
        assert (codes.SECTOR, "social") in categories
        assert codes.SERVICE not in [system for system, _ in fhir.codes(resource["type"])]


async def test_free_times_of_every_service_are_found(subject: LifecareSubject) -> None:
    free = await subject.adapter.find_free(call(), FreeQuery(subject.start, subject.end))
    assert set(SOCIAL.services) <= {one.service for one in free}
